//! The examples run to their end, where each asserts what it has learnt, and are short enough for a screen.
#![cfg(feature = "cpu")]

use std::path::PathBuf;
use std::process::Command;

/// Lines of a screen.
const SCREEN: usize = 40;

fn examples() -> Vec<PathBuf> {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("examples");
    let mut found: Vec<PathBuf> =
        std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    found.sort();
    found
}

#[test]
fn examples_fit_a_screen() {
    let names: Vec<String> =
        examples().iter().map(|path| path.file_stem().unwrap().to_string_lossy().into()).collect();
    for name in ["mlp", "cnn", "transformer", "custom_op", "custom_kernel", "custom_layer"] {
        assert!(names.iter().any(|known| known == name), "{name} is missing: {names:?}");
    }
    for path in examples() {
        let lines = std::fs::read_to_string(&path).unwrap().lines().count();
        assert!(lines <= SCREEN, "{} has {lines} lines", path.display());
    }
}

#[test]
fn examples_learn_what_they_should() {
    // Programs of examples lie beside those of tests: target/PROFILE/deps/examples-… and target/PROFILE/examples/….
    let own = std::env::current_exe().unwrap();
    let folder = own.parent().unwrap().parent().unwrap().join("examples");
    for path in examples() {
        let program = folder.join(path.file_stem().unwrap()).with_extension(std::env::consts::EXE_EXTENSION);
        if !program.exists() && std::env::var_os("CI").is_none() {
            eprintln!("left out: {} is built by `cargo build --examples`", program.display());
            continue;
        }
        let output = Command::new(&program).output();
        let output = output.unwrap_or_else(|error| panic!("{}: {error}", program.display()));
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success() && !output.stdout.is_empty(), "{}: {said}", program.display());
    }
}
