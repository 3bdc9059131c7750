//! Layers, losses and activations against PyTorch.
//!
//! A *row* names a layer or a loss and says how it is called; its golden file (`golden/ROW.json`, made by `make.py`) has inputs, weights,
//! outputs and gradients. Each row runs forward and backward on every backend of the build, eagerly and under `jit`. What is public in `nn`
//! and has no row fails the suite.

mod activations;
mod coverage;
mod golden;
mod layers;
mod losses;
mod mixed;
mod row;
mod sequences;

use hadal::Device;
use row::Row;

/// All rows.
fn rows() -> Vec<Row> {
    [layers::rows(), activations::rows(), losses::rows(), sequences::rows()].concat()
}

/// Runs all rows on a device and reports every one that differs.
fn check(device: &Device) {
    let wrong: Vec<String> = rows().iter().filter_map(|row| row.check(device).err()).collect();
    assert!(wrong.is_empty(), "{} of {} rows on {device}:\n{}", wrong.len(), rows().len(), wrong.join("\n"));
}

#[cfg(feature = "cpu")]
#[test]
fn every_row_agrees_with_pytorch_on_cpu() {
    check(&Device::open("cpu").unwrap());
}

/// The first adapter. Where tests must not pass without one, `CI` is set.
#[cfg(feature = "wgpu")]
#[test]
fn every_row_agrees_with_pytorch_on_wgpu() {
    match Device::open("wgpu") {
        Ok(device) => check(&device),
        Err(error) if std::env::var_os("CI").is_some() => panic!("{error}"),
        Err(error) => eprintln!("wgpu is left out: {error}"),
    }
}
