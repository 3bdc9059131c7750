//! The gradient of attention, from the saved log-sum-exp.
//!
//! | | |
//! |---|---|
//! | inputs | `q`, `k`, `v`, the result `o`, its log-sum-exp `f32[batch.., s]`, the gradient of `o`, optionally the mask |
//! | outputs | the gradients of `q`, `k` and `v` |
//! | decomposes to | `p = exp(scale · q kᵀ + mask - lse)`, `dv = pᵀ do`, `ds = p (do vᵀ - sum(do · o)) · scale`, `dq = ds k`, `dk = dsᵀ q` |
//! | paper | Dao et al., "FlashAttention", 2022, algorithm 4 |

use super::attention::causal_mask;
use crate::Scalar;
use crate::error::{GraphError, OpError};
use crate::graph::{Graph, NodeId};
use crate::op::{Infer, Operator, Types};
use crate::program::{ReduceOp, UnaryOp};
use serde::{Deserialize, Serialize};

/// The gradient of [`Attention`](super::Attention).
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct AttentionBackward {
    /// As in the forward op.
    pub scale: Scalar,
    /// As in the forward op.
    pub causal: bool,
}

impl Operator for AttentionBackward {
    fn infer(&self, cx: &Infer<'_>) -> Result<Types, OpError> {
        if !(6..=7).contains(&cx.inputs.len()) {
            return Err(OpError::Arity { expected: "6 or 7".into(), given: cx.inputs.len() });
        }
        Ok(cx.inputs[..3].iter().map(|&ty| ty.clone()).collect())
    }

    fn decompose(&self, graph: &mut Graph, inputs: &[NodeId]) -> Result<Option<Vec<NodeId>>, GraphError> {
        let dtype = graph.dtype(inputs[0]);
        let inner = dtype.accumulator();
        let mut wide = Vec::new();
        for &input in inputs {
            wide.push(graph.cast(input, inner)?);
        }
        let [q, k, v, o, lse, d_o] = [wide[0], wide[1], wide[2], wide[3], wide[4], wide[5]];
        let keys = graph.transpose_last(k)?;
        let product = graph.matmul(q, keys)?;
        let scale = graph.scalar(self.scale.to_f64(), inner)?;
        let mut scores = graph.mul(product, scale)?;
        if let Some(&mask) = wide.get(6) {
            scores = graph.add(scores, mask)?;
        }
        let last = graph.shape(scores).rank() - 1;
        let lse = graph.unsqueeze(lse, last)?;
        let low = graph.scalar(f64::NEG_INFINITY, inner)?;
        if self.causal {
            let visible = causal_mask(graph, scores)?;
            scores = graph.select(visible, scores, low)?;
        }
        // A row without visible keys has lse = -inf and no gradient.
        let zero = graph.scalar(0.0, inner)?;
        let hidden = graph.compare(crate::program::CompareOp::Eq, lse, low)?;
        let shift = graph.select(hidden, zero, lse)?;
        let shifted = graph.sub(scores, shift)?;
        let p = graph.unary(UnaryOp::Exp, shifted)?;
        let p_t = graph.transpose_last(p)?;
        let d_v = graph.matmul(p_t, d_o)?;
        let v_t = graph.transpose_last(v)?;
        let d_p = graph.matmul(d_o, v_t)?;
        let weighted = graph.mul(d_o, o)?;
        let delta = graph.reduce_keep(ReduceOp::Sum, weighted, &[last])?;
        let centred = graph.sub(d_p, delta)?;
        let d_s = graph.mul(p, centred)?;
        let d_s = graph.mul(d_s, scale)?;
        let d_q = graph.matmul(d_s, k)?;
        let d_s_t = graph.transpose_last(d_s)?;
        let d_k = graph.matmul(d_s_t, q)?;
        let mut results = Vec::new();
        for gradient in [d_q, d_k, d_v] {
            results.push(graph.cast(gradient, dtype)?);
        }
        Ok(Some(results))
    }
}
