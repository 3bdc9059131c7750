//! The same rows under autocast: every layer, loss and activation runs in mixed precision, forward and backward.

use crate::row::How;
use crate::rows;
use hadal::{DType, Device};

/// Halves have 10 and 7 bits of fraction, and each result passes through a few of them.
const TOLERANCES: [(DType, f64); 2] = [(DType::F16, 1e-2), (DType::BF16, 8e-2)];

fn check(device: &Device, tolerances: &[(DType, f64)]) {
    let mut wrong = Vec::new();
    for &(half, tolerance) in tolerances {
        for row in rows() {
            let how = How { traced: false, mixed: Some(half), tolerance };
            wrong.extend(row.run(device, how).err().map(|error| format!("{half}: {error}")));
        }
    }
    assert!(wrong.is_empty(), "{} rows on {device}:\n{}", wrong.len(), wrong.join("\n"));
}

#[cfg(feature = "cpu")]
#[test]
fn every_row_runs_in_mixed_precision_on_cpu() {
    check(&Device::open("cpu").unwrap(), &TOLERANCES);
}

#[cfg(feature = "wgpu")]
#[test]
fn every_row_runs_in_mixed_precision_on_wgpu() {
    match Device::open("wgpu") {
        // Most of the time goes into compiling kernels: one half is enough.
        Ok(device) => check(&device, &TOLERANCES[..1]),
        Err(error) if std::env::var_os("CI").is_some() => panic!("{error}"),
        Err(error) => eprintln!("wgpu is left out: {error}"),
    }
}
