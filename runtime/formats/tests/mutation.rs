//! Damaged files of every format: thousands of fixed mutations, none of which may panic or take memory that the file does not justify.

mod onnx_models;

use hadal_formats::{Loaded, hadal_file, load_bytes, npy, onnx, safetensors};
use hadal_graph::op::{Op, While};
use hadal_graph::program::CompareOp;
use hadal_graph::{Bytes, DType, Dim, Graph, HostTensor, Scalar, Shape};
use onnx_models::{Attr, bytes, floats, ints, model, node, output, value};
use std::collections::BTreeMap;
use std::sync::Arc;

/// Most memory that this process has had mapped, in bytes; what is allocated shows even if nobody touches it. None where the system does
/// not tell.
fn peak() -> Option<usize> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmPeak:"))?;
    Some(line.trim().strip_suffix("kB")?.trim().parse::<usize>().ok()? * 1024)
}

/// Most memory by which reading damaged copies of a small file may raise the peak.
const ALLOWANCE: usize = 64 << 20;

/// Marsaglia's xorshift64.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    fn below(&mut self, n: usize) -> usize {
        (self.next() % n.max(1) as u64) as usize
    }
}

/// Numbers that sizes like to break on.
const AWKWARD: [u64; 9] = [0, 1, 0x7f, 0xff, 0x7fff_ffff, 0xffff_ffff, 1 << 40, i64::MAX as u64, u64::MAX];

/// One damaged copy.
fn damaged(original: &[u8], random: &mut Random) -> Vec<u8> {
    let mut bytes = original.to_vec();
    for _ in 0..1 + random.below(3) {
        let at = random.below(bytes.len());
        match random.below(9) {
            0 => bytes.truncate(at),
            1 | 2 => {
                if let Some(byte) = bytes.get_mut(at) {
                    *byte ^= 1 << random.below(8);
                }
            }
            3 => {
                if let Some(byte) = bytes.get_mut(at) {
                    *byte = random.next() as u8;
                }
            }
            4 => {
                let number = AWKWARD[random.below(AWKWARD.len())].to_le_bytes();
                let size = [1, 2, 4, 8][random.below(4)].min(bytes.len().saturating_sub(at));
                bytes[at..at + size].copy_from_slice(&number[..size]);
            }
            5 => {
                let end = (at + random.below(40)).min(bytes.len());
                let piece = bytes[at..end].to_vec();
                let to = random.below(bytes.len());
                bytes.splice(to..to, piece);
            }
            6 => {
                let end = (at + random.below(20)).min(bytes.len());
                bytes.drain(at..end);
            }
            7 => {
                // A digit of a number in text.
                if let Some(digit) = bytes.iter_mut().skip(at).find(|b| b.is_ascii_digit()) {
                    *digit = b"0123456789-e."[random.below(13)];
                }
            }
            _ => {
                let piece =
                    [&b"9999999999999999999"[..], b"[[[[[[[[", b"\"", b"}", b"null", b"\xff\xff\xff\xff\x0f"];
                bytes.splice(at..at, piece[random.below(piece.len())].iter().copied());
            }
        }
    }
    bytes
}

/// Reads `count` damaged copies and returns how many were refused.
fn attack(original: &[u8], count: usize, seed: u64, read: impl Fn(Bytes) -> Result<(), String>) -> usize {
    let mut random = Random(seed);
    let mut refused = 0;
    let before = peak();
    for round in 0..count {
        let bytes = damaged(original, &mut random);
        let size = bytes.len();
        let result = read(Bytes::new(bytes));
        if let (Some(before), Some(after)) = (before, peak()) {
            assert!(
                after - before < ALLOWANCE,
                "round {round}: {} bytes for a file of {size}",
                after - before
            );
        }
        if let Err(message) = result {
            refused += 1;
            assert!(!message.is_empty() && message.len() < 5000, "round {round}: {message}");
        }
    }
    refused
}

