//! Layers one after another.

use super::{
    AdaptiveAvgPool, AvgPool, BatchNorm, Conv, ConvTranspose, Dropout, Embedding, GroupNorm, InstanceNorm,
    LayerNorm, Linear, MaxPool, Member, Module, Prelu, RmsNorm,
};
use crate::Result;
use crate::tensor::Tensor;
use hadal_device::{MaybeSend, MaybeSync};
use std::fmt;
use std::sync::Arc;

/// A module from one tensor to one. Threads may share it, but for a browser, which has one.
pub trait Layer: Module + MaybeSend + MaybeSync {
    /// The result for `x`.
    #[track_caller]
    fn forward(&self, x: &Tensor) -> Result<Tensor>;
}

/// Layers and functions one after another; `torch.nn.Sequential`.
///
/// ```
/// use hadal::nn::{Flatten, Linear, Scope, Sequential};
/// use hadal::{Device, Module, Tensor};
/// let device = Device::open("cpu")?;
/// let scope = Scope::random(&device, 42);
/// let mlp = Sequential::new()
///     .then(Flatten)
///     .then(Linear::new(&scope.at(1), 784, 64)?)
///     .apply(Tensor::relu)
///     .then(Linear::new(&scope.at(3), 64, 10)?);
/// assert_eq!(mlp.forward(&Tensor::rand(&device, [2, 28, 28], 0)?)?.dims()?, [2, 10]);
/// assert_eq!(mlp.variables()[2].name(), "3.weight");
/// # Ok::<(), hadal::Error>(())
/// ```
#[derive(Clone, Default)]
pub struct Sequential {
    layers: Vec<Arc<dyn Layer>>,
}

impl Sequential {
    /// No layers: the identity.
    pub fn new() -> Sequential {
        Sequential::default()
    }

    /// With one more layer.
    pub fn then(mut self, layer: impl Layer + 'static) -> Sequential {
        self.layers.push(Arc::new(layer));
        self
    }

    /// With one more function that has no parameters, such as an activation.
    pub fn apply(
        self,
        f: impl Fn(&Tensor) -> Result<Tensor> + MaybeSend + MaybeSync + 'static,
    ) -> Sequential {
        self.then(Function(f))
    }

    /// The result of the last layer. Errors: those of the layers.
    #[track_caller]
    pub fn forward(&self, x: &Tensor) -> Result<Tensor> {
        self.layers.iter().try_fold(x.clone(), |x, layer| layer.forward(&x))
    }

    /// The layers.
    pub fn layers(&self) -> &[Arc<dyn Layer>] {
        &self.layers
    }
}

impl Module for Sequential {
    fn members<'a>(&'a self, visit: &mut dyn FnMut(Member<'a>)) {
        self.layers.members(visit);
    }
}

impl fmt::Debug for Sequential {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names = self.layers.iter().map(|layer| layer.named_parameters().into_iter().map(|(n, _)| n));
        f.debug_list().entries(names.map(Vec::from_iter)).finish()
    }
}

/// All axes but the first made one; `torch.nn.Flatten`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Module)]
pub struct Flatten;

impl Flatten {
    /// `[n, ..]` to `[n, m]`. Errors: a scalar.
    #[track_caller]
    pub fn forward(&self, x: &Tensor) -> Result<Tensor> {
        if x.rank() == 1 { x.unsqueeze(-1) } else { x.flatten(1, -1) }
    }
}

struct Function<F>(F);

impl<F> Module for Function<F> {
    fn members<'a>(&'a self, _: &mut dyn FnMut(Member<'a>)) {}
}

impl<F: Fn(&Tensor) -> Result<Tensor> + MaybeSend + MaybeSync> Layer for Function<F> {
    fn forward(&self, x: &Tensor) -> Result<Tensor> {
        (self.0)(x)
    }
}

macro_rules! layers {
    ($($t:ident),* $(,)?) => {$(
        impl Layer for $t {
            fn forward(&self, x: &Tensor) -> Result<Tensor> {
                $t::forward(self, x)
            }
        }
    )*};
}
layers!(Linear, Embedding, LayerNorm, RmsNorm, GroupNorm, InstanceNorm, Dropout, Prelu, Flatten, Sequential);

macro_rules! spatial_layers {
    ($($t:ident),*) => {$(
        impl<const N: usize> Layer for $t<N> {
            fn forward(&self, x: &Tensor) -> Result<Tensor> {
                $t::forward(self, x)
            }
        }
    )*};
}
spatial_layers!(Conv, ConvTranspose, BatchNorm, MaxPool, AvgPool, AdaptiveAvgPool);
