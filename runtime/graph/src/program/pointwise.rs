//! Fused arithmetic: a straight-line program that is evaluated at every coordinate of a domain.

use super::{Affine, Guard, IndexMap};
use crate::{DType, Dim, Scalar};
use serde::{Deserialize, Serialize};

/// The result of an instruction: its position in the program.
pub type Reg = usize;

/// Elementwise functions of one operand. Result dtype is the operand's unless said otherwise.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum UnaryOp {
    /// `-x`, wrapping for integers.
    Neg,
    /// `|x|`, wrapping for integers.
    Abs,
    /// -1, 0 or 1; NaN stays NaN.
    Sign,
    /// Greatest integer not above (floats).
    Floor,
    /// Least integer not below (floats).
    Ceil,
    /// Nearest integer, ties to even (floats).
    Round,
    /// Towards zero (floats).
    Trunc,
    /// `e^x` (floats).
    Exp,
    /// `e^x - 1`, accurate near zero (floats).
    Expm1,
    /// Natural logarithm (floats).
    Log,
    /// `ln(1 + x)`, accurate near zero (floats).
    Log1p,
    /// Square root (floats).
    Sqrt,
    /// `1 / sqrt(x)` (floats).
    Rsqrt,
    /// `1 / x` (floats).
    Reciprocal,
    /// Sine of radians (floats).
    Sin,
    /// Cosine of radians (floats).
    Cos,
    /// Tangent of radians (floats).
    Tan,
    /// Inverse sine (floats).
    Asin,
    /// Inverse cosine (floats).
    Acos,
    /// Inverse tangent (floats).
    Atan,
    /// Hyperbolic sine (floats).
    Sinh,
    /// Hyperbolic cosine (floats).
    Cosh,
    /// Hyperbolic tangent (floats).
    Tanh,
    /// Inverse hyperbolic sine (floats).
    Asinh,
    /// Inverse hyperbolic cosine (floats).
    Acosh,
    /// Inverse hyperbolic tangent (floats).
    Atanh,
    /// The error function (floats).
    Erf,
    /// Logical not (bool), bitwise not (integers).
    Not,
    /// Whether a float is NaN, decided by its bits; result is `Bool`.
    IsNan,
    /// Whether a float is infinite, decided by its bits; result is `Bool`.
    IsInf,
}

/// Elementwise functions of two operands of one dtype; the result has that dtype.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum BinaryOp {
    /// `a + b`, wrapping for integers.
    Add,
    /// `a - b`, wrapping for integers.
    Sub,
    /// `a · b`, wrapping for integers.
    Mul,
    /// `a / b`; integers truncate towards zero. Integer division by zero gives `a`, and so does the overflowing
    /// `MIN / -1` (as WGSL has it).
    Div,
    /// Remainder with the sign of `a` (C `fmod`, WGSL `%`); integer remainder by zero and of `MIN % -1` is 0.
    Rem,
    /// `a^b`. Floats as C `pow`; integers wrap, and a negative exponent gives 0 unless `a` is 1 or -1.
    Pow,
    /// The larger; NaN if either is NaN.
    Max,
    /// The smaller; NaN if either is NaN.
    Min,
    /// The angle of `(b, a)`: C `atan2(a, b)` (floats).
    Atan2,
    /// Logical (bool) or bitwise (integers) and.
    And,
    /// Logical (bool) or bitwise (integers) or.
    Or,
    /// Logical (bool) or bitwise (integers) exclusive or.
    Xor,
    /// Shift left by `b` modulo the width (integers).
    Shl,
    /// Shift right by `b` modulo the width, arithmetic for signed integers.
    Shr,
}

/// Comparisons of two operands of one dtype; the result is `Bool`. Any comparison with NaN but `Ne` is false.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CompareOp {
    /// `a == b`.
    Eq,
    /// `a != b`.
    Ne,
    /// `a < b`.
    Lt,
    /// `a <= b`.
    Le,
    /// `a > b`.
    Gt,
    /// `a >= b`.
    Ge,
}

/// A run-time index that is added to an address: `address += clamp(index, 0, limit) · stride`.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Indirect {
    /// Register with the index, of dtype `I32`, `U32` or `I64`.
    pub index: Reg,
    /// Elements per unit of the index.
    pub stride: Dim,
    /// The largest index that is in range. A larger or negative one is clamped where `clamped`, otherwise it is a
    /// fault: the kernel stays in bounds and the run ends in an error.
    pub limit: Dim,
    /// Whether an index out of range is clamped by definition of the op (dynamic slices) instead of being an error (gather).
    pub clamped: bool,
}

