//! NVRTC: CUDA C++ to PTX.

use cudarc::nvrtc::result::{self, NvrtcError};
use cudarc::nvrtc::sys;
use hadal_native::Failure;
use std::ffi::{CString, c_int};

/// The newest virtual architecture for devices of compute capability `major.minor` that this NVRTC knows, and the compiler's name with its version.
pub(crate) fn describe(major: i32, minor: i32) -> Result<(String, String), Failure> {
    let (mut version, mut count) = ([0 as c_int; 2], 0);
    let [first, second] = &mut version;
    // SAFETY: both write one number each.
    unsafe { sys::nvrtcVersion(first, second) }.result().map_err(|error| refused("nvrtcVersion", error))?;
    // SAFETY: writes one number.
    unsafe { sys::nvrtcGetNumSupportedArchs(&mut count) }
        .result()
        .map_err(|error| refused("nvrtcGetNumSupportedArchs", error))?;
    let mut known = vec![0 as c_int; usize::try_from(count).unwrap_or_default()];
    // SAFETY: writes as many numbers as it said.
    unsafe { sys::nvrtcGetSupportedArchs(known.as_mut_ptr()) }
        .result()
        .map_err(|error| refused("nvrtcGetSupportedArchs", error))?;
    let wanted = 10 * major + minor;
    let best = known.into_iter().filter(|&known| known <= wanted).max().ok_or_else(|| {
        let [first, second] = version;
        Failure::Refused(format!(
            "NVRTC {first}.{second} compiles nothing for compute capability {major}.{minor}"
        ))
    })?;
    Ok((format!("compute_{best}"), format!("NVRTC {}.{}", version[0], version[1])))
}

/// A program, until it is dropped.
struct Program(sys::nvrtcProgram);

impl Drop for Program {
    fn drop(&mut self) {
        // SAFETY: made by `create_program`, and destroyed once.
        let _ = unsafe { result::destroy_program(self.0) };
    }
}

/// PTX, with its terminating zero. Errors: `Refused` with the compiler's log.
pub(crate) fn compile(source: &str, architecture: &str, flags: &[&str]) -> Result<Vec<u8>, Failure> {
    let source = CString::new(source).map_err(|_| Failure::Refused("the kernel's text has a zero".into()))?;
    let program =
        result::create_program(&source, None).map_err(|error| refused("nvrtcCreateProgram", error))?;
    let program = Program(program);
    let mut options: Vec<String> = flags.iter().map(|flag| flag.to_string()).collect();
    options.push(format!("--gpu-architecture={architecture}"));
    // SAFETY: the program is alive.
    if let Err(error) = unsafe { result::compile_program(program.0, &options) } {
        // SAFETY: the program is alive.
        let log = unsafe { result::get_program_log(program.0) }.unwrap_or_default();
        let log: Vec<u8> = log.into_iter().map(|c| c as u8).collect();
        let log = String::from_utf8_lossy(&log).trim_end_matches('\0').trim().to_string();
        return Err(Failure::Refused(format!("nvrtcCompileProgram: {error}\n{log}")));
    }
    // SAFETY: the program is alive and compiled.
    let ptx = unsafe { result::get_ptx(program.0) }.map_err(|error| refused("nvrtcGetPTX", error))?;
    Ok(ptx.into_iter().map(|c| c as u8).collect())
}

fn refused(call: &str, error: NvrtcError) -> Failure {
    Failure::Refused(format!("{call}: {error}"))
}
