//! Muon.

use super::adam::AdamWOptions;
use super::descent::Descent;
use super::moments;
use super::rule::{Point, Rule, Slot, check_decay};
use crate::Result;
use crate::tensor::Tensor;

/// Muon: momentum made orthogonal (Jordan et al., "Muon: an optimizer for hidden layers in neural networks", 2024).
///
/// A parameter of rank 2 and above is a matrix of its first axis by all others. The rest (biases, gains) moves as [`AdamW`](super::AdamW) would
/// move it. Embeddings and the last layer are best given to an `AdamW` of their own.
pub type Muon = Descent<MuonOptions>;

/// Constants of [`Muon`].
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct MuonOptions {
    /// Decay of the mean of gradients.
    pub momentum: f64,
    /// Looks ahead as Nesterov's momentum does.
    pub nesterov: bool,
    /// Iterations towards an orthogonal matrix.
    pub iterations: usize,
    /// Decoupled weight decay.
    pub weight_decay: f64,
    /// Constants for parameters that are no matrices.
    pub others: AdamWOptions,
    /// Their rate, as a factor of Muon's.
    pub others_rate: f64,
}

impl Default for MuonOptions {
    fn default() -> MuonOptions {
        MuonOptions {
            momentum: 0.95,
            nesterov: true,
            iterations: 5,
            weight_decay: 0.0,
            others: AdamWOptions { beta2: 0.95, epsilon: 1e-10, ..AdamWOptions::default() },
            others_rate: 0.015,
        }
    }
}

impl Rule for MuonOptions {
    fn slots(&self, shape: &[usize]) -> Vec<Slot> {
        if shape.len() < 2 { moments::slots(shape) } else { vec![Slot::zeros("momentum", shape)] }
    }

    fn next(&self, at: &Point) -> Result<Tensor> {
        if at.value.rank() < 2 {
            let AdamWOptions { beta1, beta2, epsilon, .. } = self.others;
            let direction = moments::adaptive(at, &at.gradient, beta1, beta2, epsilon)?;
            return at.moved(&(at.decayed(direction)? * self.others_rate)?);
        }
        let mean = moments::average(at, "momentum", &at.gradient, self.momentum)?;
        let ahead = match self.nesterov {
            true => ((mean * self.momentum)? + (&at.gradient * (1.0 - self.momentum))?)?,
            false => mean,
        };
        let dims = ahead.dims()?;
        let (rows, columns) = (dims[0], dims[1..].iter().product::<usize>());
        let matrix = ahead.reshape([rows as i64, columns as i64])?;
        let direction = orthogonal(&matrix, rows > columns, self.iterations)?;
        let scale = (rows as f64 / columns.max(1) as f64).max(1.0).sqrt();
        let direction = (direction * scale)?.reshape(at.value.shape().clone())?;
        at.moved(&at.decayed(direction)?)
    }

    fn weight_decay(&self) -> f64 {
        self.weight_decay
    }

    fn check(&self) -> Result<()> {
        check_decay("momentum", self.momentum)?;
        self.others.check()
    }
}

/// Near the orthogonal matrix that is nearest to `x`: its singular values, divided by their norm, come near 1 by a quintic polynomial
/// that is steep at 0 (Newton and Schulz's iteration with Jordan's coefficients).
fn orthogonal(x: &Tensor, tall: bool, iterations: usize) -> Result<Tensor> {
    const A: f64 = 3.4445;
    const B: f64 = -4.7750;
    const C: f64 = 2.0315;
    // The product is taken on the shorter side.
    let wide = if tall { x.t()? } else { x.clone() };
    let mut x = (&wide / (wide.norm_keep(&[])? + 1e-7)?)?;
    for _ in 0..iterations {
        let gram = x.matmul(&x.t()?)?;
        let polynomial = ((&gram * B)? + (gram.matmul(&gram)? * C)?)?;
        x = ((&x * A)? + polynomial.matmul(&x)?)?;
    }
    if tall { x.t() } else { Ok(x) }
}
