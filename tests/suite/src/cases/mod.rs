//! The library of op cases.

mod composite;
mod contraction;
mod control;
mod elementwise;
mod fused;
pub mod large;
mod movement;
mod reduction;

use crate::Case;
use hadal_graph::{DType, Graph, GraphError, NodeId};

/// Every dtype that all backends must run; `F64` is for cpu alone.
pub const EVERYWHERE: [DType; 12] = [
    DType::Bool,
    DType::I8,
    DType::I16,
    DType::I32,
    DType::I64,
    DType::U8,
    DType::U16,
    DType::U32,
    DType::U64,
    DType::F16,
    DType::BF16,
    DType::F32,
];

/// All cases for the given dtypes.
///
/// Errors: a case whose graph is wrong.
pub fn all(dtypes: &[DType]) -> Result<Vec<Case>, GraphError> {
    let mut cases = Vec::new();
    elementwise::cases(dtypes, &mut cases)?;
    movement::cases(dtypes, &mut cases)?;
    reduction::cases(dtypes, &mut cases)?;
    contraction::cases(dtypes, &mut cases)?;
    composite::cases(dtypes, &mut cases)?;
    fused::cases(dtypes, &mut cases)?;
    control::cases(&mut cases)?;
    Ok(cases)
}

/// An input whose extents are known.
fn input(g: &mut Graph, name: &str, dtype: DType, shape: &[usize]) -> Result<NodeId, GraphError> {
    g.input(name, dtype, shape)
}

/// The float dtypes among `dtypes`.
fn floats(dtypes: &[DType]) -> Vec<DType> {
    dtypes.iter().copied().filter(|d| d.is_float()).collect()
}

/// The dtypes that arithmetic takes.
fn numbers(dtypes: &[DType]) -> Vec<DType> {
    dtypes.iter().copied().filter(|d| *d != DType::Bool).collect()
}
