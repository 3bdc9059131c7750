//! A run: its epochs, and what is due between steps.

use super::files::Files;
use super::{Growth, Outcome, Profiling, Trainer};
use crate::evaluate::{Evaluator, upload};
use crate::{Callback, Checkpoint, EpochRecord, Flow, Result, StepRecord, TrainError};
use hadal::optim::BatchGrowth;
use hadal::profiler::{Profiler, range};
use hadal::{Device, JitFunction, Tensor, jit};
use hadal_data::{Batch, DataLoader, Statistics};
use std::collections::BTreeMap;
use std::time::Instant;

/// A part of a step that is traced once.
type Traced<'a> = JitFunction<Recorded<'a>>;
type Recorded<'a> = Box<dyn Fn(&[Tensor]) -> hadal::Result<Vec<Tensor>> + 'a>;

/// A run under way.
pub(super) struct Run<'t, 'a> {
    trainer: &'t mut Trainer<'a>,
    train: &'t DataLoader,
    device: Device,
    /// A step of one batch, or, where steps may be of several, one of these and what comes after them.
    step: Traced<'a>,
    part: Traced<'a>,
    finish: Traced<'a>,
    evaluator: Evaluator<'a>,
    files: Files,
    unread: Unread,
    /// Batches of the step under way.
    parts: usize,
    flow: Flow,
    profile: Option<(Profiler, Profiling)>,
}

/// What has happened since the last record.
struct Unread {
    batches: u64,
    steps: u64,
    examples: u64,
    since: Instant,
    loader: Statistics,
}

impl Unread {
    fn new(train: &DataLoader) -> Unread {
        Unread { batches: 0, steps: 0, examples: 0, since: Instant::now(), loader: train.statistics() }
    }
}

impl<'t, 'a> Run<'t, 'a> {
    /// Errors: files that cannot be opened.
    pub(super) fn new(trainer: &'t mut Trainer<'a>, train: &'t DataLoader) -> Result<Run<'t, 'a>> {
        let files = Files::open(trainer.options.output.as_deref(), trainer.progress.step)?;
        trainer.progress.recipe = trainer.options.recipe.clone();
        let device = trainer.device.clone();
        let trace = |f: Recorded<'a>| jit(&device, f);
        let (one, several, last) =
            (trainer.learner.clone(), trainer.learner.clone(), trainer.learner.clone());
        let examples = train.batch_size();
        let step = trace(Box::new(move |fields| one.step(fields).map(|()| vec![])));
        let part = trace(Box::new(move |fields| several.part(fields).map(|()| vec![])));
        let finish = trace(Box::new(move |_| last.finish(examples).map(|()| vec![])));
        let evaluator = Evaluator::new(trainer.learner.task, &device);
        let profile = match &trainer.options.profile {
            Some(profiling) => Some((Profiler::start(&device)?, profiling.clone())),
            None => None,
        };
        let unread = Unread::new(train);
        Ok(Run {
            trainer,
            train,
            device,
            step,
            part,
            finish,
            evaluator,
            files,
            unread,
            parts: 0,
            flow: Flow::Continue,
            profile,
        })
    }

    /// All epochs that are left.
    pub(super) fn go(mut self, valid: Option<&DataLoader>) -> Result<Outcome> {
        for record in self.trainer.progress.history.epochs.clone() {
            self.show(|callback| callback.epoch(&record));
        }
        while self.flow == Flow::Continue
            && self.trainer.progress.position.epoch < self.trainer.options.epochs
        {
            self.epoch(valid)?;
        }
        self.end_profile()?;
        Ok(Outcome {
            steps: self.trainer.progress.step,
            history: self.trainer.progress.history.clone(),
            stopped: self.flow == Flow::Stop,
            paused: self.flow == Flow::Pause
                && self.trainer.progress.position.epoch < self.trainer.options.epochs,
        })
    }

    /// One epoch, or what is left of it.
    fn epoch(&mut self, valid: Option<&DataLoader>) -> Result<()> {
        let (started, before) = (Instant::now(), self.train.statistics());
        let epoch = self.trainer.progress.position.epoch;
        self.unread = Unread::new(self.train);
        self.trainer.learner.task.module().train();
        let mut batches = self.train.resume(self.trainer.progress.position);
        while let Some(batch) = range(&self.device, "loader", || batches.next()) {
            self.batch(&batch?)?;
            let over = self.trainer.progress.position.epoch != epoch;
            if self.flow == Flow::Pause && self.parts == 0 && !over {
                return self.pause(epoch);
            }
        }
        let wait = self.train.statistics().since(&before).waiting_share();
        let metrics = self.validate(valid)?;
        let choices = self.trainer.learner.choose()?;
        self.tell_choices(epoch, choices)?;
        self.end_epoch(EpochRecord {
            epoch,
            step: self.trainer.progress.step,
            train_loss: self.trainer.progress.loss_sum / self.trainer.progress.loss_count as f64,
            best: self.is_best(&metrics),
            metrics,
            seconds: started.elapsed().as_secs_f64(),
            loader_wait_share: wait,
        })
    }

