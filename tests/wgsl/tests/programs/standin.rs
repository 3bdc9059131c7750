//! Programs as CUDA C++, compiled by NVRTC and run on the stand-in device.

use cudarc::nvrtc::{CompileError, CompileOptions, compile_ptx_with_opts};
use hadal_simt::{Dialect, Options, Parameter, translate};
use hadal_standin::{Machine, Settings};
use hadal_wgsl_programs::Program;
use std::path::Path;

/// Whether NVRTC can be loaded.
pub(crate) fn present() -> bool {
    let folders = std::env::var("LD_LIBRARY_PATH").unwrap_or_default();
    folders
        .split(':')
        .any(|f| ["libnvrtc.so", "libnvrtc.so.12"].iter().any(|name| Path::new(f).join(name).exists()))
}

/// PTX of a kernel.
pub(crate) fn compile(source: &str, options: &Options) -> Result<String, String> {
    let mut flags: Vec<String> =
        Dialect::Cuda.compiler_flags(options).iter().map(|f| f.to_string()).collect();
    flags.push("--gpu-architecture=compute_80".into());
    let compiled = compile_ptx_with_opts(source, CompileOptions { options: flags, ..Default::default() });
    compiled.map(|ptx| ptx.to_src()).map_err(|error| match error {
        CompileError::CompileError { log, .. } => log.to_string_lossy().into_owned(),
        other => other.to_string(),
    })
}

/// What the buffers hold after the program ran on the stand-in.
pub(crate) fn run(program: &Program) -> Result<Vec<Vec<u8>>, String> {
    let options = Options::default();
    let kernel = translate(&program.source, "main", Dialect::Cuda, &options).map_err(|e| e.to_string())?;
    let ptx = compile(&kernel.source, &options)?;
    let mut machine = Machine::new(Settings::default());
    let module = machine.load(&ptx).map_err(|e| e.to_string())?;
    let mut addresses = Vec::new();
    for buffer in &program.buffers {
        let address = machine.allocate(buffer.bytes.len()).ok_or("the stand-in has no memory left")?;
        machine.write(address, &buffer.bytes)?;
        addresses.push(address);
    }
    let mut parameters = Vec::new();
    for parameter in &kernel.parameters {
        parameters.push(match parameter {
            Parameter::Buffer { binding, .. } => {
                let address =
                    addresses.get(*binding as usize).ok_or("a binding that the program does not list")?;
                address.to_le_bytes().to_vec()
            }
            Parameter::Lengths { buffers } => buffers
                .iter()
                .flat_map(|(_, b)| {
                    let bytes = program.buffers.get(*b as usize).map_or(0, |b| b.bytes.len());
                    (bytes as u64).to_le_bytes()
                })
                .collect(),
            Parameter::Immediates { bytes } => {
                let mut given = program.immediates.clone();
                given.resize(*bytes as usize, 0);
                given
            }
        });
    }
    let parameters: Vec<&[u8]> = parameters.iter().map(Vec::as_slice).collect();
    machine
        .launch(module, &kernel.entry, program.groups, kernel.workgroup_size, 0, &parameters)
        .map_err(|e| e.to_string())?;
    program.buffers.iter().zip(addresses).map(|(b, address)| machine.read(address, b.bytes.len())).collect()
}
