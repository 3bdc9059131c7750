//! Elementwise ops.

mod binary;
mod cast;
mod compare;
mod select;
mod unary;

pub use binary::Binary;
pub(crate) use binary::float_binary;
pub use cast::Cast;
pub use compare::Compare;
pub use select::Select;
pub use unary::Unary;
pub(crate) use unary::affine;

use crate::TensorType;
use crate::error::OpError;

/// Checks that `vector` is rank 1, of `x`'s dtype and as long as its last axis. Errors: `DType`, `Rank`, `Extents`.
pub(crate) fn check_vector(what: &str, vector: &TensorType, x: &TensorType) -> Result<(), OpError> {
    if vector.dtype != x.dtype {
        return Err(OpError::DType { what: what.into(), expected: x.dtype.to_string(), given: vector.dtype });
    }
    let Some(last) = x.shape.last() else {
        return Err(OpError::Rank { what: "the operand".into(), expected: "at least 1".into(), given: 0 });
    };
    if vector.rank() != 1 {
        return Err(OpError::Rank { what: what.into(), expected: "1".into(), given: vector.rank() });
    }
    super::check_equal(&format!("the extent of {what} and the last axis"), &vector.shape[0], last)
}
