//! Binding: what a program keeps between runs, and whether it is well formed.

use crate::backend::Shared;
use crate::memory::Block;
use crate::storage::copy_bytes;
use hadal_device::{DeviceError, Weights};
use hadal_graph::program::{Program, Role, Step, ValueId};
use hadal_graph::{Bytes, DType, HostTensor};
use std::sync::Arc;

/// Memory that an executable keeps for one value.
pub(crate) enum Kept {
    /// A parameter or constant where it lies: in a memory map, a file's bytes, the program.
    Borrowed(Bytes),
    /// A copy, or the result of a `once` step.
    Owned(Arc<Block>, usize),
}

impl Kept {
    /// The first byte. Only `Owned` memory of results of `once` is ever written, and only while they are computed.
    pub(crate) fn ptr(&self) -> *mut u8 {
        match self {
            Kept::Borrowed(bytes) => bytes.as_ptr().cast_mut(),
            Kept::Owned(block, _) => block.ptr(),
        }
    }

    /// Canonical bytes.
    pub(crate) fn bytes(&self) -> usize {
        match self {
            Kept::Borrowed(bytes) => bytes.len(),
            Kept::Owned(_, bytes) => *bytes,
        }
    }

    /// The tensor itself where its memory can be used as it is, otherwise a copy. Errors: `OutOfMemory`.
    fn new(tensor: &HostTensor, shared: &Shared) -> Result<Kept, DeviceError> {
        let bytes = tensor.bytes();
        let aligned = (bytes.as_ptr() as usize).is_multiple_of(tensor.dtype().size());
        let canonical = tensor.dtype() != DType::Bool || bytes.iter().all(|&b| b <= 1);
        if aligned && canonical {
            return Ok(Kept::Borrowed(bytes.clone()));
        }
        let block = shared.memory.allocate(bytes.len(), false)?;
        // SAFETY: the block holds that many bytes and nobody else knows it yet.
        unsafe { copy_bytes(bytes.as_ptr(), block.ptr(), bytes.len(), tensor.dtype()) };
        Ok(Kept::Owned(Arc::new(block), bytes.len()))
    }
}

/// What `program` keeps, by value: its constants, and its parameters from `weights`.
///
/// Errors: `Argument` for a parameter that is missing or has another dtype or size.
pub(crate) fn bind(
    program: &Program,
    weights: &Weights,
    shared: &Shared,
) -> Result<Vec<Option<Kept>>, DeviceError> {
    let mut kept: Vec<Option<Kept>> = program.values.iter().map(|_| None).collect();
    for &id in &program.parameters {
        let name = &program.values[id].name;
        let tensor = weights.get(name).ok_or_else(|| {
            DeviceError::Argument(format!(
                "the weights have no tensor `{name}`, which `{}` needs ({} are given)",
                program.name,
                weights.len()
            ))
        })?;
        check_tensor(program, id, tensor, "parameter")?;
        kept[id.index()] = Some(Kept::new(tensor, shared)?);
    }
    for (id, tensor) in &program.constants {
        check_tensor(program, *id, tensor, "constant")?;
        kept[id.index()] = Some(Kept::new(tensor, shared)?);
    }
    Ok(kept)
}

fn check_tensor(program: &Program, id: ValueId, tensor: &HostTensor, what: &str) -> Result<(), DeviceError> {
    let value = &program.values[id];
    let expected = value.shape.as_const().ok_or_else(|| {
        DeviceError::Argument(format!(
            "the {what} `{}` has a shape that is not constant: {}",
            value.name, value.shape
        ))
    })?;
    let elements = crate::eval::map::product(&expected)?;
    if tensor.dtype() != value.dtype || tensor.elements() != elements {
        return Err(DeviceError::Argument(format!(
            "the {what} `{}` is {}{:?}, but the program expects {}{expected:?}",
            value.name,
            tensor.dtype(),
            tensor.shape(),
            value.dtype
        )));
    }
    Ok(())
}

/// Checks what the rest of the backend relies on: handles exist, aliases end, and no step writes what it must not.
///
/// Errors: `Argument`.
pub(crate) fn validate(program: &Program) -> Result<(), DeviceError> {
    let wrong =
        |what: String| DeviceError::Argument(format!("the program `{}` is malformed: {what}", program.name));
    let exists = |id: ValueId| id.index() < program.values.len();
    let steps = || program.once.iter().chain(&program.steps);
    let listed = [&program.inputs, &program.variables, &program.parameters, &program.outputs];
    let named = listed.into_iter().flatten().copied();
    let named =
        named.chain(program.constants.iter().map(|c| c.0)).chain(program.updates.iter().map(|u| u.value));
    let touched = steps().flat_map(|s| s.reads.iter().chain(&s.writes).copied());
    if let Some(id) = named.chain(touched).find(|&id| !exists(id)) {
        return Err(wrong(format!("it names the value {id}, which does not exist")));
    }
    if let Some(update) = program.updates.iter().find(|u| u.variable >= program.variables.len()) {
        return Err(wrong(format!("it updates variable {}, which does not exist", update.variable)));
    }
    for (id, value) in program.values.iter() {
        let (mut at, mut hops) = (id, 0);
        while let Some(next) = program.values[at].alias {
            hops += 1;
            if !exists(next) || hops > program.values.len() {
                return Err(wrong(format!("the aliases of `{}` do not end", value.name)));
            }
            at = next;
        }
    }
    let listed_as = |list: &[ValueId], n: usize, id: ValueId| list.get(n) == Some(&id);
    for (id, value) in program.values.iter() {
        let good = match value.role {
            Role::Input(n) => listed_as(&program.inputs, n, id),
            Role::Variable(n) => listed_as(&program.variables, n, id),
            Role::Parameter(n) => listed_as(&program.parameters, n, id),
            Role::Constant(n) => program.constants.get(n).is_some_and(|c| c.0 == id),
            Role::Once | Role::Computed => true,
        };
        if !good {
            return Err(wrong(format!("`{}` is not where its role {:?} says", value.name, value.role)));
        }
    }
    let is_once = |id: ValueId| program.values[program.storage(id)].role == Role::Once;
    for (part, steps) in [(true, &program.once), (false, &program.steps)] {
        for step in steps {
            check_step(program, step, part, &is_once).map_err(&wrong)?;
        }
    }
    Ok(())
}

fn check_step(
    program: &Program,
    step: &Step,
    once: bool,
    is_once: &dyn Fn(ValueId) -> bool,
) -> Result<(), String> {
    let role = |id: ValueId| program.values[program.storage(id)].role;
    for (i, &id) in step.writes.iter().enumerate() {
        let allowed = if once { is_once(id) } else { matches!(role(id), Role::Computed | Role::Variable(_)) };
        if !allowed {
            return Err(format!("`{}` writes to {:?}", step.label, role(id)));
        }
        if step.writes[..i].iter().any(|&other| program.storage(other) == program.storage(id)) {
            return Err(format!("`{}` writes the same storage twice", step.label));
        }
    }
    if once
        && step
            .reads
            .iter()
            .any(|&id| matches!(role(id), Role::Input(_) | Role::Variable(_) | Role::Computed))
    {
        return Err(format!("`{}` runs at preparation but reads what is only known in a run", step.label));
    }
    Ok(())
}
