//! The Hadal file: a graph with every feature survives, and a file that lies is refused.

use hadal_formats::{SafeTensors, hadal_file};
use hadal_graph::op::{Attention, If, LayerNorm, Op, Pad, While};
use hadal_graph::program::{BinaryOp, CompareOp, ReduceOp, UnaryOp};
use hadal_graph::{Bytes, DType, Dim, Graph, GraphError, HostTensor, Scalar, Shape};
use std::collections::BTreeMap;
use std::sync::Arc;

/// Symbols and quotients, constants of awkward values, projections, regions, state.
fn model() -> Result<(Graph, BTreeMap<String, HostTensor>), GraphError> {
    let mut g = Graph::new("everything");
    let n = Dim::symbol("batch");
    let x = g.input("x", DType::F32, Shape(vec![n.clone(), 4.into()]))?;
    let w = g.parameter("w", DType::F32, [4, 4])?;
    let steps = g.variable("steps", DType::I64, Shape::scalar())?;
    let h = g.matmul(x, w)?;
    g.set_name(h, "encoder/0");
    let special = HostTensor::new([4], &[f32::NAN, f32::NEG_INFINITY, -0.0, 1e-40]).expect("4 elements");
    let special = g.constant(special)?;
    let h = g.add(h, special)?;
    let mask = g.constant(HostTensor::from_bools([4], &[true, false, true, true]).expect("4 elements"))?;
    let zero = g.scalar(0.0, DType::F32)?;
    let h = g.select(mask, h, zero)?;
    let unit = g.reduce_keep(ReduceOp::Max, h, &[1])?;
    let padded = g.apply(
        Pad {
            low: vec![Dim::ZERO, Dim::ONE],
            high: vec![n.clone(), 2.into()],
            value: Scalar::lowest(DType::F32),
        },
        &[unit],
    )?;
    let half = g.narrow(padded, 0, 0, n.floor_div(&2.into()))?;
    let scale = g.parameter("scale", DType::F32, [4])?;
    let normal = g.apply(LayerNorm { epsilon: Scalar::Float(1e-5f32 as f64) }, &[half, scale, scale])?;
    let q = g.unsqueeze(normal, 0)?;
    let attention = g.apply(Attention { scale: Scalar::Float(0.5), causal: true }, &[q, q, q])?;
    let lse = g.project(attention, 1)?;
    let sum = g.reduce(ReduceOp::Sum, lse, &[0, 1])?;

    let mut condition = Graph::new("condition");
    let state = condition.input("state", DType::F32, Shape::scalar())?;
    let limit = condition.scalar(10.0, DType::F32)?;
    let more = condition.compare(CompareOp::Lt, state, limit)?;
    condition.output("more", more);
    let mut body = Graph::new("body");
    let state = body.input("state", DType::F32, Shape::scalar())?;
    let gain = body.parameter("gain", DType::F32, Shape::scalar())?;
    let next = body.mul(state, gain)?;
    body.output("next", next);
    let looped = g.apply_regions(Op::While(While), &[sum], vec![Arc::new(condition), Arc::new(body)])?;
    let mut then = Graph::new("then");
    let v = then.input("v", DType::F32, Shape::scalar())?;
    let e = then.unary(UnaryOp::Exp, v)?;
    then.output("r", e);
    let mut otherwise = Graph::new("else");
    let v = otherwise.input("v", DType::F32, Shape::scalar())?;
    otherwise.output("r", v);
    let positive = g.compare(CompareOp::Gt, looped, zero)?;
    let chosen =
        g.apply_regions(Op::If(If), &[positive, looped], vec![Arc::new(then), Arc::new(otherwise)])?;
    g.output("y", chosen);
    g.output("sizes", normal);
    let one = g.constant_scalar(Scalar::Int(1), DType::I64)?;
    let next = g.binary(BinaryOp::Add, steps, one)?;
    g.assign(steps, next)?;
    let weights = BTreeMap::from([
        ("w".to_string(), HostTensor::full(DType::F32, [4, 4], Scalar::Float(0.25))),
        ("scale".to_string(), HostTensor::full(DType::F32, [4], Scalar::Float(1.0))),
        ("gain".to_string(), HostTensor::scalar(DType::F32, Scalar::Float(2.0))),
        ("steps".to_string(), HostTensor::scalar(DType::I64, Scalar::Int(7))),
    ]);
    Ok((g, weights))
}

