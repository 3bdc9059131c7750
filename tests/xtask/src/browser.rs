//! `cargo xtask browser`: the npm package in a headless Chromium.
//!
//! One module serves all tests: `tests/browser` compiled for wasm, which is the package's own with a few functions more. What the tests need is installed
//! where that is possible: Chromium, node and a Vulkan loader by `apt-get`, the rest by `npm` into `target/tools`. Where something cannot be had the test is skipped in one
//! line, except in CI (`CI` is set), where it fails.

use crate::process::cargo;
use crate::tools::{self, succeed};
use crate::wasm;
use crate::{data, driver, models, web, workspace};
use anyhow::{Context, Result, bail};
use std::path::PathBuf;
use std::process::{Command, ExitCode, Stdio};

/// What drives a browser.
struct Tools {
    chromium: PathBuf,
    playwright: PathBuf,
}

/// Builds the package around the test module and runs the tests of `tests/browser`, those whose names begin with one of `names` if there are any.
///
/// Errors: a build that fails; in CI also a missing tool.
pub(crate) fn run(names: &[String]) -> Result<ExitCode> {
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
    if !wasm::ensure() {
        bail!("rustc lacks the target {}", wasm::TARGET);
    }
    succeed(&mut cargo(wasm::BUILD))?;
    let compiler = wasm::compiler(true)?;
    succeed(&mut compiler.build(&["-p", "hadal-browser"]))?;
    let module = |folder: PathBuf| folder.join(wasm::TARGET).join("debug").join("hadal_browser.wasm");
    let package = workspace::target().join("browser").join("hadal");
    web::stage([&module(workspace::target()), &module(compiler.folder())], &package)?;
    let hadal = workspace::target().join("debug").join(format!("hadal{}", std::env::consts::EXE_SUFFIX));
    if !hadal.is_file() {
        succeed(&mut cargo(&["build", "-p", "hadal-cli"]))?;
    }
    models::pull(&hadal, &["minilm", "minilm-int8", "magika"])?;
    let mut driver = Command::new("node");
    driver.arg(workspace::root().join("tests").join("browser").join("run.mjs")).args(names);
    driver.env("HADAL_PACKAGE", package).env("HADAL_COMMAND", hadal).env("HADAL_HOME", workspace::models());
    driver.env("HADAL_CHROMIUM", tools.chromium).env("HADAL_PLAYWRIGHT", tools.playwright);
    driver.env("HADAL_TEST_DATA", data::digits()?);
    driver.env("HADAL_PICTURES", workspace::target().join("browser").join("pictures"));
    let status = driver.stdin(Stdio::null()).status().context("node cannot be started")?;
    Ok(if status.success() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Finds or installs what is not built here. Errors: what is missing.
fn find() -> Result<Tools> {
    tools::ensure_node()?;
    if !driver::ensure() {
        bail!("there is no Vulkan loader, which WebGPU in Node needs");
    }
    Ok(Tools { chromium: tools::chromium()?, playwright: tools::npm(tools::PLAYWRIGHT)? })
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
