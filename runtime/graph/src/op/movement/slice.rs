//! Every `step`-th element from a start.
//!
//! | | |
//! |---|---|
//! | inputs | `x`, any dtype |
//! | output | `extents`; element `i` along an axis is `x[start + i * step]`; a negative step reverses |
//! | ONNX / PyTorch | `Slice` / indexing, `torch.flip` |

use super::Pad;
use crate::error::{GraphError, OpError};
use crate::gradient::{Backward, zeros};
use crate::graph::{Graph, NodeId};
use crate::op::{Infer, Operator, Types, check_equal, one};
use crate::reference::{Array, Evaluate, offsets, strides};
use crate::{Dim, Scalar, Shape, TensorType};
use serde::{Deserialize, Serialize};

/// Every `step`-th element from a start, along each axis.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Slice {
    /// First element along each axis.
    pub starts: Vec<Dim>,
    /// Number of elements along each axis.
    pub extents: Vec<Dim>,
    /// Distance of elements along each axis; not zero.
    pub steps: Vec<i64>,
}

impl Operator for Slice {
    fn infer(&self, cx: &Infer<'_>) -> Result<Types, OpError> {
        let [x] = cx.expect::<1>()?;
        for given in [self.starts.len(), self.extents.len(), self.steps.len()] {
            check_equal(
                "the rank and the number of starts, extents and steps",
                &x.rank().into(),
                &given.into(),
            )?;
        }
        for (axis, extent) in x.shape.iter().enumerate() {
            let (start, count, step) = (&self.starts[axis], &self.extents[axis], self.steps[axis]);
            if step == 0 {
                return Err(OpError::Attribute("the step of a slice must not be 0".into()));
            }
            let last = start + (count - 1) * step;
            let outside = |position: &Dim| match (position.as_const(), (position - extent).as_const()) {
                (Some(p), _) if p < 0 => true,
                (_, Some(past)) => past >= 0,
                _ => false,
            };
            if count.as_const().is_some_and(|c| c < 0) || (!count.is(0) && (outside(start) || outside(&last)))
            {
                return Err(OpError::Attribute(format!(
                    "elements {start} to {last} of axis {axis} are outside its extent {extent}"
                )));
            }
        }
        one(x.with_shape(Shape(self.extents.clone())))
    }

    fn evaluate(&self, cx: &Evaluate<'_>) -> Result<Vec<Array>, OpError> {
        let [x] = cx.expect::<1>()?;
        let shape = cx.shape()?;
        let own = strides(&x.shape);
        if shape.contains(&0) {
            return Ok(vec![Array { dtype: x.dtype, shape, values: x.values.pick([].into_iter()) }]);
        }
        let (mut along, mut first) = (Vec::new(), 0);
        for (axis, &count) in shape.iter().enumerate() {
            let (start, step, extent) = (cx.size(&self.starts[axis])?, self.steps[axis], x.shape[axis]);
            let last = start as i128 + (count as i128 - 1) * step as i128;
            if last.min(start as i128) < 0 || last.max(start as i128) >= extent as i128 {
                return Err(OpError::Value(format!(
                    "elements {start} to {last} of axis {axis} are outside its extent {extent}"
                )));
            }
            first += start * own[axis];
            along.push(if count > 1 { step * own[axis] } else { 0 });
        }
        let values = x.values.pick(offsets(&shape, &along, first));
        Ok(vec![Array { dtype: x.dtype, shape, values }])
    }

    fn gradient(&self, cx: &mut Backward<'_>) -> Result<Vec<Option<NodeId>>, GraphError> {
        let (shape, d) = (cx.input_type(0).shape, cx.gradient()?);
        Ok(vec![Some(unslice(cx.graph, d, &self.starts, &self.steps, &shape)?)])
    }
}

/// Zeros of `shape` with `x` at the places that a slice with these starts and steps takes: what slicing is the transpose of.
pub(crate) fn unslice(
    graph: &mut Graph,
    x: NodeId,
    starts: &[Dim],
    steps: &[i64],
    shape: &Shape,
) -> Result<NodeId, GraphError> {
    let extents = graph.shape(x).clone();
    if extents.iter().any(|e| e.is(0)) {
        return zeros(graph, &TensorType::new(graph.dtype(x), shape.clone()));
    }
    // Reverse what goes backwards, then put zeros between what is apart.
    let mut x = x;
    if steps.iter().any(|&step| step < 0) {
        let from = |a: usize| if steps[a] < 0 { &extents[a] - 1 } else { Dim::ZERO };
        let reverse = Slice {
            starts: (0..steps.len()).map(from).collect(),
            extents: extents.0.clone(),
            steps: steps.iter().map(|&step| step.signum()).collect(),
        };
        x = graph.apply(reverse, &[x])?;
    }
    let strides: Vec<usize> = steps.iter().map(|step| step.unsigned_abs() as usize).collect();
    x = dilate(graph, x, &strides)?;
    let (mut low, mut high) = (Vec::new(), Vec::new());
    for axis in 0..shape.rank() {
        let first = if steps[axis] < 0 {
            &starts[axis] + (&extents[axis] - 1) * steps[axis]
        } else {
            starts[axis].clone()
        };
        high.push(&shape[axis] - &first - &graph.shape(x)[axis]);
        low.push(first);
    }
    if low.iter().chain(&high).all(|p| p.is(0)) {
        return Ok(x);
    }
    graph.apply(Pad { low, high, value: Scalar::zero(graph.dtype(x)) }, &[x])
}

/// `stride - 1` zeros between elements that are neighbours along an axis: extents become `(n - 1) * stride + 1`.
pub(crate) fn dilate(graph: &mut Graph, x: NodeId, strides: &[usize]) -> Result<NodeId, GraphError> {
    if strides.iter().all(|&stride| stride == 1) {
        return Ok(x);
    }
    let extents = graph.shape(x).clone();
    let paired: Shape = extents.iter().flat_map(|e| [e.clone(), Dim::ONE]).collect();
    let gaps = strides.iter().flat_map(|&stride| [Dim::ZERO, Dim::from(stride - 1)]).collect();
    let apart = graph.reshape(x, paired)?;
    let value = Scalar::zero(graph.dtype(x));
    let spread = graph.apply(Pad { low: vec![Dim::ZERO; 2 * strides.len()], high: gaps, value }, &[apart])?;
    let whole: Shape = extents.iter().zip(strides).map(|(e, &stride)| e * stride).collect();
    let spread = graph.reshape(spread, whole)?;
    let cut = Slice {
        starts: vec![Dim::ZERO; strides.len()],
        extents: extents.iter().zip(strides).map(|(e, &stride)| (e - 1) * stride + 1).collect(),
        steps: vec![1; strides.len()],
    };
    graph.apply(cut, &[spread])
}
