//! What layers hold: parameters and buffers.

use crate::tensor::Tensor;
use crate::variable::Variable;
use crate::{Error, Result};
use std::sync::Arc;

/// A weight of a layer: a [`Variable`], which training changes, or a frozen tensor, usually of a file, that stays as it is.
#[derive(Clone, Debug)]
pub struct Parameter(Held);

/// What a layer computes from data rather than from gradients, such as running statistics. It is saved with the parameters and never
/// trained.
#[derive(Clone, Debug)]
pub struct Buffer(Held);

#[derive(Clone, Debug)]
enum Held {
    Variable(Variable),
    Frozen { name: Arc<str>, value: Tensor },
}

impl Parameter {
    /// A parameter that stays as it is. In a traced model it goes by the tensor's name, see [`Tensor::weight`].
    pub fn frozen(name: &str, value: &Tensor) -> Parameter {
        Parameter(Held::Frozen { name: name.into(), value: value.clone() })
    }

    /// The current value. Errors: a variable that a run under way holds.
    pub fn get(&self) -> Result<Tensor> {
        self.0.get()
    }

    /// Its full name.
    pub fn name(&self) -> &str {
        self.0.name()
    }

    /// The variable; `None` for a frozen tensor.
    pub fn variable(&self) -> Option<&Variable> {
        self.0.variable()
    }
}

/// A parameter with the variable's name.
impl From<Variable> for Parameter {
    fn from(variable: Variable) -> Parameter {
        Parameter(Held::Variable(variable))
    }
}

impl Buffer {
    /// A buffer that nothing may change.
    pub fn frozen(name: &str, value: &Tensor) -> Buffer {
        Buffer(Held::Frozen { name: name.into(), value: value.clone() })
    }

    /// The current value. Errors: as [`Parameter::get`].
    pub fn get(&self) -> Result<Tensor> {
        self.0.get()
    }

    /// Replaces the value. Errors: a frozen buffer; as [`Variable::set`].
    #[track_caller]
    pub fn set(&self, value: &Tensor) -> Result<()> {
        match &self.0 {
            Held::Variable(variable) => variable.set(value),
            Held::Frozen { name, .. } => Err(Error::argument(format!(
                "the buffer `{name}` is frozen, so it cannot be updated\n  hint: call `eval()`, or build the layer on `Scope::weights(..).trainable()`"
            ))),
        }
    }

    /// Its full name.
    pub fn name(&self) -> &str {
        self.0.name()
    }

    /// The variable; `None` for a frozen tensor.
    pub fn variable(&self) -> Option<&Variable> {
        self.0.variable()
    }
}

/// A buffer with the name of the variable, which should be [`Variable::state`].
impl From<Variable> for Buffer {
    fn from(variable: Variable) -> Buffer {
        Buffer(Held::Variable(variable))
    }
}

impl Held {
    fn get(&self) -> Result<Tensor> {
        match self {
            Held::Variable(variable) => variable.get(),
            Held::Frozen { value, .. } => Ok(value.clone()),
        }
    }

    fn name(&self) -> &str {
        match self {
            Held::Variable(variable) => variable.name(),
            Held::Frozen { name, .. } => name,
        }
    }

    fn variable(&self) -> Option<&Variable> {
        match self {
            Held::Variable(variable) => Some(variable),
            Held::Frozen { .. } => None,
        }
    }
}
