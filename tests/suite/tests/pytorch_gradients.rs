//! Gradients beside PyTorch's, above all where a central difference cannot see the convention: ties, kinks, poles, empty masks.
//!
//! `golden/gradients.json` is made by `golden/make_gradients.py`. One convention is another one: a query of attention that sees no key has the result and the gradient
//! zero, where PyTorch 1.13 has NaN; the golden is that of the idiom that PyTorch's users write instead.

use hadal::graph::op::*;
use hadal::graph::program::{BinaryOp, CompareOp, ReduceOp, ScatterOp, UnaryOp};
use hadal::graph::{Graph, GraphError, NodeId, Scalar};
use hadal::{DType, Device, HostTensor, Result, Tensor, value_and_grad_of};
use hadal_device::DeviceError;
use hadal_suite::gradients::NOT_DIFFERENTIABLE;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};

/// What is differentiated: the op that a row is about, and how it is applied.
type Apply = fn(&mut Graph, &[NodeId]) -> Result<NodeId, GraphError>;

/// As [`Apply`], on tensors.
type OfTensors = fn(&[Tensor]) -> Result<Tensor>;

/// Differentiable ops without a row.
const WITHOUT_ROW: [(&str, &str); 7] = [
    ("project", "a result of several: sort and top k are such"),
    ("if", "PyTorch 1.13 branches on the host"),
    ("dropout", "draws other numbers than PyTorch; its gradient is its own mask, see the gradient cases"),
    ("attention_backward", "PyTorch has none; `attention twice` differentiates it"),
    ("barrier", "has no counterpart; the identity"),
    ("checkpoint", "is its region, see tests/checkpoint.rs"),
    ("custom_gradient", "is what its author says"),
];

const EPSILON: Scalar = Scalar::Float(1e-2);

/// The first of several results.
fn first(g: &mut Graph, op: impl Into<Op>, inputs: &[NodeId]) -> Result<NodeId, GraphError> {
    let node = g.apply(op, inputs)?;
    g.project(node, 0)
}

fn dims(extents: &[i64]) -> Vec<hadal::Dim> {
    extents.iter().map(|&n| hadal::Dim::from(n)).collect()
}

fn slice(
    g: &mut Graph,
    x: NodeId,
    starts: &[i64],
    extents: &[i64],
    steps: &[i64],
) -> Result<NodeId, GraphError> {
    g.apply(Slice { starts: dims(starts), extents: dims(extents), steps: steps.into() }, &[x])
}

fn sine(g: &mut Graph, x: NodeId) -> Result<NodeId, GraphError> {
    g.unary(UnaryOp::Sin, x)
}

fn attend(g: &mut Graph, x: &[NodeId], causal: bool) -> Result<NodeId, GraphError> {
    first(g, Attention { scale: Scalar::Float(0.5), causal }, x)
}

fn conv(
    g: &mut Graph,
    x: &[NodeId],
    stride: &[usize],
    pad: &[usize],
    dilation: &[usize],
    groups: usize,
) -> Result<NodeId, GraphError> {
    let op = Conv {
        stride: stride.into(),
        low: pad.into(),
        high: pad.into(),
        dilation: dilation.into(),
        input_dilation: vec![1; stride.len()],
        groups,
    };
    g.apply(op, x)
}

fn pool(
    g: &mut Graph,
    x: NodeId,
    op: ReduceOp,
    size: usize,
    stride: usize,
    pad: usize,
) -> Result<NodeId, GraphError> {
    let [size, stride, pad, one] = [[1, 1, size], [1, 1, stride], [0, 0, pad], [1; 3]].map(Vec::from);
    g.apply(Window { op, size, stride, dilation: one, low: pad.clone(), high: pad }, &[x])
}

fn scatter(g: &mut Graph, x: &[NodeId], op: ScatterOp) -> Result<NodeId, GraphError> {
    g.apply(Scatter { axis: 0, op }, x)
}

fn running(g: &mut Graph, x: NodeId, op: ReduceOp) -> Result<NodeId, GraphError> {
    g.apply(Cumulative { op, axis: 1, exclusive: false, reverse: false }, &[x])
}

fn sorted(g: &mut Graph, x: NodeId, descending: bool) -> Result<NodeId, GraphError> {
    first(g, Sort { axis: 0, descending }, &[x])
}

fn start(g: &mut Graph) -> Result<NodeId, GraphError> {
    g.constant_scalar(Scalar::Int(1), DType::I64)
}

