//! Iteration domains: fewer axes where all maps agree, and coordinates from a linear number.

use crate::module::Module;
use hadal_graph::Dim;
use hadal_graph::program::{Affine, Body, Instr, PointwiseProgram};
use std::fmt::Write;

/// The affine maps of one program, and the groups of axes that its domain is made of.
pub(crate) struct Maps<'a> {
    affines: Vec<&'a mut Affine>,
    groups: Vec<usize>,
}

impl<'a> Maps<'a> {
    /// The maps of `program`, whose domain is the concatenation of `groups`.
    pub(crate) fn of_program(program: &'a mut PointwiseProgram, groups: &[usize]) -> Maps<'a> {
        let mut affines = Vec::new();
        for typed in &mut program.instrs {
            match &mut typed.instr {
                Instr::Load { map, .. } => {
                    affines.push(&mut map.address);
                    affines.extend(map.guards.iter_mut().map(|g| &mut g.index));
                }
                Instr::Index(affine) | Instr::Random { counter: affine, .. } => affines.push(affine),
                Instr::InBounds(guards) => affines.extend(guards.iter_mut().map(|g| &mut g.index)),
                _ => {}
            }
        }
        Maps { affines, groups: groups.to_vec() }
    }

    /// The maps of a body: its program's and its stores'.
    pub(crate) fn of_body(body: &'a mut Body, groups: &[usize]) -> Maps<'a> {
        let mut maps = Maps::of_program(&mut body.program, groups);
        maps.affines.extend(body.stores.iter_mut().map(|store| &mut store.address));
        maps
    }

    /// One affine map.
    pub(crate) fn of_affine(affine: &'a mut Affine, groups: &[usize]) -> Maps<'a> {
        Maps { affines: vec![affine], groups: groups.to_vec() }
    }

    /// Where the axes of `group` start in this domain, if it has them.
    fn start(&self, group: usize, groups: &[Vec<Dim>]) -> Option<usize> {
        let position = self.groups.iter().position(|&g| g == group)?;
        Some(self.groups[..position].iter().map(|&g| groups[g].len()).sum())
    }
}

/// Drops axes of extent 1 and merges neighbouring axes of a group wherever every map walks them as one.
pub(crate) fn collapse(groups: &mut [Vec<Dim>], maps: &mut [Maps]) {
    for group in 0..groups.len() {
        for axis in (0..groups[group].len()).rev() {
            if groups[group][axis].is(1) {
                remove_axis(group, axis, groups, maps);
            }
        }
        for axis in (1..groups[group].len()).rev() {
            let inner = groups[group][axis].clone();
            let agree = maps.iter().all(|m| {
                m.start(group, groups).is_none_or(|start| {
                    m.affines
                        .iter()
                        .all(|a| a.coefficients[start + axis - 1] == &a.coefficients[start + axis] * &inner)
                })
            });
            if agree {
                let merged = &groups[group][axis - 1] * &inner;
                // The merged axis walks with the inner axis's factors.
                remove_axis(group, axis - 1, groups, maps);
                groups[group][axis - 1] = merged;
            }
        }
    }
}

fn remove_axis(group: usize, axis: usize, groups: &mut [Vec<Dim>], maps: &mut [Maps]) {
    for m in maps {
        if let Some(start) = m.start(group, groups) {
            for affine in &mut m.affines {
                affine.coefficients.remove(start + axis);
            }
        }
    }
    groups[group].remove(axis);
}

/// Prints the coordinates `prefix0, prefix1, …` of the row-major number `index` in `extents`; returns their names.
pub(crate) fn print_coordinates(
    module: &mut Module,
    extents: &[Dim],
    index: &str,
    prefix: &str,
    out: &mut String,
) -> Vec<String> {
    let names: Vec<String> = (0..extents.len()).map(|axis| format!("{prefix}{axis}")).collect();
    let mut rest = index.to_string();
    for axis in (0..extents.len()).rev() {
        let name = &names[axis];
        if axis == 0 {
            let _ = writeln!(out, "    let {name} = {rest};");
        } else {
            let extent = module.size(&extents[axis]);
            let _ = writeln!(out, "    let {name} = {rest} % {extent};");
            let _ = writeln!(out, "    let {prefix}{axis}_rest = {rest} / {extent};");
            rest = format!("{prefix}{axis}_rest");
        }
    }
    names
}

/// Prints the struct `Row`, which carries the coordinates in `outer`, and `row_at`, `rows` and `length`; returns expressions for the
/// coordinates of a `row: Row`.
pub(crate) fn print_row(module: &mut Module, outer: &[Dim], length: &Dim) -> (String, Vec<String>) {
    let mut body = String::new();
    let names = print_coordinates(module, outer, "index", "c", &mut body);
    let mut text = String::from("struct Row {\n    index: u32,\n");
    for name in &names {
        let _ = writeln!(text, "    {name}: u32,");
    }
    let arguments: String = names.iter().map(|name| format!(", {name}")).collect();
    let _ = writeln!(
        text,
        "}}\n\nfn row_at(index: u32) -> Row {{\n{body}    return Row(index{arguments});\n}}\n"
    );
    let rows = module.size(&outer.iter().cloned().product());
    let length = module.size(length);
    let _ = writeln!(text, "fn rows() -> u32 {{\n    return {rows};\n}}\n");
    let _ = writeln!(text, "fn length() -> u32 {{\n    return {length};\n}}");
    (text, names.iter().map(|name| format!("row.{name}")).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use hadal_graph::program::IndexMap;

    #[test]
    fn contiguous_axes_merge_and_transposed_ones_stay() {
        let (b, s) = (Dim::symbol("b"), Dim::symbol("s"));
        let extents = vec![b.clone(), Dim::ONE, s.clone(), Dim::from(8)];
        let mut groups = [extents.clone()];
        let mut plain = IndexMap::contiguous(&extents).address;
        collapse(&mut groups, &mut [Maps::of_affine(&mut plain, &[0])]);
        assert_eq!(groups[0], vec![&b * &s * 8]);
        assert_eq!(plain.coefficients, vec![Dim::ONE]);

        let mut groups = [vec![b.clone(), s.clone()]];
        let mut transposed = Affine { offset: Dim::ZERO, coefficients: vec![Dim::ONE, b] };
        collapse(&mut groups, &mut [Maps::of_affine(&mut transposed, &[0])]);
        assert_eq!(groups[0].len(), 2);
    }
}
