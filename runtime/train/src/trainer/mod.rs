//! The loop.
//!
//! [`Trainer`] is what a person makes; [`options`] what is said of a run; [`learner`] what a step does on the device; [`run`] the epochs, with
//! records, evaluation and checkpoints; [`files`] where records go.

mod files;
mod learner;
mod options;
mod run;

pub use options::{Growth, Options, Precision, Profiling, RateGrowth};

use crate::checkpoint::Progress;
use crate::{Callback, Checkpoint, History, Metric, Result, Task, TrainError};
use hadal::Device;
use hadal::optim::{Optimizer, Schedule};
use hadal_data::DataLoader;
use learner::Learner;
use std::rc::Rc;

/// What a run came to.
#[derive(Clone, Debug, PartialEq)]
pub struct Outcome {
    /// Steps in all.
    pub steps: u64,
    /// All epochs.
    pub history: History,
    /// Whether a callback ended it after an epoch.
    pub stopped: bool,
    /// Whether a callback ended it within an epoch. The last checkpoint is of that moment, and the run may go on from it.
    pub paused: bool,
}

/// Trains a task with an optimizer.
pub struct Trainer<'a> {
    learner: Rc<Learner<'a>>,
    schedule: Box<dyn Schedule + 'a>,
    device: Device,
    options: Options,
    callbacks: Vec<Box<dyn Callback + 'a>>,
    metrics: Vec<Box<dyn Metric>>,
    progress: Progress,
}

impl<'a> Trainer<'a> {
    /// A trainer of `task`. The schedule counts in steps of the first batch size, however the batch grows.
    ///
    /// Errors: `Task` for a module without trainable variables, and for options that make no sense.
    pub fn new(
        task: &'a dyn Task,
        optimizer: &'a dyn Optimizer,
        schedule: impl Schedule + 'a,
        options: Options,
    ) -> Result<Trainer<'a>> {
        let Some(device) = task.module().variables().first().map(|variable| variable.device().clone()) else {
            return Err(TrainError::Task("the module has no trainable variables".into()));
        };
        options.check().map_err(TrainError::Task)?;
        let learner = Rc::new(Learner::new(task, optimizer, &options, &device)?);
        let progress = Progress { batches_per_step: options.accumulate, ..Progress::default() };
        Ok(Trainer {
            learner,
            schedule: Box::new(schedule),
            device,
            options,
            callbacks: Vec::new(),
            metrics: Vec::new(),
            progress,
        })
    }

    /// Adds a callback.
    pub fn callback(mut self, callback: impl Callback + 'a) -> Self {
        self.callbacks.push(Box::new(callback));
        self
    }

    /// Adds a metric of the validation set.
    pub fn metric(mut self, metric: impl Metric + 'static) -> Self {
        self.metrics.push(Box::new(metric));
        self
    }

    /// Goes on from a checkpoint. Errors: a checkpoint of another model, optimizer or precision.
    pub fn resume(&mut self, checkpoint: &Checkpoint) -> Result<()> {
        checkpoint.restore(self.learner.task.module(), &self.learner.state())?;
        self.progress = checkpoint.progress().clone();
        self.learner.resume(&self.progress.choices)
    }

    /// Trains until all epochs are over or a callback ends the run, and evaluates on `valid` after each epoch.
    ///
    /// Errors: those of data, device and files; `Diverged`. The last checkpoint stays as it is then.
    pub fn fit(&mut self, train: &DataLoader, valid: Option<&DataLoader>) -> Result<Outcome> {
        if train.batches_per_epoch() == 0 {
            return Err(TrainError::Task(
                "there is too little training data for a single batch\n  hint: a smaller batch_size".into(),
            ));
        }
        run::Run::new(self, train)?.go(valid)
    }
}
