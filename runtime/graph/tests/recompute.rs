//! That passes and lowering keep apart what is computed before a barrier and after it.

use hadal_graph::gradient::gradient;
use hadal_graph::op::{Barrier, Checkpoint, CustomGradient, Detach, Op};
use hadal_graph::program::{Program, ReduceOp, UnaryOp};
use hadal_graph::reference::{interpret, interpret_program};
use hadal_graph::{Bindings, DType, Graph, GraphError, HostTensor, NodeId, Target, compile};
use std::collections::BTreeMap;
use std::sync::Arc;

/// What each step is made of.
fn labels(graph: &Graph) -> Result<(Program, Vec<String>), GraphError> {
    let program = compile(graph, &Target::unlimited("test"))?;
    let labels = program.steps.iter().map(|s| s.label.clone()).collect();
    Ok((program, labels))
}

/// `tanh x`, and `tanh` of `x` behind a barrier that waits for a product.
fn twice(barrier: bool) -> Result<Graph, GraphError> {
    let mut g = Graph::new("twice");
    let x = g.input("x", DType::F32, [4, 4])?;
    let now = g.unary(UnaryOp::Tanh, x)?;
    let product = g.matmul(now, now)?;
    let later = if barrier { g.apply(Barrier, &[x, product])? } else { x };
    let again = g.unary(UnaryOp::Tanh, later)?;
    let sum = g.add(product, again)?;
    g.output("now", now);
    g.output("sum", sum);
    Ok(g)
}

#[test]
fn what_comes_after_a_barrier_is_neither_merged_nor_early() -> Result<(), GraphError> {
    assert_eq!(labels(&twice(false)?)?.1, ["tanh+matmul+add"]);
    // A barrier is the same memory: it costs no step of its own.
    let (program, labels) = labels(&twice(true)?)?;
    assert_eq!(labels, ["tanh", "matmul", "tanh+add"]);
    let values: Vec<f32> = (0..16).map(|i| i as f32 / 8.0 - 1.0).collect();
    let leaves = BTreeMap::from([("x".to_string(), HostTensor::new([4, 4], &values).unwrap())]);
    let expected = interpret(&twice(true)?, &leaves)?.outputs[1].to_f64();
    let actual = interpret_program(&program, &Bindings::new(), &leaves).unwrap().outputs[1].to_f64();
    for (a, e) in actual.iter().zip(&expected) {
        assert!((a - e).abs() < 1e-5);
    }
    Ok(())
}

#[test]
fn the_memory_of_a_variable_is_not_overwritten_before_it_is_read_again() -> Result<(), GraphError> {
    let mut g = Graph::new("update");
    let v = g.variable("v", DType::F32, [4])?;
    let sine = g.unary(UnaryOp::Sin, v)?;
    let sum = g.reduce(ReduceOp::Sum, sine, &[0])?;
    let later = g.apply(Barrier, &[v, sum])?;
    let again = g.unary(UnaryOp::Cos, later)?;
    let one = g.scalar(1.0, DType::F32)?;
    let next = g.add(v, one)?;
    g.assign(v, next)?;
    g.output("sum", sum);
    g.output("again", again);
    let leaves = BTreeMap::from([("v".to_string(), HostTensor::new([4], &[0.1f32, 0.2, 0.3, 0.4]).unwrap())]);
    let expected = interpret(&g, &leaves)?;
    let program = compile(&g, &Target::unlimited("test"))?;
    let actual = interpret_program(&program, &Bindings::new(), &leaves).unwrap();
    for (a, e) in actual.outputs.iter().zip(&expected.outputs) {
        a.to_f64().iter().zip(e.to_f64()).for_each(|(a, e)| assert!((a - e).abs() < 1e-6));
    }
    Ok(())
}

fn sum_gradient(mut g: Graph, y: NodeId, x: NodeId, value: &[f64]) -> Result<Vec<f64>, GraphError> {
    let loss = g.reduce(ReduceOp::Sum, y, &[0])?;
    let (mut g, d) = gradient(&g, loss, &[x])?;
    g.output("d", d[0]);
    let leaves = BTreeMap::from([("x".to_string(), HostTensor::new([value.len()], value).unwrap())]);
    Ok(interpret(&g, &leaves)?.outputs[0].to_f64())
}

#[test]
fn custom_gradients_and_detach_are_obeyed() -> Result<(), GraphError> {
    let mut forward = Graph::new("forward");
    let x = forward.input("x", DType::F64, [2])?;
    let square = forward.mul(x, x)?;
    forward.output("y", square);
    let mut backward = Graph::new("backward");
    let [_, d, _] = ["y", "d", "x"].map(|name| backward.input(name, DType::F64, [2]).unwrap());
    backward.output("d_x", d);
    let mut g = Graph::new("outer");
    let x = g.input("x", DType::F64, [2])?;
    let regions = vec![Arc::new(forward), Arc::new(backward)];
    let square = g.apply_regions(CustomGradient { wrt: vec![0] }.into(), &[x], regions.clone())?;
    let detached = g.apply(Detach, &[x])?;
    let y = g.mul(square, detached)?;
    // The square says that its slope is 1.
    assert_eq!(sum_gradient(g, y, x, &[3.0, -2.0])?, [3.0, -2.0]);

    let mut g = Graph::new("wrong");
    let x = g.input("x", DType::F64, [2])?;
    for (wrt, part) in [(vec![1], "among the 1 inputs"), (vec![], "the backward region returns")] {
        let error = g.apply_regions(CustomGradient { wrt }.into(), &[x], regions.clone()).unwrap_err();
        assert!(error.to_string().contains(part), "{error}");
    }
    let error = g.apply_regions(Op::Checkpoint(Checkpoint), &[x], regions).unwrap_err();
    assert!(error.to_string().contains("needs 1 region"), "{error}");
    Ok(())
}
