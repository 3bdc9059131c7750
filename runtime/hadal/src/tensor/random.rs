//! Random numbers from counters: one key gives the same numbers on every device.

use super::Tensor;
use crate::device::Device;
use crate::variable::Variable;
use crate::{Error, Result};
use hadal_graph::op::RandomBits;
use hadal_graph::program::{BinaryOp, UnaryOp};
use hadal_graph::{DType, Graph, GraphError, NodeId, Scalar, Shape};

/// A key of the counter-based generator, `u32[2]`: run-time data, so another key plans nothing anew.
///
/// Use a key once. [`KeySequence`] gives a new one each time.
#[derive(Clone, Debug)]
pub struct Key(Tensor);

impl Key {
    /// The key of a seed.
    #[track_caller]
    pub fn new(device: &Device, seed: u64) -> Result<Key> {
        Ok(Key(Tensor::new(device, &[seed as u32, (seed >> 32) as u32], [2])?))
    }

    /// A key held in a tensor. Errors: another type than `u32[2]`.
    #[track_caller]
    pub fn from_tensor(key: &Tensor) -> Result<Key> {
        if key.dtype() != DType::U32 || *key.shape() != Shape::of([2]) {
            return Err(Error::argument(format!("a key is u32[2], but this is {}", key.ty())));
        }
        Ok(Key(key.clone()))
    }

    /// The key as a tensor.
    pub fn tensor(&self) -> &Tensor {
        &self.0
    }
}

/// Keys one after another. The counter is state on the device: under `jit` each run draws new keys, and nothing is traced anew.
#[derive(Clone, Debug)]
pub struct KeySequence {
    state: Variable,
}

impl KeySequence {
    /// The sequence that a seed starts.
    #[track_caller]
    pub fn new(device: &Device, seed: u32) -> Result<KeySequence> {
        KeySequence::named("key", device, seed)
    }

    /// The sequence that a seed starts, with its state under a name.
    #[track_caller]
    pub fn named(name: &str, device: &Device, seed: u32) -> Result<KeySequence> {
        let start = Tensor::new(device, &[seed, 0u32], [2])?;
        Ok(KeySequence { state: Variable::state(name, &start)? })
    }

    /// Its state: the next key.
    pub fn variable(&self) -> &Variable {
        &self.state
    }

    /// The next key.
    #[track_caller]
    pub fn next_key(&self) -> Result<Key> {
        let current = self.state.get()?;
        let step = Tensor::compose(&[&current], |g, x| {
            let axis = g.iota([2], 0, DType::U32)?;
            g.add(x[0], axis)
        })?;
        self.state.set(&step)?;
        Key::from_tensor(&current)
    }
}

impl Tensor {
    /// Uniform numbers in `0..1`, `F32`, from a seed.
    #[track_caller]
    pub fn rand(device: &Device, shape: impl Into<Shape>, seed: u64) -> Result<Tensor> {
        Tensor::uniform(&Key::new(device, seed)?, shape)
    }

    /// Numbers of the standard normal distribution, `F32`, from a seed.
    #[track_caller]
    pub fn randn(device: &Device, shape: impl Into<Shape>, seed: u64) -> Result<Tensor> {
        Tensor::normal(&Key::new(device, seed)?, shape)
    }

    /// Uniform numbers in `0..1`, multiples of 2⁻²⁴, `F32`.
    #[track_caller]
    pub fn uniform(key: &Key, shape: impl Into<Shape>) -> Result<Tensor> {
        let shape = shape.into();
        Tensor::compose(&[key.tensor()], |g, key| {
            let bits = g.apply(RandomBits { shape }, key)?;
            unit(g, bits)
        })
    }

    /// Numbers of the standard normal distribution, `F32` (Box and Muller, 1958).
    #[track_caller]
    pub fn normal(key: &Key, shape: impl Into<Shape>) -> Result<Tensor> {
        let shape = shape.into();
        Tensor::compose(&[key.tensor()], |g, key| {
            let mut pairs = shape.clone();
            pairs.0.insert(0, 2.into());
            let bits = g.apply(RandomBits { shape: pairs }, key)?;
            let uniform = unit(g, bits)?;
            let first = g.narrow(uniform, 0, 0, 1)?;
            let second = g.narrow(uniform, 0, 1, 1)?;
            let one = g.scalar(1.0, DType::F32)?;
            // 1 - u is in (0, 1]: its logarithm is finite.
            let positive = g.sub(one, first)?;
            let log = g.unary(UnaryOp::Log, positive)?;
            let factor = g.scalar(-2.0, DType::F32)?;
            let square = g.mul(log, factor)?;
            let radius = g.unary(UnaryOp::Sqrt, square)?;
            let turn = g.scalar(2.0 * std::f64::consts::PI, DType::F32)?;
            let angle = g.mul(second, turn)?;
            let cosine = g.unary(UnaryOp::Cos, angle)?;
            let result = g.mul(radius, cosine)?;
            g.reshape(result, shape)
        })
    }
}

/// The upper 24 of 32 random bits as a fraction.
fn unit(g: &mut Graph, bits: NodeId) -> Result<NodeId, GraphError> {
    let eight = g.constant_scalar(Scalar::Int(8), DType::U32)?;
    let upper = g.binary(BinaryOp::Shr, bits, eight)?;
    let float = g.cast(upper, DType::F32)?;
    let scale = g.scalar(1.0 / 16777216.0, DType::F32)?;
    g.mul(float, scale)
}
