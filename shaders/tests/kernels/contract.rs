//! Contractions.

use crate::case::{Case, floats, ints, load, noise, store};
use hadal_graph::program::{
    Affine, BinaryOp, Body, Contract, Guard, IndexMap, Instr, Kernel, Operand, PointwiseProgram, UnaryOp,
};
use hadal_graph::{DType, Dim, Scalar, Shape};
use std::collections::BTreeSet;

/// Sizes and layouts of one matrix product.
#[derive(Clone, Copy)]
struct Product {
    batch: usize,
    m: usize,
    n: usize,
    k: usize,
    /// A is stored [k, m], B is stored [n, k].
    transposed: (bool, bool),
    /// Sizes are symbols instead of constants.
    symbolic: bool,
}

fn map(batch_stride: Dim, first: Dim, second: Dim) -> IndexMap {
    IndexMap::new(Affine { offset: Dim::ZERO, coefficients: vec![batch_stride, first, second] })
}

/// `A · B` of `dtype`, converted to `to`, with data below 1 in size; returns the variants that ran.
fn check(product: Product, dtype: DType, to: DType, tolerance: f64) -> Vec<&'static str> {
    let Product { batch, m, n, k, transposed, symbolic } = product;
    let mut case = Case::new();
    let mut size = |name: &str, value: usize| match symbolic {
        true => case.symbol(name, value),
        false => Dim::from(value),
    };
    let [db, dm, dn, dk] = [size("b", batch), size("m", m), size("n", n), size("k", k)];
    let data = |count: usize, seed: u64| -> Vec<f64> {
        let scale = if dtype.is_float() { 1.0 } else { 100.0 };
        noise(count, seed)
            .iter()
            .map(|v| v * scale)
            .map(|v| if dtype.is_int() && !dtype.is_signed_int() { v.abs() } else { v })
            .map(|v| Scalar::new(v, dtype).to_f64())
            .collect()
    };
    let (a, b) = (data(batch * m * k, 21), data(batch * k * n, 22));
    let scalars = |data: &[f64]| data.iter().map(|&v| Scalar::new(v, dtype)).collect();
    let x = case.read(dtype, [&db * &dm * &dk], scalars(&a));
    let y = case.read(dtype, [&db * &dk * &dn], scalars(&b));
    case.write(to, [db.clone(), dm.clone(), dn.clone()]);
    let a_map = match transposed.0 {
        false => map(&dm * &dk, dk.clone(), Dim::ONE),
        true => map(&dm * &dk, Dim::ONE, dm.clone()),
    };
    let b_map = match transposed.1 {
        false => map(&dk * &dn, dn.clone(), Dim::ONE),
        true => map(&dk * &dn, Dim::ONE, dk.clone()),
    };
    let operand = |position, map| {
        let mut program = PointwiseProgram::default();
        let value = load(&mut program, position, map, dtype);
        Operand { program, value }
    };
    let mut epilogue = PointwiseProgram::default();
    let acc = epilogue.push(Instr::Accumulator(0), to);
    let kernel = Kernel::Contract(Contract {
        a: operand(x, a_map),
        b: operand(y, b_map),
        dtype: to,
        epilogue: Body {
            program: epilogue,
            stores: vec![store(0, acc, &[db.clone(), dm.clone(), dn.clone()])],
        },
        batch: Shape::of([db]),
        m: Shape::of([dm]),
        n: Shape::of([dn]),
        k: Shape::of([dk]),
    });
    let expected = (0..batch * m * n).map(|index| {
        let (i, row, column) = (index / (m * n), index / n % m, index % n);
        let at_a = |p: usize| a[i * m * k + if transposed.0 { p * m + row } else { row * k + p }];
        let at_b = |p: usize| b[i * k * n + if transposed.1 { column * k + p } else { p * n + column }];
        if to.is_float() {
            Scalar::new((0..k).map(|p| at_a(p) * at_b(p)).sum(), to)
        } else {
            Scalar::Int(to.wrap((0..k).map(|p| (at_a(p) * at_b(p)) as i128).sum()))
        }
    });
    case.check(kernel, &[expected.collect()], tolerance)
}

