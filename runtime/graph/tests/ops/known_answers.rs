//! What the reference computes, by hand.

use crate::cases::{conv, convolutions, uniform};
use hadal_graph::op::*;
use hadal_graph::program::{BinaryOp, CompareOp, ReduceOp, ScatterOp, UnaryOp};
use hadal_graph::reference::interpret;
use hadal_graph::{DType, Dim, Element, Graph, GraphError, HostTensor, NodeId, Scalar, Shape};
use std::collections::BTreeMap;
use std::sync::Arc;

/// The first results of `build` on constants.
fn compute(
    build: impl FnOnce(&mut Graph) -> Result<Vec<NodeId>, GraphError>,
) -> Result<Vec<HostTensor>, GraphError> {
    let mut g = Graph::new("answer");
    for node in build(&mut g)? {
        g.output("y", node);
    }
    Ok(interpret(&g, &BTreeMap::new())?.outputs)
}

fn one(build: impl FnOnce(&mut Graph) -> Result<NodeId, GraphError>) -> HostTensor {
    compute(|g| Ok(vec![build(g)?])).unwrap_or_else(|e| panic!("{e}")).remove(0)
}

fn tensor<T: Element>(g: &mut Graph, shape: &[usize], values: &[T]) -> NodeId {
    g.constant(HostTensor::new(shape, values).unwrap()).unwrap()
}

fn row<T: Element>(g: &mut Graph, values: &[T]) -> NodeId {
    tensor(g, &[values.len()], values)
}

fn unary<T: Element>(op: UnaryOp, values: &[T]) -> HostTensor {
    one(|g| {
        let x = row(g, values);
        g.unary(op, x)
    })
}

fn binary<T: Element>(op: BinaryOp, a: &[T], b: &[T]) -> Vec<T> {
    let result = one(|g| {
        let (a, b) = (row(g, a), row(g, b));
        g.binary(op, a, b)
    });
    result.to_vec().unwrap()
}

fn cast<T: Element>(values: &[T], dtype: DType) -> HostTensor {
    one(|g| {
        let x = row(g, values);
        g.apply(Cast { dtype }, &[x])
    })
}

const NAN: f32 = f32::NAN;
const INF: f32 = f32::INFINITY;

#[test]
fn casts_truncate_saturate_and_wrap() {
    let floats = [1.9f32, -1.9, 300.0, -300.0, NAN, INF, -INF, -0.0];
    assert_eq!(cast(&floats, DType::I8).to_vec::<i8>().unwrap(), [1, -1, 127, -128, 0, 127, -128, 0]);
    assert_eq!(cast(&floats, DType::U8).to_vec::<u8>().unwrap(), [1, 0, 255, 0, 0, 255, 0, 0]);
    assert_eq!(cast(&floats, DType::U64).to_f64()[5], u64::MAX as f64);
    assert_eq!(cast(&floats, DType::Bool).to_f64(), [1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 0.0]);
    assert_eq!(cast(&[300i32, -1, 128], DType::I8).to_vec::<i8>().unwrap(), [44, -1, -128]);
    assert_eq!(cast(&[-1i64], DType::U32).to_vec::<u32>().unwrap(), [u32::MAX]);
    // Just above the middle of two f16, by less than an f32 can tell.
    let above = 1.0 + 2f64.powi(-11) + 2f64.powi(-40);
    assert_eq!(cast(&[above], DType::F16).to_f64(), [1.0 + 2f64.powi(-10)]);
    let above = 1.0 + 2f64.powi(-8) + 2f64.powi(-40);
    assert_eq!(cast(&[above], DType::BF16).to_f64(), [1.0 + 2f64.powi(-7)]);
    // Just above the middle of two f32: the part that an f64 cannot hold decides.
    let above = (1i64 << 61) + (1 << 37) + 1;
    assert_eq!(cast(&[above, -above], DType::F32).to_vec::<f32>().unwrap(), [above as f32, -above as f32]);
    assert_eq!(
        cast(&[above], DType::F32).to_vec::<f32>().unwrap()[0],
        (1i64 << 61) as f32 + (1i64 << 38) as f32
    );
    assert_eq!(cast(&[i64::MAX], DType::F64).to_vec::<f64>().unwrap(), [9223372036854775808.0]);
    assert_eq!(
        cast(&[65519.0f32, 65520.0, 2f32.powi(-25)], DType::F16).to_f64(),
        [65504.0, f64::INFINITY, 0.0]
    );
}

