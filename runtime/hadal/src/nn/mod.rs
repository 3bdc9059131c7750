//! Layers.
//!
//! A layer is a struct that holds parameters and has a `forward`. It is made on a [`Scope`], which says where the weights come from (fresh
//! and random, or given by name) and what they are called:
//!
//! ```
//! use hadal::nn::{Dropout, Linear, Scope};
//! use hadal::{Device, Module, Tensor};
//! let device = Device::open("cpu")?;
//! let scope = Scope::random(&device, 42);
//! let model = (Linear::new(&scope.at("fc"), 4, 2)?, Dropout::new(&scope.at("dropout"), 0.1)?);
//! let y = model.1.forward(&model.0.forward(&Tensor::rand(&device, [3, 4], 0)?)?)?;
//! let gradients = y.sum(&[])?.backward()?;
//! assert!(model.variables().iter().all(|variable| gradients.get(variable).is_some()));
//! model.eval();
//! # Ok::<(), hadal::Error>(())
//! ```
//!
//! [`Module`] is what all layers have in common, and what a struct of layers derives: names, the state dict, training and evaluation,
//! freezing. A [`Parameter`] is a variable that training changes or a frozen tensor; the same `forward` serves eager use, `jit` and models.
//!
//! Names, layouts and defaults are PyTorch's, so that its weights fit.

mod attention;
mod batch_norm;
mod bert;
mod conv;
mod conv_transpose;
mod dropout;
mod embedding;
mod group_norm;
mod init;
mod instance_norm;
mod layer_norm;
mod linear;
pub mod loss;
mod module;
mod parameter;
mod pool;
mod prelu;
mod recurrent;
mod rms_norm;
mod rope;
mod scope;
mod sequential;
mod state_dict;
mod transformer;
mod weights;

pub use crate::mode::Mode;
pub use attention::{AttentionMask, AttentionOptions, MultiHeadAttention};
pub use batch_norm::{BatchNorm, BatchNorm1d, BatchNorm2d, BatchNorm3d, BatchNormOptions};
pub use bert::{Bert, BertConfig};
pub use conv::{Conv, Conv1d, Conv2d, Conv3d};
pub use conv_transpose::{ConvTranspose, ConvTranspose1d, ConvTranspose2d, ConvTranspose3d};
pub use dropout::Dropout;
pub use embedding::Embedding;
pub use group_norm::GroupNorm;
pub use hadal_derive::Module;
pub use init::Init;
pub use instance_norm::InstanceNorm;
pub use layer_norm::LayerNorm;
pub use linear::Linear;
pub use module::{Member, Module};
pub use parameter::{Buffer, Parameter};
pub use pool::{
    AdaptiveAvgPool, AdaptiveAvgPool1d, AdaptiveAvgPool2d, AvgPool, AvgPool1d, AvgPool2d, MaxPool, MaxPool1d,
    MaxPool2d,
};
pub use prelu::Prelu;
pub use recurrent::{Gru, Lstm, RecurrentOptions, Rnn};
pub use rms_norm::RmsNorm;
pub use rope::Rope;
pub use scope::Scope;
pub use sequential::{Flatten, Layer, Sequential};
pub use transformer::{
    Activation, TransformerDecoder, TransformerDecoderLayer, TransformerEncoder, TransformerEncoderLayer,
    TransformerOptions,
};
pub use weights::Weights;
