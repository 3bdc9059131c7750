//! safetensors against bytes from an independent writer, and damage of every kind.

use hadal_formats::{FormatError, SafeTensors, safetensors};
use hadal_graph::{Bytes, DType, HostTensor, Scalar};
use std::collections::BTreeMap;

/// A file from a header and data, written by hand.
fn file(header: &str, data: &[u8]) -> Bytes {
    let mut bytes = (header.len() as u64).to_le_bytes().to_vec();
    bytes.extend_from_slice(header.as_bytes());
    bytes.extend_from_slice(data);
    Bytes::new(bytes)
}

fn error(header: &str, data: &[u8]) -> String {
    SafeTensors::from_bytes(file(header, data)).expect_err("a broken file was accepted").to_string()
}

#[test]
fn reads_what_another_writer_wrote() {
    let header = r#"{"__metadata__":{"format":"pt"},
        "b":{"dtype":"F32","shape":[2],"data_offsets":[3,11]},
        "a":{"dtype":"BOOL","shape":[3,1],"data_offsets":[0,3]},
        "empty":{"dtype":"I64","shape":[0,7],"data_offsets":[11,11]},
        "scalar":{"dtype":"BF16","shape":[],"data_offsets":[11,13]}}   "#;
    let mut data = vec![1, 0, 1];
    data.extend_from_slice(&1.5f32.to_le_bytes());
    data.extend_from_slice(&(-2.0f32).to_le_bytes());
    data.extend_from_slice(&[0x80, 0x3f]);
    let tensors = SafeTensors::from_bytes(file(header, &data)).unwrap();
    assert_eq!(tensors.names().collect::<Vec<_>>(), ["a", "b", "empty", "scalar"]);
    assert_eq!(tensors.metadata()["format"], "pt");
    assert_eq!(tensors.tensor("a").unwrap(), HostTensor::from_bools([3, 1], &[true, false, true]).unwrap());
    assert_eq!(tensors.tensor("b").unwrap().to_vec::<f32>().unwrap(), [1.5, -2.0]);
    assert_eq!(tensors.tensor("empty").unwrap().shape(), [0, 7]);
    assert_eq!(tensors.tensor("scalar").unwrap(), HostTensor::scalar(DType::BF16, Scalar::Float(1.0)));
    let missing = tensors.tensor("c").unwrap_err().to_string();
    assert!(missing.contains("`c`") && missing.contains("4 tensors"), "{missing}");
}

#[test]
fn every_dtype_survives_a_file() {
    let folder = tempdir();
    let path = folder.join("all.safetensors");
    let tensors: BTreeMap<String, HostTensor> =
        DType::ALL.into_iter().map(|d| (d.to_string(), HostTensor::full(d, [3], Scalar::one(d)))).collect();
    let metadata = BTreeMap::from([("note".to_string(), "quotes \" and 深".to_string())]);
    safetensors::write(&path, &tensors, &metadata).unwrap();
    let read = SafeTensors::open(&path).unwrap();
    assert_eq!(read.tensors().unwrap(), tensors);
    assert_eq!(*read.metadata(), metadata);
    // A second write replaces the file while the first is still mapped.
    safetensors::write(&path, &BTreeMap::new(), &BTreeMap::new()).unwrap();
    assert!(SafeTensors::open(&path).unwrap().is_empty());
    assert_eq!(read.tensor("f64").unwrap().to_f64(), [1.0; 3]);
    let left: Vec<_> = std::fs::read_dir(&folder).unwrap().map(|e| e.unwrap().file_name()).collect();
    assert_eq!(left, ["all.safetensors"]);
    std::fs::remove_dir_all(folder).unwrap();
}

#[test]
fn a_failed_write_leaves_nothing() {
    let folder = tempdir();
    let path = folder.join("x.safetensors");
    let reserved = BTreeMap::from([(
        "__metadata__".to_string(),
        HostTensor::scalar(DType::F32, Scalar::zero(DType::F32)),
    )]);
    let error = safetensors::write(&path, &reserved, &BTreeMap::new()).unwrap_err().to_string();
    assert!(error.contains("__metadata__") && error.contains("x.safetensors"), "{error}");
    assert_eq!(std::fs::read_dir(&folder).unwrap().count(), 0);
    std::fs::remove_dir_all(&folder).unwrap();
    let error = safetensors::write(&path, &BTreeMap::new(), &BTreeMap::new()).unwrap_err();
    assert!(matches!(error, FormatError::Io { .. }), "{error}");
}