#[test]
fn integer_arithmetic_wraps_and_never_fails() {
    assert_eq!(binary(BinaryOp::Add, &[127i8], &[1]), [-128]);
    assert_eq!(binary(BinaryOp::Sub, &[0u16], &[1]), [65535]);
    assert_eq!(binary(BinaryOp::Mul, &[u64::MAX, 1 << 63], &[u64::MAX, 2]), [1, 0]);
    assert_eq!(binary(BinaryOp::Mul, &[i64::MIN], &[-1]), [i64::MIN]);
    assert_eq!(binary(BinaryOp::Div, &[7i32, -7, 5, i32::MIN], &[2, 2, 0, -1]), [3, -3, 5, i32::MIN]);
    assert_eq!(binary(BinaryOp::Rem, &[7i32, -7, 5, i32::MIN], &[-4, 4, 0, -1]), [3, -3, 0, 0]);
    assert_eq!(
        binary(BinaryOp::Pow, &[3i32, 2, 0, 1, -1, -1, 2, 0], &[4, 33, 0, -5, -5, -4, -1, -1]),
        [81, 0, 1, 1, -1, 1, 0, 0]
    );
    assert_eq!(binary(BinaryOp::Pow, &[3u64], &[u64::MAX]), [inverse_of_three()]);
    assert_eq!(binary(BinaryOp::Shl, &[1i32, 1, 3], &[31, 33, -1]), [i32::MIN, 2, i32::MIN]);
    assert_eq!(binary(BinaryOp::Shr, &[-8i32, -8], &[1, 33]), [-4, -4]);
    assert_eq!(binary(BinaryOp::Shr, &[u32::MAX], &[28]), [15]);
    assert_eq!(binary(BinaryOp::Xor, &[-1i8, 12], &[1, 10]), [-2, 6]);
    assert_eq!(unary(UnaryOp::Abs, &[i32::MIN, -3]).to_vec::<i32>().unwrap(), [i32::MIN, 3]);
    assert_eq!(unary(UnaryOp::Neg, &[3u8]).to_vec::<u8>().unwrap(), [253]);
    assert_eq!(unary(UnaryOp::Not, &[3u8]).to_vec::<u8>().unwrap(), [252]);
    assert_eq!(unary(UnaryOp::Not, &[3i8]).to_vec::<i8>().unwrap(), [-4]);
}

/// The order of 3 modulo 2^64 divides 2^64, so its highest power is its inverse.
fn inverse_of_three() -> u64 {
    let inverse = 0xAAAA_AAAA_AAAA_AAABu64;
    assert_eq!(inverse.wrapping_mul(3), 1);
    inverse
}

#[test]
fn floats_follow_ieee() {
    let max = binary(BinaryOp::Max, &[1.0f32, NAN, 2.0, -INF], &[NAN, 1.0, 3.0, INF]);
    assert!(max[0].is_nan() && max[1].is_nan());
    assert_eq!(max[2..], [3.0, INF]);
    assert_eq!(binary(BinaryOp::Rem, &[5.5f32, -5.5, 5.5], &[2.0, 2.0, -2.0]), [1.5, -1.5, 1.5]);
    assert_eq!(
        unary(UnaryOp::Round, &[0.5f32, 1.5, -2.5, 2.6]).to_vec::<f32>().unwrap(),
        [0.0, 2.0, -2.0, 3.0]
    );
    let sign = unary(UnaryOp::Sign, &[-3.0f32, 0.0, 7.0, NAN]).to_vec::<f32>().unwrap();
    assert_eq!(sign[..3], [-1.0, 0.0, 1.0]);
    assert!(sign[3].is_nan());
    assert_eq!(unary(UnaryOp::IsNan, &[NAN, INF, 0.0]).to_f64(), [1.0, 0.0, 0.0]);
    assert_eq!(unary(UnaryOp::IsInf, &[NAN, -INF, 0.0]).to_f64(), [0.0, 1.0, 0.0]);
    assert_eq!(unary(UnaryOp::Expm1, &[1e-20f64]).to_vec::<f64>().unwrap(), [1e-20]);
    assert_eq!(unary(UnaryOp::Erf, &[0.5f64]).to_vec::<f64>().unwrap(), [0.5204998778130465]);
    // f16 sums are rounded once.
    let halves = [2048.0f32, 1.0, 1.0].map(half::f16::from_f32);
    let sum = one(|g| {
        let x = row(g, &halves);
        g.reduce(ReduceOp::Sum, x, &[0])
    });
    assert_eq!(sum.to_f64(), [2050.0]);
    for (op, expected) in [
        (CompareOp::Eq, [0.0, 1.0]),
        (CompareOp::Ne, [1.0, 0.0]),
        (CompareOp::Le, [0.0, 1.0]),
        (CompareOp::Gt, [0.0, 0.0]),
    ] {
        let result = one(|g| {
            let (a, b) = (row(g, &[NAN, 1.0]), row(g, &[NAN, 1.0]));
            g.compare(op, a, b)
        });
        assert_eq!(result.to_f64(), expected, "{op:?}");
    }
}

