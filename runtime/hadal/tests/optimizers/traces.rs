//! Twenty steps of each optimizer beside PyTorch's.

use crate::model::{Model, devices, numbers, traces};
use hadal::optim::*;
use hadal::{Device, Gradients, Result, Tensor, jit};
use serde_json::Value;

/// An optimizer with the options of one trace.
pub(crate) struct Row {
    /// The trace in `optimizers.json`.
    pub(crate) name: &'static str,
    /// The rule that it covers.
    pub(crate) rule: &'static str,
    pub(crate) make: fn(&Model) -> Result<Box<dyn Optimizer>>,
    clip: fn(&mut Gradients) -> Result<()>,
}

fn boxed<R: Rule + 'static>(model: &Model, options: R) -> Result<Box<dyn Optimizer>> {
    Ok(Box::new(Descent::new(&model.variables(), 0.0, options)?))
}

fn groups(model: &Model) -> Result<Box<dyn Optimizer>> {
    let groups = [
        Group::new(&[&model.w]),
        Group::new(&[&model.b]).weight_decay(0.0),
        Group::new(&[&model.v]).weight_decay(0.3).rate_factor(0.5),
    ];
    let options = AdamWOptions { weight_decay: 0.1, ..Default::default() };
    Ok(Box::new(AdamW::with_groups(&groups, 0.0, options)?))
}

macro_rules! rows {
    ($($name:literal $rule:ident { $($field:ident : $value:expr),* $(,)? });* $(;)?) => {
        &[$(Row {
            name: $name,
            rule: stringify!($rule),
            #[allow(clippy::needless_update)] // Some rows state every field.
            make: |model| boxed(model, $rule { $($field: $value,)* ..Default::default() }),
            clip: |_| Ok(()),
        }),*]
    };
}

const PLAIN: &[Row] = rows! {
    "sgd" SgdOptions {};
    "sgd_momentum_dampening" SgdOptions { momentum: 0.9, dampening: 0.3, weight_decay: 0.05 };
    "sgd_nesterov" SgdOptions { momentum: 0.9, nesterov: true };
    "adam" AdamOptions {};
    "adam_l2_amsgrad" AdamOptions { beta1: 0.8, beta2: 0.95, weight_decay: 0.1, amsgrad: true };
    "adamw" AdamWOptions { weight_decay: 0.1 };
    "rmsprop" RmsPropOptions {};
    "rmsprop_centered_momentum" RmsPropOptions { alpha: 0.9, centered: true, momentum: 0.8, weight_decay: 0.05, epsilon: 1e-3 };
    "adagrad" AdagradOptions {};
    "adagrad_decaying" AdagradOptions { rate_decay: 0.1, initial_sum: 0.1, weight_decay: 0.05 };
    "adafactor" AdafactorOptions {};
    "adafactor_momentum" AdafactorOptions { beta1: 0.9, scale_parameter: false, weight_decay: 0.1 };
    "lion" LionOptions { weight_decay: 0.1 };
    "lamb" LambOptions { weight_decay: 0.1 };
    "muon" MuonOptions {};
    "muon_heavy_ball" MuonOptions { momentum: 0.9, nesterov: false, weight_decay: 0.1, others_rate: 0.5 };
};

const CLIPPED: &[Row] = &[
    Row { name: "adamw_groups", rule: "AdamWOptions", make: groups, clip: |_| Ok(()) },
    Row {
        name: "adam_clipped_by_norm",
        rule: "AdamOptions",
        make: |model| boxed(model, AdamOptions { epsilon: 0.1, ..Default::default() }),
        clip: |gradients| clip_grad_norm_(gradients, 0.3).map(|_| ()),
    },
    Row {
        name: "sgd_clipped_by_value",
        rule: "SgdOptions",
        make: |model| boxed(model, SgdOptions::default()),
        clip: |gradients| clip_grad_value_(gradients, 0.05),
    },
];

pub(crate) fn rows() -> impl Iterator<Item = &'static Row> {
    PLAIN.iter().chain(CLIPPED)
}

pub(crate) fn rate(base: f64, step: usize) -> f64 {
    base * (1.0 - step as f64 / 40.0)
}

fn compare(what: &str, found: &[f32], expected: &[f32]) {
    assert_eq!(found.len(), expected.len(), "{what}");
    for (i, (a, b)) in found.iter().zip(expected).enumerate() {
        assert!((a - b).abs() <= 2e-5 * (1.0 + b.abs()), "{what}[{i}]: {a}, but PyTorch has {b}");
    }
}

