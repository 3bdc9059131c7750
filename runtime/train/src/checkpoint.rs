//! A run in one file.

use crate::{History, Result, TrainError};
use hadal::amp::Choice;
use hadal::nn::{Module, Weights};
use hadal::optim::Stateful;
use hadal::{Device, HostTensor, Tensor, Variable};
use hadal_data::Position;
use hadal_formats::safetensors::{self, SafeTensors};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// The key of the metadata.
const KEY: &str = "hadal.checkpoint";
/// Grows when a file with the old meaning would be misread.
const VERSION: u32 = 2;

/// All that a run needs to go on.
///
/// A checkpoint is a safetensors file: weights and buffers as `model.…`, the state of the optimizer as `optimizer.…`, that of random
/// sources as `random.…`; of what else a run keeps, the loss scale as `scaler.…`, what the choice of precision has seen as `selector.…`, sums of gradients as
/// `accumulation.…`, their noise as `noise.…`, and averages of weights as `ema.…`. Everything else is JSON in its metadata.
#[derive(Debug)]
pub struct Checkpoint {
    path: PathBuf,
    tensors: BTreeMap<String, HostTensor>,
    progress: Progress,
}

/// What is not a tensor.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Progress {
    pub(crate) version: u32,
    /// The recipe as TOML; empty where there is none.
    pub(crate) recipe: String,
    /// The batch that comes next.
    pub(crate) position: Position,
    /// Steps so far.
    pub(crate) step: u64,
    /// Batches so far.
    pub(crate) batches: u64,
    /// Batches of the next step.
    pub(crate) batches_per_step: usize,
    /// Precisions that were chosen, oldest first.
    pub(crate) choices: Vec<Choice>,
    /// Training losses of the epoch under way that have been read: their sum, and how many.
    pub(crate) loss_sum: f64,
    pub(crate) loss_count: u64,
    pub(crate) history: History,
}

impl Checkpoint {
    /// Reads a checkpoint. Errors: `Checkpoint` for a file that is none; `Format` for one that is damaged.
    pub fn open(path: impl AsRef<Path>) -> Result<Checkpoint> {
        let path = path.as_ref().to_path_buf();
        let file = SafeTensors::open(&path)?;
        let refuse = |reason: String| TrainError::Checkpoint {
            path: path.clone(),
            reason,
            hint: "checkpoints are written by `hadal train`; other weights are loaded into a model by name",
        };
        let text = file.metadata().get(KEY).ok_or_else(|| refuse("it is no checkpoint of a run".into()))?;
        let progress: Progress = serde_json::from_str(text).map_err(|error| refuse(error.to_string()))?;
        if progress.version != VERSION {
            return Err(refuse(format!(
                "it is of version {}, and this is version {VERSION}",
                progress.version
            )));
        }
        let tensors = file.tensors()?;
        Ok(Checkpoint { path, tensors, progress })
    }

    /// The weights and buffers, for layers on `device`.
    pub fn model(&self, device: &Device) -> Weights {
        self.part("model.", device)
    }

    /// The recipe that the run follows, as TOML; empty where there is none.
    pub fn recipe(&self) -> &str {
        &self.progress.recipe
    }

    /// Steps so far.
    pub fn step(&self) -> u64 {
        self.progress.step
    }

    /// All epochs that are over.
    pub fn history(&self) -> &History {
        &self.progress.history
    }

    pub(crate) fn progress(&self) -> &Progress {
        &self.progress
    }

    fn part(&self, prefix: &str, device: &Device) -> Weights {
        let own = self.tensors.iter().filter_map(|(name, tensor)| Some((name.strip_prefix(prefix)?, tensor)));
        Weights::from_tensors(own.map(|(name, tensor)| (name.to_string(), tensor.clone())).collect(), device)
    }

    /// Writes what is now. The file appears under its name only when it is whole.
    pub(crate) fn save(
        path: &Path,
        module: &dyn Module,
        state: &[(&str, &dyn Stateful)],
        progress: &Progress,
    ) -> Result<()> {
        let mut tensors = BTreeMap::new();
        let mut parts = vec![("model.", module.state_dict()?)];
        for (prefix, part) in state {
            parts.push((prefix, part.state_dict()?));
        }
        for (prefix, weights) in parts {
            for name in weights.names() {
                if let Some(value) = weights.value(name) {
                    tensors.insert(format!("{prefix}{name}"), value.clone());
                }
            }
        }
        for variable in module.random_state() {
            tensors.insert(format!("random.{}", variable.name()), variable.get()?.to_host()?);
        }
        let progress = Progress { version: VERSION, ..progress.clone() };
        let text = serde_json::to_string(&progress).map_err(|error| TrainError::Task(error.to_string()))?;
        safetensors::write(path, &tensors, &BTreeMap::from([(KEY.to_string(), text)]))?;
        Ok(())
    }

    /// Sets the weights, all other state and the random sources to what was saved. Errors: `Checkpoint` or `Hadal` when they are of another
    /// model.
    pub(crate) fn restore(&self, module: &dyn Module, state: &[(&str, &dyn Stateful)]) -> Result<()> {
        let variables = module.random_state();
        let Some(device) = module.variables().first().map(|variable| variable.device().clone()) else {
            return Err(TrainError::Task("the module has no trainable variables".into()));
        };
        let random = self.part("random.", &device);
        let mut states: Vec<(&Variable, Tensor)> = Vec::new();
        for variable in variables {
            let value = random.value(variable.name()).ok_or_else(|| TrainError::Checkpoint {
                path: self.path.clone(),
                reason: format!("it has no state of the random source `{}`", variable.name()),
                hint: "it belongs to another model; start into an empty folder",
            })?;
            states.push((variable, Tensor::from_host(&device, value)?));
        }
        module.load_state_dict(&self.model(&device))?;
        for (prefix, part) in state {
            part.load_state_dict(&self.part(prefix, &device))?;
        }
        for (variable, state) in states {
            variable.set(&state)?;
        }
        Ok(())
    }
}