#[test]
fn reductions_of_nan_and_of_nothing() {
    let reduce = |op, values: &[f32]| {
        one(|g| {
            let x = row(g, values);
            g.reduce(op, x, &[0])
        })
        .to_f64()[0]
    };
    assert!(reduce(ReduceOp::Max, &[1.0, NAN, 2.0]).is_nan());
    assert!(reduce(ReduceOp::Min, &[1.0, NAN, 2.0]).is_nan());
    assert_eq!(reduce(ReduceOp::ArgMax, &[1.0, 3.0, 3.0]), 1.0);
    assert_eq!(reduce(ReduceOp::ArgMax, &[5.0, NAN, 7.0, NAN]), 1.0);
    assert_eq!(reduce(ReduceOp::ArgMin, &[5.0, 2.0, NAN]), 2.0);
    assert_eq!(reduce(ReduceOp::Sum, &[]), 0.0);
    assert_eq!(reduce(ReduceOp::Product, &[]), 1.0);
    assert_eq!(reduce(ReduceOp::Max, &[]), f64::NEG_INFINITY);
    assert_eq!(reduce(ReduceOp::Min, &[]), f64::INFINITY);
    let wrapped = one(|g| {
        let x = row(g, &[100i8, 100]);
        g.reduce(ReduceOp::Sum, x, &[0])
    });
    assert_eq!(wrapped.to_vec::<i8>().unwrap(), [-56]);
    let positions = one(|g| {
        let x = tensor(g, &[2, 2, 2], &[1i32, 9, 3, 4, 5, 6, 9, 8]);
        g.reduce(ReduceOp::ArgMax, x, &[0, 2])
    });
    assert_eq!(positions.to_vec::<i64>().unwrap(), [1, 2]);
    let empty = compute(|g| {
        let x = row(g, &[0f32; 0]);
        Ok(vec![g.reduce(ReduceOp::ArgMax, x, &[0])?])
    });
    assert!(empty.unwrap_err().to_string().contains("does not exist"));
}

#[test]
fn running_values() {
    let run = |op, exclusive, reverse| {
        one(|g| {
            let x = row(g, &[2i32, 1, 4, 3]);
            g.apply(Cumulative { op, axis: 0, exclusive, reverse }, &[x])
        })
        .to_vec::<i32>()
        .unwrap()
    };
    assert_eq!(run(ReduceOp::Sum, false, false), [2, 3, 7, 10]);
    assert_eq!(run(ReduceOp::Sum, true, false), [0, 2, 3, 7]);
    assert_eq!(run(ReduceOp::Sum, true, true), [8, 7, 3, 0]);
    assert_eq!(run(ReduceOp::Product, false, true), [24, 12, 12, 3]);
    assert_eq!(run(ReduceOp::Max, false, false), [2, 2, 4, 4]);
    assert_eq!(run(ReduceOp::Min, true, false), [i32::MAX, 2, 1, 1]);
}

#[test]
fn sorting_is_stable_and_puts_nan_last() {
    for (descending, values, positions) in [
        (false, [-1.0, 2.0, 2.0, 3.0], [4, 0, 2, 3, 1, 5]),
        (true, [3.0, 2.0, 2.0, -1.0], [3, 0, 2, 4, 1, 5]),
    ] {
        let results = compute(|g| {
            let x = row(g, &[2.0f32, NAN, 2.0, 3.0, -1.0, NAN]);
            let sorted = g.apply(Sort { axis: 0, descending }, &[x])?;
            Ok(vec![g.project(sorted, 0)?, g.project(sorted, 1)?])
        })
        .unwrap();
        let sorted = results[0].to_f64();
        assert_eq!(sorted[..4], values);
        assert!(sorted[4].is_nan() && sorted[5].is_nan());
        assert_eq!(results[1].to_vec::<i64>().unwrap(), positions);
    }
    let columns = one(|g| {
        let x = tensor(g, &[3, 2], &[3u8, 1, 1, 2, 2, 0]);
        g.apply(Sort { axis: 0, descending: false }, &[x])
    });
    assert_eq!(columns.to_vec::<u8>().unwrap(), [1, 0, 2, 1, 3, 2]);
}

