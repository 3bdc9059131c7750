//! `cargo xtask hardware cuda|rocm|wgpu`: what a person with a GPU runs; one report comes out. `standin` is both stand-ins, with sizes that they can do.

use crate::process::{cargo, describe, output, succeeds};
use crate::{compilers, models, workspace};
use anyhow::{Context, Result, bail};
use std::process::ExitCode;

/// Runs every case, MiniLM and the measurements on the best device of `backend`, and writes `hardware-BACKEND.md`.
pub(crate) fn run(backend: &str) -> Result<ExitCode> {
    let tool = match backend {
        "cuda" => Some(("nvidia-smi", &[][..])),
        "rocm" => Some(("rocminfo", &[][..])),
        "wgpu" | "standin" => None,
        other => bail!("`{other}` is none of cuda, rocm, wgpu, standin"),
    };
    let standin = backend == "standin";
    if standin && !compilers::ensure_cuda() {
        bail!("the stand-ins need NVRTC");
    }
    let report = workspace::root().join(format!("hardware-{backend}.md"));
    let (profile, folder) = if standin { ("--profile=dev", "debug") } else { ("--release", "release") };
    if !succeeds("cargo", &["build", profile, "--quiet", "--package", "hadal-cli"]) {
        bail!("the command could not be built");
    }
    let hadal = workspace::target().join(folder).join(format!("hadal{}", std::env::consts::EXE_SUFFIX));
    if let Err(error) = models::pull(&hadal, &["minilm"]) {
        eprintln!("MiniLM is left out: {error:#}");
    }
    let mut command = cargo(&["test", profile, "--package", "hadal-suite", "--test", "hardware"]);
    command.args(["--", "--nocapture"]);
    command
        .env("HADAL_HARDWARE", backend)
        .env("HADAL_REPORT", &report)
        .env("HADAL_HOME", workspace::models());
    if standin {
        command.env("LD_LIBRARY_PATH", compilers::library_path()).env("HADAL_CUDA", compilers::cuda_folder());
    }
    println!("{}", describe(&command));
    let passed = command.status().context("cargo could not be started")?.success();
    if !report.is_file() {
        bail!("there is no report: the device was not opened (see above)");
    }
    if let Some(described) = tool.and_then(|(name, arguments)| output(name, arguments)) {
        let text = std::fs::read_to_string(&report)?;
        std::fs::write(&report, format!("{text}\n```\n{}\n```\n", described.trim()))?;
    }
    println!("the report is {}", report.display());
    Ok(if passed { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
