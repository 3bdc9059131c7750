//! What a recipe says.

use crate::{Growth, Options, Precision, Result, TrainError};
use serde::{Deserialize, Serialize};

/// A whole run: what to learn from, which model, how.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Recipe {
    /// Its name, which reports show.
    pub name: String,
    /// What to learn from.
    pub data: DataSpec,
    /// What learns.
    pub model: ModelSpec,
    /// How weights move.
    pub optimizer: OptimizerSpec,
    /// How the learning rate changes.
    pub schedule: ScheduleSpec,
    /// In which precision a step computes.
    #[serde(default)]
    pub precision: PrecisionSpec,
    /// How long, and in which portions.
    pub training: TrainingSpec,
    /// How the batch grows; it stays as it is if this is left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub growth: Option<Growth>,
}

/// The precision of a step.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PrecisionSpec {
    /// `f32`, `f16`, `bf16` or `dynamic`.
    #[serde(default)]
    pub amp: Precision,
}

/// A data set.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "name", deny_unknown_fields)]
pub enum DataSpec {
    /// Grey images of clothes in ten classes.
    FashionMnist {
        /// Training images that are held out to choose the best epoch.
        #[serde(default = "default_held_out")]
        held_out: usize,
        /// Train on the first so many images only.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        limit: Option<usize>,
    },
    /// The King James Bible, character by character.
    KingJames {
        /// Characters of a window.
        context: usize,
        /// The share at the end that is the test set, and as much before it that chooses the best epoch.
        #[serde(default = "default_share")]
        held_out: f64,
        /// The characters that the model knows, filled in when it is trained.
        #[serde(default, skip_serializing_if = "String::is_empty")]
        characters: String,
    },
}

fn default_share() -> f64 {
    0.05
}

fn default_held_out() -> usize {
    5000
}

/// A model.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "kind", deny_unknown_fields)]
pub enum ModelSpec {
    /// Linear layers with ReLU between.
    Mlp {
        /// Widths of the hidden layers.
        hidden: Vec<usize>,
        /// Probability of dropout after each of them.
        #[serde(default)]
        dropout: f64,
    },
    /// Convolutions of 3 × 3 with batch norm, ReLU and max-pooling, then linear layers.
    Cnn {
        /// Channels after each convolution.
        channels: Vec<usize>,
        /// Width of the hidden linear layer.
        hidden: usize,
        /// Probability of dropout before the last layer.
        #[serde(default)]
        dropout: f64,
    },
    /// A decoder-only transformer with rotary positions.
    Transformer {
        /// Width of hidden states; feed-forward blocks are four times as wide.
        width: usize,
        /// Heads of attention.
        heads: usize,
        /// Layers.
        layers: usize,
        /// Probability of dropout.
        #[serde(default)]
        dropout: f64,
    },
}

/// Which optimizer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum OptimizerKind {
    /// Stochastic gradient descent with momentum 0.9.
    Sgd,
    /// Adam.
    Adam,
    /// Adam with decoupled weight decay.
    Adamw,
    /// Lion.
    Lion,
    /// LAMB.
    Lamb,
    /// Muon.
    Muon,
}

/// An optimizer with its constants.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OptimizerSpec {
    /// Which one.
    pub kind: OptimizerKind,
    /// The largest learning rate.
    pub learning_rate: f64,
    /// Weight decay.
    #[serde(default)]
    pub weight_decay: f64,
}

/// Which schedule.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ScheduleKind {
    /// The same rate throughout.
    Constant,
    /// Half a cosine down to zero.
    Cosine,
    /// One cycle (Smith and Topin, 2019).
    OneCycle,
}

/// A schedule over all steps of the run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ScheduleSpec {
    /// Which one.
    pub kind: ScheduleKind,
    /// Steps in which the rate rises from zero before.
    #[serde(default)]
    pub warmup: usize,
}

/// How long, and in which portions.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TrainingSpec {
    /// How often all data is used.
    pub epochs: u64,
    /// Examples of a batch.
    pub batch_size: usize,
    /// Seed of weights, order and dropout.
    #[serde(default)]
    pub seed: u64,
    /// Permute the training labels: a control, from which nothing can be learnt.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub shuffle_labels: bool,
    /// Batches whose gradients are averaged for one step.
    #[serde(default = "one", skip_serializing_if = "is_one")]
    pub accumulate: usize,
    /// The largest magnitude of an element of a gradient.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub clip_value: Option<f64>,
    /// The largest norm of all gradients together.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub clip_norm: Option<f64>,
    /// Decay of averages of the weights, which evaluation and the best checkpoint use: 0.999, for instance. It begins smaller.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ema: Option<f64>,
    /// End when the validation loss has not improved for so many epochs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub patience: Option<usize>,
}

fn one() -> usize {
    1
}

fn is_one(number: &usize) -> bool {
    *number == 1
}

impl Recipe {
    /// Reads TOML; `source` names it in errors. Errors: `Recipe`, with the line.
    pub fn from_toml(text: &str, source: &str) -> Result<Recipe> {
        let recipe: Recipe = toml::from_str(text)
            .map_err(|error| TrainError::Recipe { source_name: source.into(), reason: error.to_string() })?;
        recipe.check(source)?;
        Ok(recipe)
    }

    /// Writes TOML that [`Recipe::from_toml`] reads.
    pub fn to_toml(&self) -> String {
        // All keys are strings and all values are numbers, strings, lists and tables of those, which TOML has.
        toml::to_string(self).unwrap_or_default()
    }

    /// What it says of a run.
    pub(super) fn options(&self) -> Options {
        let training = &self.training;
        Options {
            epochs: training.epochs,
            precision: self.precision.amp,
            accumulate: training.accumulate,
            growth: self.growth,
            clip_value: training.clip_value,
            clip_norm: training.clip_norm,
            ema: training.ema,
            ..Options::default()
        }
    }

    fn check(&self, source: &str) -> Result<()> {
        let refuse =
            |reason: &str| Err(TrainError::Recipe { source_name: source.into(), reason: reason.into() });
        if self.training.batch_size == 0 {
            return refuse("training.batch_size is 0");
        }
        if !(self.optimizer.learning_rate > 0.0 && self.optimizer.learning_rate.is_finite()) {
            return refuse("optimizer.learning_rate has to be a number above 0");
        }
        self.options().check().or_else(|reason| refuse(&reason))
    }
}
