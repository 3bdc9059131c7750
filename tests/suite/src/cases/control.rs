//! Loops and branches, regions that say how they are differentiated, and kernels of a program's own.

use super::input;
use crate::Case;
use hadal_graph::op::*;
use hadal_graph::program::{CompareOp, ReduceOp, UnaryOp};
use hadal_graph::{DType, Graph, GraphError, HostTensor, NodeId, Scalar};

pub(super) fn cases(cases: &mut Vec<Case>) -> Result<(), GraphError> {
    for limit in [0, 1, 4] {
        let case = Case::new(format!("a loop of {limit} steps over a growing cache"), &[], |g| {
            let state = |r: &mut Graph| -> Result<[NodeId; 4], GraphError> {
                Ok([
                    r.input("i", DType::I32, [0usize; 0])?,
                    r.input("limit", DType::I32, [0usize; 0])?,
                    r.input("cache", DType::F32, [5, 2])?,
                    r.input("x", DType::F32, [1, 2])?,
                ])
            };
            let mut condition = Graph::new("condition");
            let [i, limit, _, _] = state(&mut condition)?;
            let more = condition.compare(CompareOp::Lt, i, limit)?;
            condition.output("more", more);
            let mut body = Graph::new("body");
            let [i, limit, cache, row] = state(&mut body)?;
            let one = body.scalar(1.0, DType::I32)?;
            let next = body.add(i, one)?;
            let grown = body.apply(DynamicUpdate { axis: 0 }, &[cache, row, i])?;
            let sum = body.reduce_keep(ReduceOp::Sum, grown, &[0])?;
            let new_row = body.unary(UnaryOp::Tanh, sum)?;
            for (name, node) in [("i", next), ("limit", limit), ("cache", grown), ("x", new_row)] {
                body.output(name, node);
            }
            let (i, limit) = (input(g, "i", DType::I32, &[])?, input(g, "limit", DType::I32, &[])?);
            let (cache, row) =
                (input(g, "cache", DType::F32, &[5, 2])?, input(g, "row", DType::F32, &[1, 2])?);
            let result =
                g.apply_regions(While.into(), &[i, limit, cache, row], vec![condition.into(), body.into()])?;
            for n in [0, 2, 3] {
                let node = g.project(result, n)?;
                g.output(format!("state{n}"), node);
            }
            Ok(())
        })?;
        let int = |i: i128| HostTensor::scalar(DType::I32, Scalar::Int(i));
        cases.push(case.with("i", int(0)).with("limit", int(limit)));
    }
    for taken in [false, true] {
        let case = Case::new(format!("a branch that is {taken}"), &[], |g| {
            let mut regions = Vec::new();
            for (name, op) in [("then", UnaryOp::Tanh), ("else", UnaryOp::Neg)] {
                let mut region = Graph::new(name);
                let x = region.input("x", DType::F32, [3, 2])?;
                let y = region.unary(op, x)?;
                region.output("y", y);
                regions.push(region.into());
            }
            let predicate = g.input("predicate", DType::Bool, [0usize; 0])?;
            let x = input(g, "x", DType::F32, &[3, 2])?;
            let y = g.apply_regions(If.into(), &[predicate, x], regions)?;
            let z = g.add(y, x)?;
            g.output("z", z);
            Ok(())
        })?;
        cases.push(case.with("predicate", HostTensor::scalar(DType::Bool, Scalar::Bool(taken))));
    }
    regions(cases)?;
    custom(cases)
}

/// What only says how it is differentiated computes what it holds.
fn regions(cases: &mut Vec<Case>) -> Result<(), GraphError> {
    let region = |name: &str, inputs: &[&str]| -> Result<Graph, GraphError> {
        let mut g = Graph::new(name);
        let mut all = Vec::new();
        for name in inputs {
            all.push(g.input(name, DType::F32, [3, 5])?);
        }
        let product = g.mul(all[0], all[1])?;
        let y = g.unary(UnaryOp::Tanh, product)?;
        g.output("y", y);
        Ok(g)
    };
    cases.push(Case::new("a checkpoint, and its region behind a barrier", &[], |g| {
        let (x, w) = (input(g, "x", DType::F32, &[3, 5])?, input(g, "w", DType::F32, &[3, 5])?);
        let inside = region("inside", &["x", "w"])?.into();
        let once = g.apply_regions(Checkpoint.into(), &[x, w], vec![inside])?;
        let sum = g.reduce_keep(ReduceOp::Sum, once, &[1])?;
        let later = g.apply(Barrier, &[x, sum])?;
        let again = g.mul(later, w)?;
        let again = g.unary(UnaryOp::Tanh, again)?;
        let scaled = g.mul(again, sum)?;
        g.output("scaled", scaled);
        Ok(())
    })?);
    cases.push(Case::new("a custom gradient of a detached tensor", &[], |g| {
        let (x, w) = (input(g, "x", DType::F32, &[3, 5])?, input(g, "w", DType::F32, &[3, 5])?);
        let held = g.apply(Detach, &[x])?;
        let forward = region("forward", &["x", "w"])?.into();
        let backward = region("backward", &["y", "d", "x", "w"])?.into();
        let op = CustomGradient { wrt: vec![0] };
        let y = g.apply_regions(op.into(), &[held, w], vec![forward, backward])?;
        g.output("y", y);
        Ok(())
    })?);
    Ok(())
}

/// The sum of an element and its mirror image in a row of another tensor.
fn custom(cases: &mut Vec<Case>) -> Result<(), GraphError> {
    let wgsl = "fn element(i: u32) -> f32 {
        let columns = x0_extent(1u);
        let column = i % columns;
        return x0(i) + x1(columns - 1u - column);
    }";
    let host = HostElement::new(|x: &[CustomOperand<'_>], i: usize| {
        let columns = x[0].shape[1];
        x[0].values[i] + x[1].values[columns - 1 - i % columns]
    });
    for rows in [0, 3] {
        cases.push(Case::new(format!("a kernel of one's own over {rows} rows"), &[], |g| {
            let (x, row) = (input(g, "x", DType::F32, &[rows, 5])?, input(g, "row", DType::F32, &[5])?);
            let sine = g.unary(UnaryOp::Sin, x)?;
            let ty = g.ty(x).clone();
            let (name, wgsl, host) = ("mirror".into(), wgsl.into(), Some(host.clone()));
            let y = g.apply(Custom { name, ty, wgsl, host, sources: Vec::new() }, &[sine, row])?;
            let z = g.mul(y, x)?;
            g.output("z", z);
            Ok(())
        })?);
    }
    Ok(())
}
