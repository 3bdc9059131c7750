//! The browser's cases where they are quick to run: a case that fails here is wrong itself.

use hadal_cpu::CpuBackend;
use hadal_graph::DType;

#[test]
fn every_case_holds_on_cpu() {
    let backend = CpuBackend::new();
    for case in hadal_browser::cases::all().unwrap() {
        if let Err(failure) = pollster::block_on(hadal_suite::run(&case, &backend)) {
            panic!("{}: {failure}", case.name);
        }
    }
}

/// What `cases.mjs` expects to run: all that runs natively, less what it lists.
#[test]
fn the_browser_has_as_many_op_cases_as_native_backends() {
    let expected: serde_json::Value = serde_json::from_str(include_str!("../op_cases.json")).unwrap();
    for (backend, dtypes) in [("cpu", &DType::ALL[..]), ("wgpu", &hadal_suite::cases::EVERYWHERE[..])] {
        let count = hadal_suite::cases::all(dtypes).unwrap().len();
        assert_eq!(expected[backend]["count"], count, "{backend}: op_cases.json is out of date");
    }
}
