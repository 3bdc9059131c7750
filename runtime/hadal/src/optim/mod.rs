//! Optimizers, learning-rate schedules, and what stands between gradients and weights.
//!
//! ```
//! # use hadal::{Device, Tensor, Variable};
//! use hadal::optim::{AdamW, AdamWOptions, Cosine, Optimizer, Schedule, Warmup, clip_grad_norm_};
//!
//! # let device = Device::open("cpu")?;
//! # let w = Variable::new("w", &Tensor::new(&device, &[1.0f32, -2.0], [2])?)?;
//! let optimizer = AdamW::new(&[&w], 0.0, AdamWOptions::default())?;
//! let schedule = Warmup { steps: 2, from: 0.1, then: Cosine { base: 0.1, last: 0.0, steps: 8 } };
//! for step in 0..10 {
//!     optimizer.set_learning_rate(schedule.at(step))?;
//!     let mut gradients = w.get()?.sqr()?.sum(&[])?.backward()?;
//!     clip_grad_norm_(&mut gradients, 1.0)?;
//!     optimizer.step(gradients)?;
//! }
//! # Ok::<(), hadal::Error>(())
//! ```
//!
//! # How an optimizer is made
//!
//! The options of an optimizer are its [`Rule`]: what it keeps for each parameter, and the next value from the current one and
//! the gradient. [`Descent`] is everything else: parameter groups, the learning rate, the step count, state and its names, master weights.
//! So [`Adam`] is `Descent<AdamOptions>`, and an optimizer of one's own is a struct with two methods.
//!
//! All that changes from step to step (moments, the step count, the learning rate) lies in [`Variable`]s. So a step works the same
//! eagerly and within a function of [`jit`](crate::jit()), a new learning rate plans nothing anew, and [`Stateful`] saves and restores all of it
//! bit for bit. Eagerly, a step computes the loss, the gradients and the updates in one run.
//!
//! # Between gradients and weights
//!
//! [`clip_grad_norm_`] and [`clip_grad_value_`] change gradients; [`Accumulation`] sums those of several batches; [`Ema`] keeps averages of weights;
//! [`GradientNoise`] measures how large a batch is worth its cost, and [`BatchGrowth`] grows it. None of them waits for the device.

mod accumulation;
mod adafactor;
mod adagrad;
mod adam;
mod batch_growth;
mod clip;
mod descent;
mod ema;
mod gradient_noise;
mod group;
mod lamb;
mod lion;
mod moments;
mod muon;
mod optimizer;
mod rmsprop;
mod rule;
mod schedule;
mod sgd;
mod state;

pub use accumulation::Accumulation;
pub use adafactor::{Adafactor, AdafactorOptions};
pub use adagrad::{Adagrad, AdagradOptions};
pub use adam::{Adam, AdamOptions, AdamW, AdamWOptions};
pub use batch_growth::BatchGrowth;
pub use clip::{clip_grad_norm_, clip_grad_value_};
pub use descent::Descent;
pub use ema::Ema;
pub use gradient_noise::GradientNoise;
pub use group::Group;
pub use lamb::{Lamb, LambOptions};
pub use lion::{Lion, LionOptions};
pub use muon::{Muon, MuonOptions};
pub use optimizer::Optimizer;
pub(crate) use optimizer::{finish, plainly};
pub use rmsprop::{RmsProp, RmsPropOptions};
pub use rule::{Point, Rule, Slot};
pub use schedule::{
    Constant, Cosine, CosineRestarts, Exponential, MultiStep, OneCycle, Plateau, Polynomial, Schedule, Step,
    Warmup,
};
pub use sgd::{Sgd, SgdOptions};
pub use state::{Stateful, state_dict_async};

#[cfg(doc)]
use crate::variable::Variable;
