//! Integer arithmetic, conversions, comparisons and random numbers, bit by bit.

use crate::case::{Case, load, store};
use hadal_graph::program::{
    Affine, BinaryOp, Body, CompareOp, IndexMap, Instr, Kernel, Pointwise, PointwiseProgram, Role, UnaryOp,
};
use hadal_graph::{DType, Scalar, Shape};

const INTEGERS: [DType; 8] =
    [DType::I8, DType::I16, DType::I32, DType::I64, DType::U8, DType::U16, DType::U32, DType::U64];

/// Values around every edge of `dtype`.
fn edges(dtype: DType) -> Vec<i128> {
    let (low, high) = dtype.int_range().unwrap();
    let mut values =
        vec![0, 1, 2, 3, 7, 13, 31, 33, 100, 127, 128, 255, 256, 32767, 65535, 65536, 16777217, 33685505];
    values.extend([
        low,
        low + 1,
        high,
        high - 1,
        high / 2,
        high / 3,
        0x1234567812345678,
        1 << 32,
        (1 << 32) - 1,
    ]);
    let negative: Vec<i128> = values.iter().map(|v| -v).collect();
    values.extend(negative);
    values.retain(|v| (low..=high).contains(v));
    values.sort_unstable();
    values.dedup();
    values
}

fn scalars(values: &[i128], dtype: DType) -> Vec<Scalar> {
    values.iter().map(|&v| if dtype == DType::Bool { Scalar::Bool(v != 0) } else { Scalar::Int(v) }).collect()
}

/// Dtype of a result, the instruction that gives it, and what is expected.
type Computed<'a> = (DType, &'a dyn Fn(&mut PointwiseProgram, &[usize]) -> usize, Vec<Scalar>);

/// A step for each result of the same operands.
fn check(from: DType, operands: &[Vec<Scalar>], results: &[Computed], tolerance: f64) {
    let n = operands[0].len();
    for (to, instr, expected) in results {
        let mut case = Case::new();
        let domain = Shape::of([n]);
        let mut program = PointwiseProgram::default();
        let regs: Vec<usize> = operands
            .iter()
            .map(|data| {
                let position = case.read(from, [n], data.clone());
                load(&mut program, position, IndexMap::contiguous(&domain), from)
            })
            .collect();
        case.write(*to, [n]);
        let value = instr(&mut program, &regs);
        let body = Body { program, stores: vec![store(0, value, &domain)] };
        case.check(Kernel::Pointwise(Pointwise { domain, body }), std::slice::from_ref(expected), tolerance);
    }
}

