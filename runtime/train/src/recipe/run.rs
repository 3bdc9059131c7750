//! From a recipe to a trained model.

use super::data;
use super::{Classifier, DataSpec, LanguageModel, OptimizerKind, Recipe, ScheduleKind};
use crate::{
    Accuracy, Callback, Checkpoint, Direction, EarlyStopping, Evaluator, Examples, History, Loss, Metric,
    Options, Perplexity, Profiling, Result, Task, TrainError, Trainer,
};
use hadal::Device;
use hadal::nn::Scope;
use hadal::optim::{
    Adam, AdamOptions, AdamW, AdamWOptions, Constant, Cosine, Lamb, LambOptions, Lion, LionOptions, Muon,
    MuonOptions, OneCycle, Optimizer, Schedule, Sgd, SgdOptions, Warmup,
};
use std::path::PathBuf;

/// What is said of a run beside the recipe.
#[derive(Clone, Debug, Default)]
pub struct Given {
    /// Where checkpoints and records go.
    pub output: Option<PathBuf>,
    /// Go on from the last checkpoint there, if there is one.
    pub resume: bool,
    /// Steps between records; 50 if not given.
    pub log_every: Option<u64>,
    /// Steps between checkpoints within an epoch.
    pub checkpoint_every: Option<u64>,
    /// Profile the first steps.
    pub profile: Option<Profiling>,
}

/// What a run came to.
#[derive(Clone, Debug, PartialEq)]
pub struct Trained {
    /// Steps in all.
    pub steps: u64,
    /// All epochs.
    pub history: History,
    /// Metrics of the test set, with the weights of the best epoch; none of a run that was paused. Of a text also `five_gram_loss`: that of a
    /// 5-gram counted on all other text, to compare with.
    pub test: Vec<(&'static str, f64)>,
    /// Whether a callback ended it within an epoch.
    pub paused: bool,
}

/// Images of Fashion-MNIST.
const SIZE: [usize; 2] = [28, 28];
const CLASSES: usize = 10;

/// Trains as a recipe says. `watch` sees all records.
///
/// Errors: data that is not there; an output folder that holds another run; those of training.
pub fn train(recipe: &Recipe, device: &Device, given: &Given, watch: impl Callback) -> Result<Trained> {
    let recipe = &Recipe { data: data::completed(&recipe.data)?, ..recipe.clone() };
    let last = given.output.as_ref().map(|folder| folder.join("last.safetensors"));
    let checkpoint = match &last {
        Some(path) if path.exists() => {
            let refuse = |reason: &str, hint: &'static str| TrainError::Checkpoint {
                path: path.clone(),
                reason: reason.into(),
                hint,
            };
            if !given.resume {
                return Err(refuse(
                    "the folder holds a run already",
                    "give --resume to go on with it, or another --output",
                ));
            }
            let checkpoint = Checkpoint::open(path)?;
            let mut saved = Recipe::from_toml(checkpoint.recipe(), "in the checkpoint")?;
            // More epochs of the same are allowed.
            saved.training.epochs = recipe.training.epochs;
            if saved != *recipe {
                return Err(refuse("it follows another recipe", "give the recipe that it was started with"));
            }
            Some(checkpoint)
        }
        _ => None,
    };
    let data = data::load(&recipe.data, &recipe.training)?;
    let scope = Scope::random(device, recipe.training.seed);
    let task = &*task(recipe, &scope)?;
    let optimizer = optimizer(recipe, task)?;
    let options = Options {
        log_every: given.log_every.unwrap_or(Options::default().log_every).max(1),
        checkpoint_every: given.checkpoint_every,
        output: given.output.clone(),
        recipe: recipe.to_toml(),
        profile: given.profile.clone(),
        ..recipe.options()
    };
    // As many as there were if the batch did not grow.
    let steps = recipe.training.epochs as usize * data.train.batches_per_epoch() / options.accumulate;
    let mut trainer = Trainer::new(task, &*optimizer, schedule(recipe, steps), options)?.callback(watch);
    for metric in metrics(recipe) {
        trainer = trainer.metric(metric);
    }
    if let Some(patience) = recipe.training.patience {
        trainer = trainer.callback(EarlyStopping::new("loss", Direction::Lower, patience));
    }
    if let Some(checkpoint) = &checkpoint {
        trainer.resume(checkpoint)?;
    }
    let outcome = trainer.fit(&data.train, Some(&data.valid))?;
    drop(trainer);
    if outcome.paused {
        return Ok(Trained {
            steps: outcome.steps,
            history: outcome.history,
            test: Vec::new(),
            paused: true,
        });
    }
    if let Some(best) =
        given.output.as_ref().map(|folder| folder.join("best.safetensors")).filter(|path| path.exists())
    {
        task.module().load_state_dict(&Checkpoint::open(best)?.model(device))?;
    }
    let mut test = measure(recipe, task, device, &data.test, |_| Ok(()))?;
    test.extend(data.five_gram_loss()?.map(|loss| ("five_gram_loss", loss)));
    Ok(Trained { steps: outcome.steps, history: outcome.history, test, paused: false })
}

