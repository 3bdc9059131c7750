//! Cache entries that belong to something else: a key never serves two graphs, and a plan that was taken for another is noticed.

use crate::plant::devices;
use hadal::{Device, Tensor};
use hadal_graph::op::Op;
use hadal_graph::program::{BinaryOp, UnaryOp};
use hadal_graph::{DType, Graph, Node, Shape, compile};
use hadal_suite::{Case, Failure, random, run_compiled};
use serde_json::Value;
use std::collections::HashMap;
use std::sync::Arc;

/// Words that stand for variants of enums in attributes.
const WORDS: [&str; 16] = [
    "add", "sub", "max", "min", "sum", "arg_max", "set", "lt", "ge", "neg", "abs", "tanh", "F32", "F16",
    "I32", "f32",
];

/// All values that differ from `value` in one place.
fn attributes(value: &Value) -> Vec<Value> {
    match value {
        Value::Null => vec![Value::from("F32"), Value::from("f32")],
        Value::Bool(b) => vec![Value::Bool(!b)],
        Value::Number(n) => match n.as_i64() {
            Some(i) => vec![Value::from(i + 1), Value::from(i - 1)],
            None => n.as_f64().map(|x| Value::from(x + 0.25)).into_iter().collect(),
        },
        Value::String(text) => {
            // The bytes of constants are hexadecimal.
            let digit = if text.starts_with('3') { "4" } else { "3" };
            let bytes = text.get(1..).map(|rest| format!("{digit}{rest}"));
            let words = WORDS.iter().map(|w| w.to_string()).chain([format!("{text}x")]).chain(bytes);
            words.filter(|w| w != text).map(Value::from).collect()
        }
        Value::Array(items) => {
            let mut all = Vec::new();
            for (i, item) in items.iter().enumerate() {
                all.extend(attributes(item).into_iter().map(|changed| {
                    let mut items = items.clone();
                    items[i] = changed;
                    Value::Array(items)
                }));
            }
            for i in 1..items.len() {
                let mut swapped = items.clone();
                swapped.swap(i - 1, i);
                all.push(Value::Array(swapped));
            }
            all
        }
        Value::Object(fields) => {
            let mut all = Vec::new();
            for (name, field) in fields {
                all.extend(attributes(field).into_iter().map(|changed| {
                    let mut fields = fields.clone();
                    fields.insert(name.clone(), changed);
                    Value::Object(fields)
                }));
            }
            all
        }
    }
}

/// Nodes that differ from `node` in an attribute, a type or an operand. They need not make sense.
fn neighbours(node: &Node) -> Vec<Node> {
    let ops = attributes(&serde_json::to_value(&node.op).unwrap());
    let ops = ops.into_iter().filter_map(|value| serde_json::from_value::<Op>(value).ok());
    let mut all: Vec<Node> = ops.map(|op| Node { op, ..node.clone() }).collect();
    let mut other = node.clone();
    other.types[0].dtype = if node.types[0].dtype == DType::F64 { DType::U16 } else { DType::F64 };
    all.push(other);
    let mut other = node.clone();
    other.types[0].shape = Shape(node.types[0].shape.iter().cloned().chain([2.into()]).collect());
    all.push(other);
    if node.inputs.len() > 1 {
        let mut other = node.clone();
        other.inputs.reverse();
        all.push(other);
    }
    all.retain(|other| (&other.op, &other.types, &other.inputs) != (&node.op, &node.types, &node.inputs));
    all
}

/// `graph` with another node at `index`.
fn with_node(graph: &Graph, index: usize, node: Node) -> Graph {
    let mut other = Graph::new(graph.name.clone());
    for (id, original) in graph.nodes().iter() {
        other.push(if id.index() == index { node.clone() } else { original.clone() });
    }
    (other.outputs, other.assigns) = (graph.outputs.clone(), graph.assigns.clone());
    other
}

/// What two graphs have in common that may share a plan, as text.
fn structure(graph: &Graph) -> String {
    let mut text = String::new();
    for (_, node) in graph.nodes().iter() {
        text += &format!("{:?} {:?} {:?}\n", node.op, node.inputs, node.types);
        node.regions.iter().for_each(|region| text += &structure(region));
    }
    text + &format!("{:?} {:?}", graph.outputs, graph.assigns)
}

