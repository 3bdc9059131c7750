//! Scaled dot-product attention.
//!
//! | | |
//! |---|---|
//! | inputs | `q: [batch.., s, d]`, `k: [batch.., t, d]`, `v: [batch.., t, e]`, optionally `mask: [batch.., s, t]`: one float dtype |
//! | outputs | `[batch.., s, e]`: `softmax(scale · q kᵀ + mask) v`; `f32[batch.., s]`: log-sum-exp of the scores, which the gradient needs |
//! | gradient | [`AttentionBackward`]; where the mask or the log-sum-exp is differentiated too, that of the decomposition |
//! | accumulation | `f32` for `f16` and `bf16` |
//! | ONNX / PyTorch | `Attention` / `torch.nn.functional.scaled_dot_product_attention` |
//! | paper | Vaswani et al., 2017; without the score matrix: Dao et al., "FlashAttention", 2022 |

use super::AttentionBackward;
use crate::error::{GraphError, OpError};
use crate::gradient::Backward;
use crate::graph::{Graph, NodeId};
use crate::op::check_equal;
use crate::op::reduction::reduce_floats;
use crate::op::{Infer, Operator, Types};
use crate::program::{CompareOp, ReduceOp, UnaryOp};
use crate::reference::{Array, Evaluate};
use crate::{DType, Scalar, Shape, TensorType};
use serde::{Deserialize, Serialize};

/// Scaled dot-product attention.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Attention {
    /// Factor on the scores, usually `1 / sqrt(d)`.
    pub scale: Scalar,
    /// Whether query `i` sees only keys `j <= i + t - s`.
    pub causal: bool,
}

impl Operator for Attention {
    fn infer(&self, cx: &Infer<'_>) -> Result<Types, OpError> {
        if !(3..=4).contains(&cx.inputs.len()) {
            return Err(OpError::Arity { expected: "3 or 4".into(), given: cx.inputs.len() });
        }
        let [q, k, v] = [cx.inputs[0], cx.inputs[1], cx.inputs[2]];
        if !q.dtype.is_float() {
            return Err(OpError::DType {
                what: "the query".into(),
                expected: "a float".into(),
                given: q.dtype,
            });
        }
        if q.rank() < 2 {
            return Err(OpError::Rank {
                what: "the query".into(),
                expected: "at least 2".into(),
                given: q.rank(),
            });
        }
        let batch = q.rank() - 2;
        for x in &cx.inputs[1..] {
            check_equal("ranks", &q.rank().into(), &x.rank().into())?;
            if x.dtype != q.dtype {
                return Err(OpError::DType {
                    what: "every input".into(),
                    expected: q.dtype.to_string(),
                    given: x.dtype,
                });
            }
            for axis in 0..batch {
                check_equal(&format!("extents of batch axis {axis}"), &q.shape[axis], &x.shape[axis])?;
            }
        }
        check_equal("the widths of query and key", &q.shape[batch + 1], &k.shape[batch + 1])?;
        check_equal("the numbers of keys and values", &k.shape[batch], &v.shape[batch])?;
        if let Some(mask) = cx.inputs.get(3) {
            check_equal("queries and rows of the mask", &q.shape[batch], &mask.shape[batch])?;
            check_equal("keys and columns of the mask", &k.shape[batch], &mask.shape[batch + 1])?;
        }
        let rows: Shape = q.shape[..=batch].iter().cloned().collect();
        let mut result = rows.clone();
        result.0.push(v.shape[batch + 1].clone());
        Ok([q.with_shape(result), TensorType::new(DType::F32, rows)].into_iter().collect())
    }

    fn decompose(&self, graph: &mut Graph, inputs: &[NodeId]) -> Result<Option<Vec<NodeId>>, GraphError> {
        let dtype = graph.dtype(inputs[0]);
        let inner = dtype.accumulator();
        let q = graph.cast(inputs[0], inner)?;
        let k = graph.cast(inputs[1], inner)?;
        let v = graph.cast(inputs[2], inner)?;
        let keys = graph.transpose_last(k)?;
        let product = graph.matmul(q, keys)?;
        let scale = graph.scalar(self.scale.to_f64(), inner)?;
        let mut scores = graph.mul(product, scale)?;
        if let Some(&mask) = inputs.get(3) {
            let mask = graph.cast(mask, inner)?;
            scores = graph.add(scores, mask)?;
        }
        let low = graph.scalar(f64::NEG_INFINITY, inner)?;
        if self.causal {
            let visible = causal_mask(graph, scores)?;
            scores = graph.select(visible, scores, low)?;
        }
        let last = graph.shape(scores).rank() - 1;
        let max = graph.reduce_keep(ReduceOp::Max, scores, &[last])?;
        // A row without visible keys has the maximum -inf; shifting it by 0 instead keeps exp(-inf) = 0.
        let zero = graph.scalar(0.0, inner)?;
        let hidden = graph.compare(CompareOp::Eq, max, low)?;
        let shift = graph.select(hidden, zero, max)?;
        let shifted = graph.sub(scores, shift)?;
        let exp = graph.unary(UnaryOp::Exp, shifted)?;
        let sum = graph.reduce_keep(ReduceOp::Sum, exp, &[last])?;
        let one = graph.scalar(1.0, inner)?;
        let divisor = graph.select(hidden, one, sum)?;
        let weights = graph.div(exp, divisor)?;
        let product = graph.matmul(weights, v)?;
        let result = graph.cast(product, dtype)?;
        // The logarithm of 0 would be right, but its gradient is not a number.
        let log = graph.unary(UnaryOp::Log, divisor)?;
        let lse = graph.add(log, shift)?;
        let lse = graph.select(hidden, low, lse)?;
        let lse = graph.squeeze(lse, last)?;
        let lse = graph.cast(lse, DType::F32)?;
        Ok(Some(vec![result, lse]))
    }

