//! Graphs as text, for people.
//!
//! ```text
//! graph mlp {
//!   %0 = input "x" : f32[batch, 4]
//!   %1 = parameter "w" : f32[4, 2]
//!   %2 = matmul(%0, %1) : f32[batch, 2]  // layer.0
//!   return y = %2
//! }
//! ```
//!
//! Files hold the nodes themselves (they serialise); this text is not read back.

use crate::graph::{Graph, Node};
use crate::op::Op;
use crate::{Dim, Scalar};
use std::fmt::{self, Write};

impl fmt::Display for Graph {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_graph(f, self, &format!("graph {}", self.name), 0)?;
        f.write_char('\n')
    }
}

fn write_graph(f: &mut fmt::Formatter<'_>, graph: &Graph, head: &str, depth: usize) -> fmt::Result {
    let indent = "  ".repeat(depth);
    writeln!(f, "{} {{", head.trim_end())?;
    for (id, node) in graph.nodes().iter() {
        write!(f, "{indent}  {id} = {}", expression(node))?;
        for (i, ty) in node.types.iter().enumerate() {
            write!(f, "{}{ty}", if i == 0 { " : " } else { ", " })?;
        }
        if let Some(name) = &node.name {
            write!(f, "  // {name}")?;
        }
        for region in &node.regions {
            write_graph(f, region, &format!("\n{indent}  region {}", region.name), depth + 1)?;
        }
        f.write_char('\n')?;
    }
    for assign in &graph.assigns {
        writeln!(f, "{indent}  assign {} = {}", assign.variable, assign.value)?;
    }
    let outputs: Vec<String> = graph.outputs.iter().map(|o| format!("{} = {}", o.name, o.node)).collect();
    writeln!(f, "{indent}  return {}", outputs.join(", "))?;
    write!(f, "{indent}}}")
}

/// `matmul(%1, %2)`, with attributes after the operands.
fn expression(node: &Node) -> String {
    let operands = node.inputs.iter().map(|id| id.to_string());
    let all: Vec<String> = operands.chain(attributes(&node.op)).collect();
    match node.op.leaf_name() {
        Some(name) => format!("{} {name:?}", node.op.name()),
        None => format!("{}({})", node.op.label(), all.join(", ")),
    }
}

/// The attributes of an op that its label and the types do not show already, as `name=value`.
pub(crate) fn attributes(op: &Op) -> Vec<String> {
    match op {
        Op::Constant(constant) => {
            let values =
                constant.value.scalars().take(4).map(|s| s.to_string()).collect::<Vec<_>>().join(", ");
            vec![if constant.value.elements() > 4 { format!("{values}, …") } else { values }]
        }
        Op::Input(_)
        | Op::Parameter(_)
        | Op::Variable(_)
        | Op::RandomBits(_)
        | Op::Reshape(_)
        | Op::Cast(_)
        | Op::Unary(_)
        | Op::Binary(_)
        | Op::Compare(_)
        | Op::MatMul(_) => Vec::new(),
        Op::Iota(op) => vec![format!("axis={}", op.axis)],
        Op::Size(op) => vec![op.size.to_string()],
        Op::Transpose(op) => vec![format!("{:?}", op.permutation)],
        Op::Broadcast(op) => vec![format!("axes={:?}", op.axes)],
        Op::Slice(op) => vec![format!("starts={}", dims(&op.starts)), format!("steps={:?}", op.steps)],
        Op::Pad(op) => {
            vec![
                format!("low={}", dims(&op.low)),
                format!("high={}", dims(&op.high)),
                format!("value={}", op.value),
            ]
        }
        Op::DynamicSlice(op) => vec![format!("axis={}", op.axis)],
        Op::Reduce(op) => vec![format!("axes={:?}", op.axes)],
        Op::Attention(op) => vec![format!("scale={}", op.scale), format!("causal={}", op.causal)],
        Op::AttentionBackward(op) => vec![format!("scale={}", op.scale), format!("causal={}", op.causal)],
        Op::OneHot(op) => vec![format!("axis={}", op.axis)],
        Op::Uniform(_) | Op::Normal(_) => Vec::new(),
        Op::RmsNorm(op) => vec![scalar("epsilon", op.epsilon)],
        Op::BatchNorm(op) => vec![scalar("epsilon", op.epsilon)],
        Op::GroupNorm(op) => vec![format!("groups={}", op.groups), scalar("epsilon", op.epsilon)],
        Op::QuantizeLinear(op) => vec![format!("axis={}", op.axis)],
        Op::LayerNorm(op) => vec![scalar("epsilon", op.epsilon)],
        Op::Dropout(op) => vec![scalar("p", op.p)],
        Op::Project(op) => vec![op.index.to_string()],
        other => fields(other),
    }
}

fn scalar(name: &str, value: Scalar) -> String {
    format!("{name}={value}")
}

fn dims(list: &[Dim]) -> String {
    let items: Vec<String> = list.iter().map(|d| d.to_string()).collect();
    format!("[{}]", items.join(", "))
}

/// The fields that `Debug` shows, for ops whose attributes are plain numbers and lists: `Gather(Gather { axis: 0 })` has `axis=0`.
fn fields(op: &Op) -> Vec<String> {
    let text = format!("{op:?}");
    match (text.find('{'), text.rfind('}')) {
        (Some(open), Some(close)) if open < close => vec![text[open + 1..close].trim().replace(": ", "=")],
        _ => Vec::new(),
    }
}
