use crate::build::*;
use hadal_graph::program::*;
use hadal_graph::{DType, HostTensor, Scalar, Shape};

/// `C = A B` with the given strides of `A` over (m, k) and `B` over (k, n).
fn matmul((m, k, n): (usize, usize, usize), a: [i64; 2], b: [i64; 2], dtype: DType) -> Contract {
    Contract {
        batch: Shape::scalar(),
        m: [m].into(),
        n: [n].into(),
        k: [k].into(),
        a: operand(0, dtype, 0, &a),
        b: operand(1, dtype, 0, &b),
        dtype,
        epilogue: store_accumulator(dtype, &dims(&[m, n])),
    }
}

fn product(
    (m, k, n): (usize, usize, usize),
    a: impl Fn(usize, usize) -> f64,
    b: impl Fn(usize, usize) -> f64,
) -> Vec<f64> {
    (0..m * n).map(|i| (0..k).map(|l| a(i / n, l) * b(l, i % n)).sum()).collect()
}

#[test]
fn plain_products_of_every_orientation() {
    for (m, k, n) in
        [(1, 1, 1), (3, 5, 7), (1, 300, 500), (500, 300, 1), (64, 0, 3), (130, 257, 190), (0, 4, 4)]
    {
        let (x, y) = (noise(m * k, 1), noise(k * n, 2));
        for (ta, tb) in [(false, false), (true, false), (false, true), (true, true)] {
            let a = if ta { [1, m as i64] } else { [k as i64, 1] };
            let b = if tb { [1, k as i64] } else { [n as i64, 1] };
            let mut builder = Builder::new();
            let (ia, ib) = (builder.input(DType::F32, [m * k]), builder.input(DType::F32, [k * n]));
            let out = builder.computed(DType::F32, [m, n]);
            builder.step(Kernel::Contract(matmul((m, k, n), a, b, DType::F32)), &[ia, ib], &[out]);
            builder.output(out);
            let expected = product(
                (m, k, n),
                |i, l| x[i * a[0] as usize + l * a[1] as usize] as f64,
                |l, j| y[l * b[0] as usize + j * b[1] as usize] as f64,
            );
            let inputs = [tensor(&[m * k], &x), tensor(&[k * n], &y)];
            close(&run1(&builder.finish(), &inputs), &expected, 1e-5);
        }
    }
}

#[test]
fn epilogue_with_bias_activation_and_residual_in_place() {
    for (m, k, n) in [(3, 4, 5), (128, 384, 96), (70, 33, 515)] {
        let mut b = Builder::new();
        let (x, w) = (b.input(DType::F32, [m, k]), b.input(DType::F32, [k, n]));
        let (bias, before) = (b.input(DType::F32, [n]), b.input(DType::F32, [m, n]));
        // The residual is computed, so that the product may take over its storage.
        let residual = b.computed(DType::F32, [m, n]);
        let d = dims(&[m, n]);
        let mut p = PointwiseProgram::default();
        let v = load(&mut p, 0, DType::F32, &d);
        let v = p.push(Instr::Binary(BinaryOp::Add, v, v), DType::F32);
        let body = Body { program: p, stores: vec![store(0, v, &d)] };
        b.step(Kernel::Pointwise(Pointwise { domain: [m, n].into(), body }), &[before], &[residual]);
        let out = b.taking(residual);
        let mut p = PointwiseProgram::default();
        let acc = p.push(Instr::Accumulator(0), DType::F32);
        let c = load_strided(&mut p, 2, DType::F32, 0, &[0, 1]);
        let sum = p.push(Instr::Binary(BinaryOp::Add, acc, c), DType::F32);
        let t = p.push(Instr::Unary(UnaryOp::Tanh, sum), DType::F32);
        let r = load(&mut p, 3, DType::F32, &d);
        let y = p.push(Instr::Binary(BinaryOp::Add, t, r), DType::F32);
        let mut kernel = matmul((m, k, n), [k as i64, 1], [n as i64, 1], DType::F32);
        kernel.epilogue = Body { program: p, stores: vec![store(0, y, &d)] };
        b.step(Kernel::Contract(kernel), &[x, w, bias, residual], &[out]);
        b.output(out);
        let (xs, ws, bs, rs) = (noise(m * k, 1), noise(k * n, 2), noise(n, 3), noise(m * n, 4));
        let mut expected = product((m, k, n), |i, l| xs[i * k + l] as f64, |l, j| ws[l * n + j] as f64);
        for (i, e) in expected.iter_mut().enumerate() {
            *e = (*e + bs[i % n] as f64).tanh() + 2.0 * rs[i] as f64;
        }
        let inputs = [tensor(&[m, k], &xs), tensor(&[k, n], &ws), tensor(&[n], &bs), tensor(&[m, n], &rs)];
        close(&run1(&b.finish(), &inputs), &expected, 1e-5);
    }
}

