//! BERT, the encoder of Devlin et al., 2019, and sentence embeddings from it.

use super::{Embedding, LayerNorm, Linear, Module, Scope};
use crate::device::Device;
use crate::model::Model;
use crate::tensor::Tensor;
use crate::{Error, Result};
use hadal_graph::{DType, Dim, Shape, TensorType};
use serde::Deserialize;
use std::path::Path;

/// The sizes of a BERT, as in the `config.json` beside its weights.
#[derive(Clone, Debug, PartialEq, Deserialize)]
pub struct BertConfig {
    /// Number of tokens that the embedding table knows.
    pub vocab_size: usize,
    /// Width of hidden states.
    pub hidden_size: usize,
    /// Number of layers.
    pub num_hidden_layers: usize,
    /// Number of attention heads.
    pub num_attention_heads: usize,
    /// Width between the two matrices of a feed-forward block.
    pub intermediate_size: usize,
    /// Longest sequence.
    pub max_position_embeddings: usize,
    /// Number of segments.
    pub type_vocab_size: usize,
    /// Added to the variance in layer norms.
    pub layer_norm_eps: f64,
    /// The activation: `gelu`, `gelu_new` or `relu`.
    #[serde(default = "gelu")]
    pub hidden_act: String,
}

fn gelu() -> String {
    "gelu".into()
}

impl BertConfig {
    /// Reads a `config.json`. Errors: `Format`, `Weights` when fields are missing or make no sense.
    pub fn open(path: impl AsRef<Path>) -> Result<BertConfig> {
        let path = path.as_ref();
        let bytes = hadal_formats::file::map(path)?;
        let text = String::from_utf8_lossy(&bytes);
        BertConfig::from_json(&text).map_err(|e| Error::Weights(format!("{}: {e}", path.display())))
    }

    /// Parses the text of a `config.json`. Errors: as [`BertConfig::open`].
    pub fn from_json(text: &str) -> Result<BertConfig> {
        let config: BertConfig = serde_json::from_str(text)
            .map_err(|e| Error::Weights(format!("this is not the configuration of a BERT: {e}")))?;
        if config.num_attention_heads == 0 || !config.hidden_size.is_multiple_of(config.num_attention_heads) {
            return Err(Error::Weights(format!(
                "{} attention heads do not divide a hidden size of {}",
                config.num_attention_heads, config.hidden_size
            )));
        }
        if !["gelu", "gelu_new", "relu"].contains(&config.hidden_act.as_str()) {
            return Err(Error::Weights(format!(
                "the activation `{}` is not known: it must be `gelu`, `gelu_new` or `relu`",
                config.hidden_act
            )));
        }
        Ok(config)
    }
}

/// A BERT encoder, without dropout.
#[derive(Clone, Debug, Module)]
pub struct Bert {
    #[module(skip)]
    config: BertConfig,
    device: Device,
    words: Embedding,
    positions: Embedding,
    segments: Embedding,
    norm: LayerNorm,
    layers: Vec<Layer>,
}

#[derive(Clone, Debug, Module)]
struct Layer {
    query: Linear,
    key: Linear,
    value: Linear,
    output: Linear,
    output_norm: LayerNorm,
    up: Linear,
    down: Linear,
    down_norm: LayerNorm,
}

impl Bert {
    /// The encoder of a configuration, with the names of a checkpoint's weights, which may begin with `bert.`.
    ///
    /// Errors: `Weights`, when weights are given and one is missing or has another shape than the configuration says.
    #[track_caller]
    pub fn new(scope: &Scope, config: &BertConfig) -> Result<Bert> {
        let prefixed = scope.contains("bert.embeddings.word_embeddings.weight");
        let scope = if prefixed { scope.at("bert") } else { scope.clone() };
        let (width, epsilon) = (config.hidden_size, config.layer_norm_eps);
        let embeddings = scope.at("embeddings");
        let table = |name: &str, count: usize| Embedding::new(&embeddings.at(name), count, width);
        let layers =
            (0..config.num_hidden_layers).map(|i| Layer::new(&scope.at("encoder.layer").at(i), config));
        Ok(Bert {
            config: config.clone(),
            device: scope.device().clone(),
            words: table("word_embeddings", config.vocab_size)?,
            positions: table("position_embeddings", config.max_position_embeddings)?,
            segments: table("token_type_embeddings", config.type_vocab_size)?,
            norm: LayerNorm::new(&embeddings.at("LayerNorm"), width, epsilon)?,
            layers: layers.collect::<Result<_>>()?,
        })
    }

    /// The sizes.
    pub fn config(&self) -> &BertConfig {
        &self.config
    }