/// Rows in terms of graph ops: the row, the op that it is about, how it is made.
const OPS: &[(&str, &str, Apply)] = &[
    ("neg", "unary", |g, x| g.unary(UnaryOp::Neg, x[0])),
    ("abs", "unary", |g, x| g.unary(UnaryOp::Abs, x[0])),
    ("sign", "unary", |g, x| g.unary(UnaryOp::Sign, x[0])),
    ("floor", "unary", |g, x| g.unary(UnaryOp::Floor, x[0])),
    ("ceil", "unary", |g, x| g.unary(UnaryOp::Ceil, x[0])),
    ("round", "unary", |g, x| g.unary(UnaryOp::Round, x[0])),
    ("trunc", "unary", |g, x| g.unary(UnaryOp::Trunc, x[0])),
    ("exp", "unary", |g, x| g.unary(UnaryOp::Exp, x[0])),
    ("expm1", "unary", |g, x| g.unary(UnaryOp::Expm1, x[0])),
    ("log", "unary", |g, x| g.unary(UnaryOp::Log, x[0])),
    ("log1p", "unary", |g, x| g.unary(UnaryOp::Log1p, x[0])),
    ("sqrt", "unary", |g, x| g.unary(UnaryOp::Sqrt, x[0])),
    ("rsqrt", "unary", |g, x| g.unary(UnaryOp::Rsqrt, x[0])),
    ("reciprocal", "unary", |g, x| g.unary(UnaryOp::Reciprocal, x[0])),
    ("sin", "unary", |g, x| g.unary(UnaryOp::Sin, x[0])),
    ("cos", "unary", |g, x| g.unary(UnaryOp::Cos, x[0])),
    ("tan", "unary", |g, x| g.unary(UnaryOp::Tan, x[0])),
    ("asin", "unary", |g, x| g.unary(UnaryOp::Asin, x[0])),
    ("acos", "unary", |g, x| g.unary(UnaryOp::Acos, x[0])),
    ("atan", "unary", |g, x| g.unary(UnaryOp::Atan, x[0])),
    ("sinh", "unary", |g, x| g.unary(UnaryOp::Sinh, x[0])),
    ("cosh", "unary", |g, x| g.unary(UnaryOp::Cosh, x[0])),
    ("tanh", "unary", |g, x| g.unary(UnaryOp::Tanh, x[0])),
    ("asinh", "unary", |g, x| g.unary(UnaryOp::Asinh, x[0])),
    ("acosh", "unary", |g, x| g.unary(UnaryOp::Acosh, x[0])),
    ("atanh", "unary", |g, x| g.unary(UnaryOp::Atanh, x[0])),
    ("erf", "unary", |g, x| g.unary(UnaryOp::Erf, x[0])),
    ("relu", "relu", |g, x| g.apply(Relu, x)),
    ("sigmoid", "sigmoid", |g, x| g.apply(Sigmoid, x)),
    ("silu", "silu", |g, x| g.apply(Silu, x)),
    ("softplus", "softplus", |g, x| g.apply(Softplus, x)),
    ("gelu", "gelu", |g, x| g.apply(Gelu { tanh: false }, x)),
    ("gelu by tanh", "gelu", |g, x| g.apply(Gelu { tanh: true }, x)),
    ("add", "binary", |g, x| g.add(x[0], x[1])),
    ("sub", "binary", |g, x| g.sub(x[0], x[1])),
    ("mul", "binary", |g, x| g.mul(x[0], x[1])),
    ("div", "binary", |g, x| g.div(x[0], x[1])),
    ("rem", "binary", |g, x| g.binary(BinaryOp::Rem, x[0], x[1])),
    ("pow", "binary", |g, x| g.pow(x[0], x[1])),
    ("atan2", "binary", |g, x| g.binary(BinaryOp::Atan2, x[0], x[1])),
    ("maximum", "binary", |g, x| g.maximum(x[0], x[1])),
    ("minimum", "binary", |g, x| g.minimum(x[0], x[1])),
    ("select", "select", |g, x| {
        let larger = g.compare(CompareOp::Gt, x[0], x[1])?;
        let product = g.mul(x[0], x[1])?;
        g.select(larger, product, x[1])
    }),
    ("cast", "cast", |g, x| {
        let dtype = g.dtype(x[0]);
        let narrow = g.apply(Cast { dtype: DType::F32 }, x)?;
        let back = g.apply(Cast { dtype }, &[narrow])?;
        g.mul(back, back)
    }),
    ("reshape", "reshape", |g, x| {
        let y = g.reshape(x[0], [3, 4])?;
        sine(g, y)
    }),
    ("transpose", "transpose", |g, x| {
        let y = g.transpose(x[0], &[2, 0, 1])?;
        sine(g, y)
    }),
    ("broadcast", "broadcast", |g, x| {
        let y = g.broadcast_to(x[0], &hadal::Shape::of([2, 3, 2]))?;
        sine(g, y)
    }),
    ("slice", "slice", |g, x| {
        let y = slice(g, x[0], &[0, 1], &[2, 3], &[1, 2])?;
        sine(g, y)
    }),
    ("flip", "slice", |g, x| {
        let y = slice(g, x[0], &[0, 2], &[2, 3], &[1, -1])?;
        sine(g, y)
    }),
    ("pad", "pad", |g, x| {
        let pad = Pad { low: dims(&[0, 1]), high: dims(&[0, 2]), value: Scalar::Float(3.0) };
        let y = g.apply(pad, x)?;
        sine(g, y)
    }),
    ("concat", "concat", |g, x| g.concat(&[x[0], x[1], x[0]], 1)),
    ("gather", "gather", |g, x| g.gather(x[0], 0, x[1])),
    ("take along", "take_along", |g, x| g.apply(TakeAlong { axis: 1 }, x)),
    ("scatter add", "scatter", |g, x| scatter(g, x, ScatterOp::Add)),
    ("scatter set", "scatter", |g, x| scatter(g, x, ScatterOp::Set)),
    ("scatter amax", "scatter", |g, x| scatter(g, x, ScatterOp::Max)),
    ("scatter amin", "scatter", |g, x| scatter(g, x, ScatterOp::Min)),
    ("dynamic slice", "dynamic_slice", |g, x| {
        let start = start(g)?;
        let y = g.apply(DynamicSlice { axis: 0, extent: 2.into() }, &[x[0], start])?;
        sine(g, y)
    }),
    ("dynamic update", "dynamic_update", |g, x| {
        let start = start(g)?;
        let y = g.apply(DynamicUpdate { axis: 0 }, &[x[0], x[1], start])?;
        sine(g, y)
    }),
    ("sum", "reduce", |g, x| g.reduce(ReduceOp::Sum, x[0], &[1])),
    ("product", "reduce", |g, x| g.reduce(ReduceOp::Product, x[0], &[1])),
    ("max", "reduce", |g, x| g.reduce(ReduceOp::Max, x[0], &[1])),
    ("min", "reduce", |g, x| g.reduce(ReduceOp::Min, x[0], &[1])),
    ("running sum", "cumulative", |g, x| running(g, x[0], ReduceOp::Sum)),
    ("running maximum", "cumulative", |g, x| running(g, x[0], ReduceOp::Max)),
    ("running minimum", "cumulative", |g, x| running(g, x[0], ReduceOp::Min)),
    ("running product", "cumulative", |g, x| running(g, x[0], ReduceOp::Product)),
    ("sort", "sort", |g, x| sorted(g, x[0], false)),
    ("sort descending", "sort", |g, x| sorted(g, x[0], true)),
    ("top k", "top_k", |g, x| first(g, TopK { axis: 1, k: 2, largest: true }, x)),
    ("max pooling", "window", |g, x| pool(g, x[0], ReduceOp::Max, 3, 2, 1)),
    ("sum pooling", "window", |g, x| pool(g, x[0], ReduceOp::Sum, 2, 2, 0)),
    ("log-sum-exp", "log_sum_exp", |g, x| g.apply(LogSumExp { axes: vec![1] }, x)),
    ("matmul", "matmul", |g, x| g.matmul(x[0], x[1])),
    ("batched matmul", "matmul", |g, x| g.matmul(x[0], x[1])),
    ("convolution", "conv", |g, x| conv(g, x, &[2], &[1], &[1], 1)),
    ("grouped, dilated convolution", "conv", |g, x| conv(g, x, &[1, 1], &[0, 0], &[2, 1], 2)),
    ("softmax", "softmax", |g, x| g.apply(Softmax { axis: 1 }, x)),
    ("log-softmax", "log_softmax", |g, x| g.apply(LogSoftmax { axis: 1 }, x)),
    ("cross-entropy", "cross_entropy", |g, x| g.apply(CrossEntropy, x)),
    ("layer norm", "layer_norm", |g, x| g.apply(LayerNorm { epsilon: EPSILON }, x)),
    ("rms norm", "rms_norm", |g, x| g.apply(RmsNorm { epsilon: EPSILON }, x)),
    ("batch norm", "batch_norm", |g, x| g.apply(BatchNorm { epsilon: EPSILON }, x)),
    ("group norm", "group_norm", |g, x| g.apply(GroupNorm { groups: 2, epsilon: EPSILON }, x)),
    ("rope", "rope", |g, x| g.apply(Rope { interleaved: false }, x)),
    ("attention", "attention", |g, x| attend(g, x, false)),
    ("causal attention", "attention", |g, x| attend(g, x, true)),
    ("masked attention", "attention", |g, x| attend(g, x, false)),
    ("attention where a query sees nothing", "attention", |g, x| attend(g, x, false)),
    ("attention twice", "attention", |g, x| attend(g, x, false)),
    ("dequantize", "dequantize_linear", |g, x| {
        let narrow = g.apply(Cast { dtype: DType::I8 }, &[x[1]])?;
        let zero_point = g.constant_scalar(Scalar::Int(3), DType::I8)?;
        g.apply(DequantizeLinear { axis: 0 }, &[narrow, x[0], zero_point])
    }),
    ("relu twice", "relu", |g, x| {
        let y = g.apply(Relu, x)?;
        g.mul(y, y)
    }),
    ("square twice", "binary", |g, x| {
        let two = g.scalar(2.0, g.dtype(x[0]))?;
        g.pow(x[0], two)
    }),
    ("softmax twice", "softmax", |g, x| g.apply(Softmax { axis: 1 }, x)),
    ("layer norm twice", "layer_norm", |g, x| {
        let (one, zero) = (g.scalar(1.0, g.dtype(x[0]))?, g.scalar(0.0, g.dtype(x[0]))?);
        let width = hadal::Shape::of([4]);
        let (weight, bias) = (g.broadcast_to(one, &width)?, g.broadcast_to(zero, &width)?);
        g.apply(LayerNorm { epsilon: EPSILON }, &[x[0], weight, bias])
    }),
];

