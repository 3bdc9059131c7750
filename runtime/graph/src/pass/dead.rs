//! Drops what nothing needs.

use crate::error::GraphError;
use crate::graph::{Assign, Graph, NodeId, Output};
use std::sync::Arc;

/// Drops nodes on which no output and no assign depends, in regions too. Inputs stay, as callers count on their order.
///
/// Errors: none.
pub fn dead(graph: &Graph) -> Result<Graph, GraphError> {
    let live = graph.live();
    let mut result = Graph::new(graph.name.clone());
    let mut map: Vec<Option<NodeId>> = Vec::with_capacity(live.len());
    // What a live node needs is live and earlier, so it is in the map.
    let new = |map: &[Option<NodeId>], old: NodeId| map[old.index()].unwrap_or(old);
    for (id, node) in graph.nodes().iter() {
        if !live[id.index()] {
            map.push(None);
            continue;
        }
        let mut copy = node.clone();
        for input in &mut copy.inputs {
            *input = new(&map, *input);
        }
        for region in &mut copy.regions {
            *region = Arc::new(dead(region)?);
        }
        map.push(Some(result.push(copy)));
    }
    let outputs = graph.outputs.iter().map(|o| Output { name: o.name.clone(), node: new(&map, o.node) });
    result.outputs = outputs.collect();
    let assigns = graph.assigns.iter();
    result.assigns =
        assigns.map(|a| Assign { variable: new(&map, a.variable), value: new(&map, a.value) }).collect();
    Ok(result)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::DType;

    #[test]
    fn inputs_and_assigned_values_stay() -> Result<(), GraphError> {
        let mut g = Graph::new("state");
        let x = g.input("x", DType::F32, [2])?;
        g.input("unused", DType::F32, [2])?;
        g.parameter("unused too", DType::F32, [2])?;
        let v = g.variable("v", DType::F32, [2])?;
        let next = g.add(v, x)?;
        g.set_name(next, "next");
        g.assign(v, next)?;
        g.mul(next, next)?;
        let kept = dead(&g)?;
        kept.validate()?;
        assert_eq!(kept.inputs().len(), 2);
        assert_eq!(kept.nodes().len(), 4);
        assert_eq!(kept.node(kept.assigns[0].value).name.as_deref(), Some("next"));
        assert_eq!(kept.node(kept.assigns[0].value).location, g.node(next).location);
        Ok(())
    }
}
