//! Composites: a target runs them natively or by their decomposition, and both have to mean what the reference says.

use super::{floats, input, numbers};
use crate::Case;
use hadal_graph::op::*;
use hadal_graph::{DType, Dim, GraphError, HostTensor, Scalar};

const EPSILON: Scalar = Scalar::Float(1e-2);

pub(super) fn cases(dtypes: &[DType], cases: &mut Vec<Case>) -> Result<(), GraphError> {
    activations(dtypes, cases)?;
    norms(dtypes, cases)?;
    indexed(dtypes, cases)?;
    random(dtypes, cases)?;
    quantized(dtypes, cases)?;
    for dtype in floats(dtypes) {
        for (rows, classes) in [(1, 2), (5, 10), (33, 70)] {
            let targets: Vec<i64> = (0..rows as i64).map(|i| i * 7 % classes as i64).collect();
            let case = Case::new(format!("cross entropy {rows}x{classes} {dtype}"), &[], |g| {
                let logits = input(g, "logits", dtype, &[rows, classes])?;
                let targets = input(g, "targets", DType::I64, &[rows])?;
                let loss = g.apply(CrossEntropy, &[logits, targets])?;
                g.output("loss", loss);
                Ok(())
            })?;
            cases.push(case.with("targets", tensor(&[rows], &targets)?).adding(classes));
        }
        for (interleaved, shape) in [(false, [2, 3, 5, 8]), (true, [1, 2, 7, 6])] {
            cases.push(Case::new(format!("rope interleaved {interleaved} {dtype}"), &[], |g| {
                let x = input(g, "x", dtype, &shape)?;
                let table = [shape[2], shape[3] / 2];
                let (cos, sin) = (input(g, "cos", dtype, &table)?, input(g, "sin", dtype, &table)?);
                let turned = g.apply(Rope { interleaved }, &[x, cos, sin])?;
                g.output("turned", turned);
                Ok(())
            })?);
        }
        for (causal, masked) in [(false, true), (true, false)] {
            let case =
                Case::new(format!("attention backward {dtype} causal {causal} masked {masked}"), &[], |g| {
                    let (q, k) = (input(g, "q", dtype, &[2, 3, 5, 8])?, input(g, "k", dtype, &[2, 3, 6, 8])?);
                    let (v, d) = (input(g, "v", dtype, &[2, 3, 6, 4])?, input(g, "d", dtype, &[2, 3, 5, 4])?);
                    let mut inputs = vec![q, k, v];
                    if masked {
                        inputs.push(input(g, "mask", dtype, &[2, 3, 5, 6])?);
                    }
                    let scale = Scalar::Float(0.5);
                    let forward = g.apply(Attention { scale, causal }, &inputs)?;
                    let (out, log_sum) = (g.project(forward, 0)?, g.project(forward, 1)?);
                    inputs.splice(3..3, [out, log_sum, d]);
                    let backward = g.apply(AttentionBackward { scale, causal }, &inputs)?;
                    for (index, name) in ["dq", "dk", "dv"].into_iter().enumerate() {
                        let gradient = g.project(backward, index)?;
                        g.output(name, gradient);
                    }
                    Ok(())
                })?;
            cases.push(case.adding(48));
        }
    }
    Ok(())
}

fn activations(dtypes: &[DType], cases: &mut Vec<Case>) -> Result<(), GraphError> {
    for dtype in numbers(dtypes) {
        for shape in [&[][..], &[0, 3], &[3, 67], &[2, 1, 3, 2, 1, 5]] {
            cases.push(Case::new(format!("relu {shape:?} {dtype}"), &[], |g| {
                let x = input(g, "x", dtype, shape)?;
                let y = g.apply(Relu, &[x])?;
                g.output("y", y);
                Ok(())
            })?);
        }
    }
    for dtype in floats(dtypes) {
        // Some values are far out, where a naive formula overflows.
        let far: Vec<Scalar> =
            (-20..20).map(|i| Scalar::Float(f64::from(i) * if i % 5 == 0 { 4.0 } else { 0.25 })).collect();
        let far =
            HostTensor::from_scalars(dtype, [40], far).map_err(|e| GraphError::general("case", e.into()))?;
        let case = Case::new(format!("activations {dtype}"), &[], |g| {
            let x = input(g, "x", dtype, &[40])?;
            for (name, op) in [
                ("sigmoid", Op::from(Sigmoid)),
                ("silu", Silu.into()),
                ("softplus", Softplus.into()),
                ("gelu", Gelu { tanh: false }.into()),
                ("gelu tanh", Gelu { tanh: true }.into()),
            ] {
                let y = g.apply(op, &[x])?;
                g.output(name, y);
            }
            Ok(())
        })?;
        cases.push(case.with("x", far));
    }
    Ok(())
}

