//! Random programs that are well-typed and whose meaning WGSL settles, so that every implementation must give the same bits.
//!
//! A seed is a program. It is a function of an `i32`, a `u32` and an `f32` that declares variables of every scalar type, of vectors, arrays and a structure, changes
//! them in assignments, branches, switches and loops, calls a function of its own through pointers, and gives a hash of all that it holds in the end.
//!
//! What keeps the meaning settled: indices are taken modulo the length; a literal is never the only operand of an operator, since constant expressions that overflow
//! are errors; loops count in variables that nothing else assigns. Integers wrap, divide by zero and shift by any amount as WGSL says. WGSL lets compilers order sums
//! of floats anew and take out factors, so what variables hold are multiples of 1/8 below 64, and only those are multiplied: no operation rounds. Floats enter the
//! hash without the signs of zero and NaN. Infinities and NaNs come in sums, products and comparisons of their own.

use crate::batch::{Operand, Row};
use crate::values::Kind;
use std::fmt::Write;

/// The program of a seed.
pub fn row(seed: u64) -> Row {
    let mut random = Random(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ 0x2545_f491_4f6c_dd1d);
    random.below(2);
    let mut declarations = String::from(SUPPORT);
    let helper = Writer::new(&mut random, false).helper();
    declarations += &helper;
    declarations += &Writer::new(&mut random, true).body();
    let scalar = |kind| Operand { kind, width: 1 };
    Row {
        name: format!("random {seed}"),
        operands: vec![scalar(Kind::Int), scalar(Kind::Uint), scalar(Kind::Moderate)],
        result: scalar(Kind::Uint),
        declarations,
        expression: "$(a, b, c)".into(),
        within: None,
    }
}

/// Programs of consecutive seeds.
pub fn rows(first: u64, count: u64) -> Vec<Row> {
    (first..first + count).map(row).collect()
}

const SUPPORT: &str = "\
struct $S { n: i32, v: vec3<u32>, list: array<i32, 3>, x: f32 }
var<private> $held: u32 = 77u;
var<private> $none: u32;
var<workgroup> $shared: array<vec2<i32>, 64>;
fn $clip(x: f32) -> f32 {
    return round(clamp(x, -64.0, 64.0) * 8.0) * 0.125;
}
fn $clip2(v: vec2<f32>) -> vec2<f32> {
    return vec2<f32>($clip(v.x), $clip(v.y));
}
fn $bits(x: f32) -> u32 {
    let bits = bitcast<u32>(x);
    let size = bits & 0x7fffffffu;
    return select(select(bits, 0u, size == 0u), 0x7fc00000u, size > 0x7f800000u);
}
";

struct Random(u64);

impl Random {
    fn below(&mut self, n: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 33) as usize % n
    }

    fn pick<'a>(&mut self, items: &[&'a str]) -> &'a str {
        items[self.below(items.len())]
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Ty {
    I32,
    U32,
    F32,
    Bool,
    I32x3,
    U32x4,
    F32x2,
}

impl Ty {
    const ALL: [Ty; 7] = [Ty::I32, Ty::U32, Ty::F32, Ty::Bool, Ty::I32x3, Ty::U32x4, Ty::F32x2];

    fn name(self) -> &'static str {
        match self {
            Ty::I32 => "i32",
            Ty::U32 => "u32",
            Ty::F32 => "f32",
            Ty::Bool => "bool",
            Ty::I32x3 => "vec3<i32>",
            Ty::U32x4 => "vec4<u32>",
            Ty::F32x2 => "vec2<f32>",
        }
    }
}

/// One function while it is written.
struct Writer<'r> {
    random: &'r mut Random,
    text: String,
    depth: usize,
    /// Names and types of what can be read; those that can be assigned come with `true`.
    variables: Vec<(String, Ty, bool)>,
    names: usize,
    /// Loops that we are in.
    loops: usize,
    /// Whether there is a function to call, and memory beside the locals.
    whole: bool,
}

