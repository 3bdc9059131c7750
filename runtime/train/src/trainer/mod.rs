//! The loop.

use crate::checkpoint::Progress;
use crate::evaluate::{Evaluator, upload};
use crate::log::Line;
use crate::{
    Callback, Checkpoint, Direction, EpochRecord, EventFile, Flow, History, LogFile, Metric, Result,
    StepRecord, Task, TrainError,
};
use hadal::optim::{Optimizer, Schedule, clip_grad_norm_};
use hadal::{Device, Tensor, Variable, jit};
use hadal_data::DataLoader;
use std::path::{Path, PathBuf};
use std::time::Instant;

/// How a run is made.
#[derive(Clone, Debug, PartialEq)]
pub struct Options {
    /// How often all of the training data is used.
    pub epochs: u64,
    /// The largest norm of all gradients together; larger ones are scaled down.
    pub clip_norm: Option<f64>,
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
}

impl Default for Options {
    fn default() -> Options {
        Options {
            epochs: 1,
            clip_norm: None,
            log_every: 50,
            checkpoint_every: None,
            output: None,
            recipe: String::new(),
            best: ("loss".into(), Direction::Lower),
        }
    }
}

/// What a run came to.
#[derive(Clone, Debug, PartialEq)]
pub struct Outcome {
    /// Steps in all.
    pub steps: u64,
    /// All epochs.
    pub history: History,
    /// Whether a callback ended it.
    pub stopped: bool,
}

/// Trains a task with an optimizer.
pub struct Trainer<'a> {
    task: &'a dyn Task,
    optimizer: &'a dyn Optimizer,
    schedule: Box<dyn Schedule + 'a>,
    device: Device,
    options: Options,
    callbacks: Vec<Box<dyn Callback + 'a>>,
    metrics: Vec<Box<dyn Metric>>,
    progress: Progress,
}