    /// One batch: a step, a part of one, or the last part of one.
    fn batch(&mut self, batch: &Batch) -> Result<()> {
        let rate = self.learning_rate();
        let Trainer { learner, progress, .. } = &mut *self.trainer;
        if self.parts == 0 {
            learner.optimizer.set_learning_rate(rate)?;
        }
        let fields = upload(&self.device, batch, learner.task.fields())?;
        let fields: Vec<&Tensor> = fields.iter().collect();
        progress.position = self.train.after(batch.position);
        progress.batches += 1;
        self.parts += 1;
        self.unread.batches += 1;
        self.unread.examples += batch.indices.len() as u64;
        // An epoch ends with a step, of fewer batches if there are no more.
        let last = progress.position.epoch != batch.position.epoch;
        let complete = last || self.parts >= progress.batches_per_step;
        if learner.accumulates() {
            self.part.call(&fields)?;
            if complete {
                self.finish.call(&[])?;
            }
        } else {
            self.step.call(&fields)?;
        }
        if complete {
            self.parts = 0;
            progress.step += 1;
            self.unread.steps += 1;
        }
        let (now, place, of) = (progress.step, batch.position.batch + 1, self.train.batches_per_epoch());
        self.show(|callback| callback.progress(now, place, of));
        if complete { self.after_step(batch.position.epoch, last, rate) } else { Ok(()) }
    }

    /// What is due after a step: a larger batch, a record, a checkpoint, the end of the profile.
    fn after_step(&mut self, epoch: u64, last: bool, rate: f64) -> Result<()> {
        let now = self.trainer.progress.step;
        self.grow()?;
        let save =
            self.trainer.options.checkpoint_every.is_some_and(|every| now.is_multiple_of(every)) && !last;
        if now.is_multiple_of(self.trainer.options.log_every) || last || save {
            self.record(epoch, rate)?;
        }
        if save {
            self.save("last")?;
        }
        if let Some((_, profiling)) = &mut self.profile {
            profiling.steps = profiling.steps.saturating_sub(1);
            if profiling.steps == 0 {
                self.end_profile()?;
            }
        }
        Ok(())
    }

    /// Ends a run within an epoch.
    fn pause(&mut self, epoch: u64) -> Result<()> {
        if self.unread.steps > 0 {
            self.record(epoch, self.learning_rate())?;
        }
        self.save("last")
    }

    /// The rate of the schedule for what has been seen, times what the growth of the batch adds.
    fn learning_rate(&self) -> f64 {
        let Trainer { options, progress, schedule, .. } = &*self.trainer;
        let rate = schedule.at((progress.batches / options.accumulate as u64) as usize);
        match &options.growth {
            Some(growth) => rate * growth.rate().factor(options.accumulate, progress.batches_per_step),
            None => rate,
        }
    }

    /// Makes steps larger, where that is asked for and it is time.
    fn grow(&mut self) -> Result<()> {
        let Trainer { options, progress, learner, .. } = &mut *self.trainer;
        let Some(growth) = &options.growth else { return Ok(()) };
        if !progress.step.is_multiple_of(growth.every() as u64) {
            return Ok(());
        }
        let each = self.train.batch_size();
        let size = match *growth {
            Growth::Schedule { every, factor, most, .. } => {
                let growth = BatchGrowth::Every { steps: every, factor, most };
                growth.size(each * options.accumulate, progress.step as usize, None)
            }
            Growth::Noise { most, .. } => {
                BatchGrowth::Noise { most }.size(each * progress.batches_per_step, 0, learner.noise_scale()?)
            }
        };
        let batches = (size / each.max(1)).max(progress.batches_per_step);
        if batches > progress.batches_per_step {
            progress.batches_per_step = batches;
            let text = format!("the batch grows to {} examples after step {}", batches * each, progress.step);
            self.tell(&text);
        }
        Ok(())
    }

