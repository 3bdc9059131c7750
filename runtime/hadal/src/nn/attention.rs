//! Attention of several heads.

use super::{Dropout, Init, Linear, Module, Parameter, Rope, Scope};
use crate::tensor::Tensor;
use crate::{Error, Result};
use hadal_graph::{DType, Dim, Shape};

/// Sizes and switches of [`MultiHeadAttention`].
#[derive(Clone, Debug, PartialEq)]
pub struct AttentionOptions {
    /// Number of query heads; divides the width.
    pub heads: usize,
    /// Number of key and value heads, each shared by a group of query heads (Ainslie et al., 2023); divides `heads`. `None` for as many.
    pub kv_heads: Option<usize>,
    /// Width of keys and values, if it is not that of queries.
    pub memory_width: Option<usize>,
    /// Whether projections have biases.
    pub bias: bool,
    /// Probability with which a score is dropped in training.
    pub dropout: f64,
    /// What tells positions apart, of queries and keys alike.
    pub rope: Option<Rope>,
}

impl Default for AttentionOptions {
    fn default() -> AttentionOptions {
        AttentionOptions {
            heads: 1,
            kv_heads: None,
            memory_width: None,
            bias: true,
            dropout: 0.0,
            rope: None,
        }
    }
}

/// What queries cannot see.
#[derive(Clone, Copy, Debug, Default)]
pub struct AttentionMask<'a> {
    /// Whether keys after the query are hidden.
    pub causal: bool,
    /// Keys that are padding, `bool[n, t]`; `key_padding_mask`.
    pub key_padding: Option<&'a Tensor>,
    /// What is added to scores; broadcasts to `[n, heads, s, t]`; a float `attn_mask`.
    pub scores: Option<&'a Tensor>,
}

impl AttentionMask<'_> {
    /// Hides keys after the query, and nothing else.
    pub const CAUSAL: AttentionMask<'static> =
        AttentionMask { causal: true, key_padding: None, scores: None };
}

/// Attention (Vaswani et al., 2017) of batches `[n, s, width]`; `torch.nn.MultiheadAttention(batch_first=True)`.
///
/// Parameters: `in_proj_weight: [3 width, width]`, or `q_proj_weight`, `k_proj_weight` and `v_proj_weight` where keys are of another width
/// or fewer heads; `in_proj_bias`; `out_proj.weight`, `out_proj.bias`.
#[derive(Clone, Debug, Module)]
pub struct MultiHeadAttention {
    projection: Projection,
    in_proj_bias: Option<Parameter>,
    out_proj: Linear,
    dropout: Option<Dropout>,
    heads: usize,
    kv_heads: usize,
    head_width: usize,
    rope: Option<Rope>,
}

#[derive(Clone, Debug, Module)]
enum Projection {
    Joint { in_proj_weight: Parameter },
    Apart { q_proj_weight: Parameter, k_proj_weight: Parameter, v_proj_weight: Parameter },
}

impl MultiHeadAttention {
    /// A layer of so many features. Errors: heads that do not divide what they should; as [`Scope::parameter`].
    #[track_caller]
    pub fn new(scope: &Scope, width: usize, options: &AttentionOptions) -> Result<MultiHeadAttention> {
        let heads = options.heads;
        let kv_heads = options.kv_heads.unwrap_or(heads);
        if heads == 0 || kv_heads == 0 || !width.is_multiple_of(heads) || !heads.is_multiple_of(kv_heads) {
            return Err(Error::argument(format!(
                "a width of {width} must be a multiple of {heads} query heads, and those of {kv_heads} key heads"
            )));
        }
        let head_width = width / heads;
        let (kv_width, memory) = (kv_heads * head_width, options.memory_width.unwrap_or(width));
        let init = Init::XavierUniform { gain: 1.0 };
        let projection = if kv_heads == heads && memory == width {
            Projection::Joint { in_proj_weight: scope.parameter("in_proj_weight", [3 * width, width], init)? }
        } else {
            Projection::Apart {
                q_proj_weight: scope.parameter("q_proj_weight", [width, width], init)?,
                k_proj_weight: scope.parameter("k_proj_weight", [kv_width, memory], init)?,
                v_proj_weight: scope.parameter("v_proj_weight", [kv_width, memory], init)?,
            }
        };
        let out = scope.at("out_proj");
        let weight = out.parameter("weight", [width, width], Init::LINEAR)?;
        let vector = |scope: &Scope, name: &str, size: usize| {
            options.bias.then(|| scope.parameter(name, [size], Init::ZEROS)).transpose()
        };
        let drops = options.dropout > 0.0;
        Ok(MultiHeadAttention {
            projection,
            in_proj_bias: vector(scope, "in_proj_bias", width + 2 * kv_width)?,
            out_proj: Linear::from_parameters(weight, vector(&out, "bias", width)?),
            dropout: drops.then(|| Dropout::new(&scope.at("dropout"), options.dropout)).transpose()?,
            heads,
            kv_heads,
            head_width,
            rope: options.rope,
        })
    }

