//! Every program on lavapipe, by naga's own SPIR-V, and as HIP C++ on the host: both must give the same.
//!
//! HIP's text is C++ but for a few names, which `host.h` supplies, so it runs without any GPU, under clang's sanitizers: they catch what C++
//! leaves undefined, such as an overflow, a shift by too much, a cast that does not fit, or an access out of range.

mod device;
mod host;

use hadal_wgsl_programs::Program;

fn programs() -> Vec<Program> {
    let programs = hadal_wgsl_programs::all().unwrap_or_else(|e| panic!("{e}"));
    assert!(programs.len() > 100, "there are only {} programs", programs.len());
    programs
}

/// Whether the tests that need a device or a compiler must run.
fn in_ci() -> bool {
    std::env::var_os("CI").is_some()
}

#[test]
fn every_program_gives_the_same_on_the_host() {
    let Some(device) = device::Device::open() else {
        let missing = "there is no Vulkan device: `cargo xtask test simt` installs a software one";
        assert!(!in_ci(), "{missing}");
        println!("skipped: {missing}");
        return;
    };
    if !host::present() {
        let missing = "there is no clang-19 with sanitizers: `cargo xtask test simt` installs it";
        assert!(!in_ci(), "{missing}");
        println!("skipped: {missing}");
        return;
    }
    let programs = programs();
    let mut problems = Vec::new();
    // Compiling takes most of the time, and a compiler uses one core.
    let (front, back) = programs.split_at(programs.len() / 2);
    std::thread::scope(|scope| {
        let halves = [front, back].map(|half| scope.spawn(|| check(&device, half)));
        for half in halves {
            problems.extend(half.join().expect("a thread that does not panic"));
        }
    });
    assert!(problems.is_empty(), "{} of {}:\n{}", problems.len(), programs.len(), problems.join("\n"));
}

/// What went wrong, one entry a program.
fn check(device: &device::Device, programs: &[Program]) -> Vec<String> {
    let mut problems = Vec::new();
    for program in programs {
        let only = std::env::var("HADAL_PROGRAM").unwrap_or_default();
        if !program.name.contains(&only) {
            continue;
        }
        let result = device.run(program).and_then(|expected| {
            let got = host::run(program)?;
            program.compare(&got, &expected)
        });
        if let Err(problem) = result {
            println!("{problem}");
            problems.push(format!("{}: {problem}", program.name));
        }
    }
    problems
}
