//! `cargo xtask demo`: from a fresh checkout to a question answered on every backend.

use crate::process::cargo;
use crate::{driver, models, workspace};
use anyhow::{Context, Result, bail};
use std::process::{Command, ExitCode};

/// Builds, fetches, and runs `hadal demo` with the words of `question`.
pub(crate) fn run(question: &[String]) -> Result<ExitCode> {
    if !driver::ensure() {
        eprintln!("going on with the cpu backend alone");
    }
    eprintln!("building hadal (release)");
    let mut build = cargo(&["build", "--release", "-p", "hadal-cli"]);
    if !build.status().context("cargo cannot be started")?.success() {
        bail!("the build failed");
    }
    let hadal = workspace::target().join("release").join(format!("hadal{}", std::env::consts::EXE_SUFFIX));
    models::pull(&hadal, &["minilm"])?;
    let mut demo = Command::new(&hadal);
    demo.arg("demo").args(question).env("HADAL_HOME", workspace::models());
    // Keeps a layer of Mesa from complaining where there is no desktop.
    demo.env("NODEVICE_SELECT", "1");
    let status = demo.status().with_context(|| format!("{} cannot be started", hadal.display()))?;
    Ok(if status.success() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
