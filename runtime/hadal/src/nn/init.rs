//! Initial values of weights, `F32`. One seed gives the same values on every device.

use crate::device::Device;
use crate::tensor::Tensor;
use crate::{Error, Result};
use hadal_graph::op::Normal;
use hadal_graph::{DType, Graph, HostTensor, Shape};
use std::collections::BTreeMap;

/// How a weight is filled.
///
/// *Fans* are those of a weight `[outputs, inputs, kernel..]`: `fan_in` is `inputs · kernel`, `fan_out` is `outputs · kernel`. The gain
/// makes up for the activation that follows: 1 for none, √2 for ReLU, 5/3 for tanh.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Init {
    /// One value everywhere; `torch.nn.init.constant_`.
    Constant(f64),
    /// Uniform in `low..high`; `uniform_`.
    Uniform {
        /// The least value.
        low: f64,
        /// What no value reaches.
        high: f64,
    },
    /// The normal distribution; `normal_`.
    Normal {
        /// Its mean.
        mean: f64,
        /// Its standard deviation.
        deviation: f64,
    },
    /// The normal distribution within `low..=high`; `trunc_normal_`.
    TruncatedNormal {
        /// Mean before truncation.
        mean: f64,
        /// Standard deviation before truncation.
        deviation: f64,
        /// The least value.
        low: f64,
        /// The greatest value.
        high: f64,
    },
    /// Uniform with deviation `gain · √(2 / (fan_in + fan_out))` (Glorot and Bengio, 2010); `xavier_uniform_`.
    XavierUniform {
        /// See [`Init`].
        gain: f64,
    },
    /// Normal with that deviation; `xavier_normal_`.
    XavierNormal {
        /// See [`Init`].
        gain: f64,
    },
    /// Uniform with deviation `gain / √fan_in` (He et al., 2015); `kaiming_uniform_`.
    KaimingUniform {
        /// See [`Init`].
        gain: f64,
    },
    /// Normal with that deviation; `kaiming_normal_`.
    KaimingNormal {
        /// See [`Init`].
        gain: f64,
    },
    /// Orthonormal rows, or columns where there are more rows, of the matrix `[outputs, inputs · kernel]` (Saxe et al., 2014);
    /// `orthogonal_`. Computed on the host.
    Orthogonal {
        /// See [`Init`].
        gain: f64,
    },
}

impl Init {
    /// Zero everywhere.
    pub const ZEROS: Init = Init::Constant(0.0);

    /// One everywhere.
    pub const ONES: Init = Init::Constant(1.0);

    /// What PyTorch gives the weights of linear and convolutional layers: uniform in `±1 / √fan_in`.
    pub const LINEAR: Init = Init::KaimingUniform { gain: 0.577_350_269_189_625_8 };

    /// What PyTorch gives the biases of linear and convolutional layers: uniform in `±1 / √fan_in` of the weight.
    pub fn bias(fan_in: usize) -> Init {
        let bound = 1.0 / (fan_in.max(1) as f64).sqrt();
        Init::Uniform { low: -bound, high: bound }
    }

    /// A tensor filled so. Errors: a shape of rank below 2 where fans are needed; limits in the wrong order.
    #[track_caller]
    pub fn tensor(self, device: &Device, shape: impl Into<Vec<usize>>, seed: u64) -> Result<Tensor> {
        let shape = shape.into();
        let sizes = Shape::from(shape.as_slice());
        match self {
            Init::Constant(value) => Tensor::full(device, sizes, value, DType::F32),
            Init::Uniform { low, high } => uniform(device, sizes, low, high, seed),
            Init::Normal { mean, deviation } => normal(device, sizes, mean, deviation, seed),
            Init::TruncatedNormal { mean, deviation, low, high } => {
                truncated_normal(device, sizes, [mean, deviation], [low, high], seed)
            }
            Init::XavierUniform { gain } => {
                let (fan_in, fan_out) = fans(&shape)?;
                let bound = gain * (6.0 / (fan_in + fan_out)).sqrt();
                uniform(device, sizes, -bound, bound, seed)
            }
            Init::XavierNormal { gain } => {
                let (fan_in, fan_out) = fans(&shape)?;
                normal(device, sizes, 0.0, gain * (2.0 / (fan_in + fan_out)).sqrt(), seed)
            }
            Init::KaimingUniform { gain } => {
                let bound = gain * (3.0 / fans(&shape)?.0).sqrt();
                uniform(device, sizes, -bound, bound, seed)
            }
            Init::KaimingNormal { gain } => normal(device, sizes, 0.0, gain / fans(&shape)?.0.sqrt(), seed),
            Init::Orthogonal { gain } => orthogonal(device, &shape, gain, seed),
        }
    }
}

