//! Class numbers as vectors.
//!
//! | | |
//! |---|---|
//! | inputs | `indices: [I..]`, an integer dtype |
//! | output | `dtype`, with a new axis of extent `depth`: 1 at the index, 0 elsewhere; all 0 for an index outside `0..depth` |
//! | decomposes to | a comparison with [`Iota`](crate::op::Iota) |
//! | ONNX / PyTorch | `OneHot` / `torch.nn.functional.one_hot` |

use crate::error::{GraphError, OpError};
use crate::gradient::Backward;
use crate::graph::{Graph, NodeId};
use crate::op::movement::check_index;
use crate::op::{Infer, Operator, Types, one};
use crate::program::CompareOp;
use crate::reference::{Array, Coordinates, Evaluate, Values, strides};
use crate::{DType, Dim, Scalar, TensorType};
use serde::{Deserialize, Serialize};

/// Class numbers as vectors.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct OneHot {
    /// Where the new axis is put in.
    pub axis: usize,
    /// Number of classes.
    pub depth: Dim,
    /// The dtype of the result.
    pub dtype: DType,
}

impl Operator for OneHot {
    fn infer(&self, cx: &Infer<'_>) -> Result<Types, OpError> {
        let [indices] = cx.expect::<1>()?;
        check_index("indices", indices)?;
        if self.axis > indices.rank() {
            return Err(OpError::Axis { axis: self.axis as i64, rank: indices.rank() + 1 });
        }
        let mut shape = indices.shape.clone();
        shape.0.insert(self.axis, self.depth.clone());
        one(TensorType::new(self.dtype, shape))
    }

    fn decompose(&self, graph: &mut Graph, inputs: &[NodeId]) -> Result<Option<Vec<NodeId>>, GraphError> {
        // Class numbers may not fit a narrow index type.
        let given = graph.dtype(inputs[0]);
        let dtype = if given.size() < 4 { DType::I32 } else { given };
        let indices = graph.cast(inputs[0], dtype)?;
        let indices = graph.unsqueeze(indices, self.axis)?;
        let shape = graph.shape(indices).with(self.axis, self.depth.clone());
        let classes = graph.iota(shape, self.axis, dtype)?;
        let chosen = graph.compare(CompareOp::Eq, classes, indices)?;
        Ok(Some(vec![graph.cast(chosen, self.dtype)?]))
    }

    fn evaluate(&self, cx: &Evaluate<'_>) -> Result<Vec<Array>, OpError> {
        let [indices] = cx.expect::<1>()?;
        let shape = cx.shape()?;
        let strides = strides(&shape);
        let zero = Scalar::zero(self.dtype);
        let mut values = Values::filled(self.dtype, zero, shape.iter().product());
        let mut coordinates = Coordinates::new(&indices.shape);
        let mut chosen = Vec::new();
        for &index in indices.as_ints()? {
            let Some(at) = coordinates.next() else { break };
            if (0..shape[self.axis] as i128).contains(&index) {
                let axes = (0..shape.len()).filter(|&a| a != self.axis);
                let rest: usize = axes.zip(at).map(|(axis, &c)| strides[axis] as usize * c).sum();
                chosen.push(rest + strides[self.axis] as usize * index as usize);
            }
        }
        let ones = Values::filled(self.dtype, Scalar::one(self.dtype), chosen.len());
        values.put(chosen.into_iter(), &ones);
        Ok(vec![Array { dtype: self.dtype, shape, values }])
    }

    fn gradient(&self, _cx: &mut Backward<'_>) -> Result<Vec<Option<NodeId>>, GraphError> {
        Ok(vec![None])
    }
}
