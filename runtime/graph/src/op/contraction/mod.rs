//! Matrix multiplication and convolution.

mod conv;
mod matmul;

pub use conv::Conv;
pub use matmul::MatMul;
