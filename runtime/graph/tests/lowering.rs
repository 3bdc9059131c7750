//! Programs compute what their graphs mean, in as few steps as they should.

use hadal_graph::op::*;
use hadal_graph::program::{Kernel, Program, ReduceOp, ScatterOp, UnaryOp};
use hadal_graph::reference::{bind, interpret, interpret_program};
use hadal_graph::{DType, Dim, Graph, GraphError, HostTensor, NodeId, Scalar, Target, compile};
use std::collections::BTreeMap;

type Build = fn(&mut Graph) -> Result<(), GraphError>;

/// Deterministic values in -1..1, or small integers.
fn fill(dtype: DType, shape: &[usize], seed: u64) -> HostTensor {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let values = (0..shape.iter().product::<usize>()).map(|_| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        match dtype.is_float() {
            true => Scalar::new((state >> 40) as f64 / (1u64 << 23) as f64 - 1.0, dtype),
            false => Scalar::Int((state >> 33) as i128 % 3),
        }
    });
    HostTensor::from_scalars(dtype, shape, values.collect::<Vec<_>>()).unwrap()
}

/// Compiles, runs program and graph in the reference, compares; returns the program.
fn check(name: &str, build: Build, sizes: &[(&str, usize)]) -> Program {
    let mut graph = Graph::new(name);
    build(&mut graph).unwrap();
    let symbols =
        |s: &hadal_graph::Symbol| sizes.iter().find(|(n, _)| *n == &*s.0).map(|(_, v)| Dim::from(*v));
    let mut leaves = BTreeMap::new();
    for (id, node) in graph.nodes().iter() {
        let leaf = match &node.op {
            Op::Input(op) => &op.name,
            Op::Parameter(op) => &op.name,
            Op::Variable(op) => &op.name,
            _ => continue,
        };
        let shape: Vec<usize> =
            graph.shape(id).iter().map(|d| d.substitute(&symbols).as_usize().unwrap()).collect();
        leaves.insert(leaf.clone(), fill(graph.dtype(id), &shape, id.index() as u64 + 1));
    }
    let expected = interpret(&graph, &leaves).unwrap();
    let bindings = bind(&graph, &leaves).unwrap();
    let mut tight = Target::unlimited("tight");
    (tight.max_bindings, tight.max_instructions) = (4, 6);
    tight.native.clear();
    let mut first = None;
    for target in [Target::unlimited("wide"), tight] {
        let program = compile(&graph, &target).unwrap_or_else(|e| panic!("{name}: {e}"));
        let actual = interpret_program(&program, &bindings, &leaves)
            .unwrap_or_else(|e| panic!("{name}: {e}\n{program:#?}"));
        for (a, e) in actual.outputs.iter().zip(&expected.outputs) {
            compare(name, a, e);
        }
        for (name, value) in &actual.assigns {
            compare(name, value, &expected.assigns.iter().find(|(n, _)| n == name).unwrap().1);
        }
        assert_eq!(actual.assigns.len(), expected.assigns.len(), "{name}");
        first.get_or_insert(program);
    }
    first.unwrap()
}

fn compare(name: &str, actual: &HostTensor, expected: &HostTensor) {
    assert_eq!((actual.dtype(), actual.shape()), (expected.dtype(), expected.shape()), "{name}");
    let tolerance = match actual.dtype() {
        DType::F32 => 1e-6,
        DType::F64 => 1e-13,
        DType::F16 => 2e-3,
        DType::BF16 => 2e-2,
        _ => 0.0,
    };
    for (i, (a, e)) in actual.to_f64().into_iter().zip(expected.to_f64()).enumerate() {
        let close = a == e || (a.is_nan() && e.is_nan()) || (a - e).abs() <= tolerance * e.abs().max(1.0);
        assert!(close, "{name}: element {i} is {a}, not {e}");
    }
}

fn archetypes(program: &Program) -> String {
    let names = program.steps.iter().map(|s| format!("{:?}", s.kernel.archetype()).to_lowercase());
    names.collect::<Vec<_>>().join(" ")
}

fn x(g: &mut Graph, name: &str, shape: &[usize]) -> NodeId {
    g.input(name, DType::F32, shape).unwrap()
}

