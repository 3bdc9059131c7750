//! Attention.

use crate::case::{Case, floats, load, noise, store};
use hadal_graph::program::{Affine, Attention, Body, IndexMap, Instr, Kernel, Operand, PointwiseProgram};
use hadal_graph::{DType, Dim, Scalar, Shape};

struct Sizes {
    batch: usize,
    queries: usize,
    keys: usize,
    head: usize,
    value: usize,
}

#[derive(Clone, Copy, PartialEq)]
enum Mask {
    None,
    Random,
    /// The last query sees nothing.
    Hidden,
}

fn check(sizes: Sizes, dtype: DType, causal: bool, mask: Mask, tolerance: f64) -> Vec<&'static str> {
    let Sizes { batch, queries, keys, head, value } = sizes;
    let mut case = Case::new();
    let (db, dq, dk) = (case.symbol("b", batch), case.symbol("q", queries), case.symbol("k", keys));
    let (dh, dv) = (Dim::from(head), Dim::from(value));
    let data = |count, seed| -> Vec<f64> {
        noise(count, seed).iter().map(|v| Scalar::new(v * 2.0, dtype).to_f64()).collect()
    };
    let (q, k, v) =
        (data(batch * queries * head, 51), data(batch * keys * head, 52), data(batch * keys * value, 53));
    let mask_data: Vec<f64> =
        noise(queries * keys, 54)
            .into_iter()
            .enumerate()
            .map(|(i, v)| {
                if v > 0.3 || (mask == Mask::Hidden && i / keys == queries - 1) {
                    f64::NEG_INFINITY
                } else {
                    v
                }
            })
            .collect();
    let mut operand = |data: &[f64], rows: &Dim, width: &Dim| {
        let shape = [db.clone(), rows.clone(), width.clone()];
        let position = case.read(dtype, shape.clone(), data.iter().map(|&v| Scalar::Float(v)).collect());
        let mut program = PointwiseProgram::default();
        let value = load(&mut program, position, IndexMap::contiguous(&shape), dtype);
        Operand { program, value }
    };
    let (q_operand, k_operand, v_operand) =
        (operand(&q, &dq, &dh), operand(&k, &dk, &dh), operand(&v, &dk, &dv));
    let mask_operand = (mask != Mask::None).then(|| {
        let position = case.read(DType::F32, [dq.clone(), dk.clone()], floats(mask_data.iter().copied()));
        let mut program = PointwiseProgram::default();
        let address = Affine { offset: Dim::ZERO, coefficients: vec![Dim::ZERO, dk.clone(), Dim::ONE] };
        let value = load(&mut program, position, IndexMap::new(address), DType::F32);
        Operand { program, value }
    });
    let out = [db.clone(), dq.clone(), dv.clone()];
    case.write(dtype, out.clone());
    case.write(DType::F32, [db.clone(), dq.clone()]);
    let mut epilogue = PointwiseProgram::default();
    let acc = epilogue.push(Instr::Accumulator(0), dtype);
    let scale = 1.0 / (head as f64).sqrt();
    let kernel = Kernel::Attention(Attention {
        batch: Shape::of([db]),
        queries: dq,
        keys: dk,
        head_dim: dh,
        value_dim: dv,
        scale: Scalar::new(scale, DType::F32),
        causal,
        q: q_operand,
        k: k_operand,
        v: v_operand,
        mask: mask_operand,
        dtype,
        epilogue: Body { program: epilogue, stores: vec![store(0, acc, &out)] },
        log_sum_exp: Some(1),
    });
    let (mut results, mut sums) = (Vec::new(), Vec::new());
    for (b, i) in (0..batch * queries).map(|r| (r / queries, r % queries)) {
        let scores: Vec<f64> = (0..keys)
            .map(|j| {
                let dot: f64 =
                    (0..head).map(|d| q[(b * queries + i) * head + d] * k[(b * keys + j) * head + d]).sum();
                let hidden = causal && j + queries > i + keys;
                let masked = if mask == Mask::None { 0.0 } else { mask_data[i * keys + j] };
                if hidden { f64::NEG_INFINITY } else { dot * scale + masked }
            })
            .collect();
        let top = scores.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        let weights: Vec<f64> =
            scores.iter().map(|s| if *s == f64::NEG_INFINITY { 0.0 } else { (s - top).exp() }).collect();
        let sum: f64 = weights.iter().sum();
        for d in 0..value {
            let total: f64 = (0..keys).map(|j| weights[j] * v[(b * keys + j) * value + d]).sum();
            results.push(Scalar::new(if sum == 0.0 { 0.0 } else { total / sum }, dtype));
        }
        sums.push(Scalar::new(if sum == 0.0 { f64::NEG_INFINITY } else { top + sum.ln() }, DType::F32));
    }
    case.check(kernel, &[results, sums], tolerance)
}

#[test]
fn heads_of_every_class() {
    for (head, value) in [(32, 32), (33, 7), (1, 2), (64, 60), (200, 40), (40, 300)] {
        let sizes = Sizes { batch: 3, queries: 9, keys: 21, head, value };
        let variants = check(sizes, DType::F32, false, Mask::None, 1e-5);
        assert!(variants.contains(&"attention/query_per_workgroup"), "{variants:?}");
        assert_eq!(variants.contains(&"attention/register_4x4"), value <= 256, "{variants:?}");
        assert_eq!(variants.contains(&"attention/tiled"), value <= 256, "{variants:?}");
    }
}

#[test]
fn causal_and_masked() {
    for (queries, keys) in [(1, 1), (70, 70), (1, 130), (67, 5)] {
        for (causal, mask) in
            [(false, Mask::None), (true, Mask::None), (true, Mask::Random), (false, Mask::Hidden)]
        {
            let sizes = Sizes { batch: 2, queries, keys, head: 16, value: 16 };
            check(sizes, DType::F32, causal, mask, 1e-5);
        }
    }
}

#[test]
fn half_precision() {
    for (dtype, tolerance) in [(DType::F16, 1e-3), (DType::BF16, 8e-3)] {
        let sizes = Sizes { batch: 2, queries: 40, keys: 40, head: 32, value: 32 };
        check(sizes, dtype, true, Mask::Random, tolerance);
    }
}
