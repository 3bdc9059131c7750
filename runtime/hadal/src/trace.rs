//! What is being traced on this thread.
//!
//! A traced function runs once, on placeholders, and what it records becomes a graph. While it runs, a *frame* says what reading and
//! setting a variable means: the plan's state for `jit`, a parameter for a model, state captured from outside for a region of
//! a loop.

use crate::amp::{Policy, PrecisionSelector};
use crate::device::Device;
use crate::mode::Mode;
use crate::tensor::Tensor;
use crate::tensor::node::{Fresh, Source};
use crate::variable::Variable;
use crate::{Error, Result};
use hadal_graph::TensorType;
use std::cell::RefCell;
use std::panic::Location;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// What is traced.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// A function of `jit`: variables are state of its plan.
    Step,
    /// A model: variables are frozen.
    Model,
    /// A region of a loop or branch: variables are those of the enclosing trace.
    Region,
    /// A region that is computed exactly once, where it stands: variables are those of the enclosing trace, and what is set within is
    /// set outside as well.
    Inline,
}

/// A variable that a traced function reads or sets.
#[derive(Clone)]
pub(crate) struct Used {
    pub(crate) variable: Variable,
    /// Stands for the value before the run.
    pub(crate) before: Tensor,
    /// The value after it, if it was set.
    pub(crate) after: Option<Tensor>,
    /// Whether it was trained when it was traced.
    pub(crate) trainable: bool,
}

/// What a traced function uses.
#[derive(Default)]
pub(crate) struct Uses {
    pub(crate) variables: Vec<Used>,
    /// Switches of layers, and what they said.
    pub(crate) modes: Vec<(Mode, bool)>,
    /// Selectors of precision, and what they chose.
    pub(crate) precisions: Vec<(PrecisionSelector, Arc<Policy>)>,
}

struct Frame {
    scope: u64,
    kind: Kind,
    uses: Uses,
}

thread_local! {
    static FRAMES: RefCell<Vec<Frame>> = const { RefCell::new(Vec::new()) };
}

static SCOPES: AtomicU64 = AtomicU64::new(1);

/// The number of the innermost trace; 0 outside of traces.
pub(crate) fn scope() -> u64 {
    FRAMES.with_borrow(|frames| frames.last().map_or(0, |f| f.scope))
}

/// Runs `f` in a new frame; returns what `f` returned, and what it used. `f` gets the frame's number.
pub(crate) fn traced<R>(kind: Kind, f: impl FnOnce(u64) -> Result<R>) -> Result<(R, Uses)> {
    struct Leave;
    impl Drop for Leave {
        fn drop(&mut self) {
            let frame = FRAMES.with_borrow_mut(|frames| frames.pop());
            drop(frame);
        }
    }
    let scope = SCOPES.fetch_add(1, Ordering::Relaxed);
    FRAMES.with_borrow_mut(|frames| frames.push(Frame { scope, kind, uses: Uses::default() }));
    let leave = Leave;
    let result = f(scope)?;
    let uses = FRAMES.with_borrow_mut(|frames| frames.last_mut().map(|f| std::mem::take(&mut f.uses)));
    drop(leave);
    Ok((result, uses.unwrap_or_default()))
}

/// A placeholder of the frame being traced.
pub(crate) fn placeholder(
    device: &Device,
    ty: TensorType,
    name: &str,
    location: &'static Location<'static>,
) -> Tensor {
    Fresh::new(device, smallvec::smallvec![ty], location, Source::Placeholder(name.into())).into_tensor()
}

/// The value of a variable within the step being traced; `None` where no step is traced.
pub(crate) fn read(variable: &Variable) -> Option<Tensor> {
    let set_within = FRAMES.with_borrow(|frames| {
        let inner = frames.iter().rev().take_while(|f| matches!(f.kind, Kind::Region | Kind::Inline));
        let mut used = inner.flat_map(|f| &f.uses.variables);
        used.find(|u| u.variable == *variable).and_then(|u| u.after.clone())
    });
    if set_within.is_some() {
        return set_within;
    }
    let known = FRAMES.with_borrow(|frames| {
        let frame = frames.iter().rev().find(|f| !matches!(f.kind, Kind::Region | Kind::Inline))?;
        if frame.kind != Kind::Step {
            return None;
        }
        let used = frame.uses.variables.iter().find(|u| u.variable == *variable);
        Some(used.map(|u| u.after.as_ref().unwrap_or(&u.before).clone()))
    })?;
    Some(known.unwrap_or_else(|| enter(variable)))
}

