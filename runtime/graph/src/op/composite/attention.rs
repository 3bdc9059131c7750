//! Scaled dot-product attention.
//!
//! | | |
//! |---|---|
//! | inputs | `q: [batch.., s, d]`, `k: [batch.., t, d]`, `v: [batch.., t, e]`, optionally `mask: [batch.., s, t]`: one float dtype |
//! | outputs | `[batch.., s, e]`: `softmax(scale · q kᵀ + mask) v`; `f32[batch.., s]`: log-sum-exp of the scores, which the gradient needs |
//! | accumulation | `f32` for `f16` and `bf16` |
//! | ONNX / PyTorch | `Attention` / `torch.nn.functional.scaled_dot_product_attention` |
//! | paper | Vaswani et al., 2017; without the score matrix: Dao et al., "FlashAttention", 2022 |

use crate::error::{GraphError, OpError};
use crate::graph::{Graph, NodeId};
use crate::op::check_equal;
use crate::op::{Infer, Operator, Types};
use crate::program::{CompareOp, ReduceOp, UnaryOp};
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
        let log = graph.unary(UnaryOp::Log, sum)?;
        let lse = graph.add(log, shift)?;
        let lse = graph.squeeze(lse, last)?;
        let lse = graph.cast(lse, DType::F32)?;
        Ok(Some(vec![result, lse]))
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
