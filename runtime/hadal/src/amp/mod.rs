//! Mixed precision: half-precision arithmetic where it is safe, and what keeps gradients from vanishing in it.
//!
//! ```
//! use hadal::amp::{GradScaler, GradScalerOptions, autocast};
//! use hadal::optim::{Adam, AdamOptions};
//! use hadal::{DType, Device, Tensor, Variable};
//!
//! let device = Device::open("cpu")?;
//! let w = Variable::new("w", &Tensor::randn(&device, [4, 2], 1)?)?;
//! let x = Tensor::randn(&device, [8, 4], 2)?;
//! let optimizer = Adam::new(&[&w], 0.01, AdamOptions::default())?;
//! let scaler = GradScaler::new(&device, GradScalerOptions::default())?;
//! for _ in 0..3 {
//!     let loss = autocast(DType::F16, || x.matmul(&w.get()?)?.sqr()?.mean(&[]))?;
//!     scaler.step(&optimizer, scaler.backward(&loss)?)?;
//! }
//! # Ok::<(), hadal::Error>(())
//! ```
//!
//! - [`autocast`] chooses the dtype of each op while it is recorded, by one committed [`op list`](precision). Parameters stay `F32`: they are
//!   the master weights, and each use casts them. The backward pass has the forward's dtypes.
//! - [`GradScaler`] multiplies the loss so that small gradients do not become zero in `F16`, and skips a step whose gradients are not
//!   finite. Its scale, its counters and its decision stay on the device: no step waits for a read-back. `BF16` has the range of `F32`
//!   and needs no scaler.
//! - [`PrecisionSelector`] watches the range of each parameter's gradient, and at the boundary of an epoch chooses `F16` where the range
//!   fits, `BF16` where it does not.

mod autocast;
mod grad_scaler;
mod op_list;
mod selector;

pub use autocast::autocast;
pub(crate) use autocast::{Policy, current, off, record, single, without_autocast};
pub use grad_scaler::{GradScaler, GradScalerOptions, Unscaled};
pub use op_list::{Precision, precision};
pub use selector::{Choice, PrecisionSelector};
