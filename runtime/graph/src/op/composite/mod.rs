//! Ops that decompose into others.

mod attention;
mod attention_backward;
mod cross_entropy;
mod dropout;
mod gelu;
mod layer_norm;
mod log_softmax;
mod softmax;

pub use attention::Attention;
pub use attention_backward::AttentionBackward;
pub use cross_entropy::CrossEntropy;
pub use dropout::Dropout;
pub use gelu::Gelu;
pub use layer_norm::LayerNorm;
pub use log_softmax::LogSoftmax;
pub use softmax::Softmax;
