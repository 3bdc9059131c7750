//! Types: their names, their sizes in C++, and the definitions of structures.

use crate::Error;
use crate::module::Context;
use crate::names::Names;
use naga::proc::{IndexableLength, TypeResolution};
use naga::{Handle, Scalar, ScalarKind, Span, StructMember, Type, TypeInner, VectorSize};
use std::fmt::Write;

/// The C++ name of a scalar; `None` for the abstract ones, which no function has.
pub(crate) fn scalar(scalar: Scalar) -> Option<&'static str> {
    Some(match (scalar.kind, scalar.width) {
        (ScalarKind::Bool, _) => "bool",
        (ScalarKind::Sint, 2) => "i16",
        (ScalarKind::Uint, 2) => "u16",
        (ScalarKind::Sint, 4) => "i32",
        (ScalarKind::Uint, 4) => "u32",
        (ScalarKind::Sint, 8) => "i64",
        (ScalarKind::Uint, 8) => "u64",
        (ScalarKind::Float, 2) => "f16",
        (ScalarKind::Float, 4) => "f32",
        (ScalarKind::Float, 8) => "f64",
        _ => return None,
    })
}

/// The C++ name of a type of the module.
pub(crate) fn name(context: &Context, names: &Names, ty: Handle<Type>) -> Result<String, Error> {
    match context.module.types[ty].inner {
        TypeInner::Struct { .. } => Ok(names.ty(ty).to_string()),
        ref inner => inner_name(context, names, inner),
    }
}

/// The C++ name of the type of an expression.
pub(crate) fn resolved_name(context: &Context, names: &Names, ty: &TypeResolution) -> Result<String, Error> {
    match ty {
        TypeResolution::Handle(handle) => name(context, names, *handle),
        TypeResolution::Value(inner) => inner_name(context, names, inner),
    }
}

/// The C++ name of a type that is not a structure.
pub(crate) fn inner_name(context: &Context, names: &Names, inner: &TypeInner) -> Result<String, Error> {
    let unsupported = |construct: String| context.unsupported(construct, "a type", Span::UNDEFINED);
    let element = |s: Scalar| scalar(s).ok_or_else(|| unsupported(format!("the scalar type {s:?}")));
    Ok(match *inner {
        TypeInner::Scalar(s) | TypeInner::Atomic(s) => element(s)?.to_string(),
        TypeInner::Vector { size, scalar } => format!("vec{}<{}>", size as u8, element(scalar)?),
        TypeInner::Matrix { columns, rows, scalar } => {
            format!("mat<{}, {}, {}>", columns as u8, rows as u8, element(scalar)?)
        }
        TypeInner::Array { base, size, stride } => {
            let base_name = name(context, names, base)?;
            let stride = match size_of(context, base) == stride {
                true => String::new(),
                false => format!(", {stride}"),
            };
            match size.resolve(context.module.to_ctx()) {
                Ok(IndexableLength::Known(count)) => format!("array<{base_name}, {count}{stride}>"),
                Ok(IndexableLength::Dynamic) => format!("unsized<{base_name}{stride}>"),
                Err(error) => return Err(Error::Override { message: error.to_string() }),
            }
        }
        TypeInner::Pointer { base, .. } => format!("{}&", name(context, names, base)?),
        TypeInner::ValuePointer { size: Some(size), scalar, .. } => {
            format!("vec{}<{}>&", size as u8, element(scalar)?)
        }
        TypeInner::ValuePointer { size: None, scalar, .. } => format!("{}&", element(scalar)?),
        TypeInner::Struct { .. } => return Err(unsupported("a structure without a name".into())),
        TypeInner::Image { .. } => return Err(unsupported("a texture".into())),
        TypeInner::Sampler { .. } => return Err(unsupported("a sampler".into())),
        TypeInner::AccelerationStructure { .. } => {
            return Err(unsupported("an acceleration structure".into()));
        }
        TypeInner::RayQuery { .. } => return Err(unsupported("a ray query".into())),
        TypeInner::BindingArray { .. } => return Err(unsupported("an array of bindings".into())),
        TypeInner::CooperativeMatrix { .. } => return Err(unsupported("a cooperative matrix".into())),
    })
}

