//! Loops and branches.

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
    Ok(())
}
