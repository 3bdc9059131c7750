use crate::build::*;
use hadal_graph::program::*;
use hadal_graph::{DType, HostTensor, Scalar, Shape};

struct Case {
    batch: usize,
    queries: usize,
    keys: usize,
    head: usize,
    value: usize,
    causal: bool,
    masked: bool,
}

/// The result and the log-sum-exp, in f64.
fn expected(c: &Case, q: &[f64], k: &[f64], v: &[f64], mask: &[f64], scale: f64) -> (Vec<f64>, Vec<f64>) {
    let (mut out, mut lse) = (vec![], vec![]);
    for row in 0..c.batch * c.queries {
        let (b, i) = (row / c.queries, row % c.queries);
        let score = |j: usize| -> f64 {
            let dot: f64 = (0..c.head).map(|d| q[row * c.head + d] * k[(b * c.keys + j) * c.head + d]).sum();
            let hidden = c.causal && j + c.queries > i + c.keys;
            let added = if c.masked { mask[row * c.keys + j] } else { 0.0 };
            if hidden { f64::NEG_INFINITY } else { dot * scale + added }
        };
        let scores: Vec<f64> = (0..c.keys).map(score).collect();
        let max = scores.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        let weights: Vec<f64> =
            scores.iter().map(|s| if max.is_finite() { (s - max).exp() } else { 0.0 }).collect();
        let sum: f64 = weights.iter().sum();
        lse.push(max + sum.ln());
        for d in 0..c.value {
            let weighted: f64 = (0..c.keys).map(|j| weights[j] * v[(b * c.keys + j) * c.value + d]).sum();
            out.push(if sum > 0.0 { weighted / sum } else { 0.0 });
        }
    }
    (out, lse)
}

fn check(c: &Case, dtype: DType, tolerance: f64) {
    let scale = 0.3;
    let contiguous =
        |position, a: usize, b: usize| operand(position, dtype, 0, &[(a * b) as i64, b as i64, 1]);
    let mut b = Builder::new();
    let q = b.input(dtype, [c.batch, c.queries, c.head]);
    let k = b.input(dtype, [c.batch, c.keys, c.head]);
    let v = b.input(dtype, [c.batch, c.keys, c.value]);
    let mask = b.input(DType::F32, [c.batch, c.queries, c.keys]);
    let out = b.computed(dtype, [c.batch, c.queries, c.value]);
    let lse = b.computed(DType::F32, [c.batch, c.queries]);
    let strides = [(c.queries * c.keys) as i64, c.keys as i64, 1];
    let kernel = Attention {
        batch: [c.batch].into(),
        queries: c.queries.into(),
        keys: c.keys.into(),
        head_dim: c.head.into(),
        value_dim: c.value.into(),
        scale: Scalar::Float(scale),
        causal: c.causal,
        q: contiguous(0, c.queries, c.head),
        k: contiguous(1, c.keys, c.head),
        v: contiguous(2, c.keys, c.value),
        mask: c.masked.then(|| operand(3, DType::F32, 0, &strides)),
        dtype,
        epilogue: store_accumulator(dtype, &dims(&[c.batch, c.queries, c.value])),
        log_sum_exp: Some(1),
    };
    b.step(Kernel::Attention(kernel), &[q, k, v, mask], &[out, lse]);
    b.output(out);
    b.output(lse);
    let make = |count: usize, seed| -> Vec<Scalar> {
        noise(count, seed).into_iter().map(|x| Scalar::new(4.0 * x as f64, dtype)).collect()
    };
    let data = [
        make(c.batch * c.queries * c.head, 1),
        make(c.batch * c.keys * c.head, 2),
        make(c.batch * c.keys * c.value, 3),
    ];
    // Every third key is hidden, and for the second query all of them.
    let masks: Vec<f32> = (0..c.batch * c.queries * c.keys)
        .map(|i| match (i / c.keys % c.queries, i % c.keys) {
            (1, _) => f32::NEG_INFINITY,
            (_, j) if j % 3 == 2 => f32::NEG_INFINITY,
            (_, j) => (j % 7) as f32 / 7.0,
        })
        .collect();
    let shapes = [[c.batch, c.queries, c.head], [c.batch, c.keys, c.head], [c.batch, c.keys, c.value]];
    let mut inputs: Vec<HostTensor> = shapes
        .iter()
        .zip(&data)
        .map(|(s, d)| HostTensor::from_scalars(dtype, *s, d.clone()).unwrap())
        .collect();
    inputs.push(tensor(&[c.batch, c.queries, c.keys], &masks));
    let outputs = run(&b.finish(), &inputs);
    let wide = |d: &[Scalar]| -> Vec<f64> { d.iter().map(|s| s.to_f64()).collect() };
    let mask: Vec<f64> = masks.iter().map(|&m| m as f64).collect();
    let (out, lse) = expected(c, &wide(&data[0]), &wide(&data[1]), &wide(&data[2]), &mask, scale);
    let bytes = hadal_graph::Bytes::new(outputs[0].clone());
    let found = HostTensor::from_bytes(dtype, [c.batch, c.queries, c.value], bytes).unwrap().to_f64();
    for (i, (f, e)) in found.iter().zip(&out).enumerate() {
        assert!((f - e).abs() <= tolerance * e.abs().max(1.0), "{dtype} element {i}: {f} for {e}");
    }
    for (f, e) in elements::<f32>(&outputs[1]).iter().zip(&lse) {
        assert!(*f as f64 == *e || (*f as f64 - e).abs() < 1e-4, "log-sum-exp {f} for {e}");
    }
}

