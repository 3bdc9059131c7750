//! Every case on the cpu backend.

use hadal_cpu::CpuBackend;
use hadal_suite::{Case, cases, random};

fn check(all: impl IntoIterator<Item = Case>) {
    let backend = CpuBackend::new();
    let mut failures = Vec::new();
    let mut count = 0;
    for case in all {
        count += 1;
        if let Err(failure) = pollster::block_on(hadal_suite::run(&case, &backend)) {
            failures.push(format!("{}: {failure}", case.name));
        }
    }
    println!("{count} cases");
    assert!(
        failures.is_empty(),
        "{} of {count} failed\n{}",
        failures.len(),
        failures[..failures.len().min(20)].join("\n")
    );
}

#[test]
fn op_cases() {
    check(cases::all(&hadal_graph::DType::ALL).unwrap());
}

#[test]
fn large_tensors() {
    check(cases::large::cases(&hadal_graph::DType::ALL).unwrap());
    check([cases::large::above_most_adapters().unwrap()]);
}

#[test]
fn random_graphs() {
    check((0..500).map(|seed| random::graph(seed, 24, true).unwrap()));
}