#[test]
fn scattering_is_in_order() {
    let scatter = |op| {
        one(|g| {
            let (x, indices) = (row(g, &[10.0f32, 20.0, 30.0]), row(g, &[2i64, 0, 2, 2]));
            let updates = row(g, &[1.0f32, 2.0, 50.0, 4.0]);
            g.apply(Scatter { axis: 0, op }, &[x, indices, updates])
        })
        .to_f64()
    };
    assert_eq!(scatter(ScatterOp::Set), [2.0, 20.0, 4.0]);
    assert_eq!(scatter(ScatterOp::Add), [12.0, 20.0, 85.0]);
    assert_eq!(scatter(ScatterOp::Max), [10.0, 20.0, 50.0]);
    assert_eq!(scatter(ScatterOp::Min), [2.0, 20.0, 1.0]);
    let columns = one(|g| {
        let (x, indices) = (tensor(g, &[2, 3], &[0i32; 6]), row(g, &[2u8, 0]));
        let updates = tensor(g, &[2, 2], &[1, 2, 3, 4]);
        g.apply(Scatter { axis: 1, op: ScatterOp::Add }, &[x, indices, updates])
    });
    assert_eq!(columns.to_vec::<i32>().unwrap(), [2, 0, 1, 4, 0, 3]);
}

#[test]
fn an_index_out_of_range_is_named() {
    for index in [3i64, -1] {
        let gathered = compute(|g| {
            let (x, indices) = (tensor(g, &[2, 3], &[0f32; 6]), row(g, &[0, index]));
            Ok(vec![g.gather(x, 1, indices)?])
        });
        let text = gathered.unwrap_err().to_string();
        assert!(
            text.contains(&format!("index {index} at position 1")) && text.contains("extent 3"),
            "{text}"
        );
        let scattered = compute(|g| {
            let (x, indices) = (row(g, &[0f32; 3]), row(g, &[0, index]));
            let updates = row(g, &[1f32, 1.0]);
            Ok(vec![g.apply(Scatter { axis: 0, op: ScatterOp::Add }, &[x, indices, updates])?])
        });
        assert!(scattered.unwrap_err().to_string().contains(&format!("index {index}")));
    }
    let target = compute(|g| {
        let (logits, targets) = (tensor(g, &[1, 3], &[0f32; 3]), row(g, &[7i32]));
        Ok(vec![g.apply(CrossEntropy, &[logits, targets])?])
    });
    assert!(target.unwrap_err().to_string().contains("target 7"));
}

#[test]
fn elements_move() {
    let x: Vec<i32> = (0..12).collect();
    let moved = |build: &dyn Fn(&mut Graph, NodeId) -> Result<NodeId, GraphError>| {
        one(|g| {
            let x = tensor(g, &[3, 4], &x);
            build(g, x)
        })
        .to_vec::<i32>()
        .unwrap()
    };
    assert_eq!(moved(&|g, x| g.transpose(x, &[1, 0])), [0, 4, 8, 1, 5, 9, 2, 6, 10, 3, 7, 11]);
    let dims = |v: [i64; 2]| v.map(Dim::from).to_vec();
    let slice = Slice { starts: dims([2, 0]), extents: dims([2, 2]), steps: vec![-2, 3] };
    assert_eq!(moved(&|g, x| g.apply(slice.clone(), &[x])), [8, 11, 0, 3]);
    let pad = Pad { low: dims([0, 1]), high: dims([1, 0]), value: Scalar::Int(-7) };
    assert_eq!(
        moved(&|g, x| g.apply(pad.clone(), &[x])),
        [-7, 0, 1, 2, 3, -7, 4, 5, 6, 7, -7, 8, 9, 10, 11, -7, -7, -7, -7, -7]
    );
    assert_eq!(
        moved(&|g, x| {
            let two = g.narrow(x, 0, 1, 1)?;
            let two = g.narrow(two, 1, 1, 2)?;
            g.broadcast_to(two, &[2, 2, 2].into())
        }),
        [5, 6, 5, 6, 5, 6, 5, 6]
    );
    for (start, expected) in [(-5, [0, 1, 4, 5, 8, 9]), (1, [1, 2, 5, 6, 9, 10]), (9, [2, 3, 6, 7, 10, 11])] {
        let slice = DynamicSlice { axis: 1, extent: 2.into() };
        assert_eq!(
            moved(&|g, x| {
                let start = tensor(g, &[], &[start]);
                g.apply(slice.clone(), &[x, start])
            }),
            expected
        );
    }
    assert_eq!(
        moved(&|g, x| {
            let (update, start) = (tensor(g, &[1, 4], &[-1, -2, -3, -4]), tensor(g, &[], &[7u8]));
            g.apply(DynamicUpdate { axis: 0 }, &[x, update, start])
        }),
        [0, 1, 2, 3, 4, 5, 6, 7, -1, -2, -3, -4]
    );
    assert_eq!(
        moved(&|g, x| {
            let indices = tensor(g, &[2, 1], &[3i64, 0]);
            g.gather(x, 1, indices)
        }),
        [3, 0, 7, 4, 11, 8]
    );
    assert_eq!(
        moved(&|g, x| {
            let first = g.narrow(x, 1, 0, 1)?;
            let last = g.narrow(x, 1, 3, 1)?;
            g.concat(&[last, first], 1)
        }),
        [3, 0, 7, 4, 11, 8]
    );
}

