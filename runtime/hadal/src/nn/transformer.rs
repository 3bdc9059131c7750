//! Transformer encoders and decoders.

use super::{
    AttentionMask, AttentionOptions, Dropout, LayerNorm, Linear, Member, Module, MultiHeadAttention, Scope,
};
use crate::Result;
use crate::tensor::Tensor;

/// What stands between the two products of a feed-forward block.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Activation {
    /// `max(x, 0)`.
    #[default]
    Relu,
    /// `x Φ(x)`.
    Gelu,
    /// The tanh approximation of it.
    GeluTanh,
    /// `x · sigmoid(x)`.
    Silu,
}

impl Activation {
    /// The function's value. Errors: integers.
    #[track_caller]
    pub fn forward(self, x: &Tensor) -> Result<Tensor> {
        match self {
            Activation::Relu => x.relu(),
            Activation::Gelu => x.gelu(),
            Activation::GeluTanh => x.gelu_tanh(),
            Activation::Silu => x.silu(),
        }
    }
}

impl Module for Activation {
    fn members<'a>(&'a self, _: &mut dyn FnMut(Member<'a>)) {}
}

/// Sizes and switches of one layer.
#[derive(Clone, Debug, PartialEq)]
pub struct TransformerOptions {
    /// Width of hidden states; `d_model`.
    pub width: usize,
    /// Width within feed-forward blocks; `dim_feedforward`.
    pub inner: usize,
    /// Heads, grouped queries, rotary embedding; its `dropout` is that of scores. Biases are those of attention alone.
    pub attention: AttentionOptions,
    /// Probability of dropout after each block and within feed-forward blocks; PyTorch has the same for scores.
    pub dropout: f64,
    /// Between the products of a feed-forward block.
    pub activation: Activation,
    /// Whether norms stand before blocks (Xiong et al., 2020) instead of after them.
    pub norm_first: bool,
    /// Added to variances.
    pub epsilon: f64,
}

impl TransformerOptions {
    /// PyTorch's defaults for a width and a number of heads: dropout 0.1 everywhere, ReLU, 2048 inner features, norms after blocks.
    pub fn new(width: usize, heads: usize) -> TransformerOptions {
        let attention = AttentionOptions { heads, dropout: 0.1, ..AttentionOptions::default() };
        let (activation, norm_first) = (Activation::Relu, false);
        TransformerOptions {
            width,
            inner: 2048,
            attention,
            dropout: 0.1,
            activation,
            norm_first,
            epsilon: 1e-5,
        }
    }
}

/// Attention to itself and a feed-forward block (Vaswani et al., 2017); `torch.nn.TransformerEncoderLayer(batch_first=True)`. With a causal
/// mask it is the layer of a decoder-only model. Parameters: `self_attn`, `linear1`, `linear2`, `norm1`, `norm2`.
#[derive(Clone, Debug, Module)]
pub struct TransformerEncoderLayer {
    self_attn: MultiHeadAttention,
    norm1: LayerNorm,
    dropout1: Dropout,
    feed_forward: FeedForward,
    norm2: LayerNorm,
    norm_first: bool,
}

impl TransformerEncoderLayer {
    /// A layer. Errors: as [`MultiHeadAttention::new`].
    #[track_caller]
    pub fn new(scope: &Scope, options: &TransformerOptions) -> Result<TransformerEncoderLayer> {
        let (width, epsilon) = (options.width, options.epsilon);
        Ok(TransformerEncoderLayer {
            self_attn: MultiHeadAttention::new(&scope.at("self_attn"), width, &options.attention)?,
            norm1: LayerNorm::new(&scope.at("norm1"), width, epsilon)?,
            dropout1: Dropout::new(&scope.at("dropout1"), options.dropout)?,
            feed_forward: FeedForward::new(scope, "dropout2", options)?,
            norm2: LayerNorm::new(&scope.at("norm2"), width, epsilon)?,
            norm_first: options.norm_first,
        })
    }

