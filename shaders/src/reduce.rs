//! Row reductions in phases.

use crate::chooser::{self, ReduceShape};
use crate::combine::Combination;
use crate::domain::{Maps, collapse, print_coordinates, print_row};
use crate::evaluate::{Scope, print_body};
use crate::module::{Module, groups_of};
use crate::template::Hooks;
use crate::{Candidate, Capabilities, Launch, ShaderError};
use hadal_graph::program::{Instr, Program, Reduce, Step};
use hadal_graph::{Bindings, Dim};
use std::fmt::Write;

const THREADS: u32 = 64;

/// The kernels of a reduction, best first.
pub(crate) fn candidates(
    program: &Program,
    step: &Step,
    kernel: &Reduce,
    sizes: &Bindings,
    capabilities: &Capabilities,
) -> Result<Vec<Candidate>, ShaderError> {
    let mut kernel = kernel.clone();
    let mut groups = [kernel.outer.0.clone(), kernel.row.0.clone()];
    let mut maps: Vec<Maps> =
        kernel.phases.iter_mut().map(|p| Maps::of_program(&mut p.operand.program, &[0, 1])).collect();
    maps.extend(kernel.per_row.iter_mut().map(|body| Maps::of_body(body, &[0])));
    maps.extend(kernel.per_element.iter_mut().map(|body| Maps::of_body(body, &[0, 1])));
    collapse(&mut groups, &mut maps);
    let [outer, row] = groups;
    let rows: Dim = outer.iter().cloned().product();
    let length: Dim = row.iter().cloned().product();

    let combinations: Vec<Combination> =
        kernel.phases.iter().map(|p| Combination::new(p.op, p.operand.dtype(), p.dtype)).collect();
    if combinations.is_empty() {
        return Err(Module::new(program, step, capabilities).limits("a reduction has no phase"));
    }
    let shape = ReduceShape {
        rows: rows.eval(sizes)?,
        length: length.eval(sizes)?,
        neighbours: rows_are_neighbours(&kernel, outer.len()),
        partial_bytes: combinations.iter().map(Combination::bytes).sum(),
        subgroups: combinations.iter().all(|c| c.subgroup().is_some()),
    };
    let reduction = Reduction { kernel, outer, row, rows, length, combinations };
    chooser::reduce(&shape, capabilities)
        .into_iter()
        .map(|variant| {
            let launch = reduction.specialise(Module::new(program, step, capabilities), variant)?;
            Ok(Candidate { variant, launches: vec![launch], scratch: Vec::new() })
        })
        .collect()
}

struct Reduction {
    kernel: Reduce,
    outer: Vec<Dim>,
    row: Vec<Dim>,
    rows: Dim,
    length: Dim,
    combinations: Vec<Combination>,
}

impl Reduction {
    fn specialise(&self, mut module: Module, variant: &'static str) -> Result<Launch, ShaderError> {
        let (template, threads) = match variant {
            "reduce/row_per_workgroup_64" => (include_str!("../kernels/reduce_row_per_workgroup.wgsl"), 64),
            "reduce/row_per_workgroup_256" => (include_str!("../kernels/reduce_row_per_workgroup.wgsl"), 256),
            "reduce/row_per_subgroups_64" => {
                (include_str!("../kernels/reduce_row_per_workgroup_subgroups.wgsl"), 64)
            }
            "reduce/row_per_subgroups_256" => {
                (include_str!("../kernels/reduce_row_per_workgroup_subgroups.wgsl"), 256)
            }
            _ => (include_str!("../kernels/reduce_row_per_thread.wgsl"), THREADS),
        };
        let per_workgroup = template.contains("var<workgroup>");
        let mut hooks = Hooks::default();
        hooks.repeat("phase", self.kernel.phases.len());
        let mut constants = format!("const WORKGROUP: u32 = {threads}u;\n");
        if template.contains("MAX_SUBGROUPS") {
            let _ = writeln!(
                constants,
                "// The smallest subgroups have four invocations.\nconst MAX_SUBGROUPS: u32 = {}u;",
                threads / 4
            );
        }
        hooks.set("constants", constants);
        let (row, coordinates) = print_row(&mut module, &self.outer, &self.length);
        hooks.set("row", row);
        let accumulators: Vec<String> = (0..self.kernel.phases.len()).map(|n| format!("acc.a_{n}")).collect();

        for (n, (phase, combination)) in self.kernel.phases.iter().zip(&self.combinations).enumerate() {
            hooks.set(format!("field_{n}"), format!("    a_{n}: {},", module.kind(phase.dtype)?.wgsl()));
            let mut text = String::new();
            combination.print(&module, &format!("_{n}"), &mut text)?;
            let _ = writeln!(text, "\nfn load_{n}(row: Row, j: u32, acc: Accumulators) -> Partial_{n} {{");
            let coordinates = self.element_coordinates(&mut module, &coordinates, &mut text);
            let scope = Scope { coordinates: &coordinates, accumulators: &accumulators, ..Scope::default() };
            combination.print_load(&mut module, &phase.operand, &scope, "j", &format!("_{n}"), &mut text)?;
            text.push_str("}\n");
            hooks.set(format!("phase_{n}"), text);
            if let Some(subgroup) = combination.subgroup() {
                let text = format!(
                    "\nfn subgroup_{n}(value: Partial_{n}) -> Partial_{n} {{\n    return {subgroup};\n}}"
                );
                hooks.set(format!("subgroup_{n}"), text);
            }
        }
        let mut per_row = String::new();
        if let Some(body) = &self.kernel.per_row {
            let scope = Scope { coordinates: &coordinates, accumulators: &accumulators, ..Scope::default() };
            print_body(&mut module, body, &scope, &mut per_row)?;
        }
        hooks.set("per_row", per_row);
        match &self.kernel.per_element {
            Some(body) => {
                let mut text = String::new();
                let coordinates = self.element_coordinates(&mut module, &coordinates, &mut text);
                let scope =
                    Scope { coordinates: &coordinates, accumulators: &accumulators, ..Scope::default() };
                print_body(&mut module, body, &scope, &mut text)?;
                hooks.set("per_element", text);
            }
            None => hooks.set("elements", ""),
        }
        let workgroups = if per_workgroup { self.rows.clone() } else { groups_of(&self.rows, threads) };
        module.finish(variant, template, hooks, workgroups)
    }

    /// The coordinates of element `j`: the row's, then those within the row.
    fn element_coordinates(&self, module: &mut Module, outer: &[String], out: &mut String) -> Vec<String> {
        let inner = print_coordinates(module, &self.row, "j", "e", out);
        outer.iter().cloned().chain(inner).collect()
    }
}

/// Whether neighbouring rows start at neighbouring addresses in every load of the first phase: then threads that walk a row each read
/// side by side.
fn rows_are_neighbours(kernel: &Reduce, outer: usize) -> bool {
    let Some(last) = outer.checked_sub(1) else { return false };
    let Some(phase) = kernel.phases.first() else { return false };
    phase.operand.program.instrs.iter().all(|typed| match &typed.instr {
        Instr::Load { map, .. } => {
            map.address.coefficients[last].is(1) || map.address.coefficients[last].is(0)
        }
        _ => true,
    })
}