/// Rows in terms of tensors, for what only exists there.
const TENSORS: &[(&str, OfTensors)] = &[
    ("clamp", |x| x[0].clamp(-1.0, 1.0)),
    ("norm", |x| x[0].norm_keep(&[1])),
    ("variance", |x| x[0].var_keep(&[1], 1)),
];

fn apply(name: &str, x: &[Tensor]) -> Result<Tensor> {
    if let Some((_, f)) = TENSORS.iter().find(|(n, _)| *n == name) {
        return f(x);
    }
    let f = OPS.iter().find(|(n, ..)| *n == name).unwrap_or_else(|| panic!("no row {name}")).2;
    Tensor::compose(&x.iter().collect::<Vec<_>>(), f)
}

/// The sum of all elements times 1, 1.25, 1.5, …
fn weighted(y: &Tensor) -> Result<Tensor> {
    let extents = y.dims()?;
    let weights: Vec<f64> = (0..extents.iter().product()).map(|i| 1.0 + 0.25 * i as f64).collect();
    let weights = Tensor::new(y.device(), &weights.iter().map(|&w| w as f32).collect::<Vec<_>>(), extents)?;
    (y * &weights.to_dtype(y.dtype())?)?.sum(&[])
}

struct Row {
    name: String,
    inputs: Vec<(Vec<usize>, bool, Vec<f64>)>,
    gradients: Vec<Vec<f64>>,
}

