//! Every program on lavapipe, by naga's own SPIR-V; as CUDA C++ through NVRTC on the stand-in device; and as HIP C++ on the host: all must give the same.
//!
//! The stand-in runs what NVIDIA's compiler made, and looks for races, divergent barriers, and accesses out of range or to what nobody wrote.
//! HIP's text is C++ but for a few names, which `host.h` supplies, so it runs without any GPU, under clang's sanitizers: they catch what C++
//! leaves undefined, such as an overflow, a shift by too much, a cast that does not fit, or an access out of range.

mod device;
mod host;
mod mutants;
mod standin;
mod variants;

use hadal_wgsl_programs::Program;

/// The programs that are files.
fn programs() -> Vec<Program> {
    let programs = hadal_wgsl_programs::all().unwrap_or_else(|e| panic!("{e}"));
    assert!(programs.len() > 100, "there are only {} programs", programs.len());
    programs
}

/// The programs that are lines of tables, many in a module.
fn tables() -> Vec<Program> {
    let rows = hadal_wgsl_programs::table::rows().unwrap_or_else(|e| panic!("{e}"));
    assert!(rows.len() > 300, "there are only {} lines", rows.len());
    hadal_wgsl_programs::batch::programs("table", &rows, 40)
}

/// Random programs, many in a module: a fixed few, or as many as `HADAL_RANDOM_PROGRAMS` says.
fn random() -> Vec<Program> {
    let count = std::env::var("HADAL_RANDOM_PROGRAMS").ok().and_then(|count| count.parse().ok());
    let rows = hadal_wgsl_programs::random::rows(0, count.unwrap_or(48));
    hadal_wgsl_programs::batch::programs("random", &rows, 12)
}

/// Whether everything is run on the host, too, and not a sample of modules: clang and its sanitizers take a second for each.
fn thorough() -> bool {
    std::env::var_os("HADAL_ALL_PROGRAMS").is_some()
}

#[test]
fn every_program_gives_the_same_on_the_stand_in() {
    let Some(device) = open() else { return };
    if !there(standin::present(), "libnvrtc.so.12 in a folder of LD_LIBRARY_PATH") {
        return;
    }
    report(check(&device, &programs(), standin::run));
}

#[test]
fn every_line_of_the_tables_gives_the_same_on_the_stand_in() {
    let Some(device) = open() else { return };
    if !there(standin::present(), "libnvrtc.so.12 in a folder of LD_LIBRARY_PATH") {
        return;
    }
    report(check(&device, &tables(), standin::run));
}

#[test]
fn random_programs_give_the_same_on_the_stand_in() {
    let Some(device) = open() else { return };
    if !there(standin::present(), "libnvrtc.so.12 in a folder of LD_LIBRARY_PATH") {
        return;
    }
    report(check(&device, &random(), standin::run));
}

#[test]
fn every_program_gives_the_same_on_the_host() {
    let Some(device) = open() else { return };
    if !there(host::present(), "a clang-19 with sanitizers") {
        return;
    }
    let mut programs = programs();
    let every = if thorough() { 1 } else { 4 };
    programs.extend(tables().into_iter().step_by(every));
    programs.extend(random().into_iter().step_by(every));
    // Compiling takes most of the time, and a compiler uses one core.
    let (front, back) = programs.split_at(programs.len() / 2);
    let problems = std::thread::scope(|scope| {
        let halves = [front, back].map(|half| scope.spawn(|| check(&device, half, host::run)));
        halves.into_iter().flat_map(|half| half.join().expect("a thread that does not panic")).collect()
    });
    report(problems);
}

fn open() -> Option<device::Device> {
    let device = device::Device::open();
    there(device.is_some(), "a Vulkan device");
    device
}

/// Whether an instrument is there. In CI it must be.
fn there(found: bool, what: &str) -> bool {
    if !found {
        let missing = format!("there is no {what}: `cargo xtask test simt` installs it");
        assert!(std::env::var_os("CI").is_none(), "{missing}");
        println!("skipped: {missing}");
    }
    found
}

fn report(problems: Vec<String>) {
    assert!(problems.is_empty(), "{} programs:\n{}", problems.len(), problems.join("\n"));
}

/// What went wrong, one entry a program. `HADAL_PROGRAM` narrows it to names that contain it.
fn check(
    device: &device::Device,
    programs: &[Program],
    run: fn(&Program) -> Result<Vec<Vec<u8>>, String>,
) -> Vec<String> {
    let only = std::env::var("HADAL_PROGRAM").unwrap_or_default();
    let mut problems = Vec::new();
    for program in programs.iter().filter(|program| program.name.contains(&only)) {
        let result = device.run(program).and_then(|expected| program.compare(&run(program)?, &expected));
        if let Err(problem) = result {
            problems.push(format!("{}: {problem}", program.name));
        }
    }
    problems
}
