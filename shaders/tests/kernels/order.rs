//! Kernels whose result depends on order: scatter, scan and sort.

use crate::case::{Case, floats, ints, load, noise, store};
use hadal_graph::program::{
    Affine, Body, IndexMap, Instr, Kernel, Operand, PointwiseProgram, ReduceOp, Scan, Scatter, ScatterOp,
    Sort,
};
use hadal_graph::{DType, Dim, Scalar, Shape};

fn plain(case: &mut Case, dtype: DType, shape: &[usize], data: Vec<Scalar>) -> Operand {
    let shape = Shape::from(shape);
    let position = case.read(dtype, shape.clone(), data);
    let mut program = PointwiseProgram::default();
    let value = load(&mut program, position, IndexMap::contiguous(&shape), dtype);
    Operand { program, value }
}

#[test]
fn scatter_in_the_order_of_updates() {
    for op in [ScatterOp::Set, ScatterOp::Add, ScatterOp::Max, ScatterOp::Min] {
        for (outer, inner) in [(1usize, 1usize), (2, 3), (4, 40)] {
            for (in_place, bad) in [(false, false), (true, false), (false, true)] {
                let (extent, updates) = (6usize, 20usize);
                let start = noise(outer * extent * inner, 61);
                let update = noise(outer * updates * inner, 62);
                let mut picks: Vec<i128> =
                    noise(updates, 63).iter().map(|v| ((v + 1.0) * 3.0) as i128).collect();
                if bad {
                    picks[3] = 6;
                }
                let mut case = Case::new();
                let shape = [outer, extent, inner];
                let index = plain(&mut case, DType::I64, &[updates], ints(picks.iter().copied()));
                let updated =
                    plain(&mut case, DType::F32, &[outer, updates, inner], floats(update.iter().copied()));
                let init = plain(&mut case, DType::F32, &shape, floats(start.iter().copied()));
                case.write(DType::F32, shape);
                if in_place {
                    case.alias(0, 2);
                }
                let kernel = Kernel::Scatter(Scatter {
                    outer: Shape::of([outer]),
                    updates: Dim::from(updates),
                    extent: Dim::from(extent),
                    inner: Shape::of([inner]),
                    op,
                    init: (!in_place).then_some(init),
                    index,
                    update: updated,
                });
                let mut expected = start.clone();
                for (o, u, i) in (0..outer * updates * inner)
                    .map(|l| (l / (updates * inner), l / inner % updates, l % inner))
                {
                    let slot = &mut expected[(o * extent + picks[u].min(5) as usize) * inner + i];
                    let value = update[(o * updates + u) * inner + i];
                    *slot = match op {
                        ScatterOp::Set => value,
                        ScatterOp::Add => *slot + value,
                        ScatterOp::Max => slot.max(value),
                        ScatterOp::Min => slot.min(value),
                    };
                }
                let variants = case.check_faults(kernel, &[floats(expected)], 1e-6, bad);
                assert_eq!(variants.len(), 2, "{variants:?}");
            }
        }
    }
}

#[test]
fn scans_of_every_kind() {
    for op in [ReduceOp::Sum, ReduceOp::Product, ReduceOp::Max, ReduceOp::Min] {
        for (exclusive, reverse) in [(false, false), (true, false), (false, true), (true, true)] {
            for length in [0usize, 1, 5, 70] {
                let rows = 3;
                let data: Vec<f64> = noise(rows * length, 71).iter().map(|v| v * 1.5).collect();
                let mut case = Case::new();
                let operand = plain(&mut case, DType::F32, &[rows, length], floats(data.iter().copied()));
                case.write(DType::F32, [rows, length]);
                let mut epilogue = PointwiseProgram::default();
                let acc = epilogue.push(Instr::Accumulator(0), DType::F32);
                let domain = [Dim::from(rows), Dim::from(length)];
                let kernel = Kernel::Scan(Scan {
                    outer: Shape::of([rows]),
                    length: Dim::from(length),
                    op,
                    exclusive,
                    reverse,
                    operand,
                    dtype: DType::F32,
                    epilogue: Body { program: epilogue, stores: vec![store(0, acc, &domain)] },
                });
                let mut expected = vec![0.0; rows * length];
                for row in 0..rows {
                    let mut total = match op {
                        ReduceOp::Sum => 0.0,
                        ReduceOp::Product => 1.0,
                        ReduceOp::Max => f64::NEG_INFINITY,
                        _ => f64::INFINITY,
                    };
                    for n in 0..length {
                        let at = row * length + if reverse { length - 1 - n } else { n };
                        let before = total;
                        total = match op {
                            ReduceOp::Sum => total + data[at],
                            ReduceOp::Product => total * data[at],
                            ReduceOp::Max => total.max(data[at]),
                            _ => total.min(data[at]),
                        };
                        expected[at] = if exclusive { before } else { total };
                    }
                }
                case.check(kernel, &[floats(expected)], 1e-5);
            }
        }
    }
}

#[test]
fn stable_sorts_with_nan_last() {
    for descending in [false, true] {
        for (rows, length) in [(1usize, 0usize), (1, 1), (3, 50), (2, 300)] {
            let mut data: Vec<f64> = noise(rows * length, 81).iter().map(|v| (v * 10.0).round()).collect();
            for (i, value) in data.iter_mut().enumerate() {
                if i % 17 == 3 {
                    *value = f64::NAN;
                }
            }
            let mut case = Case::new();
            let operand = plain(&mut case, DType::F32, &[rows, length], floats(data.iter().copied()));
            case.write(DType::F32, [rows, length]);
            case.write(DType::I64, [rows, length]);
            let address = IndexMap::contiguous(&[Dim::from(rows), Dim::from(length)]).address;
            let kernel = Kernel::Sort(Sort {
                outer: Shape::of([rows]),
                length: Dim::from(length),
                descending,
                operand,
                values: address.clone(),
                indices: address,
            });
            let (mut values, mut positions) = (Vec::new(), Vec::new());
            for row in 0..rows {
                let row = &data[row * length..(row + 1) * length];
                let mut order: Vec<usize> = (0..length).collect();
                order.sort_by(|&a, &b| match (row[a].is_nan(), row[b].is_nan()) {
                    (false, false) if descending => row[b].partial_cmp(&row[a]).unwrap(),
                    (false, false) => row[a].partial_cmp(&row[b]).unwrap(),
                    (a, b) => a.cmp(&b),
                });
                values.extend(order.iter().map(|&i| row[i]));
                positions.extend(order.iter().map(|&i| i as i128));
            }
            case.check(kernel, &[floats(values), ints(positions)], 0.0);
        }
    }
}

#[test]
fn sorts_of_wide_integers() {
    let data = [5i128, -1, i64::MIN as i128, i64::MAX as i128, 5, 0, 1 << 40, -(1 << 40)];
    let mut case = Case::new();
    let operand = plain(&mut case, DType::I64, &[8], ints(data));
    case.write(DType::I64, [8]);
    case.write(DType::I64, [8]);
    let kernel = Kernel::Sort(Sort {
        outer: Shape::scalar(),
        length: Dim::from(8),
        descending: false,
        operand,
        values: Affine::axis(0, 1),
        indices: Affine::axis(0, 1),
    });
    let mut order: Vec<usize> = (0..8).collect();
    order.sort_by_key(|&i| data[i]);
    let expected = [ints(order.iter().map(|&i| data[i])), ints(order.iter().map(|&i| i as i128))];
    case.check(kernel, &expected, 0.0);
}
