//! Stable sorting along an axis.

use crate::domain::{Maps, collapse, print_row};
use crate::evaluate::{Scope, print_program};
use crate::module::{Module, groups_of};
use crate::operators::compare;
use crate::template::Hooks;
use crate::types::Kind;
use crate::{Candidate, Capabilities, ShaderError};
use hadal_graph::program::{CompareOp, Program, Sort, Step};
use hadal_graph::{DType, Dim};
use std::fmt::Write;

/// The kernels of a sort.
pub(crate) fn candidates(
    program: &Program,
    step: &Step,
    kernel: &Sort,
    capabilities: &Capabilities,
) -> Result<Vec<Candidate>, ShaderError> {
    let variant = "sort/rank";
    let mut kernel = kernel.clone();
    let mut groups = [kernel.outer.0.clone()];
    let mut maps = [
        Maps::of_program(&mut kernel.operand.program, &[0]),
        Maps::of_affine(&mut kernel.values, &[0]),
        Maps::of_affine(&mut kernel.indices, &[0]),
    ];
    collapse(&mut groups, &mut maps);
    let [outer] = groups;

    let mut module = Module::new(program, step, capabilities);
    let mut hooks = Hooks::default();
    let (row, outer_coordinates) = print_row(&mut module, &outer, &kernel.length);
    hooks.set("row", row);

    let dtype = kernel.operand.dtype();
    let kind = module.kind(dtype)?;
    let order = if kernel.descending { CompareOp::Gt } else { CompareOp::Lt };
    let mut text = format!("alias Key = {};\n\nfn precedes(a: Key, b: Key) -> bool {{\n", kind.wgsl());
    if kind == Kind::F32 {
        text.push_str("    if is_nan(a) {\n        return false;\n    }\n    if is_nan(b) {\n        return true;\n    }\n");
    }
    let _ = writeln!(text, "    return {};\n}}", compare(order, "a", "b", dtype));
    hooks.set("key", text);

    let at = |coordinate: &str| -> Vec<String> {
        outer_coordinates.iter().cloned().chain([coordinate.to_string()]).collect()
    };
    let mut text = String::new();
    let coordinates = at("j");
    let scope = Scope { coordinates: &coordinates, ..Scope::default() };
    let operand = &kernel.operand;
    let value = print_program(&mut module, &operand.program, &[operand.value], &scope, &mut text)?.remove(0);
    let _ = writeln!(text, "    return {value};");
    hooks.set("load", text);

    let mut text = String::new();
    let address = module.affine(&kernel.values, &at("place"));
    module.store(0, &address, "key", dtype, &mut text)?;
    if step.writes.len() > 1 {
        let address = module.affine(&kernel.indices, &at("place"));
        module.store(1, &address, "vec2<u32>(position, 0u)", DType::I64, &mut text)?;
    }
    hooks.set("store", text);

    let total = outer.iter().cloned().product::<Dim>() * &kernel.length;
    let launch =
        module.finish(variant, include_str!("../kernels/sort_rank.wgsl"), hooks, groups_of(&total, 64))?;
    Ok(vec![Candidate { variant, launches: vec![launch], scratch: Vec::new() }])
}
