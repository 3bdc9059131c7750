//! Panics of other people's code as errors.

use crate::DataError;
use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};

/// Runs code that is not ours: a person's data set, or a reader of files that was not written for damaged ones. A panic becomes `Panicked`.
///
/// Nothing that a panic may have left half-done is used again: what the code borrows is only read, and what it guards by a lock poisons the
/// lock. In a browser a panic ends the program, as everywhere.
pub(crate) fn guarded<T>(code: impl FnOnce() -> Result<T, DataError>) -> Result<T, DataError> {
    catch_unwind(AssertUnwindSafe(code))
        .unwrap_or_else(|payload| Err(DataError::Panicked { message: message(payload.as_ref()) }))
}

/// Runs a reader of another crate that panics on some damaged files: such a file is malformed. Errors: `Malformed`; those of the reader.
#[cfg(any(feature = "parquet", feature = "tokenizers"))]
pub(crate) fn refusing<T>(
    format: &'static str,
    read: impl FnOnce() -> Result<T, DataError>,
) -> Result<T, DataError> {
    guarded(read).map_err(|error| match error {
        DataError::Panicked { message } => DataError::malformed(format, "the data", message, "a whole file"),
        other => other,
    })
}

fn message(payload: &(dyn Any + Send)) -> String {
    let text = payload.downcast_ref::<&str>().copied();
    text.or_else(|| payload.downcast_ref::<String>().map(String::as_str)).unwrap_or("no message").into()
}