#[test]
fn attention_over_several_blocks_of_keys() {
    for (queries, keys) in [(1, 1), (1, 700), (3, 3), (70, 300), (130, 600), (9, 2)] {
        for causal in [false, true] {
            for masked in [false, true] {
                let case = Case { batch: 3, queries, keys, head: 16, value: 24, causal, masked };
                check(&case, DType::F32, 2e-5);
            }
        }
    }
}

#[test]
fn attention_in_every_float() {
    let case = Case { batch: 2, queries: 20, keys: 270, head: 8, value: 5, causal: true, masked: true };
    check(&case, DType::F64, 1e-12);
    check(&case, DType::F16, 1e-3);
    check(&case, DType::BF16, 1e-2);
}

#[test]
fn no_keys_give_zeros() {
    let case = Case { batch: 1, queries: 5, keys: 0, head: 4, value: 4, causal: false, masked: false };
    check(&case, DType::F32, 0.0);
}

/// 8,192 tokens: the score matrix would take 256 MiB.
#[test]
fn memory_does_not_grow_with_the_square() {
    use hadal_device::Backend;
    let (n, d) = (8192usize, 16usize);
    let contiguous = |position| operand(position, DType::F32, 0, &[d as i64, 1]);
    let mut b = Builder::new();
    let x = b.input(DType::F32, [n, d]);
    let out = b.computed(DType::F32, [n, d]);
    let kernel = Attention {
        batch: Shape::scalar(),
        queries: n.into(),
        keys: n.into(),
        head_dim: d.into(),
        value_dim: d.into(),
        scale: Scalar::Float(0.25),
        causal: true,
        q: contiguous(0),
        k: contiguous(0),
        v: contiguous(0),
        mask: None,
        dtype: DType::F32,
        epilogue: store_accumulator(DType::F32, &dims(&[n, d])),
        log_sum_exp: None,
    };
    b.step(Kernel::Attention(kernel), &[x], &[out]);
    b.output(out);
    let backend = hadal_cpu::CpuBackend::with_threads(2);
    let executable = prepare(&backend, &b.finish()).unwrap();
    let input = backend.upload(&tensor(&[n, d], &noise(n * d, 1))).unwrap();
    let results = step(&executable, vec![input], vec![]).unwrap();
    assert!(backend.memory_stats().peak < 4 << 20);
    let plan = executable.plan(&hadal_graph::Bindings::new()).unwrap();
    assert!(plan.steps[0].scratch_bytes < 1 << 20, "{}", plan.steps[0].scratch_bytes);
    assert_eq!(plan.steps[0].kernel, "attention/flash");
    // The first query sees only the first key, so its result is the first value.
    let first = fetch::<f32>(&backend, &results.outputs[0]);
    close(&first[..d], &noise(n * d, 1)[..d].iter().map(|&v| v as f64).collect::<Vec<_>>(), 1e-6);
}
