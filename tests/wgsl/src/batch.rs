//! Many programs in one module: compilers take their time for a module, not for a function.
//!
//! A [`Row`] is a function of up to three operands. [`programs`] puts rows that need the same of a device and are held to the same accuracy into modules in which
//! every row is computed for many combinations of edge values, with a place of its own in the output for each. What [`Program::compare`] finds names the row.

use crate::values::{self, Kind, VALUES};
use crate::{Access, Buffer, Need, Part, Program};
use std::fmt::Write;

/// A small program: an expression of operands, with the declarations that it needs.
#[derive(Clone, Debug, PartialEq)]
pub struct Row {
    /// What it shows; unique.
    pub name: String,
    /// What `a`, `b` and `c` are.
    pub operands: Vec<Operand>,
    /// What the expression is.
    pub result: Operand,
    /// Declarations outside of functions. `$` stands for a name of the row's own.
    pub declarations: String,
    /// The expression; `$` as above.
    pub expression: String,
    /// How far floats may be apart: absolute and relative; without it, only NaNs may differ.
    pub within: Option<(f64, f64)>,
}

/// A scalar or vector of edge values.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Operand {
    /// Which values.
    pub kind: Kind,
    /// 1 for a scalar, 2 to 4 for a vector.
    pub width: usize,
}

impl Operand {
    /// Its type in WGSL.
    pub fn ty(self) -> String {
        match self.width {
            1 => self.kind.scalar().into(),
            width => format!("vec{width}<{}>", self.kind.scalar()),
        }
    }

    /// The expression that takes it from the lists, beginning at `first`.
    fn load(self, first: &str) -> String {
        let lanes: Vec<String> =
            (0..self.width).map(|lane| format!("{}({first} + {}u)", self.kind.name(), 3 * lane)).collect();
        match self.width {
            1 => lanes.concat(),
            _ => format!("{}({})", self.ty(), lanes.join(", ")),
        }
    }
}

impl Row {
    /// How often it is computed: for every value of one operand, every pair of two, and as many triples.
    fn combinations(&self) -> usize {
        if self.operands.len() > 1 { VALUES * VALUES } else { VALUES }
    }

    fn needs(&self) -> Vec<Need> {
        let mut needs = Vec::new();
        for operand in self.operands.iter().chain([&self.result]) {
            needs.extend(operand.kind.need().filter(|need| !needs.contains(need)));
        }
        let text = format!("{}{}", self.declarations, self.expression);
        if text.contains("f16") && !needs.contains(&Need::F16) {
            needs.push(Need::F16);
        }
        if text.contains("subgroup") || text.contains("quad") {
            needs.push(Need::Subgroups);
        }
        needs.sort_by_key(|need| *need as usize);
        needs
    }
}

/// Invocations of a module, which share the combinations.
const INVOCATIONS: usize = 64;

/// Words of storage that an invocation has for itself: `cells[lane * 4u]` and the three behind it.
const CELLS: usize = 4;

/// The modules of `rows`, at most `most` rows each, named after `name`.
pub fn programs(name: &str, rows: &[Row], most: usize) -> Vec<Program> {
    let mut modules: Vec<Module> = Vec::new();
    for row in rows {
        let needs = row.needs();
        let open = |m: &&mut Module| m.needs == needs && m.within == row.within && m.rows.len() < most;
        match modules.iter_mut().find(open) {
            Some(module) => module.rows.push(row),
            None => modules.push(Module { needs, within: row.within, rows: vec![row] }),
        }
    }
    modules.into_iter().enumerate().map(|(i, m)| m.program(format!("{name}_{i}"))).collect()
}

/// Rows that share a module.
struct Module<'r> {
    needs: Vec<Need>,
    within: Option<(f64, f64)>,
    rows: Vec<&'r Row>,
}

