//! Programs as text, for people: what `hadal inspect` shows.

use super::{
    Affine, Body, Guard, Instr, Kernel, Operand, PointwiseProgram, Program, Reg, Role, Step, TypedInstr,
    ValueId,
};
use crate::{Dim, Shape};
use std::fmt::{self, Write};

impl fmt::Display for Program {
    /// The table of [`Program::table`].
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.table())
    }
}

impl Program {
    /// One line for each step: its number, kernel with extents, what it reads and writes, and the ops that it stands for. Steps of
    /// [`Program::once`] come first; programs of loops and branches are indented below their step.
    pub fn table(&self) -> String {
        self.print(false)
    }

    /// The table with the instructions of every hook.
    pub fn listing(&self) -> String {
        self.print(true)
    }

    fn print(&self, verbose: bool) -> String {
        let mut text = format!("program {}\n", self.name);
        write_program(&mut text, self, verbose, "  ");
        text
    }
}

/// Writing to a string does not fail, so results of `write!` are dropped in this file.
fn write_program(text: &mut String, program: &Program, verbose: bool, indent: &str) {
    for (name, list) in
        [("input", &program.inputs), ("variable", &program.variables), ("parameter", &program.parameters)]
    {
        for &id in list {
            let _ = writeln!(text, "{indent}{name} {}", described(program, id));
        }
    }
    for (id, _) in &program.constants {
        let _ = writeln!(text, "{indent}constant {}", described(program, *id));
    }
    for (part, steps) in [("once ", &program.once), ("", &program.steps)] {
        let lines: Vec<[String; 4]> = steps.iter().map(|step| line(program, step)).collect();
        let width = |column: usize| lines.iter().map(|l| l[column].chars().count()).max().unwrap_or(0);
        let widths = [width(0), width(1), width(2)];
        for (number, (step, [kernel, writes, reads, label])) in steps.iter().zip(&lines).enumerate() {
            let [a, b, c] = widths;
            let _ =
                writeln!(text, "{indent}{part}{number:>3}  {kernel:a$}  {writes:b$} <- {reads:c$}  {label}");
            if verbose {
                write_hooks(text, step, &format!("{indent}       "));
            }
            write_nested(text, step, verbose, indent);
        }
    }
    for &id in &program.outputs {
        let _ = writeln!(text, "{indent}output {}", described(program, id));
    }
    for update in &program.updates {
        let name = program.variables.get(update.variable).map_or("?", |&v| program.values[v].name.as_str());
        let in_place = match program.variables.get(update.variable) {
            Some(&variable) if program.storage(update.value) == variable => " in place",
            _ => "",
        };
        let _ = writeln!(text, "{indent}update {name} = {}{in_place}", update.value);
    }
}

/// `%3 f32[batch, 4] x`.
fn described(program: &Program, id: ValueId) -> String {
    let value = &program.values[id];
    format!("{id} {}{} {}", value.dtype, value.shape, value.name).trim_end().to_string()
}

/// Kernel, writes, reads, label.
fn line(program: &Program, step: &Step) -> [String; 4] {
    let writes = step.writes.iter().map(|&id| {
        let value = &program.values[id];
        let over = value.alias.map_or(String::new(), |alias| format!(" over {alias}"));
        format!("{id} {}{}{over}", value.dtype, value.shape)
    });
    let reads = step.reads.iter().map(|&id| match program.values[id].role {
        Role::Computed | Role::Once => id.to_string(),
        _ => format!("{id} {}", program.values[id].name).trim_end().to_string(),
    });
    let join = |items: &mut dyn Iterator<Item = String>| items.collect::<Vec<_>>().join(", ");
    [kernel(&step.kernel), join(&mut writes.into_iter()), join(&mut reads.into_iter()), step.label.clone()]
}

/// The archetype with its extents.
fn kernel(kernel: &Kernel) -> String {
    let x = |shape: &Shape| product(shape);
    match kernel {
        Kernel::Pointwise(k) => format!("pointwise {}", k.domain),
        Kernel::Reduce(k) => format!("reduce {} rows of {}", x(&k.outer), x(&k.row)),
        Kernel::Contract(k) => {
            let batch = if k.batch.rank() == 0 { String::new() } else { format!("{} of ", x(&k.batch)) };
            format!("contract {batch}m={} n={} k={}", x(&k.m), x(&k.n), x(&k.k))
        }
        Kernel::Attention(k) => {
            format!("attention {} of {}x{} d={}", x(&k.batch), k.queries, k.keys, k.head_dim)
        }
        Kernel::Scatter(k) => format!("scatter {} into {}", k.updates, k.extent),
        Kernel::Scan(k) => format!("scan {} rows of {}", x(&k.outer), k.length),
        Kernel::Sort(k) => format!("sort {} rows of {}", x(&k.outer), k.length),
        Kernel::Custom(k) => format!("custom {} {}", k.op.name, k.op.ty.shape),
        Kernel::Loop(_) => "loop".into(),
        Kernel::Branch(_) => "branch".into(),
    }
}

fn product(shape: &[Dim]) -> String {
    shape.iter().cloned().product::<Dim>().to_string()
}

fn write_nested(text: &mut String, step: &Step, verbose: bool, indent: &str) {
    let parts = match &step.kernel {
        Kernel::Loop(k) => [("while", &k.condition), ("do", &k.body)],
        Kernel::Branch(k) => [("then", &k.then), ("else", &k.otherwise)],
        _ => return,
    };
    for (name, program) in parts {
        let _ = writeln!(text, "{indent}     {name}");
        write_program(text, program, verbose, &format!("{indent}       "));
    }
}