/// Evaluates a checkpoint on the test set of its recipe, and shows the examples of each batch in order.
///
/// Errors: `Checkpoint`, `Recipe`; data that is not there; those of `each`.
pub fn evaluate(
    checkpoint: &Checkpoint,
    device: &Device,
    each: impl FnMut(&Examples) -> Result<()>,
) -> Result<Vec<(&'static str, f64)>> {
    let recipe = Recipe::from_toml(checkpoint.recipe(), "in the checkpoint")?;
    let task = task(&recipe, &Scope::weights(&checkpoint.model(device)))?;
    measure(&recipe, &*task, device, &data::test(&recipe.data)?, each)
}

/// What learns, as the recipe says. Errors: `Task` for a model that does not fit the data.
fn task(recipe: &Recipe, scope: &Scope) -> Result<Box<dyn Task>> {
    Ok(match &recipe.data {
        DataSpec::FashionMnist { .. } => Box::new(Classifier::new(&recipe.model, scope, SIZE, CLASSES)?),
        DataSpec::KingJames { characters, .. } => {
            Box::new(LanguageModel::new(&recipe.model, scope, characters.chars().count())?)
        }
    })
}

fn metrics(recipe: &Recipe) -> [Box<dyn Metric>; 2] {
    let second: Box<dyn Metric> = match &recipe.data {
        DataSpec::FashionMnist { .. } => Box::new(Accuracy::default()),
        DataSpec::KingJames { .. } => Box::new(Perplexity::default()),
    };
    [Box::new(Loss::default()), second]
}

fn measure(
    recipe: &Recipe,
    task: &dyn Task,
    device: &Device,
    data: &hadal_data::DataLoader,
    mut each: impl FnMut(&Examples) -> Result<()>,
) -> Result<Vec<(&'static str, f64)>> {
    let mut metrics = metrics(recipe);
    Evaluator::new(task, device).run(data, |examples| {
        each(examples)?;
        metrics.iter_mut().try_for_each(|metric| metric.add(examples))
    })?;
    Ok(metrics.iter_mut().map(|metric| (metric.name(), metric.take())).collect())
}

fn optimizer(recipe: &Recipe, task: &dyn Task) -> Result<Box<dyn Optimizer>> {
    let variables = task.module().variables();
    let (rate, weight_decay) = (recipe.optimizer.learning_rate, recipe.optimizer.weight_decay);
    Ok(match recipe.optimizer.kind {
        OptimizerKind::Sgd => Box::new(Sgd::new(
            &variables,
            rate,
            SgdOptions { momentum: 0.9, weight_decay, ..SgdOptions::default() },
        )?),
        OptimizerKind::Adam => {
            Box::new(Adam::new(&variables, rate, AdamOptions { weight_decay, ..AdamOptions::default() })?)
        }
        OptimizerKind::Adamw => {
            Box::new(AdamW::new(&variables, rate, AdamWOptions { weight_decay, ..AdamWOptions::default() })?)
        }
        OptimizerKind::Lion => {
            Box::new(Lion::new(&variables, rate, LionOptions { weight_decay, ..LionOptions::default() })?)
        }
        OptimizerKind::Lamb => {
            Box::new(Lamb::new(&variables, rate, LambOptions { weight_decay, ..LambOptions::default() })?)
        }
        OptimizerKind::Muon => {
            Box::new(Muon::new(&variables, rate, MuonOptions { weight_decay, ..MuonOptions::default() })?)
        }
    })
}

fn schedule(recipe: &Recipe, steps: usize) -> Box<dyn Schedule> {
    let base = recipe.optimizer.learning_rate;
    let warmup = recipe.schedule.warmup.min(steps);
    let rest = (steps - warmup).max(1);
    let then: Box<dyn Schedule> = match recipe.schedule.kind {
        ScheduleKind::Constant => Box::new(Constant { rate: base }),
        ScheduleKind::Cosine => Box::new(Cosine { base, last: 0.0, steps: rest }),
        ScheduleKind::OneCycle => Box::new(OneCycle::new(base, rest)),
    };
    if warmup == 0 { then } else { Box::new(Warmup { steps: warmup, from: 0.0, then }) }
}
