//! The tensors of a Hadal file against the leaves of its graph.

use crate::FormatError;
use hadal_graph::op::Op;
use hadal_graph::{DType, Graph, Shape, TensorType};
use std::collections::{BTreeMap, BTreeSet};

/// Checks that the tensors are exactly the parameters and variables of the graph and its regions. Errors: `Weight`.
pub(super) fn check<'a>(
    graph: &Graph,
    tensors: impl Iterator<Item = (&'a str, DType, &'a [usize])>,
) -> Result<(), FormatError> {
    let mut declared = BTreeMap::new();
    collect(graph, &mut declared)?;
    let mut missing: BTreeSet<&str> = declared.keys().copied().collect();
    for (name, dtype, shape) in tensors {
        let found = TensorType::new(dtype, Shape::from(shape));
        match declared.get(name) {
            Some(&ty) if *ty == found => missing.remove(name),
            Some(ty) => {
                return Err(FormatError::weight(
                    name,
                    found.to_string(),
                    format!("{ty}, as the graph declares"),
                ));
            }
            None => {
                let expected = "only tensors that are parameters or variables of the graph";
                return Err(FormatError::weight(name, found.to_string(), expected));
            }
        };
    }
    match missing.first() {
        Some(name) => {
            Err(FormatError::weight(*name, "none", format!("{}, as the graph declares", declared[name])))
        }
        None => Ok(()),
    }
}

/// Types of the weights by name; a region may read the same one as its owner.
fn collect<'g>(graph: &'g Graph, into: &mut BTreeMap<&'g str, &'g TensorType>) -> Result<(), FormatError> {
    for (_, node) in graph.nodes().iter() {
        let leaf = match &node.op {
            Op::Parameter(op) => Some((&op.name, &op.ty)),
            Op::Variable(op) => Some((&op.name, &op.ty)),
            _ => None,
        };
        if let Some((name, ty)) = leaf
            && let Some(other) = into.insert(name, ty)
            && other != ty
        {
            return Err(FormatError::weight(name, format!("declared as {other} and as {ty}"), "one type"));
        }
        for region in &node.regions {
            collect(region, into)?;
        }
    }
    Ok(())
}
