//! What clang says of HIP kernels, for AMD's cards, none of which is needed.

use crate::kernels;
use hadal_simt::{Dialect, Kernel, Options, Wave, translate};
use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};

const WAVE64: Dialect = Dialect::Hip { wave: Wave::Lanes64 };
const WAVE32: Dialect = Dialect::Hip { wave: Wave::Lanes32 };

/// Whether there is a clang that knows AMD's cards. In CI it must be there.
fn present() -> bool {
    let found =
        Command::new("clang-19").arg("--version").stdout(Stdio::null()).status().is_ok_and(|s| s.success());
    if !found {
        let missing = "there is no clang-19: `cargo xtask test simt` installs it";
        assert!(std::env::var_os("CI").is_none(), "{missing}");
        println!("skipped: {missing}");
    }
    found
}

/// Compiles to assembly; what clang says where it fails or warns.
fn compile(kernel: &Kernel, dialect: Dialect, architecture: &str) -> Result<(), String> {
    let shim = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/hip_shim.h");
    let mut child = Command::new("clang-19")
        .args([
            "-x",
            "hip",
            "--offload-device-only",
            "--no-gpu-bundle-output",
            "-nogpulib",
            "-nogpuinc",
            "-O3",
            "-Werror",
        ])
        .args(dialect.compiler_flags(&Options::default()))
        .arg(format!("--offload-arch={architecture}"))
        .arg("-include")
        .arg(shim)
        .args(["-S", "-o", "-", "-"])
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .map_err(|e| e.to_string())?;
    if let Some(mut stdin) = child.stdin.take() {
        // A compiler that stops reading says why.
        let _ = stdin.write_all(kernel.source.as_bytes());
    }
    let output = child.wait_with_output().map_err(|e| e.to_string())?;
    match output.status.success() {
        true => Ok(()),
        false => Err(String::from_utf8_lossy(&output.stderr).into_owned()),
    }
}

fn check(dialect: Dialect, architecture: &str) {
    if !present() {
        return;
    }
    for text in kernels::all() {
        let kernel = translate(&text.source, "main", dialect, &Options::default())
            .unwrap_or_else(|e| panic!("{}: {e}", text.name));
        compile(&kernel, dialect, architecture)
            .unwrap_or_else(|log| panic!("{} for {architecture}: {log}", text.name));
    }
}

#[test]
fn every_kernel_compiles_for_gfx90a() {
    check(WAVE64, "gfx90a");
}

#[test]
fn every_kernel_compiles_for_gfx942() {
    check(WAVE64, "gfx942");
}

#[test]
fn every_kernel_compiles_for_gfx1030() {
    check(WAVE32, "gfx1030");
}

#[test]
fn every_kernel_compiles_for_gfx1100() {
    check(WAVE32, "gfx1100");
}

#[test]
fn every_kernel_compiles_for_gfx1201() {
    check(WAVE32, "gfx1201");
}