    /// Reads the losses since the last time, and keeps and shows what there is to say of these steps.
    fn record(&mut self, epoch: u64, rate: f64) -> Result<()> {
        let unread = std::mem::replace(&mut self.unread, Unread::new(self.train));
        let Trainer { learner, progress, .. } = &mut *self.trainer;
        let sum = learner.take_loss()?;
        let loss = sum / unread.batches as f64;
        if !loss.is_finite() {
            return Err(TrainError::Diverged { step: progress.step, loss });
        }
        progress.loss_sum += sum;
        progress.loss_count += unread.batches;
        let seconds = unread.since.elapsed().as_secs_f64();
        let record = StepRecord {
            step: progress.step,
            epoch,
            loss,
            learning_rate: rate,
            steps_per_second: unread.steps as f64 / seconds,
            examples_per_second: unread.examples as f64 / seconds,
            batch_size: self.train.batch_size() * progress.batches_per_step,
            loss_scale: learner.loss_scale()?,
            loader_wait_share: self.train.statistics().since(&unread.loader).waiting_share(),
        };
        self.files.step(&record)?;
        self.show(|callback| callback.step(&record));
        Ok(())
    }

    /// The metrics of the validation set, with the averages of the weights where such are kept.
    fn validate(&mut self, valid: Option<&DataLoader>) -> Result<BTreeMap<String, f64>> {
        let Trainer { learner, metrics, .. } = &mut *self.trainer;
        learner.task.module().eval();
        let Some(valid) = valid else { return Ok(BTreeMap::new()) };
        let evaluator = &self.evaluator;
        range(&self.device, "validation", || {
            learner.with_averages(|| {
                evaluator
                    .run(valid, |examples| metrics.iter_mut().try_for_each(|metric| metric.add(examples)))
            })
        })?;
        let all = metrics.iter_mut().map(|metric| (metric.name().to_string(), metric.take()));
        // JSON has neither NaN nor infinities.
        Ok(all.filter(|(_, value)| value.is_finite()).collect())
    }

    fn is_best(&self, metrics: &BTreeMap<String, f64>) -> bool {
        let (name, direction) = &self.trainer.options.best;
        let before = self.trainer.progress.history.best().and_then(|best| best.metrics.get(name)).copied();
        metrics.get(name).is_some_and(|&now| direction.improves(now, before.unwrap_or(f64::NAN)))
    }

    /// Shows and keeps an epoch's record, and saves.
    fn end_epoch(&mut self, record: EpochRecord) -> Result<()> {
        let progress = &mut self.trainer.progress;
        (progress.loss_sum, progress.loss_count) = (0.0, 0);
        progress.history.epochs.push(record.clone());
        self.files.epoch(&record)?;
        self.show(|callback| callback.epoch(&record));
        // The best one first: a run that is killed between the two does this epoch's end again.
        if record.best {
            let learner = self.trainer.learner.clone();
            learner.with_averages(|| self.save("best"))?;
        }
        self.save("last")
    }

    fn tell_choices(&mut self, epoch: u64, choices: Vec<hadal::amp::Choice>) -> Result<()> {
        if choices.is_empty() {
            return Ok(());
        }
        let half = choices.iter().filter(|choice| choice.to == hadal::DType::F16).count();
        self.tell(&format!(
            "precision after epoch {}: {half} parameters in f16, {} in bf16",
            epoch + 1,
            choices.len() - half
        ));
        for choice in choices.iter().filter(|choice| choice.from != choice.to) {
            self.tell(&choice.to_string());
        }
        self.trainer.progress.choices = self.trainer.learner.choices();
        self.files.choices(self.trainer.progress.step, epoch, choices)
    }

    fn end_profile(&mut self) -> Result<()> {
        let Some((profiler, profiling)) = self.profile.take() else { return Ok(()) };
        let profile = profiler.stop();
        profile.write(&profiling.folder)?;
        self.show(|callback| {
            callback.profile(&profile);
            Flow::Continue
        });
        Ok(())
    }

    fn save(&self, name: &str) -> Result<()> {
        let Some(folder) = &self.files.folder else { return Ok(()) };
        let Trainer { learner, progress, device, .. } = &*self.trainer;
        let path = folder.join(format!("{name}.safetensors"));
        range(device, "checkpoint", || {
            Checkpoint::save(&path, learner.task.module(), &learner.state(), progress)
        })
    }

    fn tell(&mut self, text: &str) {
        self.trainer.callbacks.iter_mut().for_each(|callback| callback.message(text));
    }

    /// Shows something to all callbacks; the strongest wish of theirs holds.
    fn show(&mut self, mut what: impl FnMut(&mut dyn Callback) -> Flow) {
        for callback in &mut self.trainer.callbacks {
            self.flow = self.flow.max(what(&mut **callback));
        }
    }
}
