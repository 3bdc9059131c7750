//! Kernels: their hooks have the domains and dtypes that their documentation gives, and every write is stored to.

use super::pointwise::Hook;
use super::{Check, ensure, join};
use crate::error::GraphError;
use crate::program::{Body, Kernel, Operand, Program, ReduceOp, Role, Step, ValueId};
use crate::{Bindings, DType, Dim, Shape};
use std::collections::BTreeSet;

pub(super) enum Problem {
    /// A problem of this step.
    Here(String),
    /// A problem within a program that the step owns.
    Nested(GraphError),
}

impl From<String> for Problem {
    fn from(problem: String) -> Problem {
        Problem::Here(problem)
    }
}

/// Checks a step whose reads and writes exist.
pub(super) fn check(program: &Program, step: &Step, sizes: &Bindings) -> Result<(), Problem> {
    if let Kernel::Loop(_) | Kernel::Branch(_) = step.kernel {
        return control(program, step);
    }
    let mut stored = BTreeSet::new();
    hooks(program, step, sizes, &mut stored)?;
    for (position, id) in step.writes.iter().enumerate() {
        ensure(stored.contains(&position), || format!("nothing is stored to write {position} ({id})"))?;
    }
    Ok(())
}

fn hooks(program: &Program, step: &Step, sizes: &Bindings, stored: &mut BTreeSet<usize>) -> Check {
    let hook = |name, domain, accumulators| Hook { program, step, name, domain, accumulators, sizes };
    let operand = |name, parts: &[&[Dim]], operand: &Operand| {
        hook(name, join(parts.iter().copied()), &[]).operand(operand)
    };
    match &step.kernel {
        Kernel::Pointwise(kernel) => hook("body", kernel.domain.clone(), &[]).body(&kernel.body, stored),
        Kernel::Reduce(kernel) => {
            let mut accumulators: Vec<DType> = Vec::new();
            let elements = join([&kernel.outer[..], &kernel.row]);
            ensure(!kernel.phases.is_empty(), || "a reduction has no phase".into())?;
            for phase in &kernel.phases {
                let domain = elements.clone();
                Hook { program, step, name: "phase", domain, accumulators: &accumulators, sizes }
                    .operand(&phase.operand)?;
                let position = matches!(phase.op, ReduceOp::ArgMax | ReduceOp::ArgMin);
                let dtype = if position { DType::I64 } else { phase.operand.dtype() };
                ensure(phase.dtype == dtype, || {
                    format!("{:?} of {} gives {dtype}, not {}", phase.op, phase.operand.dtype(), phase.dtype)
                })?;
                accumulators.push(phase.dtype);
            }
            for (name, domain, body) in [
                ("per row", kernel.outer.clone(), &kernel.per_row),
                ("per element", elements, &kernel.per_element),
            ] {
                if let Some(body) = body {
                    Hook { program, step, name, domain, accumulators: &accumulators, sizes }
                        .body(body, stored)?;
                }
            }
            Ok(())
        }
        Kernel::Contract(kernel) => {
            let [batch, m, n, k] = [&kernel.batch, &kernel.m, &kernel.n, &kernel.k].map(|s| &s[..]);
            operand("operand a", &[batch, m, k], &kernel.a)?;
            operand("operand b", &[batch, k, n], &kernel.b)?;
            let (a, b) = (kernel.a.dtype(), kernel.b.dtype());
            ensure(a == b && a != DType::Bool, || {
                format!("the operands are {a} and {b}, not one number type")
            })?;
            hook("epilogue", join([batch, m, n]), &[kernel.dtype]).body(&kernel.epilogue, stored)
        }
        Kernel::Attention(kernel) => {
            let batch = &kernel.batch[..];
            let [queries, keys, head, value] =
                [&kernel.queries, &kernel.keys, &kernel.head_dim, &kernel.value_dim]
                    .map(std::slice::from_ref);
            operand("query", &[batch, queries, head], &kernel.q)?;
            operand("key", &[batch, keys, head], &kernel.k)?;
            operand("value", &[batch, keys, value], &kernel.v)?;
            for given in [&kernel.q, &kernel.k, &kernel.v].into_iter().chain(&kernel.mask) {
                ensure(given.dtype().is_float(), || {
                    format!("attention takes floats, not {}", given.dtype())
                })?;
            }
            if let Some(mask) = &kernel.mask {
                operand("mask", &[batch, queries, keys], mask)?;
            }
            if let Some(position) = kernel.log_sum_exp {
                let rows = join([batch, queries]);
                direct(program, step, position, DType::F32, &rows.elements(), stored)?;
            }
            let alone = kernel.log_sum_exp.is_some() && kernel.epilogue == Body::default();
            if alone {
                return Ok(());
            }
            hook("epilogue", join([batch, queries, value]), &[kernel.dtype]).body(&kernel.epilogue, stored)
        }
        Kernel::Scatter(kernel) => {
            let [outer, inner] = [&kernel.outer[..], &kernel.inner];
            let [updates, extent] = [&kernel.updates, &kernel.extent].map(std::slice::from_ref);
            let result = join([outer, extent, inner]);
            direct(program, step, 0, kernel.update.dtype(), &result.elements(), stored)?;
            operand("index", &[updates], &kernel.index)?;
            ensure(kernel.index.dtype().is_int(), || format!("the index is {}", kernel.index.dtype()))?;
            operand("update", &[outer, updates, inner], &kernel.update)?;
            match &kernel.init {
                Some(init) => {
                    operand("init", &[outer, extent, inner], init)?;
                    ensure(init.dtype() == kernel.update.dtype(), || {
                        format!(
                            "the result starts as {}, but updates are {}",
                            init.dtype(),
                            kernel.update.dtype()
                        )
                    })
                }
                None => ensure(program.values[step.writes[0]].alias.is_some(), || {
                    "a scatter without a start must write over the tensor that it updates".into()
                }),
            }
        }
        Kernel::Scan(kernel) => {
            let domain = join([&kernel.outer[..], std::slice::from_ref(&kernel.length)]);
            hook("operand", domain.clone(), &[]).operand(&kernel.operand)?;
            ensure(!matches!(kernel.op, ReduceOp::ArgMax | ReduceOp::ArgMin), || {
                "a scan has no positions".into()
            })?;
            hook("epilogue", domain, &[kernel.dtype]).body(&kernel.epilogue, stored)
        }
        Kernel::Sort(kernel) => {
            let domain = join([&kernel.outer[..], std::slice::from_ref(&kernel.length)]);
            hook("operand", domain.clone(), &[]).operand(&kernel.operand)?;
            let elements = domain.elements();
            for (position, (dtype, address)) in
                [(kernel.operand.dtype(), &kernel.values), (DType::I64, &kernel.indices)]
                    .into_iter()
                    .enumerate()
            {
                direct(program, step, position, dtype, &elements, stored)?;
                let hook = hook("results", domain.clone(), &[]);
                hook.affine(address, "an address")?;
                hook.in_range(address, &elements, "a store to", step.writes[position])?;
            }
            Ok(())
        }
        Kernel::Custom(kernel) => {
            for (read, shape) in &kernel.operands {
                let id = step.reads.get(*read).ok_or_else(|| {
                    format!("an operand is read {read}, but the step has {}", step.reads.len())
                })?;
                let value = &program.values[*id];
                ensure(
                    crate::op::custom::is_plain(value.dtype) && value.elements() == shape.elements(),
                    || {
                        format!(
                            "an operand of shape {shape} is {id}, which is {}{}",
                            value.dtype, value.shape
                        )
                    },
                )?;
                ensure(step.writes.iter().all(|&w| program.storage(w) != program.storage(*id)), || {
                    format!("{id} is written over while any element of it may be read")
                })?;
            }
            direct(program, step, 0, kernel.op.ty.dtype, &kernel.op.ty.shape.elements(), stored)
        }
        Kernel::Loop(_) | Kernel::Branch(_) => Ok(()),
    }
}

