//! Wrong programs as candidates of the tuner, which checks each against the reference before it remembers one.
//!
//! Candidates with wrong texts are planted in the tuner of the wgpu backend itself (`backends/wgpu/src/tune/tests.rs`).

use crate::plant::{devices, instruction, kernel};
use hadal_device::{Backend, DeviceError, DeviceFuture, Tuner, Verdict};
use hadal_graph::program::{BinaryOp, Instr, Kernel, Program, UnaryOp};
use hadal_graph::{DType, Dim, HostTensor, Scalar, compile};
use hadal_suite::{Case, Failure, run_compiled};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// `x · w - y` of odd sizes, so that tiles have edges.
fn case(rows: usize) -> Case {
    let case = Case::new("product", &[], |g| {
        let (x, w) = (g.input("x", DType::F32, [rows, 24])?, g.parameter("w", DType::F32, [24, 37])?);
        let y = g.input("y", DType::F32, [37])?;
        let product = g.matmul(x, w)?;
        let result = g.sub(product, y)?;
        g.output("result", result);
        Ok(())
    });
    case.unwrap().adding(24)
}

/// A candidate's name, and what is wrong with it.
type Fault = (&'static str, fn(&mut Program));

const FAULTS: [Fault; 4] = [
    ("swapped operands", |program| {
        instruction(program, |instr| match instr {
            Instr::Binary(BinaryOp::Sub, a, b) => {
                std::mem::swap(a, b);
                true
            }
            _ => false,
        });
    }),
    ("one product too few", |program| {
        let contract = kernel(program, |k| match k {
            Kernel::Contract(contract) => Some(contract),
            _ => None,
        });
        contract.k.0[0] = &contract.k[0] - &Dim::ONE;
    }),
    ("the last row is missing", |program| {
        let contract = kernel(program, |k| match k {
            Kernel::Contract(contract) => Some(contract),
            _ => None,
        });
        contract.m.0[0] = &contract.m[0] - &Dim::ONE;
    }),
    ("an absolute value in place of a difference", |program| {
        instruction(program, |instr| match *instr {
            Instr::Binary(BinaryOp::Sub, a, _) => {
                *instr = Instr::Unary(UnaryOp::Abs, a);
                true
            }
            _ => false,
        });
    }),
];

#[test]
fn candidates_that_differ_are_rejected_however_fast_they_are() {
    for device in devices() {
        let case = case(35);
        let right = compile(&case.graph, device.target()).unwrap();
        let mut candidates: Vec<Arc<Program>> = Vec::new();
        for (name, plant) in FAULTS {
            let mut wrong = right.clone();
            plant(&mut wrong);
            wrong.validate().unwrap_or_else(|error| panic!("{name}: {error}"));
            assert_ne!(wrong, right, "{name}");
            candidates.push(Arc::new(wrong));
        }
        candidates.push(Arc::new(right));
        let names: Vec<&str> = FAULTS.iter().map(|(name, _)| *name).chain(["right"]).collect();
        let check = |position: usize| check(&case, candidates[position].clone(), &**device);
        // The wrong ones come first and would be faster.
        let measure =
            |position: usize| -> DeviceFuture<'_, u64> { Box::pin(async move { Ok(position as u64) }) };
        let tuner = Tuner::default();
        let chosen = pollster::block_on(tuner.choose("product", &names, check, measure));
        assert_eq!(chosen, Ok(FAULTS.len()), "{}", device.info().id());
        assert_eq!(tuner.chosen("product").as_deref(), Some("right"));
        let rejected: Vec<String> = tuner.rejections().into_iter().map(|r| r.candidate).collect();
        assert_eq!(rejected, names[..FAULTS.len()]);
        // Without a right one there is an error, and nothing is remembered.
        let tuner = Tuner::default();
        let chosen = pollster::block_on(tuner.choose("product", &names[..FAULTS.len()], check, measure));
        assert!(matches!(chosen, Err(DeviceError::Mismatch { .. })), "{chosen:?}");
        assert_eq!(tuner.chosen("product"), None);
    }
}

#[test]
fn what_was_found_for_one_class_of_shapes_does_not_serve_another() {
    let tuner = Tuner::default();
    let checks = AtomicUsize::new(0);
    let device = &devices()[0];
    for (key, rows) in [("device a, few rows", 3), ("device a, many rows", 70), ("device b, few rows", 3)] {
        assert_eq!(tuner.chosen(key), None);
        let case = case(rows);
        let program = Arc::new(compile(&case.graph, device.target()).unwrap());
        let check = |_| {
            checks.fetch_add(1, Ordering::Relaxed);
            check(&case, program.clone(), &**device)
        };
        let measure = |_| -> DeviceFuture<'_, u64> { Box::pin(async { Ok(1) }) };
        assert_eq!(pollster::block_on(tuner.choose(key, &["right"], check, measure)), Ok(0));
    }
    assert_eq!(checks.load(Ordering::Relaxed), 3, "each class and each device is checked on its own");
}

/// Leaves garbage in pooled memory of the size of the result, so that a candidate does not find there what another one computed.
fn spoil(device: &dyn Backend) -> Result<(), DeviceError> {
    let garbage = HostTensor::full(DType::F32, [35, 37], Scalar::Float(f64::NAN));
    let buffers = [(); 4].map(|_| device.upload(&garbage));
    buffers.into_iter().try_for_each(|buffer| buffer.map(drop))
}

/// Runs a candidate and compares it with the reference.
fn check<'a>(case: &'a Case, program: Arc<Program>, device: &'a dyn Backend) -> DeviceFuture<'a, Verdict> {
    Box::pin(async move {
        spoil(device)?;
        match run_compiled(case, program, device).await {
            Ok(()) => Ok(Verdict::Agrees),
            Err(Failure::Mismatch { actual, expected, .. }) => {
                Ok(Verdict::Differs { largest_error: (actual - expected).abs() })
            }
            Err(Failure::Device(error)) => Err(error),
            Err(other) => Err(DeviceError::Argument(other.to_string())),
        }
    })
}
