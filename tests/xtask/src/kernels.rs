//! `cargo xtask kernels`: writes `docs/kernels.md`, what real compilers make of every kernel.

use crate::{compilers, process, workspace};
use anyhow::{Context, Result, bail};
use std::process::ExitCode;

/// Runs the compile farm and writes its table.
pub(crate) fn run() -> Result<ExitCode> {
    if !compilers::ensure_cuda() || !compilers::ensure_clang() {
        bail!("the compilers are not there");
    }
    let mut command = process::cargo(&["run", "--quiet", "-p", "hadal-simt", "--example", "kernels"]);
    command.env("LD_LIBRARY_PATH", compilers::library_path()).env("HADAL_CUDA", compilers::cuda_folder());
    command.stderr(std::process::Stdio::inherit());
    let output = command.output().context("cargo cannot be started")?;
    if !output.status.success() {
        bail!("the compile farm failed");
    }
    let page = workspace::root().join("docs/kernels.md");
    std::fs::write(&page, output.stdout).with_context(|| format!("{} cannot be written", page.display()))?;
    println!("{}", page.display());
    Ok(ExitCode::SUCCESS)
}
