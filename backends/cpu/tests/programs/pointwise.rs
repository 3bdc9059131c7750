use crate::build::*;
use hadal_cpu::CpuBackend;
use hadal_device::DeviceError;
use hadal_graph::program::*;
use hadal_graph::{DType, Dim, HostTensor, Scalar};
use std::sync::Arc;

/// One pointwise step over `domain` whose body `f` builds: it returns the register to store, row-major.
fn pointwise(
    domain: &[usize],
    inputs: &[(DType, &[usize])],
    result: DType,
    f: impl FnOnce(&mut PointwiseProgram, &[Dim]) -> Reg,
) -> Arc<Program> {
    let domain = dims(domain);
    let mut b = Builder::new();
    let reads: Vec<ValueId> = inputs.iter().map(|(d, s)| b.input(*d, *s)).collect();
    let out = b.computed(result, hadal_graph::Shape(domain.clone()));
    let mut program = PointwiseProgram::default();
    let value = f(&mut program, &domain);
    let body = Body { program, stores: vec![store(0, value, &domain)] };
    b.step(Kernel::Pointwise(Pointwise { domain: hadal_graph::Shape(domain), body }), &reads, &[out]);
    b.output(out);
    b.finish()
}

#[test]
fn fused_chain_with_broadcasts() {
    for (rows, columns) in [(1, 1), (3, 5), (7, 1000), (300, 384), (2000, 3), (1, 70_000)] {
        let program = pointwise(
            &[rows, columns],
            &[(DType::F32, &[rows, columns]), (DType::F32, &[columns]), (DType::F32, &[rows])],
            DType::F32,
            |p, d| {
                let x = load(p, 0, DType::F32, d);
                let bias = load_strided(p, 1, DType::F32, 0, &[0, 1]);
                let scale = load_strided(p, 2, DType::F32, 0, &[1, 0]);
                let half = p.push(Instr::Const(Scalar::Float(0.5)), DType::F32);
                let scale = p.push(Instr::Binary(BinaryOp::Mul, scale, half), DType::F32);
                let sum = p.push(Instr::Binary(BinaryOp::Add, x, bias), DType::F32);
                let e = p.push(Instr::Unary(UnaryOp::Erf, sum), DType::F32);
                p.push(Instr::Binary(BinaryOp::Mul, e, scale), DType::F32)
            },
        );
        let (x, bias, scale) = (noise(rows * columns, 1), noise(columns, 2), noise(rows, 3));
        let expected: Vec<f64> = (0..rows * columns)
            .map(|i| libm::erf(x[i] as f64 + bias[i % columns] as f64) * 0.5 * scale[i / columns] as f64)
            .collect();
        let inputs = [tensor(&[rows, columns], &x), tensor(&[columns], &bias), tensor(&[rows], &scale)];
        close(&run1(&program, &inputs), &expected, 3e-7);
    }
}

#[test]
fn transposed_and_reversed_loads() {
    let (n, m) = (37, 70);
    let program = pointwise(&[m, n], &[(DType::I16, &[n, m])], DType::I16, |p, _| {
        let transposed = load_strided(p, 0, DType::I16, 0, &[1, m as i64]);
        let reversed = load_strided(p, 0, DType::I16, (n * m - 1) as i64, &[-(n as i64), -1]);
        p.push(Instr::Binary(BinaryOp::Sub, transposed, reversed), DType::I16)
    });
    let x: Vec<i16> = (0..n * m).map(|i| (i * 7 % 1000) as i16).collect();
    let expected: Vec<i16> = (0..n * m).map(|i| x[i % n * m + i / n] - x[n * m - 1 - i]).collect();
    assert_eq!(run1::<i16>(&program, &[HostTensor::new([n, m], &x).unwrap()]), expected);
}

#[test]
fn guards_give_zero_and_stay_in_range() {
    // Padding by 2 on both sides, and a dilated window that leaves the operand on both sides.
    for n in [3usize, 600, 5000] {
        for step in [1i64, 2, -3] {
            let width = n + 4;
            let program = pointwise(&[2, width], &[(DType::F32, &[2, n])], DType::F32, |p, _| {
                let guard = Guard { index: affine(-2, &[0, step]), extent: n.into() };
                let inside = p.push(Instr::InBounds(vec![guard.clone()]), DType::Bool);
                let map = IndexMap { address: affine(-2, &[n as i64, step]), guards: vec![guard] };
                let x = p.push(Instr::Load { operand: 0, map, indirect: vec![] }, DType::F32);
                let minus = p.push(Instr::Const(Scalar::Float(-1.0)), DType::F32);
                let one = p.push(Instr::Const(Scalar::Float(1.0)), DType::F32);
                let mark = p.push(Instr::Select(inside, one, minus), DType::F32);
                p.push(Instr::Binary(BinaryOp::Add, x, mark), DType::F32)
            });
            let x = noise(2 * n, 5);
            let expected: Vec<f64> = (0..2 * width as i64)
                .map(|i| {
                    let (row, at) = (i / width as i64, i % width as i64 * step - 2);
                    match usize::try_from(at) {
                        Ok(at) if at < n => x[row as usize * n + at] as f64 + 1.0,
                        _ => -1.0,
                    }
                })
                .collect();
            close(&run1(&program, &[tensor(&[2, n], &x)]), &expected, 1e-7);
        }
    }
}

