//! Elementwise kernels: scalar, and four neighbours at a time.

use crate::chooser;
use crate::domain::{Maps, collapse, print_coordinates};
use crate::evaluate::{Scope, needed, print_body, print_program, roots};
use crate::module::{Module, groups_of};
use crate::template::Hooks;
use crate::vector::starts_at_multiples_of_four;
use crate::{Candidate, Capabilities, Launch, ShaderError};
use hadal_graph::Dim;
use hadal_graph::program::{Body, Instr, Pointwise, Program, Reg, Step};
use std::collections::BTreeMap;
use std::fmt::Write;

const WORKGROUP: u32 = 64;

/// The kernels of a pointwise step, best first.
pub(crate) fn candidates(
    program: &Program,
    step: &Step,
    kernel: &Pointwise,
    capabilities: &Capabilities,
) -> Result<Vec<Candidate>, ShaderError> {
    let mut body = kernel.body.clone();
    let mut groups = [kernel.domain.0.clone()];
    collapse(&mut groups, &mut [Maps::of_body(&mut body, &[0])]);
    let [extents] = groups;

    let mut candidates = Vec::new();
    for variant in chooser::pointwise() {
        let module = Module::new(program, step, capabilities);
        let launch = match *variant {
            "pointwise/vec4" => vec4(module, &extents, &body)?,
            _ => Some(scalar(module, &extents, &body, "pointwise/scalar")?),
        };
        candidates.extend(launch.map(|launch| Candidate {
            variant,
            launches: vec![launch],
            scratch: Vec::new(),
        }));
    }
    Ok(candidates)
}

/// One element at a time over a domain that has not been collapsed yet.
pub(crate) fn scalar_collapsed(
    module: Module,
    domain: Vec<Dim>,
    mut body: Body,
    variant: &'static str,
) -> Result<Launch, ShaderError> {
    let mut groups = [domain];
    collapse(&mut groups, &mut [Maps::of_body(&mut body, &[0])]);
    scalar(module, &groups[0], &body, variant)
}

/// One element at a time.
fn scalar(
    mut module: Module,
    extents: &[Dim],
    body: &Body,
    variant: &'static str,
) -> Result<Launch, ShaderError> {
    let per_thread = chooser::elements_per_thread(module.capabilities());
    let total: Dim = extents.iter().cloned().product();
    let mut hooks = constants(per_thread);
    hooks.set("total", format!("    return {};", module.size(&total)));
    let mut text = String::new();
    let coordinates = print_coordinates(&mut module, extents, "i", "c", &mut text);
    print_body(&mut module, body, &Scope { coordinates: &coordinates, ..Scope::default() }, &mut text)?;
    hooks.set("body", text);
    let template = include_str!("../kernels/pointwise.wgsl");
    module.finish(variant, template, hooks, groups_of(&total, WORKGROUP * per_thread))
}

/// Four neighbours along the last axis at a time; `None` where the stores do not allow it.
fn vec4(mut module: Module, extents: &[Dim], body: &Body) -> Result<Option<Launch>, ShaderError> {
    let Some(last) = extents.len().checked_sub(1) else { return Ok(None) };
    if body.stores.is_empty() {
        return Ok(None);
    }
    // A single axis may end within a group: its tail falls into the padding. Otherwise groups must not cross rows.
    if last > 0 && extents[last].exact_div(&Dim::from(4)).is_none() {
        return Ok(None);
    }
    for store in &body.stores {
        let storage = module.write_storage(store.target)?;
        let aligned = starts_at_multiples_of_four(&store.address, last) && store.indirect.is_empty();
        if !aligned || module.vec4_element(storage).is_none() {
            return Ok(None);
        }
    }
    let wanted = needed(&body.program, &roots(body), &BTreeMap::new());
    let mut vectors: Vec<Reg> = Vec::new();
    for (reg, typed) in body.program.instrs.iter().enumerate() {
        match &typed.instr {
            _ if !wanted[reg] => {}
            // A lane behind the end would report an index that nobody gave.
            Instr::Load { indirect, .. } if indirect.iter().any(|i| !i.clamped) && last == 0 => {
                return Ok(None);
            }
            Instr::Load { operand, map, indirect } if map.guards.is_empty() && indirect.is_empty() => {
                let storage = module.read_storage(*operand)?;
                if starts_at_multiples_of_four(&map.address, last) && module.vec4_element(storage).is_some() {
                    vectors.push(reg);
                } else if module.is_written(*operand) {
                    return Ok(None);
                }
            }
            Instr::Load { operand, .. } if module.is_written(*operand) => return Ok(None),
            _ => {}
        }
    }
    for &reg in &vectors {
        if let Instr::Load { operand, .. } = &body.program.instrs[reg].instr {
            module.read_as_vec4(*operand)?;
        }
    }
    for store in &body.stores {
        module.write_as_vec4(store.target)?;
    }

    let per_thread = chooser::elements_per_thread(module.capabilities());
    let total: Dim = extents.iter().cloned().product();
    let mut hooks = constants(per_thread);
    hooks.set("total", format!("    return {};", module.size(&total)));
    hooks.set("lane", print_lane(&mut module, extents, body, &vectors)?);
    hooks.set("body", print_vec4_body(&mut module, extents, body, &vectors)?);
    let template = include_str!("../kernels/pointwise_vec4.wgsl");
    module.finish("pointwise/vec4", template, hooks, groups_of(&total, WORKGROUP * per_thread * 4)).map(Some)
}

