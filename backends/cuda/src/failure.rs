//! What the driver's error codes mean.

use cudarc::driver::result::DriverError;
use hadal_native::Failure;

/// `cuMemAlloc` and its like found no memory.
const OUT_OF_MEMORY: u32 = 2;

/// Codes after which a context cannot be used: shut down, not a context, errors of kernels, uncorrectable memory, unknown.
const LOST: [u32; 16] = [4, 46, 201, 214, 220, 700, 702, 709, 710, 714, 715, 716, 717, 718, 719, 999];

/// A failure of the function `call`.
pub(crate) fn failure(call: &str, error: DriverError) -> Failure {
    let code = error.0 as u32;
    let text = |found: Result<&std::ffi::CStr, DriverError>| match found {
        Ok(text) => text.to_string_lossy().into_owned(),
        Err(_) => format!("error {code}"),
    };
    let reason = format!("{call}: {} ({})", text(error.error_name()), text(error.error_string()));
    match code {
        OUT_OF_MEMORY => Failure::OutOfMemory,
        code if LOST.contains(&code) => Failure::Lost(reason),
        _ => Failure::Refused(reason),
    }
}
