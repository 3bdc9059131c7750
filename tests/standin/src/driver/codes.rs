//! `CUresult`.

use crate::report::FindingKind;

/// The codes that this driver gives, with their numbers in CUDA.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u32)]
pub(crate) enum Code {
    InvalidValue = 1,
    OutOfMemory = 2,
    NotInitialized = 3,
    InvalidDevice = 101,
    InvalidContext = 201,
    InvalidPtx = 218,
    InvalidHandle = 400,
    NotFound = 500,
    IllegalAddress = 700,
    LaunchTimeout = 702,
    Assert = 710,
    IllegalInstruction = 715,
    MisalignedAddress = 716,
    LaunchFailed = 719,
    CooperativeLaunchTooLarge = 720,
    NotSupported = 801,
}

impl Code {
    /// What a device would say to a finding.
    pub(crate) fn of(kind: FindingKind) -> Code {
        match kind {
            FindingKind::OutOfBounds | FindingKind::UseAfterFree => Code::IllegalAddress,
            FindingKind::Misaligned => Code::MisalignedAddress,
            FindingKind::Assertion => Code::Assert,
            FindingKind::Hang => Code::LaunchTimeout,
            FindingKind::Unsupported => Code::IllegalInstruction,
            FindingKind::Race
            | FindingKind::DivergentBarrier
            | FindingKind::Uninitialised
            | FindingKind::Leak
            | FindingKind::Trap => Code::LaunchFailed,
        }
    }
}

/// Name and description by number, each ending with a zero.
pub(crate) fn described(code: u32) -> Option<(&'static str, &'static str)> {
    Some(match code {
        0 => ("CUDA_SUCCESS\0", "no error\0"),
        1 => ("CUDA_ERROR_INVALID_VALUE\0", "invalid argument\0"),
        2 => ("CUDA_ERROR_OUT_OF_MEMORY\0", "out of memory\0"),
        3 => ("CUDA_ERROR_NOT_INITIALIZED\0", "initialization error\0"),
        4 => ("CUDA_ERROR_DEINITIALIZED\0", "driver shutting down\0"),
        100 => ("CUDA_ERROR_NO_DEVICE\0", "no CUDA-capable device is detected\0"),
        101 => ("CUDA_ERROR_INVALID_DEVICE\0", "invalid device ordinal\0"),
        201 => ("CUDA_ERROR_INVALID_CONTEXT\0", "invalid device context\0"),
        209 => {
            ("CUDA_ERROR_NO_BINARY_FOR_GPU\0", "no kernel image is available for execution on the device\0")
        }
        218 => ("CUDA_ERROR_INVALID_PTX\0", "a PTX JIT compilation failed\0"),
        400 => ("CUDA_ERROR_INVALID_HANDLE\0", "invalid resource handle\0"),
        500 => ("CUDA_ERROR_NOT_FOUND\0", "named symbol not found\0"),
        600 => ("CUDA_ERROR_NOT_READY\0", "device not ready\0"),
        700 => ("CUDA_ERROR_ILLEGAL_ADDRESS\0", "an illegal memory access was encountered\0"),
        701 => ("CUDA_ERROR_LAUNCH_OUT_OF_RESOURCES\0", "too many resources requested for launch\0"),
        702 => ("CUDA_ERROR_LAUNCH_TIMEOUT\0", "the launch timed out and was terminated\0"),
        710 => ("CUDA_ERROR_ASSERT\0", "device-side assert triggered\0"),
        715 => ("CUDA_ERROR_ILLEGAL_INSTRUCTION\0", "an illegal instruction was encountered\0"),
        716 => ("CUDA_ERROR_MISALIGNED_ADDRESS\0", "misaligned address\0"),
        719 => ("CUDA_ERROR_LAUNCH_FAILED\0", "unspecified launch failure\0"),
        720 => ("CUDA_ERROR_COOPERATIVE_LAUNCH_TOO_LARGE\0", "too many blocks in cooperative launch\0"),
        801 => ("CUDA_ERROR_NOT_SUPPORTED\0", "operation not supported\0"),
        999 => ("CUDA_ERROR_UNKNOWN\0", "unknown error\0"),
        _ => return None,
    })
}
