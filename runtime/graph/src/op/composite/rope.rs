//! Rotary position embedding.
//!
//! | | |
//! |---|---|
//! | inputs | `x: [.., s, d]` with even `d`; `cos`, `sin`: `[s, d / 2]`; one float dtype |
//! | output | like `x`: each pair `(a, b)` of a row becomes `(a cos - b sin, b cos + a sin)` |
//! | pairs | elements `i` and `i + d / 2`, or neighbours `2i` and `2i + 1` when `interleaved` |
//! | decomposes to | slices, products and a concatenation, in `f32` for `f16` and `bf16` |
//! | ONNX / PyTorch | `RotaryEmbedding` / `rotate_half` of many models |
//! | paper | Su et al., "RoFormer", 2021 |

use super::check_float;
use crate::error::{GraphError, OpError};
use crate::gradient::Backward;
use crate::graph::{Graph, NodeId};
use crate::op::{Infer, Operator, Slice, Types, check_equal, one};
use crate::reference::{Array, Evaluate};
use crate::{Dim, Shape};
use serde::{Deserialize, Serialize};

/// Rotary position embedding.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Rope {
    /// Whether pairs are neighbours instead of halves.
    pub interleaved: bool,
}

impl Operator for Rope {
    fn infer(&self, cx: &Infer<'_>) -> Result<Types, OpError> {
        let [x, cos, sin] = cx.expect::<3>()?;
        check_float("the operand", x)?;
        if x.rank() < 2 {
            let expected = "at least 2 ([.., s, d])".into();
            return Err(OpError::Rank { what: "the operand".into(), expected, given: x.rank() });
        }
        let (s, d) = (&x.shape[x.rank() - 2], &x.shape[x.rank() - 1]);
        let half = d.exact_div(&2.into());
        let half =
            half.ok_or_else(|| OpError::Attribute(format!("rows of {d} elements do not form pairs")))?;
        for (what, table) in [("the cosines", cos), ("the sines", sin)] {
            if table.dtype != x.dtype {
                let expected = x.dtype.to_string();
                return Err(OpError::DType { what: what.into(), expected, given: table.dtype });
            }
            if table.rank() != 2 {
                return Err(OpError::Rank { what: what.into(), expected: "2".into(), given: table.rank() });
            }
            check_equal(&format!("rows of {what} and of the operand"), &table.shape[0], s)?;
            check_equal(&format!("columns of {what} and pairs of a row"), &table.shape[1], &half)?;
        }
        one((*x).clone())
    }

    fn decompose(&self, graph: &mut Graph, inputs: &[NodeId]) -> Result<Option<Vec<NodeId>>, GraphError> {
        let ty = graph.ty(inputs[0]).clone();
        let inner = ty.dtype.accumulator();
        let x = graph.cast(inputs[0], inner)?;
        let (cos, sin) = (graph.cast(inputs[1], inner)?, graph.cast(inputs[2], inner)?);
        let (a, b) = (self.part(graph, x, 0)?, self.part(graph, x, 1)?);
        let (a_cos, b_sin) = (graph.mul(a, cos)?, graph.mul(b, sin)?);
        let (b_cos, a_sin) = (graph.mul(b, cos)?, graph.mul(a, sin)?);
        let (first, second) = (graph.sub(a_cos, b_sin)?, graph.add(b_cos, a_sin)?);
        let last = ty.rank() - 1;
        let result = if self.interleaved {
            let (first, second) = (graph.unsqueeze(first, last + 1)?, graph.unsqueeze(second, last + 1)?);
            let pairs = graph.concat(&[first, second], last + 1)?;
            graph.reshape(pairs, ty.shape.clone())?
        } else {
            graph.concat(&[first, second], last)?
        };
        Ok(Some(vec![graph.cast(result, ty.dtype)?]))
    }

    fn evaluate(&self, cx: &Evaluate<'_>) -> Result<Vec<Array>, OpError> {
        let [x, cos, sin] = cx.expect::<3>()?;
        let (cos, sin) = (cos.as_floats()?, sin.as_floats()?);
        let d = x.shape[x.shape.len() - 1];
        let half = d / 2;
        let mut values = x.as_floats()?.to_vec();
        for (row, x) in values.chunks_exact_mut(d.max(1)).enumerate() {
            for i in 0..half {
                let (p, q) = if self.interleaved { (2 * i, 2 * i + 1) } else { (i, i + half) };
                let (a, b) = (x[p], x[q]);
                let angle = (row * half + i) % cos.len();
                x[p] = a * cos[angle] - b * sin[angle];
                x[q] = b * cos[angle] + a * sin[angle];
            }
        }
        Ok(vec![Array::floats(x.dtype, x.shape.clone(), values)])
    }

    fn gradient(&self, cx: &mut Backward<'_>) -> Result<Vec<Option<NodeId>>, GraphError> {
        cx.by_decomposition()
    }
}

impl Rope {
    /// The first or the second elements of all pairs.
    fn part(&self, graph: &mut Graph, x: NodeId, which: usize) -> Result<NodeId, GraphError> {
        let shape: Shape = graph.shape(x).clone();
        let last = shape.rank() - 1;
        let half = shape[last].floor_div(&2.into());
        let mut slice = Slice {
            starts: vec![Dim::ZERO; shape.rank()],
            extents: shape.with(last, half.clone()).0,
            steps: vec![1; shape.rank()],
        };
        if self.interleaved {
            slice.starts[last] = which.into();
            slice.steps[last] = 2;
        } else {
            slice.starts[last] = half * which;
        }
        graph.apply(slice, &[x])
    }
}