/// Opens a file of any kind and touches all of it.
fn open(bytes: Bytes) -> Result<(), String> {
    match load_bytes(bytes).map_err(|e| e.to_string())? {
        Loaded::Weights(file) => file.tensors().map(drop).map_err(|e| e.to_string()),
        Loaded::Hadal(model) | Loaded::Onnx(model) => {
            // What was accepted must be a graph that the specification accepts.
            model.graph.validate().unwrap_or_else(|e| panic!("an invalid graph was accepted: {e}"));
            Ok(())
        }
    }
}

#[test]
fn damaged_files_are_refused() {
    // One test, so that the peak of memory is that of one reader.
    let weights: BTreeMap<String, HostTensor> = DType::ALL
        .into_iter()
        .map(|d| (format!("layer.{d}"), HostTensor::full(d, [2, 3], Scalar::one(d))))
        .collect();
    let metadata = BTreeMap::from([("note".to_string(), "x".to_string())]);
    let file = safetensors::to_bytes(&weights, &metadata).unwrap();
    assert!(open(Bytes::new(file.clone())).is_ok());
    let refused = attack(&file, 4000, 1, open);
    assert!(refused > 2000, "only {refused} damaged safetensors files were refused");

    let (graph, weights) = recurrent();
    let file = hadal_file::to_bytes(&graph, &weights).unwrap();
    assert!(open(Bytes::new(file.clone())).is_ok());
    let refused = attack(&file, 4000, 2, open);
    assert!(refused > 2000, "only {refused} damaged Hadal files were refused");

    let file = bytes(&convolutional());
    open(file.clone()).unwrap();
    let refused = attack(&file, 4000, 3, |b| onnx::from_bytes(b).map(drop).map_err(|e| e.to_string()));
    assert!(refused > 1000, "only {refused} damaged ONNX files were refused");
    attack(&file, 1000, 4, open);

    let file = npy::to_bytes(&HostTensor::new([2, 3], &[1.0f32; 6]).unwrap()).unwrap();
    let refused = attack(&file, 4000, 5, |b| npy::from_bytes(&b).map(drop).map_err(|e| e.to_string()));
    assert!(refused > 2000, "only {refused} damaged npy files were refused");

    if let Some(magika) = real_model() {
        let refused = attack(&magika, 150, 6, |b| onnx::from_bytes(b).map(drop).map_err(|e| e.to_string()));
        assert!(refused > 10, "only {refused} damaged copies of magika were refused");
        // Damage where the structure is, and not in the weights: what follows the last large tensor, and what comes before the first.
        let structure: Vec<u8> = magika[..magika.len().min(20_000)].to_vec();
        attack(&structure, 1000, 7, |b| onnx::from_bytes(b).map(drop).map_err(|e| e.to_string()));
    }
}

/// The magika model, where it has been fetched.
fn real_model() -> Option<Vec<u8>> {
    let folder = std::env::var_os("HADAL_MODELS").map_or_else(
        || std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target/models"),
        std::path::PathBuf::from,
    );
    ["magika/model.onnx", "magika.onnx", "magika/models/standard_v3_3/model.onnx"]
        .iter()
        .find_map(|name| std::fs::read(folder.join(name)).ok())
}

/// A graph with a symbol, a constant, a region and state.
fn recurrent() -> (Graph, BTreeMap<String, HostTensor>) {
    let build = || {
        let mut g = Graph::new("recurrent");
        let x = g.input("x", DType::F32, Shape(vec![Dim::symbol("n") * 2, 4.into()]))?;
        let w = g.parameter("w", DType::F32, [4, 4])?;
        let state = g.variable("state", DType::F32, Shape::scalar())?;
        let h = g.matmul(x, w)?;
        let bias = g.constant(HostTensor::full(DType::F32, [4], Scalar::Float(0.5)))?;
        let h = g.add(h, bias)?;
        let h = g.reshape(h, Shape(vec![Dim::symbol("n"), 8.into()]))?;
        g.set_name(h, "hidden");
        let half = g.narrow(h, 1, 2, 4)?;
        let mut condition = Graph::new("condition");
        let s = condition.input("s", DType::F32, Shape::scalar())?;
        let ten = condition.scalar(10.0, DType::F32)?;
        let more = condition.compare(CompareOp::Lt, s, ten)?;
        condition.output("more", more);
        let mut body = Graph::new("body");
        let s = body.input("s", DType::F32, Shape::scalar())?;
        let one = body.scalar(1.0, DType::F32)?;
        let s = body.add(s, one)?;
        body.output("s", s);
        let last = g.apply_regions(Op::While(While), &[state], vec![Arc::new(condition), Arc::new(body)])?;
        let y = g.mul(half, last)?;
        g.output("y", y);
        g.assign(state, last)?;
        Ok::<Graph, hadal_graph::GraphError>(g)
    };
    let weights = BTreeMap::from([
        ("w".to_string(), HostTensor::full(DType::F32, [4, 4], Scalar::Float(0.25))),
        ("state".to_string(), HostTensor::scalar(DType::F32, Scalar::Float(0.0))),
    ]);
    (build().unwrap(), weights)
}

