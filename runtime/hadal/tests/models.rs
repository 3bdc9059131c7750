//! Real models against what other engines compute (`golden/`, made by `golden/make.py`), on every device.
//!
//! The models lie in `HADAL_HOME`, where `cargo xtask test` fetches them.

use hadal::nn::{Bert, BertConfig, Scope, Weights};
use hadal::{Device, Model, PreparedModel, Result, Tensor};
use serde_json::Value;
use std::path::PathBuf;

/// The folder of a model; `None` at home where it has not been fetched.
fn folder(name: &str) -> Option<PathBuf> {
    let home = std::env::var_os("HADAL_HOME").map(|home| PathBuf::from(home).join(name));
    let found = home.filter(|folder| folder.is_dir());
    if found.is_none() && std::env::var_os("CI").is_some() {
        panic!("the model {name} is not in HADAL_HOME: run `hadal pull {name}`");
    }
    if found.is_none() {
        eprintln!("left out: the model {name} is not in HADAL_HOME");
    }
    found
}

/// The device, and the folder of a model; `None` at home where one of them is missing.
fn open(device: &str, model: &str) -> Result<Option<(Device, PathBuf)>> {
    let Some(folder) = folder(model) else { return Ok(None) };
    match Device::open(device) {
        Ok(device) => Ok(Some((device, folder))),
        Err(error) if std::env::var_os("CI").is_some() => Err(error),
        Err(error) => {
            eprintln!("{device} is left out: {error}");
            Ok(None)
        }
    }
}

fn items(golden: &str) -> Vec<Value> {
    let golden: Value = serde_json::from_str(golden).unwrap();
    golden["items"].as_array().unwrap().clone()
}

fn integers(values: &Value) -> Vec<i64> {
    values.as_array().unwrap().iter().map(|v| v.as_i64().unwrap()).collect()
}

/// Largest difference of numbers from golden ones.
fn difference(actual: &[f32], expected: &Value) -> f64 {
    let expected = expected.as_array().unwrap();
    assert_eq!(actual.len(), expected.len());
    let differences = actual.iter().zip(expected).map(|(a, b)| (f64::from(*a) - b.as_f64().unwrap()).abs());
    differences.fold(0.0, |worst, d| if d > worst || d.is_nan() { d } else { worst })
}

fn minilm(device: &str) -> Result<()> {
    let Some((device, folder)) = open(device, "minilm")? else { return Ok(()) };
    let meta = Device::meta();
    let config = BertConfig::open(folder.join("config.json"))?;
    let weights = Weights::open(folder.join("model.safetensors"), &meta)?;
    let model = Bert::new(&Scope::weights(&weights), &config)?.model()?.to(&device)?;
    let mut worst = 0f64;
    for item in items(include_str!("golden/minilm_fp32_embeddings.json")) {
        let ids = integers(&item["input_ids"]);
        let mask = Tensor::new(&device, &vec![1i64; ids.len()], [1, ids.len()])?;
        let ids = Tensor::new(&device, &ids, [1, ids.len()])?;
        let outputs = model.run(&[("input_ids", &ids), ("attention_mask", &mask)])?;
        let embedding = outputs.get("sentence_embedding")?.to_vec::<f32>()?;
        worst = worst.max(difference(&embedding, &item["embedding"]));
    }
    assert!(worst <= 1e-4, "{device} differs by {worst}");
    assert_eq!(model.stats().host_steps, 0);
    let before = model.stats();
    let ids = Tensor::new(&device, &[2000i64; 128], [1, 128])?;
    let mask = Tensor::new(&device, &[1i64; 128], [1, 128])?;
    let outputs = model.run(&[("input_ids", &ids), ("attention_mask", &mask)])?;
    outputs.get("sentence_embedding")?.to_vec::<f32>()?;
    let dispatches = model.stats().dispatches - before.dispatches;
    assert!(dispatches <= 72, "{device}: {dispatches} dispatches");
    assert_eq!(device.stats().plans_prepared, 1, "one plan serves every length");
    let plan = model.plan(&[("input_ids", &[1, 128]), ("attention_mask", &[1, 128])])?;
    let ratio = plan.arena_bytes as f64 / plan.peak_live_bytes as f64;
    assert!(ratio <= 1.25, "{device}: the arena is {ratio} of the bound");
    println!("{device}: difference {worst:.2e}, {dispatches} dispatches, arena {ratio:.3} of the bound");
    Ok(())
}

/// A model from ONNX on a device; `None` at home where it or the device is missing.
fn onnx(device: &str, name: &str) -> Result<Option<PreparedModel>> {
    let Some((device, folder)) = open(device, name)? else { return Ok(None) };
    Ok(Some(Model::load(folder.join("model.onnx"))?.to(&device)?))
}

fn minilm_int8(device: &str) -> Result<()> {
    let Some(model) = onnx(device, "minilm-int8")? else { return Ok(()) };
    let mut worst = 0f64;
    for item in items(include_str!("golden/minilm_int8_embeddings.json")) {
        let ids = integers(&item["input_ids"]);
        let row = |values: &[i64]| Tensor::new(model.device(), values, [1, ids.len()]);
        let (mask, kinds) = (row(&vec![1; ids.len()])?, row(&vec![0; ids.len()])?);
        let inputs = [("input_ids", &row(&ids)?), ("attention_mask", &mask), ("token_type_ids", &kinds)];
        let hidden = model.run(&inputs)?.get("last_hidden_state")?.mean(&[0, 1])?;
        let norm = hidden.sqr()?.sum(&[])?.sqrt()?;
        worst = worst.max(difference(&hidden.div(&norm)?.to_vec::<f32>()?, &item["embedding"]));
    }
    println!("{device}: difference {worst:.2e}");
    assert!(worst <= 1e-3, "{device} differs by {worst}");
    assert_eq!(model.stats().host_steps, 0);
    Ok(())
}

/// What magika reads of a file: its first and last 1,024 bytes, with 256 for none.
fn beginning_and_end(file: &str) -> Vec<i32> {
    let data: Vec<i32> = file.bytes().map(i32::from).collect();
    let head = &data[..data.len().min(1024)];
    let tail = &data[data.len().saturating_sub(1024)..];
    let mut row = vec![256; 2048];
    row[..head.len()].copy_from_slice(head);
    row[2048 - tail.len()..].copy_from_slice(tail);
    row
}

fn magika(device: &str) -> Result<()> {
    let Some(model) = onnx(device, "magika")? else { return Ok(()) };
    let mut worst = 0f64;
    for item in items(include_str!("golden/magika_scores.json")) {
        let row = beginning_and_end(item["file"].as_str().unwrap());
        let bytes = Tensor::new(model.device(), &row, [1, 2048])?;
        let scores = model.run(&[("bytes", &bytes)])?.get("target_label")?.to_vec::<f32>()?;
        worst = worst.max(difference(&scores, &item["scores"]));
    }
    println!("{device}: difference {worst:.2e}");
    assert!(worst <= 1e-3, "{device} differs by {worst}");
    assert_eq!(model.stats().host_steps, 0);
    Ok(())
}

macro_rules! on_every_device {
    ($($model:ident),*) => {
        #[cfg(feature = "cpu")]
        mod on_cpu {
            $(#[test] fn $model() -> super::Result<()> { super::$model("cpu") })*
        }
        #[cfg(feature = "wgpu")]
        mod on_wgpu {
            $(#[test] fn $model() -> super::Result<()> { super::$model("wgpu") })*
        }
    };
}

on_every_device!(minilm, minilm_int8, magika);