fn gather(rows: usize, width: usize, table: usize, clamped: bool) -> Arc<Program> {
    pointwise(&[rows, width], &[(DType::F16, &[table, width]), (DType::I64, &[rows])], DType::F16, |p, _| {
        let index = load_strided(p, 1, DType::I64, 0, &[1, 0]);
        let limit = (table as i64 - 1).into();
        let indirect = vec![Indirect { index, stride: width.into(), limit, clamped }];
        p.push(Instr::Load { operand: 0, map: IndexMap::new(affine(0, &[0, 1])), indirect }, DType::F16)
    })
}

#[test]
fn gathers_and_their_faults() {
    for width in [1usize, 5, 384] {
        let table: Vec<half::f16> = noise(10 * width, 7).into_iter().map(half::f16::from_f32).collect();
        let index: Vec<i64> = (0..33).map(|i| i * 3 % 10).collect();
        let inputs = [HostTensor::new([10, width], &table).unwrap(), HostTensor::new([33], &index).unwrap()];
        let expected: Vec<half::f16> =
            index.iter().flat_map(|&i| table[i as usize * width..][..width].to_vec()).collect();
        assert_eq!(run1::<half::f16>(&gather(33, width, 10, false), &inputs), expected);

        let outside: Vec<i64> = (0..33).map(|i| i - 4).collect();
        let inputs = [inputs[0].clone(), HostTensor::new([33], &outside).unwrap()];
        let error =
            try_run(&CpuBackend::with_threads(2), &gather(33, width, 10, false), &inputs).unwrap_err();
        assert_eq!(error, DeviceError::IndexOutOfRange { op: "step".into() });
        let expected: Vec<half::f16> =
            outside.iter().flat_map(|&i| table[i.clamp(0, 9) as usize * width..][..width].to_vec()).collect();
        assert_eq!(run1::<half::f16>(&gather(33, width, 10, true), &inputs), expected);
    }
}

/// `rows` rows of a table, of which the first and the last are padding whose indices must not be looked at.
#[test]
fn gathers_under_guards() {
    let (rows, table) = (40usize, 10usize);
    for width in [1usize, 6, 500] {
        for per_element in [false, true] {
            let count = if per_element { rows * width } else { rows };
            let program = |limit: i64| {
                let inputs: [(DType, &[usize]); 2] = [(DType::F32, &[table, width]), (DType::I32, &[count])];
                pointwise(&[rows, width], &inputs, DType::F32, |p, _| {
                    let strides = if per_element { [width as i64, 1] } else { [1, 0] };
                    let index = load_strided(p, 1, DType::I32, 0, &strides);
                    let indirect =
                        vec![Indirect { index, stride: width.into(), limit: limit.into(), clamped: false }];
                    let guard = Guard { index: affine(-1, &[1, 0]), extent: (rows - 2).into() };
                    let map = IndexMap { address: affine(0, &[0, 1]), guards: vec![guard] };
                    p.push(Instr::Load { operand: 0, map, indirect }, DType::F32)
                })
            };
            let values = noise(table * width, 3);
            let index: Vec<i32> = (0..count)
                .map(|i| match i * rows / count {
                    0 => 1_000_000,
                    r if r == rows - 1 => -5,
                    _ => (i * 7 % table) as i32,
                })
                .collect();
            let expected: Vec<f64> = (0..rows * width)
                .map(|i| match i / width {
                    0 => 0.0,
                    r if r == rows - 1 => 0.0,
                    r => values[index[if per_element { i } else { r }] as usize * width + i % width] as f64,
                })
                .collect();
            let inputs = [tensor(&[table, width], &values), HostTensor::new([count], &index).unwrap()];
            close(&run1(&program(table as i64 - 1), &inputs), &expected, 0.0);
            // Where the guard holds, an index beyond the limit is a fault.
            let error =
                try_run(&CpuBackend::with_threads(1), &program(table as i64 - 2), &inputs).unwrap_err();
            assert_eq!(error, DeviceError::IndexOutOfRange { op: "step".into() });
        }
    }
}

