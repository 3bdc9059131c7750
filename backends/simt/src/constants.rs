//! Literals, constant expressions, and constants that lie in memory.

use crate::module::Context;
use crate::names::Names;
use crate::{Error, types};
use naga::{Constant, Expression, Handle, Literal, Span, Type, TypeInner};
use std::fmt::Write;

/// A literal; negative ones stand in parentheses.
pub(crate) fn literal(context: &Context, literal: Literal) -> Result<String, Error> {
    let signed = |text: String, negative: bool| if negative { format!("({text})") } else { text };
    Ok(match literal {
        Literal::F32(v) if !v.is_finite() => format!("wgsl::bits_of<f32>({:#010x}u)", v.to_bits()),
        Literal::F64(v) if !v.is_finite() => format!("wgsl::bits_of<f64>({:#018x}ull)", v.to_bits()),
        Literal::F32(v) => signed(format!("{v:?}f"), v.is_sign_negative()),
        Literal::F64(v) => signed(format!("{v:?}"), v.is_sign_negative()),
        Literal::F16(v) => (context.dialect.table().half_literal)(v.to_bits(), v.to_f32()),
        Literal::U16(v) => format!("u16({v})"),
        Literal::I16(v) => format!("i16({v})"),
        Literal::U32(v) => format!("{v}u"),
        Literal::I32(i32::MIN) => "(-2147483647 - 1)".into(),
        Literal::I32(v) => signed(v.to_string(), v < 0),
        Literal::U64(v) => format!("{v}ull"),
        Literal::I64(i64::MIN) => "(-9223372036854775807ll - 1ll)".into(),
        Literal::I64(v) => signed(format!("{v}ll"), v < 0),
        Literal::Bool(v) => v.to_string(),
        Literal::AbstractInt(_) | Literal::AbstractFloat(_) => {
            return Err(context.unsupported("a number without a type", "a constant", Span::UNDEFINED));
        }
    })
}

/// A value of `ty` out of its components. `scalars`: a vector's components are all scalars.
pub(crate) fn compose(
    context: &Context,
    names: &Names,
    ty: Handle<Type>,
    parts: &[String],
    scalars: bool,
) -> Result<String, Error> {
    let name = types::name(context, names, ty)?;
    let slots = || parts.iter().map(|p| format!("{{{p}}}")).collect::<Vec<_>>().join(", ");
    Ok(match context.module.types[ty].inner {
        TypeInner::Vector { .. } if scalars => format!("{name}{{{}}}", parts.join(", ")),
        TypeInner::Vector { .. } if parts.len() == 1 => parts[0].clone(),
        TypeInner::Vector { .. } => format!("wgsl::join({})", parts.join(", ")),
        TypeInner::Matrix { .. } | TypeInner::Array { .. } => format!("{name}{{{{{}}}}}", slots()),
        TypeInner::Struct { .. } => types::structure_value(context, names, ty, parts)?,
        ref other => {
            return Err(context.unsupported(
                format!("a value of {other:?}"),
                "an expression",
                Span::UNDEFINED,
            ));
        }
    })
}

/// A constant as an operand: scalars and vectors by value, everything else by name.
pub(crate) fn constant(context: &Context, names: &Names, handle: Handle<Constant>) -> Result<String, Error> {
    let constant = &context.module.constants[handle];
    match context.module.types[constant.ty].inner {
        TypeInner::Scalar(_) | TypeInner::Vector { .. } => global_expression(context, names, constant.init),
        _ => Ok(names.constant(handle).to_string()),
    }
}

/// An expression outside of functions. Vectors are braced lists, which may initialise memory.
pub(crate) fn global_expression(
    context: &Context,
    names: &Names,
    handle: Handle<Expression>,
) -> Result<String, Error> {
    let arena = &context.module.global_expressions;
    Ok(match arena[handle] {
        Expression::Literal(value) => literal(context, value)?,
        Expression::Constant(other) => {
            global_expression(context, names, context.module.constants[other].init)?
        }
        Expression::ZeroValue(ty) => format!("{}{{}}", types::name(context, names, ty)?),
        Expression::Compose { ty, ref components } => {
            let parts = components
                .iter()
                .map(|&c| global_expression(context, names, c))
                .collect::<Result<Vec<_>, _>>()?;
            let whole = match context.module.types[ty].inner {
                TypeInner::Vector { size, .. } => parts.len() == size as usize,
                _ => false,
            };
            compose(context, names, ty, &parts, whole)?
        }
        Expression::Splat { size, value } => {
            let ty = types::resolved_name(context, names, &context.info[handle])?;
            let part = global_expression(context, names, value)?;
            format!("{ty}{{{}}}", vec![part; size as usize].join(", "))
        }
        ref other => {
            let construct = format!("the constant expression {other:?}");
            return Err(context.unsupported(construct, "the module", arena.get_span(handle)));
        }
    })
}

/// Constants that are not written where they are used, in constant memory.
pub(crate) fn declarations(context: &Context, names: &Names) -> Result<String, Error> {
    let mut out = String::new();
    for handle in names.used_constants() {
        let constant = &context.module.constants[handle];
        let ty = types::name(context, names, constant.ty)?;
        let value = global_expression(context, names, constant.init)?;
        let _ = writeln!(out, "__constant__ const {ty} {} = {value};\n", names.constant(handle));
    }
    Ok(out)
}