#[test]
fn elementwise_chains_are_one_step() {
    let program = check(
        "chain",
        |g| {
            let (a, b) = (x(g, "a", &[3, 4]), x(g, "b", &[4]));
            let sum = g.add(a, b)?;
            let exp = g.unary(UnaryOp::Exp, sum)?;
            let turned = g.transpose(exp, &[1, 0])?;
            let c = x(g, "c", &[4, 3]);
            let product = g.mul(turned, c)?;
            g.output("exp", exp);
            g.output("product", product);
            Ok(())
        },
        &[],
    );
    assert_eq!(archetypes(&program), "pointwise");
    assert_eq!(program.steps[0].writes.len(), 2);
}

#[test]
fn softmax_and_layer_norm_are_one_step_each() {
    let program = check(
        "softmax",
        |g| {
            let a = g.input("a", DType::F32, [Dim::symbol("b"), 5.into()])?;
            let s = g.apply(Softmax { axis: 1 }, &[a])?;
            g.output("s", s);
            Ok(())
        },
        &[("b", 3)],
    );
    assert_eq!(archetypes(&program), "reduce");
    let program = check(
        "residual layer norm",
        |g| {
            let (a, r) = (x(g, "a", &[2, 3, 8]), x(g, "r", &[2, 3, 8]));
            let (w, b) = (x(g, "w", &[8]), x(g, "bias", &[8]));
            let sum = g.add(a, r)?;
            let n = g.apply(LayerNorm { epsilon: Scalar::Float(1e-5) }, &[sum, w, b])?;
            let flat = g.reshape(n, [6, 8])?;
            g.output("n", n);
            g.output("flat", flat);
            g.output("sum", sum);
            Ok(())
        },
        &[],
    );
    assert_eq!(archetypes(&program), "reduce");
    assert_eq!(program.outputs[0], program.outputs[1]);
}

#[test]
fn a_linear_layer_with_gelu_is_one_contraction() {
    let program = check(
        "linear",
        |g| {
            let a = g.input("a", DType::F32, [Dim::symbol("b"), Dim::symbol("s"), 6.into()])?;
            let w = g.parameter("w", DType::F32, [5, 6])?;
            let bias = g.parameter("bias", DType::F32, [5])?;
            let wt = g.transpose_last(w)?;
            let y = g.matmul(a, wt)?;
            let y = g.add(y, bias)?;
            let y = g.apply(Gelu { tanh: false }, &[y])?;
            g.output("y", y);
            Ok(())
        },
        &[("b", 2), ("s", 3)],
    );
    assert_eq!(archetypes(&program), "contract");
    let Kernel::Contract(contract) = &program.steps[0].kernel else { panic!() };
    assert_eq!((contract.batch.rank(), contract.m.rank()), (0, 2));
    assert!(contract.b.program.as_plain_load(contract.b.value).is_some());
}

#[test]
fn attention_reads_heads_where_they_lie() {
    let program = check(
        "heads",
        |g| {
            let (b, s) = (Dim::symbol("b"), Dim::symbol("s"));
            let mut heads = Vec::new();
            for name in ["q", "k", "v"] {
                let t = g.input(name, DType::F32, [b.clone(), s.clone(), 8.into()])?;
                let t = g.reshape(t, [b.clone(), s.clone(), 2.into(), 4.into()])?;
                heads.push(g.transpose(t, &[0, 2, 1, 3])?);
            }
            let mask = g.input("mask", DType::F32, [b.clone(), s.clone()])?;
            let mask = g.reshape(mask, [b.clone(), 1.into(), 1.into(), s.clone()])?;
            let mask = g.broadcast_to(mask, &[b.clone(), 2.into(), s.clone(), s.clone()].into())?;
            heads.push(mask);
            let a = g.apply(Attention { scale: Scalar::Float(0.5), causal: false }, &heads)?;
            let a = g.project(a, 0)?;
            let a = g.transpose(a, &[0, 2, 1, 3])?;
            let a = g.reshape(a, [b, s, 8.into()])?;
            g.output("a", a);
            Ok(())
        },
        &[("b", 2), ("s", 3)],
    );
    assert_eq!(program.steps.iter().filter(|s| matches!(s.kernel, Kernel::Attention(_))).count(), 1);
    assert!(program.steps.len() <= 2, "{}", archetypes(&program));
}