fn compare_model(what: &str, model: &Model, expected: &Value) -> Result<()> {
    for variable in model.variables() {
        let name = variable.name();
        compare(&format!("{what}: {name}"), &variable.get()?.to_vec::<f32>()?, &numbers(&expected[name]));
    }
    Ok(())
}

/// Trains for the steps of a trace; `step` takes one and returns its loss.
fn follow(
    what: &str,
    trace: &Value,
    model: &Model,
    optimizer: &dyn Optimizer,
    step: impl Fn() -> Result<Tensor>,
) -> Result<()> {
    let base = trace["rate"].as_f64().expect("a rate");
    for (i, expected) in numbers(&trace["losses"]).into_iter().enumerate() {
        optimizer.set_learning_rate(rate(base, i))?;
        compare(&format!("{what}: loss of step {i}"), &[step()?.item()?], &[expected]);
        if i == 0 {
            compare_model(&format!("{what}: after a step"), model, &trace["first"])?;
        }
    }
    compare_model(&format!("{what}: at the end"), model, &trace["last"])
}

fn check(row: &Row, trace: &Value, device: &Device) -> Result<()> {
    let train = |model: &Model, optimizer: &dyn Optimizer, x: &Tensor, y: &Tensor| {
        let loss = model.loss(x, y)?;
        let mut gradients = loss.backward()?;
        (row.clip)(&mut gradients)?;
        optimizer.step(gradients)?;
        Ok(loss)
    };
    let model = Model::new(device)?;
    let optimizer = (row.make)(&model)?;
    let before = device.stats().plans_prepared;
    let what = format!("{} on {device}, eagerly", row.name);
    follow(&what, trace, &model, &*optimizer, || train(&model, &*optimizer, &model.x, &model.y))?;
    assert_eq!(device.stats().plans_prepared - before, 1, "{what}: one plan serves all steps");

    let model = Model::new(device)?;
    let optimizer = (row.make)(&model)?;
    let step = jit(device, |xy: &[Tensor]| Ok(vec![train(&model, &*optimizer, &xy[0], &xy[1])?]));
    let what = format!("{} on {device}, under jit", row.name);
    follow(&what, trace, &model, &*optimizer, || Ok(step.call(&[&model.x, &model.y])?.remove(0)))?;
    assert_eq!(step.stats().traces, 1, "{what}: it is traced once");
    Ok(())
}

#[test]
fn every_optimizer_follows_its_trace() -> Result<()> {
    let traces = traces();
    for device in devices() {
        for row in rows() {
            check(row, &traces["rows"][row.name], &device)?;
        }
    }
    Ok(())
}

#[test]
fn averages_follow_their_trace() -> Result<()> {
    let trace = &traces()["rows"]["sgd_averaged"];
    for device in devices() {
        let model = Model::new(&device)?;
        let sgd = Sgd::new(&model.variables(), 0.0, SgdOptions::default())?;
        let ema = Ema::new(&model.variables(), 0.9)?;
        let step = || {
            let loss = model.loss(&model.x, &model.y)?;
            sgd.step(loss.backward()?)?;
            ema.update()?;
            Ok(loss)
        };
        follow(&format!("averages on {device}"), trace, &model, &sgd, step)?;
        ema.with_averages(|| compare_model(&format!("averages on {device}"), &model, &trace["averages"]))?;
        compare_model("weights come back", &model, &trace["last"])?;
        let failed: Result<()> =
            ema.with_averages(|| Err(hadal::Error::Gradient("a planted failure".into())));
        assert!(failed.is_err());
        compare_model("weights come back after a failure", &model, &trace["last"])?;
    }
    Ok(())
}

#[test]
fn parts_of_a_batch_add_up_to_the_whole() -> Result<()> {
    let trace = &traces()["rows"]["sgd"];
    for device in devices() {
        let model = Model::new(&device)?;
        let sgd = Sgd::new(&model.variables(), 0.0, SgdOptions::default())?;
        let sums = Accumulation::new(&model.variables())?;
        let add = jit(&device, |xy: &[Tensor]| {
            let loss = model.loss(&xy[0], &xy[1])?;
            sums.add(loss.backward()?)?;
            Ok(vec![loss])
        });
        let step = || {
            for start in [0, 4] {
                let (x, y) = (model.x.narrow(0, start, 4)?, model.y.narrow(0, start, 4)?);
                match start {
                    0 => sums.add(model.loss(&x, &y)?.backward()?)?,
                    _ => drop(add.call(&[&x, &y])?),
                }
            }
            let mean = sums.take()?;
            let loss = mean.loss().clone();
            sgd.step(mean)?;
            Ok(loss)
        };
        follow(&format!("two halves of a batch on {device}"), trace, &model, &sgd, step)?;
    }
    Ok(())
}