/// `fan_in` and `fan_out`, at least 1 each. Errors: rank below 2.
#[track_caller]
fn fans(shape: &[usize]) -> Result<(f64, f64)> {
    let [outputs, inputs, kernel @ ..] = shape else {
        return Err(Error::argument(format!(
            "a weight of shape {shape:?} has no fans: they take [outputs, inputs, kernel..]"
        )));
    };
    let kernel: usize = kernel.iter().product();
    Ok(((inputs * kernel).max(1) as f64, (outputs * kernel).max(1) as f64))
}

#[track_caller]
fn uniform(device: &Device, shape: Shape, low: f64, high: f64, seed: u64) -> Result<Tensor> {
    (Tensor::rand(device, shape, seed)? * (high - low))? + low
}

#[track_caller]
fn normal(device: &Device, shape: Shape, mean: f64, deviation: f64, seed: u64) -> Result<Tensor> {
    (Tensor::randn(device, shape, seed)? * deviation)? + mean
}

/// The inverse of the distribution function at uniform numbers between its values at the limits.
#[track_caller]
fn truncated_normal(
    device: &Device,
    shape: Shape,
    [mean, deviation]: [f64; 2],
    [low, high]: [f64; 2],
    seed: u64,
) -> Result<Tensor> {
    if low >= high || deviation <= 0.0 {
        return Err(Error::argument(format!(
            "a normal distribution of deviation {deviation} cannot be truncated to {low}..={high}"
        )));
    }
    let root2 = std::f64::consts::SQRT_2;
    let at = |x: f64| libm::erf((x - mean) / (deviation * root2));
    // The tails end where f32 no longer tells a uniform number from 1.
    let (first, last) = (at(low).max(-1.0 + 1e-6), at(high).min(1.0 - 1e-6));
    let z = erf_inverse(&uniform(device, shape, first, last, seed)?)?;
    ((z * (deviation * root2))? + mean)?.clamp(low, high)
}

/// The inverse of the error function: a closed approximation (Winitzki, 2008) and two steps of Newton.
fn erf_inverse(y: &Tensor) -> Result<Tensor> {
    let a = 0.147;
    let log = (1.0 - &y.sqr()?)?.log()?;
    let t = ((&log * 0.5)? + 2.0 / (std::f64::consts::PI * a))?;
    let root = (t.sqr()? - (&log / a)?)?.sqrt()?;
    let mut x = (root - &t)?.maximum(0.0)?.sqrt()?.mul(y.sign()?)?;
    for _ in 0..2 {
        let slope = (x.sqr()?.neg()?.exp()? * std::f64::consts::FRAC_2_SQRT_PI)?;
        x = (&x - ((x.erf()? - y)? / slope)?)?;
    }
    Ok(x)
}

/// Gram and Schmidt's process, twice over each vector, on normal numbers of the reference.
#[track_caller]
fn orthogonal(device: &Device, shape: &[usize], gain: f64, seed: u64) -> Result<Tensor> {
    fans(shape)?;
    let (outputs, inputs) = (shape[0], shape[1..].iter().product::<usize>());
    let (count, length) = (outputs.min(inputs), outputs.max(inputs));
    let values = host_normal(count * length, seed)?;
    let mut vectors: Vec<Vec<f64>> = values.chunks(length.max(1)).map(<[f64]>::to_vec).collect();
    for i in 0..vectors.len() {
        let (done, rest) = vectors.split_at_mut(i);
        let vector = &mut rest[0];
        for other in done.iter().chain(done.iter()) {
            let along: f64 = vector.iter().zip(other).map(|(a, b)| a * b).sum();
            vector.iter_mut().zip(other).for_each(|(a, b)| *a -= along * b);
        }
        let norm = vector.iter().map(|a| a * a).sum::<f64>().sqrt();
        vector.iter_mut().for_each(|a| *a /= norm);
    }
    let at = |row: usize, column: usize| {
        if outputs <= inputs { vectors[row][column] } else { vectors[column][row] }
    };
    let matrix = (0..outputs * inputs).map(|i| (gain * at(i / inputs, i % inputs)) as f32);
    Tensor::from_host(device, &HostTensor::new(shape, &matrix.collect::<Vec<f32>>())?)
}

/// Normal numbers of a seed in host memory.
fn host_normal(count: usize, seed: u64) -> Result<Vec<f64>> {
    let mut graph = Graph::new("normal");
    let key = graph.constant(HostTensor::new([2], &[seed as u32, (seed >> 32) as u32])?)?;
    let normal = graph.apply(Normal { shape: [count].into(), dtype: DType::F32 }, &[key])?;
    graph.output("y", normal);
    let run = hadal_graph::reference::interpret(&graph, &BTreeMap::new())?;
    Ok(run.outputs.first().map(HostTensor::to_f64).unwrap_or_default())
}
