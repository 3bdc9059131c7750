//! What ONNX models become, and what is said about those that become nothing.

mod onnx_models;
mod onnx_sieve;

use hadal_formats::{FormatError, Imported, onnx};
use hadal_graph::op::Op;
use hadal_graph::reference::interpret;
use hadal_graph::{Bytes, DType, HostTensor, Scalar};
use onnx_models::{Attr, bytes, floats, ints, model, node, output, tensor, value};

fn import(model: &hadal_formats::onnx::proto::ModelProto) -> Imported {
    let imported = onnx::from_bytes(bytes(model)).unwrap_or_else(|e| panic!("{e}"));
    imported.graph.validate().unwrap();
    imported
}

fn refused(model: &hadal_formats::onnx::proto::ModelProto) -> String {
    onnx::from_bytes(bytes(model)).expect_err("it was imported").to_string()
}

/// The outputs for these inputs, by the reference.
fn run(imported: &Imported, inputs: &[(&str, HostTensor)]) -> Vec<HostTensor> {
    let mut values = imported.weights.clone();
    values.extend(inputs.iter().map(|(name, value)| (name.to_string(), value.clone())));
    interpret(&imported.graph, &values).unwrap().outputs
}

/// Names of the ops that are no leaves.
fn ops(imported: &Imported) -> Vec<String> {
    let nodes = imported.graph.nodes().iter().filter(|(_, n)| !n.inputs.is_empty());
    nodes.map(|(_, n)| n.op.label()).collect()
}

#[test]
fn shape_arithmetic_makes_no_nodes() {
    let list = |name: &str, value: i64| ints(name, &[value]);
    let imported = import(&model(
        17,
        vec![
            node("Constant", &[], &["two"], vec![("value", Attr::Tensor(ints("", &[2]).into()))]),
            node("Shape", &["x"], &["shape"], vec![]),
            node("Gather", &["shape", "i0"], &["batch"], vec![]),
            node("Slice", &["shape", "one", "two"], &["seq"], vec![]),
            node("Unsqueeze", &["batch", "axis0"], &["batch1"], vec![]),
            node("Mul", &["seq", "two"], &["twice"], vec![]),
            node("Cast", &["twice"], &["narrow"], vec![("to", Attr::Int(6))]),
            node("Cast", &["narrow"], &["wide"], vec![("to", Attr::Int(7))]),
            node("Div", &["last", "two"], &["half"], vec![]),
            node("Concat", &["batch1", "wide", "half"], &["target"], vec![("axis", Attr::Int(0))]),
            node("Reshape", &["x", "target"], &["y"], vec![]),
            node("Concat", &["minus", "seq"], &["open"], vec![("axis", Attr::Int(0))]),
            node("Reshape", &["y", "open"], &["z"], vec![]),
            // What no output needs is not even looked at.
            node("NoSuchOperator", &["x"], &["dead"], vec![]),
        ],
        vec![
            tensor("i0", &HostTensor::scalar(DType::I64, Scalar::Int(0))),
            list("axis0", 0),
            list("one", 1),
            list("last", 12),
            list("minus", -1),
        ],
        vec![value("x", DType::F32, &["batch", "seq", "12"])],
        vec![output("y"), output("z")],
    ));
    assert_eq!(ops(&imported), ["reshape", "reshape"]);
    let types: Vec<String> =
        imported.graph.outputs.iter().map(|o| imported.graph.ty(o.node).to_string()).collect();
    assert_eq!(types, ["f32[batch, 2*seq, 6]", "f32[12*batch, seq]"]);
    assert!(imported.weights.is_empty());
}

#[test]
fn sizes_that_are_needed_as_tensors_become_nodes() {
    let imported = import(&model(
        17,
        vec![
            node("Shape", &["x"], &["shape"], vec![]),
            node("ConstantOfShape", &["shape"], &["zeros"], vec![]),
            node("Add", &["x", "zeros"], &["sum"], vec![]),
        ],
        vec![],
        vec![value("x", DType::F32, &["n", "?"])],
        vec![output("shape"), output("sum")],
    ));
    assert_eq!(imported.graph.ty(imported.graph.outputs[1].node).to_string(), "f32[n, x.1]");
    let outputs = run(&imported, &[("x", HostTensor::new([2, 3], &[1.0f32; 6]).unwrap())]);
    assert_eq!(outputs[0].to_vec::<i64>().unwrap(), [2, 3]);
    assert_eq!(outputs[1].to_f64(), [1.0; 6]);
}