#[test]
fn integer_operations() {
    for dtype in INTEGERS {
        let values = edges(dtype);
        let pairs: Vec<(i128, i128)> =
            values.iter().flat_map(|&a| values.iter().map(move |&b| (a, b))).collect();
        let a = scalars(&pairs.iter().map(|p| p.0).collect::<Vec<_>>(), dtype);
        let b = scalars(&pairs.iter().map(|p| p.1).collect::<Vec<_>>(), dtype);
        let (low, _) = dtype.int_range().unwrap();
        let bits = dtype.size() as i128 * 8;
        type Reference<'a> = &'a dyn Fn(i128, i128) -> i128;
        let undefined = |a: i128, b: i128| b == 0 || (low < 0 && a == low && b == -1);
        let cases: [(BinaryOp, Reference); 12] = [
            (BinaryOp::Add, &|a, b| a + b),
            (BinaryOp::Sub, &|a, b| a - b),
            (BinaryOp::Mul, &|a: i128, b: i128| a.wrapping_mul(b)),
            (BinaryOp::Div, &|a, b| if undefined(a, b) { a } else { a / b }),
            (BinaryOp::Rem, &|a, b| if undefined(a, b) { 0 } else { a % b }),
            (BinaryOp::Max, &|a: i128, b: i128| a.max(b)),
            (BinaryOp::Min, &|a: i128, b: i128| a.min(b)),
            (BinaryOp::And, &|a, b| a & b),
            (BinaryOp::Or, &|a, b| a | b),
            (BinaryOp::Xor, &|a, b| a ^ b),
            (BinaryOp::Shl, &|a, b| a << b.rem_euclid(bits)),
            (BinaryOp::Shr, &|a, b| a >> b.rem_euclid(bits)),
        ];
        for (op, reference) in cases {
            println!("{op:?} {dtype}");
            let expected: Vec<i128> = pairs.iter().map(|&(a, b)| dtype.wrap(reference(a, b))).collect();
            check(
                dtype,
                &[a.clone(), b.clone()],
                &[(dtype, &|p, r| p.push(Instr::Binary(op, r[0], r[1]), dtype), scalars(&expected, dtype))],
                0.0,
            );
        }
        type Comparison<'a> = &'a dyn Fn(&i128, &i128) -> bool;
        let comparisons: [(CompareOp, Comparison); 6] = [
            (CompareOp::Eq, &|a, b| a == b),
            (CompareOp::Ne, &|a, b| a != b),
            (CompareOp::Lt, &|a, b| a < b),
            (CompareOp::Le, &|a, b| a <= b),
            (CompareOp::Gt, &|a, b| a > b),
            (CompareOp::Ge, &|a, b| a >= b),
        ];
        for (op, reference) in comparisons {
            let expected = pairs.iter().map(|(a, b)| Scalar::Bool(reference(a, b))).collect();
            check(
                dtype,
                &[a.clone(), b.clone()],
                &[(DType::Bool, &|p, r| p.push(Instr::Compare(op, r[0], r[1]), DType::Bool), expected)],
                0.0,
            );
        }
        type Single<'a> = &'a dyn Fn(i128) -> i128;
        let unaries: [(UnaryOp, Single); 4] = [
            (UnaryOp::Neg, &|a| -a),
            (UnaryOp::Abs, &i128::abs),
            (UnaryOp::Sign, &i128::signum),
            (UnaryOp::Not, &|a| !a),
        ];
        for (op, reference) in unaries {
            let expected: Vec<i128> = values.iter().map(|&a| dtype.wrap(reference(a))).collect();
            check(
                dtype,
                &[scalars(&values, dtype)],
                &[(dtype, &|p, r| p.push(Instr::Unary(op, r[0]), dtype), scalars(&expected, dtype))],
                0.0,
            );
        }
    }
}

#[test]
fn integer_powers() {
    for dtype in [DType::I8, DType::I32, DType::U32, DType::I64] {
        let bases = [0i128, 1, 2, 3, 7, 100];
        let exponents = [0i128, 1, 2, 3, 7, 31];
        let signs: &[i128] = if dtype.is_signed_int() { &[1, -1] } else { &[1] };
        let pairs: Vec<(i128, i128)> = bases
            .iter()
            .flat_map(|&a| exponents.iter().map(move |&b| (a, b)))
            .flat_map(|(a, b)| signs.iter().flat_map(move |s| signs.iter().map(move |t| (a * s, b * t))))
            .collect();
        let power = |a: i128, b: i128| match (a, b) {
            (1, _) => 1,
            (-1, b) => {
                if b % 2 == 0 {
                    1
                } else {
                    -1
                }
            }
            (_, b) if b < 0 => 0,
            (a, b) => (0..b).fold(1i128, |x, _| dtype.wrap(x * a)),
        };
        let expected: Vec<i128> = pairs.iter().map(|&(a, b)| power(a, b)).collect();
        let side =
            |f: &dyn Fn(&(i128, i128)) -> i128| scalars(&pairs.iter().map(f).collect::<Vec<_>>(), dtype);
        check(
            dtype,
            &[side(&|p| p.0), side(&|p| p.1)],
            &[(
                dtype,
                &|p, r| p.push(Instr::Binary(BinaryOp::Pow, r[0], r[1]), dtype),
                scalars(&expected, dtype),
            )],
            0.0,
        );
    }
}

