//! Pointwise programs as WGSL statements.

use crate::ShaderError;
use crate::module::Module;
use crate::operators;
use crate::types::{Kind, literal};
use hadal_graph::DType;
use hadal_graph::program::{Body, Guard, Indirect, Instr, PointwiseProgram, Reg};
use std::collections::BTreeMap;
use std::fmt::Write;

/// Where a program is evaluated.
#[derive(Default)]
pub(crate) struct Scope<'a> {
    /// Expressions for the coordinates of the domain.
    pub(crate) coordinates: &'a [String],
    /// Expressions for the accumulators.
    pub(crate) accumulators: &'a [String],
    /// Registers whose value is already at hand.
    pub(crate) given: BTreeMap<Reg, String>,
    /// Prefix of the names of registers, where two programs share a function.
    pub(crate) prefix: &'a str,
}

/// Prints what the registers `roots` need; returns their names.
pub(crate) fn print_program(
    module: &mut Module,
    program: &PointwiseProgram,
    roots: &[Reg],
    scope: &Scope,
    out: &mut String,
) -> Result<Vec<String>, ShaderError> {
    let needed = needed(program, roots, &scope.given);
    let name = |reg: Reg| scope.given.get(&reg).cloned().unwrap_or_else(|| format!("{}r{reg}", scope.prefix));
    for (reg, typed) in program.instrs.iter().enumerate() {
        if !needed[reg] || scope.given.contains_key(&reg) {
            continue;
        }
        let kind = module.kind(typed.dtype)?;
        for operand in typed.instr.operands() {
            module.kind(program.dtype(operand))?;
        }
        let expression = match &typed.instr {
            Instr::Load { operand, map, indirect } => {
                let this = name(reg);
                if map.guards.is_empty() {
                    let address = print_address(module, program, &map.address, indirect, scope, &this, out);
                    module.load(*operand, &address)?
                } else {
                    let _ = writeln!(out, "    var {this}: {} = {};", kind.wgsl(), kind.zero());
                    let _ = writeln!(out, "    if {} {{", print_guards(module, &map.guards, scope));
                    let mut inner = String::new();
                    let address =
                        print_address(module, program, &map.address, indirect, scope, &this, &mut inner);
                    let loaded = module.load(*operand, &address)?;
                    let _ = writeln!(inner, "    {this} = {loaded};");
                    out.extend(inner.lines().flat_map(|line| ["    ", line, "\n"]));
                    let _ = writeln!(out, "    }}");
                    continue;
                }
            }
            Instr::Accumulator(n) => {
                scope.accumulators.get(*n).cloned().unwrap_or_else(|| kind.zero().into())
            }
            Instr::Const(value) => literal(*value, typed.dtype),
            Instr::Index(affine) => {
                let index = module.affine(affine, scope.coordinates);
                match kind {
                    Kind::I32 => operators::wrap(&format!("i32({index})"), typed.dtype),
                    Kind::U32 => operators::wrap(&index, typed.dtype),
                    Kind::Wide => format!("i64_from_i32(i32({index}))"),
                    Kind::F32 => format!("f32(i32({index}))"),
                    Kind::Bool => format!("({index} != 0u)"),
                }
            }
            Instr::InBounds(guards) => print_guards(module, guards, scope),
            Instr::Unary(op, x) => operators::unary(*op, &name(*x), program.dtype(*x)),
            Instr::Binary(op, a, b) => operators::binary(*op, &name(*a), &name(*b), typed.dtype),
            Instr::Compare(op, a, b) => operators::compare(*op, &name(*a), &name(*b), program.dtype(*a)),
            Instr::Select(c, a, b) => format!("select({}, {}, {})", name(*b), name(*a), name(*c)),
            Instr::Cast(x) => operators::cast(&name(*x), program.dtype(*x), typed.dtype),
            Instr::Random { key, counter } => {
                let counter = module.affine(counter, scope.coordinates);
                format!("philox({counter}, {}, {})", name(key[0]), name(key[1]))
            }
        };
        let _ = writeln!(out, "    let {} = {expression};", name(reg));
    }
    Ok(roots.iter().map(|&reg| name(reg)).collect())
}

/// Prints a body: its program, then its stores.
pub(crate) fn print_body(
    module: &mut Module,
    body: &Body,
    scope: &Scope,
    out: &mut String,
) -> Result<(), ShaderError> {
    let values = print_program(module, &body.program, &roots(body), scope, out)?;
    for (number, store) in body.stores.iter().enumerate() {
        let label = format!("{}s{number}", scope.prefix);
        let address =
            print_address(module, &body.program, &store.address, &store.indirect, scope, &label, out);
        let dtype = body.program.dtype(store.value);
        module.store(store.target, &address, &values[number], dtype, out)?;
    }
    Ok(())
}

/// The registers that a body's stores use: values first, then run-time indices.
pub(crate) fn roots(body: &Body) -> Vec<Reg> {
    let values = body.stores.iter().map(|store| store.value);
    let indices = body.stores.iter().flat_map(|store| store.indirect.iter().map(|i| i.index));
    values.chain(indices).collect()
}

/// Whether each register is needed for `roots`, when `given` ones are at hand.
pub(crate) fn needed(program: &PointwiseProgram, roots: &[Reg], given: &BTreeMap<Reg, String>) -> Vec<bool> {
    let mut needed = vec![false; program.instrs.len()];
    for &root in roots {
        needed[root] = true;
    }
    for reg in (0..program.instrs.len()).rev() {
        if needed[reg] && !given.contains_key(&reg) {
            for operand in program.instrs[reg].instr.operands() {
                needed[operand] = true;
            }
        }
    }
    needed
}

fn print_guards(module: &mut Module, guards: &[Guard], scope: &Scope) -> String {
    // One unsigned comparison tests both ends: a negative index wraps to a large one.
    let tests: Vec<String> = guards
        .iter()
        .map(|guard| {
            let index = module.affine(&guard.index, scope.coordinates);
            format!("{index} < {}", module.size(&guard.extent))
        })
        .collect();
    if tests.is_empty() { "true".into() } else { tests.join(" && ") }
}

fn print_address(
    module: &mut Module,
    program: &PointwiseProgram,
    address: &hadal_graph::program::Affine,
    indirect: &[Indirect],
    scope: &Scope,
    label: &str,
    out: &mut String,
) -> String {
    let mut text = module.affine(address, scope.coordinates);
    for (number, part) in indirect.iter().enumerate() {
        let index = scope
            .given
            .get(&part.index)
            .cloned()
            .unwrap_or_else(|| format!("{}r{}", scope.prefix, part.index));
        let dtype: DType = program.dtype(part.index);
        let name = format!("{label}_index{number}");
        module.index(&index, dtype, &part.limit, part.clamped, &name, out);
        let term = match module.size(&part.stride).as_str() {
            "0u" => continue,
            "1u" => name,
            stride => format!("{name} * {stride}"),
        };
        text = if text == "0u" { term } else { format!("{text} + {term}") };
    }
    if text.contains(' ') && !text.starts_with('(') || !indirect.is_empty() {
        let _ = writeln!(out, "    let {label}_at = {text};");
        return format!("{label}_at");
    }
    text
}