/// The graph without source locations, which files do not carry.
fn without_locations(graph: &Graph) -> String {
    let mut g = graph.clone();
    for id in graph.nodes().handles() {
        g.set_location(id, None);
    }
    let regions = graph.nodes().iter().flat_map(|(_, n)| &n.regions).map(|r| without_locations(r));
    let nodes: Vec<String> = g
        .nodes()
        .iter()
        .map(|(_, n)| format!("{:?} {:?} {:?} {:?}", n.op, n.inputs, n.types, n.name))
        .collect();
    let regions: Vec<String> = regions.collect();
    format!("{} {nodes:?} {:?} {:?} {regions:?}", g.name, g.outputs, g.assigns)
}

#[test]
fn everything_survives() {
    let (graph, weights) = model().unwrap();
    let path = std::env::temp_dir().join(format!("hadal-everything-{}.hadal", std::process::id()));
    hadal_file::write(&path, &graph, &weights).unwrap();
    let read = hadal_file::read(&path).unwrap();
    assert_eq!(without_locations(&read.graph), without_locations(&graph));
    assert_eq!(read.weights, weights);
    assert!(hadal_file::is_hadal_file(SafeTensors::open(&path).unwrap().outline()));
    assert_eq!(
        hadal_file::to_bytes(&read.graph, &read.weights).unwrap(),
        std::fs::read(&path).unwrap(),
        "writing what was read gives the same file"
    );
    std::fs::remove_file(path).unwrap();
}

#[test]
fn weights_must_be_those_of_the_graph() {
    let (graph, weights) = model().unwrap();
    let fail = |change: &dyn Fn(&mut BTreeMap<String, HostTensor>)| {
        let mut weights = weights.clone();
        change(&mut weights);
        hadal_file::to_bytes(&graph, &weights).unwrap_err().to_string()
    };
    let scalar = || HostTensor::scalar(DType::F32, Scalar::Float(0.0));
    let message = fail(&|w| drop(w.remove("gain")));
    assert!(message.contains("`gain`: found none, expected f32[]"), "{message}");
    let message = fail(&|w| drop(w.insert("w".into(), scalar())));
    assert!(message.contains("`w`: found f32[], expected f32[4, 4]"), "{message}");
    let message = fail(&|w| drop(w.insert("extra".into(), scalar())));
    assert!(message.contains("`extra`"), "{message}");
}

/// The message for a file with this graph and no tensors.
fn refused(graph: &str) -> String {
    let metadata = BTreeMap::from(
        [("format", "hadal"), ("format_version", "1"), ("graph", graph)]
            .map(|(k, v)| (k.to_string(), v.to_string())),
    );
    let bytes = hadal_formats::safetensors::to_bytes(&BTreeMap::new(), &metadata).unwrap();
    let file = SafeTensors::from_bytes(Bytes::new(bytes)).unwrap();
    hadal_file::from_safetensors(&file).expect_err(graph).to_string()
}

