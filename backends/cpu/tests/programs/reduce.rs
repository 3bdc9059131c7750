use crate::build::*;
use hadal_graph::program::*;
use hadal_graph::{DType, HostTensor, Scalar, Shape};
use std::sync::Arc;

/// One phase of `op` over the given strides of an `[..]` operand of `dtype`, stored per row.
fn reduce(
    op: ReduceOp,
    dtype: DType,
    outer: &[usize],
    row: &[usize],
    strides: &[i64],
    count: usize,
) -> Arc<Program> {
    let result = if matches!(op, ReduceOp::ArgMax | ReduceOp::ArgMin) { DType::I64 } else { dtype };
    let mut b = Builder::new();
    let x = b.input(dtype, [count]);
    let out = b.computed(result, Shape(dims(outer)));
    let kernel = Reduce {
        outer: Shape(dims(outer)),
        row: Shape(dims(row)),
        phases: vec![Phase { op, operand: operand(0, dtype, 0, strides), dtype: result }],
        per_row: Some(store_accumulator(result, &dims(outer))),
        per_element: None,
    };
    b.step(Kernel::Reduce(kernel), &[x], &[out]);
    b.output(out);
    b.finish()
}

#[test]
fn sums_along_and_across_rows() {
    // Sums of many kinds of rows: short, long, one, few and wide, along the last axis and across it.
    for (rows, length) in
        [(1, 1), (5, 3), (1000, 7), (13, 2000), (1, 200_000), (2, 100_000), (300, 384), (2000, 40)]
    {
        // Positive, so that the sum does not cancel.
        let x: Vec<f32> = noise(rows * length, 11).iter().map(|v| v + 1.5).collect();
        let input = [tensor(&[rows * length], &x)];
        let along: Vec<f64> =
            (0..rows).map(|r| x[r * length..][..length].iter().map(|&v| v as f64).sum()).collect();
        let program =
            reduce(ReduceOp::Sum, DType::F32, &[rows], &[length], &[length as i64, 1], rows * length);
        close(&run1(&program, &input), &along, 1e-6);
        let across: Vec<f64> = (0..rows).map(|r| (0..length).map(|i| x[i * rows + r] as f64).sum()).collect();
        let program = reduce(ReduceOp::Sum, DType::F32, &[rows], &[length], &[1, rows as i64], rows * length);
        close(&run1(&program, &input), &across, 1e-6);
    }
}

#[test]
fn the_error_of_a_long_sum_stays_small() {
    let n = 1 << 20;
    let program = reduce(ReduceOp::Sum, DType::F32, &[], &[n], &[1], n);
    let found = run1::<f32>(&program, &[tensor(&[n], &vec![0.1; n])]);
    let expected = n as f64 * 0.1f32 as f64;
    assert!((found[0] as f64 / expected - 1.0).abs() < 1e-6, "{} for {expected}", found[0]);
}

#[test]
fn two_axes_in_and_out() {
    // x[a, b, c, d] reduced over a and c.
    let (a, b, c, d) = (3usize, 5, 7, 11);
    let x = noise(a * b * c * d, 3);
    let strides = [(c * d) as i64, 1, (b * c * d) as i64, d as i64];
    let program = reduce(ReduceOp::Max, DType::F32, &[b, d], &[a, c], &strides, x.len());
    let mut expected = vec![f64::NEG_INFINITY; b * d];
    for (i, &v) in x.iter().enumerate() {
        let (ib, id) = (i / (c * d) % b, i % d);
        expected[ib * d + id] = expected[ib * d + id].max(v as f64);
    }
    close(&run1(&program, &[tensor(&[x.len()], &x)]), &expected, 0.0);
}

#[test]
fn nan_and_empty_rows() {
    let x = [1.0f32, f32::NAN, 3.0, -1.0, -2.0, 0.5];
    let program = |op| reduce(op, DType::F32, &[2], &[3], &[3, 1], 6);
    let input = [tensor(&[6], &x)];
    close(&run1(&program(ReduceOp::Max), &input), &[f64::NAN, 0.5], 0.0);
    close(&run1(&program(ReduceOp::Min), &input), &[f64::NAN, -2.0], 0.0);
    assert_eq!(run1::<i64>(&program(ReduceOp::ArgMax), &input), [1, 2]);
    assert_eq!(run1::<i64>(&program(ReduceOp::ArgMin), &input), [1, 1]);
    let empty = |op| run1::<f32>(&reduce(op, DType::F32, &[2], &[0], &[0, 1], 0), &[tensor(&[0], &[])]);
    assert_eq!(empty(ReduceOp::Sum), [0.0; 2]);
    assert_eq!(empty(ReduceOp::Product), [1.0; 2]);
    assert_eq!(empty(ReduceOp::Max), [f32::NEG_INFINITY; 2]);
    assert_eq!(empty(ReduceOp::Min), [f32::INFINITY; 2]);
}

