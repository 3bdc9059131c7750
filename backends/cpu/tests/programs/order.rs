//! Scans and sorts: what depends on the order along an axis.

use crate::build::*;
use hadal_graph::program::*;
use hadal_graph::{DType, HostTensor, Scalar};

fn scan(
    op: ReduceOp,
    dtype: DType,
    rows: usize,
    length: usize,
    exclusive: bool,
    reverse: bool,
) -> std::sync::Arc<Program> {
    let mut b = Builder::new();
    let x = b.input(dtype, [rows, length]);
    let out = b.computed(dtype, [rows, length]);
    let kernel = Scan {
        outer: [rows].into(),
        length: length.into(),
        op,
        exclusive,
        reverse,
        operand: operand(0, dtype, 0, &[length as i64, 1]),
        dtype,
        epilogue: store_accumulator(dtype, &dims(&[rows, length])),
    };
    b.step(Kernel::Scan(kernel), &[x], &[out]);
    b.output(out);
    b.finish()
}

#[test]
fn running_totals() {
    for (rows, length) in [(1, 1), (3, 5), (2, 3000), (500, 4), (0, 3)] {
        for (op, dtype) in [
            (ReduceOp::Sum, DType::F32),
            (ReduceOp::Sum, DType::I16),
            (ReduceOp::Product, DType::F64),
            (ReduceOp::Max, DType::F16),
            (ReduceOp::Min, DType::U8),
        ] {
            for (exclusive, reverse) in [(false, false), (true, false), (false, true), (true, true)] {
                let x: Vec<Scalar> = (0..rows * length)
                    .map(|i| {
                        Scalar::new(
                            1.0 + (i * 13 % 29) as f64 / if op == ReduceOp::Product { 4096.0 } else { 1.0 },
                            dtype,
                        )
                    })
                    .collect();
                let mut expected = vec![0.0; rows * length];
                for r in 0..rows {
                    let mut total = match op {
                        ReduceOp::Sum => 0.0,
                        ReduceOp::Product => 1.0,
                        ReduceOp::Max => Scalar::lowest(dtype).to_f64(),
                        _ => Scalar::highest(dtype).to_f64(),
                    };
                    for i in 0..length {
                        let at = r * length + if reverse { length - 1 - i } else { i };
                        let v = x[at].to_f64();
                        let next = match op {
                            ReduceOp::Sum => total + v,
                            ReduceOp::Product => total * v,
                            ReduceOp::Max => total.max(v),
                            _ => total.min(v),
                        };
                        expected[at] = Scalar::new(if exclusive { total } else { next }, dtype).to_f64();
                        total = if dtype == DType::F32 { next } else { Scalar::new(next, dtype).to_f64() };
                    }
                }
                let input = HostTensor::from_scalars(dtype, [rows, length], x).unwrap();
                let bytes = run(&scan(op, dtype, rows, length, exclusive, reverse), &[input]).remove(0);
                let found = HostTensor::from_bytes(dtype, [rows, length], hadal_graph::Bytes::new(bytes))
                    .unwrap()
                    .to_f64();
                assert_eq!(
                    found, expected,
                    "{op:?} {dtype} {rows}×{length} exclusive {exclusive} reverse {reverse}"
                );
            }
        }
    }
}

fn sort(dtype: DType, rows: usize, length: usize, descending: bool) -> std::sync::Arc<Program> {
    let mut b = Builder::new();
    let x = b.input(dtype, [rows, length]);
    let (values, indices) = (b.computed(dtype, [rows, length]), b.computed(DType::I64, [length, rows]));
    let kernel = Sort {
        outer: [rows].into(),
        length: length.into(),
        descending,
        operand: operand(0, dtype, 0, &[length as i64, 1]),
        values: affine(0, &[length as i64, 1]),
        // Positions go to a transposed result.
        indices: affine(0, &[1, rows as i64]),
    };
    b.step(Kernel::Sort(kernel), &[x], &[values, indices]);
    b.output(values);
    b.output(indices);
    b.finish()
}

#[test]
fn sorting_is_stable_and_nan_is_last() {
    for (rows, length) in [(1, 1), (3, 50), (2, 3000), (400, 3)] {
        for dtype in [DType::F32, DType::BF16, DType::I8, DType::U64, DType::Bool] {
            for descending in [false, true] {
                let x: Vec<Scalar> = (0..rows * length)
                    .map(|i| match i % 11 {
                        3 if dtype.is_float() => Scalar::Float(f64::NAN),
                        5 if dtype.is_float() => Scalar::Float(f64::NEG_INFINITY),
                        _ => Scalar::new((i * 7 % 23) as f64, dtype),
                    })
                    .collect();
                let input = HostTensor::from_scalars(dtype, [rows, length], x.clone()).unwrap();
                let outputs = run(&sort(dtype, rows, length, descending), &[input]);
                let values = HostTensor::from_bytes(
                    dtype,
                    [rows, length],
                    hadal_graph::Bytes::new(outputs[0].clone()),
                )
                .unwrap();
                let values: Vec<Scalar> = values.scalars().collect();
                let indices = elements::<i64>(&outputs[1]);
                for r in 0..rows {
                    let mut order: Vec<usize> = (0..length).collect();
                    let key = |i: usize| x[r * length + i].to_f64();
                    order.sort_by(|&a, &b| {
                        let (a, b) = (key(a), key(b));
                        match (a.is_nan(), b.is_nan()) {
                            (false, false) if descending => b.total_cmp(&a),
                            (false, false) => a.total_cmp(&b),
                            (a, b) => a.cmp(&b),
                        }
                    });
                    for (i, &from) in order.iter().enumerate() {
                        assert_eq!(indices[i * rows + r], from as i64, "{dtype} {rows}×{length} row {r}");
                        let (f, e) = (values[r * length + i], x[r * length + from]);
                        assert!(f == e || f.to_f64().is_nan() && e.to_f64().is_nan());
                    }
                }
            }
        }
    }
}
