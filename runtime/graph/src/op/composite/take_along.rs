//! One element for each index, along an axis.
//!
//! | | |
//! |---|---|
//! | inputs | `x`, any dtype; `indices`, an integer dtype, of `x`'s shape but for `axis`, each in `0..n` |
//! | output | of `indices`' shape: `out[i, j, k] = x[i, indices[i, j, k], k]` (for the middle axis) |
//! | errors | an index out of range is an error of the run |
//! | decomposes to | [`Gather`] from the flat tensor |
//! | ONNX / PyTorch | `GatherElements` / `torch.gather`, `torch.take_along_dim` |

use crate::error::{GraphError, OpError};
use crate::gradient::{Backward, zeros};
use crate::graph::{Graph, NodeId};
use crate::op::movement::{check_index, in_range};
use crate::op::{Gather, Infer, Operator, Scatter, Types, check_axis, check_equal, one};
use crate::program::{BinaryOp, CompareOp, ScatterOp};
use crate::reference::{Array, Coordinates, Evaluate, strides};
use crate::{DType, Scalar, Shape};
use serde::{Deserialize, Serialize};

/// One element for each index, along an axis.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct TakeAlong {
    /// The indexed axis.
    pub axis: usize,
}

impl Operator for TakeAlong {
    fn infer(&self, cx: &Infer<'_>) -> Result<Types, OpError> {
        let [x, indices] = cx.expect::<2>()?;
        check_axis(self.axis, x.rank())?;
        check_index("indices", indices)?;
        check_equal("ranks", &x.rank().into(), &indices.rank().into())?;
        for axis in (0..x.rank()).filter(|&a| a != self.axis) {
            check_equal(&format!("extents of axis {axis}"), &x.shape[axis], &indices.shape[axis])?;
        }
        one(x.with_shape(indices.shape.clone()))
    }

    fn decompose(&self, graph: &mut Graph, inputs: &[NodeId]) -> Result<Option<Vec<NodeId>>, GraphError> {
        let shape = graph.shape(inputs[0]).clone();
        let flat = graph.reshape(inputs[0], [shape.elements()])?;
        let index = linear_index(graph, inputs[1], &shape, self.axis)?;
        Ok(Some(vec![graph.apply(Gather { axis: 0 }, &[flat, index])?]))
    }

    fn evaluate(&self, cx: &Evaluate<'_>) -> Result<Vec<Array>, OpError> {
        let [x, indices] = cx.expect::<2>()?;
        let chosen = in_range("index", indices.as_ints()?, x.shape[self.axis])?;
        let strides = strides(&x.shape);
        let mut coordinates = Coordinates::new(&indices.shape);
        let mut sources = Vec::with_capacity(chosen.len());
        for index in chosen {
            let Some(at) = coordinates.next() else { break };
            let position = |(axis, &c): (usize, &usize)| {
                (if axis == self.axis { index } else { c }) * strides[axis] as usize
            };
            sources.push(at.iter().enumerate().map(position).sum());
        }
        let values = x.values.pick(sources.into_iter());
        Ok(vec![Array { dtype: x.dtype, shape: indices.shape.clone(), values }])
    }

    fn gradient(&self, cx: &mut Backward<'_>) -> Result<Vec<Option<NodeId>>, GraphError> {
        let (x, indices, d) = (cx.input_type(0), cx.input(1), cx.gradient()?);
        let g = &mut *cx.graph;
        let index = linear_index(g, indices, &x.shape, self.axis)?;
        let count = g.shape(indices).elements();
        let index = g.reshape(index, [count.clone()])?;
        let updates = g.reshape(d, [count])?;
        let none = zeros(g, &x.with_shape([x.shape.elements()]))?;
        let sum = g.apply(Scatter { axis: 0, op: ScatterOp::Add }, &[none, index, updates])?;
        Ok(vec![Some(g.reshape(sum, x.shape)?), None])
    }
}

/// Where in a flat tensor of `shape` each index along `axis` points. One out of range becomes -1, which is out of range there too: it must not
/// reach into the next row.
fn linear_index(
    graph: &mut Graph,
    indices: NodeId,
    shape: &Shape,
    axis: usize,
) -> Result<NodeId, GraphError> {
    let given = graph.dtype(indices);
    let small = shape.elements().as_const().is_some_and(|n| n <= i64::from(i32::MAX));
    let dtype =
        if small || matches!(given, DType::I8 | DType::I16 | DType::I32) { DType::I32 } else { DType::I64 };
    // 64-bit indices are tested before they lose their upper half; narrow ones are widened, so that the extent fits.
    let wide = if matches!(given, DType::I64 | DType::U64 | DType::U32) { given } else { dtype };
    let index = graph.cast(indices, wide)?;
    let zero = graph.constant_scalar(Scalar::zero(wide), wide)?;
    let extent = graph.size(&shape[axis])?;
    let extent = graph.cast(extent, wide)?;
    let not_negative = graph.compare(CompareOp::Ge, index, zero)?;
    let below = graph.compare(CompareOp::Lt, index, extent)?;
    let valid = graph.binary(BinaryOp::And, not_negative, below)?;
    let index = graph.cast(index, dtype)?;
    let all = graph.shape(indices).clone();
    let mut sum = None;
    for (a, stride) in shape.strides().iter().enumerate() {
        let coordinate = if a == axis { index } else { graph.iota(all.clone(), a, dtype)? };
        let stride = graph.size(stride)?;
        let stride = graph.cast(stride, dtype)?;
        let part = graph.mul(coordinate, stride)?;
        sum = Some(match sum {
            None => part,
            Some(sum) => graph.add(sum, part)?,
        });
    }
    let outside = graph.constant_scalar(Scalar::Int(-1), dtype)?;
    graph.select(valid, sum.unwrap_or(index), outside)
}
