//! Weights by name, from a safetensors file that stays where it is.

use crate::device::Device;
use crate::tensor::Tensor;
use crate::{Error, Result};
use hadal_formats::SafeTensors;
use hadal_formats::safetensors::Outline;
use hadal_graph::{Bytes, DType, HostTensor};
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

/// Named tensors in host memory, for layers made on [`Scope::weights`](super::Scope::weights) and for
/// [`Module::load_state_dict`](super::Module::load_state_dict). A file is memory-mapped: a tensor is read when a device needs it. Cloning
/// copies no tensor.
#[derive(Clone, Debug)]
pub struct Weights {
    device: Device,
    source: Arc<str>,
    tensors: Arc<BTreeMap<String, HostTensor>>,
}

impl Weights {
    /// The tensors of a safetensors file, for layers on `device`. Models are traced on [`Device::meta`].
    ///
    /// Errors: `Format` with what is wrong in the file.
    pub fn open(path: impl AsRef<Path>, device: &Device) -> Result<Weights> {
        Weights::from_safetensors(&SafeTensors::open(path)?, device)
    }

    /// The tensors of an open file. Errors: `Format`.
    pub fn from_safetensors(file: &SafeTensors, device: &Device) -> Result<Weights> {
        Ok(Weights {
            device: device.clone(),
            source: file.source().into(),
            tensors: Arc::new(file.tensors()?),
        })
    }

    /// Names and types alone, on [`Device::meta`]: for tracing a model whose weights arrive later ([`crate::stream`]). All values are zero, and
    /// share memory as large as the largest tensor. Errors: `Weights` for a tensor that is larger than any memory.
    pub fn from_outline(outline: &Outline) -> Result<Weights> {
        let described: Vec<_> =
            outline.names().filter_map(|name| Some((name, outline.describe(name)?))).collect();
        let size = |dtype: DType, shape: &[usize]| {
            shape.iter().try_fold(dtype.size(), |product, &extent| product.checked_mul(extent))
        };
        let mut largest = 0;
        for (name, (dtype, shape)) in &described {
            let bytes = size(*dtype, shape);
            let too_large = || Error::Weights(format!("the tensor `{name}`: {dtype}{shape:?} is too large"));
            largest = largest.max(bytes.ok_or_else(too_large)?);
        }
        let zeros = Bytes::new(vec![0u8; largest]);
        let mut tensors = BTreeMap::new();
        for (name, (dtype, shape)) in described {
            let part =
                zeros.slice(0..size(dtype, shape).unwrap_or_default()).unwrap_or_else(|| zeros.clone());
            tensors.insert(name.to_string(), HostTensor::from_bytes(dtype, shape, part)?);
        }
        Ok(Weights { source: outline.source().into(), ..Weights::from_tensors(tensors, &Device::meta()) })
    }

    /// Tensors in memory.
    pub fn from_tensors(tensors: BTreeMap<String, HostTensor>, device: &Device) -> Weights {
        Weights { device: device.clone(), source: "the given tensors".into(), tensors: Arc::new(tensors) }
    }

    /// Writes a safetensors file, which appears under its name only when it is complete. Errors: `Format`.
    pub fn save(&self, path: impl AsRef<Path>) -> Result<()> {
        let metadata = BTreeMap::from([("format".to_string(), "pt".to_string())]);
        Ok(hadal_formats::safetensors::write(path, &self.tensors, &metadata)?)
    }

    /// The device of the layers.
    pub fn device(&self) -> &Device {
        &self.device
    }

    /// Where the tensors come from: the file's path.
    pub fn source(&self) -> &str {
        &self.source
    }

    /// The value of the tensor `name`.
    pub fn value(&self, name: &str) -> Option<&HostTensor> {
        self.tensors.get(name)
    }

    /// Names of all tensors, sorted.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.tensors.keys().map(String::as_str)
    }

    /// Whether there is a tensor of this name.
    pub fn contains(&self, name: &str) -> bool {
        self.tensors.contains_key(name)
    }

    /// The tensor `name`, which must have the given shape. Errors: `Weights`, with names that are near or the shape found.
    #[track_caller]
    pub fn get(&self, name: &str, shape: impl Into<Vec<usize>>) -> Result<Tensor> {
        let shape = shape.into();
        let Some(value) = self.tensors.get(name) else {
            return Err(Error::Weights(format!("{} has no tensor `{name}`{}", self.source, self.near(name))));
        };
        if value.shape() != shape {
            return Err(Error::Weights(format!(
                "the tensor `{name}` of {} has shape {:?}, but {shape:?} was expected\n  hint: the file belongs to a model of another size",
                self.source,
                value.shape()
            )));
        }
        Ok(Tensor::weight(&self.device, name, value.clone()))
    }

    /// Up to three names that share the most with `name`, as a hint.
    fn near(&self, name: &str) -> String {
        let words = |text: &str| text.split(['.', '_']).map(str::to_lowercase).collect::<Vec<_>>();
        let wanted = words(name);
        let score = |other: &str| {
            let other = words(other);
            let shared = wanted.iter().filter(|w| other.contains(w)).count();
            2 * shared as i64 - (wanted.len() as i64 - other.len() as i64).abs()
        };
        let mut names: Vec<(i64, &str)> =
            self.names().map(|n| (-score(n), n)).filter(|(s, _)| *s < 0).collect();
        names.sort_unstable();
        let near: Vec<String> = names.iter().take(3).map(|(_, n)| format!("`{n}`")).collect();
        match near.is_empty() {
            true => format!("; it has {} tensors", self.tensors.len()),
            false => format!("\n  hint: it has {}", near.join(", ")),
        }
    }
}
