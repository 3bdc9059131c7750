//! Ops that decompose into others.

mod attention;
mod attention_backward;
mod batch_norm;
mod channels;
mod cross_entropy;
mod dequantize_linear;
mod dropout;
mod gelu;
mod group_norm;
mod layer_norm;
mod log_softmax;
mod log_sum_exp;
mod normal;
mod one_hot;
mod quantize_linear;
mod relu;
mod rms_norm;
mod rope;
mod sigmoid;
mod silu;
mod softmax;
mod softplus;
mod take_along;
mod top_k;
mod uniform;

pub use attention::Attention;
pub use attention_backward::AttentionBackward;
pub use batch_norm::BatchNorm;
pub use cross_entropy::CrossEntropy;
pub use dequantize_linear::DequantizeLinear;
pub use dropout::Dropout;
pub use gelu::Gelu;
pub use group_norm::GroupNorm;
pub use layer_norm::LayerNorm;
pub use log_softmax::LogSoftmax;
pub use log_sum_exp::LogSumExp;
pub use normal::Normal;
pub use one_hot::OneHot;
pub use quantize_linear::QuantizeLinear;
pub use relu::Relu;
pub use rms_norm::RmsNorm;
pub use rope::Rope;
pub use sigmoid::Sigmoid;
pub use silu::Silu;
pub use softmax::Softmax;
pub use softplus::Softplus;
pub use take_along::TakeAlong;
pub use top_k::TopK;
pub use uniform::Uniform;

use crate::TensorType;
use crate::error::OpError;

/// Checks that a tensor holds floats. Errors: `DType`.
fn check_float(what: &str, x: &TensorType) -> Result<(), OpError> {
    if x.dtype.is_float() {
        return Ok(());
    }
    Err(OpError::DType { what: what.into(), expected: "a float".into(), given: x.dtype })
}