#[test]
fn windows_leave_padding_out() {
    let pool = |op| {
        one(|g| {
            let x = row(g, &[-1.0f32, -2.0, -3.0, -4.0, -5.0]);
            let window =
                Window { op, size: vec![2], stride: vec![2], dilation: vec![3], low: vec![1], high: vec![2] };
            g.apply(window, &[x])
        })
        .to_f64()
    };
    // Windows cover elements (padding, 2), (1, 4) and (3, padding).
    assert_eq!(pool(ReduceOp::Max), [-3.0, -2.0, -4.0]);
    assert_eq!(pool(ReduceOp::Sum), [-3.0, -7.0, -4.0]);
    assert_eq!(pool(ReduceOp::Product), [-3.0, 10.0, -4.0]);
}

#[test]
fn matrix_products() {
    let wide = one(|g| {
        let (a, b) =
            (tensor(g, &[1, 3], &[100i8, 100, -128]), tensor(g, &[3, 2], &[100i8, 1, 100, 1, 1, -128]));
        g.apply(MatMul { dtype: Some(DType::I32) }, &[a, b])
    });
    assert_eq!(wide.to_vec::<i32>().unwrap(), [19872, 16584]);
    let batched = one(|g| {
        let (a, b) =
            (tensor(g, &[2, 1, 2], &[1.0f32, 2.0, 3.0, 4.0]), tensor(g, &[2, 2], &[1.0f32, 0.0, 1.0, 1.0]));
        g.matmul(a, b)
    });
    assert_eq!(batched.to_f64(), [3.0, 2.0, 7.0, 4.0]);
    let empty = one(|g| {
        let (a, b) = (tensor(g, &[2, 0], &[0f32; 0]), tensor(g, &[0, 2], &[0f32; 0]));
        g.matmul(a, b)
    });
    assert_eq!(empty.to_f64(), [0.0; 4]);
}

/// Convolution by its picture: the input is dilated and padded in memory, then the kernel is laid on it.
fn convolve_on_canvas(op: &Conv, x_shape: &[usize], x: &[f64], w_shape: &[usize], w: &[f64]) -> Vec<f64> {
    let spatial = x_shape.len() - 2;
    let index = |shape: &[usize], at: &[usize]| at.iter().zip(shape).fold(0, |sum, (i, n)| sum * n + i);
    let mut coordinates: Vec<Vec<usize>> = vec![vec![]];
    let all = |shape: &[usize]| {
        shape.iter().fold(vec![vec![]], |all: Vec<Vec<usize>>, &n| {
            all.iter().flat_map(|c| (0..n).map(move |i| [c.as_slice(), &[i]].concat())).collect()
        })
    };
    let mut canvas_shape = x_shape[..2].to_vec();
    for a in 0..spatial {
        canvas_shape.push(op.low[a] + (x_shape[a + 2] - 1) * op.input_dilation[a] + 1 + op.high[a]);
    }
    let mut canvas = vec![0.0; canvas_shape.iter().product()];
    coordinates.clear();
    for at in all(x_shape) {
        let mut place = at[..2].to_vec();
        place.extend((0..spatial).map(|a| op.low[a] + at[a + 2] * op.input_dilation[a]));
        canvas[index(&canvas_shape, &place)] = x[index(x_shape, &at)];
    }
    let mut shape = vec![x_shape[0], w_shape[0]];
    for a in 0..spatial {
        let reach = op.dilation[a] * (w_shape[a + 2] - 1) + 1;
        shape.push((canvas_shape[a + 2] - reach) / op.stride[a] + 1);
    }
    all(&shape)
        .iter()
        .map(|at| {
            let group = at[1] / (w_shape[0] / op.groups);
            all(&w_shape[1..])
                .iter()
                .map(|k| {
                    let mut place = vec![at[0], group * w_shape[1] + k[0]];
                    place.extend((0..spatial).map(|a| at[a + 2] * op.stride[a] + k[a + 1] * op.dilation[a]));
                    let weight = [&[at[1]], k.as_slice()].concat();
                    canvas[index(&canvas_shape, &place)] * w[index(w_shape, &weight)]
                })
                .sum()
        })
        .collect()
}