/// The message for these nodes.
fn refused_nodes(nodes: &[String]) -> String {
    refused(&format!(r#"{{"name":"g","nodes":[{}],"outputs":[]}}"#, nodes.join(",")))
}

/// Strings from whatever becomes one.
macro_rules! list {
    ($($item:expr),*) => { vec![$(String::from($item)),*] };
}

#[test]
fn lies_are_refused() {
    let x = r#"{"op":{"input":{"name":"x","ty":{"dtype":"f32","shape":[2]}}},"version":1}"#;
    let exp = |input: i64| format!(r#"{{"op":{{"unary":{{"op":"exp"}}}},"version":1,"inputs":[{input}]}}"#);
    let cases: &[(Vec<String>, &[&str])] = &[
        (list![x, &exp(1)], &["node 1 (exp)", "node 1 as input", "only earlier nodes"]),
        (list![x, &exp(7)], &["node 7 as input"]),
        (list![x, &exp(-1)], &["-1"]),
        (list![x, x], &["a second input", "`x`"]),
        (list![&x.replace("f32", "f128")], &["f128"]),
        (list![&x.replace("input", "frobnicate")], &["frobnicate"]),
        (list![&x.replace(r#""version":1"#, r#""version":9"#)], &["version 9", "newer Hadal"]),
        (list![&x.replace("input", "parameter").replace("[2]", "[-2]")], &["not negative"]),
        (list![&x.replace("[2]", "[[]]")], &["canonical form"]),
        (
            list![x, r#"{"op":{"reshape":{"shape":[3]}},"version":1,"inputs":[0]}"#],
            &["node 1 (reshape)", "2 elements", "3 elements"],
        ),
        (
            list![x, r#"{"op":{"transpose":{"permutation":[1]}},"version":1,"inputs":[0]}"#],
            &["transpose", "out of range"],
        ),
        (list![r#"{"op":{"while":null},"version":1}"#], &["regions"]),
        (
            list![
                r#"{"op":{"while":null},"version":1,"regions":[{"name":"c","nodes":[{"op":{"constant":{"value":{"dtype":"bool","shape":[],"data":"01"}}},"version":1}],"outputs":[{"name":"c","node":0}]},{"name":"b","nodes":[]}]}"#
            ],
            &["without results"],
        ),
        (
            list![r#"{"op":{"constant":{"value":{"dtype":"bool","shape":[1],"data":"05"}}},"version":1}"#],
            &["a boolean of 5"],
        ),
        (
            list![
                r#"{"op":{"constant":{"value":{"dtype":"f32","shape":[4294967296,4294967296],"data":""}}},"version":1}"#
            ],
            &["4294967296"],
        ),
        (
            list![
                r#"{"op":{"constant":{"value":{"dtype":"f32","shape":[1],"data":"0g000000"}}},"version":1}"#
            ],
            &["hexadecimal"],
        ),
        (list![&x.replace("[2]", &format!("[{}1]", "1,".repeat(50)))], &["51 axes"]),
    ];
    for (nodes, parts) in cases {
        let message = refused_nodes(nodes);
        for part in *parts {
            assert!(message.contains(part), "{nodes:?}: {message} lacks {part}");
        }
    }
    assert!(refused("{").contains("JSON"));
    let two = format!(
        r#"{{"name":"g","nodes":[{x}],"outputs":[{{"name":"y","node":0}},{{"name":"y","node":0}}]}}"#
    );
    assert!(refused(&two).contains("output `y`"));
    let out = format!(r#"{{"name":"g","nodes":[{x}],"outputs":[{{"name":"y","node":4}}]}}"#);
    assert!(refused(&out).contains("node 4, expected one of 1"));
    let assign = format!(r#"{{"name":"g","nodes":[{x}],"assigns":[{{"variable":0,"value":0}}]}}"#);
    assert!(refused(&assign).contains("only variables"));
}

#[test]
fn regions_nest_only_so_deep() {
    let mut graph = r#"{"name":"g","nodes":[]}"#.to_string();
    for _ in 0..17 {
        graph =
            format!(r#"{{"name":"g","nodes":[{{"op":{{"while":null}},"version":1,"regions":[{graph}]}}]}}"#);
    }
    assert!(refused(&graph).contains("deeper regions"), "{}", refused(&graph));
    for _ in 0..10_000 {
        graph =
            format!(r#"{{"name":"g","nodes":[{{"op":{{"while":null}},"version":1,"regions":[{graph}]}}]}}"#);
        if graph.len() > 1_000_000 {
            break;
        }
    }
    assert!(refused(&graph).contains("recursion limit"), "{}", refused(&graph));
}

#[test]
fn sizes_cannot_explode() {
    let sum: Vec<String> = (0..100).map(|i| format!(r#"[[{{"Symbol":"s{i:03}"}}],1]"#)).collect();
    let big = format!("[{}]", sum.join(","));
    let shape = vec![big; 8].join(",");
    let node = format!(
        r#"{{"op":{{"input":{{"name":"x","ty":{{"dtype":"f32","shape":[{shape}]}}}}}},"version":1}}"#
    );
    assert!(refused_nodes(&[node]).contains("too long a formula"));
}
