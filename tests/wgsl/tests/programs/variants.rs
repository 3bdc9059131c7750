//! What compute can use is met by a program, by the names that naga's IR has for it.

use naga::{BinaryOperator, Block, Expression, Function, MathFunction, Statement, SubgroupOperation};
use std::collections::{BTreeMap, BTreeSet};

/// What no compute program can have, or WGSL has no text for, and why.
const UNUSABLE: &[(&str, &str)] = &[
    ("Expression::ImageSample", "textures"),
    ("Expression::ImageLoad", "textures"),
    ("Expression::ImageQuery", "textures"),
    ("Expression::Derivative", "fragment shaders"),
    ("Expression::RayQueryVertexPositions", "ray queries"),
    ("Expression::RayQueryProceedResult", "ray queries"),
    ("Expression::RayQueryGetIntersection", "ray queries"),
    ("Expression::CooperativeLoad", "cooperative matrices, which the writer refuses by name"),
    ("Expression::CooperativeMultiplyAdd", "cooperative matrices, which the writer refuses by name"),
    ("Statement::Kill", "fragment shaders"),
    ("Statement::MemoryBarrier", "WGSL's barriers are all control barriers"),
    ("Statement::ImageStore", "textures"),
    ("Statement::ImageAtomic", "textures"),
    ("Statement::RayQuery", "ray queries"),
    ("Statement::RayPipelineFunction", "ray tracing pipelines"),
    ("Statement::CooperativeStore", "cooperative matrices, which the writer refuses by name"),
    ("MathFunction::Outer", "WGSL has no outer product"),
    ("MathFunction::Inverse", "WGSL has no inverse"),
    ("BinaryOperator::LogicalAnd", "naga writes `&&` as a branch"),
    ("BinaryOperator::LogicalOr", "naga writes `||` as a branch"),
    ("Expression::Override", "replaced by its value before a backend sees it; `overrides` shows them"),
];

/// An enum's variants by name, and a match without a default: a variant that naga adds does not compile until it stands here.
macro_rules! variants {
    ($names:ident, $name:ident, $ty:ident: $($variant:ident),+ $(,)?) => {
        const $names: &[&str] = &[$(concat!(stringify!($ty), "::", stringify!($variant))),+];
        fn $name(value: &$ty) -> &'static str {
            match value {
                $($ty::$variant { .. } => concat!(stringify!($ty), "::", stringify!($variant))),+
            }
        }
    };
}

variants!(EXPRESSIONS, expression, Expression: Literal, Constant, Override, ZeroValue, Compose, Access, AccessIndex, Splat, Swizzle,
    FunctionArgument, GlobalVariable, LocalVariable, Load, ImageSample, ImageLoad, ImageQuery, Unary, Binary, Select, Derivative, Relational, Math,
    As, CallResult, AtomicResult, WorkGroupUniformLoadResult, ArrayLength, RayQueryVertexPositions, RayQueryProceedResult, RayQueryGetIntersection,
    SubgroupBallotResult, SubgroupOperationResult, CooperativeLoad, CooperativeMultiplyAdd);
variants!(STATEMENTS, statement, Statement: Emit, Block, If, Switch, Loop, Break, Continue, Return, Kill, ControlBarrier, MemoryBarrier, Store,
    ImageStore, Atomic, ImageAtomic, WorkGroupUniformLoad, Call, RayQuery, RayPipelineFunction, SubgroupBallot, SubgroupGather,
    SubgroupCollectiveOperation, CooperativeStore);
variants!(FUNCTIONS, math, MathFunction: Abs, Min, Max, Clamp, Saturate, Cos, Cosh, Sin, Sinh, Tan, Tanh, Acos, Asin, Atan, Atan2, Asinh, Acosh,
    Atanh, Radians, Degrees, Ceil, Floor, Round, Fract, Trunc, Modf, Frexp, Ldexp, Exp, Exp2, Log, Log2, Pow, Dot, Dot4I8Packed, Dot4U8Packed, Outer,
    Cross, Distance, Length, Normalize, FaceForward, Reflect, Refract, Sign, Fma, Mix, Step, SmoothStep, Sqrt, InverseSqrt, Inverse, Transpose,
    Determinant, QuantizeToF16, CountTrailingZeros, CountLeadingZeros, CountOneBits, ReverseBits, ExtractBits, InsertBits, FirstTrailingBit,
    FirstLeadingBit, Pack4x8snorm, Pack4x8unorm, Pack2x16snorm, Pack2x16unorm, Pack2x16float, Pack4xI8, Pack4xU8, Pack4xI8Clamp, Pack4xU8Clamp,
    Unpack4x8snorm, Unpack4x8unorm, Unpack2x16snorm, Unpack2x16unorm, Unpack2x16float, Unpack4xI8, Unpack4xU8);
variants!(OPERATORS, binary, BinaryOperator: Add, Subtract, Multiply, Divide, Modulo, Equal, NotEqual, Less, LessEqual, Greater, GreaterEqual, And,
    ExclusiveOr, InclusiveOr, LogicalAnd, LogicalOr, ShiftLeft, ShiftRight);
variants!(SUBGROUPS, subgroup, SubgroupOperation: All, Any, Add, Mul, Min, Max, And, Or, Xor);

#[test]
fn every_variant_of_the_ir_is_met_by_a_program() {
    let mut met = BTreeSet::new();
    for program in crate::programs().into_iter().chain(crate::tables()) {
        let module = naga::front::wgsl::parse_str(&program.source)
            .unwrap_or_else(|e| panic!("{}: {}", program.name, e.emit_to_string(&program.source)));
        let functions = module.functions.iter().map(|(_, f)| f);
        for function in functions.chain(module.entry_points.iter().map(|e| &e.function)) {
            look(function, &mut met);
        }
    }
    let reasons: BTreeMap<&str, &str> = UNUSABLE.iter().copied().collect();
    let all = [EXPRESSIONS, STATEMENTS, FUNCTIONS, OPERATORS, SUBGROUPS].concat();
    let missing: Vec<&str> =
        all.iter().filter(|name| !met.contains(*name) && !reasons.contains_key(*name)).copied().collect();
    assert!(missing.is_empty(), "no program has {}", missing.join(", "));
    let wrong: Vec<&str> = reasons.keys().filter(|name| !all.contains(name)).copied().collect();
    assert!(wrong.is_empty(), "naga has no {}", wrong.join(", "));
}

fn look(function: &Function, met: &mut BTreeSet<&'static str>) {
    for (_, found) in function.expressions.iter() {
        met.insert(expression(found));
        match found {
            Expression::Binary { op, .. } => met.insert(binary(op)),
            Expression::Math { fun, .. } => met.insert(math(fun)),
            _ => false,
        };
    }
    block(&function.body, met);
}

fn block(statements: &Block, met: &mut BTreeSet<&'static str>) {
    for found in statements {
        met.insert(statement(found));
        match found {
            Statement::Block(inner) => block(inner, met),
            Statement::If { accept, reject, .. } => {
                block(accept, met);
                block(reject, met);
            }
            Statement::Switch { cases, .. } => cases.iter().for_each(|case| block(&case.body, met)),
            Statement::Loop { body, continuing, .. } => {
                block(body, met);
                block(continuing, met);
            }
            Statement::SubgroupCollectiveOperation { op, .. } => {
                met.insert(subgroup(op));
            }
            _ => {}
        }
    }
}
