//! Golden files.

use hadal::HostTensor;
use serde::Deserialize;
use std::collections::BTreeMap;
use std::path::PathBuf;

/// What PyTorch computed for one row.
#[derive(Deserialize)]
pub(crate) struct Golden {
    pub(crate) inputs: BTreeMap<String, Packed>,
    /// The state dict before the forward.
    pub(crate) state: BTreeMap<String, Packed>,
    pub(crate) outputs: Vec<Packed>,
    /// What the outputs are multiplied by before they are summed and differentiated.
    pub(crate) seeds: Vec<Packed>,
    /// Of float inputs and of parameters.
    pub(crate) gradients: BTreeMap<String, Packed>,
    /// After the forward.
    pub(crate) buffers: BTreeMap<String, Packed>,
}

#[derive(Deserialize)]
pub(crate) struct Packed {
    dtype: String,
    shape: Vec<usize>,
    pub(crate) data: Vec<f64>,
}

impl Golden {
    pub(crate) fn open(row: &str) -> Result<Golden, String> {
        let path = folder().join(format!("{row}.json"));
        let text = std::fs::read_to_string(&path).map_err(|e| format!("{}: {e}", path.display()))?;
        serde_json::from_str(&text).map_err(|e| format!("{}: {e}", path.display()))
    }
}

impl Packed {
    pub(crate) fn host(&self) -> HostTensor {
        let shape = self.shape.clone();
        match self.dtype.as_str() {
            "i64" => HostTensor::new(shape, &self.data.iter().map(|&v| v as i64).collect::<Vec<_>>()),
            "bool" => HostTensor::from_bools(shape, &self.data.iter().map(|&v| v != 0.0).collect::<Vec<_>>()),
            _ => HostTensor::new(shape, &self.data.iter().map(|&v| v as f32).collect::<Vec<_>>()),
        }
        .expect("a golden tensor has as many elements as its shape says")
    }

    /// Why `found` is not this tensor; `None` when it is.
    pub(crate) fn differs(&self, found: &HostTensor, tolerance: f64) -> Option<String> {
        if found.shape() != self.shape {
            return Some(format!("the shape is {:?}, but PyTorch has {:?}", found.shape(), self.shape));
        }
        let scale = self.data.iter().fold(1f64, |m, v| m.max(v.abs()));
        let (at, worst) = found
            .to_f64()
            .iter()
            .zip(&self.data)
            .map(|(a, b)| if a == b { 0.0 } else { (a - b).abs() })
            .enumerate()
            .fold((0, 0.0), |worst: (usize, f64), (i, d)| if d <= worst.1 { worst } else { (i, d) });
        if worst <= tolerance * scale {
            return None;
        }
        Some(format!("element {at} is {}, but PyTorch has {}", found.to_f64()[at], self.data[at]))
    }
}

/// Where the golden files lie.
pub(crate) fn folder() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/pytorch/golden")
}
