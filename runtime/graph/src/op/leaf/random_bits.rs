//! Counter-based random bits.
//!
//! | | |
//! |---|---|
//! | inputs | `key: u32[2]` |
//! | output | `u32`, `shape`: element `i` (row-major) is word `i % 4` of Philox4x32-10 at counter `[i / 4, 0, 0, 0]` |
//! | paper | Salmon et al., "Parallel random numbers: as easy as 1, 2, 3", SC 2011 |

use crate::error::OpError;
use crate::op::{Infer, Operator, Types, one};
use crate::{DType, Shape, TensorType};
use serde::{Deserialize, Serialize};

/// Counter-based random bits: every backend draws the same ones from one key.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct RandomBits {
    /// Shape of the result.
    pub shape: Shape,
}

impl Operator for RandomBits {
    fn infer(&self, cx: &Infer<'_>) -> Result<Types, OpError> {
        let [key] = cx.expect::<1>()?;
        if key.shape != Shape::of([2]) || key.dtype != DType::U32 {
            return Err(OpError::Attribute(format!("the key must be u32[2], but is {key}")));
        }
        one(TensorType::new(DType::U32, self.shape.clone()))
    }
}
