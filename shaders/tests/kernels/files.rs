//! Kernel and library files as they stand.

use crate::case::validate;
use crate::device::capability_sets;
use std::fs;
use std::path::Path;

/// Every kernel file is valid WGSL without its specialiser.
#[test]
fn kernel_files_are_valid() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("kernels");
    let mut count = 0;
    for entry in fs::read_dir(folder).unwrap() {
        let text = fs::read_to_string(entry.unwrap().path()).unwrap();
        validate(&text, &capability_sets()[0].1);
        count += 1;
    }
    assert!(count > 0);
}

/// The library is valid as a whole.
#[test]
fn library_files_are_valid() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("library");
    let mut all = String::new();
    for entry in fs::read_dir(folder).unwrap() {
        all.push_str(&fs::read_to_string(entry.unwrap().path()).unwrap());
    }
    validate(&all, &capability_sets()[3].1);
}
