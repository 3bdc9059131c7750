//! Tools of the browser's side that are not built here: node, a Chromium, packages of npm, and the writer of JavaScript for a module.

use crate::process::{cargo, describe, succeeds};
use crate::{install, workspace};
use anyhow::{Context, Result, bail};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

const CHROMIUMS: [&str; 3] = ["/usr/bin/chromium", "/usr/bin/chromium-browser", "/usr/bin/google-chrome"];

/// A package of npm with its version.
pub(crate) type Package = (&'static str, &'static str);

/// Drives a browser; a version that knows how to talk to Debian's Chromium.
pub(crate) const PLAYWRIGHT: Package = ("playwright-core", "1.65.1");
/// Compiles the package; the last version that is plain JavaScript.
pub(crate) const TYPESCRIPT: Package = ("typescript", "5.9.3");
/// Has `wasm-opt`.
pub(crate) const BINARYEN: Package = ("binaryen", "132.0.0");

/// What the package is compared with.
pub(crate) const ONNXRUNTIME: Package = ("onnxruntime-web", "1.30.0");

/// Makes sure of node with npm. Errors: what is missing.
pub(crate) fn ensure_node() -> Result<()> {
    let node = || succeeds("node", &["--version"]) && succeeds("npm", &["--version"]);
    let ready = node() || (install::apt(&["nodejs", "npm"]) && node());
    if !ready {
        bail!("there is no node with npm");
    }
    Ok(())
}

/// A browser. Errors: there is none and none can be installed.
pub(crate) fn chromium() -> Result<PathBuf> {
    let find = || CHROMIUMS.iter().map(PathBuf::from).find(|program| program.is_file());
    match find() {
        Some(program) => Ok(program),
        None if install::apt(&["chromium"]) => find().context("the package chromium brought no browser"),
        None => bail!("there is no Chromium"),
    }
}

/// The folder of a package of npm, which is fetched if it is not there in that version.
pub(crate) fn npm((name, version): Package) -> Result<PathBuf> {
    let folder = workspace::target().join("tools").join(name);
    let package = folder.join("node_modules").join(name);
    let wanted = format!("\"version\": \"{version}\"");
    let present =
        || std::fs::read_to_string(package.join("package.json")).is_ok_and(|text| text.contains(&wanted));
    if !present() {
        std::fs::create_dir_all(&folder).with_context(|| folder.display().to_string())?;
        let mut npm = Command::new("npm");
        npm.args(["install", "--silent", "--no-save", "--no-audit", "--no-fund", "--prefix"]);
        npm.arg(&folder).arg(format!("{name}@{version}"));
        succeed(npm.stdout(Stdio::null()))?;
        if !present() {
            bail!("npm did not bring {name} {version}");
        }
    }
    Ok(package)
}

/// Builds the program that writes JavaScript for a module. It has many crates, so it is no member of the workspace.
pub(crate) fn bindgen() -> Result<PathBuf> {
    let folder = workspace::target().join("tools").join("bindgen");
    let manifest = workspace::root().join(Path::new("tests/browser/bindgen/Cargo.toml"));
    let mut build = cargo(&["build", "--quiet", "--locked", "--manifest-path"]);
    build.arg(manifest).arg("--target-dir").arg(&folder);
    succeed(&mut build)?;
    Ok(folder.join("debug").join(format!("hadal-browser-bindgen{}", std::env::consts::EXE_SUFFIX)))
}

/// Runs a command to its end. Errors: it fails or cannot be started.
pub(crate) fn succeed(command: &mut Command) -> Result<()> {
    let shown = describe(command);
    let status =
        command.stdin(Stdio::null()).status().with_context(|| format!("`{shown}` cannot be started"))?;
    if !status.success() {
        bail!("`{shown}` failed");
    }
    Ok(())
}
