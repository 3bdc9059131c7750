//! Modules: whatever holds parameters.

use super::state_dict;
use super::{Buffer, Mode, Parameter, Weights};
use crate::Result;
use crate::tensor::KeySequence;
use crate::variable::Variable;
use std::collections::HashSet;
use std::future::Future;
use std::pin::Pin;

/// A part of a module that has state.
#[derive(Clone, Copy, Debug)]
pub enum Member<'a> {
    /// A weight.
    Parameter(&'a Parameter),
    /// A running statistic or another tensor that is saved, but not trained.
    Buffer(&'a Buffer),
    /// A source of random numbers.
    Keys(&'a KeySequence),
    /// A switch between training and evaluation.
    Mode(&'a Mode),
}

/// Whatever holds parameters: a layer, or a struct of layers that derives this.
///
/// ```
/// use hadal::nn::{Linear, Scope};
/// use hadal::{Device, Module, Result, Tensor};
///
/// #[derive(Module)]
/// struct Mlp {
///     hidden: Linear,
///     output: Linear,
/// }
///
/// impl Mlp {
///     fn new(scope: &Scope) -> Result<Mlp> {
///         Ok(Mlp {
///             hidden: Linear::new(&scope.at("hidden"), 784, 256)?,
///             output: Linear::new(&scope.at("output"), 256, 10)?,
///         })
///     }
///
///     fn forward(&self, x: &Tensor) -> Result<Tensor> {
///         self.output.forward(&self.hidden.forward(x)?.relu()?)
///     }
/// }
///
/// let device = Device::open("cpu")?;
/// let mlp = Mlp::new(&Scope::random(&device, 42))?;
/// let names: Vec<&str> = mlp.named_parameters().iter().map(|(name, _)| *name).collect();
/// assert_eq!(names, ["hidden.weight", "hidden.bias", "output.weight", "output.bias"]);
/// # mlp.forward(&Tensor::rand(&device, [2, 784], 0)?)?;
/// # Ok::<(), hadal::Error>(())
/// ```
///
/// A name is given once, by the [`Scope`](super::Scope) on which a layer is made; PyTorch's names come of PyTorch's structure.
///
/// Numbers, texts and the like are modules without members, so that they may be fields of one; `Option`, `Vec`, arrays, tuples, `Box`
/// and `Arc` of modules are modules. A field of another type says `#[module(skip)]`.
pub trait Module {
    /// Visits every member, in the order of declaration. A member that is shared is visited more than once.
    fn members<'a>(&'a self, visit: &mut dyn FnMut(Member<'a>));

    /// Names and parameters, frozen ones too; one that is shared comes once.
    fn named_parameters(&self) -> Vec<(&str, &Parameter)> {
        let (mut seen, mut found) = (HashSet::new(), Vec::new());
        self.members(&mut |member| {
            if let Member::Parameter(parameter) = member
                && seen.insert((parameter.name(), parameter.variable().map(Variable::id)))
            {
                found.push((parameter.name(), parameter));
            }
        });
        found
    }

    /// Names and buffers.
    fn named_buffers(&self) -> Vec<(&str, &Buffer)> {
        let (mut seen, mut found) = (HashSet::new(), Vec::new());
        self.members(&mut |member| {
            if let Member::Buffer(buffer) = member
                && seen.insert((buffer.name(), buffer.variable().map(Variable::id)))
            {
                found.push((buffer.name(), buffer));
            }
        });
        found
    }

    /// The variables that training changes, each once: what an optimizer is given.
    fn variables(&self) -> Vec<&Variable> {
        let variables = self.named_parameters().into_iter().filter_map(|(_, parameter)| parameter.variable());
        variables.filter(|variable| variable.is_trainable()).collect()
    }

    /// The states of its sources of random numbers: what goes into a checkpoint beside the state dict, so that dropout goes on where it
    /// was.
    fn random_state(&self) -> Vec<&Variable> {
        let (mut seen, mut found) = (HashSet::new(), Vec::new());
        self.members(&mut |member| {
            if let Member::Keys(keys) = member
                && seen.insert(keys.variable().id())
            {
                found.push(keys.variable());
            }
        });
        found
    }

    /// Copies of all parameters and buffers by name, as PyTorch's `state_dict()`; [`Weights::save`] writes them.
    ///
    /// Errors: two tensors of one name; values that a run under way holds.
    #[cfg(not(target_arch = "wasm32"))]
    fn state_dict(&self) -> Result<Weights> {
        crate::device::block_on(self.state_dict_async())
    }

    /// As `state_dict`, for a browser.
    fn state_dict_async(&self) -> Pin<Box<dyn Future<Output = Result<Weights>> + '_>> {
        Box::pin(state_dict::save(self.named_parameters(), self.named_buffers()))
    }

    /// Sets all parameters and buffers to the tensors of their names.
    ///
    /// Errors: `Weights`, with all names that are missing, that the module does not have, or that have another dtype or shape; nothing is
    /// set then. Frozen parameters, too, which cannot be set.
    #[track_caller]
    fn load_state_dict(&self, weights: &Weights) -> Result<()> {
        state_dict::load(&self.named_parameters(), &self.named_buffers(), weights)
    }

    /// Turns training on: dropout drops, batch norm takes the statistics of the batch.
    fn train(&self) {
        self.members(&mut |member| {
            if let Member::Mode(mode) = member {
                mode.set(true);
            }
        });
    }

    /// Turns training off.
    fn eval(&self) {
        self.members(&mut |member| {
            if let Member::Mode(mode) = member {
                mode.set(false);
            }
        });
    }

    /// Keeps its variables out of training: they get no gradient until [`Module::unfreeze`]. An optimizer leaves them as they are.
    ///
    /// Errors: as [`Variable::set_trainable`].
    #[track_caller]
    fn freeze(&self) -> Result<()> {
        set_trainable(&self.named_parameters(), false)
    }

    /// Takes its variables into training again. Errors: as [`Variable::set_trainable`].
    #[track_caller]
    fn unfreeze(&self) -> Result<()> {
        set_trainable(&self.named_parameters(), true)
    }
}

#[track_caller]
fn set_trainable(parameters: &[(&str, &Parameter)], trainable: bool) -> Result<()> {
    for variable in parameters.iter().filter_map(|(_, parameter)| parameter.variable()) {
        variable.set_trainable(trainable)?;
    }
    Ok(())
}

macro_rules! members {
    ($($t:ident $variant:ident),*) => {$(
        impl Module for $t {
            fn members<'a>(&'a self, visit: &mut dyn FnMut(Member<'a>)) {
                visit(Member::$variant(self));
            }
        }
    )*};
}
members!(Parameter Parameter, Buffer Buffer, KeySequence Keys, Mode Mode);

macro_rules! without_members {
    ($($t:ty),* $(,)?) => {$(
        impl Module for $t {
            fn members<'a>(&'a self, _: &mut dyn FnMut(Member<'a>)) {}
        }
    )*};
}
without_members!(
    bool,
    u8,
    u16,
    u32,
    u64,
    usize,
    i8,
    i16,
    i32,
    i64,
    isize,
    f32,
    f64,
    char,
    String,
    &'static str,
    (),
    crate::Device,
    crate::DType,
    crate::Dim,
    crate::Shape,
    crate::Tensor,
    crate::tensor::ConvOptions,
    crate::tensor::ConvTransposeOptions,
);

macro_rules! sequences {
    ($([$($generics:tt)*] $t:ty),* $(,)?) => {$(
        impl<T: Module, $($generics)*> Module for $t {
            fn members<'a>(&'a self, visit: &mut dyn FnMut(Member<'a>)) {
                self.iter().for_each(|module| module.members(visit));
            }
        }
    )*};
}
sequences!([] Option<T>, [] Vec<T>, [const N: usize] [T; N]);

macro_rules! pointers {
    ($($t:ty),* $(,)?) => {$(
        impl<T: Module + ?Sized> Module for $t {
            fn members<'a>(&'a self, visit: &mut dyn FnMut(Member<'a>)) {
                (**self).members(visit);
            }
        }
    )*};
}
pointers!(Box<T>, std::sync::Arc<T>, &T);

macro_rules! tuples {
    ($(($($name:ident)+))*) => {$(
        impl<$($name: Module),+> Module for ($($name,)+) {
            #[allow(non_snake_case, reason = "the members of a tuple are called like their types")]
            fn members<'a>(&'a self, visit: &mut dyn FnMut(Member<'a>)) {
                let ($($name,)+) = self;
                $($name.members(visit);)+
            }
        }
    )*};
}
tuples! { (A) (A B) (A B C) (A B C D) }
