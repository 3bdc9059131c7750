//! Kernels that a program wrote itself: its text between the loads of the operands and the store.

use crate::module::{Module, groups_of};
use crate::template::Hooks;
use crate::{Candidate, Capabilities, ShaderError};
use hadal_graph::DType;
use hadal_graph::program::{Custom, Program, Step};
use std::fmt::Write;

/// The kernel.
pub(crate) fn candidates(
    program: &Program,
    step: &Step,
    kernel: &Custom,
    capabilities: &Capabilities,
) -> Result<Vec<Candidate>, ShaderError> {
    let variant = "custom/element";
    let mut module = Module::new(program, step, capabilities);
    let mut hooks = Hooks::default();
    let total = kernel.op.ty.shape.elements();
    hooks.set("total", format!("    return {};\n", module.size(&total)));
    let mut text = String::new();
    for (number, (read, shape)) in kernel.operands.iter().enumerate() {
        let element = match program.values[step.reads[*read]].dtype {
            DType::I32 => "i32",
            DType::U32 => "u32",
            _ => "f32",
        };
        let value = module.load(*read, "i")?;
        let _ = writeln!(text, "fn x{number}(i: u32) -> {element} {{\n    return {value};\n}}\n");
        let _ = writeln!(text, "fn x{number}_extent(axis: u32) -> u32 {{\n    switch axis {{");
        for (axis, extent) in shape.iter().enumerate() {
            let extent = module.size(extent);
            let _ = writeln!(text, "        case {axis}u: {{\n            return {extent};\n        }}");
        }
        text.push_str("        default: {\n            return 1u;\n        }\n    }\n}\n\n");
    }
    hooks.set("operands", text);
    hooks.set("element", format!("{}\n", kernel.op.wgsl.trim_end()));
    let mut text = String::new();
    module.store(0, "i", "element(i)", kernel.op.ty.dtype, &mut text)?;
    hooks.set("store", text);
    let launch =
        module.finish(variant, include_str!("../kernels/custom.wgsl"), hooks, groups_of(&total, 64))?;
    Ok(vec![Candidate { variant, launches: vec![launch], scratch: Vec::new() }])
}
