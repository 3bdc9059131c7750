//! Matrix products, convolution, attention.

use super::{floats, input, numbers};
use crate::Case;
use hadal_graph::op::*;
use hadal_graph::program::UnaryOp;
use hadal_graph::{DType, Dim, GraphError, Scalar};

pub(super) fn cases(dtypes: &[DType], cases: &mut Vec<Case>) -> Result<(), GraphError> {
    // Around the edges of every tile size that a kernel may have.
    let sizes = [
        (1, 1, 1),
        (1, 7, 33),
        (5, 1, 9),
        (8, 8, 8),
        (9, 17, 15),
        (16, 16, 65),
        (33, 31, 64),
        (64, 65, 3),
        (70, 129, 40),
        (4, 6, 0),
    ];
    for (m, n, k) in sizes {
        let case = Case::new(format!("matmul {m}x{k}x{n}"), &[], |g| {
            let (a, b) = (input(g, "a", DType::F32, &[m, k])?, input(g, "b", DType::F32, &[k, n])?);
            let y = g.matmul(a, b)?;
            g.output("y", y);
            Ok(())
        })?;
        cases.push(case.adding(k));
        let case = Case::new(format!("transposed matmul {m}x{k}x{n}"), &[], |g| {
            let a = input(g, "a", DType::F32, &[k, m])?;
            let b = g.parameter("b", DType::F32, [n, k])?;
            let (a, b) = (g.transpose_last(a)?, g.transpose_last(b)?);
            let y = g.matmul(a, b)?;
            let bias = g.parameter("bias", DType::F32, [n])?;
            let y = g.add(y, bias)?;
            let y = g.apply(Gelu { tanh: false }, &[y])?;
            g.output("y", y);
            Ok(())
        })?;
        cases.push(case.adding(k));
    }
    for dtype in numbers(dtypes) {
        let case = Case::new(format!("batched matmul {dtype}"), &[("b", 3)], |g| {
            let a = g.input("a", dtype, [Dim::symbol("b"), 2.into(), 5.into(), 12.into()])?;
            let b = g.input("b", dtype, [2, 12, 9])?;
            let y = g.matmul(a, b)?;
            g.output("y", y);
            Ok(())
        })?;
        cases.push(case.adding(12));
    }
    for (from, to) in [(DType::I8, DType::I32), (DType::U8, DType::I32), (DType::F16, DType::F32)] {
        let case = Case::new(format!("matmul {from} into {to}"), &[], |g| {
            let (a, b) = (input(g, "a", from, &[6, 20])?, input(g, "b", from, &[20, 10])?);
            let y = g.apply(MatMul { dtype: Some(to) }, &[a, b])?;
            g.output("y", y);
            Ok(())
        })?;
        cases.push(case.adding(20));
    }
    cases.push(
        Case::new("matmul of quantised weights on both sides", &[], |g| {
            let x = input(g, "x", DType::F32, &[6, 8])?;
            let scale = g.parameter("scale", DType::F32, [8, 1])?;
            let (a, b) = (g.parameter("a", DType::I8, [8, 6])?, g.parameter("b", DType::U8, [8, 6])?);
            let (a, b) = (g.cast(a, DType::F32)?, g.cast(b, DType::F32)?);
            let a = g.mul(a, scale)?;
            let left = g.matmul(a, x)?;
            let right = g.matmul(x, b)?;
            g.output("left", left);
            g.output("right", right);
            Ok(())
        })?
        .adding(8),
    );
    convolution(dtypes, cases)?;
    attention(dtypes, cases)
}