/// The function that computes one lane.
fn print_lane(
    module: &mut Module,
    extents: &[Dim],
    body: &Body,
    vectors: &[Reg],
) -> Result<String, ShaderError> {
    let mut text = String::from("struct Results {\n");
    for (number, store) in body.stores.iter().enumerate() {
        let kind = module.kind(body.program.dtype(store.value))?;
        let _ = writeln!(text, "    v{number}: {},", kind.wgsl());
    }
    text.push_str("}\n\nfn lane(i: u32");
    let mut given = BTreeMap::new();
    for &reg in vectors {
        let _ = write!(text, ", x{reg}: {}", module.kind(body.program.dtype(reg))?.wgsl());
        given.insert(reg, format!("x{reg}"));
    }
    text.push_str(") -> Results {\n");
    let mut inner = String::new();
    let coordinates = print_coordinates(module, extents, "i", "c", &mut inner);
    let scope = Scope { coordinates: &coordinates, given, ..Scope::default() };
    let values: Vec<Reg> = body.stores.iter().map(|s| s.value).collect();
    let names = print_program(module, &body.program, &values, &scope, &mut inner)?;
    let _ = writeln!(inner, "    return Results({});\n}}", names.join(", "));
    text.push_str(&inner);
    Ok(text)
}

/// Loads vectors, calls the lanes, stores vectors.
fn print_vec4_body(
    module: &mut Module,
    extents: &[Dim],
    body: &Body,
    vectors: &[Reg],
) -> Result<String, ShaderError> {
    let mut text = String::new();
    let coordinates = print_coordinates(module, extents, "i", "c", &mut text);
    for &reg in vectors {
        if let Instr::Load { operand, map, .. } = &body.program.instrs[reg].instr {
            let address = module.affine(&map.address, &coordinates);
            let loaded = module.load_vec4(*operand, &address)?;
            let _ = writeln!(text, "    let x{reg} = {loaded};");
        }
    }
    // Lanes behind the end repeat the last coordinate, so that what they load stays in bounds.
    let last = module.size(&extents.iter().cloned().product());
    for (lane, component) in ["x", "y", "z", "w"].iter().enumerate() {
        let _ = write!(text, "    let lane{lane} = lane(min(i + {lane}u, {last} - 1u)");
        for &reg in vectors {
            let _ = write!(text, ", x{reg}.{component}");
        }
        text.push_str(");\n");
    }
    for (number, store) in body.stores.iter().enumerate() {
        let address = module.affine(&store.address, &coordinates);
        let lanes = [0, 1, 2, 3].map(|lane| format!("lane{lane}.v{number}"));
        module.store_vec4(store.target, &address, &lanes, body.program.dtype(store.value), &mut text)?;
    }
    Ok(text)
}

fn constants(per_thread: u32) -> Hooks {
    let mut hooks = Hooks::default();
    hooks.set(
        "constants",
        format!("const WORKGROUP: u32 = {WORKGROUP}u;\nconst PER_THREAD: u32 = {per_thread}u;"),
    );
    hooks
}
