//! What is said of a run.

use crate::Direction;
use serde::{Deserialize, Serialize};
use std::path::PathBuf;

/// How a run is made.
#[derive(Clone, Debug, PartialEq)]
pub struct Options {
    /// How often all of the training data is used.
    pub epochs: u64,
    /// In which precision a step computes.
    pub precision: Precision,
    /// Batches whose gradients are averaged for one step.
    pub accumulate: usize,
    /// How the number of batches of a step grows.
    pub growth: Option<Growth>,
    /// The largest magnitude of an element of a gradient; larger ones are cut off.
    pub clip_value: Option<f64>,
    /// The largest norm of all gradients together; larger ones are scaled down. After `clip_value`.
    pub clip_norm: Option<f64>,
    /// Decay of averages of the weights, which evaluation and the best checkpoint then use.
    pub ema: Option<f64>,
    /// Steps between records.
    pub log_every: u64,
    /// Steps between checkpoints within an epoch; there is always one after each.
    pub checkpoint_every: Option<u64>,
    /// Where checkpoints and records go; nowhere if there is none.
    pub output: Option<PathBuf>,
    /// The recipe as TOML, which checkpoints carry.
    pub recipe: String,
    /// The metric that says which epoch is best, and its direction.
    pub best: (String, Direction),
    /// Profile the first steps.
    pub profile: Option<Profiling>,
}

impl Default for Options {
    fn default() -> Options {
        Options {
            epochs: 1,
            precision: Precision::F32,
            accumulate: 1,
            growth: None,
            clip_value: None,
            clip_norm: None,
            ema: None,
            log_every: 50,
            checkpoint_every: None,
            output: None,
            recipe: String::new(),
            best: ("loss".into(), Direction::Lower),
            profile: None,
        }
    }
}

impl Options {
    /// Says what makes no sense.
    pub(crate) fn check(&self) -> Result<(), String> {
        let positive = |name: &str, value: Option<f64>| match value {
            Some(value) if value.is_nan() || value <= 0.0 => {
                Err(format!("{name} has to be a number above 0, but is {value}"))
            }
            _ => Ok(()),
        };
        positive("clip_norm", self.clip_norm)?;
        positive("clip_value", self.clip_value)?;
        if self.accumulate == 0 {
            return Err("accumulate is 0: a step is of one batch at least".into());
        }
        if self.log_every == 0 || self.checkpoint_every == Some(0) {
            return Err("records and checkpoints are 1 step apart at least, not 0".into());
        }
        if self.ema.is_some_and(|decay| !(0.0..1.0).contains(&decay)) {
            return Err("ema has to be a decay from 0 to below 1, such as 0.999".into());
        }
        match self.growth {
            Some(Growth::Schedule { every: 0, .. } | Growth::Noise { every: 0, .. }) => {
                Err("the batch grows every 0 steps: 1 is the least".into())
            }
            Some(Growth::Schedule { factor: 0 | 1, .. }) => {
                Err("a batch that grows by a factor below 2 does not grow".into())
            }
            Some(Growth::Noise { .. }) if self.accumulate < 2 => Err(
                "the noise of gradients is seen between the batches of a step\n  hint: set training.accumulate to 2 or more, and a smaller batch_size"
                    .into(),
            ),
            _ => Ok(()),
        }
    }
}

/// In which precision the forward and the backward pass of a step compute; weights, their updates and evaluation are in `F32` always.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Precision {
    /// All in `F32`.
    #[default]
    F32,
    /// [`autocast`](hadal::amp::autocast()) to `F16`, with a loss scale that stays on the device.
    F16,
    /// [`autocast`](hadal::amp::autocast()) to `BF16`.
    Bf16,
    /// `F16` or `BF16` for each parameter by the range of its gradients, chosen after each epoch: [`PrecisionSelector`](hadal::amp::PrecisionSelector).
    Dynamic,
}

impl std::str::FromStr for Precision {
    type Err = String;

    fn from_str(text: &str) -> Result<Precision, String> {
        match text {
            "f32" => Ok(Precision::F32),
            "f16" => Ok(Precision::F16),
            "bf16" => Ok(Precision::Bf16),
            "dynamic" => Ok(Precision::Dynamic),
            _ => Err(format!("`{text}` is none of f32, f16, bf16, dynamic")),
        }
    }
}

/// How a step's batch grows: by more batches of the loader, so that plans and memory stay as they are. Sizes are in examples.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "by", deny_unknown_fields)]
pub enum Growth {
    /// `factor` times as large after every `every` steps.
    Schedule {
        /// Steps with one size.
        every: usize,
        /// From one size to the next.
        factor: usize,
        /// The largest size.
        most: usize,
        /// What becomes of the learning rate.
        #[serde(default)]
        rate: RateGrowth,
    },
    /// Doubled while twice the size is below the measured noise scale of the gradient: [`GradientNoise`](hadal::optim::GradientNoise). A step needs
    /// two batches at least, between which the noise is seen.
    Noise {
        /// Steps from one look at the noise scale to the next.
        every: usize,
        /// The largest size.
        most: usize,
        /// What becomes of the learning rate.
        #[serde(default)]
        rate: RateGrowth,
    },
}

impl Growth {
    /// What becomes of the learning rate.
    pub(crate) fn rate(&self) -> RateGrowth {
        match *self {
            Growth::Schedule { rate, .. } | Growth::Noise { rate, .. } => rate,
        }
    }

    /// Steps between changes.
    pub(crate) fn every(&self) -> usize {
        match *self {
            Growth::Schedule { every, .. } | Growth::Noise { every, .. } => every,
        }
    }
}

/// What becomes of the learning rate when the batch is `k` times as large as at first.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum RateGrowth {
    /// It stays.
    Keep,
    /// √k times as large, for adaptive optimizers.
    #[default]
    Root,
    /// k times as large, for plain descent (Goyal et al., 2017).
    Linear,
}

impl RateGrowth {
    /// The factor of the learning rate for a batch that has grown from `first` to `now`.
    pub(crate) fn factor(self, first: usize, now: usize) -> f64 {
        match self {
            RateGrowth::Keep => 1.0,
            RateGrowth::Root => hadal::optim::BatchGrowth::rate_factor(first, now),
            RateGrowth::Linear => now as f64 / first.max(1) as f64,
        }
    }
}

/// A [profile](hadal::profiler) of the first steps of a run, or of what is left of one that resumes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Profiling {
    /// Where it is written.
    pub folder: PathBuf,
    /// Steps.
    pub steps: u64,
}
