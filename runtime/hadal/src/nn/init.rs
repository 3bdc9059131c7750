//! Initial values of weights, `F32`. One seed gives the same values on every device.

use crate::Result;
use crate::device::Device;
use crate::tensor::Tensor;
use hadal_graph::Shape;

/// Uniform in `±sqrt(1 / fan_in)`: what PyTorch gives its linear layers (He et al., 2015, with a = √5).
#[track_caller]
pub fn kaiming_uniform(device: &Device, shape: impl Into<Shape>, fan_in: usize, seed: u64) -> Result<Tensor> {
    uniform(device, shape.into(), (1.0 / fan_in.max(1) as f64).sqrt(), seed)
}

/// Uniform in `±sqrt(6 / (fan_in + fan_out))` (Glorot and Bengio, 2010).
#[track_caller]
pub fn xavier_uniform(
    device: &Device,
    shape: impl Into<Shape>,
    fan_in: usize,
    fan_out: usize,
    seed: u64,
) -> Result<Tensor> {
    uniform(device, shape.into(), (6.0 / (fan_in + fan_out).max(1) as f64).sqrt(), seed)
}

/// Normal with mean 0.
#[track_caller]
pub fn normal(device: &Device, shape: impl Into<Shape>, deviation: f64, seed: u64) -> Result<Tensor> {
    Tensor::randn(device, shape, seed)? * deviation
}

#[track_caller]
fn uniform(device: &Device, shape: Shape, bound: f64, seed: u64) -> Result<Tensor> {
    (Tensor::rand(device, shape, seed)? * (2.0 * bound))? - bound
}
