//! Refuses dtypes that a target lacks.

use crate::error::{GraphError, OpError};
use crate::{Graph, Target};

/// Checks that `target` has the dtype of every live node, in regions too.
///
/// Errors: [`OpError::Unsupported`] of the first node whose dtype it lacks.
pub fn check_dtypes(graph: &Graph, target: &Target) -> Result<(), GraphError> {
    let live = graph.live();
    for (_, node) in graph.nodes().iter().filter(|(id, _)| live[id.index()]) {
        for region in &node.regions {
            check_dtypes(region, target)?;
        }
        if let Some(ty) = node.types.iter().find(|ty| !target.dtypes.contains(&ty.dtype)) {
            let supported = target.dtypes.iter().map(|d| d.name()).collect::<Vec<_>>().join(", ");
            let error = OpError::Unsupported { dtype: ty.dtype, target: target.name.clone(), supported };
            return Err(graph.error_at(node, error));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::DType;

    #[test]
    fn the_error_names_op_dtype_target_and_node() -> Result<(), GraphError> {
        let mut g = Graph::new("wide");
        let x = g.input("x", DType::F32, [2])?;
        let wide = g.cast(x, DType::F64)?;
        g.set_name(wide, "encoder.wide");
        g.output("y", wide);
        let mut target = Target::unlimited("wgpu");
        check_dtypes(&g, &target)?;
        target.dtypes.remove(&DType::F64);
        let message = check_dtypes(&g, &target).map_err(|e| e.to_string());
        let message = message.err().unwrap_or_default();
        for part in ["cast", "f64", "wgpu", "encoder.wide", "f32[2]", "hint"] {
            assert!(message.contains(part), "{part} is missing in: {message}");
        }
        Ok(())
    }
}
