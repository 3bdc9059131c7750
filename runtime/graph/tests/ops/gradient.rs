//! Gradients, and gradients of gradients, against central differences through the reference interpreter.

use crate::cases::{Case, cases, uniform};
use hadal_graph::gradient::{differentiate, gradient};
use hadal_graph::op::{Op, While};
use hadal_graph::program::{BinaryOp, CompareOp, ReduceOp, UnaryOp};
use hadal_graph::reference::interpret;
use hadal_graph::{DType, Graph, HostTensor, NodeId, OpError, Shape};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// Ops through which nothing is differentiated: they have no float operand, or keep none of what a gradient needs.
const WITHOUT_GRADIENT: [&str; 11] = [
    "input",
    "parameter",
    "variable",
    "constant",
    "iota",
    "size",
    "random_bits",
    "compare",
    "while",
    "detach",
    "custom",
];

#[test]
fn every_op_is_in_the_table() {
    let mut missing: BTreeSet<&str> = Op::NAMES.iter().copied().collect();
    WITHOUT_GRADIENT.iter().for_each(|name| assert!(missing.remove(name), "{name} is no op"));
    for case in cases() {
        case.graph.nodes().iter().for_each(|(_, node)| {
            missing.remove(node.op.name());
        });
    }
    assert!(missing.is_empty(), "no gradient case for {missing:?}");
}

#[test]
fn gradients_are_those_of_central_differences() {
    for case in cases() {
        let Case { name, mut graph, outputs, wrt, mut inputs, step, tolerance } = case;
        let loss = weighted_sum(&mut graph, &outputs, &mut inputs);
        let (mut graph, first) =
            gradient(&graph, loss, &wrt).unwrap_or_else(|e| panic!("gradient of {name}: {e}"));
        check(&format!("{name}, first order"), &graph, loss, &wrt, &first, &inputs, (step, tolerance));
        // The gradient is a graph like any other.
        let loss = weighted_sum(&mut graph, &first, &mut inputs);
        let (graph, second) =
            gradient(&graph, loss, &wrt).unwrap_or_else(|e| panic!("second gradient of {name}: {e}"));
        check(&format!("{name}, second order"), &graph, loss, &wrt, &second, &inputs, (step, tolerance));
    }
}

/// The sum of all elements of `outputs`, each with a fixed weight of its own.
pub(crate) fn weighted_sum(
    g: &mut Graph,
    outputs: &[NodeId],
    inputs: &mut BTreeMap<String, HostTensor>,
) -> NodeId {
    let mut graph = g.clone();
    graph.outputs.clear();
    outputs.iter().for_each(|&o| graph.output("o", o));
    let values = interpret(&graph, inputs).unwrap().outputs;
    let (mut state, mut sum) = (11 + inputs.len() as u64, None);
    for (&output, value) in outputs.iter().zip(values) {
        let weights: Vec<f64> = (0..value.elements()).map(|_| 0.5 + uniform(&mut state)).collect();
        let name = format!("weights{}", inputs.len());
        inputs.insert(name.clone(), HostTensor::new(value.shape(), &weights).unwrap());
        let weights = g.input(&name, DType::F64, g.shape(output).clone()).unwrap();
        let product = g.mul(output, weights).unwrap();
        let axes: Vec<usize> = (0..value.shape().len()).collect();
        let term = g.reduce(ReduceOp::Sum, product, &axes).unwrap();
        sum = Some(sum.map_or(term, |sum| g.add(sum, term).unwrap()));
    }
    sum.unwrap()
}

fn check(
    name: &str,
    graph: &Graph,
    loss: NodeId,
    wrt: &[NodeId],
    gradients: &[NodeId],
    inputs: &BTreeMap<String, HostTensor>,
    (step, tolerance): (f64, f64),
) {
    let mut backward = graph.clone();
    backward.outputs.clear();
    gradients.iter().for_each(|&d| backward.output("d", d));
    let computed = interpret(&backward, inputs).unwrap_or_else(|e| panic!("{name}: {e}")).outputs;
    let mut forward = graph.clone();
    forward.outputs.clear();
    forward.output("loss", loss);
    for (&x, computed) in wrt.iter().zip(computed) {
        let leaf = graph.node(x).op.leaf_name().unwrap().to_string();
        let given = &inputs[&leaf];
        assert_eq!(computed.shape(), given.shape(), "{name}");
        let at = |element: usize, offset: f64| {
            let mut values = given.to_f64();
            values[element] += offset;
            let mut moved = inputs.clone();
            moved.insert(leaf.clone(), HostTensor::new(given.shape(), &values).unwrap());
            interpret(&forward, &moved).unwrap().outputs[0].to_f64()[0]
        };
        for (element, d) in computed.to_f64().into_iter().enumerate() {
            let difference = (at(element, step) - at(element, -step)) / (2.0 * step);
            assert!(
                (d - difference).abs() <= tolerance * (1.0 + difference.abs()),
                "{name}: element {element} of {leaf}: gradient {d}, central difference {difference}"
            );
        }
    }
}

/// The gradient of the sum of `y` for `x`.
fn gradient_of_sum(g: &Graph, y: NodeId, x: NodeId, value: &HostTensor) -> Vec<f64> {
    let mut g = g.clone();
    let axes: Vec<usize> = (0..g.shape(y).rank()).collect();
    let loss = g.reduce(ReduceOp::Sum, y, &axes).unwrap();
    let (mut g, d) = gradient(&g, loss, &[x]).unwrap();
    g.output("d", d[0]);
    let inputs = BTreeMap::from([("x".to_string(), value.clone())]);
    interpret(&g, &inputs).unwrap().outputs[0].to_f64()
}