fn convolution(dtypes: &[DType], cases: &mut Vec<Case>) -> Result<(), GraphError> {
    let plain = |n: usize| Conv {
        stride: vec![1; n],
        low: vec![0; n],
        high: vec![0; n],
        dilation: vec![1; n],
        input_dilation: vec![1; n],
        groups: 1,
    };
    let two = plain(2);
    let kinds = [
        ("plain", Conv { ..two.clone() }, [6, 4, 3, 3]),
        (
            "padded and strided",
            Conv { stride: vec![2, 1], low: vec![1, 2], high: vec![1, 0], ..two.clone() },
            [6, 4, 3, 2],
        ),
        (
            "dilated",
            Conv { dilation: vec![2, 3], low: vec![2, 2], high: vec![2, 2], ..two.clone() },
            [3, 4, 3, 2],
        ),
        ("grouped", Conv { groups: 2, ..two.clone() }, [6, 2, 2, 2]),
        ("depthwise", Conv { groups: 4, low: vec![1, 1], high: vec![1, 1], ..two.clone() }, [4, 1, 3, 3]),
        (
            "transposed",
            Conv { input_dilation: vec![2, 2], low: vec![1, 2], high: vec![2, 1], ..two },
            [5, 4, 2, 3],
        ),
    ];
    for dtype in floats(dtypes) {
        for (name, op, kernel) in &kinds {
            let case = Case::new(format!("{name} convolution {dtype}"), &[], |g| {
                let x = input(g, "x", dtype, &[2, 4, 9, 8])?;
                let w = g.parameter("w", dtype, &kernel[..])?;
                let bias = g.parameter("bias", dtype, [kernel[0], 1, 1])?;
                let y = g.apply(op.clone(), &[x, w])?;
                let y = g.add(y, bias)?;
                let zero = g.scalar(0.0, dtype)?;
                let y = g.maximum(y, zero)?;
                g.output("y", y);
                Ok(())
            })?;
            cases.push(case.adding(36));
        }
    }
    // Lines longer than vectors, outputs in several tiles, an image in several parts; windows larger than what they leave.
    let padded = Conv { low: vec![1, 2], high: vec![2, 1], ..plain(2) };
    for (name, op, image, kernel) in [
        ("long lines", padded.clone(), [2, 3, 20, 40], [13, 3, 3, 3]),
        ("one large image", padded.clone(), [1, 2, 70, 69], [9, 2, 3, 3]),
        ("no images", padded.clone(), [0, 2, 20, 40], [9, 2, 3, 3]),
        ("no channels", padded.clone(), [2, 0, 20, 40], [9, 0, 3, 3]),
        ("no outputs", padded.clone(), [2, 2, 20, 40], [0, 2, 3, 3]),
        ("large windows", plain(2), [5, 2, 12, 21], [7, 2, 10, 18]),
        ("large padded windows", padded, [9, 1, 9, 19], [3, 1, 10, 17]),
        (
            "large dilated windows",
            Conv { dilation: vec![2, 1], stride: vec![1, 2], ..plain(2) },
            [2, 2, 20, 22],
            [8, 2, 8, 18],
        ),
    ] {
        for dtype in floats(dtypes) {
            let case = Case::new(format!("convolution, {name} {dtype}"), &[], |g| {
                let x = input(g, "x", dtype, &image)?;
                let w = g.parameter("w", dtype, kernel)?;
                let bias = g.parameter("bias", dtype, [kernel[0], 1, 1])?;
                let y = g.apply(op.clone(), &[x, w])?;
                let y = g.add(y, bias)?;
                g.output("y", y);
                Ok(())
            })?;
            cases.push(case.adding(kernel[1] * kernel[2] * kernel[3]));
        }
    }
    for (rank, shape, kernel) in
        [(1, vec![2, 3, 20], vec![4, 3, 5]), (3, vec![1, 2, 4, 5, 3], vec![3, 2, 2, 3, 2])]
    {
        let case = Case::new(format!("{rank}-dimensional convolution"), &[], |g| {
            let x = input(g, "x", DType::F32, &shape)?;
            let w = g.parameter("w", DType::F32, &kernel[..])?;
            let y = g.apply(plain(rank), &[x, w])?;
            g.output("y", y);
            Ok(())
        })?;
        cases.push(case.adding(24));
    }
    Ok(())
}

fn attention(dtypes: &[DType], cases: &mut Vec<Case>) -> Result<(), GraphError> {
    for dtype in floats(dtypes) {
        for (queries, keys, width, causal, masked) in [
            (5, 5, 4, false, false),
            (5, 5, 4, true, true),
            (1, 70, 32, true, false),
            (37, 65, 33, false, true),
            (20, 80, 64, false, false),
            (3, 4, 130, false, false),
        ] {
            let case = Case::new(
                format!("attention {queries}x{keys}x{width} {dtype} causal {causal} masked {masked}"),
                &[],
                |g| {
                    let q = input(g, "q", dtype, &[2, 3, queries, width])?;
                    let k = input(g, "k", dtype, &[2, 3, keys, width])?;
                    let v = input(g, "v", dtype, &[2, 3, keys, width + 1])?;
                    let mut inputs = vec![q, k, v];
                    if masked {
                        let mask = input(g, "mask", dtype, &[2, 1, 1, keys])?;
                        inputs.push(g.broadcast_to(mask, &[2, 3, queries, keys].into())?);
                    }
                    let scale = Scalar::Float(1.0 / (width as f64).sqrt());
                    let a = g.apply(Attention { scale, causal }, &inputs)?;
                    let (result, lse) = (g.project(a, 0)?, g.project(a, 1)?);
                    let result = g.unary(UnaryOp::Neg, result)?;
                    g.output("result", result);
                    g.output("lse", lse);
                    Ok(())
                },
            )?;
            cases.push(case.adding(keys));
        }
    }
    let case = Case::new("attention with a frozen mask", &[], |g| {
        let q = input(g, "q", DType::F32, &[2, 6, 8])?;
        let mask = g.parameter("mask", DType::F16, [6, 6])?;
        let mask = g.cast(mask, DType::F32)?;
        let mask = g.broadcast_to(mask, &[2, 6, 6].into())?;
        let a = g.apply(Attention { scale: Scalar::Float(0.5), causal: false }, &[q, q, q, mask])?;
        let result = g.project(a, 0)?;
        g.output("result", result);
        Ok(())
    })?;
    cases.push(case.adding(6));
    // A query that sees no key gives zeros.
    let case = Case::new("attention with hidden rows", &[], |g| {
        let q = input(g, "q", DType::F32, &[1, 4, 8])?;
        let k = input(g, "k", DType::F32, &[1, 3, 8])?;
        let hidden = g.compare(hadal_graph::program::CompareOp::Lt, q, q)?;
        let hidden = g.narrow(hidden, 2, 0usize, 3usize)?;
        let low = g.scalar(f64::NEG_INFINITY, DType::F32)?;
        let zero = g.scalar(0.0, DType::F32)?;
        let row = g.iota([1, 4, 3], 1, DType::I32)?;
        let second = g.scalar(1.0, DType::I32)?;
        let is_second = g.compare(hadal_graph::program::CompareOp::Eq, row, second)?;
        let either = g.binary(hadal_graph::program::BinaryOp::Or, hidden, is_second)?;
        let mask = g.select(either, low, zero)?;
        let a = g.apply(Attention { scale: Scalar::Float(0.3), causal: false }, &[q, k, k, mask])?;
        let result = g.project(a, 0)?;
        g.output("result", result);
        Ok(())
    })?;
    cases.push(case.adding(8));
    Ok(())
}
