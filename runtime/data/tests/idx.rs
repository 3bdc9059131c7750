//! IDX files against NumPy's reading of them, and Fashion-MNIST as its package has it.

mod golden;

use hadal_data::{DataError, Dataset, fashion_mnist, idx};
use hadal_graph::DType;
use serde_json::Value;

#[test]
fn every_element_type() {
    let expected = golden::json("idx.json");
    let files = expected.as_object().unwrap();
    assert_eq!(files.len(), 6);
    for (name, values) in files {
        let tensor = idx::read(golden::path(name)).unwrap();
        assert_eq!(tensor.shape(), [3, 2, 4], "{name}");
        assert_eq!(tensor.to_f64(), golden::floats(values), "{name}");
    }
    assert_eq!(idx::read(golden::path("i2.idx.gz")).unwrap().dtype(), DType::I16);
    assert_eq!(idx::read(golden::path("f8.idx")).unwrap().dtype(), DType::F64);
}

#[test]
fn what_is_wrong_is_said() {
    let good = std::fs::read(golden::path("i4.idx")).unwrap();
    let message = |bytes: &[u8]| idx::from_bytes(bytes).unwrap_err().to_string();
    let with = |at: usize, byte: u8| {
        let mut bytes = good.clone();
        bytes[at] = byte;
        message(&bytes)
    };
    assert!(with(0, 1).contains("01 00"));
    assert!(with(2, 7).contains("the type: found 07"));
    assert!(with(3, 200).contains("the rank: found 200"));
    assert!(with(4, 255).contains("the extents"));
    assert!(with(7, 4).contains("the extents") || with(7, 4).contains("96 bytes"));
    assert!(message(&good[..good.len() - 1]).contains("95 bytes"), "{}", message(&good[..good.len() - 1]));
    let mut longer = good.clone();
    longer.push(0);
    assert!(message(&longer).contains("more than 96 bytes"));
    let packed = std::fs::read(golden::path("i2.idx.gz")).unwrap();
    assert!(message(&packed[..packed.len() / 2]).contains("fetch it again"));
    let error = idx::read("no such file").unwrap_err();
    assert!(matches!(&error, DataError::Io { file, .. } if file == "no such file"));
    assert!(idx::read(golden::path("")).unwrap_err().to_string().contains("folder"));
}

#[test]
fn fashion_mnist_is_what_numpy_reads() {
    if !golden::installed(&fashion_mnist::folder()) {
        return;
    }
    let expected = golden::json("fashion_mnist.json");
    for (part, name) in [(fashion_mnist::Part::Train, "train"), (fashion_mnist::Part::Test, "t10k")] {
        let expected = &expected[name];
        let dataset = fashion_mnist::load(part).unwrap();
        assert_eq!(Value::from(dataset.len()), expected["count"]);
        let (images, labels) = (dataset.tensor("image").unwrap(), dataset.tensor("label").unwrap());
        let pixels = images.to_vec::<u8>().unwrap();
        let sums: Vec<u64> =
            pixels.chunks_exact(784).map(|image| image.iter().map(|&p| u64::from(p)).sum()).collect();
        assert_eq!(Value::from(sums.iter().sum::<u64>()), expected["sum"]);
        let weighted: u64 = sums.iter().zip(0..).map(|(sum, at)| sum * at).sum();
        assert_eq!(Value::from(weighted), expected["weighted"]);
        let mut classes = [0; 10];
        for label in labels.to_vec::<i32>().unwrap() {
            classes[label as usize] += 1;
        }
        assert_eq!(Value::from(classes.to_vec()), expected["classes"]);
        assert_eq!(Value::from(labels.to_vec::<i32>().unwrap()[..16].to_vec()), expected["labels"]);
        let last = dataset.get(dataset.len() - 1, 0).unwrap();
        assert_eq!(last.field("image").unwrap().shape(), [1, 28, 28]);
        let row = &last.field("image").unwrap().to_vec::<u8>().unwrap()[14 * 28..15 * 28];
        assert_eq!(Value::from(row.to_vec()), expected["row"]);
    }
}

#[test]
fn a_missing_data_set_says_how_to_get_it() {
    let folder = std::env::temp_dir().join("hadal-data-nothing-here");
    let error = fashion_mnist::load_from(&folder, fashion_mnist::Part::Train).unwrap_err();
    assert!(error.to_string().contains("train-images-idx3-ubyte.gz"));
}
