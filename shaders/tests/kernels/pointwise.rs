//! Elementwise kernels.

use crate::case::{Case, floats, ints, load, noise, store};
use hadal_graph::program::{
    Affine, BinaryOp, Body, Guard, IndexMap, Indirect, Instr, Kernel, Pointwise, PointwiseProgram, UnaryOp,
};
use hadal_graph::{DType, Dim, Scalar, Shape};

#[test]
fn contiguous_sizes_around_a_vec4() {
    for n in [0usize, 1, 2, 3, 4, 5, 63, 64, 65, 1023, 4099] {
        let mut case = Case::new();
        let dim = case.symbol("n", n);
        let (a, b) = (noise(n, 1), noise(n, 2));
        let x = case.read(DType::F32, [dim.clone()], floats(a.iter().copied()));
        let y = case.read(DType::F32, [dim.clone()], floats(b.iter().copied()));
        case.write(DType::F32, [dim.clone()]);
        let domain = Shape::of([dim]);
        let mut p = PointwiseProgram::default();
        let x = load(&mut p, x, IndexMap::contiguous(&domain), DType::F32);
        let y = load(&mut p, y, IndexMap::contiguous(&domain), DType::F32);
        let sum = p.push(Instr::Binary(BinaryOp::Add, x, y), DType::F32);
        let body = Body { program: p, stores: vec![store(0, sum, &domain)] };
        let expected = floats(a.iter().zip(&b).map(|(a, b)| a + b));
        let variants = case.check(Kernel::Pointwise(Pointwise { domain, body }), &[expected], 1e-7);
        assert_eq!(variants, ["pointwise/vec4", "pointwise/scalar"]);
    }
}

#[test]
fn broadcast_transposed_and_padded() {
    // out[i, j] = a[j, i] + bias[j] + (i > 0 ? a[j, i - 1] : 0)
    let (rows, columns) = (7usize, 12usize);
    let mut case = Case::new();
    let a = noise(rows * columns, 3);
    let bias = noise(columns, 4);
    let m = case.symbol("m", rows);
    let x = case.read(DType::F32, [Dim::from(columns), m.clone()], floats(a.iter().copied()));
    let b = case.read(DType::F32, [columns], floats(bias.iter().copied()));
    case.write(DType::F32, [m.clone(), Dim::from(columns)]);
    let domain = Shape::of([m.clone(), Dim::from(columns)]);
    let mut p = PointwiseProgram::default();
    let transposed = Affine { offset: Dim::ZERO, coefficients: vec![Dim::ONE, m.clone()] };
    let x0 = load(&mut p, x, IndexMap::new(transposed.clone()), DType::F32);
    let x1 = load(
        &mut p,
        x,
        IndexMap {
            address: transposed.shifted(&Dim::from(-1i64)),
            guards: vec![Guard { index: Affine::axis(0, 2).shifted(&Dim::from(-1i64)), extent: m }],
        },
        DType::F32,
    );
    let bias_reg = load(&mut p, b, IndexMap::new(Affine::axis(1, 2)), DType::F32);
    let sum = p.push(Instr::Binary(BinaryOp::Add, x0, bias_reg), DType::F32);
    let sum = p.push(Instr::Binary(BinaryOp::Add, sum, x1), DType::F32);
    let body = Body { program: p, stores: vec![store(0, sum, &domain)] };
    let expected = floats((0..rows * columns).map(|i| {
        let (i, j) = (i / columns, i % columns);
        a[j * rows + i] + bias[j] + if i > 0 { a[j * rows + i - 1] } else { 0.0 }
    }));
    case.check(Kernel::Pointwise(Pointwise { domain, body }), &[expected], 1e-6);
}

#[test]
fn gather_by_wide_index_and_its_fault() {
    for (bad, faults) in [(false, false), (true, true)] {
        let mut case = Case::new();
        let table = noise(5 * 8, 5);
        let mut picks = [4i128, 0, 2, 2, 1];
        if bad {
            picks[1] = -1;
        }
        let t = case.read(DType::F32, [5, 8], floats(table.iter().copied()));
        let ids = case.read(DType::I64, [5], ints(picks.iter().copied()));
        case.write(DType::F32, [5, 8]);
        let domain = Shape::of([5, 8]);
        let mut p = PointwiseProgram::default();
        let index = load(&mut p, ids, IndexMap::new(Affine::axis(0, 2)), DType::I64);
        let value = p.push(
            Instr::Load {
                operand: t,
                map: IndexMap::new(Affine::axis(1, 2)),
                indirect: vec![Indirect { index, stride: Dim::from(8), limit: Dim::from(4), clamped: false }],
            },
            DType::F32,
        );
        let body = Body { program: p, stores: vec![store(0, value, &domain)] };
        let expected = floats((0..40).map(|i| table[picks[i / 8].clamp(0, 4) as usize * 8 + i % 8]));
        case.check_faults(Kernel::Pointwise(Pointwise { domain, body }), &[expected], 0.0, faults);
    }
}

