//! `cargo xtask browser`: the smoke test of `tests/browser` in a headless Chromium.
//!
//! What it needs is installed where that is possible: Chromium and node by `apt-get`, playwright by `npm` into `target/tools`. Where something cannot
//! be had the test is skipped in one line, except in CI (`CI` is set), where it fails.

use crate::process::{cargo, describe, succeeds};
use crate::{install, wasm, workspace};
use anyhow::{Context, Result, bail};
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Stdio};

/// The driver's version: one that knows how to talk to Debian's Chromium.
const PLAYWRIGHT: &str = "1.65.1";

const CHROMIUMS: [&str; 3] = ["/usr/bin/chromium", "/usr/bin/chromium-browser", "/usr/bin/google-chrome"];

/// What drives a browser.
struct Tools {
    chromium: PathBuf,
    playwright: PathBuf,
}

/// Builds the module, writes its JavaScript side and runs it on both backends.
///
/// Errors: a build that fails; in CI also a missing tool.
pub(crate) fn run() -> Result<ExitCode> {
    let tools = match find() {
        Ok(tools) => tools,
        Err(missing) if in_ci(std::env::var("CI").ok().as_deref()) => {
            bail!("the browser test cannot run, and in CI it must: {missing:#}")
        }
        Err(missing) => {
            println!("skipped: {missing:#}");
            return Ok(ExitCode::SUCCESS);
        }
    };
    succeed(&mut cargo(&["build", "-p", "hadal-browser-smoke", "--target", wasm::TARGET]))?;
    let module = workspace::target().join(wasm::TARGET).join("debug").join("hadal_browser_smoke.wasm");
    let page = workspace::target().join("browser");
    succeed(Command::new(bindgen()?).arg(module).arg(&page))?;
    let mut driver = Command::new("node");
    driver.arg(sources().join("run.mjs")).arg(page).arg(tools.playwright).arg(tools.chromium);
    let status = driver.stdin(Stdio::null()).status().context("node cannot be started")?;
    Ok(if status.success() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Finds or installs what is not built here. Errors: what is missing.
fn find() -> Result<Tools> {
    if !wasm::ensure() {
        bail!("rustc lacks the target {}", wasm::TARGET);
    }
    let node = || succeeds("node", &["--version"]) && succeeds("npm", &["--version"]);
    let ready = node() || (install::apt(&["nodejs", "npm"]) && node());
    if !ready {
        bail!("there is no node with npm");
    }
    let chromium = || CHROMIUMS.iter().map(PathBuf::from).find(|program| program.is_file());
    let chromium = match chromium() {
        Some(program) => program,
        None if install::apt(&["chromium"]) => {
            chromium().context("the package chromium brought no browser")?
        }
        None => bail!("there is no Chromium"),
    };
    Ok(Tools { chromium, playwright: playwright()? })
}

fn playwright() -> Result<PathBuf> {
    let folder = workspace::target().join("tools").join("playwright");
    let package = folder.join("node_modules").join("playwright-core");
    let version = format!("\"version\": \"{PLAYWRIGHT}\"");
    let present =
        || std::fs::read_to_string(package.join("package.json")).is_ok_and(|text| text.contains(&version));
    if !present() {
        std::fs::create_dir_all(&folder).with_context(|| folder.display().to_string())?;
        let mut npm = Command::new("npm");
        npm.args(["install", "--silent", "--no-save", "--no-audit", "--no-fund", "--prefix"]);
        npm.arg(&folder).arg(format!("playwright-core@{PLAYWRIGHT}"));
        succeed(npm.stdout(Stdio::null()))?;
        if !present() {
            bail!("npm did not bring playwright-core {PLAYWRIGHT}");
        }
    }
    Ok(package)
}

/// Builds the program that writes JavaScript for a module. It has many crates, so it is no member of the workspace.
fn bindgen() -> Result<PathBuf> {
    let folder = workspace::target().join("tools").join("bindgen");
    let mut build = cargo(&["build", "--quiet", "--locked", "--manifest-path"]);
    build.arg(sources().join("bindgen").join("Cargo.toml")).arg("--target-dir").arg(&folder);
    succeed(&mut build)?;
    Ok(folder.join("debug").join(format!("hadal-browser-bindgen{}", std::env::consts::EXE_SUFFIX)))
}

fn sources() -> PathBuf {
    workspace::root().join(Path::new("tests").join("browser"))
}

fn succeed(command: &mut Command) -> Result<()> {
    let shown = describe(command);
    let status =
        command.stdin(Stdio::null()).status().with_context(|| format!("`{shown}` cannot be started"))?;
    if !status.success() {
        bail!("`{shown}` failed");
    }
    Ok(())
}

fn in_ci(variable: Option<&str>) -> bool {
    variable.is_some_and(|value| !matches!(value, "" | "0" | "false"))
}

#[cfg(test)]
mod tests {
    use super::in_ci;

    #[test]
    fn ci_is_recognised() {
        assert!(in_ci(Some("true")) && in_ci(Some("1")));
        assert!(!in_ci(None) && !in_ci(Some("")) && !in_ci(Some("false")));
    }
}
