//! One small graph for each family of rules.

use super::simplify;
use crate::error::GraphError;
use crate::graph::{Graph, NodeId};
use crate::op::{Op, Pad, Slice};
use crate::program::{BinaryOp, CompareOp, ReduceOp, UnaryOp};
use crate::{DType, Scalar, Shape};
use std::sync::Arc;

/// Builds a graph of one input and one result, and simplifies it; returns the labels of what is left besides the input.
fn left(
    dtype: DType,
    shape: impl Into<Shape>,
    build: impl FnOnce(&mut Graph, NodeId) -> Result<NodeId, GraphError>,
) -> Vec<String> {
    let simple = (|| {
        let mut g = Graph::new("test");
        let x = g.input("x", dtype, shape)?;
        let y = build(&mut g, x)?;
        g.output("y", y);
        let simple = super::super::dead(&simplify(&g)?)?;
        simple.validate()?;
        assert_eq!(simple.ty(simple.outputs[0].node), g.ty(y));
        Ok::<Graph, GraphError>(simple)
    })();
    let simple = simple.unwrap_or_else(|error| panic!("{error}"));
    simple.nodes().iter().skip(1).map(|(_, n)| n.op.label()).collect()
}

fn with_scalar(dtype: DType, op: BinaryOp, value: f64) -> Vec<String> {
    left(dtype, ["n"], |g, x| {
        let c = g.scalar(value, dtype)?;
        g.binary(op, x, c)
    })
}

#[test]
fn neutral_elements_vanish() {
    use BinaryOp::*;
    for (op, value) in [(Mul, 1.0), (Div, 1.0), (Sub, 0.0), (Add, -0.0), (Pow, 1.0)] {
        assert!(with_scalar(DType::F32, op, value).is_empty(), "{op:?} {value}");
    }
    for (op, value) in [(Add, 0.0), (Mul, 1.0), (Or, 0.0), (Xor, 0.0), (Shl, 0.0), (And, -1.0)] {
        assert!(with_scalar(DType::I32, op, value).is_empty(), "{op:?} {value}");
    }
    assert!(with_scalar(DType::U8, And, 255.0).is_empty());
}

#[test]
fn what_would_change_a_float_stays() {
    use BinaryOp::*;
    assert!(with_scalar(DType::F32, Add, 0.0).contains(&"add".into()), "-0.0 + 0.0 is 0.0");
    assert!(with_scalar(DType::F32, Sub, -0.0).contains(&"sub".into()));
    assert!(with_scalar(DType::F32, Mul, 0.0).contains(&"mul".into()), "NaN * 0 is NaN");
    assert!(with_scalar(DType::F32, Div, 3.0).contains(&"div".into()));
    assert!(left(DType::F32, [2], |g, x| g.sub(x, x)).contains(&"sub".into()), "inf - inf is NaN");
    assert!(!with_scalar(DType::I32, Mul, 0.0).contains(&"mul".into()));
}

#[test]
fn cheaper_functions_replace_dearer_ones() {
    use BinaryOp::*;
    assert_eq!(with_scalar(DType::F32, Pow, 2.0), ["mul"]);
    assert!(with_scalar(DType::F32, Div, 8.0).contains(&"mul".into()));
    assert_eq!(
        left(DType::F32, [2], |g, x| {
            let negative = g.unary(UnaryOp::Neg, x)?;
            let twice = g.unary(UnaryOp::Neg, negative)?;
            let magnitude = g.unary(UnaryOp::Abs, negative)?;
            g.add(twice, magnitude)
        }),
        ["abs", "add"]
    );
    let not = left(DType::F32, [2], |g, x| {
        let one = g.scalar(1.0, DType::F32)?;
        let equal = g.compare(CompareOp::Eq, x, one)?;
        g.unary(UnaryOp::Not, equal)
    });
    assert_eq!(not, ["constant", "broadcast", "ne"]);
}

#[test]
fn casts_that_lose_nothing_vanish() {
    let through = |from, via, to| {
        left(from, [2], |g, x| {
            let x = g.cast(x, via)?;
            g.cast(x, to)
        })
        .len()
    };
    assert_eq!(through(DType::F16, DType::F32, DType::F16), 0);
    assert_eq!(through(DType::U8, DType::I32, DType::F32), 1);
    assert_eq!(through(DType::F32, DType::F16, DType::F32), 2);
}

#[test]
fn movement_that_moves_nothing_vanishes() {
    let empty: [String; 0] = [];
    assert_eq!(
        left(DType::F32, [2, 3, 4], |g, x| {
            let x = g.transpose(x, &[2, 0, 1])?;
            g.transpose(x, &[1, 2, 0])
        }),
        empty
    );
    assert_eq!(
        left(DType::F32, [2, 3, 4], |g, x| {
            let x = g.reshape(x, [6, 4])?;
            let x = g.reshape(x, [24])?;
            g.reshape(x, [2, 12])
        }),
        ["reshape"]
    );
    assert_eq!(
        left(DType::F32, [1, 3], |g, x| {
            let x = g.broadcast_to(x, &Shape::of([2, 3]))?;
            g.broadcast_to(x, &Shape::of([4, 2, 3]))
        }),
        ["broadcast"]
    );
    assert_eq!(
        left(DType::F32, [9], |g, x| {
            let x =
                g.apply(Slice { starts: vec![8.into()], extents: vec![4.into()], steps: vec![-2] }, &[x])?;
            g.apply(Slice { starts: vec![1.into()], extents: vec![2.into()], steps: vec![2] }, &[x])
        }),
        ["slice"]
    );
    assert_eq!(
        left(DType::F32, [9], |g, x| {
            let x =
                g.apply(Pad { low: vec![0.into()], high: vec![0.into()], value: Scalar::Float(1.0) }, &[x])?;
            let x = g.narrow(x, 0, 0, 9)?;
            let nothing = g.narrow(x, 0, 3, 0)?;
            g.concat(&[nothing, x], 0)
        }),
        empty
    );
    assert_eq!(left(DType::F32, [4, 1], |g, x| g.reduce(ReduceOp::Max, x, &[1])), ["reshape"]);
    assert_eq!(left(DType::F32, [4], |g, x| g.reduce(ReduceOp::Product, x, &[])), empty);
}

#[test]
fn choices_that_are_known_are_made() -> Result<(), GraphError> {
    let empty: [String; 0] = [];
    let select = |value| {
        left(DType::F32, [3], move |g, x| {
            let c = g.constant_scalar(Scalar::Bool(value), DType::Bool)?;
            let other = g.unary(UnaryOp::Exp, x)?;
            g.select(c, x, other)
        })
    };
    assert_eq!(select(true), empty);
    assert_eq!(select(false), ["exp"]);

    let mut region = [Graph::new("then"), Graph::new("else")];
    for (g, op) in region.iter_mut().zip([UnaryOp::Sin, UnaryOp::Cos]) {
        let x = g.input("x", DType::F32, [3])?;
        let y = g.unary(op, x)?;
        g.output("y", y);
    }
    let regions: Vec<Arc<Graph>> = region.into_iter().map(Arc::new).collect();
    let taken = left(DType::F32, [3], |g, x| {
        let c = g.constant_scalar(Scalar::Bool(false), DType::Bool)?;
        g.apply_regions(Op::If(crate::op::If), &[c, x], regions)
    });
    assert_eq!(taken, ["cos"]);
    Ok(())
}