#[test]
fn every_dtype_and_op() {
    let (rows, length) = (9usize, 130usize);
    for dtype in DType::ALL {
        for op in [
            ReduceOp::Sum,
            ReduceOp::Product,
            ReduceOp::Max,
            ReduceOp::Min,
            ReduceOp::ArgMax,
            ReduceOp::ArgMin,
        ] {
            if dtype == DType::Bool && matches!(op, ReduceOp::Sum | ReduceOp::Product) {
                continue;
            }
            let scalars: Vec<Scalar> = (0..rows * length)
                .map(|i| Scalar::new(((i * 37 % 101) as f64 - 40.0) / 32.0, dtype))
                .collect();
            let input = HostTensor::from_scalars(dtype, [rows * length], scalars.clone()).unwrap();
            for across in [false, true] {
                let strides = if across { [1, rows as i64] } else { [length as i64, 1] };
                let program = reduce(op, dtype, &[rows], &[length], &strides, rows * length);
                let result =
                    if matches!(op, ReduceOp::ArgMax | ReduceOp::ArgMin) { DType::I64 } else { dtype };
                let bytes = hadal_graph::Bytes::new(run(&program, std::slice::from_ref(&input)).remove(0));
                let found = HostTensor::from_bytes(result, [rows], bytes).unwrap();
                for (r, found) in found.scalars().enumerate() {
                    let row: Vec<Scalar> = (0..length)
                        .map(|i| scalars[r * strides[0] as usize + i * strides[1] as usize])
                        .collect();
                    let expected = expect(op, dtype, &row);
                    let (f, e) = (found.to_f64(), expected.to_f64());
                    let tolerance = match dtype {
                        DType::BF16 => 0.01,
                        DType::F16 => 0.001,
                        DType::F32 => 1e-6,
                        _ => 0.0,
                    };
                    assert!(
                        (f - e).abs() <= tolerance * e.abs().max(1.0),
                        "{op:?} {dtype} across {across}: {f} for {e}"
                    );
                }
            }
        }
    }
}

fn expect(op: ReduceOp, dtype: DType, row: &[Scalar]) -> Scalar {
    let better = |greatest: bool| {
        let mut best = 0;
        for (i, x) in row.iter().enumerate() {
            let (x, b) = (x.to_f64(), row[best].to_f64());
            if if greatest { x > b } else { x < b } {
                best = i;
            }
        }
        best
    };
    match op {
        ReduceOp::ArgMax => Scalar::Int(better(true) as i128),
        ReduceOp::ArgMin => Scalar::Int(better(false) as i128),
        ReduceOp::Max => row[better(true)],
        ReduceOp::Min => row[better(false)],
        _ if dtype.is_float() => {
            let values = row.iter().map(|s| s.to_f64());
            Scalar::Float(if op == ReduceOp::Sum { values.sum() } else { values.product() })
        }
        _ => {
            let values = row.iter().map(|s| s.to_i128());
            let wide = values.fold((op == ReduceOp::Product) as i128, |a, b| {
                dtype.wrap(if op == ReduceOp::Sum { a + b } else { a.wrapping_mul(b) })
            });
            Scalar::Int(wide)
        }
    }
}

/// Softmax over rows of a matrix whose rows have the given stride: two phases and an element body.
#[test]
fn softmax_rows_and_columns() {
    for (rows, length) in [(4, 5), (64, 384), (20, 2500), (3, 40_000), (1, 100_000), (500, 17)] {
        for across in [false, true] {
            let strides = if across { [1, rows as i64] } else { [length as i64, 1] };
            let mut b = Builder::new();
            let x = b.input(DType::F32, [rows * length]);
            let out = b.computed(DType::F32, [rows * length]);
            let shifted = |p: &mut PointwiseProgram| {
                let x = load_strided(p, 0, DType::F32, 0, &strides);
                let max = p.push(Instr::Accumulator(0), DType::F32);
                let shifted = p.push(Instr::Binary(BinaryOp::Sub, x, max), DType::F32);
                p.push(Instr::Unary(UnaryOp::Exp, shifted), DType::F32)
            };
            let mut second = PointwiseProgram::default();
            let value = shifted(&mut second);
            let mut body = PointwiseProgram::default();
            let e = shifted(&mut body);
            let sum = body.push(Instr::Accumulator(1), DType::F32);
            let y = body.push(Instr::Binary(BinaryOp::Div, e, sum), DType::F32);
            let stores = vec![Store { target: 0, value: y, address: affine(0, &strides), indirect: vec![] }];
            let kernel = Reduce {
                outer: [rows].into(),
                row: [length].into(),
                phases: vec![
                    Phase {
                        op: ReduceOp::Max,
                        operand: operand(0, DType::F32, 0, &strides),
                        dtype: DType::F32,
                    },
                    Phase {
                        op: ReduceOp::Sum,
                        operand: Operand { program: second, value },
                        dtype: DType::F32,
                    },
                ],
                per_row: None,
                per_element: Some(Body { program: body, stores }),
            };
            b.step(Kernel::Reduce(kernel), &[x], &[out]);
            b.output(out);
            let data: Vec<f32> = noise(rows * length, 4).iter().map(|v| v * 10.0).collect();
            let mut expected = vec![0.0; rows * length];
            for r in 0..rows {
                let at = |i: usize| r * strides[0] as usize + i * strides[1] as usize;
                let max = (0..length).map(|i| data[at(i)] as f64).fold(f64::MIN, f64::max);
                let sum: f64 = (0..length).map(|i| (data[at(i)] as f64 - max).exp()).sum();
                (0..length).for_each(|i| expected[at(i)] = (data[at(i)] as f64 - max).exp() / sum);
            }
            close(&run1(&b.finish(), &[tensor(&[rows * length], &data)]), &expected, 1e-6);
        }
    }
}