    /// Attention of a sequence `[n, s, width]` to itself. Errors: as [`MultiHeadAttention::forward`].
    #[track_caller]
    pub fn itself(&self, x: &Tensor, mask: &AttentionMask<'_>) -> Result<Tensor> {
        self.forward(x, x, x, mask)
    }

    /// Attention of queries `[n, s, width]` to keys and values `[n, t, memory width]`: `[n, s, width]`.
    ///
    /// Errors: other shapes, a mask that does not fit.
    #[track_caller]
    pub fn forward(
        &self,
        query: &Tensor,
        key: &Tensor,
        value: &Tensor,
        mask: &AttentionMask<'_>,
    ) -> Result<Tensor> {
        if [query, key, value].iter().any(|x| x.rank() != 3) {
            return Err(Error::argument(format!(
                "attention takes batches of sequences, [n, s, width], but these are {}, {} and {}",
                query.ty(),
                key.ty(),
                value.ty()
            )));
        }
        let mut parts = Vec::new();
        for (part, x) in [query, key, value].into_iter().enumerate() {
            let heads = if part == 0 { self.heads } else { self.kv_heads };
            let projected = self.project(part, x)?;
            let split = Shape(vec![x.dim(0)?, x.dim(1)?, heads.into(), self.head_width.into()]);
            let mut split = projected.reshape(split)?.transpose(1, 2)?;
            if let (Some(rope), 0 | 1) = (&self.rope, part) {
                split = rope.forward(&split, None)?;
            }
            parts.push(if part == 0 { split } else { self.share(&split)? });
        }
        let mask = Scores { added: added(mask, query.dtype())?, causal: mask.causal };
        let context = self.attend(&parts[0], &parts[1], &parts[2], &mask)?.transpose(1, 2)?;
        let width = Dim::from(self.heads * self.head_width);
        self.out_proj.forward(&context.reshape(Shape(vec![query.dim(0)?, query.dim(1)?, width]))?)
    }

    /// The projection to queries (0), keys (1) or values (2).
    fn project(&self, part: usize, x: &Tensor) -> Result<Tensor> {
        let (width, kv_width) = (self.heads * self.head_width, self.kv_heads * self.head_width);
        let (start, size) = [(0, width), (width, kv_width), (width + kv_width, kv_width)][part];
        let weight = match &self.projection {
            Projection::Joint { in_proj_weight } => in_proj_weight.get()?.narrow(0, start, size)?,
            Projection::Apart { q_proj_weight, k_proj_weight, v_proj_weight } => {
                [q_proj_weight, k_proj_weight, v_proj_weight][part].get()?
            }
        };
        let product = x.matmul(&weight.t()?)?;
        match &self.in_proj_bias {
            Some(bias) => product.add(&bias.get()?.narrow(0, start, size)?),
            None => Ok(product),
        }
    }

    /// Keys or values, `[n, kv_heads, t, d]`, once for each query head.
    fn share(&self, x: &Tensor) -> Result<Tensor> {
        let group = self.heads / self.kv_heads;
        if group == 1 {
            return Ok(x.clone());
        }
        let mut shape = x.shape().clone();
        shape.0.insert(2, group.into());
        x.unsqueeze(2)?.broadcast_to(shape)?.flatten(1, 2)
    }

    fn attend(&self, q: &Tensor, k: &Tensor, v: &Tensor, mask: &Scores) -> Result<Tensor> {
        let Some(dropout) = &self.dropout else {
            return q.attention(k, v, mask.added.as_ref(), mask.causal);
        };
        if !dropout.drops() {
            return q.attention(k, v, mask.added.as_ref(), mask.causal);
        }
        let scale = 1.0 / (self.head_width as f64).sqrt();
        let mut scores = (q.matmul(&k.t()?)? * scale)?;
        if let Some(added) = &mask.added {
            scores = (scores + added)?;
        }
        if mask.causal {
            let query = Tensor::arange(q.device(), q.dim(2)?, DType::I32)?.unsqueeze(1)?;
            let later = Tensor::arange(q.device(), k.dim(2)?, DType::I32)?.gt(&query)?;
            scores = scores.masked_fill(&later, f64::NEG_INFINITY)?;
        }
        dropout.forward(&scores.softmax(-1)?)?.matmul(v)
    }
}

/// What becomes of scores before the softmax.
struct Scores {
    added: Option<Tensor>,
    causal: bool,
}

/// What a mask adds to scores: broadcasts to `[n, heads, s, t]`.
fn added(mask: &AttentionMask<'_>, dtype: DType) -> Result<Option<Tensor>> {
    let Some(padding) = mask.key_padding else { return Ok(mask.scores.cloned()) };
    let hidden = padding.unsqueeze(1)?.unsqueeze(1)?;
    let zeros = Tensor::zeros(padding.device(), hidden.shape().clone(), dtype)?;
    let added = zeros.masked_fill(&hidden, f64::NEG_INFINITY)?;
    Ok(Some(match mask.scores {
        Some(scores) => (scores + added)?,
        None => added,
    }))
}