fn norms(dtypes: &[DType], cases: &mut Vec<Case>) -> Result<(), GraphError> {
    for dtype in floats(dtypes) {
        for shape in [[1, 2, 1, 1], [2, 6, 3, 5], [3, 4, 1, 67]] {
            let channels = shape[1];
            let case = Case::new(format!("norms {shape:?} {dtype}"), &[], |g| {
                let x = input(g, "x", dtype, &shape)?;
                let vector = |g: &mut _, name| input(g, name, dtype, &[channels]);
                let (w, b, mean) = (vector(g, "w")?, vector(g, "b")?, vector(g, "mean")?);
                let variance = vector(g, "root")?;
                let variance = g.mul(variance, variance)?;
                let last = g.parameter("last", dtype, [shape[3]])?;
                let batch = g.apply(BatchNorm { epsilon: EPSILON }, &[x, w, b, mean, variance])?;
                let group = g.apply(GroupNorm { groups: channels / 2, epsilon: EPSILON }, &[x, w, b])?;
                let rms = g.apply(RmsNorm { epsilon: EPSILON }, &[x, last])?;
                let log_sum = g.apply(LogSumExp { axes: vec![1, 3] }, &[x])?;
                for (name, node) in [("batch", batch), ("group", group), ("rms", rms), ("log sum", log_sum)] {
                    g.output(name, node);
                }
                Ok(())
            })?;
            cases.push(case.adding(shape.iter().product()));
        }
    }
    Ok(())
}

fn indexed(dtypes: &[DType], cases: &mut Vec<Case>) -> Result<(), GraphError> {
    for &dtype in dtypes {
        let case = Case::new(format!("take along {dtype}"), &[], |g| {
            let x = input(g, "x", dtype, &[3, 4, 5])?;
            let i = input(g, "i", DType::I64, &[3, 2, 5])?;
            let taken = g.apply(TakeAlong { axis: 1 }, &[x, i])?;
            g.output("taken", taken);
            Ok(())
        })?;
        let indices: Vec<i64> = (0..30).map(|i| i * 7 % 4).collect();
        cases.push(case.with("i", tensor(&[3, 2, 5], &indices)?));
        let case = Case::new(format!("one hot {dtype}"), &[], |g| {
            let i = input(g, "i", DType::I32, &[2, 3])?;
            let hot = g.apply(OneHot { axis: 1, depth: Dim::from(4), dtype }, &[i])?;
            g.output("hot", hot);
            Ok(())
        })?;
        // Two lie outside.
        let indices = HostTensor::new([2, 3], &[0i32, 3, -1, 2, 4, 1])
            .map_err(|e| GraphError::general("case", e.into()))?;
        cases.push(case.with("i", indices));
    }
    for dtype in numbers(dtypes) {
        for (largest, axis) in [(true, 0), (false, 1)] {
            cases.push(Case::new(format!("top k largest {largest} {dtype}"), &[], |g| {
                let x = input(g, "x", dtype, &[7, 9])?;
                let best = g.apply(TopK { axis, k: 3, largest }, &[x])?;
                let (values, positions) = (g.project(best, 0)?, g.project(best, 1)?);
                g.output("values", values);
                g.output("positions", positions);
                Ok(())
            })?);
        }
    }
    Ok(())
}

fn random(dtypes: &[DType], cases: &mut Vec<Case>) -> Result<(), GraphError> {
    for dtype in floats(dtypes) {
        let case = Case::new(format!("random numbers {dtype}"), &[], |g| {
            let key = input(g, "key", DType::U32, &[2])?;
            let x = input(g, "x", dtype, &[5, 13])?;
            let uniform = g.apply(Uniform { shape: [3, 11].into(), dtype }, &[key])?;
            let normal = g.apply(Normal { shape: [257].into(), dtype }, &[key])?;
            let dropped = g.apply(Dropout { p: Scalar::Float(0.3) }, &[x, key])?;
            for (name, node) in [("uniform", uniform), ("normal", normal), ("dropped", dropped)] {
                g.output(name, node);
            }
            Ok(())
        })?;
        let key = HostTensor::new([2], &[0x1234_5678u32, 0x9abc_def0])
            .map_err(|e| GraphError::general("case", e.into()))?;
        cases.push(case.with("key", key));
    }
    Ok(())
}

fn quantized(dtypes: &[DType], cases: &mut Vec<Case>) -> Result<(), GraphError> {
    for dtype in floats(dtypes) {
        for small in [DType::I8, DType::U8, DType::I16, DType::U16] {
            for along in [None, Some(1)] {
                let shape: &[usize] = if along.is_some() { &[6] } else { &[] };
                let name = format!("quantize to {small} and back {dtype} along {along:?}");
                let case = Case::new(name, &[], |g| {
                    let x = input(g, "x", dtype, &[4, 6])?;
                    let scale = input(g, "scale", dtype, shape)?;
                    let zero = input(g, "zero", small, shape)?;
                    let axis = along.unwrap_or(0);
                    let q = g.apply(QuantizeLinear { axis, dtype: small }, &[x, scale, zero])?;
                    let back = g.apply(DequantizeLinear { axis }, &[q, scale, zero])?;
                    g.output("q", q);
                    g.output("back", back);
                    Ok(())
                })?;
                // Powers of two, so that no quotient lies where a rounding error could tip it.
                let scales =
                    (0..shape.iter().product::<usize>()).map(|i| Scalar::Float(f64::exp2(-(i as f64) - 1.0)));
                let scales = HostTensor::from_scalars(dtype, shape, scales)
                    .map_err(|e| GraphError::general("case", e.into()))?;
                cases.push(case.with("scale", scales));
            }
        }
    }
    Ok(())
}

fn tensor(shape: &[usize], values: &[i64]) -> Result<HostTensor, GraphError> {
    HostTensor::new(shape.to_vec(), values).map_err(|e| GraphError::general("case", e.into()))
}