#[test]
fn quantised_weights_stay_small_and_share_the_file() {
    let weights = HostTensor::new([64, 64], &[3i8; 4096]).unwrap();
    let file = bytes(&model(
        17,
        vec![
            node("Cast", &["q"], &["f"], vec![("to", Attr::Int(1))]),
            node("Mul", &["f", "scale"], &["w"], vec![]),
            node("MatMul", &["x", "w"], &["y"], vec![]),
        ],
        vec![tensor("q", &weights), floats("scale", &[], &[0.5])],
        vec![value("x", DType::F32, &["n", "64"])],
        vec![value("y", DType::F32, &["n", "64"])],
    ));
    let imported = onnx::from_bytes(file.clone()).unwrap();
    assert_eq!(imported.weights.keys().collect::<Vec<_>>(), ["q"]);
    assert_eq!(imported.weights["q"], weights);
    let (whole, part) = (file.as_ptr_range(), imported.weights["q"].bytes().as_ptr_range());
    assert!(whole.start <= part.start && part.end <= whole.end, "the weights were copied");
    assert!(
        imported
            .graph
            .nodes()
            .iter()
            .any(|(_, n)| matches!(&n.op, Op::Parameter(p) if p.ty.dtype == DType::I8))
    );
    let outputs = run(&imported, &[("x", HostTensor::new([1, 64], &[1.0f32; 64]).unwrap())]);
    assert_eq!(outputs[0].to_f64(), [96.0; 64]);
}

#[test]
fn negative_indices_count_from_the_end() {
    let gather = |indices: Vec<hadal_formats::onnx::proto::TensorProto>, inputs| {
        let nodes = vec![node("Gather", &["x", "i"], &["y"], vec![])];
        import(&model(17, nodes, indices, inputs, vec![output("y")]))
    };
    let x = || value("x", DType::F32, &["4"]);
    let data = HostTensor::new([4], &[10.0f32, 11.0, 12.0, 13.0]).unwrap();
    let at = HostTensor::new([3], &[-1i64, 0, -4]).unwrap();
    let run_time = gather(vec![], vec![x(), value("i", DType::I64, &["k"])]);
    assert!(ops(&run_time).contains(&"select".to_string()));
    let outputs = run(&run_time, &[("x", data.clone()), ("i", at)]);
    assert_eq!(outputs[0].to_f64(), [13.0, 10.0, 10.0]);
    let known = gather(vec![ints("i", &[3, 1])], vec![x()]);
    assert_eq!(ops(&known), ["gather"], "known indices need no check");
    let last = gather(vec![tensor("i", &HostTensor::scalar(DType::I64, Scalar::Int(-1)))], vec![x()]);
    assert_eq!(ops(&last), ["slice", "reshape"]);
    assert_eq!(run(&last, &[("x", data)])[0].to_f64(), [13.0]);
}

