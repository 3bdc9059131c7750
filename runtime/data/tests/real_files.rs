//! Real files of packages against digests of what Python's readers make of them. `cargo xtask test data` fetches them; where they are not,
//! and tests may pass without them, nothing is tested.
#![cfg(all(feature = "csv", feature = "image", feature = "wav", feature = "zstd"))]

mod golden;

use hadal_data::images::{self, Colour};
use hadal_data::table::csv::{self, Options};
use hadal_data::table::{json_lines, parquet};
use hadal_data::{Column, DataError, wav};
use serde_json::Value;
use std::path::PathBuf;

/// A file of a package, if packages are here.
fn real(name: &str) -> Option<PathBuf> {
    let folder = std::env::var_os("HADAL_TEST_DATA")
        .map_or_else(|| PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../target/data"), PathBuf::from);
    let found = [folder.join(name), PathBuf::from("/usr/share/pocketsphinx/test/data").join(name)];
    let found = found.into_iter().find(|path| path.is_file()).ok_or_else(|| {
        let hint = "`cargo xtask test data` fetches it";
        DataError::other(format!("{name} is not in {}; {hint}", folder.display()))
    });
    golden::installed(&found).then(|| found.ok()).flatten()
}

/// Sum of each byte times its place from 1 on, modulo 2^64.
fn digest(bytes: &[u8]) -> u64 {
    bytes.iter().zip(1u64..).fold(0, |sum, (&byte, place)| sum.wrapping_add(place.wrapping_mul(byte.into())))
}

/// The kind of a column and its digest.
fn of_column(column: &Column) -> Value {
    match column {
        Column::Tensor(tensor) => {
            Value::from(vec![Value::from(tensor.dtype().to_string()), digest(tensor.bytes()).into()])
        }
        Column::Text(texts) => {
            Value::from(vec![Value::from("text"), digest(texts.concat().as_bytes()).into()])
        }
        other => panic!("no digest of {other:?}"),
    }
}

fn entries(kind: &str) -> Vec<(String, Value)> {
    let all = golden::json("real.json");
    let entries = all[kind].as_object().unwrap();
    assert!(!entries.is_empty());
    entries.iter().map(|(name, value)| (name.clone(), value.clone())).collect()
}

#[test]
fn tables() {
    for (name, expected) in entries("tables") {
        let Some(path) = real(&name) else { return };
        let options = Options::default()
            .skip(expected["skip"].as_u64().unwrap() as usize)
            .delimiter(expected["delimiter"].as_str().unwrap().as_bytes()[0])
            .header(expected["header"].as_bool().unwrap());
        let table = csv::read(path, &options).unwrap();
        assert_eq!(Value::from(table.rows()), expected["rows"], "{name}");
        let columns = expected["columns"].as_object().unwrap();
        assert_eq!(table.names().len(), columns.len(), "{name}");
        for (column, expected) in columns {
            assert_eq!(&of_column(table.column(column).unwrap()), expected, "{name}: {column}");
        }
    }
}

#[test]
fn pictures() {
    for (name, expected) in entries("images") {
        let Some(path) = real(&name) else { return };
        for (colour, mode) in [(Colour::Grey, "L"), (Colour::Rgb, "RGB")] {
            let image = images::read(&path, colour).unwrap();
            let [shape, whole, sample] = &expected[mode].as_array().unwrap()[..] else { panic!("{name}") };
            assert_eq!(&Value::from(image.shape().to_vec()), shape, "{name} as {mode}");
            if name.ends_with("png") {
                assert_eq!(&Value::from(digest(image.bytes())), whole, "{name} as {mode}");
                continue;
            }
            // Decoders of JPEG round the cosine transform and interpolate colours in their own ways.
            let found = image.to_f64().into_iter().step_by((image.elements() / 40).max(1));
            let differences = found.zip(golden::floats(sample)).map(|(a, b)| (a - b).abs());
            let differences: Vec<f64> = differences.collect();
            let mean = differences.iter().sum::<f64>() / differences.len() as f64;
            let most = differences.iter().copied().fold(0.0, f64::max);
            assert!(differences.len() >= 40 && mean < 0.2 && most <= 2.0, "{name} as {mode}: {mean}, {most}");
        }
    }
}

#[test]
fn speech() {
    for (name, expected) in entries("waves") {
        let Some(path) = real(&name) else { return };
        let wave = wav::read(path).unwrap();
        let shape = Value::from(wave.samples.shape().to_vec());
        let found = vec![Value::from(wave.rate), shape, digest(wave.samples.bytes()).into()];
        assert_eq!(Value::from(found), expected, "{name}");
    }
}

#[test]
fn files_of_other_writers_of_arrow_and_parquet() {
    for (name, expected) in entries("columnar") {
        let Some(path) = real(&name) else { return };
        let columns = expected.as_object().unwrap();
        let names: Vec<&str> = columns.keys().map(String::as_str).collect();
        let table = parquet::read(path, &names).unwrap();
        assert_eq!(table.names().len(), names.len());
        for (column, expected) in columns {
            assert_eq!(&of_column(table.column(column).unwrap()), expected, "{name}: {column}");
        }
    }
}

#[test]
fn objects() {
    for (name, expected) in entries("json") {
        let Some(path) = real(&name) else { return };
        let all: Value = serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
        let lines: String = all.as_array().unwrap().iter().map(|row| format!("{row}\n")).collect();
        let table = json_lines::parse(&lines).unwrap();
        for (column, expected) in expected.as_object().unwrap() {
            assert_eq!(&of_column(table.column(column).unwrap()), expected, "{name}: {column}");
        }
    }
}
