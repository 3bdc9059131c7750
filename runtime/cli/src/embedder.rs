//! From texts to vectors: a tokenizer, a model, and pooling over tokens.

use crate::failure::with_hint;
use crate::load::locate;
use crate::session::{Session, Tensors};
use anyhow::{Context, Result, anyhow};
use hadal::backend::{Backend, ExecutableStats};
use hadal::graph::{Graph, HostTensor, Scalar};
use hadal_formats::Imported;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use tokenizers::Tokenizer;

/// How the vectors of a text's tokens become one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Pooling {
    Mean,
    /// The first token's.
    First,
}

/// A sentence-embedding model on one device.
pub(crate) struct Embedder {
    tokenizer: Tokenizer,
    pooling: Pooling,
    /// Which of the model's outputs holds the vectors.
    output: usize,
    graph: Graph,
    session: Session,
}

impl Embedder {
    /// Prepares the model that `name` means, read as `model`, with the tokenizer that lies beside it.
    ///
    /// Errors: no tokenizer, a model that does not take tokens, and the device's.
    pub(crate) fn new(name: &str, model: &Imported, backend: &Arc<dyn Backend>) -> Result<Embedder> {
        let file = locate(name)?;
        let tokenizer = tokenizer(&file)?;
        let graph = model.graph.clone();
        let hint = "choose a sentence-embedding model, such as minilm";
        if !names(&graph).any(|input| input == "input_ids") {
            return Err(with_hint(format!("`{name}` takes no tokens: it has no input `input_ids`"), hint));
        }
        let known = ["sentence_embedding", "last_hidden_state", "token_embeddings"];
        let position = |name: &&str| graph.outputs.iter().position(|output| output.name == *name);
        let output = known.iter().find_map(position).unwrap_or(0);
        let rank = graph.outputs.get(output).map(|output| graph.shape(output.node).rank());
        if !matches!(rank, Some(2 | 3)) {
            return Err(with_hint(format!("`{name}` has no output with one vector for each token"), hint));
        }
        let session = Session::new(backend, &graph, &model.weights)?;
        Ok(Embedder { tokenizer, pooling: pooling(&file)?, output, graph, session })
    }

    /// Counters of the prepared model.
    pub(crate) fn stats(&self) -> ExecutableStats {
        self.session.stats()
    }

    /// The model's inputs for `texts`, padded to the longest.
    pub(crate) fn tokens(&self, texts: &[String]) -> Result<Tensors> {
        let encodings = texts
            .iter()
            .map(|text| self.tokenizer.encode(text.as_str(), true))
            .collect::<Result<Vec<_>, _>>()
            .map_err(|error| anyhow!("the text cannot be split into tokens: {error}"))?;
        let longest = encodings.iter().map(|encoding| encoding.len()).max().unwrap_or(0);
        let mut tensors = Tensors::new();
        for &id in self.graph.inputs() {
            let name = self.graph.node(id).op.leaf_name().unwrap_or_default();
            let mut values = Vec::with_capacity(texts.len() * longest);
            for encoding in &encodings {
                let row = match name {
                    "input_ids" => encoding.get_ids(),
                    "attention_mask" => encoding.get_attention_mask(),
                    "token_type_ids" => encoding.get_type_ids(),
                    _ => return Err(anyhow!("the model wants an input `{name}`, which no tokenizer gives")),
                };
                let padded = row.iter().copied().chain(std::iter::repeat(0)).take(longest);
                values.extend(padded.map(|value| Scalar::new(f64::from(value), self.graph.dtype(id))));
            }
            let shape = [texts.len(), longest];
            tensors.insert(name.into(), HostTensor::from_scalars(self.graph.dtype(id), shape, values)?);
        }
        Ok(tensors)
    }

    /// One vector of length 1 for each text.
    pub(crate) fn embed(&self, texts: &[String]) -> Result<Vec<Vec<f32>>> {
        let tokens = self.tokens(texts)?;
        let outputs = self.session.run(&tokens)?;
        self.pool(&tokens, &outputs)
    }

    /// Vectors from the model's outputs, wherever they were computed.
    pub(crate) fn pool(&self, tokens: &Tensors, outputs: &[HostTensor]) -> Result<Vec<Vec<f32>>> {
        let hidden = outputs.get(self.output).context("the model gave no such output")?;
        let values = hidden.to_f64();
        let (rows, width) = match *hidden.shape() {
            [batch, width] => (vec![1.0; batch], width),
            [_, _, width] => {
                let mask = tokens.get("attention_mask").or_else(|| tokens.get("input_ids"));
                let mask = mask.context("the model took no tokens")?.to_f64();
                (mask.into_iter().map(|kept| f64::from(kept != 0.0)).collect(), width)
            }
            ref shape => return Err(anyhow!("vectors of shape {shape:?} are not one for each token")),
        };
        let batch = hidden.shape()[0];
        let length = rows.len() / batch.max(1);
        let mut vectors = Vec::with_capacity(batch);
        for (vectors_of_text, kept) in values.chunks(length * width).zip(rows.chunks(length)) {
            let mut sum = vec![0.0; width];
            for (vector, weight) in vectors_of_text.chunks(width).zip(kept) {
                sum.iter_mut().zip(vector).for_each(|(sum, value)| *sum += weight * value);
                if self.pooling == Pooling::First {
                    break;
                }
            }
            // The length is made 1 below, so the mean need not be divided by the number of tokens.
            let norm = sum.iter().map(|value| value * value).sum::<f64>().sqrt().max(1e-12);
            vectors.push(sum.iter().map(|value| (value / norm) as f32).collect());
        }
        Ok(vectors)
    }
}

fn names(graph: &Graph) -> impl Iterator<Item = &str> {
    graph.inputs().iter().filter_map(|&id| graph.node(id).op.leaf_name())
}

fn tokenizer(model: &Path) -> Result<Tokenizer> {
    let path = model.with_file_name("tokenizer.json");
    if !path.is_file() {
        return Err(with_hint(
            format!("there is no tokenizer.json beside `{}`", model.display()),
            "put the model's tokenizer there, or use --model minilm",
        ));
    }
    let unreadable = |error| anyhow!("`{}` is not a tokenizer that can be read: {error}", path.display());
    let mut tokenizer = Tokenizer::from_file(&path).map_err(unreadable)?;
    // Texts are padded to the longest of a batch, not to a fixed length.
    tokenizer.with_padding(None);
    Ok(tokenizer)
}

/// What `1_Pooling/config.json` beside the model says; the mean where there is none.
fn pooling(model: &Path) -> Result<Pooling> {
    let path: PathBuf = model.with_file_name("1_Pooling").join("config.json");
    let Ok(text) = std::fs::read_to_string(&path) else { return Ok(Pooling::Mean) };
    let config: serde_json::Value =
        serde_json::from_str(&text).with_context(|| format!("`{}` is no JSON", path.display()))?;
    let chosen = |mode: &str| config.get(mode).and_then(serde_json::Value::as_bool).unwrap_or(false);
    if chosen("pooling_mode_mean_tokens") {
        Ok(Pooling::Mean)
    } else if chosen("pooling_mode_cls_token") {
        Ok(Pooling::First)
    } else {
        Err(anyhow!("`{}` asks for a pooling other than the mean or the first token", path.display()))
    }
}
