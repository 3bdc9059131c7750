//! Random graphs through the compiler alone: the program interpreter against the graph interpreter.

use hadal_graph::Target;
use hadal_graph::op::Op;
use hadal_suite::{cases, check_program, coverage, random};

#[test]
fn random_graphs_lower_to_programs_that_mean_the_same() {
    let wide = Target::unlimited("wide");
    let mut tight = Target::unlimited("tight");
    (tight.max_bindings, tight.max_instructions) = (4, 8);
    tight.native.clear();
    let mut failures = Vec::new();
    for seed in 0..400 {
        let case = random::graph(seed, 24, true).unwrap();
        for target in [&wide, &tight] {
            if let Err(failure) = check_program(&case, target) {
                failures.push(format!("seed {seed} on {}: {failure}", target.name));
            }
        }
    }
    assert!(
        failures.is_empty(),
        "{} failures\n{}",
        failures.len(),
        failures[..failures.len().min(12)].join("\n")
    );
}

#[test]
fn op_cases_lower_to_programs_that_mean_the_same() {
    let mut failures = Vec::new();
    let mut names = std::collections::BTreeSet::new();
    for case in cases::all(&hadal_graph::DType::ALL).unwrap() {
        assert!(names.insert(case.name.clone()), "two cases are called {}", case.name);
        if let Err(failure) = check_program(&case, &Target::unlimited("wide")) {
            failures.push(format!("{}: {failure}", case.name));
        }
    }
    assert!(
        failures.is_empty(),
        "{} failures\n{}",
        failures.len(),
        failures[..failures.len().min(12)].join("\n")
    );
}

#[test]
fn the_suite_reaches_every_archetype_hook_and_op() {
    let mut coverage = coverage::Coverage::default();
    let random = (0..400).map(|seed| random::graph(seed, 24, true).unwrap());
    for case in cases::all(&hadal_graph::DType::ALL).unwrap().into_iter().chain(random) {
        coverage.graph(&case.graph);
        coverage.program(&hadal_graph::compile(&case.graph, &Target::unlimited("wide")).unwrap());
    }
    let ops: Vec<String> = Op::NAMES.iter().map(|name| format!("op/{name}")).collect();
    let wanted = coverage::Coverage::archetypes_and_hooks().into_iter().chain(ops.iter().map(String::as_str));
    assert_eq!(coverage.missing(wanted), [] as [&str; 0]);
}
