//! Ops that move elements without changing them.

mod broadcast;
mod concat;
mod dynamic_slice;
mod dynamic_update;
mod gather;
mod pad;
mod reshape;
mod scatter;
mod slice;
mod transpose;

pub use broadcast::Broadcast;
pub use concat::Concat;
pub use dynamic_slice::DynamicSlice;
pub use dynamic_update::DynamicUpdate;
pub use gather::Gather;
pub use pad::Pad;
pub use reshape::Reshape;
pub use scatter::Scatter;
pub use slice::Slice;
pub(crate) use slice::{dilate, unslice};
pub use transpose::Transpose;

use crate::TensorType;
use crate::error::OpError;
use crate::reference::Array;

/// Checks that a tensor holds indices. Errors: `DType`.
pub(crate) fn check_index(what: &str, index: &TensorType) -> Result<(), OpError> {
    if index.dtype.is_int() {
        return Ok(());
    }
    Err(OpError::DType { what: what.into(), expected: "an integer dtype".into(), given: index.dtype })
}

/// Indices as positions along an axis of extent `extent`. Errors: `Value`, for one that is out of range.
pub(crate) fn in_range(what: &str, indices: &[i128], extent: usize) -> Result<Vec<usize>, OpError> {
    let check = |(position, &index): (usize, &i128)| match usize::try_from(index) {
        Ok(i) if i < extent => Ok(i),
        _ => Err(OpError::Value(format!(
            "{what} {index} at position {position} is out of range for an axis of extent {extent}"
        ))),
    };
    indices.iter().enumerate().map(check).collect()
}

/// The start of a dynamic slice, clamped to `0..=n - extent`. Errors: `Value`, when the slice is longer than the axis.
pub(crate) fn clamped_start(start: &Array, n: usize, extent: usize) -> Result<i64, OpError> {
    let room = n
        .checked_sub(extent)
        .ok_or_else(|| OpError::Value(format!("{extent} elements do not fit an axis of extent {n}")))?;
    let start = start.as_ints()?.first().copied().unwrap_or(0);
    Ok(start.clamp(0, room as i128) as i64)
}
