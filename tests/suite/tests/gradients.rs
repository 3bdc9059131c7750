//! Every differentiable op: its gradient against central differences in `f64`, and on every backend in `f32` against the reference.

use hadal_cpu::CpuBackend;
use hadal_device::{Backend, DeviceError};
use hadal_graph::DType;
use hadal_graph::op::Op;
use hadal_suite::gradients::{self, Gradient, NOT_DIFFERENTIABLE, difference};
use hadal_wgpu::{Options, WgpuBackend};
use std::collections::BTreeSet;

/// Every case, and every case differentiated once more.
fn once_and_twice(dtype: DType) -> Vec<Gradient> {
    let cases = gradients::all(dtype).unwrap();
    let again = |case: &Gradient| case.again().unwrap_or_else(|e| panic!("{}: {e}", case.name));
    let twice: Vec<Gradient> = cases.iter().map(again).collect();
    cases.into_iter().chain(twice).collect()
}

fn report(count: usize, failures: Vec<String>) {
    println!("{count} cases");
    let shown = failures[..failures.len().min(40)].join("\n");
    assert!(failures.is_empty(), "{} of {count} failed\n{shown}", failures.len());
}

#[test]
fn every_op_has_a_gradient_case_or_a_reason() {
    let mut missing: BTreeSet<&str> = Op::NAMES.iter().copied().collect();
    for case in gradients::all(DType::F64).unwrap() {
        for op in case.ops() {
            missing.remove(op);
        }
    }
    for (name, reason) in NOT_DIFFERENTIABLE {
        assert!(!reason.is_empty());
        // Leaves are on every way.
        let leaf = ["input", "parameter", "variable"].contains(&name);
        assert!(missing.remove(name) || leaf, "`{name}` has a gradient case, or is no op: {reason}");
    }
    assert!(missing.is_empty(), "neither a gradient case nor a reason for {missing:?}");
}

#[test]
fn names_are_unique() {
    let mut names = BTreeSet::new();
    for case in gradients::all(DType::F64).unwrap() {
        assert!(names.insert(case.name.clone()), "{}", case.name);
    }
}

#[test]
fn gradients_are_those_of_central_differences() {
    let all = once_and_twice(DType::F64);
    let check = |case: &Gradient| difference::check(case).err().map(|e| format!("{}: {e}", case.name));
    report(all.len(), all.iter().filter_map(check).collect());
}

fn check_on(backend: &dyn Backend) {
    let mut failures = Vec::new();
    let all = once_and_twice(DType::F32);
    for gradient in &all {
        let case = gradient.case().unwrap_or_else(|e| panic!("{}: {e}", gradient.name));
        if let Err(failure) = pollster::block_on(hadal_suite::run(&case, backend)) {
            failures.push(format!("{}: {failure}", case.name));
        }
    }
    report(all.len(), failures);
}

#[test]
fn gradients_on_cpu() {
    check_on(&CpuBackend::new());
}

#[test]
fn gradients_on_wgpu() {
    match pollster::block_on(WgpuBackend::open(Options::default())) {
        Ok(backend) => check_on(&backend),
        Err(error @ DeviceError::Unavailable { .. }) if std::env::var_os("CI").is_none() => {
            println!("wgpu is not tested: {error}");
        }
        Err(error) => panic!("{error}"),
    }
}
