//! What is public in `nn` has a row, and every golden file is used.

use crate::{golden, rows};
use std::collections::BTreeSet;
use std::path::PathBuf;

/// Public names of `nn` that compute nothing of their own, or are compared elsewhere.
const WITHOUT_ROW: [(&str, &str); 23] = [
    ("Bert", "compared with the reference and with onnxruntime in its own tests"),
    ("BertConfig", "sizes"),
    ("Scope", "where weights come from"),
    ("Weights", "tensors by name"),
    ("Module", "what layers have in common"),
    ("Layer", "what layers have in common"),
    ("Member", "a part of a module"),
    ("Mode", "a switch"),
    ("Parameter", "what layers hold"),
    ("Buffer", "what layers hold"),
    ("Init", "draws other numbers than PyTorch; its moments are tested"),
    ("BatchNormOptions", "constants"),
    ("RecurrentOptions", "switches"),
    ("AttentionOptions", "sizes and switches"),
    ("AttentionMask", "an argument"),
    ("TransformerOptions", "sizes and switches"),
    ("Activation", "a choice of activations that have rows"),
    ("BatchNorm", "the type of BatchNorm1d to 3d"),
    ("Conv", "the type of Conv1d to 3d"),
    ("ConvTranspose", "the type of ConvTranspose1d to 3d"),
    ("MaxPool", "the type of MaxPool1d and 2d"),
    ("AvgPool", "the type of AvgPool1d and 2d"),
    ("AdaptiveAvgPool", "the type of AdaptiveAvgPool1d and 2d"),
];

fn source(path: &str) -> String {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("src").join(path);
    std::fs::read_to_string(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()))
}

/// The names that a file re-exports with `pub use`.
fn exported(text: &str) -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    for statement in text.split("pub use ").skip(1) {
        let Some((path, _)) = statement.split_once(';') else { continue };
        let list = path.rsplit("::").next().unwrap_or_default();
        let list = list.trim_matches(|c: char| c == '{' || c == '}' || c.is_whitespace());
        names.extend(list.split(',').map(str::trim).filter(|n| !n.is_empty()).map(String::from));
    }
    names
}

/// The names of public functions and methods of a file.
fn functions(text: &str) -> BTreeSet<String> {
    let after = text.split("pub fn ").skip(1);
    let name = |rest: &str| rest.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect();
    after.map(name).collect()
}

/// Public names of `nn::loss` that are no losses.
const OPTIONS: [&str; 5] =
    ["Reduction", "CrossEntropyOptions", "TripletOptions", "FocalOptions", "CtcOptions"];

fn covered() -> BTreeSet<String> {
    rows().iter().map(|row| row.name.split('.').next().unwrap_or_default().to_string()).collect()
}

#[test]
fn every_layer_and_activation_has_a_row() {
    let covered = covered();
    let excused: BTreeSet<String> = WITHOUT_ROW.iter().map(|(name, _)| name.to_string()).collect();
    let mut public = exported(&source("nn/mod.rs"));
    assert!(public.len() > 30, "the list of public names was not understood: {public:?}");
    public.extend(functions(&source("tensor/activation.rs")));
    let missing: Vec<&String> =
        public.iter().filter(|n| !covered.contains(*n) && !excused.contains(*n)).collect();
    assert!(missing.is_empty(), "these have no row in tests/pytorch: {missing:?}");
    let stale: Vec<&String> =
        excused.iter().filter(|n| !public.contains(*n) || covered.contains(*n)).collect();
    assert!(stale.is_empty(), "these are excused, but are not there or have a row: {stale:?}");
}

#[test]
fn every_loss_has_a_row() {
    let rows = rows();
    let covered = |name: &String| {
        let own = format!("loss.{name}");
        rows.iter().any(|row| row.name == own || row.name.starts_with(&format!("{own}.")))
    };
    let public = exported(&source("nn/loss/mod.rs"));
    assert!(public.len() > 20, "the list of losses was not understood: {public:?}");
    let missing: Vec<&String> =
        public.iter().filter(|name| !OPTIONS.contains(&name.as_str()) && !covered(name)).collect();
    assert!(missing.is_empty(), "these have no row in tests/pytorch: {missing:?}");
}

#[test]
fn every_golden_file_is_used() {
    let names: BTreeSet<String> = rows().iter().map(|row| row.name.to_string()).collect();
    assert_eq!(names.len(), rows().len(), "two rows have one name");
    for entry in std::fs::read_dir(golden::folder()).unwrap() {
        let file = entry.unwrap().file_name().into_string().unwrap();
        let row = file.trim_end_matches(".json");
        assert!(names.contains(row), "{file} belongs to no row");
    }
}
