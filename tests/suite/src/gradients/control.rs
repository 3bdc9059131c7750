//! Branches.

use super::Cases;
use hadal_graph::op::If;
use hadal_graph::program::UnaryOp;
use hadal_graph::{DType, Graph, GraphError};
use std::sync::Arc;

/// A region of `x` and `y` with two results: `x · y` or `sin x`, and `exp x`.
fn region(name: &str, dtype: DType, product: bool) -> Result<Arc<Graph>, GraphError> {
    let mut g = Graph::new(name);
    let x = g.input("x", dtype, [3])?;
    let y = g.input("y", dtype, [3])?;
    let first = if product { g.mul(x, y)? } else { g.unary(UnaryOp::Sin, x)? };
    let second = g.unary(UnaryOp::Exp, x)?;
    g.output("first", first);
    g.output("second", second);
    Ok(Arc::new(g))
}

pub(super) fn cases(cases: &mut Cases) -> Result<(), GraphError> {
    for taken in [true, false] {
        cases.add(format!("if, {taken}"), |b| {
            let (x, y) = (b.x(&[3])?, b.x(&[3])?);
            let predicate = b.given(&[], &[if taken { 1i32 } else { 0 }])?;
            let predicate = b.g.cast(predicate, DType::Bool)?;
            let regions = vec![region("then", b.dtype, true)?, region("else", b.dtype, false)?];
            let node = b.g.apply_regions(If.into(), &[predicate, x, y], regions)?;
            let (first, second) = (b.g.project(node, 0)?, b.g.project(node, 1)?);
            b.g.mul(first, second)
        })?;
        cases.add(format!("if of which one result is used, {taken}"), |b| {
            let (x, y) = (b.x(&[3])?, b.x(&[3])?);
            let predicate = b.given(&[], &[if taken { 1i32 } else { 0 }])?;
            let predicate = b.g.cast(predicate, DType::Bool)?;
            let regions = vec![region("then", b.dtype, true)?, region("else", b.dtype, false)?];
            let node = b.g.apply_regions(If.into(), &[predicate, x, y], regions)?;
            b.g.project(node, 1)
        })?;
    }
    Ok(())
}