#[test]
fn batches_with_split_heads() {
    // Scores of attention: q[b, s, h, d] · k[b, s, h, d] with batch axes (b, h).
    let (b, s, h, d) = (2usize, 9, 3, 8);
    let strides = |row: bool| {
        let (bs, ss, hs) = ((s * h * d) as i64, (h * d) as i64, d as i64);
        if row { [bs, hs, ss, 1] } else { [bs, hs, 1, ss] }
    };
    let kernel = Contract {
        batch: [b, h].into(),
        m: [s].into(),
        n: [s].into(),
        k: [d].into(),
        a: operand(0, DType::F32, 0, &strides(true)),
        b: operand(1, DType::F32, 0, &strides(false)),
        dtype: DType::F32,
        epilogue: store_accumulator(DType::F32, &dims(&[b, h, s, s])),
    };
    let mut builder = Builder::new();
    let (q, k) = (builder.input(DType::F32, [b, s, h, d]), builder.input(DType::F32, [b, s, h, d]));
    let out = builder.computed(DType::F32, [b, h, s, s]);
    builder.step(Kernel::Contract(kernel), &[q, k], &[out]);
    builder.output(out);
    let (qs, ks) = (noise(b * s * h * d, 5), noise(b * s * h * d, 6));
    let at = |ib, is, ih, id| ((ib * s + is) * h + ih) * d + id;
    let mut expected = vec![];
    for i in 0..b * h * s * s {
        let (ib, ih, r, c) = (i / (h * s * s), i / (s * s) % h, i / s % s, i % s);
        expected.push((0..d).map(|l| qs[at(ib, r, ih, l)] as f64 * ks[at(ib, c, ih, l)] as f64).sum());
    }
    let shape = [b, s, h, d];
    close(&run1(&builder.finish(), &[tensor(&shape, &qs), tensor(&shape, &ks)]), &expected, 1e-6);
}

#[test]
fn convolution_with_padding_and_stride() {
    // x[n, c, h, w] ∗ w[o, c, 3, 3], padding 1, stride 2, as a contraction over (c, kh, kw) with guarded loads.
    let (n, c, h, w, o) = (2usize, 3, 9, 11, 5);
    let (oh, ow) = (5usize, 6usize);
    let (sc, sh) = ((h * w) as i64, w as i64);
    // Domain of B: k = (c, kh, kw), n = (image, oh, ow); A: m = (o), k.
    let row = affine(-1, &[0, 1, 0, 0, 2, 0]);
    let column = affine(-1, &[0, 0, 1, 0, 0, 2]);
    let address = affine(-sh - 1, &[sc, sh, 1, c as i64 * sc, 2 * sh, 2]);
    let guards = vec![Guard { index: row, extent: h.into() }, Guard { index: column, extent: w.into() }];
    let mut window = PointwiseProgram::default();
    let value = window
        .push(Instr::Load { operand: 1, map: IndexMap { address, guards }, indirect: vec![] }, DType::F32);
    let mut p = PointwiseProgram::default();
    let acc = p.push(Instr::Accumulator(0), DType::F32);
    // The result is [n, o, oh, ow], walked as (o, n, oh, ow).
    let (area, all) = ((oh * ow) as i64, (o * oh * ow) as i64);
    let address = affine(0, &[area, all, ow as i64, 1]);
    let kernel = Contract {
        batch: Shape::scalar(),
        m: [o].into(),
        n: [n, oh, ow].into(),
        k: [c, 3, 3].into(),
        a: operand(0, DType::F32, 0, &[(c * 9) as i64, 9, 3, 1]),
        b: Operand { program: window, value },
        dtype: DType::F32,
        epilogue: Body {
            stores: vec![Store { target: 0, value: acc, address, indirect: vec![] }],
            program: p,
        },
    };
    let mut b = Builder::new();
    let (weight, x) = (b.input(DType::F32, [o, c, 3, 3]), b.input(DType::F32, [n, c, h, w]));
    let out = b.computed(DType::F32, [n, o, oh, ow]);
    b.step(Kernel::Contract(kernel), &[weight, x], &[out]);
    b.output(out);
    let (ws, xs) = (noise(o * c * 9, 7), noise(n * c * h * w, 8));
    let mut expected = vec![0.0; n * o * oh * ow];
    for (i, e) in expected.iter_mut().enumerate() {
        let (image, channel, y, x) = (i / (o * oh * ow), i / (oh * ow) % o, i / ow % oh, i % ow);
        for l in 0..c * 9 {
            let (ic, ky, kx) = (l / 9, l / 3 % 3, l % 3);
            let (iy, ix) = (2 * y + ky, 2 * x + kx);
            if (1..=h).contains(&iy) && (1..=w).contains(&ix) {
                *e +=
                    ws[channel * c * 9 + l] as f64 * xs[((image * c + ic) * h + iy - 1) * w + ix - 1] as f64;
            }
        }
    }
    close(&run1(&b.finish(), &[tensor(&[o, c, 3, 3], &ws), tensor(&[n, c, h, w], &xs)]), &expected, 1e-6);
}

