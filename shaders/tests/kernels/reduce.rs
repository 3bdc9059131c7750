//! Row reductions.

use crate::case::{Case, floats, ints, load, noise, store};
use hadal_graph::program::{
    Affine, BinaryOp, Body, IndexMap, Instr, Kernel, Operand, Phase, PointwiseProgram, Reduce, ReduceOp,
    UnaryOp,
};
use hadal_graph::{DType, Dim, Scalar, Shape};

const SHAPES: [(usize, usize); 8] = [(1, 1), (3, 5), (17, 64), (2, 257), (70, 31), (1, 5000), (5, 0), (0, 4)];

/// One phase over contiguous rows, stored per row.
fn plain(
    case: &mut Case,
    rows: usize,
    length: usize,
    op: ReduceOp,
    from: DType,
    to: DType,
    data: Vec<Scalar>,
) -> Kernel {
    let (r, n) = (case.symbol("r", rows), case.symbol("n", length));
    let x = case.read(from, [r.clone(), n.clone()], data);
    case.write(to, [r.clone()]);
    let mut p = PointwiseProgram::default();
    let value = load(&mut p, x, IndexMap::contiguous(&[r.clone(), n.clone()]), from);
    let mut q = PointwiseProgram::default();
    let acc = q.push(Instr::Accumulator(0), to);
    let outer = Shape::of([r]);
    Kernel::Reduce(Reduce {
        row: Shape::of([n]),
        phases: vec![Phase { op, operand: Operand { program: p, value }, dtype: to }],
        per_row: Some(Body { program: q, stores: vec![store(0, acc, &outer)] }),
        per_element: None,
        outer,
    })
}

#[test]
fn sums_of_every_shape() {
    for (rows, length) in SHAPES {
        let mut case = Case::new();
        let data = noise(rows * length, 11);
        let kernel = plain(
            &mut case,
            rows,
            length,
            ReduceOp::Sum,
            DType::F32,
            DType::F32,
            floats(data.iter().copied()),
        );
        let expected = (0..rows).map(|r| data[r * length..(r + 1) * length].iter().sum());
        let variants = case.check(kernel, &[floats(expected)], 1e-4);
        assert_eq!(variants.len(), 5, "{variants:?}");
    }
}

#[test]
fn extremes_propagate_nan_and_empty_rows_give_the_identity() {
    for (op, pick) in [(ReduceOp::Max, f64::max as fn(f64, f64) -> f64), (ReduceOp::Min, f64::min)] {
        let (rows, length) = (6, 300);
        let mut data = noise(rows * length, 12);
        data[2 * length + 77] = f64::NAN;
        data[3 * length + 5] = f64::INFINITY;
        data[4 * length + 5] = f64::NEG_INFINITY;
        let start = if op == ReduceOp::Max { f64::NEG_INFINITY } else { f64::INFINITY };
        let expected = (0..rows).map(|r| match r {
            2 => f64::NAN,
            _ => data[r * length..(r + 1) * length].iter().copied().fold(start, pick),
        });
        let expected = floats(expected);
        let mut case = Case::new();
        let kernel = plain(&mut case, rows, length, op, DType::F32, DType::F32, floats(data.iter().copied()));
        case.check(kernel, &[expected], 0.0);
        let mut case = Case::new();
        let kernel = plain(&mut case, 3, 0, op, DType::F32, DType::F32, vec![]);
        case.check(kernel, &[floats([start; 3])], 0.0);
    }
}

#[test]
fn integers_wrap_and_booleans_combine() {
    let (rows, length) = (9, 130);
    let bytes: Vec<i128> = noise(rows * length, 13).iter().map(|v| (v * 127.0) as i128).collect();
    let row = |r: usize| bytes[r * length..(r + 1) * length].iter().copied();
    for dtype in [DType::I8, DType::I16, DType::I32, DType::I64] {
        let mut case = Case::new();
        let kernel = plain(&mut case, rows, length, ReduceOp::Sum, dtype, dtype, ints(bytes.iter().copied()));
        let expected = ints((0..rows).map(|r| dtype.wrap(row(r).sum())));
        case.check(kernel, &[expected], 0.0);
        let mut case = Case::new();
        let kernel =
            plain(&mut case, rows, length, ReduceOp::Product, dtype, dtype, ints(bytes.iter().copied()));
        let expected = (0..rows).map(|r| row(r).fold(1i128, |a, b| dtype.wrap(a * b)));
        case.check(kernel, &[ints(expected)], 0.0);
        let mut case = Case::new();
        let kernel = plain(&mut case, rows, length, ReduceOp::Min, dtype, dtype, ints(bytes.iter().copied()));
        case.check(kernel, &[ints((0..rows).map(|r| row(r).min().unwrap()))], 0.0);
    }
    for (op, any) in [(ReduceOp::Max, true), (ReduceOp::Min, false)] {
        let mut case = Case::new();
        let bits: Vec<bool> = (0..4 * 50).map(|i| if any { i == 70 } else { i != 70 }).collect();
        let data = bits.iter().map(|&b| Scalar::Bool(b)).collect();
        let kernel = plain(&mut case, 4, 50, op, DType::Bool, DType::Bool, data);
        let expected = (0..4).map(|r| Scalar::Bool(any == (r == 1))).collect();
        case.check(kernel, &[expected], 0.0);
    }
}

