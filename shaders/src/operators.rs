//! Instructions as WGSL expressions.

use crate::types::Kind;
use hadal_graph::DType;
use hadal_graph::program::{BinaryOp, CompareOp, UnaryOp};

/// `op(x)` for `x` of `dtype`.
pub(crate) fn unary(op: UnaryOp, x: &str, dtype: DType) -> String {
    use UnaryOp::*;
    let call = |name: &str| format!("{name}({x})");
    match op {
        Neg => match kind(dtype) {
            Kind::F32 => format!("(-{x})"),
            Kind::I32 => wrap(&format!("(0i - {x})"), dtype),
            Kind::U32 => wrap(&format!("(0u - {x})"), dtype),
            Kind::Wide => call("neg_64"),
            Kind::Bool => x.into(),
        },
        Abs => match kind(dtype) {
            Kind::Wide if dtype == DType::I64 => call("abs_64"),
            Kind::F32 => call("abs"),
            Kind::I32 => wrap(&call("abs"), dtype),
            _ => x.into(),
        },
        Sign => match kind(dtype) {
            Kind::F32 => call("sign_f32"),
            Kind::I32 => call("sign"),
            Kind::U32 => format!("min({x}, 1u)"),
            Kind::Wide if dtype == DType::I64 => call("sign_i64"),
            Kind::Wide => format!("vec2<u32>(min({x}.x | {x}.y, 1u), 0u)"),
            Kind::Bool => x.into(),
        },
        Not => match kind(dtype) {
            Kind::Bool => format!("(!{x})"),
            _ => wrap(&format!("(~{x})"), dtype),
        },
        Floor | Ceil | Round | Trunc if dtype.is_float() => call(match op {
            Floor => "floor",
            Ceil => "ceil",
            Round => "round",
            _ => "trunc",
        }),
        Floor | Ceil | Round | Trunc => x.into(),
        Exp => call("exp"),
        Expm1 => call("expm1"),
        Log => call("log"),
        Log1p => call("log1p"),
        Sqrt => call("sqrt"),
        Rsqrt => call("inverseSqrt"),
        Reciprocal => format!("(1.0 / {x})"),
        Sin => call("sin_f32"),
        Cos => call("cos_f32"),
        Tan => call("tan_f32"),
        Asin => call("asin_f32"),
        Acos => call("acos_f32"),
        Atan => call("atan_f32"),
        Sinh => call("sinh_f32"),
        Cosh => call("cosh_f32"),
        Tanh => call("tanh_f32"),
        Asinh => call("asinh_f32"),
        Acosh => call("acosh_f32"),
        Atanh => call("atanh_f32"),
        Erf => call("erf"),
        IsNan if dtype.is_float() => call("is_nan"),
        IsInf if dtype.is_float() => call("is_inf"),
        IsNan | IsInf => "false".into(),
    }
}

/// `op(a, b)` for operands of `dtype`.
pub(crate) fn binary(op: BinaryOp, a: &str, b: &str, dtype: DType) -> String {
    use BinaryOp::*;
    let infix = |sign: &str| format!("({a} {sign} {b})");
    let call = |name: &str| format!("{name}({a}, {b})");
    match kind(dtype) {
        Kind::F32 => match op {
            Add => infix("+"),
            Sub => infix("-"),
            Mul => infix("*"),
            Div => infix("/"),
            Rem => call("fmod_f32"),
            Pow => call("pow_f32"),
            Max => call("max_f32"),
            Min => call("min_f32"),
            Atan2 => call("atan2_f32"),
            // Bit operations on floats do not occur in a valid program.
            And | Or | Xor | Shl | Shr => call("min_f32"),
        },
        Kind::Bool => match op {
            Add | Or | Max => infix("||"),
            Mul | And | Min => infix("&&"),
            Sub | Xor => infix("!="),
            _ => a.into(),
        },
        Kind::Wide => {
            let signed = dtype == DType::I64;
            match op {
                Add => call("add_64"),
                Sub => call("sub_64"),
                Mul => call("mul_64"),
                Div => call(if signed { "div_i64" } else { "div_u64" }),
                Rem => call(if signed { "rem_i64" } else { "rem_u64" }),
                Pow => call(if signed { "pow_i64" } else { "pow_u64" }),
                Max => call(if signed { "max_i64" } else { "max_u64" }),
                Min => call(if signed { "min_i64" } else { "min_u64" }),
                And => infix("&"),
                Or => infix("|"),
                Xor => infix("^"),
                Shl => format!("shl_64({a}, {b}.x)"),
                Shr => format!("{}({a}, {b}.x)", if signed { "shr_i64" } else { "shr_u64" }),
                Atan2 => a.into(),
            }
        }
        Kind::I32 | Kind::U32 => {
            let suffix = if kind(dtype) == Kind::I32 { "i32" } else { "u32" };
            let width = dtype.size() * 8;
            let count = match kind(dtype) {
                Kind::I32 => format!("(u32({b}) & {}u)", width - 1),
                _ => format!("({b} & {}u)", width - 1),
            };
            match op {
                Add => wrap(&infix("+"), dtype),
                Sub => wrap(&infix("-"), dtype),
                Mul => wrap(&infix("*"), dtype),
                Div => wrap(&call(&format!("div_{suffix}")), dtype),
                Rem => call(&format!("rem_{suffix}")),
                Pow => wrap(&call(&format!("pow_{suffix}")), dtype),
                Max => call("max"),
                Min => call("min"),
                And => infix("&"),
                Or => infix("|"),
                Xor => infix("^"),
                Shl => wrap(&format!("({a} << {count})"), dtype),
                Shr => format!("({a} >> {count})"),
                Atan2 => a.into(),
            }
        }
    }
}

