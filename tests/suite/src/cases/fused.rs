//! What fusion has to get right.

use super::{floats, input};
use crate::Case;
use hadal_graph::op::*;
use hadal_graph::program::{ReduceOp, UnaryOp};
use hadal_graph::{DType, Dim, GraphError, Scalar};

pub(super) fn cases(dtypes: &[DType], cases: &mut Vec<Case>) -> Result<(), GraphError> {
    for dtype in floats(dtypes) {
        for (rows, width) in [(1, 1), (3, 7), (40, 64), (2, 1025)] {
            let case = Case::new(format!("softmax and layer norm {rows}x{width} {dtype}"), &[], |g| {
                let x = input(g, "x", dtype, &[rows, width])?;
                let (w, b) = (g.parameter("w", dtype, [width])?, g.parameter("b", dtype, [width])?);
                let soft = g.apply(Softmax { axis: 1 }, &[x])?;
                let log = g.apply(LogSoftmax { axis: 0 }, &[x])?;
                let norm = g.apply(LayerNorm { epsilon: Scalar::Float(1e-2) }, &[x, w, b])?;
                for (name, node) in [("soft", soft), ("log", log), ("norm", norm)] {
                    g.output(name, node);
                }
                Ok(())
            })?;
            cases.push(case.adding(width));
        }
    }
    let case = Case::new("several readers", &[("n", 9)], |g| {
        let x = g.input("x", DType::F32, [Dim::symbol("n"), 6.into()])?;
        let e = g.unary(UnaryOp::Exp, x)?;
        let turned = g.transpose(e, &[1, 0])?;
        let t = g.unary(UnaryOp::Tanh, turned)?;
        let sum = g.reduce(ReduceOp::Sum, e, &[0])?;
        let scaled = g.mul(e, sum)?;
        let total = g.reduce(ReduceOp::Sum, scaled, &[0, 1])?;
        let again = g.div(scaled, total)?;
        for (name, node) in [("e", e), ("t", t), ("sum", sum), ("total", total), ("again", again)] {
            g.output(name, node);
        }
        Ok(())
    })?;
    cases.push(case.adding(54));
    let case = Case::new("an optimizer step", &[], |g| {
        let grad = input(g, "grad", DType::F32, &[5, 7])?;
        let rate = input(g, "rate", DType::F32, &[])?;
        let (p, m, v) = (
            g.variable("p", DType::F32, [5, 7])?,
            g.variable("m", DType::F32, [5, 7])?,
            g.variable("v", DType::F32, [5, 7])?,
        );
        let (beta, rest) = (g.scalar(0.9, DType::F32)?, g.scalar(0.1, DType::F32)?);
        let (a, b) = (g.mul(m, beta)?, g.mul(grad, rest)?);
        let new_m = g.add(a, b)?;
        let square = g.mul(grad, grad)?;
        let v_abs = g.unary(UnaryOp::Abs, v)?;
        let (a, b) = (g.mul(v_abs, beta)?, g.mul(square, rest)?);
        let new_v = g.add(a, b)?;
        let root = g.unary(UnaryOp::Sqrt, new_v)?;
        let root = g.add(root, rest)?;
        let update = g.div(new_m, root)?;
        let update = g.mul(update, rate)?;
        let new_p = g.sub(p, update)?;
        g.assign(p, new_p)?;
        g.assign(m, new_m)?;
        g.assign(v, new_v)?;
        // The old value is still meant here.
        let old = g.add(p, p)?;
        g.output("old", old);
        Ok(())
    })?;
    cases.push(case);
    let case = Case::new("variables exchanged", &[], |g| {
        let (a, b) = (g.variable("a", DType::F32, [4])?, g.variable("b", DType::F32, [4])?);
        g.assign(a, b)?;
        g.assign(b, a)?;
        Ok(())
    })?;
    cases.push(case);
    let case = Case::new("leaves as results", &[], |g| {
        let x = input(g, "x", DType::F32, &[2, 3])?;
        let p = g.parameter("p", DType::I8, [5])?;
        let flat = g.reshape(x, [6])?;
        let c = g.scalar(2.5, DType::F32)?;
        for (name, node) in [("x", x), ("p", p), ("flat", flat), ("c", c), ("again", x)] {
            g.output(name, node);
        }
        Ok(())
    })?;
    cases.push(case);
    Ok(())
}