#[test]
fn positions_of_extremes() {
    let (rows, length) = (5, 400);
    let mut data: Vec<f64> = noise(rows * length, 14).iter().map(|v| (v * 20.0).round()).collect();
    data[3 * length + 123] = f64::NAN;
    data[3 * length + 200] = f64::NAN;
    for op in [ReduceOp::ArgMax, ReduceOp::ArgMin] {
        let expected = (0..rows).map(|r| {
            let row = &data[r * length..(r + 1) * length];
            let mut best = 0;
            for (i, v) in row.iter().enumerate() {
                let better = if op == ReduceOp::ArgMax { *v > row[best] } else { *v < row[best] };
                if !row[best].is_nan() && (better || v.is_nan()) {
                    best = i;
                }
            }
            best as i128
        });
        let expected = ints(expected);
        let mut case = Case::new();
        let kernel = plain(&mut case, rows, length, op, DType::F32, DType::I64, floats(data.iter().copied()));
        case.check(kernel, &[expected], 0.0);
    }
}

#[test]
fn half_precision_is_summed_in_single() {
    for dtype in [DType::F16, DType::BF16] {
        let (rows, length) = (3, 3000);
        let mut case = Case::new();
        let kernel = plain(
            &mut case,
            rows,
            length,
            ReduceOp::Sum,
            dtype,
            dtype,
            vec![Scalar::Float(1.0); rows * length],
        );
        let expected = vec![Scalar::Float(dtype.round(3000.0)); rows];
        case.check(kernel, &[expected], 0.0);
    }
}

#[test]
fn softmax_in_place_over_a_strided_axis() {
    // x[b, n, c], softmax over n, written in place; and the maximum per row.
    let (b, n, c) = (3usize, 37usize, 5usize);
    let mut case = Case::new();
    let data = noise(b * n * c, 15);
    let s = case.symbol("s", n);
    let x = case.read(DType::F32, [Dim::from(b), s.clone(), Dim::from(c)], floats(data.iter().copied()));
    let y = case.write(DType::F32, [Dim::from(b), s.clone(), Dim::from(c)]);
    let top = case.write(DType::F32, [b, c]);
    case.alias(y, x);
    let outer = Shape::of([b, c]);
    let map = Affine { offset: Dim::ZERO, coefficients: vec![&s * c, Dim::ONE, Dim::from(c)] };
    let mut p = PointwiseProgram::default();
    let value = load(&mut p, x, IndexMap::new(map.clone()), DType::F32);
    let maximum =
        Phase { op: ReduceOp::Max, operand: Operand { program: p.clone(), value }, dtype: DType::F32 };
    let m = p.push(Instr::Accumulator(0), DType::F32);
    let d = p.push(Instr::Binary(BinaryOp::Sub, value, m), DType::F32);
    let e = p.push(Instr::Unary(UnaryOp::Exp, d), DType::F32);
    let sum =
        Phase { op: ReduceOp::Sum, operand: Operand { program: p.clone(), value: e }, dtype: DType::F32 };
    let total = p.push(Instr::Accumulator(1), DType::F32);
    let q = p.push(Instr::Binary(BinaryOp::Div, e, total), DType::F32);
    let mut per_row = PointwiseProgram::default();
    let acc = per_row.push(Instr::Accumulator(0), DType::F32);
    let kernel = Kernel::Reduce(Reduce {
        row: Shape::of([s]),
        phases: vec![maximum, sum],
        per_row: Some(Body { program: per_row, stores: vec![store(top, acc, &outer)] }),
        per_element: Some(Body {
            program: p,
            stores: vec![hadal_graph::program::Store { target: y, value: q, address: map, indirect: vec![] }],
        }),
        outer,
    });
    let at = |i: usize, j: usize, k: usize| data[(i * n + j) * c + k];
    let row_max = |i: usize, k: usize| (0..n).map(|j| at(i, j, k)).fold(f64::NEG_INFINITY, f64::max);
    let soft = (0..b * n * c).map(|l| {
        let (i, j, k) = (l / (n * c), l / c % n, l % c);
        let total: f64 = (0..n).map(|j| (at(i, j, k) - row_max(i, k)).exp()).sum();
        (at(i, j, k) - row_max(i, k)).exp() / total
    });
    let expected = [floats(soft), floats((0..b * c).map(|l| row_max(l / c, l % c)))];
    case.check(kernel, &expected, 1e-6);
}
