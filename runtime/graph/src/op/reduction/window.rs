//! Reduction over sliding windows: pooling.
//!
//! | | |
//! |---|---|
//! | inputs | `x` |
//! | output | `(low + n + high - dilation * (size - 1) - 1) / stride + 1` along each axis; padding is left out of the reduction |
//! | gradient | of a maximum or minimum: to the first element of the window that equals it, as in PyTorch |
//! | ONNX / PyTorch | `MaxPool`, `AveragePool` / `torch.nn.functional.max_pool2d` |

use super::{combine_floats, combine_ints, identity};
use crate::error::{GraphError, OpError};
use crate::gradient::{Backward, zeros};
use crate::graph::{Graph, NodeId};
use crate::op::movement::{dilate, unslice};
use crate::op::{Infer, Operator, Types, check_equal, one};
use crate::op::{Pad, Slice};
use crate::program::{CompareOp, ReduceOp};
use crate::reference::{Array, Coordinates, Evaluate, Values, strides};
use crate::{DType, Dim, Shape, TensorType};
use serde::{Deserialize, Serialize};

/// Reduction over sliding windows, one entry for each axis in every list.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Window {
    /// `Sum`, `Product`, `Max` or `Min`.
    pub op: ReduceOp,
    /// Extent of the window.
    pub size: Vec<usize>,
    /// Distance of windows.
    pub stride: Vec<usize>,
    /// Distance of elements within a window.
    pub dilation: Vec<usize>,
    /// Padding before.
    pub low: Vec<usize>,
    /// Padding after.
    pub high: Vec<usize>,
}

impl Operator for Window {
    fn infer(&self, cx: &Infer<'_>) -> Result<Types, OpError> {
        let [x] = cx.expect::<1>()?;
        for list in [&self.size, &self.stride, &self.dilation, &self.low, &self.high] {
            check_equal("the rank and the length of every attribute", &x.rank().into(), &list.len().into())?;
        }
        if matches!(self.op, ReduceOp::ArgMax | ReduceOp::ArgMin) {
            return Err(OpError::Attribute("windows have no positions".into()));
        }
        let shape: Result<Shape, OpError> = (0..x.rank())
            .map(|a| {
                windows(
                    &x.shape[a],
                    self.size[a],
                    self.stride[a],
                    self.dilation[a],
                    self.low[a],
                    self.high[a],
                )
            })
            .collect();
        one(x.with_shape(shape?))
    }

    fn evaluate(&self, cx: &Evaluate<'_>) -> Result<Vec<Array>, OpError> {
        let [x] = cx.expect::<1>()?;
        let shape = cx.shape()?;
        let own = strides(&x.shape);
        let count = shape.iter().product();
        let mut values = Values::filled(x.dtype, identity(self.op, x.dtype), count);
        let mut windows = Coordinates::new(&shape);
        let mut result = 0;
        while let Some(window) = windows.next() {
            let mut within = Coordinates::new(&self.size);
            while let Some(offset) = within.next() {
                let Some(element) = self.element(&x.shape, &own, window, offset) else { continue };
                match (&mut values, &x.values) {
                    (Values::Float(to), Values::Float(from)) => {
                        to[result] = combine_floats(self.op, to[result], from[element]);
                    }
                    (Values::Int(to), Values::Int(from)) => {
                        to[result] = combine_ints(self.op, to[result], from[element], x.dtype);
                    }
                    _ => {}
                }
            }
            result += 1;
        }
        Ok(vec![Array { dtype: x.dtype, shape, values }])
    }

