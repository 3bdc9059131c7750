//! What moves elements, by fixed and by run-time positions.

use super::Cases;
use hadal_graph::op::{
    Concat, DynamicSlice, DynamicUpdate, Gather, Pad, Scatter, Slice, Sort, TakeAlong, TopK,
};
use hadal_graph::program::{ScatterOp, UnaryOp};
use hadal_graph::{Dim, GraphError, Scalar, Shape};

pub(super) fn cases(cases: &mut Cases) -> Result<(), GraphError> {
    fixed(cases)?;
    indexed(cases)?;
    ordered(cases)
}

fn fixed(cases: &mut Cases) -> Result<(), GraphError> {
    cases.add("reshape", |b| {
        let x = b.x(&[2, 6])?;
        b.g.reshape(x, [3, 4])
    })?;
    cases.add("transpose", |b| {
        let x = b.x(&[2, 3, 4])?;
        let y = b.g.transpose(x, &[2, 0, 1])?;
        b.g.unary(UnaryOp::Sin, y)
    })?;
    for shape in [&[3, 1][..], &[4], &[]] {
        cases.add(format!("broadcast of {shape:?}"), |b| {
            let x = b.x(shape)?;
            let y = b.g.broadcast_to(x, &Shape::of([2, 3, 4]))?;
            b.g.unary(UnaryOp::Sin, y)
        })?;
    }
    for (name, starts, extents, steps) in [
        ("slice", [1, 0], [2, 3], [1, 1]),
        ("slice with steps", [1, 0], [2, 2], [3, 2]),
        ("slice backwards", [3, 2], [4, 2], [-1, -2]),
        ("slice backwards within", [4, 1], [2, 1], [-3, -1]),
        ("empty slice", [0, 0], [0, 3], [2, 1]),
    ] {
        cases.add(name, |b| {
            let x = b.x(&[5, 3])?;
            let starts = starts.map(Dim::from).into();
            b.g.apply(Slice { starts, extents: extents.map(Dim::from).into(), steps: steps.into() }, &[x])
        })?;
    }
    cases.add("overlapping slices", |b| {
        let x = b.x(&[6])?;
        let (head, tail) = (b.g.narrow(x, 0, 0, 4)?, b.g.narrow(x, 0, 2, 4)?);
        b.g.mul(head, tail)
    })?;
    cases.add("slice of a symbol", |b| {
        let n = Dim::symbol("n");
        let x = b.symbolic(&[5], Shape(vec![n.clone()]), (-1.0, 1.0))?;
        let starts = vec![&n - 1];
        b.g.apply(Slice { starts, extents: vec![(&n + 1).floor_div(&2.into())], steps: vec![-2] }, &[x])
    })?;
    for (low, high) in [([1, 0], [0, 2]), ([2, 3], [1, 1])] {
        cases.add(format!("pad {low:?} {high:?}"), |b| {
            let x = b.x(&[2, 3])?;
            let [low, high] = [low, high].map(|ends| ends.map(Dim::from).to_vec());
            b.g.apply(Pad { low, high, value: Scalar::Float(4.0) }, &[x])
        })?;
    }
    for axis in [0, 1] {
        cases.add(format!("concat along {axis}"), |b| {
            let shape = |n: usize| if axis == 0 { [n, 3] } else { [3, n] };
            let (x, y) = (b.x(&shape(1))?, b.x(&shape(2))?);
            b.g.apply(Concat { axis }, &[x, y, x])
        })?;
    }
    Ok(())
}

fn indexed(cases: &mut Cases) -> Result<(), GraphError> {
    for (axis, shape, indices) in
        [(0, &[4, 2][..], &[3i64, 0, 0][..]), (1, &[2, 4, 2], &[3, 0, 0, 1, 3, 3]), (2, &[1, 2, 3], &[2])]
    {
        cases.add(format!("gather along {axis}"), |b| {
            let x = b.x(shape)?;
            let indices = b.given(&[indices.len()], indices)?;
            b.g.apply(Gather { axis }, &[x, indices])
        })?;
    }
    cases.add("gather by a matrix of indices", |b| {
        let x = b.x(&[5, 2])?;
        let indices = b.given(&[2, 3], &[4i32, 1, 1, 0, 4, 4])?;
        b.g.apply(Gather { axis: 0 }, &[x, indices])
    })?;
    for axis in [0, 1, 2] {
        cases.add(format!("take along {axis}"), |b| {
            let x = b.x(&[2, 4, 2])?;
            let extent = [2, 4, 2][axis];
            let values: Vec<i64> = (0..16).map(|i| (i * i + 1) % extent as i64).collect();
            let indices = b.given(&[2, 4, 2], &values)?;
            b.g.apply(TakeAlong { axis }, &[x, indices])
        })?;
    }
    for op in [ScatterOp::Set, ScatterOp::Add, ScatterOp::Max, ScatterOp::Min] {
        for axis in [0, 1] {
            cases.add(format!("scatter {op:?} along {axis}"), |b| {
                let shape = |n: usize| if axis == 1 { [2, n] } else { [n, 2] };
                let (x, updates) = (b.x(&shape(4))?, b.x(&shape(5))?);
                let indices = b.given(&[5], &[2i64, 0, 2, 2, 0])?;
                b.g.apply(Scatter { axis, op }, &[x, indices, updates])
            })?;
        }
    }
    // The last start is clamped.
    for start in [0i32, 1, 9] {
        cases.add(format!("dynamic slice at {start}"), |b| {
            let x = b.x(&[2, 4])?;
            let start = b.given(&[], &[start])?;
            b.g.apply(DynamicSlice { axis: 1, extent: 2.into() }, &[x, start])
        })?;
        cases.add(format!("dynamic update at {start}"), |b| {
            let (x, update) = (b.x(&[2, 4])?, b.x(&[2, 3])?);
            let start = b.given(&[], &[start])?;
            b.g.apply(DynamicUpdate { axis: 1 }, &[x, update, start])
        })?;
    }
    Ok(())
}

fn ordered(cases: &mut Cases) -> Result<(), GraphError> {
    for descending in [false, true] {
        for axis in [0, 1] {
            cases.add(format!("sort along {axis}, descending {descending}"), |b| {
                let x = b.x(&[4, 3])?;
                let sorted = b.g.apply(Sort { axis, descending }, &[x])?;
                b.g.project(sorted, 0)
            })?;
        }
    }
    for largest in [true, false] {
        for k in [1, 3] {
            cases.add(format!("top {k}, largest {largest}"), |b| {
                let x = b.x(&[2, 5, 2])?;
                let best = b.g.apply(TopK { axis: 1, k, largest }, &[x])?;
                b.g.project(best, 0)
            })?;
        }
    }
    Ok(())
}
