//! Kinds of files are told apart by content.

use hadal_formats::{FormatError, Loaded, hadal_file, load, load_bytes, safetensors};
use hadal_graph::{Bytes, DType, Graph, HostTensor, Scalar};
use std::collections::BTreeMap;

#[test]
fn each_kind_is_recognised() {
    let weights = BTreeMap::from([("w".to_string(), HostTensor::scalar(DType::F32, Scalar::Float(2.0)))]);
    let bytes = safetensors::to_bytes(&weights, &BTreeMap::new()).unwrap();
    assert!(matches!(load_bytes(Bytes::new(bytes)), Ok(Loaded::Weights(file)) if file.len() == 1));
    let mut graph = Graph::new("g");
    let w = graph.parameter("w", DType::F32, hadal_graph::Shape::scalar()).unwrap();
    graph.output("y", w);
    let bytes = hadal_file::to_bytes(&graph, &weights).unwrap();
    // The name does not matter.
    let path = std::env::temp_dir().join(format!("hadal-load-{}.onnx", std::process::id()));
    std::fs::write(&path, &bytes).unwrap();
    assert!(matches!(load(&path), Ok(Loaded::Hadal(model)) if model.weights == weights));
    std::fs::remove_file(&path).unwrap();
}

#[test]
fn other_files_are_named() {
    for (bytes, part) in [
        (b"GGUF\x03\0\0\0\0\0\0\0".as_slice(), "llama.cpp"),
        (b"PK\x03\x04", "PyTorch"),
        (b"\x80\x02}q\0", "pickle"),
        (b"<!DOCTYPE html>", "web page"),
        (b"", "it is empty"),
        (b"hello world", "`hello wo`"),
        (b"version https://git-lfs.github.com/spec/v1", "git lfs pull"),
    ] {
        let error = load_bytes(Bytes::new(bytes.to_vec())).unwrap_err();
        assert!(matches!(error, FormatError::Unrecognised { .. }));
        assert!(error.to_string().contains(part) && error.to_string().contains("hint"), "{error}");
    }
}