#[test]
fn no_two_random_graphs_share_a_key() {
    let mut seen: HashMap<u128, String> = HashMap::new();
    for seed in 0..500 {
        let graph = random::graph(seed, 24, true).unwrap().graph;
        for key in [graph.structural_hash(), graph.structural_hash_unnamed()] {
            let own = structure(&graph);
            if let Some(other) = seen.insert(key, own.clone()) {
                assert_eq!(other, own, "seed {seed} shares its key with another graph");
            }
        }
        assert_eq!(graph.structural_hash(), random::graph(seed, 24, true).unwrap().graph.structural_hash());
    }
}

#[test]
fn every_attribute_constant_type_and_operand_changes_the_key() {
    let mut changed: HashMap<&str, usize> = HashMap::new();
    for seed in 0..40 {
        let graph = random::graph(seed, 24, true).unwrap().graph;
        let (key, unnamed) = (graph.structural_hash(), graph.structural_hash_unnamed());
        for (id, node) in graph.nodes().iter() {
            for neighbour in neighbours(node) {
                *changed.entry(node.op.name()).or_default() += 1;
                let leaf = node.op.leaf_name();
                let renamed = leaf.is_some() && neighbour.types == node.types;
                let other = with_node(&graph, id.index(), neighbour.clone());
                assert_ne!(other.structural_hash(), key, "seed {seed}: {node:?} or {neighbour:?}");
                assert!(renamed || other.structural_hash_unnamed() != unnamed, "{node:?} or {neighbour:?}");
            }
        }
        for outputs in [graph.outputs[1..].to_vec(), graph.outputs.iter().rev().cloned().collect()] {
            let mut other = graph.clone();
            other.outputs = outputs;
            assert!(other.outputs == graph.outputs || other.structural_hash() != key, "seed {seed}: outputs");
        }
    }
    for op in
        ["binary", "unary", "constant", "cast", "reduce", "transpose", "slice", "pad", "scatter", "attention"]
    {
        assert!(changed.get(op).is_some_and(|&n| n > 2), "{op} was hardly changed: {changed:?}");
    }
}

/// `op(x, factor) + 1`.
fn scaled(op: BinaryOp, factor: f64) -> Case {
    let case = Case::new("scaled", &[], |g| {
        let x = g.input("x", DType::F32, [7])?;
        let factor = g.scalar(factor, DType::F32)?;
        let y = g.binary(op, x, factor)?;
        let y = g.unary(UnaryOp::Tanh, y)?;
        g.output("y", y);
        Ok(())
    });
    case.unwrap()
}

#[test]
fn an_executable_that_was_cached_for_another_graph() {
    for device in devices() {
        let case = scaled(BinaryOp::Mul, 2.0);
        for stale in [scaled(BinaryOp::Mul, 3.0), scaled(BinaryOp::Add, 2.0)] {
            let run = |case: &Case, of: &Case| {
                let program = Arc::new(compile(&of.graph, device.target()).unwrap());
                pollster::block_on(run_compiled(case, program, &**device))
            };
            run(&case, &case).unwrap();
            run(&stale, &stale).unwrap();
            let outcome = run(&case, &stale);
            assert!(matches!(outcome, Err(Failure::Mismatch { .. })), "{outcome:?}");
        }
    }
}

#[test]
fn eager_expressions_that_differ_in_one_number_have_plans_of_their_own() -> hadal::Result<()> {
    for backend in devices() {
        let device = Device::from_backend(backend.clone());
        let x = Tensor::new(&device, &[1.0f32, 2.0, 3.0], [3])?;
        let compute = |factor: f64| (&x * factor)?.to_vec::<f32>();
        for (factor, prepared) in [(2.0, 1), (3.0, 2), (2.0, 2), (0.0, 3), (-0.0, 4), (3.0, 4)] {
            let products = compute(factor)?;
            assert_eq!(device.stats().plans_prepared, prepared, "{factor} on {device}");
            // A GPU may lose the sign of a zero; the plans are different ones all the same.
            assert_eq!(products, [1.0, 2.0, 3.0].map(|x: f32| x * factor as f32), "{factor} on {device}");
        }
    }
    Ok(())
}
