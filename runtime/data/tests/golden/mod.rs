//! The files of this folder, which `make.py` makes.
#![allow(dead_code, unreachable_pub, missing_docs, reason = "each test program uses some of these")]

use hadal_data::DataError;
use serde_json::Value;
use std::path::PathBuf;

pub fn path(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/golden").join(name)
}

pub fn json(name: &str) -> Value {
    serde_json::from_str(&std::fs::read_to_string(path(name)).unwrap()).unwrap()
}

pub fn floats(values: &Value) -> Vec<f64> {
    values.as_array().unwrap().iter().map(|v| v.as_f64().unwrap()).collect()
}

/// Whether a data set of a package is here. Where tests must not pass without it, a missing one fails the test.
pub fn installed<T>(found: &Result<T, DataError>) -> bool {
    match found {
        Ok(_) => true,
        Err(error) if std::env::var_os("CI").is_some() => panic!("{error}"),
        Err(error) => {
            eprintln!("not tested: {error}");
            false
        }
    }
}
