//! Errors as JavaScript sees them.

use hadal::Error;
use hadal::backend::DeviceError;
use wasm_bindgen::JsValue;

/// A JavaScript `Error` with the property `code`.
pub fn coded(code: &str, message: &str) -> JsValue {
    let error = js_sys::Error::new(message);
    // Setting a property of a fresh object cannot fail.
    let _ = js_sys::Reflect::set(&error, &"code".into(), &code.into());
    error.into()
}

/// The JavaScript form of an error of the framework.
pub fn thrown(error: impl Into<Error>) -> JsValue {
    let error = error.into();
    coded(code(&error), &error.to_string())
}

/// What kind of error it is, for programs. `HadalErrorCode` in `web/package/src/error.ts` lists the same words.
fn code(error: &Error) -> &'static str {
    match error {
        Error::Device(error) => match **error {
            DeviceError::Unavailable { .. } => "device",
            DeviceError::OutOfMemory { .. } => "out_of_memory",
            DeviceError::Lost { .. } => "device_lost",
            DeviceError::Unsupported { .. } => "unsupported",
            DeviceError::Weights(_) => "format",
            DeviceError::Argument(_) | DeviceError::IndexOutOfRange { .. } | DeviceError::Dim(_) => "input",
            _ => "kernel",
        },
        Error::Selector(_) => "device",
        Error::Format(error) => match **error {
            hadal::formats::FormatError::Unsupported { .. } => "unsupported",
            hadal::formats::FormatError::Truncated { .. } => "truncated",
            _ => "format",
        },
        Error::Weights(_) => "format",
        Error::Graph(_) | Error::Host(_) | Error::Argument { .. } | Error::Devices { .. } => "input",
        _ => "kernel",
    }
}