/// A comparison of operands of `dtype`. "Not equal" negates "equal", since compilers use the comparison that is false for NaN.
pub(crate) fn compare(op: CompareOp, a: &str, b: &str, dtype: DType) -> String {
    use CompareOp::*;
    match kind(dtype) {
        Kind::Wide => {
            let less = if dtype == DType::I64 { "less_i64" } else { "less_u64" };
            match op {
                Eq => format!("equal_64({a}, {b})"),
                Ne => format!("(!equal_64({a}, {b}))"),
                Lt => format!("{less}({a}, {b})"),
                Le => format!("(!{less}({b}, {a}))"),
                Gt => format!("{less}({b}, {a})"),
                Ge => format!("(!{less}({a}, {b}))"),
            }
        }
        Kind::Bool => match op {
            Eq => format!("({a} == {b})"),
            Ne => format!("({a} != {b})"),
            Lt => format!("(!{a} && {b})"),
            Le => format!("(!{a} || {b})"),
            Gt => format!("({a} && !{b})"),
            Ge => format!("({a} || !{b})"),
        },
        _ => match op {
            Eq => format!("({a} == {b})"),
            Ne => format!("(!({a} == {b}))"),
            Lt => format!("({a} < {b})"),
            Le => format!("({a} <= {b})"),
            Gt => format!("({a} > {b})"),
            Ge => format!("({a} >= {b})"),
        },
    }
}

/// `x` of dtype `from` converted to `to`.
pub(crate) fn cast(x: &str, from: DType, to: DType) -> String {
    let (source, target) = (kind(from), kind(to));
    match (source, target) {
        (_, Kind::Bool) => match source {
            Kind::Bool => x.into(),
            Kind::F32 => format!("(!({x} == 0.0))"),
            Kind::I32 => format!("({x} != 0i)"),
            Kind::U32 => format!("({x} != 0u)"),
            Kind::Wide => format!("(({x}.x | {x}.y) != 0u)"),
        },
        // More bits than f32 holds must not be rounded twice.
        (Kind::I32, _) if to == DType::BF16 && from.size() == 4 => {
            format!("bf16_from_i64(i64_from_i32({x}))")
        }
        (Kind::U32, _) if to == DType::BF16 && from.size() == 4 => {
            format!("bf16_from_u64(vec2<u32>({x}, 0u))")
        }
        (Kind::Wide, _) if to == DType::BF16 => format!("bf16_from_{}({x})", from.name()),
        (_, Kind::F32) => {
            let value = match source {
                Kind::F32 => x.into(),
                Kind::Bool => format!("select(0.0, 1.0, {x})"),
                Kind::I32 | Kind::U32 => format!("f32({x})"),
                Kind::Wide => format!("f32_from_{}({x})", from.name()),
            };
            match to {
                DType::F16 if from != DType::F16 => format!("round_f16({value})"),
                DType::BF16 if from != DType::BF16 => format!("round_bf16({value})"),
                _ => value,
            }
        }
        (Kind::F32, Kind::Wide) => format!("{}_from_f32({x})", to.name()),
        (Kind::F32, _) => match to {
            DType::I32 => format!("i32_from_f32({x})"),
            DType::U32 => format!("u32_from_f32({x})"),
            _ => {
                let (low, high) = to.int_range().unwrap_or((0, 0));
                let saturated = format!("i32_in_range_from_f32({x}, {low}.0, {high}.0)");
                if target == Kind::U32 { format!("u32({saturated})") } else { saturated }
            }
        },
        (Kind::Bool, Kind::I32) => format!("select(0i, 1i, {x})"),
        (Kind::Bool, Kind::U32) => format!("select(0u, 1u, {x})"),
        (Kind::Bool, Kind::Wide) => format!("vec2<u32>(select(0u, 1u, {x}), 0u)"),
        (Kind::I32, Kind::Wide) => format!("i64_from_i32({x})"),
        (Kind::U32, Kind::Wide) => format!("vec2<u32>({x}, 0u)"),
        (Kind::Wide, Kind::Wide) => x.into(),
        (Kind::Wide, Kind::I32) => wrap(&format!("i32({x}.x)"), to),
        (Kind::Wide, Kind::U32) => wrap(&format!("{x}.x"), to),
        (Kind::I32, Kind::U32) => wrap(&format!("u32({x})"), to),
        (Kind::U32, Kind::I32) => wrap(&format!("i32({x})"), to),
        (Kind::I32, Kind::I32) | (Kind::U32, Kind::U32) if to.size() < from.size() => wrap(x, to),
        (Kind::I32, Kind::I32) | (Kind::U32, Kind::U32) => x.into(),
    }
}

/// Brings the 32-bit result `x` into the range of a small integer type.
pub(crate) fn wrap(x: &str, dtype: DType) -> String {
    match dtype {
        DType::I8 => format!("wrap_i8({x})"),
        DType::I16 => format!("wrap_i16({x})"),
        DType::U8 => format!("({x} & 0xffu)"),
        DType::U16 => format!("({x} & 0xffffu)"),
        _ => x.into(),
    }
}

/// The register type; programs with `F64` are refused before their instructions are printed.
fn kind(dtype: DType) -> Kind {
    Kind::of(dtype).unwrap_or(Kind::F32)
}