#[test]
fn conversions_between_all_dtypes() {
    let floats = [
        0.0,
        -0.0,
        1.0,
        -1.0,
        0.4,
        -0.4,
        0.5,
        1.5,
        -2.7,
        100.7,
        127.9,
        128.0,
        -128.9,
        255.5,
        256.0,
        32768.0,
        65504.0,
        65519.0,
        65520.0,
        65536.0,
        -65536.0,
        2147483520.0,
        2147483648.0,
        -2147483648.0,
        4294967040.0,
        4294967296.0,
        1e15,
        -1e15,
        9.2233715e18,
        9.223372e18,
        -9.223372e18,
        1.8446743e19,
        1.8446744e19,
        1e30,
        -1e30,
        6e-8,
        3e-8,
        1e-5,
        1.00048828125,
        1.0009765625,
        f64::INFINITY,
        f64::NEG_INFINITY,
        f64::NAN,
    ];
    let all: Vec<DType> = DType::ALL.into_iter().filter(|d| *d != DType::F64).collect();
    for &from in &all {
        let values: Vec<Scalar> = match from {
            DType::Bool => vec![Scalar::Bool(false), Scalar::Bool(true)],
            d if d.is_float() => floats.iter().map(|&v| Scalar::Float(from.round(v as f32 as f64))).collect(),
            d => scalars(&edges(d), d),
        };
        for &to in &all {
            println!("{from} to {to}");
            let expected = values
                .iter()
                .map(|v| match (from.is_float(), to) {
                    (_, DType::Bool) => Scalar::Bool(v.to_f64() != 0.0),
                    (true, d) if d.is_float() => Scalar::Float(to.round(v.to_f64())),
                    (true, d) => {
                        let (low, high) = d.int_range().unwrap();
                        Scalar::Int((v.to_f64() as i128).clamp(low, high))
                    }
                    (false, DType::F32) => Scalar::Float(v.to_i128() as f32 as f64),
                    (false, d) if d.is_float() => Scalar::Float(to.round(v.to_i128() as f64)),
                    (false, d) => Scalar::Int(d.wrap(v.to_i128())),
                })
                .collect();
            check(
                from,
                std::slice::from_ref(&values),
                &[(to, &|p, r| p.push(Instr::Cast(r[0]), to), expected)],
                0.0,
            );
        }
    }
}

#[test]
fn packed_parameters_are_unpacked() {
    for dtype in [DType::Bool, DType::I8, DType::U8, DType::I16, DType::U16, DType::F16, DType::BF16] {
        let values: Vec<Scalar> = match dtype {
            DType::Bool => (0..37).map(|i| Scalar::Bool(i % 3 == 0)).collect(),
            d if d.is_float() => (0..37).map(|i| Scalar::new(i as f64 * 0.37 - 5.0, d)).collect(),
            d => (0..37).map(|i| Scalar::Int(d.wrap(i * 7919 - 999))).collect(),
        };
        let mut case = Case::new();
        let domain = Shape::of([37]);
        let position = case.read_as(Role::Parameter(0), dtype, [37], values.clone());
        case.write(dtype, [37]);
        let mut program = PointwiseProgram::default();
        let value = load(&mut program, position, IndexMap::contiguous(&domain), dtype);
        let body = Body { program, stores: vec![store(0, value, &domain)] };
        case.check(Kernel::Pointwise(Pointwise { domain, body }), &[values], 0.0);
    }
}

