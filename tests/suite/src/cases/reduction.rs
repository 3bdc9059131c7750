//! Reductions, windows, running values, sorting.

use super::{floats, input, numbers};
use crate::Case;
use hadal_graph::gradient::gradient;
use hadal_graph::op::*;
use hadal_graph::program::ReduceOp;
use hadal_graph::{DType, Dim, GraphError, HostTensor, Scalar};

pub(super) fn cases(dtypes: &[DType], cases: &mut Vec<Case>) -> Result<(), GraphError> {
    use ReduceOp::*;
    for &dtype in dtypes {
        let ops: &[ReduceOp] =
            if dtype == DType::Bool { &[Max, Min] } else { &[Sum, Product, Max, Min, ArgMax, ArgMin] };
        for &op in ops {
            for axes in [&[1][..], &[0], &[0, 2], &[0, 1, 2], &[2]] {
                // Products of many small floats vanish, so they go over few.
                let shape = if op == Product { [2, 3, 2] } else { [3, 17, 5] };
                let case = Case::new(format!("{op:?} {dtype} over {axes:?}"), &[], |g| {
                    let x = input(g, "x", dtype, &shape)?;
                    let y = g.reduce(op, x, axes)?;
                    g.output("y", y);
                    Ok(())
                })?;
                cases.push(case.adding(255));
            }
        }
    }
    for (shape, axis) in [([1, 3000], 1), ([3000, 1], 0), ([700, 33], 0), ([33, 700], 1), ([5, 1], 1)] {
        let case = Case::new(format!("sum of {shape:?} over {axis}"), &[], |g| {
            let x = input(g, "x", DType::F32, &shape)?;
            let y = g.reduce(Sum, x, &[axis])?;
            let m = g.reduce(Max, x, &[axis])?;
            g.output("y", y);
            g.output("m", m);
            Ok(())
        })?;
        cases.push(case.adding(3000));
    }
    cases.push(Case::new("reductions of nothing", &[], |g| {
        let x = input(g, "x", DType::F32, &[3, 0])?;
        for op in [Sum, Product, Max, Min] {
            let rows = g.reduce(op, x, &[1])?;
            g.output(format!("rows {op:?}"), rows);
            let none = g.reduce(op, x, &[0])?;
            g.output(format!("none {op:?}"), none);
        }
        Ok(())
    })?);
    let odd = [1.0, f64::NAN, 3.0, 2.0, f64::NAN, f64::INFINITY, -1.0, f64::NEG_INFINITY, 0.0, 5.0, 5.0, 4.0];
    for dtype in floats(dtypes) {
        let tensor = HostTensor::from_scalars(dtype, [4, 3], odd.map(|x| Scalar::new(x, dtype)));
        let case = Case::new(format!("extremes of NaN {dtype}"), &[], |g| {
            let x = input(g, "x", dtype, &[4, 3])?;
            for op in [Max, Min, ArgMax, ArgMin] {
                let y = g.reduce(op, x, &[1])?;
                g.output(format!("{op:?}"), y);
            }
            let sort = g.apply(Sort { axis: 0, descending: true }, &[x])?;
            let (values, positions) = (g.project(sort, 0)?, g.project(sort, 1)?);
            g.output("values", values);
            g.output("positions", positions);
            Ok(())
        })?;
        cases.push(case.with("x", tensor.map_err(|e| GraphError::general("case", e.into()))?));
    }
    for dtype in numbers(dtypes) {
        for (axis, descending) in [(0, false), (1, true)] {
            cases.push(Case::new(format!("sort {dtype} axis {axis}"), &[], |g| {
                let x = input(g, "x", dtype, &[5, 37])?;
                let sort = g.apply(Sort { axis, descending }, &[x])?;
                let (values, positions) = (g.project(sort, 0)?, g.project(sort, 1)?);
                g.output("values", values);
                g.output("positions", positions);
                Ok(())
            })?);
        }
        for (op, exclusive, reverse) in [
            (Sum, false, false),
            (Sum, true, true),
            (Max, false, true),
            (Min, true, false),
            (Product, false, false),
        ] {
            let case = Case::new(format!("running {op:?} {dtype} {exclusive} {reverse}"), &[], |g| {
                let x = input(g, "x", dtype, &[3, 11, 2])?;
                let y = g.apply(Cumulative { op, axis: 1, exclusive, reverse }, &[x])?;
                g.output("y", y);
                Ok(())
            })?;
            cases.push(case.adding(11));
        }
    }
    for dtype in floats(dtypes) {
        for op in [Max, Sum, Min] {
            let case = Case::new(format!("window {op:?} {dtype}"), &[], |g| {
                let x = input(g, "x", dtype, &[2, 3, 9, 8])?;
                let window = Window {
                    op,
                    size: vec![1, 1, 3, 2],
                    stride: vec![1, 1, 2, 2],
                    dilation: vec![1, 1, 1, 2],
                    low: vec![0, 0, 1, 0],
                    high: vec![0, 0, 1, 1],
                };
                let y = g.apply(window, &[x])?;
                let y = g.add(y, y)?;
                g.output("y", y);
                Ok(())
            })?;
            cases.push(case.adding(6));
        }
    }
    pooling(dtypes, cases)?;
    for op in [Sum, Min, ArgMax] {
        let case = Case::new(format!("{op:?} of long columns"), &[], |g| {
            let x = input(g, "x", DType::F32, &[1100, 300])?;
            let y = g.reduce(op, x, &[0])?;
            g.output("y", y);
            Ok(())
        })?;
        cases.push(case.adding(1100));
    }
    let case = Case::new("sum over a symbolic axis", &[("n", 13)], |g| {
        let x = g.input("x", DType::F32, [Dim::symbol("n"), 4.into()])?;
        let mean = g.mean_keep(x, &[0])?;
        let centred = g.sub(x, mean)?;
        g.output("centred", centred);
        Ok(())
    })?;
    cases.push(case.adding(13));
    Ok(())
}

/// Pooling side by side with its gradient: many windows of zeros, in which the first element wins, and odd ends that no window covers.
fn pooling(dtypes: &[DType], cases: &mut Vec<Case>) -> Result<(), GraphError> {
    use ReduceOp::{Max, Min, Sum};
    for dtype in floats(dtypes) {
        for (op, [height, width], size) in [
            (Max, [28, 34], [2, 2]),
            (Max, [9, 7], [2, 2]),
            (Min, [9, 8], [3, 2]),
            (Max, [5, 9], [1, 3]),
            (Max, [6, 2], [3, 1]),
        ] {
            let name = format!("pooling {op:?} {dtype} {size:?} of {height}x{width}");
            let case = Case::new(name, &[], |g| {
                let x = input(g, "x", dtype, &[2, 3, height, width])?;
                let zero = g.scalar(0.0, dtype)?;
                let y = g.maximum(x, zero)?;
                let size = vec![1, 1, size[0], size[1]];
                let nothing = || vec![0; 4];
                let window = Window {
                    op,
                    stride: size.clone(),
                    size,
                    dilation: vec![1; 4],
                    low: nothing(),
                    high: nothing(),
                };
                let pooled = g.apply(window, &[y])?;
                let shape = g.shape(pooled).clone();
                let given = g.input("given", dtype, shape)?;
                let weighted = g.mul(pooled, given)?;
                let loss = g.reduce(Sum, weighted, &[0, 1, 2, 3])?;
                let (whole, gradients) = gradient(g, loss, &[x])?;
                *g = whole;
                g.output("pooled", pooled);
                g.output("gradient", gradients[0]);
                Ok(())
            })?;
            cases.push(case.adding(6));
        }
    }
    Ok(())
}
