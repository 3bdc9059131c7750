//! Every case with its first and second gradient, compiled: the program computes what the graph means.

use crate::cases::{Case, cases};
use crate::gradient::weighted_sum;
use hadal_graph::gradient::gradient;
use hadal_graph::reference::{bind, interpret, interpret_program};
use hadal_graph::{DType, Graph, HostTensor, Target, compile};
use std::collections::BTreeMap;

#[test]
fn programs_of_gradients_agree_with_their_graphs() {
    let mut wrong = Vec::new();
    for case in cases() {
        let Case { name, mut graph, outputs, wrt, mut inputs, .. } = case;
        outputs.iter().for_each(|&o| graph.output("result", o));
        for order in ["first", "second"] {
            let last = graph.outputs.iter().skip(if order == "first" { 0 } else { outputs.len() });
            let last: Vec<_> = last.map(|o| o.node).collect();
            let loss = weighted_sum(&mut graph, &last, &mut inputs);
            let gradients;
            (graph, gradients) = gradient(&graph, loss, &wrt).unwrap();
            gradients.into_iter().for_each(|d| graph.output(order, d));
        }
        graph.name = name.clone();
        graph.validate().unwrap_or_else(|e| panic!("{name}: {e}"));
        if let Err(error) = check(&graph, &inputs) {
            wrong.push(format!("{name}: {error}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

fn check(graph: &Graph, inputs: &BTreeMap<String, HostTensor>) -> Result<(), String> {
    let expected = interpret(graph, inputs).unwrap();
    let bindings = bind(graph, inputs).unwrap();
    let mut tight = Target::unlimited("tight");
    (tight.max_bindings, tight.max_instructions) = (4, 6);
    tight.native.clear();
    for target in [Target::unlimited("wide"), tight] {
        let program = compile(graph, &target).map_err(|e| format!("compiling for {}: {e}", target.name))?;
        let actual = interpret_program(&program, &bindings, inputs)
            .map_err(|e| format!("running for {}: {e}", target.name))?;
        for (output, (a, e)) in graph.outputs.iter().zip(actual.outputs.iter().zip(&expected.outputs)) {
            if (a.dtype(), a.shape()) != (e.dtype(), e.shape()) {
                return Err(format!("{} for {}: {a:?} instead of {e:?}", output.name, target.name));
            }
            // The log-sum-exp of attention is an f32.
            let rounded =
                graph.nodes().iter().any(|(_, node)| node.types.iter().any(|t| t.dtype == DType::F32));
            let tolerance = if rounded { 1e-5 } else { 1e-11 };
            for (index, (a, e)) in a.to_f64().into_iter().zip(e.to_f64()).enumerate() {
                if a != e && (a - e).abs() > tolerance * e.abs().max(1.0) {
                    let place = format!("{} for {}", output.name, target.name);
                    return Err(format!("{place}: element {index} is {a}, not {e}"));
                }
            }
        }
    }
    Ok(())
}
