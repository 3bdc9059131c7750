//! What a run is given, and what its shapes say.

use hadal_graph::op::Size;
use hadal_graph::reference::{bind, interpret};
use hadal_graph::{DType, Dim, Graph, HostTensor, Shape, Symbol};
use std::collections::BTreeMap;

fn floats(shape: &[usize]) -> HostTensor {
    HostTensor::full(DType::F32, shape, hadal_graph::Scalar::Float(1.5))
}

fn given(tensors: &[(&str, HostTensor)]) -> BTreeMap<String, HostTensor> {
    tensors.iter().map(|(name, tensor)| (name.to_string(), tensor.clone())).collect()
}

/// Two inputs that share a symbol, a parameter, and a variable that is assigned.
fn graph() -> Graph {
    let mut g = Graph::new("leaves");
    let x = g.input("x", DType::F32, Shape(vec!["batch".into(), 3.into()])).unwrap();
    let y = g.input("y", DType::F32, Shape(vec![Dim::symbol("batch") * 2])).unwrap();
    let w = g.parameter("w", DType::F32, [3]).unwrap();
    let step = g.variable("step", DType::I32, Shape::scalar()).unwrap();
    let product = g.mul(x, w).unwrap();
    let one = g.scalar(1.0, DType::I32).unwrap();
    let next = g.add(step, one).unwrap();
    let batch = g.apply(Size { size: Dim::symbol("batch") * 2 - 1, dtype: DType::I64 }, &[]).unwrap();
    g.output("product", product);
    g.output("y", y);
    g.output("batch", batch);
    g.assign(step, next).unwrap();
    g
}

fn inputs() -> BTreeMap<String, HostTensor> {
    let step = HostTensor::new([], &[41i32]).unwrap();
    given(&[
        ("x", floats(&[2, 3])),
        ("y", floats(&[4])),
        ("w", floats(&[3])),
        ("step", step),
        ("other", floats(&[])),
    ])
}

#[test]
fn symbols_are_bound_by_inputs() {
    let result = interpret(&graph(), &inputs()).unwrap();
    assert_eq!(result.outputs[0].to_vec::<f32>().unwrap(), [2.25; 6]);
    assert_eq!(result.outputs[2].to_vec::<i64>().unwrap(), [3]);
    assert_eq!(result.assigns, [("step".to_string(), HostTensor::new([], &[42i32]).unwrap())]);
    assert_eq!(bind(&graph(), &inputs()).unwrap().get(&Symbol("batch".into())), Some(2));
}

#[test]
fn what_is_given_must_be_what_is_declared() {
    for (name, tensor, part) in [
        ("x", floats(&[2, 4]), "`x` must be f32[batch, 3], but f32[2, 4] was given"),
        ("x", floats(&[6]), "`x` must be f32[batch, 3], but f32[6] was given"),
        ("y", floats(&[5]), "`y` must be f32[2*batch], but f32[5] was given"),
        ("w", HostTensor::new([3], &[1i32, 2, 3]).unwrap(), "`w` must be f32[3], but i32[3] was given"),
    ] {
        let mut all = inputs();
        all.insert(name.into(), tensor);
        let text = interpret(&graph(), &all).unwrap_err().to_string();
        assert!(text.contains(part), "{text}");
    }
    let mut all = inputs();
    all.remove("step");
    assert!(interpret(&graph(), &all).unwrap_err().to_string().contains("`step` was not given"));
}

#[test]
fn a_symbol_has_one_value() {
    let mut g = Graph::new("twice");
    let x = g.input("x", DType::F32, ["n"]).unwrap();
    let y = g.input("y", DType::F32, ["n"]).unwrap();
    let sum = g.add(x, y).unwrap();
    g.output("sum", sum);
    let text = interpret(&g, &given(&[("x", floats(&[2])), ("y", floats(&[3]))])).unwrap_err().to_string();
    assert!(text.contains("`n` is 3 at axis 0 of `y`, but 2 at axis 0 of `x`"), "{text}");
}
