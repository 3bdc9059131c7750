//! One number for each channel of `[n, c, spatial..]`.

use crate::error::{GraphError, OpError};
use crate::graph::{Graph, NodeId};
use crate::op::check_equal;
use crate::{Dim, TensorType};

/// Checks that `vector` is `[c]` of `x`'s dtype. Errors: `DType`, `Rank`, `Extents`.
pub(super) fn check(what: &str, vector: &TensorType, x: &TensorType) -> Result<(), OpError> {
    if vector.dtype != x.dtype {
        return Err(OpError::DType { what: what.into(), expected: x.dtype.to_string(), given: vector.dtype });
    }
    if x.rank() < 2 {
        let expected = "at least 2 ([n, c, spatial..])".into();
        return Err(OpError::Rank { what: "the operand".into(), expected, given: x.rank() });
    }
    if vector.rank() != 1 {
        return Err(OpError::Rank { what: what.into(), expected: "1".into(), given: vector.rank() });
    }
    check_equal(&format!("the extent of {what} and the number of channels"), &vector.shape[0], &x.shape[1])
}

/// `[c]` as `[c, 1..]`, so that it broadcasts with a tensor of this rank.
pub(super) fn align(graph: &mut Graph, vector: NodeId, rank: usize) -> Result<NodeId, GraphError> {
    let mut shape = graph.shape(vector).clone();
    shape.0.resize(rank - 1, Dim::ONE);
    graph.reshape(vector, shape)
}
