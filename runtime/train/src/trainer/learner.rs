//! What a step does on the device: from batches to gradients, and from gradients to weights.

use super::{Options, Precision};
use crate::{Result, Task};
use hadal::amp::{Choice, GradScaler, GradScalerOptions, PrecisionSelector, autocast};
use hadal::optim::{
    Accumulation, Ema, GradientNoise, Optimizer, Stateful, clip_grad_norm_, clip_grad_value_,
};
use hadal::{DType, Device, Gradients, Tensor, Variable};

/// How far back the noise scale remembers: about `1 / (1 - decay)` steps.
const NOISE_DECAY: f64 = 0.95;

/// A task, its optimizer, and what stands between them. Everything that it keeps from step to step is on the device.
pub(super) struct Learner<'a> {
    pub(super) task: &'a dyn Task,
    pub(super) optimizer: &'a dyn Optimizer,
    precision: Precision,
    clip_value: Option<f64>,
    clip_norm: Option<f64>,
    scaler: Option<GradScaler>,
    selector: Option<PrecisionSelector>,
    accumulation: Option<Accumulation>,
    noise: Option<GradientNoise>,
    ema: Option<Ema>,
    /// Sum of the losses that have not been read.
    running: Variable,
}

impl<'a> Learner<'a> {
    /// Errors: options that make no sense, as a decay outside of `0..1`.
    pub(super) fn new(
        task: &'a dyn Task,
        optimizer: &'a dyn Optimizer,
        options: &Options,
        device: &Device,
    ) -> Result<Learner<'a>> {
        let variables = task.module().variables();
        let scaled = matches!(options.precision, Precision::F16 | Precision::Dynamic);
        let dynamic = options.precision == Precision::Dynamic;
        let several = options.accumulate > 1 || options.growth.is_some();
        let noisy = matches!(options.growth, Some(super::Growth::Noise { .. }));
        let make = |wanted: bool| wanted.then_some(());
        Ok(Learner {
            task,
            optimizer,
            precision: options.precision,
            clip_value: options.clip_value,
            clip_norm: options.clip_norm,
            scaler: make(scaled)
                .map(|()| GradScaler::new(device, GradScalerOptions::default()))
                .transpose()?,
            selector: make(dynamic).map(|()| PrecisionSelector::new(&variables, DType::F16)).transpose()?,
            accumulation: make(several).map(|()| Accumulation::new(&variables)).transpose()?,
            noise: make(noisy).map(|()| GradientNoise::new(device, NOISE_DECAY)).transpose()?,
            ema: options
                .ema
                .map(|decay| Ok::<_, hadal::Error>(Ema::new(&variables, decay)?.warm_up()))
                .transpose()?,
            running: Variable::state("running_loss", &Tensor::scalar(device, 0.0f32)?)?,
        })
    }

    /// Whether steps may be of several batches.
    pub(super) fn accumulates(&self) -> bool {
        self.accumulation.is_some()
    }

    /// A step of one batch. Recorded as one plan.
    pub(super) fn step(&self, fields: &[Tensor]) -> hadal::Result<()> {
        let gradients = self.gradients(fields)?;
        self.update(gradients)
    }

    /// One batch of a step of several. Recorded as one plan.
    pub(super) fn part(&self, fields: &[Tensor]) -> hadal::Result<()> {
        let gradients = self.gradients(fields)?;
        if let Some(noise) = &self.noise {
            noise.part(&gradients)?;
        }
        match &self.accumulation {
            Some(accumulation) => accumulation.add(gradients),
            None => self.update(gradients),
        }
    }

    /// The end of a step whose parts had `examples` examples each. Recorded as one plan.
    pub(super) fn finish(&self, examples: usize) -> hadal::Result<()> {
        let Some(accumulation) = &self.accumulation else { return Ok(()) };
        let gradients = accumulation.take()?;
        if let Some(noise) = &self.noise {
            noise.whole(&gradients, examples)?;
        }
        self.update(gradients)
    }

    fn gradients(&self, fields: &[Tensor]) -> hadal::Result<Gradients> {
        let forward = || self.task.loss(fields);
        let loss = match (self.precision, &self.selector) {
            (Precision::F32, _) => forward(),
            (Precision::Bf16, _) => autocast(DType::BF16, forward),
            (_, Some(selector)) => selector.autocast(forward),
            (_, None) => autocast(DType::F16, forward),
        }?;
        self.running.set(&(self.running.get()? + loss.to_dtype(DType::F32)?)?)?;
        let gradients = match &self.scaler {
            Some(scaler) => scaler.backward(&loss)?,
            None => loss.backward()?,
        };
        if let Some(selector) = &self.selector {
            selector.observe(&gradients)?;
        }
        Ok(gradients)
    }

    fn update(&self, mut gradients: Gradients) -> hadal::Result<()> {
        match &self.scaler {
            None => {
                self.clip(&mut gradients)?;
                self.optimizer.step(gradients)?;
            }
            Some(scaler) => {
                let mut unscaled = scaler.unscale(gradients)?;
                self.clip(&mut unscaled.gradients)?;
                scaler.step_unscaled(self.optimizer, unscaled)?;
            }
        }
        match &self.ema {
            Some(ema) => ema.update(),
            None => Ok(()),
        }
    }

    fn clip(&self, gradients: &mut Gradients) -> hadal::Result<()> {
        if let Some(most) = self.clip_value {
            clip_grad_value_(gradients, most)?;
        }
        if let Some(most) = self.clip_norm {
            clip_grad_norm_(gradients, most)?;
        }
        Ok(())
    }

    /// The sum of the losses since the last time.
    pub(super) fn take_loss(&self) -> Result<f64> {
        let sum = f64::from(self.running.get()?.item::<f32>()?);
        self.running.set(&Tensor::scalar(self.running.device(), 0.0f32)?)?;
        Ok(sum)
    }

    /// The loss scale, where there is one.
    pub(super) fn loss_scale(&self) -> Result<Option<f64>> {
        match &self.scaler {
            Some(scaler) => Ok(Some(f64::from(scaler.scale()?.item::<f32>()?))),
            None => Ok(None),
        }
    }

    /// The measured noise scale in examples, where it is measured.
    pub(super) fn noise_scale(&self) -> Result<Option<f64>> {
        match &self.noise {
            Some(noise) => Ok(Some(f64::from(noise.scale()?.item::<f32>()?))),
            None => Ok(None),
        }
    }

    /// Chooses the precision of each parameter by what was seen since the last time; nothing where it is not to be chosen.
    pub(super) fn choose(&self) -> Result<Vec<Choice>> {
        match &self.selector {
            Some(selector) => Ok(selector.choose()?),
            None => Ok(Vec::new()),
        }
    }

    /// All choices so far.
    pub(super) fn choices(&self) -> Vec<Choice> {
        self.selector.as_ref().map(PrecisionSelector::log).unwrap_or_default()
    }

    /// Goes on from earlier choices.
    pub(super) fn resume(&self, choices: &[Choice]) -> Result<()> {
        match &self.selector {
            Some(selector) => Ok(selector.resume(choices)?),
            None => Ok(()),
        }
    }

    /// Runs `f` while the weights are their averages, where such are kept.
    pub(super) fn with_averages<T>(&self, f: impl FnOnce() -> Result<T>) -> Result<T> {
        let Some(ema) = &self.ema else { return f() };
        let mut result = None;
        ema.with_averages(|| {
            result = Some(f());
            Ok(())
        })?;
        result.unwrap_or_else(|| Err(crate::TrainError::Task("the averages were not used".into())))
    }

    /// What a checkpoint holds beside the module, by the prefix of its names.
    pub(super) fn state(&self) -> Vec<(&'static str, &dyn Stateful)> {
        let parts: [(&'static str, Option<&dyn Stateful>); 6] = [
            ("optimizer.", Some(self.optimizer)),
            ("scaler.", self.scaler.as_ref().map(|part| part as _)),
            ("selector.", self.selector.as_ref().map(|part| part as _)),
            ("accumulation.", self.accumulation.as_ref().map(|part| part as _)),
            ("noise.", self.noise.as_ref().map(|part| part as _)),
            ("ema.", self.ema.as_ref().map(|part| part as _)),
        ];
        parts.into_iter().filter_map(|(prefix, part)| Some((prefix, part?))).collect()
    }
}
