//! Times MiniLM in rten and in candle: one JSON line per call, like `hadal-bench minilm`.
//!
//! `hadal-bench-peers rten MODEL.onnx BATCH TOKENS RUNS` and `hadal-bench-peers candle DIR BATCH TOKENS RUNS`. rten's file has int8 weights, which it
//! widens to f32; candle reads the f32 safetensors. Threads are set by `RTEN_NUM_THREADS` and `RAYON_NUM_THREADS`.

use anyhow::{Context, bail};
use std::path::Path;
use std::time::Instant;

fn main() -> anyhow::Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [engine, model, batch, tokens, runs] = &arguments[..] else {
        bail!("usage: hadal-bench-peers rten|candle MODEL BATCH TOKENS RUNS");
    };
    let (model, batch, tokens, runs) = (Path::new(model), batch.parse()?, tokens.parse()?, runs.parse()?);
    let (load, mut times) = match engine.as_str() {
        "rten" => rten(model, batch, tokens, runs)?,
        "candle" => candle(model, batch, tokens, runs)?,
        _ => bail!("no engine `{engine}`"),
    };
    times.sort_by(f64::total_cmp);
    let median = times.get(times.len() / 2).context("no runs")?;
    let line = serde_json::json!({ "engine": engine, "batch": batch, "tokens": tokens, "load_ms": load, "median_ms": median, "times_ms": times });
    println!("{line}");
    Ok(())
}

fn token(i: usize) -> i64 {
    1000 + (i as i64 * 7919) % 20000
}

/// Milliseconds of each run after two that do not count.
fn measure(runs: usize, mut run: impl FnMut() -> anyhow::Result<()>) -> anyhow::Result<Vec<f64>> {
    let mut times = Vec::new();
    for round in 0..runs + 2 {
        let start = Instant::now();
        run()?;
        if round >= 2 {
            times.push(start.elapsed().as_secs_f64() * 1e3);
        }
    }
    Ok(times)
}

fn rten(path: &Path, batch: usize, tokens: usize, runs: usize) -> anyhow::Result<(f64, Vec<f64>)> {
    use rten_tensor::{AsView, NdTensor};
    let start = Instant::now();
    let model = rten::Model::load_file(path)?;
    let load = start.elapsed().as_secs_f64() * 1e3;
    let ids = NdTensor::from_data([batch, tokens], (0..batch * tokens).map(|i| token(i) as i32).collect::<Vec<i32>>());
    let ones = NdTensor::from_data([batch, tokens], vec![1i32; batch * tokens]);
    let zeros = NdTensor::from_data([batch, tokens], vec![0i32; batch * tokens]);
    let times = measure(runs, || {
        let mut inputs = Vec::new();
        for &id in model.input_ids() {
            let name = model.node_info(id).and_then(|n| n.name().map(str::to_string)).unwrap_or_default();
            let tensor = match name.as_str() {
                "input_ids" => &ids,
                "attention_mask" => &ones,
                _ => &zeros,
            };
            inputs.push((id, tensor.view().into()));
        }
        model.run(inputs, model.output_ids(), None)?;
        Ok(())
    })?;
    Ok((load, times))
}

fn candle(folder: &Path, batch: usize, tokens: usize, runs: usize) -> anyhow::Result<(f64, Vec<f64>)> {
    use candle_core::{DType, Device, Tensor};
    use candle_transformers::models::bert::{BertModel, Config};
    let start = Instant::now();
    let config: Config = serde_json::from_str(&std::fs::read_to_string(folder.join("config.json"))?)?;
    let device = Device::Cpu;
    // SAFETY: nothing writes to the file while it is mapped.
    let weights =
        unsafe { candle_nn::VarBuilder::from_mmaped_safetensors(&[folder.join("model.safetensors")], DType::F32, &device)? };
    let model = BertModel::load(weights, &config)?;
    let load = start.elapsed().as_secs_f64() * 1e3;
    let ids: Vec<u32> = (0..batch * tokens).map(|i| token(i) as u32).collect();
    let ids = Tensor::from_vec(ids, (batch, tokens), &device)?;
    let (ones, zeros) = (ids.ones_like()?, ids.zeros_like()?);
    let times = measure(runs, || {
        model.forward(&ids, &zeros, Some(&ones))?;
        Ok(())
    })?;
    Ok((load, times))
}