impl<'r> Writer<'r> {
    fn new(random: &'r mut Random, whole: bool) -> Writer<'r> {
        Writer { random, text: String::new(), depth: 1, variables: Vec::new(), names: 0, loops: 0, whole }
    }

    fn line(&mut self, text: &str) {
        let _ = writeln!(self.text, "{:width$}{text}", "", width = 4 * self.depth);
    }

    /// A function that changes what two pointers point to.
    fn helper(mut self) -> String {
        for (name, ty) in [("x", Ty::I32), ("y", Ty::U32)] {
            self.variables.push((name.into(), ty, false));
        }
        self.variables.push(("(*p)".into(), Ty::I32, true));
        self.variables.push(("(*q)".into(), Ty::F32, true));
        self.statements(2);
        let result = self.expression(Ty::I32, 2);
        self.line(&format!("return {result};"));
        format!(
            "fn $helper(x: i32, y: u32, p: ptr<function, i32>, q: ptr<function, f32>) -> i32 {{\n{}}}\n",
            self.text
        )
    }

    fn body(mut self) -> String {
        for (name, ty) in [("a", Ty::I32), ("b", Ty::U32), ("c", Ty::F32)] {
            self.variables.push((name.into(), ty, false));
        }
        for ty in Ty::ALL {
            let value = self.expression(ty, 2);
            let value = kept(ty, &value);
            let name = self.name("v");
            self.line(&format!("var {name}: {} = {value};", ty.name()));
            self.variables.push((name, ty, true));
        }
        for line in [
            "var list = array<i32, 5>(a, 3, i32(b), -7, 2147483647);",
            "var s: $S;",
            "s.n = a;",
            "$held = b;",
            "// Zero, which no compiler knows.",
            "let none = select(0u, 1u, a == 123456789);",
            "$none = none;",
            "$shared[lane] = vec2<i32>(a, 5);",
        ] {
            self.line(line);
        }
        for (name, ty) in [
            ("s.n", Ty::I32),
            ("s.v.y", Ty::U32),
            ("s.list[1]", Ty::I32),
            ("s.x", Ty::F32),
            ("$held", Ty::U32),
            ("$shared[lane].x", Ty::I32),
        ] {
            self.variables.push((name.into(), ty, true));
        }
        let count = 4 + self.random.below(4);
        self.statements(count);
        self.line("var h = 17u;");
        for (name, ty, changes) in self.variables.clone() {
            if changes {
                self.hash(&name, ty);
            }
        }
        for name in ["list[0]", "list[1]", "list[2]", "list[3]", "list[4]", "s.list[0]", "s.list[2]"] {
            self.hash(name, Ty::I32);
        }
        self.wild();
        self.line("return h;");
        format!("fn $(a: i32, b: u32, c: f32) -> u32 {{\n{}}}\n", self.text)
    }

    fn hash(&mut self, name: &str, ty: Ty) {
        let words: Vec<String> = match ty {
            Ty::I32 => vec![format!("bitcast<u32>({name})")],
            Ty::U32 => vec![name.into()],
            Ty::F32 => vec![format!("$bits({name})")],
            Ty::Bool => vec![format!("u32({name})")],
            Ty::I32x3 => ["x", "y", "z"].map(|c| format!("bitcast<u32>({name}.{c})")).into(),
            Ty::U32x4 => ["x", "y", "z", "w"].map(|c| format!("{name}.{c}")).into(),
            Ty::F32x2 => ["x", "y"].map(|c| format!("$bits({name}.{c})")).into(),
        };
        for word in words {
            self.line(&format!("h = (h ^ {word}) * 16777619u;"));
        }
    }

    /// Infinities and NaNs in sums, products and comparisons.
    fn wild(&mut self) {
        for (name, bits) in [("w0", "0x7f800000u"), ("w1", "0xff7fffffu"), ("w2", "0x7fc00000u")] {
            // From the run, so that nothing is a constant.
            self.line(&format!("let {name} = bitcast<f32>({bits} + none);"));
        }
        for _ in 0..2 {
            // Never the same on both sides: compilers may take `x - x` for zero and `x == x` for true.
            let left = self.random.pick(&["w0", "w1", "w2", "-w0", "abs(w1)"]);
            let right = self.random.pick(&["c", "(c * w1)", "(c * -w0)", "(c + w2)", "-c"]);
            let sum = self.random.pick(&["+", "-", "*"]);
            let order = self.random.pick(&["<", "<=", ">", ">=", "=="]);
            self.line(&format!("h = (h ^ $bits({left} {sum} {right})) * 16777619u;"));
            self.line(&format!("h = (h ^ u32({left} {order} {right})) * 16777619u;"));
        }
    }

    fn name(&mut self, kind: &str) -> String {
        self.names += 1;
        format!("{kind}{}", self.names)
    }

    fn statements(&mut self, count: usize) {
        for _ in 0..count {
            self.statement();
        }
    }

    /// A block in braces behind `head`; what it declares is forgotten.
    fn block(&mut self, head: &str, tail: &str) {
        let known = self.variables.len();
        self.line(&format!("{head} {{"));
        self.depth += 1;
        let count = 1 + self.random.below(2);
        self.statements(count);
        if !tail.is_empty() {
            self.line(tail);
        }
        self.depth -= 1;
        self.variables.truncate(known);
        self.line("}");
    }

    fn statement(&mut self) {
        let deep = self.depth > 3;
        match self.random.below(if deep { 6 } else { 13 }) {
            0 => {
                let ty = Ty::ALL[self.random.below(7)];
                let value = self.expression(ty, 3);
                let (name, changes) = (self.name("t"), self.random.below(2) == 0);
                let word = if changes { "var" } else { "let" };
                self.line(&format!("{word} {name} = {};", kept(ty, &value)));
                self.variables.push((name, ty, changes));
            }
            1 | 2 => self.assignment(),
            3 => self.part(),
            4 if self.whole => self.call(),
            5 => self.compound(),
            6 | 7 => {
                let condition = self.expression(Ty::Bool, 2);
                self.block(&format!("if {condition}"), "");
                if self.random.below(2) == 0 {
                    let other = self.expression(Ty::Bool, 1);
                    let head =
                        if self.random.below(3) == 0 { format!("else if {other}") } else { "else".into() };
                    self.block(&head, "");
                }
            }
            8 => self.switch(),
            9 | 10 => self.counted_loop(),
            11 => self.free_loop(),
            12 if self.loops > 0 => {
                let condition = self.expression(Ty::Bool, 1);
                let jump = self.random.pick(&["break;", "continue;"]);
                self.line(&format!("if {condition} {{"));
                self.line(&format!("    {jump}"));
                self.line("}");
            }
            _ => self.assignment(),
        }
    }

    fn assignment(&mut self) {
        let places: Vec<_> = self.variables.iter().filter(|v| v.2).cloned().collect();
        let (name, ty, _) = places[self.random.below(places.len())].clone();
        let value = self.expression(ty, 3);
        self.line(&format!("{name} = {};", kept(ty, &value)));
    }

    /// A component, an element, a member at an index that only the run knows.
    fn part(&mut self) {
        let (index, integer) = (self.expression(Ty::U32, 1), self.expression(Ty::I32, 2));
        let vectors: Vec<_> = self.variables.iter().filter(|v| v.2 && v.1 == Ty::I32x3).cloned().collect();
        match self.random.below(5) {
            4 => self.line(&format!("cells[lane * 4u + {index} % 4u] ^= bitcast<u32>({integer});")),
            0 if self.whole => self.line(&format!("list[{index} % 5u] = {integer};")),
            1 if self.whole => self.line(&format!("s.list[{index} % 3u] += {integer};")),
            2 if self.whole => self.line(&format!("$shared[lane][{index} % 2u] ^= {integer};")),
            _ => match vectors.first() {
                Some((name, ..)) => self.line(&format!("{name}[{index} % 3u] = {integer};")),
                None => self.assignment(),
            },
        }
    }

    fn call(&mut self) {
        let (x, y) = (self.expression(Ty::I32, 2), self.expression(Ty::U32, 2));
        let local = |ty| {
            let mut known = self.variables.iter().rev();
            known.find(|v| v.2 && v.1 == ty && v.0.starts_with(['v', 't'])).map(|v| v.0.clone())
        };
        let (Some(p), Some(q)) = (local(Ty::I32), local(Ty::F32)) else { return self.assignment() };
        let target = self.random.pick(&["s.n", "list[2]", "_"]);
        self.line(&format!("{target} = $helper({x}, {y}, &{p}, &{q});"));
    }

    fn compound(&mut self) {
        let places: Vec<_> = self
            .variables
            .iter()
            .filter(|v| v.2 && matches!(v.1, Ty::I32 | Ty::U32 | Ty::I32x3 | Ty::U32x4))
            .cloned()
            .collect();
        let Some((name, ty, _)) = places.get(self.random.below(places.len().max(1))).cloned() else { return };
        if self.random.below(4) == 0 && matches!(ty, Ty::I32 | Ty::U32) {
            let step = self.random.pick(&["++", "--"]);
            return self.line(&format!("{name}{step};"));
        }
        let op = self.random.pick(&["+=", "-=", "*=", "/=", "%=", "&=", "|=", "^="]);
        let value = self.expression(ty, 2);
        self.line(&format!("{name} {op} {value};"));
    }

    fn switch(&mut self) {
        let selector = self.expression(Ty::I32, 2);
        self.line(&format!("switch {selector} % 5 {{"));
        self.depth += 1;
        let default_first = self.random.below(2) == 0;
        if default_first {
            self.block("default:", "");
        }
        self.block("case 0, 3:", "");
        self.block("case -1, 1:", "");
        if self.random.below(2) == 0 {
            self.block("case 2:", "break;");
        }
        if !default_first {
            self.block("default:", "");
        }
        self.depth -= 1;
        self.line("}");
    }

    fn counted_loop(&mut self) {
        let (name, count) = (self.name("i"), 1 + self.random.below(4));
        self.variables.push((name.clone(), Ty::U32, false));
        self.loops += 1;
        // The bound is one that only the run knows: compilers unroll what they can count.
        self.block(&format!("for (var {name} = 0u; {name} < {count}u + $none; {name}++)"), "");
        self.loops -= 1;
        self.variables.retain(|v| v.0 != name);
    }

    /// `loop` with `continuing`, or `while`.
    fn free_loop(&mut self) {
        let (name, count) = (self.name("n"), 1 + self.random.below(4));
        self.line(&format!("var {name} = 0i;"));
        let condition = self.expression(Ty::Bool, 2);
        self.variables.push((name.clone(), Ty::I32, false));
        self.loops += 1;
        match self.random.below(2) {
            0 => {
                let known = self.variables.len();
                self.line(&format!("while {name} < {count} + i32($none) && {condition} {{"));
                self.depth += 1;
                self.line(&format!("{name}++;"));
                self.statements(2);
                self.depth -= 1;
                self.line("}");
                self.variables.truncate(known);
            }
            _ => {
                let tail = format!(
                    "continuing {{\n{:w$}{name} += 1;\n{:w$}break if {name} >= {count} + i32($none);\n{:v$}}}",
                    "",
                    "",
                    "",
                    w = 4 * self.depth + 8,
                    v = 4 * self.depth + 4
                );
                self.block("loop", &tail);
            }
        }
        self.loops -= 1;
    }

    /// Something of type `ty` that is no constant.
    fn leaf(&mut self, ty: Ty) -> String {
        let known: Vec<&(String, Ty, bool)> = self.variables.iter().filter(|v| v.1 == ty).collect();
        if !known.is_empty() {
            return known[self.random.below(known.len())].0.clone();
        }
        let scalar = |w: &mut Self, ty| w.leaf(ty);
        match ty {
            Ty::I32 => format!("i32({})", scalar(self, Ty::U32)),
            Ty::U32 => format!("u32({})", scalar(self, Ty::I32)),
            Ty::F32 => format!("f32({} % 64)", scalar(self, Ty::I32)),
            Ty::Bool => format!("({} > 3)", scalar(self, Ty::I32)),
            Ty::I32x3 => format!("vec3<i32>({}, {}, 9)", scalar(self, Ty::I32), scalar(self, Ty::I32)),
            Ty::U32x4 => format!("vec4<u32>({})", scalar(self, Ty::U32)),
            Ty::F32x2 => format!("vec2<f32>({}, 0.5)", scalar(self, Ty::F32)),
        }
    }

    /// A leaf or, as a right operand, a literal that no operator minds.
    fn right(&mut self, ty: Ty, depth: usize) -> String {
        if self.random.below(3) > 0 {
            return self.expression(ty, depth);
        }
        match ty {
            Ty::I32 => {
                self.random.pick(&["1", "-1", "7", "2147483647", "i32(-2147483648)", "31", "255"]).into()
            }
            Ty::U32 => self.random.pick(&["1u", "7u", "31u", "4294967295u", "2147483648u", "255u"]).into(),
            Ty::F32 => self.random.pick(&["0.5", "-2.0", "3.0", "0.0", "1.0"]).into(),
            _ => self.expression(ty, depth),
        }
    }

    fn expression(&mut self, ty: Ty, depth: usize) -> String {
        if depth == 0 || self.random.below(6) == 0 {
            return self.leaf(ty);
        }
        let d = depth - 1;
        match ty {
            Ty::I32 => self.integer(ty, d),
            Ty::U32 => self.integer(ty, d),
            Ty::I32x3 | Ty::U32x4 => self.integers(ty, d),
            Ty::F32 => self.float(d),
            Ty::F32x2 => {
                let (x, y) = (self.expression(Ty::F32x2, d), self.expression(Ty::F32x2, d));
                let pair = |writer: &mut Self| writer.leaf(Ty::F32x2);
                match self.random.below(8) {
                    6 => format!("(mat2x2<f32>({}, {}) * {})", pair(self), pair(self), pair(self)),
                    7 => format!(
                        "(transpose(mat2x2<f32>({}, {})) * {})[0]",
                        pair(self),
                        pair(self),
                        self.leaf(Ty::F32)
                    ),
                    0 => format!("({x} + {y})"),
                    1 => format!("({} * {})", pair(self), pair(self)),
                    2 => format!("min({x}, {y})"),
                    3 => format!("floor({x})"),
                    4 => format!("vec2<f32>({}, {y}.x)", self.expression(Ty::F32, d)),
                    _ => format!("{x}.yx"),
                }
            }
            Ty::Bool => self.boolean(d),
        }
    }

    fn integer(&mut self, ty: Ty, d: usize) -> String {
        let signed = ty == Ty::I32;
        let (x, y) = (self.expression(ty, d), self.right(ty, d));
        match self.random.below(19) {
            18 if !signed => format!("cells[lane * 4u + {x} % 4u]"),
            0 => format!("({x} + {y})"),
            1 => format!("({x} - {y})"),
            2 => format!("({x} * {y})"),
            3 => format!("({x} / {y})"),
            4 => format!("({x} % {y})"),
            5 => format!("({x} & {y})"),
            6 => format!("({x} ^ {y})"),
            7 => format!("({x} << {})", self.expression(Ty::U32, 0)),
            8 => format!("({x} >> {})", self.expression(Ty::U32, 0)),
            9 => format!("min({x}, {y})"),
            10 => format!("max({x}, {y})"),
            11 => format!("select({x}, {y}, {})", self.expression(Ty::Bool, d)),
            12 => {
                self.random.pick(&["~", "abs", "countOneBits", "reverseBits", "firstLeadingBit"]).to_string()
                    + &format!("({x})")
            }
            13 if signed => format!("i32(clamp({}, -9000.0, 9000.0))", self.expression(Ty::F32, d)),
            13 => format!("u32(clamp({}, 0.0, 9000.0))", self.expression(Ty::F32, d)),
            14 if signed => format!("bitcast<i32>({})", self.expression(Ty::U32, d)),
            14 => format!("u32({})", self.expression(Ty::I32, d)),
            15 => format!("extractBits({x}, {} % 40u, 7u)", self.leaf(Ty::U32)),
            16 if signed => format!("dot({}, {})", self.expression(Ty::I32x3, d), self.leaf(Ty::I32x3)),
            16 => format!("{}[{} % 4u]", self.leaf(Ty::U32x4), self.leaf(Ty::U32)),
            _ if signed && self.whole && self.names > 7 => format!("list[{} % 5u]", self.leaf(Ty::U32)),
            _ if signed => format!("sign({x})"),
            _ => format!("u32({})", self.expression(Ty::Bool, d)),
        }
    }

    fn integers(&mut self, ty: Ty, d: usize) -> String {
        let scalar = if ty == Ty::I32x3 { Ty::I32 } else { Ty::U32 };
        let (x, y) = (self.expression(ty, d), self.expression(ty, d));
        match self.random.below(10) {
            0 => format!("({x} + {y})"),
            1 => format!("({x} * {})", self.leaf(scalar)),
            2 => format!("({x} / {y})"),
            3 => format!("({x} % {y})"),
            4 => format!("max({x}, {y})"),
            5 if ty == Ty::I32x3 => format!("{x}.zxy"),
            5 => format!("{x}.wzxx"),
            6 if ty == Ty::I32x3 => format!("vec3<i32>({}, {y}.yz)", self.expression(Ty::I32, d)),
            6 => format!("vec4<u32>({y}.xyz, {})", self.expression(Ty::U32, d)),
            7 => format!("select({x}, {y}, {x} < {y})"),
            8 if ty == Ty::I32x3 => format!("abs({x})"),
            8 => format!("countLeadingZeros({x})"),
            _ => format!("({x} ^ {y})"),
        }
    }

    fn float(&mut self, d: usize) -> String {
        let (x, y) = (self.expression(Ty::F32, d), self.right(Ty::F32, d));
        match self.random.below(11) {
            10 => format!("f32(f16(f32({} % 2000)))", self.expression(Ty::I32, d)),
            0 => format!("({x} + {y})"),
            1 => format!("({x} - {y})"),
            2 | 3 => format!("({} * {})", self.leaf(Ty::F32), self.right(Ty::F32, 0)),
            4 => format!("max({x}, {y})"),
            5 => self.random.pick(&["floor", "ceil", "trunc", "abs", "-"]).to_string() + &format!("({x})"),
            6 => format!("select({x}, {y}, {})", self.expression(Ty::Bool, d)),
            7 => format!("f32({} % 1000)", self.expression(Ty::I32, d)),
            8 => format!("f32({} & 1023u)", self.expression(Ty::U32, d)),
            _ => format!("{}.y", self.expression(Ty::F32x2, d)),
        }
    }

    fn boolean(&mut self, d: usize) -> String {
        let ty = [Ty::I32, Ty::U32, Ty::F32][self.random.below(3)];
        let order = self.random.pick(&["<", "<=", ">", ">=", "==", "!="]);
        match self.random.below(6) {
            0..=2 => format!("({} {order} {})", self.expression(ty, d), self.right(ty, d)),
            3 => format!("({} && {})", self.expression(Ty::Bool, d), self.expression(Ty::Bool, d)),
            4 => format!("({} || {})", self.expression(Ty::Bool, d), self.expression(Ty::Bool, d)),
            _ => format!("!{}", self.leaf(Ty::Bool)),
        }
    }
}

/// A value as a variable may hold it.
fn kept(ty: Ty, value: &str) -> String {
    match ty {
        Ty::F32 => format!("$clip({value})"),
        Ty::F32x2 => format!("$clip2({value})"),
        _ => value.into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seed_is_one_program() {
        assert_eq!(row(5), row(5));
        assert_ne!(row(5).declarations, row(6).declarations);
    }
}
