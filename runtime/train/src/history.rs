//! What a run has to tell.

use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// The mean over the steps since the last record.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct StepRecord {
    /// Steps so far.
    pub step: u64,
    /// The epoch, from 0.
    pub epoch: u64,
    /// The mean training loss.
    pub loss: f64,
    /// The learning rate of the last step.
    pub learning_rate: f64,
    /// Steps a second, without evaluation.
    pub steps_per_second: f64,
    /// Examples a second, without evaluation.
    pub examples_per_second: f64,
    /// Examples of a step.
    pub batch_size: usize,
    /// The loss scale, in f16.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub loss_scale: Option<f64>,
    /// The share of time that was spent waiting for the loader.
    pub loader_wait_share: f64,
}

/// What evaluation after an epoch found.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct EpochRecord {
    /// The epoch, from 0.
    pub epoch: u64,
    /// Steps so far.
    pub step: u64,
    /// The mean training loss of the epoch.
    pub train_loss: f64,
    /// Metrics of the validation set by name, as far as they are finite; empty without one.
    pub metrics: BTreeMap<String, f64>,
    /// Whether it is the best epoch so far.
    pub best: bool,
    /// Seconds that the epoch took, with evaluation.
    pub seconds: f64,
    /// The share of training time that was spent waiting for the loader.
    pub loader_wait_share: f64,
}

/// All epochs so far.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct History {
    /// One for each epoch that is over.
    pub epochs: Vec<EpochRecord>,
}

impl History {
    /// The share of training time that was spent waiting for the loader, over all epochs, each counted with its seconds.
    pub fn loader_wait_share(&self) -> f64 {
        let seconds: f64 = self.epochs.iter().map(|epoch| epoch.seconds).sum();
        let waited: f64 = self.epochs.iter().map(|epoch| epoch.loader_wait_share * epoch.seconds).sum();
        if seconds > 0.0 { waited / seconds } else { 0.0 }
    }

    /// The best epoch so far.
    pub fn best(&self) -> Option<&EpochRecord> {
        self.epochs.iter().rev().find(|epoch| epoch.best)
    }
}
