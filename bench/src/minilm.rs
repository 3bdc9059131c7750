//! Sentence embeddings.

use crate::timing::{median, time};
use hadal::nn::{Bert, BertConfig, Scope, Weights};
use hadal::{Device, HostTensor, Tensor};
use std::path::Path;

pub fn run(model: &Path, backend: &str, batch: usize, tokens: usize, runs: usize) -> anyhow::Result<()> {
    let device = Device::open(backend)?;
    let mut prepared = None;
    let load = time(|| {
        let weights = Weights::open(model.join("model.safetensors"), &device)?;
        let config = BertConfig::open(model.join("config.json"))?;
        prepared = Some(Bert::new(&Scope::weights(&weights), &config)?.model()?.to(&device)?);
        Ok(())
    })?;
    let Some(prepared) = prepared else { return Ok(()) };
    let ids: Vec<i64> = (0..batch * tokens).map(|i| 1000 + (i as i64 * 7919) % 20000).collect();
    let ids = Tensor::from_host(&device, &HostTensor::new([batch, tokens], &ids)?)?;
    let mask = Tensor::from_host(&device, &HostTensor::new([batch, tokens], &vec![1i64; batch * tokens])?)?;
    let mut times = Vec::new();
    for run in 0..runs + 2 {
        let elapsed = time(|| {
            let outputs = prepared.run(&[("input_ids", &ids), ("attention_mask", &mask)])?;
            Ok(outputs.get("sentence_embedding")?.to_vec::<f32>()?)
        })?;
        if run >= 2 {
            times.push(elapsed);
        }
    }
    let stats = prepared.stats();
    let line = serde_json::json!({
        "engine": "hadal", "backend": backend, "batch": batch, "tokens": tokens, "load_ms": load,
        "median_ms": median(&times), "times_ms": times, "dispatches": stats.dispatches / stats.runs.max(1),
    });
    println!("{line}");
    Ok(())
}
