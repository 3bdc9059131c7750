//! Networks that more than one test trains.

use hadal::nn::{
    Activation, AttentionMask, AttentionOptions, Embedding, Linear, Module, Scope, TransformerEncoder,
    TransformerOptions,
};
use hadal::{Result, Tensor};

/// Scores of classes, from examples as they lie in memory.
pub(crate) trait Scores: Module {
    fn scores(&self, x: &Tensor) -> Result<Tensor>;
}

/// Two layers, 64 wide with four heads, over 128 characters: learned positions, norms before blocks, GELU, no dropout.
#[derive(Module)]
pub(crate) struct Transformer {
    embedding: Embedding,
    positions: Embedding,
    blocks: TransformerEncoder,
    output: Linear,
}

impl Transformer {
    /// For lines of `length` characters; `inner` is the width within feed-forward blocks.
    pub(crate) fn new(scope: &Scope, length: usize, inner: usize) -> Result<Transformer> {
        let attention = AttentionOptions { heads: 4, dropout: 0.0, ..AttentionOptions::default() };
        let options = TransformerOptions {
            inner,
            attention,
            dropout: 0.0,
            activation: Activation::Gelu,
            norm_first: true,
            ..TransformerOptions::new(64, 4)
        };
        Ok(Transformer {
            embedding: Embedding::new(&scope.at("embedding"), 128, 64)?,
            positions: Embedding::new(&scope.at("positions"), length, 64)?,
            blocks: TransformerEncoder::new(&scope.at("blocks"), 2, &options, true)?,
            output: Linear::new(&scope.at("output"), 64, 128)?,
        })
    }
}

impl Scores for Transformer {
    fn scores(&self, x: &Tensor) -> Result<Tensor> {
        let length = x.dims()?[1];
        let places: Vec<i64> = (0..length as i64).collect();
        let places = Tensor::new(x.device(), &places, [length])?;
        let x = (self.embedding.forward(x)? + self.positions.forward(&places)?)?;
        self.output.forward(&self.blocks.forward(&x, &AttentionMask::CAUSAL)?)?.flatten(0, 1)
    }
}