/// Runs `op` on `inputs` as one unary step.
fn unary(op: UnaryOp, inputs: &[f64], reference: &dyn Fn(f64) -> f64, tolerance: f64) {
    let mut case = Case::new();
    let x = case.read(DType::F32, [inputs.len()], floats(inputs.iter().copied()));
    case.write(DType::F32, [inputs.len()]);
    let domain = Shape::of([inputs.len()]);
    let mut p = PointwiseProgram::default();
    let x = load(&mut p, x, IndexMap::contiguous(&domain), DType::F32);
    let y = p.push(Instr::Unary(op, x), DType::F32);
    let body = Body { program: p, stores: vec![store(0, y, &domain)] };
    let expected: Vec<Scalar> =
        inputs.iter().map(|&v| Scalar::Float(reference(v as f32 as f64) as f32 as f64)).collect();
    println!("{op:?}");
    case.check(Kernel::Pointwise(Pointwise { domain, body }), &[expected], tolerance);
}

#[test]
fn float_functions() {
    use UnaryOp::*;
    let wide: Vec<f64> =
        noise(400, 6).iter().map(|v| v * 30.0).chain([0.0, -0.0, 1.0, -1.0, 0.5, -2.5, 1.5]).collect();
    let unit: Vec<f64> = noise(400, 7).into_iter().chain([0.0, 1.0, -1.0, 0.5, -0.5]).collect();
    let positive: Vec<f64> = wide.iter().map(|v| v.abs() + 1e-3).collect();
    let special = [f64::NAN, f64::INFINITY, f64::NEG_INFINITY, 100.0, -100.0, 1e30, -1e30, 1e-30];
    let mixed: Vec<f64> = wide.iter().copied().chain(special).collect();
    unary(Neg, &mixed, &|x| -x, 0.0);
    unary(Abs, &mixed, &f64::abs, 0.0);
    unary(Sign, &mixed, &|x| if x == 0.0 || x.is_nan() { x } else { x.signum() }, 0.0);
    unary(Floor, &wide, &f64::floor, 0.0);
    unary(Ceil, &wide, &f64::ceil, 0.0);
    unary(Round, &wide, &f64::round_ties_even, 0.0);
    unary(Trunc, &wide, &f64::trunc, 0.0);
    // WGSL grants exp an error of 3 + 2·|x| units in the last place, and |x| is 30 here.
    let exponential = 63.0 * f64::from(f32::EPSILON);
    unary(Exp, &mixed, &f64::exp, exponential);
    unary(Expm1, &mixed, &f64::exp_m1, exponential);
    unary(Log, &positive, &f64::ln, 1e-6);
    unary(Log1p, &positive, &f64::ln_1p, 1e-6);
    unary(Log1p, &unit[..390], &f64::ln_1p, 2e-6);
    unary(Sqrt, &positive, &f64::sqrt, 1e-6);
    unary(Rsqrt, &positive, &|x| 1.0 / x.sqrt(), 1e-6);
    unary(Reciprocal, &positive, &|x| 1.0 / x, 1e-6);
    unary(Sin, &wide, &f64::sin, 3e-7);
    unary(Cos, &wide, &f64::cos, 3e-7);
    unary(Tan, &unit, &f64::tan, 1e-6);
    unary(Asin, &unit, &f64::asin, 3e-7);
    unary(Acos, &unit, &f64::acos, 3e-7);
    unary(Atan, &mixed, &f64::atan, 3e-7);
    unary(Sinh, &mixed, &f64::sinh, exponential);
    unary(Cosh, &wide, &f64::cosh, exponential);
    unary(Tanh, &mixed, &f64::tanh, 3e-7);
    unary(Asinh, &wide, &f64::asinh, 1e-6);
    unary(Acosh, &wide.iter().map(|v| v.abs() + 1.0).collect::<Vec<_>>(), &f64::acosh, 1e-6);
    unary(Atanh, &unit, &f64::atanh, 2e-6);
    unary(Erf, &mixed[..407], &erf, 3e-7);
}

/// Series for small arguments, continued fraction for large ones.
fn erf(x: f64) -> f64 {
    let a = x.abs();
    let value = if a < 3.0 {
        let (mut term, mut sum) = (a, a);
        for n in 1..100 {
            term *= -a * a / n as f64;
            sum += term / (2 * n + 1) as f64;
        }
        sum * 2.0 / std::f64::consts::PI.sqrt()
    } else {
        let mut fraction = 0.0;
        for n in (1..60).rev() {
            fraction = n as f64 / 2.0 / (a + fraction);
        }
        1.0 - (-a * a).exp() / (a + fraction) / std::f64::consts::PI.sqrt()
    };
    value.copysign(x)
}