    fn gradient(&self, cx: &mut Backward<'_>) -> Result<Vec<Option<NodeId>>, GraphError> {
        let (x, y, ty, d) = (cx.input(0), cx.node, cx.input_type(0), cx.gradient()?);
        let g = &mut *cx.graph;
        if self.op == ReduceOp::Sum {
            return Ok(vec![Some(self.sum_gradient(g, &ty, d)?)]);
        }
        if self.op != ReduceOp::Product && self.lie_side_by_side() {
            let by = if self.op == ReduceOp::Max { ReduceOp::ArgMax } else { ReduceOp::ArgMin };
            return Ok(vec![Some(self.extreme_gradient(g, &ty, x, d, by)?)]);
        }
        let places = self.places(&ty, g.shape(y));
        // What lies under each element of the window, for all windows at once.
        let border = identity(self.op, ty.dtype);
        let (low, high) = (dims(&self.low), dims(&self.high));
        let padded = g.apply(Pad { low, high, value: border }, &[x])?;
        let mut elements = Vec::new();
        for place in &places {
            elements.push(g.apply(place.clone(), &[padded])?);
        }
        let mut terms = Vec::new();
        if self.op == ReduceOp::Product {
            let mut before = vec![g.constant_scalar(border, ty.dtype)?];
            let mut after = before.clone();
            for index in 0..elements.len() {
                before.push(g.mul(before[index], elements[index])?);
                after.push(g.mul(after[index], elements[elements.len() - 1 - index])?);
            }
            for index in 0..elements.len() {
                let others = g.mul(before[index], after[elements.len() - 1 - index])?;
                terms.push(g.mul(d, others)?);
            }
        } else {
            // The first that equals the extreme gets its gradient.
            let zero = g.scalar(0.0, ty.dtype)?;
            let mut open = d;
            for element in elements {
                let wins = g.compare(CompareOp::Eq, element, y)?;
                terms.push(g.select(wins, open, zero)?);
                open = g.select(wins, zero, open)?;
            }
        }
        Ok(vec![Some(self.gather_back(g, &ty, &places, &terms)?)])
    }
}

/// Number of windows along an axis of extent `n`. Errors: `Attribute`, when none fits.
pub(crate) fn windows(
    n: &Dim,
    size: usize,
    stride: usize,
    dilation: usize,
    low: usize,
    high: usize,
) -> Result<Dim, OpError> {
    if size == 0 || stride == 0 || dilation == 0 {
        return Err(OpError::Attribute("window size, stride and dilation must be positive".into()));
    }
    let reach = dilation.saturating_mul(size - 1).saturating_add(1);
    let space = n + low + high - reach;
    if space.as_const().is_some_and(|s| s < 0) {
        return Err(OpError::Attribute(format!(
            "a window that reaches over {reach} elements does not fit {n} with padding {low} and {high}"
        )));
    }
    Ok(space.floor_div(&stride.into()) + 1)
}

impl Window {
    /// Where the element at `offset` of window number `window` lies; `None` in the padding.
    fn element(&self, shape: &[usize], strides: &[i64], window: &[usize], offset: &[usize]) -> Option<usize> {
        let mut element = 0;
        for axis in 0..shape.len() {
            let padded = window[axis] * self.stride[axis] + offset[axis] * self.dilation[axis];
            let position = padded.checked_sub(self.low[axis]).filter(|&p| p < shape[axis])?;
            element += position * strides[axis] as usize;
        }
        Some(element)
    }
}

impl Window {
    /// For each element of the window, the slice of the padded input that it covers as windows move.
    fn places(&self, x: &TensorType, result: &Shape) -> Vec<Slice> {
        let mut places = Vec::new();
        let mut within = Coordinates::new(&self.size);
        while let Some(offset) = within.next() {
            places.push(Slice {
                starts: (0..x.rank()).map(|a| Dim::from(offset[a] * self.dilation[a])).collect(),
                extents: result.0.clone(),
                steps: self.stride.iter().map(|&s| s as i64).collect(),
            });
        }
        places
    }

    /// Whether no element is in two windows, and none is padding.
    fn lie_side_by_side(&self) -> bool {
        let unpadded = self.low.iter().chain(&self.high).all(|&n| n == 0);
        unpadded && self.stride == self.size && self.dilation.iter().all(|&n| n == 1)
    }

