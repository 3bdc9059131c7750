//! Cumulative operations along an axis.

use crate::combine::Combination;
use crate::domain::{Maps, collapse, print_row};
use crate::evaluate::{Scope, print_body};
use crate::module::{Module, groups_of};
use crate::template::Hooks;
use crate::{Candidate, Capabilities, ShaderError};
use hadal_graph::Dim;
use hadal_graph::program::{Program, Scan, Step};
use std::fmt::Write;

/// The kernels of a scan.
pub(crate) fn candidates(
    program: &Program,
    step: &Step,
    kernel: &Scan,
    capabilities: &Capabilities,
) -> Result<Vec<Candidate>, ShaderError> {
    let variant = "scan/row_per_thread";
    let mut kernel = kernel.clone();
    // The scanned axis is never merged or dropped, so that `j` is its coordinate.
    let mut groups = [kernel.outer.0.clone()];
    let length = kernel.length.clone();
    let mut maps =
        [Maps::of_program(&mut kernel.operand.program, &[0]), Maps::of_body(&mut kernel.epilogue, &[0])];
    collapse(&mut groups, &mut maps);
    let [outer] = groups;

    let mut module = Module::new(program, step, capabilities);
    let mut hooks = Hooks::default();
    hooks.set(
        "constants",
        format!("const EXCLUSIVE: bool = {};\nconst REVERSE: bool = {};", kernel.exclusive, kernel.reverse),
    );
    let (row, mut coordinates) = print_row(&mut module, &outer, &length);
    hooks.set("row", row);
    coordinates.push("j".into());

    let combination = Combination::new(kernel.op, kernel.operand.dtype(), kernel.dtype);
    let mut text = String::new();
    combination.print(&module, "", &mut text)?;
    hooks.set("combination", text);
    let mut text = String::new();
    let scope = Scope { coordinates: &coordinates, ..Scope::default() };
    combination.print_load(&mut module, &kernel.operand, &scope, "j", "", &mut text)?;
    hooks.set("load", text);

    let mut text = String::new();
    let _ = writeln!(text, "    let acc = result(total);");
    let accumulators = ["acc".to_string()];
    let scope = Scope { coordinates: &coordinates, accumulators: &accumulators, ..Scope::default() };
    print_body(&mut module, &kernel.epilogue, &scope, &mut text)?;
    hooks.set("store", text);

    let rows: Dim = outer.iter().cloned().product();
    let launch = module.finish(variant, include_str!("../kernels/scan.wgsl"), hooks, groups_of(&rows, 64))?;
    Ok(vec![Candidate { variant, launches: vec![launch], scratch: Vec::new() }])
}