#[test]
fn convolution_padding_and_pooling() {
    let program = check(
        "cnn",
        |g| {
            let image = x(g, "image", &[2, 4, 7, 6]);
            let w = x(g, "w", &[6, 2, 3, 2]);
            let conv = Conv {
                stride: vec![2, 1],
                low: vec![1, 0],
                high: vec![2, 1],
                dilation: vec![1, 2],
                input_dilation: vec![1, 1],
                groups: 2,
            };
            let y = g.apply(conv, &[image, w])?;
            let zero = g.scalar(0.0, DType::F32)?;
            let y = g.maximum(y, zero)?;
            let pool = Window {
                op: ReduceOp::Max,
                size: vec![1, 1, 2, 2],
                stride: vec![1, 1, 2, 1],
                dilation: vec![1; 4],
                low: vec![0, 0, 1, 0],
                high: vec![0, 0, 0, 1],
            };
            let y = g.apply(pool, &[y])?;
            g.output("y", y);
            let conv = Conv {
                stride: vec![1, 1],
                low: vec![2, 2],
                high: vec![2, 2],
                dilation: vec![1, 1],
                input_dilation: vec![2, 3],
                groups: 1,
            };
            let w2 = x(g, "w2", &[3, 4, 2, 2]);
            let up = g.apply(conv, &[image, w2])?;
            g.output("up", up);
            Ok(())
        },
        &[],
    );
    assert_eq!(program.steps.iter().filter(|s| matches!(s.kernel, Kernel::Contract(_))).count(), 2);
}

#[test]
fn movement_of_every_kind() {
    check(
        "movement",
        |g| {
            let a = x(g, "a", &[3, 4]);
            let e = g.unary(UnaryOp::Exp, a)?;
            let p = g.apply(
                Pad {
                    low: vec![1.into(), 0.into()],
                    high: vec![0.into(), 2.into()],
                    value: Scalar::Float(7.0),
                },
                &[e],
            )?;
            let s = g.apply(
                Slice {
                    starts: vec![3.into(), 1.into()],
                    extents: vec![2.into(), 2.into()],
                    steps: vec![-2, 3],
                },
                &[p],
            )?;
            let c = g.concat(&[s, s], 1)?;
            let odd = g.reshape(c, [4, 2])?;
            let odd = g.transpose(odd, &[1, 0])?;
            let odd = g.reshape(odd, [8])?;
            let i = g.input("i", DType::I64, [2, 2])?;
            let gathered = g.gather(e, 1, i)?;
            let start = g.input("start", DType::I32, [0usize; 0])?;
            let d = g.apply(DynamicSlice { axis: 1, extent: 2.into() }, &[e, start])?;
            let row = g.narrow(a, 0, 1, 1)?;
            let row = g.unary(UnaryOp::Neg, row)?;
            let u = g.apply(DynamicUpdate { axis: 0 }, &[a, row, start])?;
            for (n, t) in [("p", p), ("c", c), ("odd", odd), ("gathered", gathered), ("d", d), ("u", u)] {
                g.output(n, t);
            }
            Ok(())
        },
        &[],
    );
}

#[test]
fn scatter_scan_sort_and_positions() {
    check(
        "indexed",
        |g| {
            let a = x(g, "a", &[2, 5, 3]);
            let i = g.input("i", DType::I32, [4])?;
            let u = x(g, "u", &[2, 4, 3]);
            for op in [ScatterOp::Add, ScatterOp::Set, ScatterOp::Max] {
                let s = g.apply(Scatter { axis: 1, op }, &[a, i, u])?;
                g.output(format!("{op:?}"), s);
            }
            let cumulative =
                g.apply(Cumulative { op: ReduceOp::Sum, axis: 1, exclusive: true, reverse: true }, &[a])?;
            let doubled = g.add(cumulative, cumulative)?;
            let sorted = g.apply(Sort { axis: 1, descending: true }, &[a])?;
            let (values, positions) = (g.project(sorted, 0)?, g.project(sorted, 1)?);
            let arg = g.reduce(ReduceOp::ArgMax, a, &[0, 2])?;
            for (n, t) in [("c", doubled), ("v", values), ("p", positions), ("arg", arg)] {
                g.output(n, t);
            }
            Ok(())
        },
        &[],
    );
}

