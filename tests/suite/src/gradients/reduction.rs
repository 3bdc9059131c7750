//! Reductions, running and windowed ones, and those that composites are made of.

use super::Cases;
use hadal_graph::GraphError;
use hadal_graph::op::{Cumulative, LogSumExp, Window};
use hadal_graph::program::ReduceOp;

const ALL: [ReduceOp; 4] = [ReduceOp::Sum, ReduceOp::Product, ReduceOp::Max, ReduceOp::Min];

pub(super) fn cases(cases: &mut Cases) -> Result<(), GraphError> {
    for op in ALL {
        for axes in [&[0, 2][..], &[1], &[2], &[0, 1, 2], &[]] {
            cases.add(format!("reduce {op:?} over {axes:?}"), |b| {
                let x = b.x(&[2, 3, 2])?;
                b.g.reduce(op, x, axes)
            })?;
        }
    }
    cases.add("product of rows with no, one and two zeros", |b| {
        let x = b.x_of(&[3, 3], &[2.0, 3.0, 4.0, 2.0, 0.0, 4.0, 0.0, 0.0, 4.0])?;
        b.g.reduce(ReduceOp::Product, x, &[1])
    })?;
    cases.add("mean that keeps its axes", |b| {
        let x = b.x(&[2, 3, 2])?;
        let mean = b.g.mean_keep(x, &[0, 2])?;
        b.g.mul(x, mean)
    })?;
    for op in ALL {
        for (exclusive, reverse) in [(false, false), (true, false), (false, true), (true, true)] {
            cases.add(format!("cumulative {op:?}, exclusive {exclusive}, reverse {reverse}"), |b| {
                let x = b.x(&[2, 4, 1])?;
                let running = b.g.apply(Cumulative { op, axis: 1, exclusive, reverse }, &[x])?;
                // The first of an exclusive extreme is infinite.
                b.g.narrow(running, 1, i64::from(exclusive && !reverse), if exclusive { 3 } else { 4 })
            })?;
        }
    }
    cases.add("cumulative product through zeros", |b| {
        let x = b.x_of(&[2, 4], &[2.0, 0.0, 3.0, 0.5, 1.5, 0.0, 0.0, 2.0])?;
        b.g.apply(Cumulative { op: ReduceOp::Product, axis: 1, exclusive: false, reverse: false }, &[x])
    })?;
    for op in ALL {
        // Batch and channel are windows of one.
        let pool = |size: [usize; 2], stride: [usize; 2], dilation: [usize; 2], pad: [usize; 2]| Window {
            op,
            size: vec![1, size[0], size[1]],
            stride: vec![1, stride[0], stride[1]],
            dilation: vec![1, dilation[0], dilation[1]],
            low: vec![0, pad[0], 0],
            high: vec![0, pad[0], pad[1]],
        };
        for (name, window) in [
            ("plain", pool([2, 2], [2, 2], [1, 1], [0, 0])),
            ("overlapping", pool([3, 2], [1, 1], [1, 1], [1, 0])),
            ("with everything", pool([3, 2], [2, 1], [1, 2], [1, 1])),
        ] {
            cases.add(format!("window {op:?}, {name}"), |b| {
                let x = b.x(&[2, 6, 5])?;
                b.g.apply(window, &[x])
            })?;
        }
    }
    for axes in [&[1][..], &[0, 2], &[]] {
        cases.add(format!("log-sum-exp over {axes:?}"), |b| {
            let x = b.x_in(&[2, 3, 2], (-2.0, 2.0))?;
            b.g.apply(LogSumExp { axes: axes.into() }, &[x])
        })?;
    }
    Ok(())
}