#[test]
fn convolutions_agree_with_their_picture() {
    let mut state = 3;
    for (name, x_shape, w_shape, attributes, groups) in convolutions() {
        let op = conv(&attributes, groups);
        let mut whole = |shape: &[usize]| -> Vec<f64> {
            (0..shape.iter().product()).map(|_| (uniform(&mut state) * 20.0).floor() - 10.0).collect()
        };
        let (x, w) = (whole(&x_shape), whole(&w_shape));
        let expected = convolve_on_canvas(&op, &x_shape, &x, &w_shape, &w);
        let floats = one(|g| {
            let (x, w) = (tensor(g, &x_shape, &x), tensor(g, &w_shape, &w));
            g.apply(op.clone(), &[x, w])
        });
        assert_eq!(floats.to_f64(), expected, "{name}");
        let ints = one(|g| {
            let (x, w) = (tensor(g, &x_shape, &x), tensor(g, &w_shape, &w));
            let (x, w) = (g.cast(x, DType::I32)?, g.cast(w, DType::I32)?);
            g.apply(op.clone(), &[x, w])
        });
        assert_eq!(ints.to_f64(), expected, "{name}");
    }
}

#[test]
fn loops_and_branches() {
    let mut condition = Graph::new("condition");
    let (i, n) = (
        condition.input("i", DType::I32, Shape::scalar()).unwrap(),
        condition.input("n", DType::I32, Shape::scalar()).unwrap(),
    );
    condition.input("cache", DType::F32, [4]).unwrap();
    let below = condition.compare(CompareOp::Lt, i, n).unwrap();
    condition.output("go", below);
    let mut body = Graph::new("body");
    let (i, n) = (
        body.input("i", DType::I32, Shape::scalar()).unwrap(),
        body.input("n", DType::I32, Shape::scalar()).unwrap(),
    );
    let cache = body.input("cache", DType::F32, [4]).unwrap();
    let one = body.scalar(1.0, DType::I32).unwrap();
    let next = body.add(i, one).unwrap();
    let value = body.cast(next, DType::F32).unwrap();
    let value = body.reshape(value, [1]).unwrap();
    let grown = body.apply(DynamicUpdate { axis: 0 }, &[cache, value, i]).unwrap();
    body.output("i", next);
    body.output("n", n);
    body.output("cache", grown);
    let regions = vec![Arc::new(condition), Arc::new(body)];
    let results = compute(|g| {
        let (i, n) = (g.scalar(0.0, DType::I32)?, g.scalar(3.0, DType::I32)?);
        let cache = row(g, &[0f32; 4]);
        let end = g.apply_regions(While.into(), &[i, n, cache], regions)?;
        Ok(vec![g.project(end, 0)?, g.project(end, 2)?])
    })
    .unwrap();
    assert_eq!(results[0].to_f64(), [3.0]);
    assert_eq!(results[1].to_f64(), [1.0, 2.0, 3.0, 0.0]);

    let region = |op| {
        let mut g = Graph::new("branch");
        let x = g.input("x", DType::F32, [2]).unwrap();
        let y = g.unary(op, x).unwrap();
        g.output("y", y);
        Arc::new(g)
    };
    for (taken, expected) in [(true, [-1.0, 2.0]), (false, [1.0, 2.0])] {
        let regions = vec![region(UnaryOp::Neg), region(UnaryOp::Abs)];
        let result = self::one(|g| {
            let predicate = g.constant(HostTensor::from_bools([], &[taken]).unwrap())?;
            let x = row(g, &[1.0f32, -2.0]);
            g.apply_regions(If.into(), &[predicate, x], regions)
        });
        assert_eq!(result.to_f64(), expected);
    }
}