    /// The last hidden states, `[batch, seq, hidden]`, of token ids `[batch, seq]` (integers) with a mask `[batch, seq]` (integers, 0
    /// where there is padding).
    ///
    /// Errors: other shapes. A token or a position that the tables do not have is an error of the run.
    #[track_caller]
    pub fn forward(&self, input_ids: &Tensor, attention_mask: &Tensor) -> Result<Tensor> {
        let seq = input_ids.dim(-1)?;
        let words = self.words.forward(input_ids)?;
        let positions = self.positions.forward(&Tensor::arange(&self.device, seq, DType::I32)?)?;
        let segment = self.segments.weight().get()?.select(0, 0)?;
        let mut hidden = self.norm.forward(&((words + positions)? + segment)?)?;
        let mask = self.score_mask(attention_mask, hidden.dtype())?;
        for layer in &self.layers {
            hidden = layer.forward(&hidden, &mask, &self.config)?;
        }
        Ok(hidden)
    }

    /// Sentence embeddings `[batch, hidden]` from hidden states: the mean over tokens, scaled to length 1.
    #[track_caller]
    pub fn embedding(&self, hidden: &Tensor, attention_mask: &Tensor) -> Result<Tensor> {
        let mask = attention_mask.to_dtype(hidden.dtype())?.unsqueeze(-1)?;
        let sum = (hidden * &mask)?.sum(&[1])?;
        let count = mask.sum(&[1])?.maximum(1e-9)?;
        let mean = (sum / count)?;
        let norm = mean.norm_keep(&[-1])?.maximum(1e-12)?;
        mean / norm
    }

    /// The encoder as a model: inputs `input_ids` and `attention_mask`, `i64[batch, seq]` with free sizes; outputs
    /// `last_hidden_state` and `sentence_embedding`.
    ///
    /// Errors: none for frozen weights; a device that computes nothing, for others.
    #[cfg(not(target_arch = "wasm32"))]
    pub fn model(&self) -> Result<Model> {
        crate::device::block_on(self.model_async())
    }

    /// As `Bert::model`, for a browser.
    pub async fn model_async(&self) -> Result<Model> {
        let tokens = TensorType::new(DType::I64, ["batch", "seq"]);
        let inputs = [("input_ids", tokens.clone()), ("attention_mask", tokens)];
        let forward = |x: &[Tensor]| {
            let hidden = self.forward(&x[0], &x[1])?;
            let embedding = self.embedding(&hidden, &x[1])?;
            Ok(vec![("last_hidden_state", hidden), ("sentence_embedding", embedding)])
        };
        Model::trace_async("bert", &self.device, &inputs, forward).await
    }

    /// What is added to scores, `[batch, 1, 1, seq]`: negative infinity at padding.
    fn score_mask(&self, attention_mask: &Tensor, dtype: DType) -> Result<Tensor> {
        let hidden = Tensor::full(&self.device, Shape::scalar(), f64::NEG_INFINITY, dtype)?;
        let visible = Tensor::zeros(&self.device, Shape::scalar(), dtype)?;
        attention_mask.ne(0)?.where_(&visible, &hidden)?.unsqueeze(1)?.unsqueeze(1)
    }
}

impl Layer {
    #[track_caller]
    fn new(scope: &Scope, config: &BertConfig) -> Result<Layer> {
        let (width, inner, epsilon) = (config.hidden_size, config.intermediate_size, config.layer_norm_eps);
        let square = |name: &str| Linear::new(&scope.at(name), width, width);
        let norm = |name: &str| LayerNorm::new(&scope.at(name), width, epsilon);
        Ok(Layer {
            query: square("attention.self.query")?,
            key: square("attention.self.key")?,
            value: square("attention.self.value")?,
            output: square("attention.output.dense")?,
            output_norm: norm("attention.output.LayerNorm")?,
            up: Linear::new(&scope.at("intermediate.dense"), width, inner)?,
            down: Linear::new(&scope.at("output.dense"), inner, width)?,
            down_norm: norm("output.LayerNorm")?,
        })
    }

    fn forward(&self, x: &Tensor, mask: &Tensor, config: &BertConfig) -> Result<Tensor> {
        let (batch, seq) = (x.dim(0)?, x.dim(1)?);
        let heads = config.num_attention_heads;
        let split =
            Shape::of([batch.clone(), seq.clone(), heads.into(), (config.hidden_size / heads).into()]);
        let head = |projection: &Linear| projection.forward(x)?.reshape(split.clone())?.transpose(1, 2);
        let (q, k, v) = (head(&self.query)?, head(&self.key)?, head(&self.value)?);
        let context = q.attention(&k, &v, Some(mask), false)?.transpose(1, 2)?;
        let joined = context.reshape(Shape::of([batch, seq, Dim::from(config.hidden_size)]))?;
        let attended = self.output_norm.forward(&(self.output.forward(&joined)? + x)?)?;
        let inner = self.up.forward(&attended)?;
        let inner = match config.hidden_act.as_str() {
            "relu" => inner.relu()?,
            "gelu_new" => inner.gelu_tanh()?,
            _ => inner.gelu()?,
        };
        self.down_norm.forward(&(self.down.forward(&inner)? + &attended)?)
    }
}