fn write_hooks(text: &mut String, step: &Step, indent: &str) {
    let mut operand = |name: &str, operand: &Operand| {
        write_instructions(text, step, name, &operand.program, indent);
        let _ = writeln!(text, "{indent}  = r{}", operand.value);
    };
    match &step.kernel {
        Kernel::Contract(k) => {
            operand("a", &k.a);
            operand("b", &k.b);
        }
        Kernel::Attention(k) => {
            operand("q", &k.q);
            operand("k", &k.k);
            operand("v", &k.v);
            k.mask.iter().for_each(|mask| operand("mask", mask));
        }
        Kernel::Scatter(k) => {
            k.init.iter().for_each(|init| operand("init", init));
            operand("index", &k.index);
            operand("update", &k.update);
        }
        Kernel::Reduce(k) => {
            for (n, phase) in k.phases.iter().enumerate() {
                operand(&format!("acc{n} = {:?}", phase.op).to_lowercase(), &phase.operand);
            }
        }
        Kernel::Scan(k) => operand("operand", &k.operand),
        Kernel::Sort(k) => operand("operand", &k.operand),
        Kernel::Pointwise(_) | Kernel::Custom(_) | Kernel::Loop(_) | Kernel::Branch(_) => {}
    }
    let bodies: &[(&str, Option<&Body>)] = match &step.kernel {
        Kernel::Pointwise(k) => &[("body", Some(&k.body))],
        Kernel::Reduce(k) => &[("per row", k.per_row.as_ref()), ("per element", k.per_element.as_ref())],
        Kernel::Contract(k) => &[("epilogue", Some(&k.epilogue))],
        Kernel::Attention(k) => &[("epilogue", Some(&k.epilogue))],
        Kernel::Scan(k) => &[("epilogue", Some(&k.epilogue))],
        _ => &[],
    };
    for (name, body) in bodies {
        let Some(body) = body else { continue };
        write_instructions(text, step, name, &body.program, indent);
        for store in &body.stores {
            let id = step.writes.get(store.target).map_or("?".into(), |id| id.to_string());
            let indirect: String =
                store.indirect.iter().map(|i| format!(" + r{}*{}", i.index, i.stride)).collect();
            let _ = writeln!(text, "{indent}  {id}[{}{indirect}] = r{}", affine(&store.address), store.value);
        }
    }
}

fn write_instructions(text: &mut String, step: &Step, name: &str, program: &PointwiseProgram, indent: &str) {
    let _ = writeln!(text, "{indent}{name}:");
    for (reg, typed) in program.instrs.iter().enumerate() {
        let _ = writeln!(text, "{indent}  r{reg} = {} : {}", instruction(step, typed), typed.dtype);
    }
}

fn instruction(step: &Step, typed: &TypedInstr) -> String {
    let call = |name: String, operands: &[Reg]| {
        let operands: Vec<String> = operands.iter().map(|r| format!("r{r}")).collect();
        format!("{name}({})", operands.join(", "))
    };
    let lower = |op: &dyn fmt::Debug| format!("{op:?}").to_lowercase();
    match &typed.instr {
        Instr::Load { operand, map, indirect } => {
            let id = step.reads.get(*operand).map_or("?".into(), |id| id.to_string());
            let indirect: String = indirect.iter().map(|i| format!(" + r{}*{}", i.index, i.stride)).collect();
            let guards =
                if map.guards.is_empty() { String::new() } else { format!(" if {}", all(&map.guards)) };
            format!("load {id}[{}{indirect}]{guards}", affine(&map.address))
        }
        Instr::Accumulator(n) => format!("acc{n}"),
        Instr::Const(scalar) => scalar.to_string(),
        Instr::Index(a) => affine(a),
        Instr::InBounds(guards) => all(guards),
        Instr::Unary(op, x) => call(lower(op), &[*x]),
        Instr::Binary(op, a, b) => call(lower(op), &[*a, *b]),
        Instr::Compare(op, a, b) => call(lower(op), &[*a, *b]),
        Instr::Select(c, a, b) => call("select".into(), &[*c, *a, *b]),
        Instr::Cast(x) => call("cast".into(), &[*x]),
        Instr::Random { key, counter } => format!("random(r{}, r{}, {})", key[0], key[1], affine(counter)),
    }
}

/// `4*i0 + i2 + 3`, with `i` for the coordinates of the domain.
fn affine(affine: &Affine) -> String {
    let mut terms: Vec<String> = Vec::new();
    for (axis, coefficient) in affine.coefficients.iter().enumerate() {
        match coefficient.as_const() {
            Some(0) => {}
            Some(1) => terms.push(format!("i{axis}")),
            Some(c) => terms.push(format!("{c}*i{axis}")),
            None => terms.push(format!("({coefficient})*i{axis}")),
        }
    }
    if !affine.offset.is(0) || terms.is_empty() {
        terms.push(affine.offset.to_string());
    }
    terms.join(" + ")
}

fn all(guards: &[Guard]) -> String {
    let each: Vec<String> =
        guards.iter().map(|g| format!("0 <= {} < {}", affine(&g.index), g.extent)).collect();
    each.join(" && ")
}