#[test]
fn an_optimizer_step_is_in_place() {
    let program = check(
        "adam",
        |g| {
            let p = g.variable("p", DType::F32, [4, 3])?;
            let m = g.variable("m", DType::F32, [4, 3])?;
            let grad = x(g, "grad", &[4, 3]);
            let rate = g.input("rate", DType::F32, [0usize; 0])?;
            let beta = g.scalar(0.9, DType::F32)?;
            let rest = g.scalar(0.1, DType::F32)?;
            let (a, b) = (g.mul(m, beta)?, g.mul(grad, rest)?);
            let new_m = g.add(a, b)?;
            let step = g.mul(new_m, rate)?;
            let new_p = g.sub(p, step)?;
            g.assign(m, new_m)?;
            g.assign(p, new_p)?;
            Ok(())
        },
        &[],
    );
    assert_eq!(archetypes(&program), "pointwise");
    for update in &program.updates {
        assert_eq!(program.storage(update.value), program.variables[update.variable]);
    }
}

#[test]
fn a_loop_grows_a_cache() {
    check(
        "loop",
        |g| {
            let mut condition = Graph::new("condition");
            let state = |r: &mut Graph| -> Result<[NodeId; 3], GraphError> {
                Ok([
                    r.input("i", DType::I32, [0usize; 0])?,
                    r.input("cache", DType::F32, [5, 2])?,
                    r.input("x", DType::F32, [1, 2])?,
                ])
            };
            let [i, _, _] = state(&mut condition)?;
            let limit = condition.scalar(4.0, DType::I32)?;
            let more = condition.compare(hadal_graph::program::CompareOp::Lt, i, limit)?;
            condition.output("more", more);
            let mut body = Graph::new("body");
            let [i, cache, row] = state(&mut body)?;
            let one = body.scalar(1.0, DType::I32)?;
            let next = body.add(i, one)?;
            let grown = body.apply(DynamicUpdate { axis: 0 }, &[cache, row, i])?;
            let mean = body.reduce_keep(ReduceOp::Sum, grown, &[0])?;
            for (n, t) in [("i", next), ("cache", grown), ("x", mean)] {
                body.output(n, t);
            }
            let i = g.scalar(0.0, DType::I32)?;
            let i = g.reshape(i, [1])?;
            let i = g.reshape(i, [0usize; 0])?;
            let (cache, row) = (x(g, "cache", &[5, 2]), x(g, "row", &[1, 2]));
            let l = g.apply_regions(While.into(), &[i, cache, row], vec![condition.into(), body.into()])?;
            for n in 0..3 {
                let t = g.project(l, n)?;
                g.output(format!("{n}"), t);
            }
            Ok(())
        },
        &[],
    );
}

#[test]
fn quantised_weights_stay_small() {
    let program = check(
        "int8",
        |g| {
            let a = x(g, "a", &[3, 4]);
            let w = g.parameter("w", DType::I8, [4, 5])?;
            let scale = g.parameter("scale", DType::F32, [5])?;
            let table = g.parameter("table", DType::I8, [7, 4])?;
            let i = g.input("i", DType::I64, [3])?;
            let wide = g.cast(w, DType::F32)?;
            let wide = g.mul(wide, scale)?;
            let table = g.cast(table, DType::F32)?;
            let rows = g.gather(table, 0, i)?;
            let sum = g.add(a, rows)?;
            let y = g.matmul(sum, wide)?;
            g.output("y", y);
            Ok(())
        },
        &[],
    );
    assert_eq!(archetypes(&program), "pointwise contract");
}

