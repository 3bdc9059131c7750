//! What a tensor handle points to.

use super::Tensor;
use crate::device::Device;
use crate::plan::lock;
use crate::trace;
use hadal_device::Buffer;
use hadal_graph::op::{Op, Types};
use hadal_graph::{Graph, HostTensor};
use smallvec::SmallVec;
use std::cell::Cell;
use std::panic::Location;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

/// A recorded expression, and its value once it has been computed.
pub(crate) struct Node {
    pub(crate) device: Device,
    /// One type per result; more than one only for nodes that are read through `Project`.
    pub(crate) types: Types,
    /// Where the user asked for it.
    pub(crate) location: &'static Location<'static>,
    /// The trace during which it was recorded; 0 outside of traces. Inner traces have larger numbers.
    pub(crate) scope: u64,
    /// The variable whose version this is: differentiation ends here.
    pub(crate) variable: Option<VersionOf>,
    /// Whether a trainable variable is among its ancestors.
    pub(crate) requires_grad: bool,
    /// Whether it is part of the gradient of what was asked for at `location`.
    pub(crate) gradient: bool,
    depth: u32,
    state: Mutex<State>,
}

/// The variable that a node is a version of.
#[derive(Clone)]
pub(crate) struct VersionOf {
    pub(crate) id: u64,
    pub(crate) name: Arc<str>,
}

pub(crate) struct State {
    pub(crate) source: Source,
    pub(crate) value: Option<Buffer>,
    /// Whether `backward` has been here: the history goes when the value arrives.
    pub(crate) released: bool,
    /// Of a node with several results: the nodes that each read one of them. They are computed together.
    pub(crate) projections: Vec<Weak<Node>>,
}

/// How a node's value comes to be.
pub(crate) enum Source {
    /// An op applied to other nodes.
    Applied(Box<Applied>),
    /// The value of another node, without its history.
    Alias(Tensor),
    /// A frozen tensor in host memory, uploaded when it is first needed.
    Weight(Arc<Weight>),
    /// Stands for a value that a run of the traced function is given.
    Placeholder(Arc<str>),
    /// There is a value, and its history is gone.
    Nothing,
}

pub(crate) struct Applied {
    pub(crate) op: Op,
    pub(crate) inputs: SmallVec<[Tensor; 3]>,
    pub(crate) regions: Vec<Arc<Graph>>,
}

pub(crate) struct Weight {
    pub(crate) name: String,
    pub(crate) value: HostTensor,
}

impl Source {
    /// Moves the nodes that this source refers to out of it.
    fn take_inputs(&mut self, into: &mut Vec<Tensor>) {
        match std::mem::replace(self, Source::Nothing) {
            Source::Applied(mut applied) => into.extend(applied.inputs.drain(..)),
            Source::Alias(of) => into.push(of),
            Source::Weight(_) | Source::Placeholder(_) | Source::Nothing => {}
        }
    }
}

/// What is known of a node when it is made.
pub(crate) struct Fresh {
    pub(crate) device: Device,
    pub(crate) types: Types,
    pub(crate) location: &'static Location<'static>,
    pub(crate) scope: u64,
    pub(crate) source: Source,
    pub(crate) value: Option<Buffer>,
    pub(crate) variable: Option<VersionOf>,
    pub(crate) requires_grad: bool,
    pub(crate) gradient: bool,
    pub(crate) depth: u32,
}

impl Fresh {
    /// A node without history, in the innermost trace.
    pub(crate) fn new(
        device: &Device,
        types: Types,
        location: &'static Location<'static>,
        source: Source,
    ) -> Fresh {
        Fresh {
            device: device.clone(),
            types,
            location,
            scope: trace::scope(),
            source,
            value: None,
            variable: None,
            requires_grad: false,
            gradient: false,
            depth: 0,
        }
    }

    pub(crate) fn into_tensor(self) -> Tensor {
        let Fresh { device, types, location, scope, source, value, variable, requires_grad, gradient, depth } =
            self;
        let state = Mutex::new(State { source, value, released: false, projections: Vec::new() });
        device.book().live_nodes.fetch_add(1, Ordering::Relaxed);
        let node = Arc::new(Node {
            device,
            types,
            location,
            scope,
            variable,
            requires_grad,
            gradient,
            depth,
            state,
        });
        if node.state().value.is_some() {
            node.device.book().remember(&node);
        }
        Tensor(node)
    }
}

impl Node {
    pub(crate) fn state(&self) -> MutexGuard<'_, State> {
        lock(&self.state)
    }

    /// Length of the longest chain of pending ancestors, this node included; 0 where a value is at hand.
    pub(crate) fn pending_depth(&self) -> u32 {
        if self.state().value.is_some() { 0 } else { self.depth }
    }

    /// Stores the value, and lets the history go unless a later `backward` may need it.
    pub(crate) fn fulfil(&self, value: Buffer) {
        let mut state = self.state();
        state.value.get_or_insert(value);
        let needed = self.requires_grad && self.variable.is_none() && !state.released;
        let gone =
            if needed { Source::Nothing } else { std::mem::replace(&mut state.source, Source::Nothing) };
        drop(state);
        drop(gone);
    }

    /// Marks the history as used: it goes now, or when the value arrives.
    pub(crate) fn release(&self) {
        let mut state = self.state();
        state.released = true;
        let gone = match state.value {
            Some(_) => std::mem::replace(&mut state.source, Source::Nothing),
            None => Source::Nothing,
        };
        drop(state);
        drop(gone);
    }

    /// Takes the value out of a node that nobody else refers to.
    pub(crate) fn into_value(mut self) -> Option<Buffer> {
        self.state.get_mut().unwrap_or_else(PoisonError::into_inner).value.take()
    }

    fn take_inputs(&mut self, into: &mut Vec<Tensor>) {
        self.state.get_mut().unwrap_or_else(PoisonError::into_inner).source.take_inputs(into);
    }
}

/// Long chains are taken apart in a loop: recursion would overflow the stack.
impl Drop for Node {
    fn drop(&mut self) {
        self.device.book().live_nodes.fetch_sub(1, Ordering::Relaxed);
        let mut pending = Vec::new();
        self.take_inputs(&mut pending);
        while let Some(tensor) = pending.pop() {
            if let Some(mut node) = Arc::into_inner(tensor.0) {
                node.take_inputs(&mut pending);
            }
        }
    }
}

thread_local! {
    static RECORDS_HISTORY: Cell<bool> = const { Cell::new(true) };
}

/// Whether nodes made now remember what they depend on.
pub(crate) fn records_history() -> bool {
    RECORDS_HISTORY.get()
}

/// Runs `f` without recording history: nothing made in it can be differentiated. Saves the memory that a later `backward` would need.
pub fn no_grad<R>(f: impl FnOnce() -> R) -> R {
    struct Restore(bool);
    impl Drop for Restore {
        fn drop(&mut self) {
            RECORDS_HISTORY.set(self.0);
        }
    }
    let _restore = Restore(RECORDS_HISTORY.replace(false));
    f()
}
