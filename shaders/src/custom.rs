//! Kernels that a program wrote itself: its WGSL between the loads of the operands and the store, and whole kernels in the device's own language.

use crate::module::{Module, groups_of};
use crate::template::Hooks;
use crate::{Candidate, Capabilities, Launch, NativeEntry, ShaderError};
use hadal_graph::op::{KernelLanguage, KernelSource};
use hadal_graph::program::{Custom, Program, Step};
use hadal_graph::{DType, Dim};
use std::fmt::Write;

/// The kernel from WGSL, then the one in the device's language if there is one; whether that is right is not known yet.
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
    let mut launches = vec![launch];
    let sources = kernel.op.sources.iter().filter(|source| Some(source.language) == capabilities.language);
    for source in sources.filter(|source| source.threads <= capabilities.max_invocations) {
        launches.push(whole(program, step, kernel, source, capabilities)?);
    }
    let candidate =
        |launch: Launch| Candidate { variant: launch.variant, launches: vec![launch], scratch: Vec::new() };
    Ok(launches.into_iter().map(candidate).collect())
}

/// The launch of a kernel that is written whole.
fn whole(
    program: &Program,
    step: &Step,
    kernel: &Custom,
    source: &KernelSource,
    capabilities: &Capabilities,
) -> Result<Launch, ShaderError> {
    let variant = match source.language {
        KernelLanguage::Cuda => "custom/cuda",
        KernelLanguage::Hip => "custom/hip",
    };
    let mut module = Module::new(program, step, capabilities);
    let mut arguments = Vec::with_capacity(kernel.operands.len() + 2);
    let mut params: Vec<Dim> = vec![kernel.op.ty.shape.elements()];
    for (read, shape) in &kernel.operands {
        arguments.push(module.slot_of(step.reads[*read])? as u32);
        params.extend(shape.iter().cloned());
    }
    arguments.push(module.slot_of(step.writes[0])? as u32);
    let bindings = module.bindings();
    arguments.push(bindings.len() as u32);
    let workgroups = groups_of(&params[0], source.results);
    Ok(Launch {
        variant,
        source: source.text.clone(),
        bindings,
        params,
        faults: false,
        workgroups,
        native: Some(NativeEntry { name: source.entry.clone(), threads: source.threads, arguments }),
    })
}
