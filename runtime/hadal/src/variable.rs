//! State: tensors that are replaced as a program goes on.

use crate::device::Device;
use crate::plan::lock;
use crate::tensor::Tensor;
use crate::tensor::node::{Fresh, Source, VersionOf};
use crate::{Error, Result, trace};
use hadal_device::Buffer;
use hadal_graph::{DType, Shape, TensorType};
use std::collections::BTreeMap;
use std::fmt;
use std::panic::Location;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, Weak};

/// A named tensor that can be replaced: a weight in training, an optimizer's moment, a counter, a cache.
///
/// [`get`](Variable::get) reads the current version. An expression recorded before a [`set`](Variable::set) still means the version that
/// it read. Gradients are taken with respect to trainable variables. Cloning gives another handle to the same variable.
#[derive(Clone)]
pub struct Variable(Arc<Inner>);

pub(crate) struct Inner {
    id: u64,
    name: Arc<str>,
    ty: TensorType,
    device: Device,
    trainable: AtomicBool,
    slot: Mutex<Slot>,
}

enum Slot {
    Held(Tensor),
    /// A run of a traced function has taken the value.
    Taken,
    Lost(String),
}

static IDS: AtomicU64 = AtomicU64::new(1);

impl Variable {
    /// A trainable variable with an initial value. Integers and booleans are never trainable.
    ///
    /// Errors: a value whose shape is not known, as within a traced model.
    #[track_caller]
    pub fn new(name: &str, value: &Tensor) -> Result<Variable> {
        Variable::with(name, value, value.dtype().is_float())
    }

    /// A variable that gets no gradient: moments, statistics, counters, caches.
    #[track_caller]
    pub fn state(name: &str, value: &Tensor) -> Result<Variable> {
        Variable::with(name, value, false)
    }

    #[track_caller]
    fn with(name: &str, value: &Tensor, trainable: bool) -> Result<Variable> {
        value.dims()?;
        let variable = Variable(Arc::new(Inner {
            id: IDS.fetch_add(1, Ordering::Relaxed),
            name: name.into(),
            ty: value.ty().clone(),
            device: value.device().clone(),
            trainable: AtomicBool::new(trainable),
            slot: Mutex::new(Slot::Taken),
        }));
        variable.hold(variable.version(value));
        Ok(variable)
    }

    /// The current version.
    ///
    /// Errors: `Variable` while a run of a traced function holds the value, or after one has failed with it.
    pub fn get(&self) -> Result<Tensor> {
        match trace::read(self) {
            Some(traced) => Ok(traced),
            None => self.held(),
        }
    }

    /// Replaces the value. Its history is not kept: gradients end at the new version.
    ///
    /// Errors: another dtype, shape or device; within a region of a loop or a traced model.
    #[track_caller]
    pub fn set(&self, value: &Tensor) -> Result<()> {
        if *value.ty() != self.0.ty {
            return Err(Error::argument(format!(
                "the variable `{}` is {}, but was set to {}: a variable keeps its dtype and shape",
                self.0.name,
                self.0.ty,
                value.ty()
            )));
        }
        if *value.device() != self.0.device {
            return Err(Error::devices("set", &self.0.device, value.device(), Location::caller()));
        }
        if !trace::write(self, value)? {
            self.hold(self.version(value));
        }
        Ok(())
    }

    /// Its name.
    pub fn name(&self) -> &str {
        &self.0.name
    }

    /// Its extents.
    pub fn shape(&self) -> &Shape {
        &self.0.ty.shape
    }

    /// Its element type.
    pub fn dtype(&self) -> DType {
        self.0.ty.dtype
    }

    /// Where it lives.
    pub fn device(&self) -> &Device {
        &self.0.device
    }

    /// Whether it gets a gradient.
    pub fn is_trainable(&self) -> bool {
        self.0.trainable.load(Ordering::Relaxed)
    }

    /// Takes the variable into training or out of it, for what is recorded from now on. A function of [`jit`](crate::jit) that uses it is
    /// traced again.
    ///
    /// Errors: integers; while a function is traced; as [`Variable::get`].
    #[track_caller]
    pub fn set_trainable(&self, trainable: bool) -> Result<()> {
        if trainable && !self.dtype().is_float() {
            return Err(Error::argument(format!(
                "the variable `{}` is {}: only floats are trained",
                self.0.name, self.0.ty
            )));
        }
        if trace::scope() != 0 {
            return Err(self.error("what is trained cannot change while a function is traced"));
        }
        let current = self.held()?;
        self.0.trainable.store(trainable, Ordering::Relaxed);
        self.hold(self.version(&current));
        Ok(())
    }

    pub(crate) fn id(&self) -> u64 {
        self.0.id
    }

    pub(crate) fn ty(&self) -> &TensorType {
        &self.0.ty
    }

