//! The reference interpreter: slow and obviously right.

mod array;

pub use array::{Array, Values};