#[test]
fn every_dtype() {
    let (m, k, n) = (17usize, 300usize, 23usize);
    for dtype in DType::ALL {
        if dtype == DType::Bool {
            continue;
        }
        let fill = |count: usize, seed: usize| -> Vec<Scalar> {
            (0..count)
                .map(|i| {
                    Scalar::new(
                        (i * seed % 23) as f64 / if dtype.is_float() { 8.0 } else { 1.0 } - 1.0,
                        dtype,
                    )
                })
                .collect()
        };
        let (x, y) = (fill(m * k, 7), fill(k * n, 11));
        let mut b = Builder::new();
        let (ia, ib) = (b.input(dtype, [m, k]), b.input(dtype, [k, n]));
        let out = b.computed(dtype, [m, n]);
        b.step(Kernel::Contract(matmul((m, k, n), [k as i64, 1], [n as i64, 1], dtype)), &[ia, ib], &[out]);
        b.output(out);
        let inputs = [
            HostTensor::from_scalars(dtype, [m, k], x.clone()).unwrap(),
            HostTensor::from_scalars(dtype, [k, n], y.clone()).unwrap(),
        ];
        let bytes = hadal_graph::Bytes::new(run(&b.finish(), &inputs).remove(0));
        let found = HostTensor::from_bytes(dtype, [m, n], bytes).unwrap();
        for (i, f) in found.scalars().enumerate() {
            let terms = (0..k).map(|l| (x[i / n * k + l], y[l * n + i % n]));
            if dtype.is_float() {
                let e: f64 = terms.map(|(a, b)| a.to_f64() * b.to_f64()).sum();
                let tolerance = match dtype {
                    DType::BF16 => 0.005,
                    DType::F16 => 0.0006,
                    DType::F32 => 1e-6,
                    _ => 1e-14,
                };
                assert!((f.to_f64() - e).abs() <= tolerance * e.abs().max(1.0), "{dtype}: {f} for {e}");
            } else {
                let e = terms
                    .fold(0, |s, (a, b)| dtype.wrap(s + dtype.wrap(a.to_i128().wrapping_mul(b.to_i128()))));
                assert_eq!(f, Scalar::Int(e), "{dtype}");
            }
        }
    }
}

#[test]
fn bytes_widen_before_they_multiply() {
    // u8 · i8 in i32, as quantised models do, with the casts in the operands.
    let (m, k, n) = (5usize, 700usize, 9usize);
    let cast = |position, from, strides: &[i64]| {
        let mut program = PointwiseProgram::default();
        let x = load_strided(&mut program, position, from, 0, strides);
        let value = program.push(Instr::Cast(x), DType::I32);
        Operand { program, value }
    };
    let kernel = Contract {
        a: cast(0, DType::U8, &[k as i64, 1]),
        b: cast(1, DType::I8, &[1, k as i64]),
        ..matmul((m, k, n), [0, 0], [0, 0], DType::I32)
    };
    let mut b = Builder::new();
    let (ia, ib) = (b.input(DType::U8, [m, k]), b.input(DType::I8, [n, k]));
    let out = b.computed(DType::I32, [m, n]);
    b.step(Kernel::Contract(kernel), &[ia, ib], &[out]);
    b.output(out);
    let x: Vec<u8> = (0..m * k).map(|i| (255 - i % 7) as u8).collect();
    let y: Vec<i8> = (0..n * k).map(|i| (-128 + (i % 5) as i32) as i8).collect();
    let expected: Vec<i32> =
        (0..m * n).map(|i| (0..k).map(|l| x[i / n * k + l] as i32 * y[i % n * k + l] as i32).sum()).collect();
    let inputs = [HostTensor::new([m, k], &x).unwrap(), HostTensor::new([n, k], &y).unwrap()];
    let program = b.finish();
    assert_eq!(run1::<i32>(&program, &inputs), expected);
    // They go through f32 in parts that are exact; operands that may be larger do not.
    let variant = |program| {
        let executable = prepare(&hadal_cpu::CpuBackend::with_threads(1), program).unwrap();
        executable.plan(&hadal_graph::Bindings::new()).unwrap().steps[0].kernel.clone()
    };
    assert_eq!(variant(&program), "contract/gemm-exact");
    let mut b = Builder::new();
    let (ia, ib) = (b.input(DType::I32, [m, k]), b.input(DType::I32, [k, n]));
    let out = b.computed(DType::I32, [m, n]);
    b.step(Kernel::Contract(matmul((m, k, n), [k as i64, 1], [n as i64, 1], DType::I32)), &[ia, ib], &[out]);
    b.output(out);
    assert_eq!(variant(&b.finish()), "contract/gemm");
}