#[test]
fn ties_are_split() {
    let value = HostTensor::new([4], &[1.0, 3.0, 3.0, 2.0]).unwrap();
    let mut g = Graph::new("ties");
    let x = g.input("x", DType::F64, [4]).unwrap();
    let three = g.scalar(3.0, DType::F64).unwrap();
    let larger = g.maximum(x, three).unwrap();
    assert_eq!(gradient_of_sum(&g, larger, x, &value), [0.0, 0.5, 0.5, 0.0]);
    let max = g.reduce(ReduceOp::Max, x, &[0]).unwrap();
    assert_eq!(gradient_of_sum(&g, max, x, &value), [0.0, 0.5, 0.5, 0.0]);
    let window = hadal_graph::op::Window {
        op: ReduceOp::Max,
        size: vec![3],
        stride: vec![1],
        dilation: vec![1],
        low: vec![0],
        high: vec![0],
    };
    let pooled = g.apply(window, &[x]).unwrap();
    // The first of the equal ones, as max_pool does.
    assert_eq!(gradient_of_sum(&g, pooled, x, &value), [0.0, 2.0, 0.0, 0.0]);
}

#[test]
fn powers_of_zero_have_finite_gradients() {
    let value = HostTensor::new([3], &[0.0, 2.0, -3.0]).unwrap();
    let mut g = Graph::new("powers");
    let x = g.input("x", DType::F64, [3]).unwrap();
    for (exponent, expected) in [(0.0, [0.0, 0.0, 0.0]), (1.0, [1.0, 1.0, 1.0]), (2.0, [0.0, 4.0, -6.0])] {
        let exponent = g.scalar(exponent, DType::F64).unwrap();
        let power = g.pow(x, exponent).unwrap();
        assert_eq!(gradient_of_sum(&g, power, x, &value), expected);
    }
}

#[test]
fn low_precision_gradients_have_their_operands_dtype() {
    for dtype in [DType::F16, DType::BF16, DType::F32] {
        let mut g = Graph::new("low");
        let x = g.input("x", dtype, ["n"]).unwrap();
        let wide = g.cast(x, DType::F64).unwrap();
        let square = g.mul(wide, wide).unwrap();
        let seed = g.input("seed", DType::F64, ["n"]).unwrap();
        let d = differentiate(&mut g, &[(square, seed)], &[x]).unwrap();
        assert_eq!(g.dtype(d[0].unwrap()), dtype);
    }
}

#[test]
fn integers_and_strangers_get_none() {
    let mut g = Graph::new("none");
    let x = g.input("x", DType::F32, [3]).unwrap();
    let y = g.input("y", DType::F32, [3]).unwrap();
    let whole = g.cast(x, DType::I32).unwrap();
    let back = g.cast(whole, DType::F32).unwrap();
    let seed = g.input("seed", DType::F32, [3]).unwrap();
    assert_eq!(differentiate(&mut g, &[(back, seed)], &[x, y, whole]).unwrap(), [None, None, None]);
    let floor = g.unary(UnaryOp::Floor, x).unwrap();
    assert_eq!(differentiate(&mut g, &[(floor, seed)], &[x]).unwrap(), [None]);
    // An output that is differentiated for itself.
    assert_eq!(differentiate(&mut g, &[(x, seed)], &[x]).unwrap(), [Some(seed)]);
    let scalar = g.scalar(1.0, DType::F32).unwrap();
    let error = differentiate(&mut g, &[(x, scalar)], &[x]).unwrap_err();
    assert!(error.to_string().contains("a seed must have the type of its output"), "{error}");
}

#[test]
fn backward_nodes_are_named_after_forward_ones() {
    let mut g = Graph::new("names");
    let x = g.input("x", DType::F32, Shape::scalar()).unwrap();
    let y = g.unary(UnaryOp::Tanh, x).unwrap();
    g.set_name(y, "encoder.act");
    let (g, d) = gradient(&g, y, &[x]).unwrap();
    assert_eq!(g.node(d[0]).name.as_deref(), Some("encoder.act.gradient"));
    assert_eq!(g.node(d[0]).location, g.node(y).location);
}

#[test]
fn what_has_no_gradient_says_so() {
    let mut g = Graph::new("loop");
    let x = g.input("x", DType::F64, Shape::scalar()).unwrap();
    let mut condition = Graph::new("condition");
    let state = condition.input("s", DType::F64, Shape::scalar()).unwrap();
    let limit = condition.scalar(10.0, DType::F64).unwrap();
    let below = condition.compare(CompareOp::Lt, state, limit).unwrap();
    condition.output("c", below);
    let mut body = Graph::new("body");
    let state = body.input("s", DType::F64, Shape::scalar()).unwrap();
    let double = body.binary(BinaryOp::Add, state, state).unwrap();
    body.output("s", double);
    let y = g.apply_regions(While.into(), &[x], vec![Arc::new(condition), Arc::new(body)]).unwrap();
    g.set_name(y, "the loop");
    let error = gradient(&g, y, &[x]).unwrap_err();
    assert!(matches!(error.error, OpError::NoGradient(_)), "{error}");
    assert_eq!(error.name.as_deref(), Some("the loop"));

    let mut g = Graph::new("vector");
    let x = g.input("x", DType::F64, [3]).unwrap();
    let y = g.binary(BinaryOp::Add, x, x).unwrap();
    let error = gradient(&g, y, &[x]).unwrap_err();
    assert!(error.to_string().contains("only a float scalar has a gradient"), "{error}");
}