#[test]
fn views_leaves_and_constants_as_results() {
    check(
        "views",
        |g| {
            let a = x(g, "a", &[2, 3]);
            let turned = g.transpose(a, &[1, 0])?;
            let flat = g.reshape(a, [6])?;
            let c = g.scalar(2.5, DType::F32)?;
            let wide = g.broadcast_to(c, &[2, 2].into())?;
            let iota = g.iota([3, 2], 1, DType::I64)?;
            let total = g.reduce(ReduceOp::Sum, a, &[0, 1])?;
            for (n, t) in [
                ("a", a),
                ("turned", turned),
                ("flat", flat),
                ("c", c),
                ("wide", wide),
                ("iota", iota),
                ("total", total),
            ] {
                g.output(n, t);
            }
            Ok(())
        },
        &[],
    );
}

/// A post-norm transformer encoder layer as BERT has it.
fn encoder_layer(
    g: &mut Graph,
    x: NodeId,
    mask: NodeId,
    layer: usize,
    width: usize,
    heads: usize,
) -> Result<NodeId, GraphError> {
    let (b, s) = (g.shape(x)[0].clone(), g.shape(x)[1].clone());
    let dense =
        |g: &mut Graph, x: NodeId, name: &str, from: usize, to: usize| -> Result<NodeId, GraphError> {
            let w = g.parameter(&format!("{layer}.{name}.weight"), DType::F32, [to, from])?;
            let bias = g.parameter(&format!("{layer}.{name}.bias"), DType::F32, [to])?;
            let w = g.transpose_last(w)?;
            let y = g.matmul(x, w)?;
            g.add(y, bias)
        };
    let norm = |g: &mut Graph, x: NodeId, name: &str| -> Result<NodeId, GraphError> {
        let w = g.parameter(&format!("{layer}.{name}.weight"), DType::F32, [width])?;
        let bias = g.parameter(&format!("{layer}.{name}.bias"), DType::F32, [width])?;
        g.apply(LayerNorm { epsilon: Scalar::Float(1e-12) }, &[x, w, bias])
    };
    let mut inputs = Vec::new();
    for name in ["query", "key", "value"] {
        let t = dense(g, x, name, width, width)?;
        let t = g.reshape(t, [b.clone(), s.clone(), heads.into(), (width / heads).into()])?;
        inputs.push(g.transpose(t, &[0, 2, 1, 3])?);
    }
    inputs.push(mask);
    let a = g.apply(Attention { scale: Scalar::Float(0.25), causal: false }, &inputs)?;
    let a = g.project(a, 0)?;
    let a = g.transpose(a, &[0, 2, 1, 3])?;
    let a = g.reshape(a, [b, s, width.into()])?;
    let a = dense(g, a, "output", width, width)?;
    let a = g.add(a, x)?;
    let a = norm(g, a, "norm1")?;
    let h = dense(g, a, "up", width, 2 * width)?;
    let h = g.apply(Gelu { tanh: false }, &[h])?;
    let h = dense(g, h, "down", 2 * width, width)?;
    let h = g.add(h, a)?;
    norm(g, h, "norm2")
}

#[test]
fn an_encoder_layer_is_nine_steps() {
    let program = check(
        "encoder",
        |g| {
            let (b, s) = (Dim::symbol("b"), Dim::symbol("s"));
            let table = g.parameter("table", DType::F32, [3, 8])?;
            let ids = g.input("ids", DType::I64, [b.clone(), s.clone()])?;
            let seen = g.input("seen", DType::I64, [b.clone(), s.clone()])?;
            let seen = g.cast(seen, DType::F32)?;
            let one = g.scalar(1.0, DType::F32)?;
            let hidden = g.sub(one, seen)?;
            let low = g.scalar(-1e9, DType::F32)?;
            let mask = g.mul(hidden, low)?;
            let mask = g.reshape(mask, [b.clone(), 1.into(), 1.into(), s.clone()])?;
            let mask = g.broadcast_to(mask, &[b, 2.into(), s.clone(), s].into())?;
            let mut x = g.gather(table, 0, ids)?;
            for layer in 0..2 {
                x = encoder_layer(g, x, mask, layer, 8, 2)?;
            }
            g.output("x", x);
            Ok(())
        },
        &[("b", 2), ("s", 3)],
    );
    let labels: Vec<&str> = program.steps.iter().map(|s| s.label.as_str()).collect();
    // The mask, the embedding, and for each layer: three projections, attention, its output, norm, up, down, norm.
    assert_eq!(labels.len(), 2 + 2 * 9, "{labels:#?}");
}