    /// Of windows side by side, each element is the extreme of its one window or gets nothing: windows become rows, in which `by` finds it.
    fn extreme_gradient(
        &self,
        g: &mut Graph,
        ty: &TensorType,
        x: NodeId,
        d: NodeId,
        by: ReduceOp,
    ) -> Result<NodeId, GraphError> {
        let windows = g.shape(d).clone();
        let rank = windows.rank();
        // [w0, s0, w1, s1, ..] without sizes of 1, and where each of the axes [w0, w1, .., s0, s1, ..] lies in it.
        let (mut split, mut outer, mut inner) = (Vec::new(), Vec::new(), Vec::new());
        for axis in 0..rank {
            outer.push(split.len());
            split.push(windows[axis].clone());
            if self.size[axis] > 1 {
                inner.push(split.len());
                split.push(self.size[axis].into());
            }
        }
        if inner.is_empty() {
            return Ok(d);
        }
        let order: Vec<usize> = outer.into_iter().chain(inner).collect();
        let count: usize = self.size.iter().product();
        let covered: Shape = (0..rank).map(|a| &windows[a] * self.size[a]).collect();
        let rows: Shape = windows.iter().cloned().chain([count.into()]).collect();
        let (starts, steps) = (vec![Dim::ZERO; rank], vec![1; rank]);
        let slice = Slice { starts: starts.clone(), extents: covered.0.clone(), steps: steps.clone() };
        let inside = if covered == ty.shape { x } else { g.apply(slice, &[x])? };
        let inside = g.reshape(inside, Shape(split))?;
        let inside = g.transpose(inside, &order)?;
        let turned = g.shape(inside).clone();
        let within: Vec<usize> = (rank..turned.rank()).collect();
        let place = g.reduce(by, inside, &within)?;
        let place = g.cast(place, DType::I32)?;
        let number = g.iota(rows, rank, DType::I32)?;
        let number = g.reshape(number, turned)?;
        let (mut place, mut given) = (place, d);
        for &axis in &within {
            (place, given) = (g.unsqueeze(place, axis)?, g.unsqueeze(given, axis)?);
        }
        let wins = g.compare(CompareOp::Eq, number, place)?;
        let zero = g.scalar(0.0, ty.dtype)?;
        let gradient = g.select(wins, given, zero)?;
        let mut back = vec![0; order.len()];
        order.iter().enumerate().for_each(|(to, &from)| back[from] = to);
        let gradient = g.transpose(gradient, &back)?;
        let gradient = g.reshape(gradient, covered.clone())?;
        if covered == ty.shape { Ok(gradient) } else { unslice(g, gradient, &starts, &steps, &ty.shape) }
    }

    /// Each element gets the sum of the gradients of the windows over it: a window sum itself.
    fn sum_gradient(&self, g: &mut Graph, x: &TensorType, d: NodeId) -> Result<NodeId, GraphError> {
        let reach: Vec<usize> = self.size.iter().zip(&self.dilation).map(|(n, gap)| (n - 1) * gap).collect();
        let spread = dilate(g, d, &self.stride)?;
        let over = Window {
            op: ReduceOp::Sum,
            size: self.size.clone(),
            stride: vec![1; x.rank()],
            dilation: self.dilation.clone(),
            low: reach.clone(),
            // At the end of the padded input lie up to `stride - 1` elements that no window reaches.
            high: reach.iter().zip(&self.stride).map(|(reach, stride)| reach + stride - 1).collect(),
        };
        let sum = g.apply(over, &[spread])?;
        let inside = Slice { starts: dims(&self.low), extents: x.shape.0.clone(), steps: vec![1; x.rank()] };
        g.apply(inside, &[sum])
    }

    /// The sum over the elements of the window of `terms`, each put back to where its element came from.
    fn gather_back(
        &self,
        g: &mut Graph,
        x: &TensorType,
        places: &[Slice],
        terms: &[NodeId],
    ) -> Result<NodeId, GraphError> {
        let padded: Shape = (0..x.rank()).map(|a| &x.shape[a] + self.low[a] + self.high[a]).collect();
        let mut sum = zeros(g, &x.with_shape(padded.clone()))?;
        for (place, &term) in places.iter().zip(terms) {
            let spread = unslice(g, term, &place.starts, &place.steps, &padded)?;
            sum = g.add(sum, spread)?;
        }
        let inside = Slice { starts: dims(&self.low), extents: x.shape.0.clone(), steps: vec![1; x.rank()] };
        g.apply(inside, &[sum])
    }
}

fn dims(sizes: &[usize]) -> Vec<Dim> {
    sizes.iter().map(|&n| n.into()).collect()
}
