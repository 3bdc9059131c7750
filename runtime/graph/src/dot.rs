//! Graphs as Graphviz DOT, for pictures: `hadal inspect MODEL --dot | dot -Tsvg`.

use crate::graph::Graph;
use crate::op::Op;
use crate::print::attributes;
use std::fmt::Write;

impl Graph {
    /// The graph in the DOT language: a box for each node, a cluster for each region, an arrow for each operand.
    pub fn to_dot(&self) -> String {
        let mut dot = String::from("digraph {\n  node [shape=box, fontname=\"sans-serif\", fontsize=10];\n");
        let mut clusters = 0;
        write_nodes(&mut dot, self, "n", &mut clusters, 1);
        dot.push_str("}\n");
        dot
    }
}

/// Writing to a string does not fail, so results of `write!` are dropped here.
fn write_nodes(dot: &mut String, graph: &Graph, prefix: &str, clusters: &mut usize, depth: usize) {
    let indent = "  ".repeat(depth);
    for (id, node) in graph.nodes().iter() {
        let mut label = node.op.label();
        match (&node.op, node.op.leaf_name()) {
            (_, Some(name)) => label = format!("{label} {name}"),
            (Op::Constant(_), _) => label = attributes(&node.op).join(", "),
            _ => {}
        }
        for ty in &node.types {
            let _ = write!(label, "\n{ty}");
        }
        if let Some(name) = &node.name {
            let _ = write!(label, "\n{name}");
        }
        let style = match &node.op {
            Op::Input(_) => ", style=filled, fillcolor=\"#cfe8ff\"",
            Op::Parameter(_) | Op::Variable(_) => ", style=filled, fillcolor=\"#e3f4d7\"",
            Op::Constant(_) => ", shape=plaintext",
            _ => "",
        };
        let name = format!("{prefix}{}", id.index());
        let _ = writeln!(dot, "{indent}{name} [label={}{style}];", quoted(&label));
        for input in &node.inputs {
            let _ = writeln!(dot, "{indent}{prefix}{} -> {name};", input.index());
        }
        for (number, region) in node.regions.iter().enumerate() {
            *clusters += 1;
            let title = if region.name.is_empty() { format!("region {number}") } else { region.name.clone() };
            let _ =
                writeln!(dot, "{indent}subgraph cluster_{clusters} {{\n{indent}  label={};", quoted(&title));
            write_nodes(dot, region, &format!("{name}_{number}_"), clusters, depth + 1);
            let _ = writeln!(dot, "{indent}}}");
        }
    }
    for (number, output) in graph.outputs.iter().enumerate() {
        let name = format!("{prefix}out{number}");
        let label = quoted(&output.name);
        let _ = writeln!(dot, "{indent}{name} [label={label}, shape=ellipse];");
        let _ = writeln!(dot, "{indent}{prefix}{} -> {name};", output.node.index());
    }
    for assign in &graph.assigns {
        let (value, variable) = (assign.value.index(), assign.variable.index());
        let _ =
            writeln!(dot, "{indent}{prefix}{value} -> {prefix}{variable} [style=dashed, constraint=false];");
    }
}

/// A DOT string; names may hold anything.
fn quoted(text: &str) -> String {
    format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n"))
}