    /// `[n, s, width]` to the same shape. Errors: as [`MultiHeadAttention::forward`].
    #[track_caller]
    pub fn forward(&self, x: &Tensor, mask: &AttentionMask<'_>) -> Result<Tensor> {
        let attend = |x: &Tensor| self.dropout1.forward(&self.self_attn.itself(x, mask)?);
        let x = block(x, &self.norm1, self.norm_first, attend)?;
        block(&x, &self.norm2, self.norm_first, |x| self.feed_forward.forward(x))
    }
}

/// Attention to itself, attention to the encoder's result, and a feed-forward block; `torch.nn.TransformerDecoderLayer(batch_first=True)`.
/// Parameters: `self_attn`, `multihead_attn`, `linear1`, `linear2`, `norm1`, `norm2`, `norm3`.
#[derive(Clone, Debug, Module)]
pub struct TransformerDecoderLayer {
    self_attn: MultiHeadAttention,
    norm1: LayerNorm,
    dropout1: Dropout,
    multihead_attn: MultiHeadAttention,
    norm2: LayerNorm,
    dropout2: Dropout,
    feed_forward: FeedForward,
    norm3: LayerNorm,
    norm_first: bool,
}

impl TransformerDecoderLayer {
    /// A layer; attention to the encoder's result has no rotary embedding. Errors: as [`MultiHeadAttention::new`].
    #[track_caller]
    pub fn new(scope: &Scope, options: &TransformerOptions) -> Result<TransformerDecoderLayer> {
        let width = options.width;
        let norm = |name: &str| LayerNorm::new(&scope.at(name), width, options.epsilon);
        let dropout = |name: &str| Dropout::new(&scope.at(name), options.dropout);
        let cross = AttentionOptions { rope: None, ..options.attention.clone() };
        Ok(TransformerDecoderLayer {
            self_attn: MultiHeadAttention::new(&scope.at("self_attn"), width, &options.attention)?,
            norm1: norm("norm1")?,
            dropout1: dropout("dropout1")?,
            multihead_attn: MultiHeadAttention::new(&scope.at("multihead_attn"), width, &cross)?,
            norm2: norm("norm2")?,
            dropout2: dropout("dropout2")?,
            feed_forward: FeedForward::new(scope, "dropout3", options)?,
            norm3: norm("norm3")?,
            norm_first: options.norm_first,
        })
    }

    /// `[n, s, width]`, with the encoder's result `[n, t, width]`, to the same shape. Errors: as [`MultiHeadAttention::forward`].
    #[track_caller]
    pub fn forward(
        &self,
        x: &Tensor,
        memory: &Tensor,
        mask: &AttentionMask<'_>,
        memory_mask: &AttentionMask<'_>,
    ) -> Result<Tensor> {
        let attend = |x: &Tensor| self.dropout1.forward(&self.self_attn.itself(x, mask)?);
        let look = |x: &Tensor| {
            self.dropout2.forward(&self.multihead_attn.forward(x, memory, memory, memory_mask)?)
        };
        let x = block(x, &self.norm1, self.norm_first, attend)?;
        let x = block(&x, &self.norm2, self.norm_first, look)?;
        block(&x, &self.norm3, self.norm_first, |x| self.feed_forward.forward(x))
    }
}

/// Encoder layers one above another, and a last norm where there is one; `torch.nn.TransformerEncoder`. Parameters: `layers.0` …, `norm`.
#[derive(Clone, Debug, Module)]
pub struct TransformerEncoder {
    layers: Vec<TransformerEncoderLayer>,
    norm: Option<LayerNorm>,
}

impl TransformerEncoder {
    /// So many layers; `final_norm` as it should be where norms stand first. Errors: as [`TransformerEncoderLayer::new`].
    #[track_caller]
    pub fn new(
        scope: &Scope,
        layers: usize,
        options: &TransformerOptions,
        final_norm: bool,
    ) -> Result<TransformerEncoder> {
        let layer = |i: usize| TransformerEncoderLayer::new(&scope.at("layers").at(i), options);
        Ok(TransformerEncoder {
            layers: (0..layers).map(layer).collect::<Result<_>>()?,
            norm: norm_of(scope, options, final_norm)?,
        })
    }

