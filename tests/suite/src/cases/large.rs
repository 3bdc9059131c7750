//! Tensors above one binding: a device cuts such steps into pieces. Most cases are made for a device that is told to bind no more than
//! [`BINDING`] bytes, so that a few hundred kilobytes suffice; one exceeds what most adapters bind.

use super::input;
use crate::Case;
use hadal_graph::op::*;
use hadal_graph::program::{CompareOp, ReduceOp, UnaryOp};
use hadal_graph::{DType, Dim, GraphError, HostTensor, Scalar};

/// What the device of [`cases`] may bind, in bytes.
pub const BINDING: u64 = 65_536;

/// Cases with tensors of more than [`BINDING`] bytes.
///
/// Errors: a case whose graph is wrong.
pub fn cases(dtypes: &[DType]) -> Result<Vec<Case>, GraphError> {
    let mut cases = Vec::new();
    for &dtype in dtypes {
        // Sizes that no piece divides.
        cases.push(Case::new(format!("elementwise in pieces {dtype}"), &[("n", 211)], |g| {
            let x = g.input("x", dtype, [Dim::symbol("n"), 701.into()])?;
            let row = g.parameter("row", dtype, [701])?;
            let same = g.compare(CompareOp::Eq, x, row)?;
            let y = g.select(same, row, x)?;
            let turned = g.transpose(y, &[1, 0])?;
            g.output("y", y);
            g.output("turned", turned);
            Ok(())
        })?);
    }
    for dtype in super::floats(dtypes) {
        let case = Case::new(format!("reductions in pieces {dtype}"), &[], |g| {
            let x = input(g, "x", dtype, &[150, 601])?;
            let rows = g.reduce(ReduceOp::Sum, x, &[1])?;
            let soft = g.apply(Softmax { axis: 1 }, &[x])?;
            let largest = g.reduce(ReduceOp::Max, x, &[0, 1])?;
            for (name, node) in [("rows", rows), ("soft", soft), ("largest", largest)] {
                g.output(name, node);
            }
            Ok(())
        })?;
        cases.push(case.adding(601));
        let case = Case::new(format!("contractions in pieces {dtype}"), &[], |g| {
            // Each matrix of `b` fits into a binding; `w` does not, and its rows are the columns of the result.
            let (a, b) = (input(g, "a", dtype, &[3, 257, 130])?, input(g, "b", dtype, &[3, 130, 101])?);
            let w = g.parameter("w", dtype, [603, 130])?;
            let c = g.matmul(a, b)?;
            let c = g.unary(UnaryOp::Tanh, c)?;
            let turned = g.transpose_last(w)?;
            let d = g.matmul(a, turned)?;
            g.output("c", c);
            g.output("d", d);
            Ok(())
        })?;
        cases.push(case.adding(130));
        let case = Case::new(format!("attention in pieces {dtype}"), &[], |g| {
            let q = input(g, "q", dtype, &[2, 6, 200, 32])?;
            let (k, v) = (input(g, "k", dtype, &[2, 6, 180, 32])?, input(g, "v", dtype, &[2, 6, 180, 32])?);
            let attention = g.apply(Attention { scale: Scalar::Float(0.25), causal: true }, &[q, k, v])?;
            let out = g.project(attention, 0)?;
            g.output("out", out);
            Ok(())
        })?;
        cases.push(case.adding(180));
    }
    cases.push(Case::new("a variable updated in pieces", &[], |g| {
        let v = g.variable("v", DType::F32, [5, 16_383])?;
        let x = input(g, "x", DType::F32, &[5, 16_383])?;
        let next = g.add(v, x)?;
        g.assign(v, next)?;
        Ok(())
    })?);
    let rows: Vec<i64> = (0..40_000).map(|i| i * 7 % 90).collect();
    let rows = HostTensor::new([40_000], &rows).map_err(|e| GraphError::general("case", e.into()))?;
    let case = Case::new("gathering in pieces", &[], |g| {
        let table = g.parameter("table", DType::F32, [90, 3])?;
        let rows = input(g, "rows", DType::I64, &[40_000])?;
        let chosen = g.gather(table, 0, rows)?;
        g.output("chosen", chosen);
        Ok(())
    })?;
    cases.push(case.with("rows", rows));
    Ok(cases)
}

/// A product of 144 MiB, which is more than most adapters bind, reduced along both axes.
///
/// Errors: a case whose graph is wrong.
pub fn above_most_adapters() -> Result<Case, GraphError> {
    let case = Case::new("a product above one binding", &[], |g| {
        let (a, b) = (input(g, "a", DType::F32, &[36_864, 2])?, input(g, "b", DType::F32, &[2, 1024])?);
        let c = g.matmul(a, b)?;
        let most = g.reduce_keep(ReduceOp::Max, c, &[1])?;
        let below = g.sub(c, most)?;
        let rows = g.reduce(ReduceOp::Sum, below, &[1])?;
        g.output("rows", rows);
        Ok(())
    })?;
    Ok(case.adding(1024))
}
