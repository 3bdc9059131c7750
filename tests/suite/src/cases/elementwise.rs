//! Functions, comparisons, casts, random bits.

use super::{floats, input, numbers};
use crate::Case;
use hadal_graph::op::{Iota, RandomBits};
use hadal_graph::program::{BinaryOp, CompareOp, UnaryOp};
use hadal_graph::{DType, GraphError, HostTensor, Scalar};

/// Floats on which every function is tested: ordinary ones, its edges, and those that overflow naive formulas.
const EDGES: [f64; 24] = [
    0.0, -0.0, 1.0, -1.0, 0.5, -0.5, 2.0, -2.0, 1e-4, -1e-4, 0.999, -0.999, 3.5, -3.5, 10.0, -10.0, 30.0,
    -30.0, 88.0, -88.0, 100.0, -100.0, 2.5, -1.5,
];

/// The largest argument for which a function is asked to be accurate: WGSL's trigonometry is accurate near zero only.
fn accepted(op: UnaryOp, x: f64) -> bool {
    match op {
        UnaryOp::Log | UnaryOp::Sqrt => x >= 0.0,
        UnaryOp::Rsqrt => x > 0.0,
        UnaryOp::Log1p => x > -1.0,
        UnaryOp::Reciprocal => x != 0.0,
        UnaryOp::Asin | UnaryOp::Acos => x.abs() <= 1.0,
        UnaryOp::Atanh => x.abs() < 1.0,
        UnaryOp::Acosh => x >= 1.0,
        UnaryOp::Sin | UnaryOp::Cos => x.abs() <= 3.5,
        UnaryOp::Tan => x.abs() <= 1.0,
        UnaryOp::Exp | UnaryOp::Expm1 | UnaryOp::Sinh | UnaryOp::Cosh => x.abs() <= 10.0,
        _ => true,
    }
}

pub(super) fn cases(dtypes: &[DType], cases: &mut Vec<Case>) -> Result<(), GraphError> {
    unary(dtypes, cases)?;
    binary(dtypes, cases)?;
    casts(dtypes, cases)?;
    special(dtypes, cases)?;
    for shape in [
        &[][..],
        &[1],
        &[5],
        &[2, 3],
        &[2, 1, 7],
        &[2, 3, 1, 5],
        &[1, 2, 3, 2, 2],
        &[2, 1, 2, 3, 1, 2],
        &[0],
        &[3, 0, 2],
    ] {
        let case = Case::new(format!("add of shape {shape:?}"), &[], |g| {
            let (a, b) = (input(g, "a", DType::F32, shape)?, input(g, "b", DType::F32, shape)?);
            let sum = g.add(a, b)?;
            let sum = g.add(sum, a)?;
            g.output("sum", sum);
            Ok(())
        })?;
        cases.push(case);
    }
    for (a_shape, b_shape) in [
        (&[2, 3, 4][..], &[4][..]),
        (&[2, 1, 4], &[3, 1]),
        (&[1, 1], &[5, 6]),
        (&[], &[2, 2]),
        (&[0, 3], &[1, 3]),
    ] {
        let case = Case::new(format!("{a_shape:?} broadcast with {b_shape:?}"), &[], |g| {
            let (a, b) = (input(g, "a", DType::F32, a_shape)?, input(g, "b", DType::F32, b_shape)?);
            let product = g.mul(a, b)?;
            g.output("product", product);
            Ok(())
        })?;
        cases.push(case);
    }
    Ok(())
}

fn unary(dtypes: &[DType], cases: &mut Vec<Case>) -> Result<(), GraphError> {
    use UnaryOp::*;
    let smooth = [
        Exp, Expm1, Log, Log1p, Sqrt, Rsqrt, Reciprocal, Sin, Cos, Tan, Asin, Acos, Atan, Sinh, Cosh, Tanh,
        Asinh, Acosh, Atanh, Erf,
    ];
    let everywhere = [Neg, Abs, Sign];
    let rounding = [Floor, Ceil, Round, Trunc];
    for dtype in floats(dtypes) {
        for op in smooth.iter().chain(&everywhere).chain(&rounding).copied() {
            let values: Vec<Scalar> =
                EDGES.iter().filter(|&&x| accepted(op, x)).map(|&x| Scalar::new(x, dtype)).collect();
            let tensor = tensor(dtype, values);
            let case = Case::new(format!("{op:?} {dtype}"), &[], |g| {
                let x = input(g, "x", dtype, tensor.shape())?;
                let y = g.unary(op, x)?;
                g.output("y", y);
                Ok(())
            })?;
            cases.push(case.with("x", tensor));
        }
        let odd = [f64::NAN, f64::INFINITY, f64::NEG_INFINITY, 1.0, -0.0, 65504.0];
        let odd = tensor(dtype, odd.iter().map(|&x| Scalar::new(x, dtype)).collect());
        let case = Case::new(format!("NaN and infinity {dtype}"), &[], |g| {
            let x = input(g, "x", dtype, &[6])?;
            let (nan, inf) = (g.unary(IsNan, x)?, g.unary(IsInf, x)?);
            let zero = g.scalar(0.0, dtype)?;
            let (largest, smallest) = (g.maximum(x, zero)?, g.minimum(x, zero)?);
            for (name, node) in [("nan", nan), ("inf", inf), ("largest", largest), ("smallest", smallest)] {
                g.output(name, node);
            }
            Ok(())
        })?;
        cases.push(case.with("x", odd));
    }
    for &dtype in dtypes.iter().filter(|d| !d.is_float()) {
        let ops: &[UnaryOp] = if dtype == DType::Bool { &[Not] } else { &[Neg, Abs, Sign, Not] };
        for &op in ops {
            let tensor = tensor(dtype, integers(dtype));
            let case = Case::new(format!("{op:?} {dtype}"), &[], |g| {
                let x = input(g, "x", dtype, tensor.shape())?;
                let y = g.unary(op, x)?;
                g.output("y", y);
                Ok(())
            })?;
            cases.push(case.with("x", tensor));
        }
    }
    Ok(())
}