#[test]
fn stores_are_rounded_and_strided() {
    // bf16 rounds to nearest even, NaN stays NaN; every second element is written by each of two stores.
    let x = [1.0f32, 1.003_906_3, 1.011_718_8, f32::NAN, f32::INFINITY, -3.3e38];
    let mut b = Builder::new();
    let input = b.input(DType::F32, [6]);
    let out = b.computed(DType::BF16, [12]);
    let mut p = PointwiseProgram::default();
    let v = load(&mut p, 0, DType::F32, &dims(&[6]));
    let rounded = p.push(Instr::Cast(v), DType::BF16);
    let negative = p.push(Instr::Unary(UnaryOp::Neg, rounded), DType::BF16);
    let at = |value, offset| Store { target: 0, value, address: affine(offset, &[2]), indirect: vec![] };
    let body = Body { program: p, stores: vec![at(rounded, 0), at(negative, 1)] };
    b.step(Kernel::Pointwise(Pointwise { domain: [6].into(), body }), &[input], &[out]);
    b.output(out);
    let found = run1::<half::bf16>(&b.finish(), &[tensor(&[6], &x)]);
    for (i, &x) in x.iter().enumerate() {
        let expected = half::bf16::from_f32(x);
        assert!(found[2 * i] == expected || x.is_nan() && found[2 * i].is_nan(), "{x}");
        assert!(found[2 * i + 1] == -expected || x.is_nan());
    }
}

fn binary(dtype: DType, op: BinaryOp, n: usize) -> Arc<Program> {
    pointwise(&[n], &[(dtype, &[n]), (dtype, &[n])], dtype, |p, d| {
        let (a, b) = (load(p, 0, dtype, d), load(p, 1, dtype, d));
        p.push(Instr::Binary(op, a, b), dtype)
    })
}

#[test]
fn integer_edge_cases() {
    let a = [7i8, -7, -128, -128, 5, 3, -1, 2, 100];
    let b = [0i8, 2, -1, 0, -3, -2, -3, 7, 100];
    let check = |op, expected: [i8; 9]| {
        let inputs = [HostTensor::new([9], &a).unwrap(), HostTensor::new([9], &b).unwrap()];
        assert_eq!(run1::<i8>(&binary(DType::I8, op, 9), &inputs), expected, "{op:?}");
    };
    check(BinaryOp::Div, [7, -3, -128, -128, -1, -1, 0, 0, 1]);
    check(BinaryOp::Rem, [0, -1, 0, 0, 2, 1, -1, 2, 0]);
    check(BinaryOp::Mul, [0, -14, -128, 0, -15, -6, 3, 14, 16]);
    check(BinaryOp::Pow, [1, 49, 0, 1, 0, 0, -1, -128, 0]);
    check(BinaryOp::Shl, [7, -28, 0, -128, -96, -64, -32, 0, 64]);
    check(BinaryOp::Shr, [7, -2, -1, -128, 0, 0, -1, 0, 6]);
}

#[test]
fn nan_wins_in_max_and_min() {
    let (a, b) = ([1.0f32, f32::NAN, 2.0, -0.5], [f32::NAN, 1.0, 3.0, -1.0]);
    let inputs = [tensor(&[4], &a), tensor(&[4], &b)];
    close(&run1(&binary(DType::F32, BinaryOp::Max, 4), &inputs), &[f64::NAN, f64::NAN, 3.0, -0.5], 0.0);
    close(&run1(&binary(DType::F32, BinaryOp::Min, 4), &inputs), &[f64::NAN, f64::NAN, 2.0, -1.0], 0.0);
}

#[test]
fn every_cast() {
    let values = [-3.7f64, -1.0, 0.0, 0.4, 1.5, 100.0, 300.0, 1e10, -1e20, f64::INFINITY, f64::NAN];
    for from in DType::ALL {
        let scalars: Vec<Scalar> = values.iter().map(|&v| Scalar::new(v, from)).collect();
        let n = scalars.len();
        let input = HostTensor::from_scalars(from, [n], scalars.clone()).unwrap();
        for to in DType::ALL {
            let program = pointwise(&[n], &[(from, &[n])], to, |p, d| {
                let x = load(p, 0, from, d);
                p.push(Instr::Cast(x), to)
            });
            let bytes = run(&program, std::slice::from_ref(&input)).remove(0);
            let found = HostTensor::from_bytes(to, [n], hadal_graph::Bytes::new(bytes)).unwrap();
            for (s, f) in scalars.iter().zip(found.scalars()) {
                let expected = match (*s, to) {
                    (Scalar::Float(x), _) if to.is_int() => {
                        let (low, high) = to.int_range().unwrap();
                        let truncated = if x.is_nan() { 0 } else { x.trunc() as i128 };
                        Scalar::Int(truncated.clamp(low, high))
                    }
                    (s, _) if to == DType::Bool => Scalar::Bool(s.to_f64() != 0.0),
                    (s, _) if to.is_int() => Scalar::Int(to.wrap(s.to_i128())),
                    (s, _) => Scalar::Float(to.round(s.to_f64())),
                };
                let nan = expected.to_f64().is_nan() && f.to_f64().is_nan();
                assert!(f == expected || nan, "{s} from {from} to {to}: {f}, expected {expected}");
            }
        }
    }
}