#[test]
fn float_binary_functions() {
    let values = [
        0.0,
        -0.0,
        1.0,
        -1.0,
        2.0,
        -2.0,
        0.5,
        3.0,
        -3.0,
        2.5,
        -7.25,
        10.0,
        64.0,
        1e-3,
        123.456,
        f64::INFINITY,
        f64::NEG_INFINITY,
        f64::NAN,
    ];
    let values: Vec<f64> = values.iter().map(|&v| v as f32 as f64).collect();
    let pairs: Vec<(f64, f64)> = values.iter().flat_map(|&a| values.iter().map(move |&b| (a, b))).collect();
    let nan_or = |a: f64, b: f64, v: f64| if a.is_nan() || b.is_nan() { f64::NAN } else { v };
    type Reference<'a> = &'a dyn Fn(f64, f64) -> f64;
    let cases: [(BinaryOp, Reference, f64); 5] = [
        (BinaryOp::Max, &|a, b| nan_or(a, b, a.max(b)), 0.0),
        (BinaryOp::Min, &|a, b| nan_or(a, b, a.min(b)), 0.0),
        (BinaryOp::Rem, &|a, b| a % b, 0.0),
        (BinaryOp::Pow, &f64::powf, 2e-5),
        (BinaryOp::Atan2, &f64::atan2, 3e-7),
    ];
    for (op, reference, tolerance) in cases {
        println!("{op:?}");
        let side =
            |f: &dyn Fn(&(f64, f64)) -> f64| pairs.iter().map(|p| Scalar::Float(f(p))).collect::<Vec<_>>();
        let expected = pairs.iter().map(|&(a, b)| Scalar::Float(reference(a, b) as f32 as f64)).collect();
        check(
            DType::F32,
            &[side(&|p| p.0), side(&|p| p.1)],
            &[(DType::F32, &|p, r| p.push(Instr::Binary(op, r[0], r[1]), DType::F32), expected)],
            tolerance,
        );
    }
    type Comparison<'a> = (CompareOp, &'a dyn Fn(&f64, &f64) -> bool);
    let comparisons: [Comparison<'_>; 6] = [
        (CompareOp::Eq, &|a, b| a == b),
        (CompareOp::Ne, &|a, b| a != b),
        (CompareOp::Lt, &|a, b| a < b),
        (CompareOp::Le, &|a, b| a <= b),
        (CompareOp::Gt, &|a, b| a > b),
        (CompareOp::Ge, &|a, b| a >= b),
    ];
    for (op, reference) in comparisons {
        let side =
            |f: &dyn Fn(&(f64, f64)) -> f64| pairs.iter().map(|p| Scalar::Float(f(p))).collect::<Vec<_>>();
        let expected = pairs.iter().map(|(a, b)| Scalar::Bool(reference(a, b))).collect();
        check(
            DType::F32,
            &[side(&|p| p.0), side(&|p| p.1)],
            &[(DType::Bool, &|p, r| p.push(Instr::Compare(op, r[0], r[1]), DType::Bool), expected)],
            0.0,
        );
    }
}

/// Known answers of Philox4x32-10 (Random123's test vectors for the zero counter and key), and blocks that follow one another.
#[test]
fn random_bits() {
    let mut case = Case::new();
    case.write(DType::U32, [9]);
    let domain = Shape::of([9]);
    let mut program = PointwiseProgram::default();
    let zero = program.push(Instr::Const(Scalar::Int(0)), DType::U32);
    let counter = Affine::axis(0, 1);
    let value = program.push(Instr::Random { key: [zero, zero], counter }, DType::U32);
    let body = Body { program, stores: vec![store(0, value, &domain)] };
    let words = (0..9).map(|i| Scalar::Int(i128::from(philox(i / 4, [0, 0])[i as usize % 4]))).collect();
    assert_eq!(philox(0, [0, 0]), [0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8]);
    case.check(Kernel::Pointwise(Pointwise { domain, body }), &[words], 0.0);
}

fn philox(counter: u32, mut key: [u32; 2]) -> [u32; 4] {
    let mut c = [counter, 0, 0, 0];
    for _ in 0..10 {
        let first = 0xD2511F53u64 * u64::from(c[0]);
        let second = 0xCD9E8D57u64 * u64::from(c[2]);
        c = [
            (second >> 32) as u32 ^ c[1] ^ key[0],
            second as u32,
            (first >> 32) as u32 ^ c[3] ^ key[1],
            first as u32,
        ];
        key = [key[0].wrapping_add(0x9E3779B9), key[1].wrapping_add(0xBB67AE85)];
    }
    c
}