#[test]
fn sizes_around_a_tile_in_every_layout() {
    let mut variants = BTreeSet::new();
    for (m, n, k) in [
        (1, 1, 1),
        (3, 5, 7),
        (8, 8, 4),
        (9, 7, 5),
        (64, 64, 16),
        (65, 66, 17),
        (68, 132, 36),
        (7, 200, 33),
        (257, 259, 66),
    ] {
        for transposed in [(false, false), (false, true), (true, false), (true, true)] {
            let product = Product { batch: 2, m, n, k, transposed, symbolic: m % 4 != 0 };
            variants.extend(check(product, DType::F32, DType::F32, 1e-5));
        }
    }
    for variant in
        ["register_16x16_n", "register_8x8_n", "register_8x8_m", "register_1x8", "scalar", "tiled_64x64"]
    {
        assert!(
            variants.contains(format!("contract/{variant}").as_str()),
            "{variant} never ran: {variants:?}"
        );
    }
}

#[test]
fn thin_products_and_empty_ones() {
    let mut variants = BTreeSet::new();
    for (m, n, k) in
        [(1, 100, 300), (100, 1, 300), (1, 1, 2000), (1, 64, 128), (2, 3, 0), (0, 3, 4), (3, 0, 4)]
    {
        for transposed in [(false, false), (false, true)] {
            let product = Product { batch: 1, m, n, k, transposed, symbolic: false };
            variants.extend(check(product, DType::F32, DType::F32, 1e-5));
        }
    }
    assert!(variants.contains("contract/gemv_k") && variants.contains("contract/gemv_n"), "{variants:?}");
}

#[test]
fn other_dtypes() {
    let product = Product { batch: 1, m: 20, n: 24, k: 40, transposed: (false, true), symbolic: false };
    check(product, DType::F16, DType::F16, 1e-3);
    check(product, DType::F16, DType::F32, 1e-5);
    check(product, DType::BF16, DType::BF16, 8e-3);
    check(product, DType::I32, DType::I32, 0.0);
    check(product, DType::U32, DType::U32, 0.0);
    check(product, DType::I8, DType::I32, 0.0);
    check(product, DType::I8, DType::I8, 0.0);
    check(product, DType::I64, DType::I64, 0.0);
    check(Product { m: 1, k: 130, ..product }, DType::U64, DType::U64, 0.0);
}

#[test]
fn quantized_weights_stay_packed() {
    // relu(scale · (x: f32) · (w: i8 frozen) + bias)
    let (m, n, k) = (10usize, 12usize, 20usize);
    let mut case = Case::new();
    let x_data = noise(m * k, 31);
    let w_data: Vec<i128> = noise(k * n, 32).iter().map(|v| (v * 127.0) as i128).collect();
    let bias = noise(n, 33);
    let x = case.read(DType::F32, [m, k], floats(x_data.iter().copied()));
    let w = case.read_as(
        hadal_graph::program::Role::Parameter(0),
        DType::I8,
        [k, n],
        ints(w_data.iter().copied()),
    );
    let c = case.read(DType::F32, [n], floats(bias.iter().copied()));
    case.write(DType::F32, [m, n]);
    let mut p = PointwiseProgram::default();
    let a = load(&mut p, x, IndexMap::contiguous(&[Dim::from(m), Dim::from(k)]), DType::F32);
    let mut q = PointwiseProgram::default();
    let raw = load(&mut q, w, IndexMap::contiguous(&[Dim::from(k), Dim::from(n)]), DType::I8);
    let b = q.push(Instr::Cast(raw), DType::F32);
    let mut e = PointwiseProgram::default();
    let acc = e.push(Instr::Accumulator(0), DType::F32);
    let scale = e.push(Instr::Const(Scalar::Float(0.0078125)), DType::F32);
    let scaled = e.push(Instr::Binary(BinaryOp::Mul, acc, scale), DType::F32);
    let bias_reg = load(&mut e, c, IndexMap::new(Affine::axis(1, 2)), DType::F32);
    let sum = e.push(Instr::Binary(BinaryOp::Add, scaled, bias_reg), DType::F32);
    let zero = e.push(Instr::Const(Scalar::Float(0.0)), DType::F32);
    let out = e.push(Instr::Binary(BinaryOp::Max, sum, zero), DType::F32);
    let kernel = Kernel::Contract(Contract {
        batch: Shape::scalar(),
        m: Shape::of([m]),
        n: Shape::of([n]),
        k: Shape::of([k]),
        a: Operand { program: p, value: a },
        b: Operand { program: q, value: b },
        dtype: DType::F32,
        epilogue: Body { program: e, stores: vec![store(0, out, &[Dim::from(m), Dim::from(n)])] },
    });
    let expected = (0..m * n).map(|i| {
        let dot: f64 = (0..k).map(|p| x_data[i / n * k + p] * w_data[p * n + i % n] as f64).sum();
        (dot * 0.0078125 + bias[i % n]).max(0.0)
    });
    case.check(kernel, &[floats(expected)], 1e-5);
}