fn number(value: &Value) -> f64 {
    match value.as_str() {
        Some("nan") => f64::NAN,
        Some("inf") => f64::INFINITY,
        Some("-inf") => f64::NEG_INFINITY,
        _ => value.as_f64().unwrap(),
    }
}

fn numbers(value: &Value) -> Vec<f64> {
    value.as_array().unwrap().iter().map(number).collect()
}

fn rows() -> Vec<Row> {
    let table: Value = serde_json::from_str(include_str!("golden/gradients.json")).unwrap();
    let input = |v: &Value| {
        let shape = numbers(&v["shape"]).iter().map(|&n| n as usize).collect();
        (shape, v["dtype"] == "float", numbers(&v["data"]))
    };
    let row = |v: &Value| Row {
        name: v["name"].as_str().unwrap().into(),
        inputs: v["inputs"].as_array().unwrap().iter().map(input).collect(),
        gradients: v["gradients"].as_array().unwrap().iter().map(numbers).collect(),
    };
    table.as_array().unwrap().iter().map(row).collect()
}

/// The gradients of a row on a device, for its float operands.
fn gradients(row: &Row, device: &Device, dtype: DType) -> Result<Vec<Tensor>> {
    let mut tensors = Vec::new();
    for (shape, float, data) in &row.inputs {
        let dtype = if *float { dtype } else { DType::I64 };
        let scalar = |&x: &f64| if *float { Scalar::Float(x) } else { Scalar::Int(x as i128) };
        let host = HostTensor::from_scalars(dtype, shape.as_slice(), data.iter().map(scalar)).unwrap();
        tensors.push(Tensor::from_host(device, &host)?);
    }
    let is_float: Vec<bool> = row.inputs.iter().map(|i| i.1).collect();
    let floats: Vec<&Tensor> = tensors.iter().zip(&is_float).filter(|(_, f)| **f).map(|(t, _)| t).collect();
    let loss = |floats: &[Tensor]| {
        let mut floats = floats.iter();
        let given = |(t, f): (&Tensor, &bool)| if *f { floats.next().unwrap().clone() } else { t.clone() };
        let all: Vec<Tensor> = tensors.iter().zip(&is_float).map(given).collect();
        weighted(&apply(&row.name, &all)?)
    };
    if !row.name.ends_with(" twice") {
        return Ok(value_and_grad_of(&floats, loss)?.1);
    }
    let slopes = |floats: &[Tensor]| {
        let slopes = value_and_grad_of(&floats.iter().collect::<Vec<_>>(), loss)?.1;
        let mut sum = weighted(&slopes[0])?;
        for slope in &slopes[1..] {
            sum = (&sum + &weighted(slope)?)?;
        }
        Ok(sum)
    };
    Ok(value_and_grad_of(&floats, slopes)?.1)
}

