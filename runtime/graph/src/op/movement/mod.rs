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
pub use transpose::Transpose;

use crate::TensorType;
use crate::error::OpError;

/// Checks that a tensor holds indices. Errors: `DType`.
pub(crate) fn check_index(what: &str, index: &TensorType) -> Result<(), OpError> {
    if index.dtype.is_int() {
        return Ok(());
    }
    Err(OpError::DType { what: what.into(), expected: "an integer dtype".into(), given: index.dtype })
}
