//! The reference interpreter: slow and obviously right.
//!
//! Every op says what it computes in [`Operator::evaluate`](crate::op::Operator::evaluate), on [`Array`]s that hold floats as `f64` and integers
//! as `i128`. [`interpret`] walks a graph node by node and after each rounds floats to the node's dtype and wraps integers into it, so a
//! result differs from the exact one by one rounding for each op. Backends, fusion and tuned kernels are judged against it.

mod array;
mod evaluate;
mod interpret;
mod program;
mod strided;

pub use array::{Array, Values};
pub use evaluate::Evaluate;
pub(crate) use interpret::interpret_region;
pub use interpret::{Interpretation, bind, evaluate, interpret, interpret_observed};
pub use program::interpret_program;
pub(crate) use strided::{Coordinates, Rows, offsets, strides};
