//! Views, padding, concatenation, gathering, scattering, updates.

use super::input;
use crate::Case;
use hadal_graph::op::*;
use hadal_graph::program::{ScatterOp, UnaryOp};
use hadal_graph::{DType, Dim, GraphError, HostTensor, NodeId, Scalar};

pub(super) fn cases(dtypes: &[DType], cases: &mut Vec<Case>) -> Result<(), GraphError> {
    for &dtype in dtypes {
        cases.push(Case::new(format!("views {dtype}"), &[], |g| {
            let x = input(g, "x", dtype, &[3, 4, 5])?;
            let turned = g.transpose(x, &[2, 0, 1])?;
            let flat = g.reshape(turned, [5, 12])?;
            let slice = Slice {
                starts: vec![4.into(), 1.into()],
                extents: vec![3.into(), 4.into()],
                steps: vec![-2, 3],
            };
            let slice = g.apply(slice, &[flat])?;
            let wide = g.broadcast_to(slice, &[2, 3, 4].into())?;
            let pad = Pad {
                low: vec![1.into(), 0.into(), 2.into()],
                high: vec![0.into(), 1.into(), 0.into()],
                value: Scalar::one(dtype),
            };
            let padded = g.apply(pad, &[wide])?;
            for (name, node) in
                [("turned", turned), ("flat", flat), ("slice", slice), ("wide", wide), ("padded", padded)]
            {
                g.output(name, node);
            }
            Ok(())
        })?);
        cases.push(Case::new(format!("concat {dtype}"), &[], |g| {
            let parts: Vec<NodeId> = (0..3)
                .map(|i| input(g, &format!("x{i}"), dtype, &[2, i + 1, 3]))
                .collect::<Result<_, _>>()?;
            let joined = g.concat(&parts, 1)?;
            let turned = g.transpose(joined, &[1, 2, 0])?;
            g.output("joined", joined);
            g.output("turned", turned);
            Ok(())
        })?);
        let index =
            HostTensor::new([2, 2], &[3i64, 0, 2, 3]).map_err(|e| GraphError::general("case", e.into()))?;
        let case = Case::new(format!("gather {dtype}"), &[], |g| {
            let x = input(g, "x", dtype, &[3, 4, 2])?;
            let i = input(g, "i", DType::I64, &[2, 2])?;
            let rows = g.gather(x, 1, i)?;
            g.output("rows", rows);
            Ok(())
        })?;
        cases.push(case.with("i", index));
    }
    indexed(dtypes, cases)?;
    cases.push(Case::new("concat of twenty", &[], |g| {
        let mut parts = Vec::new();
        for i in 0..20 {
            parts.push(input(g, &format!("x{i}"), DType::F32, &[2, 1 + i % 3])?);
        }
        let joined = g.concat(&parts, 1)?;
        g.output("joined", joined);
        Ok(())
    })?);
    cases.push(Case::new("pad of a computed value", &[], |g| {
        let x = input(g, "x", DType::F32, &[3, 4])?;
        let e = g.unary(UnaryOp::Exp, x)?;
        let pad =
            Pad { low: vec![0.into(), 3.into()], high: vec![2.into(), 1.into()], value: Scalar::Float(0.0) };
        let padded = g.apply(pad, &[e])?;
        g.output("padded", padded);
        Ok(())
    })?);
    cases.push(Case::new("empty views", &[], |g| {
        let x = input(g, "x", DType::F32, &[3, 0])?;
        let turned = g.transpose(x, &[1, 0])?;
        let y = input(g, "y", DType::F32, &[3, 2])?;
        let joined = g.concat(&[x, y], 1)?;
        let none = g.narrow(y, 0, 1usize, 0usize)?;
        for (name, node) in [("turned", turned), ("joined", joined), ("none", none)] {
            g.output(name, node);
        }
        Ok(())
    })?);
    Ok(())
}

fn indexed(dtypes: &[DType], cases: &mut Vec<Case>) -> Result<(), GraphError> {
    let fail = |e: hadal_graph::HostTensorError| GraphError::general("case", e.into());
    for &dtype in dtypes.iter().filter(|d| **d != DType::Bool) {
        for op in [ScatterOp::Set, ScatterOp::Add, ScatterOp::Max, ScatterOp::Min] {
            let case = Case::new(format!("scatter {op:?} {dtype}"), &[], |g| {
                let x = input(g, "x", dtype, &[2, 5, 3])?;
                let i = input(g, "i", DType::I32, &[4])?;
                let u = input(g, "u", dtype, &[2, 4, 3])?;
                let y = g.apply(Scatter { axis: 1, op }, &[x, i, u])?;
                g.output("y", y);
                Ok(())
            })?;
            cases.push(case.with("i", HostTensor::new([4], &[4i32, 1, 4, 0]).map_err(fail)?));
        }
    }
    // A start that is too large is clamped.
    for start in [-3i32, 0, 2, 9] {
        let case = Case::new(format!("dynamic slice and update at {start}"), &[], |g| {
            let x = input(g, "x", DType::F32, &[3, 6])?;
            let u = input(g, "u", DType::F32, &[3, 2])?;
            let s = input(g, "s", DType::I32, &[])?;
            let part = g.apply(DynamicSlice { axis: 1, extent: Dim::from(4) }, &[x, s])?;
            let changed = g.apply(DynamicUpdate { axis: 1 }, &[x, u, s])?;
            let again = g.apply(DynamicUpdate { axis: 1 }, &[changed, u, s])?;
            for (name, node) in [("part", part), ("changed", changed), ("again", again)] {
                g.output(name, node);
            }
            Ok(())
        })?;
        cases.push(case.with("s", HostTensor::scalar(DType::I32, Scalar::Int(start as i128))));
    }
    let case = Case::new("a cache in a variable", &[], |g| {
        let cache = g.variable("cache", DType::F32, [4, 3])?;
        let row = input(g, "row", DType::F32, &[1, 3])?;
        let at = input(g, "at", DType::I32, &[])?;
        let grown = g.apply(DynamicUpdate { axis: 0 }, &[cache, row, at])?;
        let sum = g.reduce(hadal_graph::program::ReduceOp::Sum, grown, &[0])?;
        g.assign(cache, grown)?;
        g.output("sum", sum);
        Ok(())
    })?;
    cases.push(case.with("at", HostTensor::scalar(DType::I32, Scalar::Int(2))));
    Ok(())
}