#[test]
fn attention_hides_what_is_masked() {
    let results = compute(|g| {
        let (q, k) = (tensor(g, &[2, 1], &[1f32, 1.0]), tensor(g, &[3, 1], &[0f32, 0.0, 0.0]));
        let v = tensor(g, &[3, 1], &[3f32, 5.0, 100.0]);
        let mask = tensor(g, &[2, 3], &[0.0, 0.0, -INF, -INF, -INF, -INF]);
        let node = g.apply(Attention { scale: Scalar::Float(1.0), causal: false }, &[q, k, v, mask])?;
        Ok(vec![g.project(node, 0)?, g.project(node, 1)?])
    })
    .unwrap();
    assert_eq!(results[0].to_f64(), [4.0, 0.0]);
    assert_eq!(results[1].to_f64(), [2f32.ln() as f64, f64::NEG_INFINITY]);
}

#[test]
fn cross_entropy_of_even_odds() {
    let losses = one(|g| {
        let (logits, targets) = (tensor(g, &[2, 4], &[1000f32; 8]), row(g, &[3u8, 0]));
        g.apply(CrossEntropy, &[logits, targets])
    });
    assert_eq!(losses.to_f64(), [4f32.ln() as f64; 2]);
}

#[test]
fn dropout_draws_from_the_key() {
    let draw = |key: [u32; 2]| {
        one(|g| {
            let (x, key) = (row(g, &[1f32; 4000]), row(g, &key));
            g.apply(Dropout { p: Scalar::Float(0.25) }, &[x, key])
        })
        .to_f64()
    };
    let values = draw([1, 2]);
    let kept = values.iter().filter(|&&x| x != 0.0).count();
    assert!((2900..3100).contains(&kept), "{kept} of 4000 kept");
    assert!(values.iter().all(|&x| x == 0.0 || x == (4.0f32 / 3.0) as f64));
    assert_eq!(values, draw([1, 2]));
    assert_ne!(values, draw([1, 3]));
}

#[test]
fn sizes_that_make_no_sense_are_errors_of_the_run() {
    let at = |n: usize, build: &dyn Fn(&mut Graph, NodeId) -> Result<NodeId, GraphError>| {
        let mut g = Graph::new("sizes");
        let x = g.input("x", DType::F32, ["n"]).unwrap();
        let y = build(&mut g, x).unwrap();
        g.output("y", y);
        let x = HostTensor::new([n], &vec![1f32; n]).unwrap();
        interpret(&g, &BTreeMap::from([("x".to_string(), x)])).map(|i| i.outputs[0].elements())
    };
    let n = Dim::symbol("n");
    let slice = Slice { starts: vec![2.into()], extents: vec![&n - 2], steps: vec![i64::MAX] };
    assert_eq!(at(3, &|g, x| g.apply(slice.clone(), &[x])), Ok(1));
    assert_eq!(at(2, &|g, x| g.apply(slice.clone(), &[x])), Ok(0));
    assert!(
        at(4, &|g, x| g.apply(slice.clone(), &[x])).unwrap_err().to_string().contains("outside its extent 4")
    );
    assert!(at(1, &|g, x| g.apply(slice.clone(), &[x])).is_err());
    let pad = Pad { low: vec![&n - 2], high: vec![4.into()], value: Scalar::Float(0.0) };
    assert_eq!(at(3, &|g, x| g.apply(pad.clone(), &[x])), Ok(8));
    assert!(
        at(1, &|g, x| g.apply(pad.clone(), &[x])).unwrap_err().to_string().contains("must not be negative")
    );
    let huge = at(1, &|g, x| g.broadcast_to(x, &Shape(vec![Dim::from(1i64 << 40), n.clone()])));
    assert!(huge.unwrap_err().to_string().contains("more than the reference interpreter takes"));
}

#[test]
fn activations_keep_nan_and_do_not_overflow() {
    let x = [-INF, -1e30, -90.0f32, 0.0, 90.0, INF, NAN];
    let of = |op: Op| {
        let whole = one(|g| {
            let x = row(g, &x);
            g.apply(op.clone(), &[x])
        });
        let parts = one(|g| {
            let x = row(g, &x);
            let mut parts = op.decompose(g, &[x])?.expect("it is a composite");
            Ok(parts.remove(0))
        });
        for values in [whole.to_vec::<f32>().unwrap(), parts.to_vec::<f32>().unwrap()] {
            assert!(values[6].is_nan(), "{op:?}");
            assert!(values[2].abs() < 1e-36 && values[1].abs() == 0.0, "{op:?}: {values:?}");
        }
        parts.to_vec::<f32>().unwrap()[3..6].to_vec()
    };
    assert_eq!(of(Relu.into()), [0.0, 90.0, INF]);
    assert_eq!(of(Sigmoid.into()), [0.5, 1.0, 1.0]);
    assert_eq!(of(Silu.into()), [0.0, 90.0, INF]);
    assert_eq!(of(Softplus.into()), [2f32.ln(), 90.0, INF]);
}