impl<'a> Trainer<'a> {
    /// A trainer of `task`. Errors: `Task` for a module without trainable variables.
    pub fn new(
        task: &'a dyn Task,
        optimizer: &'a dyn Optimizer,
        schedule: impl Schedule + 'a,
        options: Options,
    ) -> Result<Trainer<'a>> {
        let Some(device) = task.module().variables().first().map(|variable| variable.device().clone()) else {
            return Err(TrainError::Task("the module has no trainable variables".into()));
        };
        Ok(Trainer {
            task,
            optimizer,
            schedule: Box::new(schedule),
            device,
            options,
            callbacks: Vec::new(),
            metrics: Vec::new(),
            progress: Progress::default(),
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

    /// Goes on from a checkpoint. Errors: a checkpoint of another model or optimizer.
    pub fn resume(&mut self, checkpoint: &Checkpoint) -> Result<()> {
        checkpoint.restore(self.task.module(), self.optimizer)?;
        self.progress = checkpoint.progress().clone();
        Ok(())
    }

    /// Trains until all epochs are over or a callback ends the run, and evaluates on `valid` after each epoch.
    ///
    /// Errors: those of data, device and files; `Diverged`. The last checkpoint stays as it is then.
    pub fn fit(&mut self, train: &DataLoader, valid: Option<&DataLoader>) -> Result<Outcome> {
        let mut files = Files::open(self.options.output.as_deref(), self.progress.step)?;
        self.progress.recipe = self.options.recipe.clone();
        let running = Variable::state("running_loss", &Tensor::scalar(&self.device, 0.0f32)?)?;
        let (task, optimizer, clip) = (self.task, self.optimizer, self.options.clip_norm);
        let step = jit(&self.device, |fields: &[Tensor]| {
            let loss = task.loss(fields)?;
            let mut gradients = loss.backward()?;
            if let Some(most) = clip {
                clip_grad_norm_(&mut gradients, most)?;
            }
            running.set(&(running.get()? + loss.to_dtype(hadal::DType::F32)?)?)?;
            optimizer.step(gradients)?;
            Ok(vec![])
        });
        let evaluator = Evaluator::new(self.task, &self.device);
        let mut stopped = false;
        for record in &self.progress.history.epochs {
            for callback in &mut self.callbacks {
                stopped |= callback.epoch(record) == Flow::Stop;
            }
        }
        let batches = train.batches_per_epoch();
        if batches == 0 {
            return Err(TrainError::Task(
                "there is too little training data for a single batch\n  hint: a smaller batch_size".into(),
            ));
        }
        while !stopped && self.progress.position.epoch < self.options.epochs {
            let epoch = self.progress.position.epoch;
            let started = Instant::now();
            let before = train.statistics();
            let mut unread = Unread { steps: 0, since: Instant::now() };
            self.task.module().train();
            for batch in train.resume(self.progress.position) {
                let batch = batch?;
                let rate = self.schedule.at(self.progress.step as usize);
                self.optimizer.set_learning_rate(rate)?;
                let fields = upload(&self.device, &batch, self.task.fields())?;
                step.call(&fields.iter().collect::<Vec<_>>())?;
                self.progress.step += 1;
                unread.steps += 1;
                self.progress.position = train.after(batch.position);
                let (now, place) = (self.progress.step, batch.position.batch + 1);
                self.callbacks.iter_mut().for_each(|callback| callback.progress(now, place, batches));
                let last = self.progress.position.epoch != epoch;
                let save = self.options.checkpoint_every.is_some_and(|every| now % every == 0) && !last;
                if now % self.options.log_every == 0 || last || save {
                    let record = self.read(&running, &mut unread, epoch, rate)?;
                    files.step(&record)?;
                    for callback in &mut self.callbacks {
                        stopped |= callback.step(&record) == Flow::Stop;
                    }
                }
                if save {
                    self.save(&files, "last")?;
                }
            }
            let waiting = train.statistics().since(&before).waiting_share();
            self.task.module().eval();
            let mut metrics = std::collections::BTreeMap::new();
            if let Some(valid) = valid {
                let all = &mut self.metrics;
                evaluator
                    .run(valid, |examples| all.iter_mut().try_for_each(|metric| metric.add(examples)))?;
                metrics = self
                    .metrics
                    .iter_mut()
                    .map(|metric| (metric.name().to_string(), metric.take()))
                    // JSON has neither NaN nor infinities.
                    .filter(|(_, value)| value.is_finite())
                    .collect();
            }
            let (name, direction) = &self.options.best;
            let before = self.progress.history.best().and_then(|best| best.metrics.get(name)).copied();
            let best =
                metrics.get(name).is_some_and(|&now| direction.improves(now, before.unwrap_or(f64::NAN)));
            let record = EpochRecord {
                epoch,
                step: self.progress.step,
                train_loss: self.progress.loss_sum / self.progress.loss_count as f64,
                metrics,
                best,
                seconds: started.elapsed().as_secs_f64(),
                waiting,
            };
            (self.progress.loss_sum, self.progress.loss_count) = (0.0, 0);
            self.progress.history.epochs.push(record.clone());
            files.epoch(&record)?;
            for callback in &mut self.callbacks {
                stopped |= callback.epoch(&record) == Flow::Stop;
            }
            // The best one first: a run that is killed between the two does this epoch's end again.
            if best {
                self.save(&files, "best")?;
            }
            self.save(&files, "last")?;
        }
        Ok(Outcome { steps: self.progress.step, history: self.progress.history.clone(), stopped })
    }

    /// Reads the losses since the last time, and sets their sum back.
    fn read(&mut self, running: &Variable, unread: &mut Unread, epoch: u64, rate: f64) -> Result<StepRecord> {
        let sum = f64::from(running.get()?.item::<f32>()?);
        running.set(&Tensor::scalar(&self.device, 0.0f32)?)?;
        let loss = sum / unread.steps as f64;
        if !loss.is_finite() {
            return Err(TrainError::Diverged { step: self.progress.step, loss });
        }
        self.progress.loss_sum += sum;
        self.progress.loss_count += unread.steps;
        let record = StepRecord {
            step: self.progress.step,
            epoch,
            loss,
            learning_rate: rate,
            steps_per_second: unread.steps as f64 / unread.since.elapsed().as_secs_f64(),
        };
        *unread = Unread { steps: 0, since: Instant::now() };
        Ok(record)
    }

    fn save(&self, files: &Files, name: &str) -> Result<()> {
        let Some(folder) = &files.folder else { return Ok(()) };
        let path = folder.join(format!("{name}.safetensors"));
        Checkpoint::save(&path, self.task.module(), self.optimizer, &self.progress)
    }
}

/// Steps whose losses have not been read.
struct Unread {
    steps: u64,
    since: Instant,
}

/// Where records go.
struct Files {
    folder: Option<PathBuf>,
    log: Option<LogFile>,
    events: Option<EventFile>,
}

impl Files {
    fn open(folder: Option<&Path>, step: u64) -> Result<Files> {
        let Some(folder) = folder else { return Ok(Files { folder: None, log: None, events: None }) };
        std::fs::create_dir_all(folder).map_err(TrainError::io(folder))?;
        Ok(Files {
            folder: Some(folder.to_path_buf()),
            log: Some(LogFile::open(&folder.join("log.jsonl"), step)?),
            events: Some(EventFile::create(&folder.join("tensorboard"), step)?),
        })
    }

    fn step(&mut self, record: &StepRecord) -> Result<()> {
        self.line(Line::Step(record.clone()))?;
        let Some(events) = &mut self.events else { return Ok(()) };
        events.scalars(
            record.step,
            &[
                ("train/loss", record.loss),
                ("train/learning_rate", record.learning_rate),
                ("train/steps_per_second", record.steps_per_second),
            ],
        )
    }

    fn epoch(&mut self, record: &EpochRecord) -> Result<()> {
        self.line(Line::Epoch(record.clone()))?;
        let Some(events) = &mut self.events else { return Ok(()) };
        let tags: Vec<(String, f64)> =
            record.metrics.iter().map(|(name, value)| (format!("valid/{name}"), *value)).collect();
        let values: Vec<(&str, f64)> = tags.iter().map(|(tag, value)| (tag.as_str(), *value)).collect();
        events.scalars(record.step, &values)
    }

    fn line(&mut self, line: Line) -> Result<()> {
        let (Some(log), Some(folder)) = (&mut self.log, &self.folder) else { return Ok(()) };
        log.write(&line, &folder.join("log.jsonl"))
    }
}
