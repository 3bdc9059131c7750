//! Reductions, cumulative operations and sorting.

mod cumulative;
mod reduce;
mod sort;
mod window;

pub use cumulative::Cumulative;
pub use reduce::Reduce;
pub(crate) use reduce::{combine_floats, combine_ints, identity, reduce_floats};
pub use sort::Sort;
pub use window::Window;
pub(crate) use window::windows;