impl Module<'_> {
    fn program(self, name: String) -> Program {
        let Module { needs, within, rows } = self;
        let mut text = String::new();
        if needs.contains(&Need::F16) {
            text += "enable f16;\n";
        }
        let operands = || rows.iter().flat_map(|row| row.operands.iter());
        let mut buffers = Vec::new();
        // The lists of values, as far as they are used.
        for kind in Kind::ALL.into_iter().filter(|kind| operands().any(|o| o.kind == *kind)) {
            let (binding, scalar, function) = (buffers.len(), kind.scalar(), kind.name());
            let stored = if kind == Kind::Bool { "u32" } else { scalar };
            let _ = writeln!(
                text,
                "@group(0) @binding({binding}) var<storage, read> {function}_list: array<{stored}>;"
            );
            let value = format!("{function}_list[i % {VALUES}u]");
            let value = if kind == Kind::Bool { format!("{value} != 0u") } else { value };
            let _ = writeln!(text, "fn {function}(i: u32) -> {scalar} {{\n    return {value};\n}}");
            buffers.push(Buffer {
                access: Access::Read,
                element: kind.element(),
                bytes: values::bytes(kind),
            });
        }
        if rows.iter().any(|row| row.declarations.contains("cells[")) {
            let binding = buffers.len();
            let _ =
                writeln!(text, "@group(0) @binding({binding}) var<storage, read_write> cells: array<u32>;");
            let bytes = vec![0; 4 * CELLS * INVOCATIONS];
            buffers.push(Buffer { access: Access::Write, element: Kind::Uint.element(), bytes });
        }
        // Results of one scalar type lie in one buffer.
        let mut parts: Vec<Part> = Vec::new();
        let mut outputs: Vec<(&'static str, usize)> = Vec::new();
        let mut body = String::new();
        for (number, row) in rows.iter().enumerate() {
            let kind = row.result.kind;
            let stored = if kind == Kind::Bool { "u32" } else { kind.scalar() };
            let position = outputs.iter().position(|(scalar, _)| *scalar == stored).unwrap_or_else(|| {
                let binding = buffers.len();
                let _ = writeln!(
                    text,
                    "@group(0) @binding({binding}) var<storage, read_write> out_{stored}: array<{stored}>;"
                );
                buffers.push(Buffer { access: Access::Write, element: kind.element(), bytes: Vec::new() });
                outputs.push((stored, binding));
                outputs.len() - 1
            });
            let binding = outputs[position].1;
            let own = format!("p{number}");
            let _ = writeln!(text, "// {}\n{}", row.name, row.declarations.replace('$', &own));
            let parameters: Vec<String> = row
                .operands
                .iter()
                .zip(["a", "b", "c"])
                .map(|(o, name)| format!("{name}: {}", o.ty()))
                .collect();
            let _ = writeln!(
                text,
                "fn run_{own}({}) -> {} {{\n    return {};\n}}",
                parameters.join(", "),
                row.result.ty(),
                row.expression.replace('$', &own)
            );
            let combinations = row.combinations();
            let first = buffers[binding].bytes.len() / kind.element().size();
            let count = combinations * row.result.width;
            parts.push(Part { binding, first, count, name: row.name.clone() });
            buffers[binding].bytes.resize((first + count) * kind.element().size(), 0);
            // Pairs: one operand walks fast, the other slowly; the third by a step of its own.
            let starts = ["i", "i / 16u + 5u", "i * 7u + i / 16u + 11u"];
            let given: Vec<String> =
                row.operands.iter().zip(starts).map(|(o, first)| o.load(first)).collect();
            let _ = writeln!(
                body,
                "    for (var i = local; i < {combinations}u; i += {INVOCATIONS}u) {{\n        let r = run_{own}({});",
                given.join(", ")
            );
            for lane in 0..row.result.width {
                let value = if row.result.width == 1 {
                    "r".into()
                } else {
                    format!("r.{}", ["x", "y", "z", "w"][lane])
                };
                let value = if kind == Kind::Bool { format!("select(0u, 1u, {value})") } else { value };
                let at = format!("{first}u + i * {}u + {lane}u", row.result.width);
                let _ = writeln!(body, "        out_{stored}[{at}] = {value};");
            }
            body += "    }\n";
        }
        let _ = writeln!(
            text,
            "var<private> lane: u32;\n@compute @workgroup_size({INVOCATIONS})\nfn main(@builtin(local_invocation_index) local: u32) {{\n    lane = local;\n{body}}}"
        );
        Program { name, source: text, buffers, groups: [1; 3], immediates: Vec::new(), needs, within, parts }
    }
}
