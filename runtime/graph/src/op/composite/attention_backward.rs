//! The gradient of attention, from the saved log-sum-exp.
//!
//! | | |
//! |---|---|
//! | inputs | `q`, `k`, `v`, the result `o`, its log-sum-exp `f32[batch.., s]`, the gradient of `o`, optionally the mask |
//! | outputs | the gradients of `q`, `k` and `v` |
//! | decomposes to | `p = exp(scale · q kᵀ + mask - lse)`, `dv = pᵀ do`, `ds = p (do vᵀ - sum(do · o)) · scale`, `dq = ds k`, `dk = dsᵀ q` |
//! | paper | Dao et al., "FlashAttention", 2022, algorithm 4 |

use super::attention::causal_mask;
use super::attention::{Attention, Sizes};
use crate::error::{GraphError, OpError};
use crate::gradient::Backward;
use crate::graph::{Graph, NodeId};
use crate::op::MatMul;
use crate::op::{Infer, Operator, Types};
use crate::program::{ReduceOp, UnaryOp};
use crate::reference::{Array, Evaluate};
use crate::{Scalar, TensorType};
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
        let forward = Attention { scale: self.scale, causal: self.causal };
        let operands: Vec<&TensorType> = cx.inputs[..3].iter().chain(&cx.inputs[6..]).copied().collect();
        let results = forward.infer(&Infer { inputs: &operands, all: &|_| &[], regions: &[] })?;
        for (what, given, expected) in [
            ("the result of attention", cx.inputs[3], &results[0]),
            ("its log-sum-exp", cx.inputs[4], &results[1]),
            ("the gradient of its result", cx.inputs[5], &results[0]),
        ] {
            if given != expected {
                return Err(OpError::Attribute(format!("{what} must be {expected}, but is {given}")));
            }
        }
        Ok(cx.inputs[..3].iter().map(|&ty| ty.clone()).collect())
    }

    fn decompose(&self, graph: &mut Graph, inputs: &[NodeId]) -> Result<Option<Vec<NodeId>>, GraphError> {
        let dtype = graph.dtype(inputs[0]);
        let inner = dtype.accumulator();
        // Matrices stay in the operands' dtype, sums and exponentials are of the wider one.
        let [q, k, v, o, lse, d_o] = [inputs[0], inputs[1], inputs[2], inputs[3], inputs[4], inputs[5]];
        let lse = graph.cast(lse, inner)?;
        let product = |graph: &mut Graph, a: NodeId, b: NodeId| {
            graph.apply(MatMul { dtype: (inner != dtype).then_some(inner) }, &[a, b])
        };
        let keys = graph.transpose_last(k)?;
        let scores = product(graph, q, keys)?;
        let scale = graph.scalar(self.scale.to_f64(), inner)?;
        let mut scores = graph.mul(scores, scale)?;
        if let Some(&mask) = inputs.get(6) {
            let mask = graph.cast(mask, inner)?;
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
        let p = graph.cast(p, dtype)?;
        let p_t = graph.transpose_last(p)?;
        let d_v = product(graph, p_t, d_o)?;
        let v_t = graph.transpose_last(v)?;
        let d_p = product(graph, d_o, v_t)?;
        let [wide_o, wide_d] = [graph.cast(o, inner)?, graph.cast(d_o, inner)?];
        let weighted = graph.mul(wide_d, wide_o)?;
        let delta = graph.reduce_keep(ReduceOp::Sum, weighted, &[last])?;
        let centred = graph.sub(d_p, delta)?;
        let p = graph.cast(p, inner)?;
        let d_s = graph.mul(p, centred)?;
        let d_s = graph.mul(d_s, scale)?;
        let d_s = graph.cast(d_s, dtype)?;
        let d_q = product(graph, d_s, k)?;
        let d_s_t = graph.transpose_last(d_s)?;
        let d_k = product(graph, d_s_t, q)?;
        let mut results = Vec::new();
        for gradient in [d_q, d_k, d_v] {
            results.push(graph.cast(gradient, dtype)?);
        }
        Ok(Some(results))
    }

    fn evaluate(&self, cx: &Evaluate<'_>) -> Result<Vec<Array>, OpError> {
        let wide: Vec<&[f64]> = cx.inputs.iter().map(|x| x.as_floats()).collect::<Result<_, _>>()?;
        let [q, k, v, o, lse, d_o] = [wide[0], wide[1], wide[2], wide[3], wide[4], wide[5]];
        let sizes = Sizes::new(cx.inputs[0], cx.inputs[1], cx.inputs[2]);
        let Sizes { rows, keys, head_dim, value_dim, .. } = sizes;
        let forward = Attention { scale: self.scale, causal: self.causal };
        let scale = self.scale.to_f64();
        let (mut d_q, mut d_k, mut d_v) = (vec![0.0; q.len()], vec![0.0; k.len()], vec![0.0; v.len()]);
        for row in (0..rows).filter(|&row| lse[row] != f64::NEG_INFINITY) {
            let scores = forward.scores(&sizes, row, q, k, wide.get(6).copied());
            let d_row = &d_o[row * value_dim..][..value_dim];
            let delta: f64 = d_row.iter().zip(&o[row * value_dim..]).map(|(d, o)| d * o).sum();
            for (j, score) in scores.iter().enumerate() {
                let key = sizes.batch(row) * keys + j;
                let p = libm::exp(score - lse[row]);
                let d_p: f64 = d_row.iter().zip(&v[key * value_dim..]).map(|(d, v)| d * v).sum();
                let d_s = p * (d_p - delta) * scale;
                for e in 0..value_dim {
                    d_v[key * value_dim + e] += p * d_row[e];
                }
                for e in 0..head_dim {
                    d_q[row * head_dim + e] += d_s * k[key * head_dim + e];
                    d_k[key * head_dim + e] += d_s * q[row * head_dim + e];
                }
            }
        }
        let array = |i: usize, values| Array::floats(cx.types[i].dtype, cx.inputs[i].shape.clone(), values);
        Ok(vec![array(0, d_q), array(1, d_k), array(2, d_v)])
    }

    fn gradient(&self, cx: &mut Backward<'_>) -> Result<Vec<Option<NodeId>>, GraphError> {
        cx.by_decomposition()
    }
}