#[test]
fn log_sum_exp_of_nothing_is_negative_infinity() {
    let result = one(|g| {
        let x = tensor(g, &[3, 2], &[-INF, -INF, 1000.0, 1000.0, INF, 0.0]);
        g.apply(LogSumExp { axes: vec![1] }, &[x])
    });
    assert_eq!(result.to_vec::<f32>().unwrap(), [-INF, 1000.0 + 2f32.ln(), INF]);
}

#[test]
fn quantisation_rounds_ties_to_even_and_saturates() {
    let result = one(|g| {
        let x = row(g, &[0.25f32, 0.75, 1.25, -0.25, 1e9, -1e9, NAN]);
        let scale = g.scalar(0.5, DType::F32)?;
        let zero_point = g.constant_scalar(Scalar::Int(3), DType::U8)?;
        g.apply(QuantizeLinear { axis: 0, dtype: DType::U8 }, &[x, scale, zero_point])
    });
    assert_eq!(result.to_vec::<u8>().unwrap(), [3, 5, 5, 3, 255, 0, 0]);
}

#[test]
fn random_numbers_have_their_moments() {
    let count = 40_000;
    let draw = |op: Op| {
        let result = one(|g| {
            let key = row(g, &[7u32, 9]);
            g.apply(op, &[key])
        });
        let values = result.to_f64();
        let mean = values.iter().sum::<f64>() / count as f64;
        let variance = values.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / count as f64;
        (values, mean, variance)
    };
    for dtype in [DType::F64, DType::F32, DType::F16, DType::BF16] {
        let (values, mean, variance) = draw(Uniform { shape: Shape::of([count]), dtype }.into());
        assert!(values.iter().all(|x| (0.0..1.0).contains(x)), "{dtype}");
        assert!(
            (mean - 0.5).abs() < 0.01 && (variance - 1.0 / 12.0).abs() < 0.002,
            "{dtype}: {mean} {variance}"
        );
        let (_, mean, variance) = draw(Normal { shape: Shape::of([count]), dtype }.into());
        assert!(mean.abs() < 0.02 && (variance - 1.0).abs() < 0.03, "{dtype}: {mean} {variance}");
    }
}

#[test]
fn an_index_beyond_its_row_is_an_error() {
    for index in [-1i64, 3, 1 << 32] {
        let take = |decomposed: bool| {
            compute(|g| {
                let x = tensor(g, &[2, 3], &[1.0f32, 2.0, 3.0, 4.0, 5.0, 6.0]);
                let indices = tensor(g, &[2, 1], &[index, 0]);
                let op = TakeAlong { axis: 1 };
                match decomposed {
                    true => Ok(op.decompose(g, &[x, indices])?.expect("it is a composite")),
                    false => Ok(vec![g.apply(op, &[x, indices])?]),
                }
            })
        };
        assert!(take(false).is_err() && take(true).is_err(), "{index}");
    }
}

#[test]
fn positions_of_the_best() {
    let result = compute(|g| {
        let x = row(g, &[1.0f32, NAN, 3.0, 3.0, -2.0]);
        let best = g.apply(TopK { axis: 0, k: 4, largest: true }, &[x])?;
        Ok(vec![best, g.project(best, 1)?])
    })
    .unwrap();
    assert_eq!(result[0].to_vec::<f32>().unwrap(), [3.0, 3.0, 1.0, -2.0]);
    assert_eq!(result[1].to_vec::<i64>().unwrap(), [2, 3, 0, 4]);
}

#[test]
fn classes_beyond_a_narrow_index_type() {
    let result = one(|g| {
        let indices = row(g, &[0u8, 255]);
        g.apply(OneHot { axis: 0, depth: 300.into(), dtype: DType::I32 }, &[indices])
    });
    let parts = one(|g| {
        let indices = row(g, &[0u8, 255]);
        let op = OneHot { axis: 0, depth: 300.into(), dtype: DType::I32 };
        Ok(op.decompose(g, &[indices])?.expect("it is a composite").remove(0))
    });
    assert_eq!(result, parts);
    assert_eq!(result.to_f64().iter().sum::<f64>(), 2.0);
}