/// A weight of 8 bits as it is read: `(w - zero) · scale`, the scale and zero point of its column, its row or the whole matrix.
#[test]
fn quantised_weights() {
    for ((m, k, n), transposed) in [((3, 5, 7), false), ((40, 300, 520), false), ((40, 300, 520), true)] {
        for (dtype, along) in [(DType::I8, [0, 1]), (DType::U8, [1, 0]), (DType::I8, [0, 0])] {
            for zero in [false, true] {
                let b = if transposed { [1, k as i64] } else { [n as i64, 1] };
                let mut builder = Builder::new();
                let (x, w) = (builder.input(DType::F32, [m, k]), builder.input(dtype, [k * n]));
                let (scale, point) =
                    (builder.input(DType::F32, [k.max(n)]), builder.input(dtype, [k.max(n)]));
                let out = builder.computed(DType::F32, [m, n]);
                let mut p = PointwiseProgram::default();
                let mut value = load_strided(&mut p, 1, dtype, 0, &b);
                if zero {
                    let wide = p.push(Instr::Cast(value), DType::I32);
                    let point = load_strided(&mut p, 3, dtype, 0, &along);
                    let point = p.push(Instr::Cast(point), DType::I32);
                    value = p.push(Instr::Binary(BinaryOp::Sub, wide, point), DType::I32);
                }
                let value = p.push(Instr::Cast(value), DType::F32);
                let factor = load_strided(&mut p, 2, DType::F32, 0, &along);
                let value = p.push(Instr::Binary(BinaryOp::Mul, factor, value), DType::F32);
                let mut kernel = matmul((m, k, n), [k as i64, 1], b, DType::F32);
                kernel.b = Operand { program: p, value };
                builder.step(Kernel::Contract(kernel), &[x, w, scale, point], &[out]);
                builder.output(out);
                let least = if dtype == DType::I8 { -128 } else { 0 };
                let bytes = |count: usize, seed: i64| -> Vec<i64> {
                    (0..count as i64).map(|i| (i * 7919 + seed) % 251 + least).collect()
                };
                let (ws, points) = (bytes(k * n, 3), bytes(k.max(n), 17));
                let xs = noise(m * k, 1);
                let scales: Vec<f32> = noise(k.max(n), 2).iter().map(|v| v / 100.0).collect();
                let weight = |l: usize, j: usize| {
                    let at = l * along[0] as usize + j * along[1] as usize;
                    let w = ws[l * b[0] as usize + j * b[1] as usize] - if zero { points[at] } else { 0 };
                    (w as f32 * scales[at]) as f64
                };
                let expected = product((m, k, n), |i, l| xs[i * k + l] as f64, weight);
                let integers = |values: &[i64]| {
                    let scalars = values.iter().map(|&v| Scalar::Int(v.into()));
                    HostTensor::from_scalars(dtype, [values.len()], scalars).unwrap()
                };
                let inputs =
                    [tensor(&[m, k], &xs), integers(&ws), tensor(&[k.max(n)], &scales), integers(&points)];
                close(&run1(&builder.finish(), &inputs), &expected, 1e-5);
            }
        }
    }
}

#[test]
fn windows_that_leave_their_operand_are_errors() {
    // The guard lets the last row reach one element too far.
    let (m, k, n) = (3, 4, 2);
    let mut contract = matmul((m, k, n), [k as i64, 1], [n as i64, 1], DType::F32);
    if let Instr::Load { map, .. } = &mut contract.a.program.instrs[0].instr {
        map.guards.push(Guard { index: affine(0, &[0, 1]), extent: (k + 1).into() });
    }
    for short in [0, 1] {
        let mut b = Builder::new();
        let (x, w) = (b.input(DType::F32, [m * k - short]), b.input(DType::F32, [k * n]));
        let out = b.computed(DType::F32, [m, n]);
        b.step(Kernel::Contract(contract.clone()), &[x, w], &[out]);
        b.output(out);
        let inputs = [tensor(&[m * k - short], &noise(m * k - short, 1)), tensor(&[k * n], &noise(k * n, 2))];
        let result = try_run(&hadal_cpu::CpuBackend::with_threads(1), &b.finish(), &inputs);
        assert_eq!(result.is_err(), short == 1, "{result:?}");
    }
}
