//! MiniLM from safetensors against embeddings that onnxruntime computed (`golden/minilm_fp32_embeddings.json`).
//!
//! The model lies in `HADAL_HOME`, where `cargo xtask test` fetches it.

use hadal::nn::{Bert, BertConfig, Weights};
use hadal::{Device, Model, Result, Tensor};
use std::path::PathBuf;

fn folder() -> Option<PathBuf> {
    let home = std::env::var_os("HADAL_HOME").map(|home| PathBuf::from(home).join("minilm"));
    let found = home.filter(|folder| folder.join("model.safetensors").exists());
    if found.is_none() && std::env::var_os("HADAL_REQUIRE_WGPU").is_some() {
        panic!("the model minilm is not in HADAL_HOME: run `hadal pull minilm`");
    }
    if found.is_none() {
        eprintln!("left out: the model minilm is not in HADAL_HOME");
    }
    found
}

fn model(folder: &std::path::Path) -> Result<Model> {
    let meta = Device::meta();
    let config = BertConfig::open(folder.join("config.json"))?;
    let weights = Weights::open(folder.join("model.safetensors"), &meta)?;
    Bert::load(&weights, &meta, &config)?.model()
}

/// Largest difference from the golden embeddings.
fn worst(model: &hadal::PreparedModel) -> Result<f64> {
    let device = model.device();
    let golden: serde_json::Value =
        serde_json::from_str(include_str!("golden/minilm_fp32_embeddings.json")).unwrap();
    let mut worst = 0f64;
    for item in golden["items"].as_array().unwrap() {
        let ids: Vec<i64> =
            item["input_ids"].as_array().unwrap().iter().map(|v| v.as_i64().unwrap()).collect();
        let mask = Tensor::new(device, &vec![1i64; ids.len()], [1, ids.len()])?;
        let ids = Tensor::new(device, &ids, [1, ids.len()])?;
        let outputs = model.run(&[("input_ids", &ids), ("attention_mask", &mask)])?;
        let embedding = outputs.get("sentence_embedding")?.to_vec::<f32>()?;
        let expected = item["embedding"].as_array().unwrap();
        assert_eq!(embedding.len(), expected.len());
        for (a, b) in embedding.iter().zip(expected) {
            worst = worst.max((*a as f64 - b.as_f64().unwrap()).abs());
        }
    }
    Ok(worst)
}

fn check(device: &Device, folder: &std::path::Path) -> Result<()> {
    let model = model(folder)?.to(device)?;
    let difference = worst(&model)?;
    assert!(difference <= 1e-4, "{device} differs by {difference}");
    assert_eq!(model.stats().host_steps, 0);
    let before = model.stats();
    let ids = Tensor::new(device, &[2000i64; 128], [1, 128])?;
    let mask = Tensor::new(device, &[1i64; 128], [1, 128])?;
    let outputs = model.run(&[("input_ids", &ids), ("attention_mask", &mask)])?;
    outputs.get("sentence_embedding")?.to_vec::<f32>()?;
    let dispatches = model.stats().dispatches - before.dispatches;
    assert!(dispatches <= 72, "{device}: {dispatches} dispatches");
    assert_eq!(device.stats().plans_prepared, 1, "one plan serves every length");
    let plan = model.plan(&[("input_ids", &[1, 128]), ("attention_mask", &[1, 128])])?;
    let ratio = plan.arena_bytes as f64 / plan.peak_live_bytes as f64;
    assert!(ratio <= 1.25, "{device}: the arena is {ratio} of the bound");
    println!("{device}: difference {difference:.2e}, {dispatches} dispatches, arena {ratio:.3} of the bound");
    Ok(())
}

#[cfg(feature = "cpu")]
#[test]
fn cpu_agrees_with_onnxruntime() -> Result<()> {
    let Some(folder) = folder() else { return Ok(()) };
    check(&Device::open("cpu")?, &folder)
}

#[cfg(feature = "wgpu")]
#[test]
fn wgpu_agrees_with_onnxruntime() -> Result<()> {
    let Some(folder) = folder() else { return Ok(()) };
    match Device::open("wgpu") {
        Ok(device) => check(&device, &folder),
        Err(error) if std::env::var_os("HADAL_REQUIRE_WGPU").is_some() => Err(error),
        Err(error) => {
            eprintln!("wgpu is left out: {error}");
            Ok(())
        }
    }
}