fn check(device: &Device, dtype: DType, tolerance: f64) {
    let mut wrong = Vec::new();
    for row in rows() {
        let computed = gradients(&row, device, dtype).unwrap_or_else(|e| panic!("{}: {e}", row.name));
        // The log-sum-exp of attention is an f32.
        let tolerance = if row.name.contains("attention") { tolerance.max(1e-6) } else { tolerance };
        assert_eq!(computed.len(), row.gradients.len(), "{}", row.name);
        for (operand, (computed, golden)) in computed.iter().zip(&row.gradients).enumerate() {
            let values: Vec<f64> = match dtype {
                DType::F64 => computed.to_vec::<f64>().unwrap(),
                _ => computed.to_vec::<f32>().unwrap().into_iter().map(f64::from).collect(),
            };
            assert_eq!(values.len(), golden.len(), "{}", row.name);
            for (element, (&value, &golden)) in values.iter().zip(golden).enumerate() {
                let same = value == golden
                    || (value.is_nan() && golden.is_nan())
                    || (value - golden).abs() <= tolerance * (1.0 + golden.abs());
                if !same {
                    wrong.push(format!(
                        "{}: element {element} of operand {operand} is {value}, not {golden}",
                        row.name
                    ));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{} elements on {device} in {dtype}:\n{}", wrong.len(), wrong.join("\n"));
}

#[test]
fn every_row_and_every_op_is_there() {
    let golden: Vec<String> = rows().into_iter().map(|row| row.name).collect();
    let own: BTreeSet<&str> = OPS.iter().map(|r| r.0).chain(TENSORS.iter().map(|r| r.0)).collect();
    let named: BTreeSet<&str> = golden.iter().map(String::as_str).collect();
    assert_eq!(golden.len(), named.len(), "a row has two goldens");
    assert_eq!(own, named, "rows of the table and of the golden file");
    let mut missing: BTreeSet<&str> = Op::NAMES.iter().copied().collect();
    NOT_DIFFERENTIABLE.iter().for_each(|(name, _)| assert!(missing.remove(name), "{name}"));
    WITHOUT_ROW.iter().for_each(|(name, _)| assert!(missing.remove(name), "{name}"));
    let ops: BTreeMap<&str, ()> = OPS.iter().map(|r| (r.1, ())).collect();
    ops.keys().for_each(|name| assert!(missing.remove(name), "{name} has a row and a reason for none"));
    assert!(missing.is_empty(), "neither a PyTorch row nor a reason for {missing:?}");
}

#[test]
fn gradients_are_those_of_pytorch_on_cpu() {
    let device = Device::open("cpu").unwrap();
    check(&device, DType::F64, 1e-10);
    check(&device, DType::F32, 2e-5);
}

#[test]
fn gradients_are_those_of_pytorch_on_wgpu() {
    match Device::open("wgpu") {
        Ok(device) => check(&device, DType::F32, 2e-5),
        Err(hadal::Error::Device(error))
            if matches!(*error, DeviceError::Unavailable { .. }) && std::env::var_os("CI").is_none() =>
        {
            println!("wgpu is not tested: {error}");
        }
        Err(error) => panic!("{error}"),
    }
}
