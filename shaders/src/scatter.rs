//! Writing at run-time indices, in the order of the updates.

use crate::chooser::{self, ScatterShape};
use crate::domain::print_coordinates;
use crate::evaluate::{Scope, print_program};
use crate::module::{Module, groups_of};
use crate::operators::{binary, cast};
use crate::template::Hooks;
use crate::{Candidate, Capabilities, Launch, ShaderError, pointwise};
use hadal_graph::program::{BinaryOp, Body, IndexMap, Operand, Program, Scatter, ScatterOp, Step, Store};
use hadal_graph::{Bindings, Dim};
use std::fmt::Write;

/// The kernels of a scatter, best first.
pub(crate) fn candidates(
    program: &Program,
    step: &Step,
    kernel: &Scatter,
    sizes: &Bindings,
    capabilities: &Capabilities,
) -> Result<Vec<Candidate>, ShaderError> {
    let columns: Dim = kernel.outer.elements() * kernel.inner.elements();
    let shape = ScatterShape { columns: columns.eval(sizes)?, extent: kernel.extent.eval(sizes)? };
    let scatter = Scattering { program, step, kernel, capabilities };
    chooser::scatter(&shape, capabilities)
        .into_iter()
        .map(|variant| {
            let launches = match variant {
                "scatter/column" => scatter.initial()?.into_iter().chain([scatter.column()?]).collect(),
                _ => vec![scatter.element()?],
            };
            Ok(Candidate { variant, launches, scratch: Vec::new() })
        })
        .collect()
}

struct Scattering<'a> {
    program: &'a Program,
    step: &'a Step,
    kernel: &'a Scatter,
    capabilities: &'a Capabilities,
}

impl Scattering<'_> {
    /// The launch that writes the result before any update, unless it is there already.
    fn initial(&self) -> Result<Option<Launch>, ShaderError> {
        let Some(Operand { program, value }) = &self.kernel.init else { return Ok(None) };
        let domain: Vec<Dim> = self.domain(&self.kernel.extent);
        let address = IndexMap::contiguous(&domain).address;
        let store = Store { target: 0, value: *value, address, indirect: Vec::new() };
        let body = Body { program: program.clone(), stores: vec![store] };
        let module = Module::new(self.program, self.step, self.capabilities);
        pointwise::scalar_collapsed(module, domain, body, "scatter/initial").map(Some)
    }

    fn column(&self) -> Result<Launch, ShaderError> {
        let mut module = Module::new(self.program, self.step, self.capabilities);
        let mut hooks = self.hooks(&mut module)?;
        let old = module.load_write(0, "at")?;
        hooks.set("load", format!("    return {old};"));
        let columns = self.kernel.outer.elements() * self.kernel.inner.elements();
        let template = include_str!("../kernels/scatter_column.wgsl");
        module.finish("scatter/column", template, hooks, groups_of(&columns, 64))
    }

    fn element(&self) -> Result<Launch, ShaderError> {
        let mut module = Module::new(self.program, self.step, self.capabilities);
        let mut hooks = self.hooks(&mut module)?;
        let mut text = String::new();
        match &self.kernel.init {
            Some(init) => {
                let coordinates = self.coordinates(&mut module, "e", &mut text);
                let scope = Scope { coordinates: &coordinates, ..Scope::default() };
                let value =
                    print_program(&mut module, &init.program, &[init.value], &scope, &mut text)?.remove(0);
                let dtype = module.write_dtype(0);
                let _ = writeln!(text, "    return {};", cast(&value, init.dtype(), dtype));
            }
            None => {
                let _ = writeln!(text, "    return {};", module.load_write(0, "at")?);
            }
        }
        hooks.set("load", text);
        let elements: Dim = self.domain(&self.kernel.extent).into_iter().product();
        let template = include_str!("../kernels/scatter_element.wgsl");
        module.finish("scatter/element", template, hooks, groups_of(&elements, 64))
    }

    /// The hooks that both kernels share.
    fn hooks(&self, module: &mut Module) -> Result<Hooks, ShaderError> {
        let kernel = self.kernel;
        let dtype = module.write_dtype(0);
        let mut hooks = Hooks::default();
        let mut text = String::new();
        let sizes = [
            ("outers", kernel.outer.elements()),
            ("updates", kernel.updates.clone()),
            ("extent", kernel.extent.clone()),
            ("inners", kernel.inner.elements()),
        ];
        for (name, size) in sizes {
            let _ = writeln!(text, "fn {name}() -> u32 {{\n    return {};\n}}\n", module.size(&size));
        }
        hooks.set("sizes", text.trim_end());
        hooks.set("element", format!("alias Element = {};", module.kind(dtype)?.wgsl()));

        let mut text = String::new();
        let coordinates = ["u".to_string()];
        let scope = Scope { coordinates: &coordinates, ..Scope::default() };
        let index = &kernel.index;
        let value = print_program(module, &index.program, &[index.value], &scope, &mut text)?.remove(0);
        module.index(&value, index.dtype(), &(&kernel.extent - 1), false, "target_index", &mut text);
        text.push_str("    return target_index;\n");
        hooks.set("index", text);

        let mut text = String::new();
        let coordinates = self.coordinates(module, "u", &mut text);
        let scope = Scope { coordinates: &coordinates, ..Scope::default() };
        let update = &kernel.update;
        let value = print_program(module, &update.program, &[update.value], &scope, &mut text)?.remove(0);
        let _ = writeln!(text, "    return {};", cast(&value, update.dtype(), dtype));
        hooks.set("update", text);

        let combined = match kernel.op {
            ScatterOp::Set => "new_value".into(),
            ScatterOp::Add => binary(BinaryOp::Add, "old", "new_value", dtype),
            ScatterOp::Max => binary(BinaryOp::Max, "old", "new_value", dtype),
            ScatterOp::Min => binary(BinaryOp::Min, "old", "new_value", dtype),
        };
        hooks.set("combine", format!("    return {combined};"));
        let mut text = String::new();
        module.store(0, "at", "value", dtype, &mut text)?;
        hooks.set("store", text);
        Ok(hooks)
    }

    /// Prints the coordinates in `outer ++ [middle] ++ inner` at numbers `outer`, `middle` and `inner`.
    fn coordinates(&self, module: &mut Module, middle: &str, out: &mut String) -> Vec<String> {
        let mut names = print_coordinates(module, &self.kernel.outer, "outer", "outer_", out);
        names.push(middle.into());
        names.extend(print_coordinates(module, &self.kernel.inner, "inner", "inner_", out));
        names
    }

    fn domain(&self, middle: &Dim) -> Vec<Dim> {
        let Scatter { outer, inner, .. } = self.kernel;
        outer.iter().chain([middle]).chain(inner.iter()).cloned().collect()
    }
}