/// One instruction. Operands are earlier registers.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Instr {
    /// An element of `reads[operand]`; zero where a guard of the map fails.
    Load {
        /// Position in [`Step::reads`](super::Step::reads).
        operand: usize,
        /// Which element.
        map: IndexMap,
        /// Run-time parts of the address. They are not evaluated where a guard fails.
        indirect: Vec<Indirect>,
    },
    /// The n-th accumulator of the archetype (a contraction's sum, the result of a reduction's phase).
    Accumulator(usize),
    /// A constant.
    Const(Scalar),
    /// An integer that is affine in the coordinates. The dtype is an integer type.
    Index(Affine),
    /// Whether all guards hold. The dtype is `Bool`.
    InBounds(Vec<Guard>),
    /// A function of one operand.
    Unary(UnaryOp, Reg),
    /// A function of two operands of this instruction's dtype.
    Binary(BinaryOp, Reg, Reg),
    /// A comparison of two operands of one dtype. The dtype is `Bool`.
    Compare(CompareOp, Reg, Reg),
    /// `if condition { a } else { b }`: condition (Bool), a, b.
    Select(Reg, Reg, Reg),
    /// The operand converted to this instruction's dtype. Float to integer truncates towards zero and saturates (NaN gives 0); integer to
    /// narrower integer wraps; anything to `Bool` is `x != 0`.
    Cast(Reg),
    /// Random bits (dtype `U32`): word `i % 4` of Philox4x32-10 with counter `[i / 4, 0, 0, 0]` and the key in two `U32` registers,
    /// where `i` is the value of `counter`. Salmon et al., "Parallel random numbers: as easy as 1, 2, 3", SC 2011.
    Random {
        /// Low and high word of the key.
        key: [Reg; 2],
        /// The element's number.
        counter: Affine,
    },
}

impl Instr {
    /// Registers that this instruction reads.
    pub fn operands(&self) -> smallvec::SmallVec<[Reg; 3]> {
        match self {
            Instr::Load { indirect, .. } => indirect.iter().map(|i| i.index).collect(),
            Instr::Accumulator(_) | Instr::Const(_) | Instr::Index(_) | Instr::InBounds(_) => {
                Default::default()
            }
            Instr::Unary(_, x) | Instr::Cast(x) => [*x].as_slice().into(),
            Instr::Binary(_, a, b) | Instr::Compare(_, a, b) => [*a, *b].as_slice().into(),
            Instr::Select(c, a, b) => [*c, *a, *b].as_slice().into(),
            Instr::Random { key, .. } => key.as_slice().into(),
        }
    }

    /// As [`Instr::operands`], to give them other names.
    pub fn operands_mut(&mut self) -> smallvec::SmallVec<[&mut Reg; 3]> {
        match self {
            Instr::Load { indirect, .. } => indirect.iter_mut().map(|i| &mut i.index).collect(),
            Instr::Accumulator(_) | Instr::Const(_) | Instr::Index(_) | Instr::InBounds(_) => {
                Default::default()
            }
            Instr::Unary(_, x) | Instr::Cast(x) => [x].into_iter().collect(),
            Instr::Binary(_, a, b) | Instr::Compare(_, a, b) => [a, b].into_iter().collect(),
            Instr::Select(c, a, b) => [c, a, b].into_iter().collect(),
            Instr::Random { key, .. } => key.iter_mut().collect(),
        }
    }
}

/// An instruction and the dtype of its result.
///
/// Registers of `F16` and `BF16` may be held in `f32` and are rounded by [`Instr::Cast`], by loads and by stores.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct TypedInstr {
    /// What to compute.
    pub instr: Instr,
    /// The dtype of the result.
    pub dtype: DType,
}

/// Straight-line code over the coordinates of a domain; which domain is said where a program is used.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct PointwiseProgram {
    /// Instructions in order; the n-th defines register n.
    pub instrs: Vec<TypedInstr>,
}

impl PointwiseProgram {
    /// Appends an instruction, or finds an equal earlier one.
    pub fn push(&mut self, instr: Instr, dtype: DType) -> Reg {
        let typed = TypedInstr { instr, dtype };
        if let Some(reg) = self.instrs.iter().position(|i| *i == typed) {
            return reg;
        }
        self.instrs.push(typed);
        self.instrs.len() - 1
    }

    /// The dtype of a register.
    pub fn dtype(&self, reg: Reg) -> DType {
        self.instrs[reg].dtype
    }

    /// If register `reg` is one load without guards or run-time indices: its operand and address.
    pub fn as_plain_load(&self, reg: Reg) -> Option<(usize, &Affine)> {
        match &self.instrs[reg].instr {
            Instr::Load { operand, map, indirect } if map.guards.is_empty() && indirect.is_empty() => {
                Some((*operand, &map.address))
            }
            _ => None,
        }
    }

    /// For each register, whether its value is the same at every coordinate along the axes for which `axes` is true.
    /// A backend computes such registers once per row.
    pub fn invariant(&self, axes: &dyn Fn(usize) -> bool) -> Vec<bool> {
        let affine = |a: &Affine| a.coefficients.iter().enumerate().all(|(axis, c)| !axes(axis) || c.is(0));
        let mut result: Vec<bool> = Vec::with_capacity(self.instrs.len());
        for TypedInstr { instr, .. } in &self.instrs {
            let own = match instr {
                Instr::Load { map, .. } => {
                    affine(&map.address) && map.guards.iter().all(|g| affine(&g.index))
                }
                Instr::Index(a) | Instr::Random { counter: a, .. } => affine(a),
                Instr::InBounds(guards) => guards.iter().all(|g| affine(&g.index)),
                _ => true,
            };
            let invariant = own && instr.operands().iter().all(|&r| result[r]);
            result.push(invariant);
        }
        result
    }
}