    /// `[n, s, width]` to the same shape. Errors: as [`MultiHeadAttention::forward`].
    #[track_caller]
    pub fn forward(&self, x: &Tensor, mask: &AttentionMask<'_>) -> Result<Tensor> {
        let x = self.layers.iter().try_fold(x.clone(), |x, layer| layer.forward(&x, mask))?;
        self.norm.as_ref().map_or(Ok(x.clone()), |norm| norm.forward(&x))
    }
}

/// Decoder layers one above another, and a last norm where there is one; `torch.nn.TransformerDecoder`. Parameters: `layers.0` …, `norm`.
#[derive(Clone, Debug, Module)]
pub struct TransformerDecoder {
    layers: Vec<TransformerDecoderLayer>,
    norm: Option<LayerNorm>,
}

impl TransformerDecoder {
    /// As [`TransformerEncoder::new`].
    #[track_caller]
    pub fn new(
        scope: &Scope,
        layers: usize,
        options: &TransformerOptions,
        final_norm: bool,
    ) -> Result<TransformerDecoder> {
        let layer = |i: usize| TransformerDecoderLayer::new(&scope.at("layers").at(i), options);
        Ok(TransformerDecoder {
            layers: (0..layers).map(layer).collect::<Result<_>>()?,
            norm: norm_of(scope, options, final_norm)?,
        })
    }

    /// As [`TransformerDecoderLayer::forward`].
    #[track_caller]
    pub fn forward(
        &self,
        x: &Tensor,
        memory: &Tensor,
        mask: &AttentionMask<'_>,
        memory_mask: &AttentionMask<'_>,
    ) -> Result<Tensor> {
        let step = |x: Tensor, layer: &TransformerDecoderLayer| layer.forward(&x, memory, mask, memory_mask);
        let x = self.layers.iter().try_fold(x.clone(), step)?;
        self.norm.as_ref().map_or(Ok(x.clone()), |norm| norm.forward(&x))
    }
}

/// Two products with an activation between them.
#[derive(Clone, Debug, Module)]
struct FeedForward {
    linear1: Linear,
    dropout: Dropout,
    linear2: Linear,
    last: Dropout,
    activation: Activation,
}

impl FeedForward {
    #[track_caller]
    fn new(scope: &Scope, last: &str, options: &TransformerOptions) -> Result<FeedForward> {
        Ok(FeedForward {
            linear1: Linear::new(&scope.at("linear1"), options.width, options.inner)?,
            dropout: Dropout::new(&scope.at("dropout"), options.dropout)?,
            linear2: Linear::new(&scope.at("linear2"), options.inner, options.width)?,
            last: Dropout::new(&scope.at(last), options.dropout)?,
            activation: options.activation,
        })
    }

    fn forward(&self, x: &Tensor) -> Result<Tensor> {
        let inner = self.activation.forward(&self.linear1.forward(x)?)?;
        self.last.forward(&self.linear2.forward(&self.dropout.forward(&inner)?)?)
    }
}

/// `x` plus what `f` makes of it, with the norm before or after.
#[track_caller]
fn block(
    x: &Tensor,
    norm: &LayerNorm,
    norm_first: bool,
    f: impl Fn(&Tensor) -> Result<Tensor>,
) -> Result<Tensor> {
    match norm_first {
        true => x + f(&norm.forward(x)?)?,
        false => norm.forward(&(x + f(x)?)?),
    }
}

#[track_caller]
fn norm_of(scope: &Scope, options: &TransformerOptions, wanted: bool) -> Result<Option<LayerNorm>> {
    wanted.then(|| LayerNorm::new(&scope.at("norm"), options.width, options.epsilon)).transpose()
}
