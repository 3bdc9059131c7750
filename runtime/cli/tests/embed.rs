//! `hadal embed` with the real model, and the demo.

mod command;

use command::{Folder, Ran};
use std::io::Write;
use std::path::PathBuf;
use std::process::{Command, Stdio};

/// `hadal` with the models in `HADAL_HOME` or `target/models`, where `minilm` is fetched to if it is not there yet.
fn hadal(arguments: &[&str], input: &str) -> Ran {
    let home = match std::env::var_os("HADAL_HOME") {
        Some(home) => PathBuf::from(home),
        None => PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../target/models"),
    };
    let start = |arguments: &[&str]| {
        Command::new(env!("CARGO_BIN_EXE_hadal"))
            .args(arguments)
            .env("HADAL_HOME", &home)
            .env("NODEVICE_SELECT", "1")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap()
    };
    if !home.join("minilm/tokenizer.json").is_file() {
        let pulled = start(&["pull", "minilm"]).wait_with_output().unwrap();
        assert!(pulled.status.success(), "{}", String::from_utf8_lossy(&pulled.stderr));
    }
    let mut child = start(arguments);
    child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    Ran {
        code: output.status.code().unwrap(),
        out: String::from_utf8(output.stdout).unwrap(),
        err: String::from_utf8(output.stderr).unwrap(),
    }
}

fn vectors(ran: &Ran) -> Vec<(String, Vec<f64>)> {
    let read = |line: &str| {
        let value: serde_json::Value = serde_json::from_str(line).unwrap();
        let embedding = value["embedding"].as_array().unwrap().iter().map(|x| x.as_f64().unwrap()).collect();
        (value["text"].as_str().unwrap().to_string(), embedding)
    };
    ran.succeeds().lines().map(read).collect()
}

fn dot(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

const FOX: &str = "The quick brown fox jumps over the lazy dog.";

#[test]
fn embeddings_are_those_of_other_engines() {
    // As onnxruntime computes them from the same weights.
    let expected = [0.043_933_54, 0.058_934_41, 0.048_178_44, 0.077_548_08, 0.026_744_4, -0.037_629_62];
    for backend in ["cpu", "wgpu"] {
        let found = vectors(&hadal(&["embed", FOX, "--backend", backend], ""));
        assert_eq!((found[0].0.as_str(), found[0].1.len()), (FOX, 384));
        for (found, expected) in found[0].1.iter().zip(expected) {
            assert!((found - expected).abs() < 1e-4, "{backend}: {found} {expected}");
        }
    }
}

#[test]
fn lines_of_standard_input_are_texts_and_company_changes_nothing() {
    let lines =
        format!("{FOX}\n\nA fast auburn fox leaps above a sleepy hound.\nInterest rates rose again.\n");
    let found = vectors(&hadal(&["embed", "--backend", "cpu"], &lines));
    assert_eq!(found.len(), 4);
    assert!(dot(&found[0].1, &found[2].1) > dot(&found[0].1, &found[3].1) + 0.3);
    let alone = vectors(&hadal(&["embed", "--backend", "cpu", FOX], ""));
    assert!((dot(&alone[0].1, &found[0].1) - 1.0).abs() < 1e-5);
    let far: f64 = alone[0].1.iter().zip(&found[0].1).map(|(a, b)| (a - b).abs()).fold(0.0, f64::max);
    assert!(far < 1e-5, "{far}");
}

#[test]
fn texts_that_cannot_be_embedded() {
    let folder = Folder::new();
    let run = |model: &str| command::hadal(&folder, &["embed", "x", "--model", model], &[]);
    run("nothing").fails(1, "no file and no model called `nothing`");
    run("minilm").fails(1, "hint: hadal pull minilm");
    std::fs::write(folder.path().join("model.safetensors"), b"").unwrap();
    run("model.safetensors").fails(1, "model.safetensors");
}

#[test]
fn the_demo_finds_the_same_on_every_backend() {
    let ran = hadal(&["demo", "--json", "How do bats find moths in the dark?"], "");
    let report: serde_json::Value = serde_json::from_str(ran.succeeds()).unwrap();
    let devices = report["devices"].as_array().unwrap();
    assert_eq!(devices.len(), 2, "{}", ran.err);
    for device in devices {
        assert!(device["found"][0]["passage"].as_str().unwrap().starts_with("Bats find moths"), "{device}");
        assert!(device["difference_from_reference"].as_f64().unwrap() < 1e-4, "{device}");
        assert!(device["dispatches_per_sentence"].as_u64().unwrap() <= 72, "{device}");
    }
}
