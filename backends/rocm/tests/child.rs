//! Compiling in a process of its own, with a stand-in hipRTC that ends the process where it is told to.
//!
//! The stand-in takes its orders from the environment, so each test runs itself in a process of its own.

use hadal_device::DeviceError;
use hadal_native::{Failure, Platform};
use hadal_rocm::Rocm;
use std::process::Command;

/// A runtime that is older than its device.
const OLD: &[(&str, &str)] = &[("HADAL_STANDIN_HIP", "50220730"), ("HADAL_STANDIN_GFX", "gfx1100")];
const CHILD: (&str, &str) = ("HADAL_HIPRTC_CHILD", env!("CARGO_BIN_EXE_hadal-hiprtc"));

const SOURCE: &str = "extern \"C\" __global__ void kernel(float* x) { x[threadIdx.x] *= 2; }";

fn platform() -> Rocm {
    Rocm::in_folder(hadal_standin::place::folder().unwrap())
}

/// Whether this is the process for `test`; if not, runs it there. At home without NVRTC nothing is run.
fn is_inside(test: &str, environment: &[(&str, &str)]) -> bool {
    const INSIDE: &str = "HADAL_INSIDE";
    if std::env::var(INSIDE).is_ok_and(|inside| inside == test) {
        return true;
    }
    if let Err(error) = hadal_standin::Loaded::new() {
        assert!(std::env::var_os("CI").is_none(), "{error}");
        println!("not run: {error}");
        return false;
    }
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["--exact", test, "--nocapture"]).env(INSIDE, test).env_remove(CHILD.0);
    command.envs(OLD.iter().chain(environment).copied());
    let output = command.output().unwrap();
    let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{}\n{out}{err}", output.status);
    false
}

/// Why the device was not opened.
fn refusal() -> String {
    let Err(DeviceError::Unavailable { backend, reason, .. }) = platform().open(0) else {
        panic!("the device was opened")
    };
    assert_eq!(backend, "rocm");
    assert!(reason.contains("gfx1100") && reason.contains("needs ROCm 5.5"), "{reason}");
    reason
}

#[test]
fn without_a_program_the_architecture_is_refused() {
    if is_inside("without_a_program_the_architecture_is_refused", &[]) {
        assert!(refusal().contains("set HADAL_HIPRTC_CHILD"), "{}", refusal());
    }
}

#[test]
fn a_program_that_is_not_there_is_an_error() {
    if is_inside("a_program_that_is_not_there_is_an_error", &[(CHILD.0, "/no/such/program")]) {
        assert!(refusal().contains("/no/such/program cannot be started"), "{}", refusal());
    }
}

#[test]
fn a_program_that_compiles_nothing_is_an_error() {
    if is_inside("a_program_that_compiles_nothing_is_an_error", &[(CHILD.0, "/bin/true")]) {
        assert!(refusal().contains("ended without code"), "{}", refusal());
    }
}

#[test]
fn where_hiprtc_ends_the_process_the_architecture_is_refused() {
    let environment = [CHILD, ("HADAL_STANDIN_ABORT", "gfx1100")];
    if is_inside("where_hiprtc_ends_the_process_the_architecture_is_refused", &environment) {
        let reason = refusal();
        assert!(reason.contains("signal 6") && reason.contains("LLVM ERROR"), "{reason}");
    }
}

#[test]
fn code_comes_back_and_what_ends_the_process_is_a_failure() {
    let environment = [CHILD, ("HADAL_STANDIN_ABORT", "fatal")];
    if !is_inside("code_comes_back_and_what_ends_the_process_is_a_failure", &environment) {
        return;
    }
    let device = platform().open(0).unwrap();
    assert_eq!(device.facts().architecture, "gfx1100");
    let code = device.compile(SOURCE, &[]).unwrap();
    device.load(&code, "kernel").unwrap();
    let log = |source: &str| match device.compile(source, &["-ffp-contract=off"]) {
        Err(Failure::Refused(log)) => log,
        other => panic!("{other:?}"),
    };
    assert!(log("nothing").contains("error"), "{}", log("nothing"));
    let ended = log(&SOURCE.replace("kernel", "fatal"));
    assert!(ended.contains("gfx1100") && ended.contains("signal 6"), "{ended}");
    // This process and its device work on.
    assert_eq!(device.compile(SOURCE, &[]), Ok(code));
}
