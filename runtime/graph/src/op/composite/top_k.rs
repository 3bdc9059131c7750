//! The largest or smallest elements along an axis.
//!
//! | | |
//! |---|---|
//! | inputs | `x` |
//! | outputs | `k` values along `axis`, best first; their positions, `I64`. Of equal values the first comes first; NaN counts as the worst |
//! | decomposes to | [`Sort`] and slices |
//! | ONNX / PyTorch | `TopK` / `torch.topk` |

use crate::DType;
use crate::error::{GraphError, OpError};
use crate::gradient::Backward;
use crate::graph::{Graph, NodeId};
use crate::op::{Infer, Operator, Sort, Types, check_axis};
use crate::reference::{Array, Evaluate, Rows, Values};
use serde::{Deserialize, Serialize};

/// The largest or smallest elements along an axis.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct TopK {
    /// The axis.
    pub axis: usize,
    /// Number of elements that stay.
    pub k: usize,
    /// The largest ones, or else the smallest.
    pub largest: bool,
}

impl Operator for TopK {
    fn infer(&self, cx: &Infer<'_>) -> Result<Types, OpError> {
        let [x] = cx.expect::<1>()?;
        check_axis(self.axis, x.rank())?;
        let extent = &x.shape[self.axis];
        if extent.as_const().is_some_and(|n| n < self.k as i64) {
            return Err(OpError::Attribute(format!("{} of {extent} elements were asked for", self.k)));
        }
        let values = x.with_shape(x.shape.with(self.axis, self.k));
        let positions = values.with_dtype(DType::I64);
        Ok([values, positions].into_iter().collect())
    }

    fn decompose(&self, graph: &mut Graph, inputs: &[NodeId]) -> Result<Option<Vec<NodeId>>, GraphError> {
        let sorted = graph.apply(Sort { axis: self.axis, descending: self.largest }, inputs)?;
        let mut results = Vec::new();
        for index in 0..2 {
            let all = graph.project(sorted, index)?;
            results.push(graph.narrow(all, self.axis, 0, self.k)?);
        }
        Ok(Some(results))
    }

    /// Takes the best element that is left, `k` times.
    fn evaluate(&self, cx: &Evaluate<'_>) -> Result<Vec<Array>, OpError> {
        let [x] = cx.expect::<1>()?;
        let n = x.shape[self.axis];
        if n < self.k {
            return Err(OpError::Value(format!("{} of {n} elements were asked for", self.k)));
        }
        let shape = cx.shape()?;
        let (from, to) = (Rows::new(&x.shape, &[self.axis]), Rows::new(&shape, &[self.axis]));
        let mut sources = vec![0; shape.iter().product()];
        let mut positions = vec![0; sources.len()];
        for (&start, &result) in from.outer.iter().zip(&to.outer) {
            let mut left: Vec<usize> = (0..n).collect();
            for &place in &to.inner {
                let better =
                    |a: usize, b: usize| self.better(x, start + from.inner[a], start + from.inner[b]);
                let mut best = 0;
                for candidate in 1..left.len() {
                    if better(left[candidate], left[best]) {
                        best = candidate;
                    }
                }
                let chosen = left.remove(best);
                sources[result + place] = start + from.inner[chosen];
                positions[result + place] = chosen as i128;
            }
        }
        let values =
            Array { dtype: x.dtype, shape: shape.clone(), values: x.values.pick(sources.into_iter()) };
        Ok(vec![values, Array::ints(DType::I64, shape, positions)])
    }

    fn gradient(&self, cx: &mut Backward<'_>) -> Result<Vec<Option<NodeId>>, GraphError> {
        cx.by_decomposition()
    }
}

impl TopK {
    /// Whether element `a` is strictly better than element `b`.
    fn better(&self, x: &Array, a: usize, b: usize) -> bool {
        match &x.values {
            Values::Float(v) if v[b].is_nan() => !v[a].is_nan(),
            Values::Float(v) => {
                if self.largest {
                    v[a] > v[b]
                } else {
                    v[a] < v[b]
                }
            }
            Values::Int(v) => {
                if self.largest {
                    v[a] > v[b]
                } else {
                    v[a] < v[b]
                }
            }
        }
    }
}
