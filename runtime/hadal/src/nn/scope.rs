//! Where the weights of layers come from, and what they are called.

use super::{Buffer, Init, Mode, Parameter, Weights};
use crate::device::Device;
use crate::tensor::{KeySequence, Tensor};
use crate::variable::Variable;
use crate::{Error, Result};
use hadal_graph::{DType, Scalar};
use std::fmt::Display;

/// What layers are made on: a source of weights, and a place in the tree of names.
///
/// ```
/// use hadal::nn::{Linear, Scope, Weights};
/// use hadal::{Device, Module};
/// let device = Device::open("cpu")?;
/// let scope = Scope::random(&device, 42);
/// let layer = Linear::new(&scope.at("layers").at(0), 3, 2)?;
/// let weights: Weights = layer.state_dict()?;
/// assert_eq!(weights.names().collect::<Vec<_>>(), ["layers.0.bias", "layers.0.weight"]);
///
/// let frozen = Linear::new(&Scope::weights(&weights).at("layers").at(0), 3, 2)?;
/// assert!(frozen.variables().is_empty());
/// # Ok::<(), hadal::Error>(())
/// ```
///
/// Random values depend on the seed and on the full name alone, not on the order in which layers are made.
#[derive(Clone, Debug)]
pub struct Scope {
    device: Device,
    source: Source,
    seed: u64,
    path: String,
}

#[derive(Clone, Debug)]
enum Source {
    Random,
    Weights { weights: Weights, trainable: bool },
}

impl Scope {
    /// Fresh layers on `device`, in training: parameters are variables with the initial values that each layer states.
    pub fn random(device: &Device, seed: u64) -> Scope {
        Scope { device: device.clone(), source: Source::Random, seed, path: String::new() }
    }

    /// Layers of given weights on their device, in evaluation: parameters and buffers are frozen. On the meta device they make a model
    /// without touching any value.
    pub fn weights(weights: &Weights) -> Scope {
        let source = Source::Weights { weights: weights.clone(), trainable: false };
        Scope { device: weights.device().clone(), source, seed: 0, path: String::new() }
    }

    /// The same weights as initial values of variables, for layers in training.
    pub fn trainable(mut self) -> Scope {
        if let Source::Weights { trainable, .. } = &mut self.source {
            *trainable = true;
        }
        self
    }

    /// The same scope with another seed, for what is drawn beside weights that are given: keys of dropout.
    pub fn with_seed(mut self, seed: u64) -> Scope {
        self.seed = seed;
        self
    }

    /// The scope of a part: `scope.at("encoder").at(0)` names its weights `encoder.0.…`. Dots in a name are levels.
    pub fn at(&self, part: impl Display) -> Scope {
        Scope { path: self.name(part), ..self.clone() }
    }

    /// Where layers live.
    pub fn device(&self) -> &Device {
        &self.device
    }

    /// The full name of something called `name` here.
    pub fn name(&self, name: impl Display) -> String {
        if self.path.is_empty() { name.to_string() } else { format!("{}.{name}", self.path) }
    }

    /// Whether weights were given that have one of this name.
    pub fn contains(&self, name: &str) -> bool {
        match &self.source {
            Source::Random => false,
            Source::Weights { weights, .. } => weights.contains(&self.name(name)),
        }
    }

    /// The parameter `name` of a layer.
    ///
    /// Errors: `Weights`, when weights were given and this one is missing or has another shape; an initialiser that does not fit the
    /// shape.
    #[track_caller]
    pub fn parameter(&self, name: &str, shape: impl Into<Vec<usize>>, init: Init) -> Result<Parameter> {
        let (full, shape) = (self.name(name), shape.into());
        match &self.source {
            Source::Random => {
                let value = init.tensor(&self.device, shape, self.seed_of(&full))?;
                Ok(Variable::new(&full, &value)?.into())
            }
            Source::Weights { weights, trainable } => {
                let value = weights.get(&full, shape)?;
                if !value.dtype().is_float() {
                    return Err(Error::Weights(format!(
                        "the tensor `{full}` of {} is {}, but a parameter is a float",
                        weights.source(),
                        value.ty()
                    )));
                }
                match trainable {
                    true => Ok(Variable::new(&full, &value)?.into()),
                    false => Ok(Parameter::frozen(&full, &value)),
                }
            }
        }
    }

    /// The buffer `name` of a layer, with `value` everywhere where no weights were given. Errors: as [`Scope::parameter`].
    #[track_caller]
    pub fn buffer(
        &self,
        name: &str,
        shape: impl Into<Vec<usize>>,
        dtype: DType,
        value: f64,
    ) -> Result<Buffer> {
        let (full, shape) = (self.name(name), shape.into());
        match &self.source {
            Source::Random => {
                let value = hadal_graph::HostTensor::full(dtype, shape, Scalar::new(value, dtype));
                Ok(Variable::state(&full, &Tensor::from_host(&self.device, &value)?)?.into())
            }
            Source::Weights { weights, trainable } => {
                let value = weights.get(&full, shape)?;
                match trainable {
                    true => Ok(Variable::state(&full, &value)?.into()),
                    false => Ok(Buffer::frozen(&full, &value)),
                }
            }
        }
    }

    /// The keys `name` of a layer that draws random numbers.
    #[track_caller]
    pub fn keys(&self, name: &str) -> Result<KeySequence> {
        let full = self.name(name);
        KeySequence::named(&full, &self.device, self.seed_of(&full) as u32)
    }

    /// A switch for a layer that does one thing in training and another in evaluation: in training, unless the weights are frozen.
    pub fn mode(&self) -> Mode {
        Mode::new(!matches!(self.source, Source::Weights { trainable: false, .. }))
    }

    /// The seed of what has this full name: FNV-1a of the name (Fowler, Noll, Vo, 1991), started and finished with this scope's seed.
    fn seed_of(&self, full: &str) -> u64 {
        let mut hash = 0xcbf2_9ce4_8422_2325u64;
        let seed = self.seed.to_le_bytes();
        for byte in seed.iter().chain(full.as_bytes()).chain(&seed) {
            hash = (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3);
        }
        // The upper half has seen every byte; the lower bits of FNV mix least.
        hash ^ (hash >> 32)
    }
}
