//! Built-in functions of numbers.

use crate::functions::Body;
use crate::{Error, types};
use naga::{Expression, Handle, MathFunction};

impl Body<'_, '_> {
    /// The call of a built-in function; `result` is the expression that it is.
    pub(crate) fn math(
        &self,
        result: Handle<Expression>,
        fun: MathFunction,
        arguments: &[Option<Handle<Expression>>],
    ) -> Result<String, Error> {
        let arguments =
            arguments.iter().flatten().map(|&a| self.value(a)).collect::<Result<Vec<_>, _>>()?.join(", ");
        let parts = match fun {
            MathFunction::Modf => ["fraction", "trunc"],
            MathFunction::Frexp => ["significand", "exponent"],
            _ => {
                return match function(fun) {
                    Some(name) => Ok(format!("wgsl::{name}({arguments})")),
                    None => Err(self.unsupported(format!("the function {fun:?}"), result)),
                };
            }
        };
        let Some(ty) = self.info[result].ty.handle() else {
            return Err(self.unsupported(format!("{fun:?} without a type for its result"), result));
        };
        let parts = parts.map(|part| format!("wgsl::{part}({arguments})"));
        types::structure_value(self.context, self.names, ty, &parts)
    }
}

/// The prelude's function; `None` where WGSL has no such function.
fn function(fun: MathFunction) -> Option<&'static str> {
    use MathFunction as M;
    Some(match fun {
        M::Abs => "abs",
        M::Min => "min",
        M::Max => "max",
        M::Clamp => "clamp",
        M::Saturate => "saturate",
        M::Cos => "cos",
        M::Cosh => "cosh",
        M::Sin => "sin",
        M::Sinh => "sinh",
        M::Tan => "tan",
        M::Tanh => "tanh",
        M::Acos => "acos",
        M::Asin => "asin",
        M::Atan => "atan",
        M::Atan2 => "atan2",
        M::Asinh => "asinh",
        M::Acosh => "acosh",
        M::Atanh => "atanh",
        M::Radians => "radians",
        M::Degrees => "degrees",
        M::Ceil => "ceil",
        M::Floor => "floor",
        M::Round => "round",
        M::Fract => "fract",
        M::Trunc => "trunc",
        M::Ldexp => "ldexp",
        M::Exp => "exp",
        M::Exp2 => "exp2",
        M::Log => "log",
        M::Log2 => "log2",
        M::Pow => "pow",
        M::Dot => "dot",
        M::Dot4I8Packed => "dot4I8Packed",
        M::Dot4U8Packed => "dot4U8Packed",
        M::Cross => "cross",
        M::Distance => "distance",
        M::Length => "length",
        M::Normalize => "normalize",
        M::FaceForward => "face_forward",
        M::Reflect => "reflect",
        M::Refract => "refract",
        M::Sign => "sign",
        M::Fma => "fma",
        M::Mix => "mix",
        M::Step => "step",
        M::SmoothStep => "smoothstep",
        M::Sqrt => "sqrt",
        M::InverseSqrt => "inverse_sqrt",
        M::Transpose => "transpose",
        M::Determinant => "determinant",
        M::QuantizeToF16 => "quantize_to_f16",
        M::CountTrailingZeros => "count_trailing_zeros",
        M::CountLeadingZeros => "count_leading_zeros",
        M::CountOneBits => "count_one_bits",
        M::ReverseBits => "reverse_bits",
        M::ExtractBits => "extract_bits",
        M::InsertBits => "insert_bits",
        M::FirstTrailingBit => "first_trailing_bit",
        M::FirstLeadingBit => "first_leading_bit",
        M::Pack4x8snorm => "pack4x8snorm",
        M::Pack4x8unorm => "pack4x8unorm",
        M::Pack2x16snorm => "pack2x16snorm",
        M::Pack2x16unorm => "pack2x16unorm",
        M::Pack2x16float => "pack2x16float",
        M::Pack4xI8 => "pack4xI8",
        M::Pack4xU8 => "pack4xU8",
        M::Pack4xI8Clamp => "pack4xI8Clamp",
        M::Pack4xU8Clamp => "pack4xU8Clamp",
        M::Unpack4x8snorm => "unpack4x8snorm",
        M::Unpack4x8unorm => "unpack4x8unorm",
        M::Unpack2x16snorm => "unpack2x16snorm",
        M::Unpack2x16unorm => "unpack2x16unorm",
        M::Unpack2x16float => "unpack2x16float",
        M::Unpack4xI8 => "unpack4xI8",
        M::Unpack4xU8 => "unpack4xU8",
        M::Modf | M::Frexp | M::Outer | M::Inverse => return None,
    })
}
