//! Activations, norms, attention, losses.

use super::Cases;
use hadal_graph::op::{
    Attention, AttentionBackward, BatchNorm, CrossEntropy, DequantizeLinear, Gelu, GroupNorm, LayerNorm,
    LogSoftmax, Op, QuantizeLinear, Relu, RmsNorm, Rope, Sigmoid, Silu, Softmax, Softplus,
};
use hadal_graph::program::ReduceOp;
use hadal_graph::{DType, GraphError, Scalar};

pub(super) fn cases(cases: &mut Cases) -> Result<(), GraphError> {
    activations(cases)?;
    normalisation(cases)?;
    attention(cases)?;
    quantisation(cases)
}

fn activations(cases: &mut Cases) -> Result<(), GraphError> {
    for axis in [0, 1, 2] {
        cases.add(format!("softmax over {axis}"), |b| {
            let x = b.x_in(&[2, 3, 2], (-2.0, 2.0))?;
            b.g.apply(Softmax { axis }, &[x])
        })?;
        cases.add(format!("log-softmax over {axis}"), |b| {
            let x = b.x_in(&[2, 3, 2], (-2.0, 2.0))?;
            b.g.apply(LogSoftmax { axis }, &[x])
        })?;
    }
    let ops: [(&str, Op); 6] = [
        ("relu", Relu.into()),
        ("sigmoid", Sigmoid.into()),
        ("silu", Silu.into()),
        ("softplus", Softplus.into()),
        ("gelu", Gelu { tanh: false }.into()),
        ("gelu by tanh", Gelu { tanh: true }.into()),
    ];
    for (name, op) in ops {
        cases.add(name, |b| {
            let x = b.x_of(&[2, 4], &[-3.0, -1.2, -0.4, 0.1, 0.2, 0.7, 2.5, 4.0])?;
            b.g.apply(op, &[x])
        })?;
    }
    for rows in [1, 3] {
        cases.add(format!("cross-entropy of {rows} rows"), |b| {
            let logits = b.x_in(&[rows, 4], (-2.0, 2.0))?;
            let targets = b.given(&[rows], &[2i64, 0, 2][..rows])?;
            b.g.apply(CrossEntropy, &[logits, targets])
        })?;
    }
    Ok(())
}

fn normalisation(cases: &mut Cases) -> Result<(), GraphError> {
    let epsilon = Scalar::Float(1e-2);
    for shape in [&[2, 2, 4][..], &[3, 5]] {
        let width = shape[shape.len() - 1];
        cases.add(format!("layer norm of {shape:?}"), |b| {
            let (x, weight, bias) = (b.x(shape)?, b.x(&[width])?, b.x(&[width])?);
            b.g.apply(LayerNorm { epsilon }, &[x, weight, bias])
        })?;
        cases.add(format!("rms norm of {shape:?}"), |b| {
            let (x, weight) = (b.x(shape)?, b.x(&[width])?);
            b.g.apply(RmsNorm { epsilon }, &[x, weight])
        })?;
    }
    for shape in [&[2, 3, 2, 2][..], &[4, 3]] {
        cases.add(format!("batch norm of {shape:?}"), |b| {
            let (x, weight, bias, mean) = (b.x(shape)?, b.x(&[3])?, b.x(&[3])?, b.x(&[3])?);
            let variance = b.x_in(&[3], (0.5, 2.0))?;
            b.g.apply(BatchNorm { epsilon }, &[x, weight, bias, mean, variance])
        })?;
    }
    cases.add("batch norm with the statistics of its batch", |b| {
        let (x, weight, bias) = (b.x(&[4, 3, 2])?, b.x(&[3])?, b.x(&[3])?);
        let mean = b.g.mean_keep(x, &[0, 2])?;
        let centred = b.g.sub(x, mean)?;
        let square = b.g.mul(centred, centred)?;
        let variance = b.g.mean_keep(square, &[0, 2])?;
        let (mean, variance) = (b.g.reshape(mean, [3])?, b.g.reshape(variance, [3])?);
        b.g.apply(BatchNorm { epsilon }, &[x, weight, bias, mean, variance])
    })?;
    for groups in [1, 2, 4] {
        cases.add(format!("group norm of {groups} groups"), |b| {
            let (x, weight, bias) = (b.x(&[2, 4, 3])?, b.x(&[4])?, b.x(&[4])?);
            b.g.apply(GroupNorm { groups, epsilon }, &[x, weight, bias])
        })?;
    }
    for interleaved in [false, true] {
        cases.add(format!("rope, interleaved {interleaved}"), |b| {
            let (x, cos, sin) = (b.x(&[2, 2, 3, 4])?, b.x(&[3, 2])?, b.x(&[3, 2])?);
            b.g.apply(Rope { interleaved }, &[x, cos, sin])
        })?;
    }
    Ok(())
}