    fn evaluate(&self, cx: &Evaluate<'_>) -> Result<Vec<Array>, OpError> {
        let mask = cx.inputs.get(3).map(|mask| mask.as_floats()).transpose()?;
        let [q, k, v] = [cx.inputs[0], cx.inputs[1], cx.inputs[2]];
        let sizes = Sizes::new(q, k, v);
        let Sizes { rows, keys, value_dim, .. } = sizes;
        let (mut result, mut lse) = (Vec::new(), Vec::new());
        for row in 0..rows {
            let scores = self.scores(&sizes, row, q.as_floats()?, k.as_floats()?, mask);
            let max = reduce_floats(ReduceOp::Max, scores.iter().copied());
            let hidden = max == f64::NEG_INFINITY;
            let weights: Vec<f64> =
                scores.iter().map(|s| if hidden { 0.0 } else { libm::exp(s - max) }).collect();
            let sum: f64 = weights.iter().sum();
            lse.push(if hidden { f64::NEG_INFINITY } else { max + libm::log(sum) });
            let values = &v.as_floats()?[sizes.batch(row) * keys * value_dim..];
            for e in 0..value_dim {
                let weighted = (0..keys).map(|j| weights[j] * values[j * value_dim + e]);
                result.push(if hidden { 0.0 } else { weighted.sum::<f64>() / sum });
            }
        }
        let rows = cx.extents(&cx.types[1].shape)?;
        Ok(vec![Array::floats(q.dtype, cx.shape()?, result), Array::floats(DType::F32, rows, lse)])
    }

    fn gradient(&self, cx: &mut Backward<'_>) -> Result<Vec<Option<NodeId>>, GraphError> {
        let masked = cx.needs.len() > 3;
        let (Some(d), None, false) = (cx.gradients[0], cx.gradients[1], masked && cx.needs[3]) else {
            return cx.by_decomposition();
        };
        let [q, k, v] = [cx.input(0), cx.input(1), cx.input(2)];
        let mask = masked.then(|| cx.input(3));
        let result = cx.graph.project(cx.node, 0)?;
        let lse = cx.graph.project(cx.node, 1)?;
        let backward = AttentionBackward { scale: self.scale, causal: self.causal };
        let inputs: Vec<NodeId> = [q, k, v, result, lse, d].into_iter().chain(mask).collect();
        let node = cx.graph.apply(backward, &inputs)?;
        let mut gradients = Vec::new();
        for index in 0..3 {
            gradients.push(Some(cx.graph.project(node, index)?));
        }
        gradients.extend(mask.map(|_| None));
        Ok(gradients)
    }
}

/// Which keys (last axis) a query (axis before) may see: `bool[s, t]`, `j <= i + t - s`.
pub(crate) fn causal_mask(graph: &mut Graph, scores: NodeId) -> Result<NodeId, GraphError> {
    let shape = graph.shape(scores);
    let (queries, keys) = (shape[shape.rank() - 2].clone(), shape[shape.rank() - 1].clone());
    let square = Shape(vec![queries.clone(), keys.clone()]);
    let row = graph.iota(square.clone(), 0, DType::I32)?;
    let column = graph.iota(square, 1, DType::I32)?;
    // t - s is not negative where causal attention makes sense; as an iota it may be symbolic.
    let offset = graph.size(&(&keys - &queries))?;
    let limit = graph.add(row, offset)?;
    graph.compare(CompareOp::Le, column, limit)
}

impl Attention {
    /// The scaled, masked scores of one query. Row `row` counts queries of all batches.
    pub(crate) fn scores(
        &self,
        sizes: &Sizes,
        row: usize,
        q: &[f64],
        k: &[f64],
        mask: Option<&[f64]>,
    ) -> Vec<f64> {
        let Sizes { queries, keys, head_dim, .. } = *sizes;
        let query = &q[row * head_dim..][..head_dim];
        let all_keys = &k[sizes.batch(row) * keys * head_dim..][..keys * head_dim];
        let last_visible = (row % queries) as i64 + keys as i64 - queries as i64;
        (0..keys)
            .map(|j| {
                if self.causal && j as i64 > last_visible {
                    return f64::NEG_INFINITY;
                }
                let key = &all_keys[j * head_dim..][..head_dim];
                let product: f64 = query.iter().zip(key).map(|(q, k)| q * k).sum();
                product * self.scale.to_f64() + mask.map_or(0.0, |mask| mask[row * keys + j])
            })
            .collect()
    }
}

/// Extents of an attention problem.
#[derive(Clone, Copy)]
pub(crate) struct Sizes {
    /// Queries of all batches together.
    pub(crate) rows: usize,
    pub(crate) queries: usize,
    pub(crate) keys: usize,
    pub(crate) head_dim: usize,
    pub(crate) value_dim: usize,
}

impl Sizes {
    pub(crate) fn new(q: &Array, k: &Array, v: &Array) -> Sizes {
        let last = q.shape.len() - 1;
        Sizes {
            rows: q.shape[..last].iter().product(),
            queries: q.shape[last - 1],
            keys: k.shape[last - 1],
            head_dim: q.shape[last],
            value_dim: v.shape[last],
        }
    }

    /// The batch to which a row belongs.
    pub(crate) fn batch(&self, row: usize) -> usize {
        row / self.queries
    }
}