fn binary(dtypes: &[DType], cases: &mut Vec<Case>) -> Result<(), GraphError> {
    use BinaryOp::*;
    for &dtype in dtypes {
        let ops: &[BinaryOp] = match dtype {
            DType::Bool => &[And, Or, Xor, Max, Min],
            d if d.is_float() => &[Add, Sub, Mul, Div, Rem, Pow, Max, Min, Atan2],
            _ => &[Add, Sub, Mul, Div, Rem, Max, Min, And, Or, Xor, Shl, Shr],
        };
        let values = if dtype.is_float() {
            [1.0, -1.0, 2.5, -2.5, 0.5, 7.0, -7.0, 3.0].iter().map(|&x| Scalar::new(x, dtype)).collect()
        } else {
            integers(dtype)
        };
        // Every value with every other.
        let count = values.len();
        let left: Vec<Scalar> = (0..count * count).map(|i| values[i / count]).collect();
        let right: Vec<Scalar> = (0..count * count).map(|i| values[i % count]).collect();
        for &op in ops {
            let left = match op {
                // A negative base has powers for whole exponents only.
                Pow => left.iter().map(|v| Scalar::Float(v.to_f64().abs())).collect(),
                _ => left.clone(),
            };
            let (a, b) = (tensor(dtype, left), tensor(dtype, right.clone()));
            let case = Case::new(format!("{op:?} {dtype}"), &[], |g| {
                let (a, b) = (input(g, "a", dtype, a.shape())?, input(g, "b", dtype, b.shape())?);
                let y = g.binary(op, a, b)?;
                g.output("y", y);
                Ok(())
            })?;
            cases.push(case.with("a", a).with("b", b));
        }
        let (a, b) = (tensor(dtype, left), tensor(dtype, right));
        let case = Case::new(format!("comparisons {dtype}"), &[], |g| {
            let (a, b) = (input(g, "a", dtype, a.shape())?, input(g, "b", dtype, b.shape())?);
            for op in
                [CompareOp::Eq, CompareOp::Ne, CompareOp::Lt, CompareOp::Le, CompareOp::Gt, CompareOp::Ge]
            {
                let y = g.compare(op, a, b)?;
                g.output(format!("{op:?}"), y);
            }
            let less = g.compare(CompareOp::Lt, a, b)?;
            let chosen = g.select(less, a, b)?;
            g.output("chosen", chosen);
            Ok(())
        })?;
        cases.push(case.with("a", a).with("b", b));
    }
    Ok(())
}

fn casts(dtypes: &[DType], cases: &mut Vec<Case>) -> Result<(), GraphError> {
    for &from in dtypes {
        let values = match from {
            d if d.is_float() => [
                0.0,
                -0.0,
                0.4,
                0.5,
                1.5,
                2.5,
                -0.6,
                -1.5,
                100.0,
                200.0,
                -200.0,
                300.0,
                40000.0,
                -40000.0,
                f64::NAN,
                f64::INFINITY,
            ]
            .iter()
            .map(|&x| Scalar::new(x, from))
            .collect(),
            _ => integers(from),
        };
        let tensor = tensor(from, values);
        let case = Case::new(format!("casts of {from}"), &[], |g| {
            let x = input(g, "x", from, tensor.shape())?;
            for &to in dtypes.iter().filter(|&&to| to != from) {
                let y = g.cast(x, to)?;
                g.output(to.name(), y);
            }
            Ok(())
        })?;
        cases.push(case.with("x", tensor));
    }
    Ok(())
}

fn special(dtypes: &[DType], cases: &mut Vec<Case>) -> Result<(), GraphError> {
    cases.push(Case::new("random bits", &[], |g| {
        let key = input(g, "key", DType::U32, &[2])?;
        let bits = g.apply(RandomBits { shape: [5, 7].into() }, &[key])?;
        let turned = g.transpose(bits, &[1, 0])?;
        g.output("bits", bits);
        g.output("turned", turned);
        Ok(())
    })?);
    for dtype in numbers(dtypes).into_iter().filter(|d| d.is_int()) {
        cases.push(Case::new(format!("iota {dtype}"), &[], |g| {
            let i = g.apply(Iota { shape: [3, 5].into(), axis: 1, dtype }, &[])?;
            let turned = g.transpose(i, &[1, 0])?;
            g.output("i", i);
            g.output("turned", turned);
            Ok(())
        })?);
    }
    Ok(())
}

/// Zero, small numbers of both signs, and the ends of the range.
fn integers(dtype: DType) -> Vec<Scalar> {
    let Some((low, high)) = dtype.int_range() else { return Vec::new() };
    if dtype == DType::Bool {
        return vec![Scalar::Bool(false), Scalar::Bool(true)];
    }
    let mut values = vec![0, 1, 2, 3, 7, high, high - 1, low, low + 1, high / 3];
    if low < 0 {
        values.extend([-1, -2, -7]);
    }
    values.into_iter().map(Scalar::Int).collect()
}

fn tensor(dtype: DType, values: Vec<Scalar>) -> HostTensor {
    let count = values.len();
    HostTensor::from_scalars(dtype, [count], values)
        .unwrap_or_else(|_| HostTensor::full(dtype, [count], Scalar::zero(dtype)))
}