/// Bytes of a type in C++. It differs from WGSL's where that rounds up to the alignment of `vec3`.
pub(crate) fn size_of(context: &Context, ty: Handle<Type>) -> u32 {
    match context.module.types[ty].inner {
        TypeInner::Matrix { columns, rows, scalar } => {
            let rows = if rows == VectorSize::Tri { 4 } else { rows as u32 };
            columns as u32 * rows * scalar.width as u32
        }
        ref inner => inner.size(context.module.to_ctx()),
    }
}

/// A value of the structure `ty` out of values of its members.
pub(crate) fn structure_value(
    context: &Context,
    names: &Names,
    ty: Handle<Type>,
    values: &[String],
) -> Result<String, Error> {
    let mut parts = Vec::new();
    if let TypeInner::Struct { ref members, span } = context.module.types[ty].inner {
        let mut end = 0;
        for (member, value) in members.iter().zip(values) {
            if member.offset > end {
                parts.push("{}");
            }
            parts.push(value);
            end = member.offset + size_of(context, member.ty);
        }
        if span > end {
            parts.push("{}");
        }
    }
    Ok(format!("{}{{{}}}", name(context, names, ty)?, parts.join(", ")))
}

/// The definitions of all structures.
pub(crate) fn structures(context: &Context, names: &Names) -> Result<String, Error> {
    let mut out = String::new();
    let mut layouter = naga::proc::Layouter::default();
    layouter
        .update(context.module.to_ctx())
        .map_err(|error| Error::Invalid { message: format!("the layout of types: {error}") })?;
    for (handle, ty) in context.module.types.iter() {
        let TypeInner::Struct { ref members, span } = ty.inner else { continue };
        // What `modf` and `frexp` give for three components lies tight in naga, shorter than a multiple of its alignment.
        let tight = 1u32.checked_shl(span.trailing_zeros()).unwrap_or(u32::MAX);
        let alignment = (layouter[handle].alignment * 1).min(tight);
        write_structure(context, names, handle, members, span, alignment, &mut out)?;
    }
    Ok(out)
}

fn write_structure(
    context: &Context,
    names: &Names,
    ty: Handle<Type>,
    members: &[StructMember],
    span: u32,
    alignment: u32,
    out: &mut String,
) -> Result<(), Error> {
    let name = names.ty(ty);
    let _ = writeln!(out, "struct alignas({alignment}) {name} {{");
    let mut end = 0;
    let mut padding = 0;
    let mut assignments = Vec::new();
    let mut pad = |out: &mut String, bytes: u32| {
        let _ = writeln!(out, "    wgsl::u8 pad_{padding}[{bytes}];");
        padding += 1;
    };
    let mut open = false;
    for (index, member) in members.iter().enumerate() {
        if member.offset > end {
            pad(out, member.offset - end);
        }
        let field = names.member(ty, index as u32);
        let _ = writeln!(out, "    {} {field};", crate::types::name(context, names, member.ty)?);
        assignments.push(format!("        {field} = other.{field};\n"));
        end = member.offset + size_of(context, member.ty);
        open = context.module.types[member.ty].inner.is_dynamically_sized(&context.module.types);
    }
    // What ends in an array of unknown length has no size of its own.
    if open {
        let _ = writeln!(out, "}};\n");
        return Ok(());
    }
    if span > end {
        pad(out, span - end);
    }
    if padding > 0 {
        // A store leaves the padding in memory as it is.
        let _ = writeln!(
            out,
            "    WGSL_FN {name}& operator=(const {name}& other) {{\n{}        return *this;\n    }}",
            assignments.concat()
        );
    }
    // The sizes of members and padding add up to `span`, so a compiler that has this size has every member in its place.
    let _ = writeln!(out, "}};\nstatic_assert(sizeof({name}) == {span}, \"layout of {name}\");\n");
    Ok(())
}