/// Notes that the step being traced depends on what a switch says.
pub(crate) fn note_mode(mode: &Mode, training: bool) {
    FRAMES.with_borrow_mut(|frames| {
        if let Some(frame) = frames.iter_mut().rev().find(|f| f.kind == Kind::Step)
            && !frame.uses.modes.iter().any(|(known, _)| known == mode)
        {
            frame.uses.modes.push((mode.clone(), training));
        }
    });
}

/// Notes that the step being traced depends on what a selector chose.
pub(crate) fn note_precision(selector: &PrecisionSelector, policy: &Arc<Policy>) {
    FRAMES.with_borrow_mut(|frames| {
        if let Some(frame) = frames.iter_mut().rev().find(|f| f.kind == Kind::Step)
            && !frame.uses.precisions.iter().any(|(known, _)| known == selector)
        {
            frame.uses.precisions.push((selector.clone(), policy.clone()));
        }
    });
}

/// Sets a variable within the step being traced; `false` where none is. Errors: within models and regions.
pub(crate) fn write(variable: &Variable, value: &Tensor) -> Result<bool> {
    let kind = FRAMES.with_borrow(|frames| frames.last().map(|f| f.kind));
    let refuse = |reason: &str| Err(Error::Variable { name: variable.name().into(), reason: reason.into() });
    match kind {
        None => return Ok(false),
        Some(Kind::Model) => {
            return refuse(
                "a model's variables are frozen: it cannot be set while a model is traced\n  hint: a module in training sets some; call its `eval()` first",
            );
        }
        Some(Kind::Region) => {
            return refuse("it cannot be set in a loop or branch\n  hint: carry it as state");
        }
        Some(Kind::Inline) => return write_inline(variable, value).map(|()| true),
        Some(Kind::Step) => {}
    }
    if read(variable).is_none() {
        return Ok(false);
    }
    let version = variable.version(value);
    let previous = FRAMES.with_borrow_mut(|frames| {
        let used =
            frames.last_mut().and_then(|f| f.uses.variables.iter_mut().find(|u| u.variable == *variable))?;
        used.after.replace(version)
    });
    drop(previous);
    Ok(true)
}

/// Sets a variable within a region that is computed once: the innermost frame remembers it.
fn write_inline(variable: &Variable, value: &Tensor) -> Result<()> {
    let before = variable.get()?;
    let after = Some(variable.version(&value.detach()));
    let previous = FRAMES.with_borrow_mut(|frames| {
        let used = &mut frames.last_mut()?.uses.variables;
        match used.iter_mut().find(|u| u.variable == *variable) {
            Some(known) => std::mem::replace(&mut known.after, after),
            None => {
                let trainable = variable.is_trainable();
                used.push(Used { variable: variable.clone(), before, after, trainable });
                None
            }
        }
    });
    drop(previous);
    Ok(())
}

/// Whether what is recorded now becomes part of a region, in which no tensor remembers its history.
pub(crate) fn in_region() -> bool {
    FRAMES.with_borrow(|frames| frames.last().is_some_and(|f| matches!(f.kind, Kind::Region | Kind::Inline)))
}

/// Makes a variable part of the step being traced.
fn enter(variable: &Variable) -> Tensor {
    let index = FRAMES.with_borrow(|frames| step(frames).map_or(0, |f| f.uses.variables.len()));
    let before = variable.placeholder(&format!("v{index}"), scope_of_step());
    FRAMES.with_borrow_mut(|frames| {
        if let Some(frame) = frames.iter_mut().rev().find(|f| f.kind == Kind::Step) {
            let trainable = variable.is_trainable();
            let used = Used { variable: variable.clone(), before: before.clone(), after: None, trainable };
            frame.uses.variables.push(used);
        }
    });
    before
}

fn step(frames: &[Frame]) -> Option<&Frame> {
    frames.iter().rev().find(|f| f.kind == Kind::Step)
}

fn scope_of_step() -> u64 {
    FRAMES.with_borrow(|frames| step(frames).map_or(0, |f| f.scope))
}