#[test]
fn external_data_is_found_next_to_the_model_only() {
    let folder = std::env::temp_dir().join(format!("hadal-onnx-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    let at = |location: &str, offset: &str, length: &str| {
        let entry = |key: &str, value: &str| onnx::proto::StringStringEntryProto {
            key: key.into(),
            value: value.into(),
        };
        let mut w = floats("w", &[2], &[0.0; 2]);
        w.raw_data = None;
        w.data_location = 1;
        w.external_data = vec![entry("location", location), entry("offset", offset), entry("length", length)];
        let nodes = vec![node("Add", &["x", "w"], &["y"], vec![])];
        model(17, nodes, vec![w], vec![value("x", DType::F32, &["2"])], vec![output("y")])
    };
    let data: Vec<u8> = [9.0f32, 1.5, 2.5].into_iter().flat_map(f32::to_le_bytes).collect();
    std::fs::write(folder.join("weights.bin"), &data).unwrap();
    let path = folder.join("model.onnx");
    let read = |model: &onnx::proto::ModelProto| {
        std::fs::write(&path, &bytes(model)[..]).unwrap();
        onnx::read(&path).map_err(|e| e.to_string())
    };
    let imported = read(&at("weights.bin", "4", "8")).unwrap();
    assert_eq!(imported.weights["w"].to_f64(), [1.5, 2.5]);
    for (location, offset, length, part) in [
        ("../weights.bin", "4", "8", "inside the folder"),
        ("/etc/passwd", "0", "8", "inside the folder"),
        ("", "0", "8", "inside the folder"),
        ("missing.bin", "0", "8", "fetch that file too"),
        ("weights.bin", "8", "8", "ends too early"),
        ("weights.bin", "18446744073709551615", "8", "ends too early"),
        ("weights.bin", "x", "8", "a number"),
        ("weights.bin", "4", "4", "needs 8 bytes, but 4"),
    ] {
        let message = read(&at(location, offset, length)).unwrap_err();
        assert!(
            message.contains(part) && message.contains(folder.to_str().unwrap()),
            "{message} lacks {part}"
        );
    }
    let message = onnx::from_bytes(bytes(&at("weights.bin", "4", "8"))).unwrap_err().to_string();
    assert!(message.contains("in memory") && message.contains("hint"), "{message}");
    std::fs::remove_dir_all(folder).unwrap();
}

#[test]
fn refusals_name_the_node_and_the_reason() {
    let x = || vec![value("x", DType::F32, &["n", "4"])];
    let one = |opset, op: &str, attributes| {
        let mut node = node(op, &["x"], &["y"], attributes);
        node.name = "layer/7".into();
        model(opset, vec![node], vec![], x(), vec![output("y")])
    };
    let mut extension = one(17, "FancyOp", vec![]);
    if let Some(graph) = &mut extension.graph {
        graph.node[0].domain = "com.example".into();
    }
    extension.opset_import.push(onnx::proto::OperatorSetIdProto { domain: "com.example".into(), version: 3 });
    let nodes = |nodes| model(17, nodes, vec![], x(), vec![output("y")]);
    let cases: Vec<(onnx::proto::ModelProto, &[&str])> = vec![
        (one(17, "NoSuchOp", vec![]), &["node 0 `layer/7`", "`NoSuchOp`", "opset 17", "not supported yet"]),
        (extension, &["`FancyOp`", "`com.example`", "opset 3"]),
        (one(99, "Relu", vec![]), &["version 99", "opset 27 or older"]),
        (one(5, "Relu", vec![]), &["`Relu`", "opset 5", "opset 6 or newer"]),
        (one(17, "Relu", vec![("slope", Attr::Float(0.1))]), &["the attribute `slope`"]),
        (one(17, "Softmax", vec![("axis", Attr::Float(1.0))]), &["`axis`", "type 1", "an integer (type 2)"]),
        (one(17, "Softmax", vec![("axis", Attr::Int(7))]), &["axis 7 is out of range for rank 2"]),
        (one(17, "Flatten", vec![("axis", Attr::Int(-9))]), &["axis -9"]),
        (one(20, "Gelu", vec![("approximate", Attr::Text("fast"))]), &["fast", "`none` or `tanh`"]),
        (one(17, "Not", vec![]), &["node 0 `layer/7`", "f32[n, 4]"]),
        (one(17, "Gemm", vec![]), &["1 operands", "operand 1"]),
        (one(17, "Transpose", vec![("perm", Attr::Ints(vec![0, 0]))]), &["[0, 0]"]),
        (nodes(vec![node("Relu", &["ghost"], &["y"], vec![])]), &["`ghost`, which nothing computes"]),
        (
            nodes(vec![
                node("Add", &["x", "b"], &["a"], vec![]),
                node("Add", &["x", "a"], &["b"], vec![]),
                node("Relu", &["b"], &["y"], vec![]),
            ]),
            &["a cycle"],
        ),
        (
            nodes(vec![node("Relu", &["x"], &["y"], vec![]), node("Neg", &["x"], &["y"], vec![])]),
            &["a second value called `y`"],
        ),
        (
            model(
                17,
                vec![],
                vec![floats("w", &[1], &[0.0]), floats("w", &[1], &[0.0])],
                x(),
                vec![output("x")],
            ),
            &["initializers", "`w`"],
        ),
        (model(17, vec![], vec![], [x(), x()].concat(), vec![output("x")]), &["inputs", "`x`"]),
        (model(17, vec![], vec![], x(), vec![output("x"), output("x")]), &["output `x`", "unique names"]),
        (
            model(17, vec![], vec![], x(), vec![value("x", DType::I64, &["n", "4"])]),
            &["declared as i64", "f32"],
        ),
        (model(17, vec![], vec![], x(), vec![]), &["no outputs"]),
        (onnx::proto::ModelProto { graph: None, ..one(17, "Relu", vec![]) }, &["no graph"]),
        (
            onnx::proto::ModelProto { opset_import: vec![], ..one(17, "Relu", vec![]) },
            &["no version of ONNX's operators"],
        ),
    ];
    for (model, parts) in &cases {
        let message = refused(model);
        for part in *parts {
            assert!(message.contains(part), "{message} lacks {part}");
        }
    }
}

#[test]
fn tensors_must_be_what_they_declare() {
    let with = |change: &dyn Fn(&mut onnx::proto::TensorProto)| {
        let mut w = floats("w", &[2], &[1.0; 2]);
        change(&mut w);
        refused(&model(17, vec![], vec![w], vec![], vec![output("w")]))
    };
    assert!(with(&|w| w.dims = vec![3]).contains("needs 12 bytes, but 8"));
    assert!(with(&|w| w.dims = vec![-2]).contains("not negative"));
    assert!(with(&|w| w.dims = vec![1 << 40, 1 << 40]).contains("more than 2^64"));
    assert!(with(&|w| w.dims = vec![1; 40]).contains("40 axes"));
    assert!(with(&|w| w.data_type = 8).contains("strings"));
    assert!(with(&|w| w.data_type = 17).contains("float8e4m3fn"));
    assert!(with(&|w| w.data_type = 1234).contains("element type 1234"));
    assert!(with(&|w| (w.data_type, w.dims) = (9, vec![8])).contains("a boolean of"));
    let listed = |w: &mut onnx::proto::TensorProto| {
        (w.raw_data, w.data_type, w.int32_data) = (None, 3, vec![300, 1]);
    };
    assert!(with(&listed).contains("the element 300"));
}

#[test]
fn formulas_and_messages_are_bounded() {
    // Each step squares the number of rows and columns: without a bound the formula doubles 200 times.
    let mut nodes = Vec::new();
    for i in 0..200 {
        let (from, to) = (format!("v{i}"), format!("v{}", i + 1));
        nodes.push(node("Unsqueeze", &[&from, "end"], &[&format!("a{i}")], vec![]));
        nodes.push(node("Mul", &[&from, &format!("a{i}")], &[&format!("b{i}")], vec![]));
        nodes.push(node("Reshape", &[&format!("b{i}"), "all"], &[&to], vec![]));
    }
    let message = refused(&model(
        17,
        nodes,
        vec![ints("end", &[1]), ints("all", &[-1])],
        vec![value("v0", DType::F32, &["n"])],
        vec![output("v200")],
    ));
    assert!(message.contains("formula"), "{message}");
    // Two million empty nodes take four megabytes in the file and would take half a gigabyte in memory.
    let nodes = [0x0a, 0x00].repeat(2_000_000);
    let mut file = vec![0x3a, 0x80, 0x92, 0xf4, 0x01];
    file.extend_from_slice(&nodes);
    let error = onnx::from_bytes(Bytes::new(file)).unwrap_err();
    assert!(matches!(error, FormatError::Malformed { .. }) && error.to_string().contains("nodes"), "{error}");
}

#[test]
fn every_operator_is_listed_once() {
    let mut names: Vec<_> = onnx::supported().map(|(domain, name, _)| (domain, name)).collect();
    let count = names.len();
    names.sort_unstable();
    names.dedup();
    assert_eq!(names.len(), count);
    for (_, name, since) in onnx::supported() {
        assert!(!since.is_empty() && since.windows(2).all(|w| w[0] < w[1]), "{name}: {since:?}");
    }
}