#[test]
fn errors_say_what_is_wrong() {
    let t = |dtype: &str, shape: &str, offsets: &str| {
        format!(r#"{{"t":{{"dtype":"{dtype}","shape":{shape},"data_offsets":{offsets}}}}}"#)
    };
    let cases: &[(String, usize, &[&str])] = &[
        (t("F32", "[2]", "[0,8]"), 4, &["ends too early", "`t`", "8", "4"]),
        (t("F32", "[3]", "[0,8]"), 8, &["`t`", "found 8 bytes", "12 for F32"]),
        (t("F32", "[2]", "[8,0]"), 8, &["offsets 8 to 0"]),
        (t("F32", "[2]", "[0,8]"), 12, &["4 bytes after the last tensor"]),
        (t("F32", "[1]", "[4,8]"), 8, &["a gap before it", "start at 0"]),
        (t("F8_E4M3", "[2]", "[0,2]"), 2, &["F8_E4M3", "not supported", "BF16"]),
        (t("U8", "[4294967296,4294967296,2]", "[0,0]"), 0, &["more than 2^64"]),
        (t("U8", "[18446744073709551615]", "[0,18446744073709551615]"), 0, &["ends too early"]),
        (t("U8", &format!("[{}1]", "1,".repeat(40)), "[0,1]"), 1, &["41 axes", "at most 32"]),
        (r#"{"t":{"dtype":"U8","shape":[0],"data_offsets":[0,0]},"t":{"dtype":"U8","shape":[0],"data_offsets":[0,0]}}"#.into(), 0, &["`t` stands twice"]),
        (r#"{"t":{"dtype":"U8","shape":[0]}}"#.into(), 0, &["data_offsets"]),
        (r#"{"t":{"dtype":"U8","shape":[-1],"data_offsets":[0,0]}}"#.into(), 0, &["-1"]),
        ("[]".into(), 0, &["`[`", "expected `{`"]),
        ("".into(), 0, &["nothing"]),
        (format!(r#"{{"t":{}"#, "[".repeat(10_000)), 0, &["the header"]),
    ];
    for (header, data, parts) in cases {
        let message = error(header, &vec![0; *data]);
        for part in *parts {
            assert!(message.contains(part), "{header}: {message} lacks {part}");
        }
    }
    let overlap = r#"{"a":{"dtype":"U8","shape":[2],"data_offsets":[0,2]},"b":{"dtype":"U8","shape":[2],"data_offsets":[1,3]}}"#;
    assert!(error(overlap, &[0; 3]).contains("`b`: found an overlap"));
    let tensors = SafeTensors::from_bytes(file(&t("BOOL", "[1]", "[0,1]"), &[7])).unwrap();
    assert!(tensors.tensor("t").unwrap_err().to_string().contains("a boolean of 7"));
    for (bytes, part) in [
        (vec![1, 2, 3], "ends too early"),
        (u64::MAX.to_le_bytes().to_vec(), "another format"),
        (1000u64.to_le_bytes().to_vec(), "the header needs 1000 bytes, but 0 are left"),
    ] {
        let message = SafeTensors::from_bytes(Bytes::new(bytes)).unwrap_err().to_string();
        assert!(message.contains(part), "{message}");
    }
    let missing = SafeTensors::open("/nowhere/model.safetensors").unwrap_err().to_string();
    assert!(
        missing.contains("cannot open /nowhere/model.safetensors") && missing.contains("check the path"),
        "{missing}"
    );
}

fn tempdir() -> std::path::PathBuf {
    use std::sync::atomic::{AtomicUsize, Ordering};
    static COUNT: AtomicUsize = AtomicUsize::new(0);
    let name = format!("hadal-safetensors-{}-{}", std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed));
    let folder = std::env::temp_dir().join(name);
    std::fs::create_dir_all(&folder).unwrap();
    folder
}
