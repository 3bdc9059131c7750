//! What NVRTC says, on a machine with or without an NVIDIA GPU: it needs none.

use crate::kernels;
use cudarc::nvrtc::{CompileError, CompileOptions, compile_ptx_with_opts};
use hadal_simt::{Bounds, Dialect, Options, translate};
use std::path::Path;

/// Whether NVRTC can be loaded. In CI it must be there.
fn present() -> bool {
    let folders = std::env::var("LD_LIBRARY_PATH").unwrap_or_default();
    let found = folders.split(':').any(|folder| {
        ["libnvrtc.so", "libnvrtc.so.12"].iter().any(|name| Path::new(folder).join(name).exists())
    });
    if !found {
        let missing =
            "libnvrtc.so.12 is in no folder of LD_LIBRARY_PATH: `cargo xtask test simt` installs it";
        assert!(std::env::var_os("CI").is_none(), "{missing}");
        println!("skipped: {missing}");
    }
    found
}

/// PTX for `architecture`: `compute_80` for that alone, `sm_80` for machine code, too, so that `ptxas` has its say.
fn compile(source: &str, architecture: &str, options: &Options) -> Result<String, String> {
    let mut flags: Vec<String> =
        Dialect::Cuda.compiler_flags(options).iter().map(|f| f.to_string()).collect();
    flags.push(format!("--gpu-architecture={architecture}"));
    match compile_ptx_with_opts(source, CompileOptions { options: flags, ..Default::default() }) {
        Ok(ptx) => Ok(ptx.to_src()),
        Err(CompileError::CompileError { log, .. }) => Err(log.to_string_lossy().into_owned()),
        Err(other) => Err(other.to_string()),
    }
}

fn check(architecture: &str, options: &Options) {
    if !present() {
        return;
    }
    for text in kernels::all() {
        let kernel = translate(&text.source, "main", Dialect::Cuda, options)
            .unwrap_or_else(|e| panic!("{}: {e}", text.name));
        let ptx = compile(&kernel.source, architecture, options).unwrap_or_else(|log| {
            panic!("{} on {architecture}: {log}\n{}", text.name, &kernel.source[kernel.body..])
        });
        assert!(ptx.contains(&format!(".entry {}(", kernel.entry)), "{}", text.name);
    }
}

/// To machine code, for the oldest and the newest.
#[test]
fn every_kernel_compiles_for_turing() {
    check("sm_75", &Options::default());
}

#[test]
fn every_kernel_compiles_for_hopper() {
    check("sm_90", &Options::default());
}

#[test]
fn every_kernel_compiles_for_ampere_and_ada() {
    for architecture in ["compute_80", "compute_86", "compute_89"] {
        check(architecture, &Options::default());
    }
}

#[test]
fn every_kernel_compiles_with_every_option_turned() {
    let options = Options {
        bounds: Bounds::Unchecked,
        zero_workgroup: false,
        contract: true,
        fast_math: true,
        diverged_subgroups: true,
        ..Options::default()
    };
    check("compute_80", &options);
}

/// The small programs have every construct, which the kernels have not.
#[test]
fn every_small_program_compiles() {
    if !present() {
        return;
    }
    let options = Options::default();
    for program in hadal_wgsl_programs::all().unwrap() {
        let kernel = translate(&program.source, "main", Dialect::Cuda, &options)
            .unwrap_or_else(|e| panic!("{}: {e}", program.name));
        compile(&kernel.source, "compute_80", &options)
            .unwrap_or_else(|log| panic!("{}: {log}", program.name));
    }
}

/// A product and a sum are two operations, unless they may be one.
#[test]
fn multiply_add_is_contracted_only_on_demand() {
    if !present() {
        return;
    }
    let source = "@group(0) @binding(0) var<storage, read_write> v: array<f32, 4>;
        @compute @workgroup_size(1) fn main() { v[3] = v[0] * v[1] + v[2]; }";
    for contract in [false, true] {
        let options = Options { contract, ..Options::default() };
        let kernel = translate(source, "main", Dialect::Cuda, &options).unwrap();
        let ptx = compile(&kernel.source, "sm_80", &options).unwrap();
        assert_eq!(ptx.contains("fma.rn.f32"), contract, "{ptx}");
    }
}
