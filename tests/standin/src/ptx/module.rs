//! What the parser yields.

use std::collections::HashMap;

/// A translation unit.
#[derive(Debug, Default)]
pub(crate) struct Module {
    /// `.global`, `.const` and `.shared` declarations of file scope.
    pub(crate) variables: Vec<Variable>,
    pub(crate) functions: Vec<Function>,
    /// The text, for messages.
    pub(crate) lines: Vec<String>,
}

/// Where memory lies.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Space {
    Generic,
    Global,
    Const,
    Shared,
    Local,
    Param,
}

/// A fundamental type: its kind and its bits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Type {
    /// Untyped bits.
    B(u8),
    U(u8),
    S(u8),
    F(u8),
    U16x2,
    S16x2,
    F16x2,
    Bf16,
    Bf16x2,
    Tf32,
    E4m3x2,
    E5m2x2,
    Pred,
}

impl Type {
    /// `f32` and the like, without a dot.
    pub(crate) fn named(name: &str) -> Option<Type> {
        Some(match name {
            "b8" => Type::B(8),
            "b16" => Type::B(16),
            "b32" => Type::B(32),
            "b64" => Type::B(64),
            "b128" => Type::B(128),
            "u8" => Type::U(8),
            "u16" => Type::U(16),
            "u32" => Type::U(32),
            "u64" => Type::U(64),
            "s8" => Type::S(8),
            "s16" => Type::S(16),
            "s32" => Type::S(32),
            "s64" => Type::S(64),
            "f16" => Type::F(16),
            "f32" => Type::F(32),
            "f64" => Type::F(64),
            "u16x2" => Type::U16x2,
            "s16x2" => Type::S16x2,
            "f16x2" => Type::F16x2,
            "bf16" => Type::Bf16,
            "bf16x2" => Type::Bf16x2,
            "tf32" => Type::Tf32,
            "e4m3x2" => Type::E4m3x2,
            "e5m2x2" => Type::E5m2x2,
            "pred" => Type::Pred,
            _ => return None,
        })
    }

    /// Width in a register; a predicate has one bit.
    pub(crate) fn bits(self) -> u32 {
        match self {
            Type::B(bits) | Type::U(bits) | Type::S(bits) | Type::F(bits) => u32::from(bits),
            Type::U16x2 | Type::S16x2 | Type::F16x2 | Type::Bf16x2 | Type::Tf32 => 32,
            Type::Bf16 | Type::E4m3x2 | Type::E5m2x2 => 16,
            Type::Pred => 1,
        }
    }

    pub(crate) fn bytes(self) -> u32 {
        self.bits().div_ceil(8)
    }

    pub(crate) fn is_signed(self) -> bool {
        matches!(self, Type::S(_))
    }
}

/// An address that stands in an initialiser.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Relocation {
    /// Where in the variable, in bytes.
    pub(crate) at: usize,
    pub(crate) bytes: usize,
    pub(crate) symbol: String,
    pub(crate) addend: i64,
}

/// Memory with a name.
#[derive(Clone, Debug)]
pub(crate) struct Variable {
    pub(crate) name: String,
    pub(crate) space: Space,
    pub(crate) align: usize,
    /// In bytes; 0 for `.extern .shared` arrays, whose size the launch gives.
    pub(crate) size: usize,
    /// First bytes; the rest is zero.
    pub(crate) bytes: Vec<u8>,
    pub(crate) relocations: Vec<Relocation>,
    /// Declared here, defined elsewhere.
    pub(crate) external: bool,
}

/// A kernel or a device function.
#[derive(Debug)]
pub(crate) struct Function {
    pub(crate) name: String,
    pub(crate) is_entry: bool,
    pub(crate) line: u32,
    pub(crate) returns: Vec<Variable>,
    pub(crate) params: Vec<Variable>,
    /// Types by register number.
    pub(crate) registers: Vec<Type>,
    /// Names by register number, for messages.
    pub(crate) register_names: Vec<String>,
    /// `.local`, `.shared` and `.param` declarations of the body.
    pub(crate) variables: Vec<Variable>,
    pub(crate) body: Option<Vec<Instruction>>,
    /// Product of `.maxntid` or `.reqntid`.
    pub(crate) max_threads: Option<u32>,
    /// `.reqntid`.
    pub(crate) required_block: Option<[u32; 3]>,
}

/// One statement.
#[derive(Clone, Debug)]
pub(crate) struct Instruction {
    pub(crate) line: u32,
    /// `@p` or `@!p`: the register, and whether it is negated.
    pub(crate) guard: Option<(usize, bool)>,
    pub(crate) opcode: String,
    pub(crate) operands: Vec<Operand>,
}

/// What an instruction works on.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Operand {
    Register(usize),
    /// `!p`.
    Not(usize),
    /// An integer, in two's complement.
    Integer(u64),
    /// A float literal: bits of `f32`.
    Single(u32),
    /// A float literal: bits of `f64`.
    Double(u64),
    /// `{a, b}`.
    Vector(Vec<Operand>),
    /// `a|b`.
    Pair(Box<Operand>, Box<Operand>),
    /// `[base+offset]`; no base for an absolute address.
    Address(Option<Box<Operand>>, i64),
    /// A variable or a function, and what is added to its address. Variables of a body are named by their number there.
    Symbol(String, i64),
    BodyVariable(usize, i64),
    /// `%tid.x` and the like.
    Special(String),
    /// The instruction that follows a label.
    Target(usize),
    /// `(a, b)` of a call.
    List(Vec<Operand>),
    /// `_`.
    Sink,
}

impl Module {
    pub(crate) fn function(&self, name: &str) -> Option<&Function> {
        // A definition goes before a declaration of the same name.
        let mut found = self.functions.iter().filter(|f| f.name == name);
        let first = found.next()?;
        Some(if first.body.is_some() { first } else { found.find(|f| f.body.is_some()).unwrap_or(first) })
    }

    pub(crate) fn line(&self, line: u32) -> &str {
        self.lines.get(line.saturating_sub(1) as usize).map_or("", |text| text.trim())
    }
}

/// Names of one scope.
#[derive(Debug, Default)]
pub(crate) struct Scope {
    pub(crate) parent: Option<usize>,
    pub(crate) registers: HashMap<String, usize>,
    pub(crate) variables: HashMap<String, usize>,
    pub(crate) labels: HashMap<String, usize>,
}
