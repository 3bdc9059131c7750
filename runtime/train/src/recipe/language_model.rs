//! Text, one character at a time.

use super::ModelSpec;
use crate::{Evaluated, Result, Task, TrainError};
use hadal::Tensor;
use hadal::nn::{
    Activation, AttentionMask, AttentionOptions, Embedding, Linear, Module, Rope, Scope, TransformerEncoder,
    TransformerOptions,
};

/// Learns the next character: fields `input` and `target`, integers `[n, length]`.
#[derive(Debug, Module)]
pub struct LanguageModel {
    embedding: Embedding,
    blocks: TransformerEncoder,
    output: Linear,
}

impl LanguageModel {
    /// A decoder-only transformer with rotary positions over so many characters. Errors: `Task` for a model of another kind; sizes
    /// that do not fit.
    pub fn new(spec: &ModelSpec, scope: &Scope, characters: usize) -> Result<LanguageModel> {
        let ModelSpec::Transformer { width, heads, layers, dropout } = spec else {
            return Err(TrainError::Task("text is learnt by a model of kind `transformer`".into()));
        };
        let attention = AttentionOptions {
            heads: *heads,
            dropout: *dropout,
            rope: Some(Rope::default()),
            ..AttentionOptions::default()
        };
        let options = TransformerOptions {
            inner: 4 * width,
            attention,
            dropout: *dropout,
            activation: Activation::Gelu,
            norm_first: true,
            ..TransformerOptions::new(*width, *heads)
        };
        Ok(LanguageModel {
            embedding: Embedding::new(&scope.at("embedding"), characters, *width)?,
            blocks: TransformerEncoder::new(&scope.at("blocks"), *layers, &options, true)?,
            output: Linear::new(&scope.at("output"), *width, characters)?,
        })
    }

    /// Scores of the next character at each place: `[n, length]` to `[n, length, characters]`.
    pub fn scores(&self, input: &Tensor) -> hadal::Result<Tensor> {
        let x = self.embedding.forward(input)?;
        self.output.forward(&self.blocks.forward(&x, &AttentionMask::CAUSAL)?)
    }

    /// The loss of each character, `[n · length]`.
    fn losses(&self, fields: &[Tensor]) -> hadal::Result<Tensor> {
        self.scores(&fields[0])?.flatten(0, 1)?.cross_entropy(&fields[1].flatten(0, 1)?)
    }
}

impl Task for LanguageModel {
    fn module(&self) -> &dyn Module {
        self
    }

    fn fields(&self) -> &[&'static str] {
        &["input", "target"]
    }

    fn loss(&self, fields: &[Tensor]) -> hadal::Result<Tensor> {
        self.losses(fields)?.mean(&[])
    }

    fn evaluate(&self, fields: &[Tensor]) -> hadal::Result<Evaluated> {
        Ok(Evaluated { losses: self.losses(fields)?, scores: None, targets: None })
    }
}
