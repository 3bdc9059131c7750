//! The executable specification of graphs.

use crate::error::{GraphError, OpError};
use crate::graph::{Graph, Node, NodeId};
use crate::op::Op;
use crate::pass::check_types;
use std::collections::HashSet;

impl Graph {
    /// Checks everything that a graph promises; passes run it on what they return in debug builds, and whoever reads a graph from a file
    /// runs it on what was read.
    ///
    /// - a node's inputs are earlier nodes;
    /// - its types are what its op infers from them;
    /// - inputs, parameters and variables have names, each unique; [`Graph::inputs`] lists the inputs in order;
    /// - regions are valid, take nothing but their inputs, and assign nothing;
    /// - outputs and assigns name nodes; an assign gives a variable, at most once, a value of its type.
    ///
    /// Errors: the first promise that does not hold, with the node's name and location.
    pub fn validate(&self) -> Result<(), GraphError> {
        self.validate_nodes(false)?;
        for output in &self.outputs {
            if self.nodes().get(output.node).is_none() {
                return general(format!(
                    "output `{}` names the node {}, which does not exist",
                    output.name, output.node
                ));
            }
        }
        let mut assigned = HashSet::new();
        for assign in &self.assigns {
            let [Some(variable), Some(value)] =
                [assign.variable, assign.value].map(|id| self.nodes().get(id))
            else {
                return general(format!(
                    "an assign of {} to {} names a node that does not exist",
                    assign.value, assign.variable
                ));
            };
            let Op::Variable(op) = &variable.op else {
                return self.fail(variable, "is assigned to, but only variables can be".into());
            };
            if !assigned.insert(assign.variable) {
                return self.fail(variable, format!("the variable `{}` is assigned to twice", op.name));
            }
            if value.types[0] != op.ty {
                let message = format!(
                    "the variable `{}` is {}, but is assigned {} ({})",
                    op.name, op.ty, assign.value, value.types[0]
                );
                return self.fail(variable, message);
            }
        }
        Ok(())
    }

    /// The promises about nodes. `region`: whether an op owns this graph.
    fn validate_nodes(&self, region: bool) -> Result<(), GraphError> {
        let mut names: HashSet<&str> = HashSet::new();
        let mut inputs: Vec<NodeId> = Vec::new();
        for (id, node) in self.nodes().iter() {
            if let Some(late) = node.inputs.iter().find(|input| **input >= id) {
                let message = format!("node {id} ({}) reads {late}, which is not earlier", node.op.name());
                return general(message);
            }
            if let Some(name) = node.op.leaf_name() {
                if name.is_empty() {
                    return self.fail(node, "has no name".into());
                }
                if !names.insert(name) {
                    return self.fail(node, format!("another leaf is already named `{name}`"));
                }
            }
            match &node.op {
                Op::Input(_) => inputs.push(id),
                Op::Parameter(_) | Op::Variable(_) if region => {
                    let message =
                        "stands in a region, which sees only its own inputs: pass it as an operand".into();
                    return self.fail(node, message);
                }
                _ => {}
            }
            for owned in &node.regions {
                owned.validate_region().map_err(|error| GraphError {
                    op: format!("{} in a region of {}", error.op, node.op.name()),
                    ..error
                })?;
            }
            check_types(self, node)?;
        }
        if inputs != self.inputs() {
            return general(format!(
                "the list of inputs is {:?}, but the input nodes are {inputs:?}",
                self.inputs()
            ));
        }
        Ok(())
    }

    fn validate_region(&self) -> Result<(), GraphError> {
        self.validate_nodes(true)?;
        if let Some(output) = self.outputs.iter().find(|o| self.nodes().get(o.node).is_none()) {
            return general(format!(
                "output `{}` names the node {}, which does not exist",
                output.name, output.node
            ));
        }
        if !self.assigns.is_empty() {
            return general("a region assigns to a variable: carry it as state instead".into());
        }
        Ok(())
    }

    fn fail(&self, node: &Node, message: String) -> Result<(), GraphError> {
        Err(self.error_at(node, OpError::Attribute(message)))
    }
}

fn general(message: String) -> Result<(), GraphError> {
    Err(GraphError::general("graph", OpError::Attribute(message)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::graph::{Assign, Output};
    use crate::op::If;
    use crate::{DType, Scalar};
    use std::sync::Arc;

    fn message(g: &Graph) -> String {
        g.validate().map_or_else(|e| e.to_string(), |()| "valid".into())
    }

    fn valid() -> Result<(Graph, NodeId, NodeId), GraphError> {
        let mut g = Graph::new("test");
        let x = g.input("x", DType::F32, [2])?;
        let v = g.variable("v", DType::F32, [2])?;
        let sum = g.add(x, v)?;
        g.assign(v, sum)?;
        g.output("y", sum);
        assert_eq!(message(&g), "valid");
        Ok((g, v, sum))
    }

    #[test]
    fn what_graphs_promise_is_checked() -> Result<(), GraphError> {
        let (g, v, sum) = valid()?;
        let x = g.inputs()[0];

        let mut late = g.clone();
        let mut node = g.node(sum).clone();
        node.inputs[0] = NodeId::new(9);
        late.push(node);
        assert!(message(&late).contains("not earlier"));

        let mut wrong = g.clone();
        let mut node = g.node(sum).clone();
        node.types[0].dtype = DType::F16;
        node.name = Some("layer.add".into());
        wrong.push(node);
        assert!(message(&wrong).contains("recorded as (f16[2])") && message(&wrong).contains("layer.add"));

        let mut twice = g.clone();
        twice.parameter("x", DType::F32, [2])?;
        assert!(message(&twice).contains("already named `x`"));

        let mut output = g.clone();
        output.outputs.push(Output { name: "z".into(), node: NodeId::new(7) });
        assert!(message(&output).contains("`z`"));

        for (assign, part) in [
            (Assign { variable: x, value: sum }, "only variables"),
            (Assign { variable: v, value: sum }, "twice"),
            (Assign { variable: NodeId::new(8), value: sum }, "does not exist"),
        ] {
            let mut assigned = g.clone();
            assigned.assigns.push(assign);
            assert!(message(&assigned).contains(part), "{part}: {}", message(&assigned));
        }
        Ok(())
    }

    #[test]
    fn regions_see_only_their_inputs() -> Result<(), GraphError> {
        let mut then = Graph::new("then");
        let x = then.input("x", DType::F32, [2])?;
        let w = then.parameter("w", DType::F32, [2])?;
        let y = then.add(x, w)?;
        then.output("y", y);
        let region = Arc::new(then);
        let mut g = Graph::new("outer");
        let x = g.input("x", DType::F32, [2])?;
        let c = g.constant_scalar(Scalar::Bool(true), DType::Bool)?;
        let y = g.apply_regions(Op::If(If), &[c, x], vec![region.clone(), region])?;
        g.output("y", y);
        assert!(message(&g).contains("only its own inputs"), "{}", message(&g));
        Ok(())
    }
}