    /// The current version outside of any trace.
    pub(crate) fn held(&self) -> Result<Tensor> {
        match &*lock(&self.0.slot) {
            Slot::Held(tensor) => Ok(tensor.clone()),
            Slot::Taken => Err(self.error("a run that is under way holds it")),
            Slot::Lost(reason) => Err(self.error(reason)),
        }
    }

    /// A version: the value of `of`, at which differentiation ends.
    #[track_caller]
    pub(crate) fn version(&self, of: &Tensor) -> Tensor {
        let ty = smallvec::smallvec![self.0.ty.clone()];
        let (source, value) = match &of.0.state().value {
            Some(value) => (Source::Nothing, Some(value.clone())),
            None => (Source::Alias(of.clone()), None),
        };
        let mut fresh = Fresh::new(&self.0.device, ty, Location::caller(), source);
        fresh.variable = Some(self.origin());
        fresh.requires_grad = self.is_trainable();
        fresh.depth = of.0.pending_depth();
        fresh.value = value;
        fresh.into_tensor()
    }

    /// Stands for the value before a run of the step with number `scope`.
    #[track_caller]
    pub(crate) fn placeholder(&self, name: &str, scope: u64) -> Tensor {
        let ty = smallvec::smallvec![self.0.ty.clone()];
        let source = Source::Placeholder(name.into());
        let mut fresh = Fresh::new(&self.0.device, ty, Location::caller(), source);
        fresh.scope = scope;
        fresh.variable = Some(self.origin());
        fresh.requires_grad = self.is_trainable();
        fresh.into_tensor()
    }

    pub(crate) fn hold(&self, version: Tensor) {
        let pending = version.0.scope == 0 && !version.is_computed();
        let previous = std::mem::replace(&mut *lock(&self.0.slot), Slot::Held(version));
        drop(previous);
        if pending {
            self.0.device.effects().insert(self);
        }
    }

    /// Takes the value for a run that may change it in place; the handle is the only one unless somebody kept a tensor.
    ///
    /// Errors: when it is not there. The version must have been computed.
    pub(crate) fn take(&self) -> Result<Buffer> {
        let mut slot = lock(&self.0.slot);
        match std::mem::replace(&mut *slot, Slot::Taken) {
            Slot::Held(tensor) => {
                let shared = tensor.0.state().value.clone();
                match Arc::try_unwrap(tensor.0) {
                    Ok(node) => {
                        drop(shared);
                        node.into_value().ok_or_else(|| self.error("it has not been computed"))
                    }
                    Err(_) => shared.ok_or_else(|| self.error("it has not been computed")),
                }
            }
            other => {
                let reason = match &other {
                    Slot::Lost(reason) => reason.clone(),
                    _ => "a run that is under way holds it".to_string(),
                };
                *slot = other;
                Err(self.error(&reason))
            }
        }
    }

    /// Gives the value back after a run.
    #[track_caller]
    pub(crate) fn give(&self, value: Buffer) {
        let ty = smallvec::smallvec![self.0.ty.clone()];
        let mut fresh = Fresh::new(&self.0.device, ty, Location::caller(), Source::Nothing);
        fresh.variable = Some(self.origin());
        fresh.requires_grad = self.is_trainable();
        fresh.value = Some(value);
        self.hold(fresh.into_tensor());
    }

    /// Notes that the value went down with a run.
    pub(crate) fn lose(&self, reason: &str) {
        *lock(&self.0.slot) = Slot::Lost(reason.into());
    }

    fn origin(&self) -> VersionOf {
        VersionOf { id: self.0.id, name: self.0.name.clone() }
    }

    fn error(&self, reason: &str) -> Error {
        Error::Variable { name: self.0.name.to_string(), reason: reason.into() }
    }
}

/// Variables of a device whose current versions are pending: they join the next run, so that what was set is computed even if nobody
/// asks for it, and no chain of versions grows.
#[derive(Default)]
pub(crate) struct Effects(Mutex<BTreeMap<u64, Weak<Inner>>>);

impl Effects {
    fn insert(&self, variable: &Variable) {
        lock(&self.0).insert(variable.id(), Arc::downgrade(&variable.0));
    }

    /// The pending versions, oldest variable first; the list is empty afterwards.
    pub(crate) fn take(&self) -> Vec<Tensor> {
        let variables = std::mem::take(&mut *lock(&self.0));
        let alive = variables.into_values().filter_map(|weak| weak.upgrade().map(Variable));
        alive.filter_map(|variable| variable.held().ok()).filter(|version| !version.is_computed()).collect()
    }
}

/// A variable that goes leaves the list.
impl Drop for Inner {
    fn drop(&mut self) {
        lock(&self.device.effects().0).remove(&self.id);
    }
}

impl PartialEq for Variable {
    fn eq(&self, other: &Variable) -> bool {
        self.0.id == other.0.id
    }
}
impl Eq for Variable {}

impl fmt::Debug for Variable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Variable({}: {} on {})", self.0.name, self.0.ty, self.0.device)
    }
}