fn attention(cases: &mut Cases) -> Result<(), GraphError> {
    let scale = Scalar::Float(0.7);
    // The log-sum-exp of attention is an f32: its rounding is noise in the difference.
    let coarse = (3e-3, 3e-4);
    for (name, causal, masked, queries, keys) in [
        ("attention", false, false, 3, 4),
        ("causal attention", true, false, 3, 4),
        ("causal attention whose first queries see nothing", true, false, 4, 2),
        ("masked attention", false, true, 2, 3),
        ("masked causal attention", true, true, 3, 3),
    ] {
        let case = cases.add(name, |b| {
            let mut inputs = vec![b.x(&[2, queries, 3])?, b.x(&[2, keys, 3])?, b.x(&[2, keys, 2])?];
            if masked {
                inputs.push(b.x(&[2, queries, keys])?);
            }
            let node = b.g.apply(Attention { scale, causal }, &inputs)?;
            b.g.project(node, 0)
        })?;
        (case.step, case.tolerance) = coarse;
    }
    let case = cases.add("attention with a fixed mask and a query that sees nothing", |b| {
        let low = f64::NEG_INFINITY;
        let mut inputs = vec![b.x(&[2, 3])?, b.x(&[3, 3])?, b.x(&[3, 2])?];
        inputs.push(b.constant(&[2, 3], &[0.5, low, 0.0, low, low, low])?);
        let node = b.g.apply(Attention { scale, causal: false }, &inputs)?;
        b.g.project(node, 0)
    })?;
    (case.step, case.tolerance) = coarse;
    let case = cases.add_many("attention and its log-sum-exp", |b| {
        let inputs = [b.x(&[2, 3])?, b.x(&[3, 3])?, b.x(&[3, 2])?];
        let node = b.g.apply(Attention { scale, causal: false }, &inputs)?;
        let lse = b.g.project(node, 1)?;
        Ok(vec![b.g.project(node, 0)?, b.g.cast(lse, b.dtype)?])
    })?;
    (case.step, case.tolerance) = coarse;
    let case = cases.add_many("backward pass of attention", |b| {
        let mut inputs = vec![b.x(&[2, 3])?, b.x(&[3, 3])?, b.x(&[3, 2])?, b.x(&[2, 2])?];
        let lse = b.x(&[2])?;
        inputs.push(b.g.cast(lse, DType::F32)?);
        inputs.extend([b.x(&[2, 2])?, b.x(&[2, 3])?]);
        let node = b.g.apply(AttentionBackward { scale, causal: false }, &inputs)?;
        (0..3).map(|i| b.g.project(node, i)).collect()
    })?;
    (case.step, case.tolerance) = coarse;
    Ok(())
}

fn quantisation(cases: &mut Cases) -> Result<(), GraphError> {
    cases.add("dequantize along an axis", |b| {
        let x = b.given(&[2, 3], &[0u8, 3, 255, 128, 127, 9])?;
        let zero_point = b.given(&[3], &[0u8, 128, 255])?;
        let scale = b.x_in(&[3], (0.1, 2.0))?;
        b.g.apply(DequantizeLinear { axis: 1 }, &[x, scale, zero_point])
    })?;
    cases.add("dequantize with one scale", |b| {
        let x = b.given(&[4], &[-128i8, -1, 0, 127])?;
        let scale = b.x_in(&[], (0.1, 2.0))?;
        b.g.apply(DequantizeLinear { axis: 0 }, &[x, scale])
    })?;
    cases.add("quantize, then dequantize: the scale alone has a gradient", |b| {
        let x = b.x_of(&[2, 3], &[-7.3, 0.24, 0.76, 3.1, -0.62, 99.0])?;
        let scale = b.x_of(&[2], &[0.5, 0.25])?;
        let zero_point = b.given(&[2], &[3i8, -4])?;
        let whole = b.g.apply(QuantizeLinear { axis: 0, dtype: DType::I8 }, &[x, scale, zero_point])?;
        let back = b.g.apply(DequantizeLinear { axis: 0 }, &[whole, scale, zero_point])?;
        b.g.reduce(ReduceOp::Sum, back, &[1])
    })?;
    Ok(())
}
