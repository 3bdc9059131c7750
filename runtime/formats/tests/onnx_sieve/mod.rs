//! ONNX files that arrive in pieces, beside the same files as a whole.

use crate::onnx_models::{Attr, bytes, floats, ints, model, node, output, tensor, value};
use hadal_formats::onnx::{self, Sieve, Sifted};
use hadal_formats::{FormatError, Imported};
use hadal_graph::{Bytes, DType, HostTensor};

/// A model with weights of both kinds: what is large and what is not, what is looked at and what is not, and one that nobody needs.
fn file() -> Bytes {
    let large: Vec<f32> = (0..128 * 160).map(|i| (i % 13) as f32).collect();
    let bytes8: Vec<i8> = (0..300 * 256).map(|i| (i % 7) as i8).collect();
    let indices: Vec<i64> = (0..9000).map(|i| i % 300).collect();
    let initializers = vec![
        floats("w", &[128, 160], &large),
        floats("bias", &[160], &[0.5; 160]),
        tensor("table", &HostTensor::new([300, 256], &bytes8).unwrap()),
        ints("indices", &indices),
        floats("nobody", &[128, 160], &large),
    ];
    let nodes = vec![
        node("MatMul", &["x", "w"], &["product"], vec![]),
        node("Add", &["product", "bias"], &["y"], vec![]),
        node("Gather", &["table", "indices"], &["rows"], vec![("axis", Attr::Int(0))]),
    ];
    let inputs = vec![value("x", DType::F32, &["n", "128"])];
    bytes(&model(17, nodes, initializers, inputs, vec![output("y"), output("rows")]))
}

fn sift(file: &[u8], piece: usize) -> Result<Sifted, FormatError> {
    let mut sieve = Sieve::new("file.onnx", file.len() as u64);
    file.chunks(piece).try_for_each(|piece| sieve.push(piece))?;
    sieve.finish()
}

#[test]
fn a_file_in_pieces_is_the_file_without_its_large_weights() {
    let file = file();
    let Imported { graph, weights } = onnx::from_bytes(file.clone()).unwrap();
    for piece in [1, 3, 1000, file.len()] {
        let sifted = sift(&file, piece).unwrap();
        assert_eq!(sifted.graph.to_string(), graph.to_string());
        let names: Vec<&str> = sifted.apart.iter().map(|t| t.name.as_str()).collect();
        assert_eq!(names, ["w", "table"], "in pieces of {piece}");
        for tensor in &sifted.apart {
            let whole = &weights[&tensor.name];
            assert_eq!((tensor.dtype, tensor.shape.as_slice()), (whole.dtype(), whole.shape()));
            let start = tensor.offset as usize;
            assert_eq!(&file[start..][..whole.bytes().len()], &whole.bytes()[..]);
        }
        let kept: Vec<&String> = sifted.weights.keys().collect();
        assert_eq!(kept, ["bias", "indices"]);
        assert!(sifted.weights.iter().all(|(name, value)| weights[name] == *value));
    }
}

#[test]
fn what_is_cut_off_or_damaged_is_an_error() {
    let file = file();
    for end in [0, 1, 40, 100_000, file.len() - 1] {
        let mut sieve = Sieve::new("file.onnx", file.len() as u64);
        sieve.push(&file[..end]).unwrap();
        let error = sieve.finish().unwrap_err();
        assert!(matches!(error, FormatError::Truncated { .. }), "{end}: {error}");
        assert!(error.to_string().contains("file.onnx"), "{error}");
    }
    // Whatever byte is wrong, reading ends.
    for at in 0..400 {
        let mut damaged = file.to_vec();
        for flip in [1, 0x80, 0xff] {
            damaged[at] ^= flip;
            let _ = sift(&damaged, 4096);
        }
    }
    // More data than the shape needs.
    let mut wrong = floats("w", &[128, 160], &[0.0; 128 * 160]);
    wrong.dims = vec![128, 161];
    let nodes = vec![node("MatMul", &["x", "w"], &["y"], vec![])];
    let wrong = model(17, nodes, vec![wrong], vec![value("x", DType::F32, &["n", "128"])], vec![output("y")]);
    let error = sift(&bytes(&wrong), 4096).unwrap_err().to_string();
    assert!(error.contains("81920 bytes") && error.contains("`w`"), "{error}");
}

#[test]
fn data_in_another_file_is_refused() {
    let mut external = floats("w", &[128, 160], &[0.0; 128 * 160]);
    external.data_location = 1;
    external.external_data = vec![hadal_formats::onnx::proto::StringStringEntryProto {
        key: "location".into(),
        value: "w.bin".into(),
    }];
    let nodes = vec![node("MatMul", &["x", "w"], &["y"], vec![])];
    let file =
        model(17, nodes, vec![external], vec![value("x", DType::F32, &["n", "128"])], vec![output("y")]);
    let error = sift(&bytes(&file), 4096).unwrap_err().to_string();
    assert!(error.contains("external data") && error.contains("hint"), "{error}");
}