/// `x · ((w - zero) · scale)` with `w` of 8 bits, `[k, n]` or `[n, k]`; scale and zero point of each column, of each row or of all. Four weights are a word, where sizes allow that.
#[test]
fn quantized_weights_with_scales_and_zero_points() {
    for (m, n, k) in [(10usize, 12usize, 20usize), (9, 7, 20), (70, 64, 33)] {
        for (transposed, dtype, along) in [
            (false, DType::I8, Some(1)),
            (false, DType::U8, Some(0)),
            (true, DType::I8, Some(1)),
            (true, DType::U8, Some(0)),
            (false, DType::I8, None),
        ] {
            for zero in [false, true] {
                let mut case = Case::new();
                let least = if dtype == DType::I8 { -128 } else { 0 };
                let bytes = |count: usize, seed: i128| -> Vec<i128> {
                    (0..count as i128).map(|i| (i * 7919 + seed) % 251 + least).collect()
                };
                let (x_data, w_data, zeros) = (noise(m * k, 31), bytes(k * n, 3), bytes(64, 17));
                let scales: Vec<f64> = noise(64, 34).iter().map(|v| f64::from((v / 64.0) as f32)).collect();
                let parameter = hadal_graph::program::Role::Parameter;
                let x = case.read(DType::F32, [m, k], floats(x_data.iter().copied()));
                let w = case.read_as(parameter(0), dtype, [k * n], ints(w_data.iter().copied()));
                let s = case.read_as(parameter(1), DType::F32, [64], floats(scales.iter().copied()));
                let z = case.read_as(parameter(2), dtype, [64], ints(zeros.iter().copied()));
                case.write(DType::F32, [m, n]);
                let mut p = PointwiseProgram::default();
                let a = load(&mut p, x, IndexMap::contiguous(&[Dim::from(m), Dim::from(k)]), DType::F32);
                let mut q = PointwiseProgram::default();
                let strides = if transposed { (1, k) } else { (n, 1) };
                let of_axis = along
                    .map_or(Affine { offset: Dim::ZERO, coefficients: vec![Dim::ZERO; 2] }, |axis| {
                        Affine::axis(axis, 2)
                    });
                let weights =
                    Affine { offset: Dim::ZERO, coefficients: vec![strides.0.into(), strides.1.into()] };
                let mut b = load(&mut q, w, IndexMap::new(weights), dtype);
                if zero {
                    let wide = q.push(Instr::Cast(b), DType::I32);
                    let point = load(&mut q, z, IndexMap::new(of_axis.clone()), dtype);
                    let point = q.push(Instr::Cast(point), DType::I32);
                    b = q.push(Instr::Binary(BinaryOp::Sub, wide, point), DType::I32);
                }
                let b = q.push(Instr::Cast(b), DType::F32);
                let scale = load(&mut q, s, IndexMap::new(of_axis), DType::F32);
                let b = q.push(Instr::Binary(BinaryOp::Mul, b, scale), DType::F32);
                let mut e = PointwiseProgram::default();
                let out = e.push(Instr::Accumulator(0), DType::F32);
                let kernel = Kernel::Contract(Contract {
                    batch: Shape::scalar(),
                    m: Shape::of([m]),
                    n: Shape::of([n]),
                    k: Shape::of([k]),
                    a: Operand { program: p, value: a },
                    b: Operand { program: q, value: b },
                    dtype: DType::F32,
                    epilogue: Body { program: e, stores: vec![store(0, out, &[Dim::from(m), Dim::from(n)])] },
                });
                let weight = |row: usize, column: usize| {
                    let at = along.map_or(0, |axis| [row, column][axis]);
                    let w = w_data[row * strides.0 + column * strides.1] - if zero { zeros[at] } else { 0 };
                    w as f64 * scales[at]
                };
                let expected = (0..m * n)
                    .map(|i| (0..k).map(|row| x_data[i / n * k + row] * weight(row, i % n)).sum::<f64>());
                case.check(kernel, &[floats(expected)], 1e-5);
            }
        }
    }
}

