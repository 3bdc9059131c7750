//! NVRTC: CUDA C++ to PTX.

use crate::table::Nvrtc;
use hadal_native::{Failure, Rtc, RtcCalls};

/// NVRTC, and the virtual architectures that it knows, `80` for `compute_80`.
#[derive(Debug)]
pub(crate) struct Compiler {
    pub(crate) rtc: Rtc,
    known: Vec<i32>,
}

impl Compiler {
    /// Errors: `Refused`.
    pub(crate) fn new(table: &Nvrtc) -> Result<Compiler, Failure> {
        let calls = RtcCalls {
            prefix: "nvrtc",
            version: table.nvrtcVersion,
            error_string: table.nvrtcGetErrorString,
            create: table.nvrtcCreateProgram,
            destroy: table.nvrtcDestroyProgram,
            compile: table.nvrtcCompileProgram,
            log_size: table.nvrtcGetProgramLogSize,
            log: table.nvrtcGetProgramLog,
            code_size: table.nvrtcGetPTXSize,
            code: table.nvrtcGetPTX,
        };
        // SAFETY: NVRTC's functions, and it is never unloaded.
        let rtc = unsafe { Rtc::new(calls) };
        let mut count = 0;
        // SAFETY: writes one number.
        rtc.check("GetNumSupportedArchs", unsafe { (table.nvrtcGetNumSupportedArchs)(&mut count) })?;
        let mut known = vec![0; usize::try_from(count).unwrap_or_default()];
        // SAFETY: writes as many numbers as it said.
        rtc.check("GetSupportedArchs", unsafe { (table.nvrtcGetSupportedArchs)(known.as_mut_ptr()) })?;
        Ok(Compiler { rtc, known })
    }

    /// The newest virtual architecture for devices of compute capability `major.minor` that it knows, and its name with its version.
    pub(crate) fn describe(&self, major: i32, minor: i32) -> Result<(String, String), Failure> {
        let (first, second) = self.rtc.version()?;
        let wanted = 10 * major + minor;
        let best = self.known.iter().filter(|&&known| known <= wanted).max().ok_or_else(|| {
            Failure::Refused(format!(
                "NVRTC {first}.{second} compiles nothing for compute capability {major}.{minor}"
            ))
        })?;
        Ok((format!("compute_{best}"), format!("NVRTC {first}.{second}")))
    }

    /// PTX, with its terminating zero. Errors: `Refused` with the compiler's log.
    pub(crate) fn compile(
        &self,
        source: &str,
        architecture: &str,
        flags: &[&str],
    ) -> Result<Vec<u8>, Failure> {
        let architecture = format!("--gpu-architecture={architecture}");
        self.rtc.compile(source, &[flags, &[&*architecture]].concat())
    }
}
