//! Elementwise functions, and what reaches them by broadcasting.

use super::Cases;
use hadal_graph::op::{Cast, Dropout};
use hadal_graph::program::{BinaryOp, CompareOp, UnaryOp};
use hadal_graph::{DType, Dim, GraphError, Scalar, Shape};

const UNARY: [UnaryOp; 30] = {
    use UnaryOp::*;
    [
        Neg, Abs, Sign, Floor, Ceil, Round, Trunc, Exp, Expm1, Log, Log1p, Sqrt, Rsqrt, Reciprocal, Sin, Cos,
        Tan, Asin, Acos, Atan, Sinh, Cosh, Tanh, Asinh, Acosh, Atanh, Erf, Not, IsNan, IsInf,
    ]
};

/// Where a function is smooth; `None` for those that do not take floats to floats. A new function does not compile until it is listed.
fn domain(op: UnaryOp) -> Option<(f64, f64)> {
    use UnaryOp::*;
    match op {
        Neg | Abs | Exp | Expm1 | Sin | Cos | Tan | Atan | Sinh | Cosh | Tanh | Asinh | Erf => {
            Some((-1.2, 1.2))
        }
        Sign | Floor | Ceil | Round | Trunc => Some((-2.7, 2.7)),
        Log | Sqrt | Rsqrt | Reciprocal => Some((0.3, 3.0)),
        Log1p => Some((-0.7, 2.0)),
        Asin | Acos | Atanh => Some((-0.8, 0.8)),
        Acosh => Some((1.3, 3.0)),
        Not | IsNan | IsInf => None,
    }
}

pub(super) fn cases(cases: &mut Cases) -> Result<(), GraphError> {
    for op in UNARY {
        if let Some(range) = domain(op) {
            cases.add(format!("unary {op:?}"), |b| {
                let x = b.x_in(&[2, 5], range)?;
                b.g.unary(op, x)
            })?;
        }
    }
    use BinaryOp::*;
    let shapes: [(&[usize], &[usize]); 4] =
        [(&[2, 3], &[2, 3]), (&[2, 3], &[3]), (&[2, 1, 3], &[4, 1]), (&[], &[3])];
    for op in [Add, Sub, Mul, Div, Rem, Pow, Max, Min, Atan2] {
        for (a, c) in shapes {
            cases.add(format!("binary {op:?} of {a:?} and {c:?}"), |b| {
                let (a, c) = (b.x_in(a, (0.4, 2.0))?, b.x_in(c, (0.5, 2.5))?);
                b.g.binary(op, a, c)
            })?;
        }
    }
    cases.add("negative numbers to whole powers", |b| {
        let x = b.x_of(&[4], &[-2.0, -0.5, 0.5, 3.0])?;
        let three = b.constant(&[], &[3.0])?;
        b.g.pow(x, three)
    })?;
    cases.add("an operand used twice", |b| {
        let x = b.x(&[3])?;
        b.g.mul(x, x)
    })?;
    cases.add("an operand used by three ops", |b| {
        let x = b.x_in(&[3], (0.5, 1.5))?;
        let (sine, log) = (b.g.unary(UnaryOp::Sin, x)?, b.g.unary(UnaryOp::Log, x)?);
        let sum = b.g.add(sine, log)?;
        b.g.mul(sum, x)
    })?;
    cases.add("broadcast to a symbol", |b| {
        let x = b.x(&[1, 3])?;
        let like = b.symbolic(&[2, 3], Shape(vec![Dim::symbol("batch"), 3.into()]), (-1.0, 1.0))?;
        b.g.mul(x, like)
    })?;
    for (condition, a, c) in [(&[4][..], &[4][..], &[4][..]), (&[2, 1], &[3], &[2, 3])] {
        cases.add(format!("select of {condition:?}, {a:?} and {c:?}"), |b| {
            let (x, y) = (b.x(a)?, b.x(c)?);
            let values: Vec<bool> = (0..condition.iter().product()).map(|i| i % 2 == 0).collect();
            let condition = b.g.constant(
                hadal_graph::HostTensor::from_bools(condition, &values)
                    .map_err(|e| GraphError::general("select", hadal_graph::OpError::from(e)))?,
            )?;
            b.g.select(condition, x, y)
        })?;
    }
    cases.add("select by what is differentiated", |b| {
        let (x, y) = (b.x(&[6])?, b.x(&[6])?);
        let larger = b.g.compare(CompareOp::Gt, x, y)?;
        let product = b.g.mul(x, y)?;
        b.g.select(larger, product, y)
    })?;
    let there_and_back = cases.add("cast", |b| {
        let x = b.x(&[5])?;
        let narrow = b.g.apply(Cast { dtype: DType::F32 }, &[x])?;
        let square = b.g.mul(narrow, narrow)?;
        b.g.apply(Cast { dtype: b.dtype }, &[square])
    })?;
    // Rounding to f32 is noise in the difference.
    (there_and_back.step, there_and_back.tolerance) = (3e-3, 3e-4);
    cases.add("dropout", |b| {
        let x = b.x(&[4, 5])?;
        let key = b.given(&[2], &[3u32, 4])?;
        b.g.apply(Dropout { p: Scalar::Float(0.4) }, &[x, key])
    })?;
    Ok(())
}
