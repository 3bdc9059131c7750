//! The browser's cases where they are quick to run: a case that fails here is wrong itself.

use hadal_cpu::CpuBackend;

#[test]
fn every_case_holds_on_cpu() {
    let backend = CpuBackend::new();
    for case in hadal_browser_smoke::cases::all().unwrap() {
        if let Err(failure) = pollster::block_on(hadal_suite::run(&case, &backend)) {
            panic!("{}: {failure}", case.name);
        }
    }
}
