//! CUDA's own mathematical functions, as NVRTC inlines them: dozens of instructions each, which must give what the host's functions give to the accuracy that CUDA states.

use crate::Device;

/// A name, the same of the host, and units in the last place that CUDA's may be off.
type Function = (&'static str, fn(f64, f64) -> f64, f64);

const FUNCTIONS: [Function; 18] = [
    ("sin", |x, _| x.sin(), 2.0),
    ("cos", |x, _| x.cos(), 2.0),
    ("tan", |x, _| x.tan(), 4.0),
    ("asin", |x, _| (x / 300.0).asin(), 2.0),
    ("atan", |x, _| x.atan(), 2.0),
    ("sinh", |x, _| (x / 8.0).sinh(), 3.0),
    ("tanh", |x, _| x.tanh(), 2.0),
    ("exp", |x, _| (x / 8.0).exp(), 2.0),
    ("exp2", |x, _| (x / 8.0).exp2(), 2.0),
    ("expm1", |x, _| (x / 8.0).exp_m1(), 2.0),
    ("log", |x, _| x.abs().ln(), 1.0),
    ("log1p", |x, _| x.abs().ln_1p(), 1.0),
    ("log2", |x, _| x.abs().log2(), 1.0),
    ("sqrt", |x, _| x.abs().sqrt(), 0.5),
    ("cbrt", |x, _| x.cbrt(), 1.0),
    ("pow", |x, y| x.abs().powf(y), 4.0),
    ("atan2", |x, y| x.atan2(y), 3.0),
    ("fmod", |x, y| x % y, 0.0),
];

/// Units in the last place of a type with `bits` of fraction between two results.
fn distance(found: f64, expected: f64, bits: i32) -> f64 {
    if found == expected || found.is_nan() && expected.is_nan() {
        return 0.0;
    }
    let unit = 2f64.powi(expected.abs().log2().floor() as i32 - bits);
    (found - expected).abs() / unit
}

fn source(of: &str, suffix: &str) -> String {
    let argument = |name: &str| match name {
        "asin" => "x / 300",
        "sinh" | "exp" | "exp2" | "expm1" => "x / 8",
        "log" | "log1p" | "log2" | "sqrt" => "fabs(x)",
        "pow" => "fabs(x), y",
        "atan2" | "fmod" => "x, y",
        _ => "x",
    };
    let lines: String = FUNCTIONS
        .iter()
        .enumerate()
        .map(|(i, (name, ..))| format!("out[{i} * n + i] = {name}{suffix}({});\n", argument(name)))
        .collect();
    format!(
        "extern \"C\" __global__ void k(const {of}* in, {of}* out, int n) {{\n\
         int i = threadIdx.x; {of} x = in[i], y = in[(i + 7) % n];\n{lines}}}"
    )
}

/// Halves of integers and values far away, where arguments are reduced the long way.
fn inputs(scale: f64) -> Vec<f64> {
    let near = (-90..90).map(|i| f64::from(i) * 0.375 + 0.0625);
    near.chain([1e5, -3.7e6, 1e9, 2.5e-5, -1e-20].map(|x| x * scale)).collect()
}

#[test]
fn single_precision() {
    let Some(mut device) = Device::compile(&source("float", "f")) else { return };
    let inputs: Vec<f32> = inputs(1.0).into_iter().map(|x| (x as f32).clamp(-280.0, 280.0)).collect();
    let n = inputs.len();
    let (x, out) = (device.upload(&inputs), device.machine.allocate(4 * n * FUNCTIONS.len()).expect("room"));
    device.run("k", 1, n as u32, &[x.into(), out.into(), (n as i32).into()]);
    let found = device.read_f32(out, n * FUNCTIONS.len());
    for (f, (name, expected, bound)) in FUNCTIONS.iter().enumerate() {
        for i in 0..n {
            // The argument as the kernel computes it: divided in f32.
            let x = match *name {
                "asin" => f64::from(inputs[i] / 300.0) * 300.0,
                _ => f64::from(inputs[i]),
            };
            let expected = expected(x, f64::from(inputs[(i + 7) % n]));
            if expected.abs() < 1e-37 || expected.abs() > f64::from(f32::MAX) {
                continue;
            }
            let distance = distance(found[f * n + i].into(), expected, 23);
            assert!(
                distance <= bound + 0.51,
                "{name}f({}): {} for {expected}, {distance} ulp",
                inputs[i],
                found[f * n + i]
            );
        }
    }
}

#[test]
fn double_precision() {
    let Some(mut device) = Device::compile(&source("double", "")) else { return };
    let inputs: Vec<f64> = inputs(1.0).into_iter().map(|x| x.clamp(-280.0, 280.0)).collect();
    let n = inputs.len();
    let (x, out) = (device.upload(&inputs), device.machine.allocate(8 * n * FUNCTIONS.len()).expect("room"));
    device.run("k", 1, n as u32, &[x.into(), out.into(), (n as i32).into()]);
    let found = device.read_u64(out, n * FUNCTIONS.len());
    for (f, (name, expected, bound)) in FUNCTIONS.iter().enumerate() {
        for i in 0..n {
            let expected = expected(inputs[i], inputs[(i + 7) % n]);
            let found = f64::from_bits(found[f * n + i]);
            let distance = distance(found, expected, 52);
            // The host's functions are within one unit themselves.
            assert!(distance <= bound + 1.0, "{name}({}): {found} for {expected}, {distance} ulp", inputs[i]);
        }
    }
}

/// Arguments of thousands and millions go through the multiplication by 2/π that is kept in memory.
#[test]
fn far_arguments_are_reduced() {
    let source = r#"extern "C" __global__ void k(const float* in, float* out) { out[threadIdx.x] = sinf(in[threadIdx.x]); }"#;
    let Some(mut device) = Device::compile(source) else { return };
    let inputs = [1e5f32, -3.7e6, 1e9, 3e38, 105_615.0, 123_456_790.0];
    let (x, out) = (device.upload(&inputs), device.machine.allocate(24).expect("room"));
    device.run("k", 1, 6, &[x.into(), out.into()]);
    for (&x, found) in inputs.iter().zip(device.read_f32(out, 6)) {
        assert!((f64::from(found) - f64::from(x).sin()).abs() < 2e-7, "sin({x}) = {found}");
    }
}
