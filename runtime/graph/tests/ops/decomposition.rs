//! Each composite's reference against its decomposition.

use crate::cases::cases;
use hadal_graph::op::{Op, Operator};
use hadal_graph::reference::{Array, interpret, interpret_observed};
use hadal_graph::{DType, Graph, HostTensor, NodeId};
use std::collections::{BTreeMap, BTreeSet};

/// How far apart the two may be, relative to 1 or the value. The reference rounds once, the decomposition after every op: in `f32` for
/// `f16` and `bf16`, and then once to the result's dtype.
fn tolerance(dtype: DType) -> f64 {
    match dtype {
        DType::F64 => 1e-12,
        DType::F32 => 4e-6,
        DType::F16 => 1e-3,
        DType::BF16 => 8e-3,
        _ => 0.0,
    }
}

#[test]
fn composites_agree_with_their_decompositions() {
    let mut seen = BTreeSet::new();
    for case in cases() {
        let mut values: BTreeMap<NodeId, Vec<Array>> = BTreeMap::new();
        let mut graph = case.graph.clone();
        case.outputs.iter().for_each(|&o| graph.output("o", o));
        interpret_observed(&graph, &case.inputs, &mut |id, results| {
            values.insert(id, results.to_vec());
        })
        .unwrap();
        for (_, node) in graph.nodes().iter() {
            if !is_composite(&graph, &node.op, &node.inputs) {
                continue;
            }
            seen.insert(node.op.name());
            let operands: Vec<&Array> = node.inputs.iter().map(|i| &values[i][0]).collect();
            for dtype in [DType::F64, DType::F32, DType::F16, DType::BF16] {
                compare(&case.name, &node.op, &operands, dtype);
            }
        }
    }
    let composites: BTreeSet<&str> = [
        "softmax",
        "log_softmax",
        "layer_norm",
        "gelu",
        "attention",
        "attention_backward",
        "cross_entropy",
        "dropout",
        "relu",
        "sigmoid",
        "silu",
        "softplus",
        "log_sum_exp",
        "rms_norm",
        "batch_norm",
        "group_norm",
        "rope",
        "take_along",
        "one_hot",
        "top_k",
        "uniform",
        "normal",
        "quantize_linear",
        "dequantize_linear",
    ]
    .into();
    assert!(seen.is_superset(&composites), "no case for {:?}", composites.difference(&seen));
}

fn is_composite(graph: &Graph, op: &Op, inputs: &[NodeId]) -> bool {
    op.decompose(&mut graph.clone(), inputs).unwrap().is_some()
}

/// Both computations on the same operands, of which those in `f64` are converted to `dtype`.
fn compare(name: &str, op: &Op, operands: &[&Array], dtype: DType) {
    let mut g = Graph::new(name);
    let mut inputs = BTreeMap::new();
    let mut ids = Vec::new();
    for (i, &operand) in operands.iter().enumerate() {
        let mut operand = operand.clone();
        if operand.dtype == DType::F64 {
            operand.dtype = dtype;
        }
        let tensor: HostTensor = operand.to_host().unwrap();
        ids.push(g.input(&format!("x{i}"), tensor.dtype(), tensor.shape()).unwrap());
        inputs.insert(format!("x{i}"), tensor);
    }
    let whole = g.apply(op.clone(), &ids).unwrap();
    let results = g.node(whole).types.len();
    let parts = op.decompose(&mut g, &ids).unwrap().unwrap();
    assert_eq!(parts.len(), results, "{name}");
    for (index, &part) in parts.iter().enumerate() {
        let direct = g.project(whole, index).unwrap();
        assert_eq!(g.ty(direct), g.ty(part), "{name}: result {index}");
        g.output("direct", direct);
        g.output("decomposed", part);
    }
    let outputs = interpret(&g, &inputs).unwrap().outputs;
    for (index, pair) in outputs.chunks(2).enumerate() {
        let tolerance = tolerance(pair[0].dtype());
        for (element, (a, b)) in pair[0].to_f64().into_iter().zip(pair[1].to_f64()).enumerate() {
            assert!(
                a == b || (a - b).abs() <= tolerance * (1.0 + a.abs()),
                "{name} in {dtype}: element {element} of result {index}: {a}, decomposed {b}"
            );
        }
    }
}