/// A write that the kernel itself fills, without a store: it has a dtype and a number of elements.
fn direct(
    program: &Program,
    step: &Step,
    position: usize,
    dtype: DType,
    elements: &Dim,
    stored: &mut BTreeSet<usize>,
) -> Check {
    let id = step.writes.get(position).ok_or_else(|| {
        format!("the kernel fills write {position}, but the step has {}", step.writes.len())
    })?;
    let value = &program.values[*id];
    ensure(value.dtype == dtype && value.elements() == *elements, || {
        format!("the kernel fills {id} with {elements} {dtype}, but it is {}{}", value.dtype, value.shape)
    })?;
    stored.insert(position);
    Ok(())
}

fn control(program: &Program, step: &Step) -> Result<(), Problem> {
    let same = |what: &str, outer: &[ValueId], inner: &Program, list: &[ValueId]| -> Check {
        ensure(outer.len() == list.len(), || {
            format!("{} {what}, but the program has {}", outer.len(), list.len())
        })?;
        for (&a, &b) in outer.iter().zip(list) {
            let (a, b) = (&program.values[a], &inner.values[b]);
            ensure(a.dtype == b.dtype && a.elements() == b.elements(), || {
                format!("of the {what}, {}{} meets {}{}", a.dtype, a.shape, b.dtype, b.shape)
            })?;
        }
        Ok(())
    };
    let own = |owned: &Program| -> Result<(), Problem> {
        owned.validate().map_err(Problem::Nested)?;
        Ok(ensure(owned.parameters.is_empty(), || "a program of a control step has parameters".into())?)
    };
    let flag = |p: &Program, id: Option<&ValueId>| -> Check {
        let holds =
            id.is_some_and(|&id| p.values[id].dtype == DType::Bool && p.values[id].shape == Shape::scalar());
        ensure(holds, || "what decides must be a bool scalar".into())
    };
    match &step.kernel {
        Kernel::Loop(kernel) => {
            own(&kernel.condition)?;
            own(&kernel.body)?;
            same("state read", &step.reads, &kernel.condition, &kernel.condition.inputs)?;
            same("state read", &step.reads, &kernel.body, &kernel.body.variables)?;
            same("state written", &step.writes, &kernel.body, &kernel.body.variables)?;
            flag(&kernel.condition, kernel.condition.outputs.first())?;
            let pure = kernel.condition.updates.is_empty() && kernel.condition.outputs.len() == 1;
            ensure(pure, || "the condition must have one output and update nothing".into())?;
            let closed = kernel.body.inputs.is_empty() && kernel.body.outputs.is_empty();
            ensure(closed, || "the body must have no inputs and no outputs besides its state".into())?;
        }
        Kernel::Branch(kernel) => {
            flag(program, step.reads.first())?;
            for taken in [&kernel.then, &kernel.otherwise] {
                own(taken)?;
                same("operands", &step.reads[1..], taken, &taken.inputs)?;
                same("results", &step.writes, taken, &taken.outputs)?;
                let stateless = taken.updates.is_empty()
                    && !taken.values.iter().any(|(_, v)| matches!(v.role, Role::Variable(_)));
                ensure(stateless, || "a branch must not have state".into())?;
            }
        }
        _ => {}
    }
    Ok(())
}
