//! Branches, and regions that say how they are differentiated.

use super::Cases;
use hadal_graph::op::{Barrier, Checkpoint, CustomGradient, If, LayerNorm, MatMul};
use hadal_graph::program::UnaryOp;
use hadal_graph::{DType, Graph, GraphError, Scalar};
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
    branches(cases)?;
    recomputed(cases)?;
    custom(cases)
}

fn branches(cases: &mut Cases) -> Result<(), GraphError> {
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

/// A region of a residual block: `x`, `w` and, unused by floats, `n`; `x + tanh(norm(x) w)`, and `x` as it came.
fn block(dtype: DType) -> Result<Graph, GraphError> {
    let mut g = Graph::new("block");
    let x = g.input("x", dtype, [3, 4])?;
    let w = g.input("w", dtype, [4, 4])?;
    let n = g.input("n", DType::I32, [4usize])?;
    let (one, zero) = (g.scalar(1.0, dtype)?, g.scalar(0.0, dtype)?);
    let shape = g.shape(n).clone();
    let (one, zero) = (g.broadcast_to(one, &shape)?, g.broadcast_to(zero, &shape)?);
    let norm = g.apply(LayerNorm { epsilon: Scalar::Float(1e-2) }, &[x, one, zero])?;
    let product = g.apply(MatMul { dtype: None }, &[norm, w])?;
    let whole = g.cast(n, dtype)?;
    let shifted = g.add(product, whole)?;
    let hidden = g.unary(UnaryOp::Tanh, shifted)?;
    let sum = g.add(x, hidden)?;
    g.output("sum", sum);
    g.output("x", x);
    Ok(g)
}

fn recomputed(cases: &mut Cases) -> Result<(), GraphError> {
    for blocks in [1, 3] {
        cases.add_many(format!("{blocks} blocks with checkpoints"), |b| {
            let (start, w) = (b.x(&[3, 4])?, b.x(&[4, 4])?);
            let n = b.given(&[4], &[0i32, 1, 0, -1])?;
            let inside = Arc::new(block(b.dtype)?);
            let (mut x, mut unchanged) = (start, start);
            for _ in 0..blocks {
                let node = b.g.apply_regions(Checkpoint.into(), &[x, w, n], vec![inside.clone()])?;
                (x, unchanged) = (b.g.project(node, 0)?, b.g.project(node, 1)?);
            }
            Ok(vec![x, unchanged])
        })?;
    }
    cases.add("a checkpoint within a checkpoint", |b| {
        let (x, w) = (b.x(&[3, 4])?, b.x(&[4, 4])?);
        let n = b.given(&[4], &[0i32, 1, 0, -1])?;
        let inner = Arc::new(block(b.dtype)?);
        let mut outer = Graph::new("outer");
        let inputs = [
            outer.input("x", b.dtype, [3, 4])?,
            outer.input("w", b.dtype, [4, 4])?,
            outer.input("n", DType::I32, [4usize])?,
        ];
        let once = outer.apply_regions(Checkpoint.into(), &inputs, vec![inner.clone()])?;
        let once = outer.project(once, 0)?;
        let twice = outer.apply_regions(Checkpoint.into(), &[once, inputs[1], inputs[2]], vec![inner])?;
        let twice = outer.project(twice, 0)?;
        let result = outer.unary(UnaryOp::Sin, twice)?;
        outer.output("y", result);
        b.g.apply_regions(Checkpoint.into(), &[x, w, n], vec![Arc::new(outer)])
    })?;
    cases.add("what is computed from a barrier", |b| {
        let (x, y) = (b.x(&[3])?, b.x(&[3])?);
        let now = b.g.unary(UnaryOp::Exp, x)?;
        let later = b.g.apply(Barrier, &[x, y, now])?;
        let again = b.g.unary(UnaryOp::Exp, later)?;
        let product = b.g.mul(now, again)?;
        b.g.mul(product, y)
    })?;
    Ok(())
}

fn custom(cases: &mut Cases) -> Result<(), GraphError> {
    // sin(x y) and x as it came, with the gradients written down by hand; n is an integer and gets none.
    cases.add_many("custom gradient", |b| {
        let (x, n, y) = (b.x(&[3])?, b.given(&[3], &[1i32, 2, 3])?, b.x(&[3])?);
        let mut forward = Graph::new("forward");
        let [x_in, y_in] = {
            let x = forward.input("x", b.dtype, [3])?;
            forward.input("n", DType::I32, [3])?;
            [x, forward.input("y", b.dtype, [3])?]
        };
        let product = forward.mul(x_in, y_in)?;
        let sine = forward.unary(UnaryOp::Sin, product)?;
        forward.output("sine", sine);
        forward.output("x", x_in);
        let mut backward = Graph::new("backward");
        backward.input("sine", b.dtype, [3])?;
        backward.input("same", b.dtype, [3])?;
        let (d, d_same) = (backward.input("d", b.dtype, [3])?, backward.input("d_same", b.dtype, [3])?);
        let x_in = backward.input("x", b.dtype, [3])?;
        backward.input("n", DType::I32, [3])?;
        let y_in = backward.input("y", b.dtype, [3])?;
        let product = backward.mul(x_in, y_in)?;
        let cosine = backward.unary(UnaryOp::Cos, product)?;
        let slope = backward.mul(d, cosine)?;
        let (d_x, d_y) = (backward.mul(slope, y_in)?, backward.mul(slope, x_in)?);
        let d_x = backward.add(d_x, d_same)?;
        backward.output("d_x", d_x);
        backward.output("d_y", d_y);
        let regions = vec![Arc::new(forward), Arc::new(backward)];
        let node = b.g.apply_regions(CustomGradient { wrt: vec![0, 2] }.into(), &[x, n, y], regions)?;
        Ok(vec![b.g.project(node, 0)?, b.g.project(node, 1)?])
    })?;
    Ok(())
}