#[test]
fn convolution_with_padding_and_stride() {
    // x[b, c, h, w] * f[o, c, 3, 3], stride 2, padding 1; tanh of it.
    let (b, c, h, w, o) = (2usize, 3usize, 9usize, 11usize, 5usize);
    let (oh, ow) = (5usize, 6usize);
    let mut case = Case::new();
    let x_data = noise(b * c * h * w, 41);
    let f_data = noise(o * c * 9, 42);
    let x = case.read(DType::F32, [b, c, h, w], floats(x_data.iter().copied()));
    let f = case.read(DType::F32, [o, c, 3, 3], floats(f_data.iter().copied()));
    case.write(DType::F32, [b, o, oh, ow]);
    // m = [o], n = [b, oh, ow], k = [c, kh, kw].
    let d = |v: &[i64]| v.iter().map(|&v| Dim::from(v)).collect::<Vec<_>>();
    let affine = |offset: i64, v: &[i64]| Affine { offset: Dim::from(offset), coefficients: d(v) };
    let (ci, hi, wi) = (c as i64, h as i64, w as i64);
    let mut p = PointwiseProgram::default();
    let a = load(&mut p, f, IndexMap::new(affine(0, &[ci * 9, 9, 3, 1])), DType::F32);
    let mut q = PointwiseProgram::default();
    let value = load(
        &mut q,
        x,
        IndexMap {
            address: affine(-wi - 1, &[hi * wi, wi, 1, ci * hi * wi, 2 * wi, 2]),
            guards: vec![
                Guard { index: affine(-1, &[0, 1, 0, 0, 2, 0]), extent: Dim::from(h) },
                Guard { index: affine(-1, &[0, 0, 1, 0, 0, 2]), extent: Dim::from(w) },
            ],
        },
        DType::F32,
    );
    let mut e = PointwiseProgram::default();
    let acc = e.push(Instr::Accumulator(0), DType::F32);
    let out = e.push(Instr::Unary(UnaryOp::Tanh, acc), DType::F32);
    let plane = (oh * ow) as i64;
    let address = affine(0, &[plane, o as i64 * plane, ow as i64, 1]);
    let kernel = Kernel::Contract(Contract {
        batch: Shape::scalar(),
        m: Shape::of([o]),
        n: Shape::of([b, oh, ow]),
        k: Shape::of([c, 3, 3]),
        a: Operand { program: p, value: a },
        b: Operand { program: q, value },
        dtype: DType::F32,
        epilogue: Body {
            program: e,
            stores: vec![hadal_graph::program::Store { target: 0, value: out, address, indirect: vec![] }],
        },
    });
    let expected = (0..b * o * oh * ow).map(|index| {
        let (i, ch, y, z) = (index / (o * oh * ow), index / (oh * ow) % o, index / ow % oh, index % ow);
        let mut sum = 0.0;
        for (cc, ky, kx) in (0..c * 9).map(|t| (t / 9, t / 3 % 3, t % 3)) {
            let (yy, xx) = ((y * 2 + ky).wrapping_sub(1), (z * 2 + kx).wrapping_sub(1));
            if yy < h && xx < w {
                sum += x_data[((i * c + cc) * h + yy) * w + xx] * f_data[(ch * c + cc) * 9 + ky * 3 + kx];
            }
        }
        sum.tanh()
    });
    case.check(kernel, &[floats(expected)], 1e-5);
}