/// A model that uses the shape arithmetic, attributes of every type, and most families of operators.
fn convolutional() -> hadal_formats::onnx::proto::ModelProto {
    let list = |values: &[i64]| Attr::Ints(values.to_vec());
    model(
        17,
        vec![
            node(
                "Conv",
                &["image", "kernel", "bias"],
                &["c"],
                vec![("pads", list(&[1, 1, 1, 1])), ("strides", list(&[2, 2]))],
            ),
            node("Relu", &["c"], &["r"], vec![]),
            node(
                "MaxPool",
                &["r"],
                &["p"],
                vec![("kernel_shape", list(&[2, 2])), ("ceil_mode", Attr::Int(1))],
            ),
            node("Shape", &["p"], &["shape"], vec![]),
            node("Gather", &["shape", "zero"], &["n"], vec![("axis", Attr::Int(0))]),
            node("Concat", &["n", "minus"], &["target"], vec![("axis", Attr::Int(0))]),
            node("Reshape", &["p", "target"], &["flat"], vec![]),
            node(
                "Gemm",
                &["flat", "w"],
                &["logits"],
                vec![("alpha", Attr::Float(0.5)), ("transB", Attr::Int(1))],
            ),
            node("Softmax", &["logits"], &["s"], vec![("axis", Attr::Int(-1))]),
            node("ReduceMax", &["s"], &["m"], vec![("axes", list(&[1])), ("keepdims", Attr::Int(1))]),
            node("Slice", &["s", "from", "to", "axes"], &["cut"], vec![]),
            node("Pad", &["cut", "pads"], &["wide"], vec![("mode", Attr::Text("constant"))]),
            node("TopK", &["wide", "k"], &["best", "which"], vec![]),
            node("Constant", &[], &["small"], vec![("value", Attr::Tensor(floats("", &[1], &[0.5]).into()))]),
            node("Div", &["best", "small"], &["d"], vec![]),
            node("Split", &["d"], &["a", "b"], vec![("axis", Attr::Int(1))]),
            node("Range", &["start", "limit", "step"], &["positions"], vec![]),
            node("Gather", &["a", "positions"], &["picked"], vec![("axis", Attr::Int(1))]),
            node("Expand", &["m", "target2"], &["e"], vec![]),
        ],
        vec![
            floats("kernel", &[4, 3, 3, 3], &[0.1; 108]),
            floats("bias", &[4], &[0.0; 4]),
            floats("w", &[6, 196], &[0.01; 1176]),
            ints("zero", &[0]),
            ints("minus", &[-1]),
            ints("from", &[1]),
            ints("to", &[9_223_372_036_854_775_807]),
            ints("axes", &[1]),
            ints("pads", &[0, 1, 0, 0]),
            ints("k", &[4]),
            ints("target2", &[1, 5]),
            onnx_models::tensor("start", &HostTensor::scalar(DType::I64, Scalar::Int(0))),
            onnx_models::tensor("limit", &HostTensor::scalar(DType::I64, Scalar::Int(2))),
            onnx_models::tensor("step", &HostTensor::scalar(DType::I64, Scalar::Int(1))),
        ],
        vec![value("image", DType::F32, &["batch", "3", "16", "16"])],
        vec![output("picked"), output("b"), output("which"), output("e")],
    )
}
