//! `cargo xtask test`: sets up, runs the suites, prints a table, and ends with the summary lines of the test runner.

use crate::process::{cargo, describe, succeeds, watch};
use crate::suites::{FEATURES, LINTED, Need, Runner, Suite, all};
use crate::{compilers, data, driver, models, wasm, workspace};
use anyhow::{Context, Result, bail};
use std::process::{Command, ExitCode};
use std::time::{Duration, Instant};

/// How a suite ended.
struct Outcome {
    name: &'static str,
    passed: bool,
    took: Duration,
    /// What the runner said at its end.
    summary: Vec<String>,
}

/// Runs the suites called `names`, or all.
pub(crate) fn run(names: &[String]) -> Result<ExitCode> {
    let chosen = choose(names)?;
    let mut outcomes = Vec::new();
    let needs = |need| chosen.iter().any(|suite| suite.needs.contains(&need));
    if needs(Need::Driver) && !driver::ensure() {
        eprintln!("without a Vulkan driver the wgpu suites will fail");
    }
    if needs(Need::Wasm) {
        wasm::ensure();
    }
    if needs(Need::Data) && !data::ensure() {
        eprintln!("without the data sets the tests of their readers will fail");
    }
    if needs(Need::Cuda) && !compilers::ensure_cuda() {
        eprintln!("without NVRTC the tests of CUDA kernels will fail");
    }
    if needs(Need::Clang) && !compilers::ensure_clang() {
        eprintln!("without clang-19 the tests of HIP kernels will fail");
    }
    if needs(Need::Hip) && !compilers::ensure_hip() {
        eprintln!("without HIP's headers its functions are not compared with hip-sys, which fails in CI");
    }
    let nextest = succeeds("cargo", &["nextest", "--version"]);
    if chosen.iter().any(|suite| matches!(suite.runner, Runner::Tests(..))) {
        outcomes.push(step("build", || build(nextest)));
    }
    if needs(Need::Models) {
        outcomes.push(step("models", fetch_models));
    }
    for suite in &chosen {
        outcomes.push(step(suite.name, || {
            println!("\n── {}: {}", suite.name, suite.purpose);
            let mut passed = true;
            let mut summary = Vec::new();
            for mut command in commands(suite, nextest) {
                println!("   {}", describe(&command));
                let (success, lines) = watch(&mut command, is_summary)?;
                passed &= success;
                summary.extend(lines);
            }
            Ok((passed, summary))
        }));
    }
    report(&outcomes);
    let passed = outcomes.iter().all(|outcome| outcome.passed);
    Ok(if passed { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn choose(names: &[String]) -> Result<Vec<Suite>> {
    if names.is_empty() {
        return Ok(all().to_vec());
    }
    let find = |name: &String| all().iter().find(|suite| suite.name == name).copied();
    names
        .iter()
        .map(|name| {
            find(name).with_context(|| format!("there is no suite `{name}`; `cargo xtask suites` names them"))
        })
        .collect()
}

fn step(name: &'static str, work: impl FnOnce() -> Result<(bool, Vec<String>)>) -> Outcome {
    let start = Instant::now();
    let (passed, summary) = work().unwrap_or_else(|error| {
        eprintln!("error: {error:#}");
        (false, Vec::new())
    });
    Outcome { name, passed, took: start.elapsed(), summary }
}

/// Compiles every test once, so that suites measure tests alone. Selecting packages by filter and not with `-p`, and always with
/// [`FEATURES`], keeps Cargo's features the same for all: with others, half of the dependencies would be compiled again.
fn build(nextest: bool) -> Result<(bool, Vec<String>)> {
    let mut command = match nextest {
        true => cargo(&["nextest", "run", "--workspace", "--features", FEATURES, "--no-run"]),
        false => cargo(&["test", "--workspace", "--features", FEATURES, "--no-run"]),
    };
    println!("\n── build\n   {}", describe(&command));
    watch(&mut command, |_| false)
}

fn fetch_models() -> Result<(bool, Vec<String>)> {
    println!("\n── models: into {}", workspace::models().display());
    // The build before it has made the command, too, which its tests run.
    let hadal = workspace::target().join("debug").join(format!("hadal{}", std::env::consts::EXE_SUFFIX));
    if !hadal.is_file() {
        bail!("{} was not built", hadal.display());
    }
    models::pull(&hadal, &["minilm", "minilm-int8", "magika"])?;
    Ok((true, Vec::new()))
}

fn commands(suite: &Suite, nextest: bool) -> Vec<Command> {
    let mut commands = match suite.runner {
        Runner::Cargo(arguments) => {
            // At home lints do without HIP's headers.
            let without = compilers::hip_folder().is_none() && std::env::var_os("CI").is_none();
            let narrowed = |&argument: &&'static str| match argument {
                LINTED if without => FEATURES,
                other => other,
            };
            vec![cargo(&arguments.iter().map(narrowed).collect::<Vec<_>>())]
        }
        Runner::Tests(packages) if nextest => {
            let packages: Vec<String> =
                packages.iter().map(|package| format!("package({package})")).collect();
            let filter = packages.join(" | ");
            let mut command =
                cargo(&["nextest", "run", "--workspace", "--features", FEATURES, "--no-fail-fast"]);
            command.args(["--status-level", "fail", "--final-status-level", "fail", "-E", &filter]);
            vec![command]
        }
        Runner::Tests(packages) => packages
            .iter()
            .map(|package| {
                let mut command = cargo(&["test", "--no-fail-fast", "-p", package]);
                command.args(["--all-features", "--tests"]);
                command
            })
            .collect(),
    };
    for command in &mut commands {
        command.envs(suite.environment.iter().copied());
        command.env("HADAL_TEST_DATA", data::folder());
        command.env("HADAL_HOME", workspace::models()).env("HADAL_MODELS", workspace::models());
        // A missing adapter is a failure here, and a snapshot that changed is never accepted silently.
        if matches!(suite.runner, Runner::Tests(_)) {
            command.env("CI", "1");
        }
        command.env("INSTA_UPDATE", "no").env("CARGO_TERM_COLOR", "never");
        if suite.needs.contains(&Need::Cuda) {
            command.env("LD_LIBRARY_PATH", compilers::library_path());
            command.env("HADAL_CUDA", compilers::cuda_folder());
        }
        if suite.needs.contains(&Need::Hip)
            && let Some(folder) = compilers::hip_folder()
        {
            command.env("HIP_PATH", folder);
        }
        // Keeps a layer of Mesa from complaining where there is no desktop.
        command.env("NODEVICE_SELECT", "1");
    }
    commands
}

/// The closing line of nextest or of libtest, or the name of a test that failed.
fn is_summary(line: &str) -> bool {
    let line = line.trim_start();
    let closing =
        (line.starts_with("Summary [") && line.contains(" run")) || line.starts_with("test result:");
    closing || is_failure(line)
}

fn is_failure(line: &str) -> bool {
    let line = line.trim_start();
    ["FAIL [", "TIMEOUT [", "ABORT [", "SIGABRT [", "SIGSEGV ["].iter().any(|start| line.starts_with(start))
        || (line.starts_with("test ") && line.ends_with("... FAILED"))
}

fn report(outcomes: &[Outcome]) {
    println!("\n{:<14} {:>9}  result", "suite", "time");
    for outcome in outcomes {
        let result = if outcome.passed { "passed" } else { "FAILED" };
        println!("{:<14} {:>8.1}s  {result}", outcome.name, outcome.took.as_secs_f64());
    }
    let total: Duration = outcomes.iter().map(|outcome| outcome.took).sum();
    println!("{:<14} {:>8.1}s\n", "total", total.as_secs_f64());
    // A test that failed is named once as it fails and once more in the runner's list at the end.
    let mut failures: Vec<&String> =
        outcomes.iter().flat_map(|o| &o.summary).filter(|l| is_failure(l)).collect();
    failures.sort();
    failures.dedup();
    for line in failures {
        println!("{line}");
    }
    for outcome in outcomes {
        for line in outcome.summary.iter().filter(|line| !is_failure(line)) {
            println!("{line} ({})", outcome.name);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn suites_are_chosen_by_name() {
        assert_eq!(choose(&[]).unwrap().len(), all().len());
        assert_eq!(choose(&["graph".into()]).unwrap()[0].name, "graph");
        assert!(choose(&["grpah".into()]).unwrap_err().to_string().contains("grpah"));
    }

    #[test]
    fn names_are_unique() {
        for (i, suite) in all().iter().enumerate() {
            assert!(all()[..i].iter().all(|earlier| earlier.name != suite.name), "{}", suite.name);
        }
    }

    #[test]
    fn summaries_are_recognised() {
        assert!(is_summary("     Summary [   0.012s] 4 tests run: 4 passed, 0 skipped"));
        assert!(is_summary("test result: ok. 4 passed; 0 failed"));
        assert!(is_summary("        FAIL [   0.003s] hadal-graph dim::tests::products"));
        assert!(!is_summary("        PASS [   0.003s] hadal-graph dim::tests::summary"));
    }

    #[test]
    fn a_suite_narrows_by_package() {
        let suite = all().iter().find(|suite| suite.name == "wgpu-limits").unwrap();
        let text = describe(&commands(suite, true)[0]);
        assert!(text.contains("HADAL_WGPU_FEATURES=none"), "{text}");
        assert!(text.ends_with("-E 'package(hadal-wgpu)'"), "{text}");
        let text = describe(&commands(suite, false)[0]);
        assert!(text.ends_with("-p hadal-wgpu --all-features --tests"), "{text}");
    }
}