#[test]
fn random_numbers_do_not_depend_on_the_walk() {
    let n = 5003;
    let draw = |offset: i64| {
        pointwise(&[n], &[(DType::U32, &[2])], DType::U32, |p, _| {
            let low = load_strided(p, 0, DType::U32, 0, &[0]);
            let high = load_strided(p, 0, DType::U32, 1, &[0]);
            p.push(Instr::Random { key: [low, high], counter: affine(offset, &[1]) }, DType::U32)
        })
    };
    let key = HostTensor::new([2], &[0u32, 0]).unwrap();
    let all = run1::<u32>(&draw(0), std::slice::from_ref(&key));
    // Philox4x32-10 of counter and key zero.
    assert_eq!(all[..4], [0x6627_e8d5, 0xe169_c58d, 0xbc57_ac4c, 0x9b00_dbd8]);
    assert_eq!(run1::<u32>(&draw(7), &[key])[..n - 7], all[7..]);
}

#[test]
fn in_place_results_do_not_disturb_their_step() {
    // y takes over x; z needs the old x.
    let n = 3000;
    let mut b = Builder::new();
    let input = b.input(DType::F32, [n]);
    let (x, z) = (b.computed(DType::F32, [n]), b.computed(DType::F32, [n]));
    let d = dims(&[n]);
    let domain = hadal_graph::Shape(d.clone());
    let mut p = PointwiseProgram::default();
    let v = load(&mut p, 0, DType::F32, &d);
    let twice = p.push(Instr::Binary(BinaryOp::Add, v, v), DType::F32);
    let body = Body { program: p, stores: vec![store(0, twice, &d)] };
    b.step(Kernel::Pointwise(Pointwise { domain: domain.clone(), body }), &[input], &[x]);
    let y = b.taking(x);
    let mut p = PointwiseProgram::default();
    let v = load(&mut p, 0, DType::F32, &d);
    let negative = p.push(Instr::Unary(UnaryOp::Neg, v), DType::F32);
    let body = Body { program: p, stores: vec![store(0, negative, &d), store(1, v, &d)] };
    b.step(Kernel::Pointwise(Pointwise { domain, body }), &[x], &[y, z]);
    b.output(y);
    b.output(z);
    let data = noise(n, 9);
    let outputs = run(&b.finish(), &[tensor(&[n], &data)]);
    close(&elements(&outputs[0]), &data.iter().map(|&v| -2.0 * v as f64).collect::<Vec<_>>(), 0.0);
    close(&elements(&outputs[1]), &data.iter().map(|&v| 2.0 * v as f64).collect::<Vec<_>>(), 0.0);
}

#[test]
fn empty_and_scalar_domains() {
    let program = pointwise(&[0, 5], &[(DType::F32, &[0, 5])], DType::F32, |p, d| load(p, 0, DType::F32, d));
    assert!(run1::<f32>(&program, &[tensor(&[0, 5], &[])]).is_empty());
    let program = pointwise(&[], &[(DType::F64, &[])], DType::F64, |p, d| {
        let x = load(p, 0, DType::F64, d);
        p.push(Instr::Unary(UnaryOp::Erf, x), DType::F64)
    });
    let found = run1::<f64>(&program, &[HostTensor::scalar(DType::F64, Scalar::Float(0.5))]);
    assert!((found[0] - 0.520_499_877_813_046_5).abs() < 1e-15);
}

#[test]
fn addresses_outside_of_an_operand_are_refused() {
    let program = pointwise(&[10], &[(DType::F32, &[9])], DType::F32, |p, d| load(p, 0, DType::F32, d));
    let error = try_run(&CpuBackend::with_threads(1), &program, &[tensor(&[9], &[0.0; 9])]).unwrap_err();
    assert!(matches!(&error, DeviceError::Argument(text) if text.contains("outside")), "{error}");
}
