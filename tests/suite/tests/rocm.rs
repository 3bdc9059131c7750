//! The ROCm backend on the stand-in runtime and hipRTC, whose device has wavefronts of 64 lanes; some cases run on 32.

mod standin;

use hadal_graph::op::KernelLanguage;
use hadal_native::Platform;
use hadal_rocm::Rocm;
use std::process::Command;

fn platform() -> Rocm {
    Rocm::in_folder(hadal_standin::place::folder().unwrap())
}

#[test]
fn op_cases() {
    standin::op_cases(&platform(), (1, 3));
}

/// Every seventh case, in a process of its own: the stand-in's architecture is set by the environment.
#[test]
fn op_cases_on_wavefronts_of_32_lanes() {
    const CHILD: &str = "HADAL_ON_32_LANES";
    if std::env::var_os(CHILD).is_some() {
        let info = platform().devices().unwrap().remove(0);
        assert_eq!(platform().open(info.index).unwrap().facts().dialect.subgroup_size(), 32);
        return standin::op_cases(&platform(), (0, 7));
    }
    let mut child = Command::new(std::env::current_exe().unwrap());
    child.args(["--exact", "op_cases_on_wavefronts_of_32_lanes", "--nocapture"]);
    let status = child.env(CHILD, "1").env("HADAL_STANDIN_GFX", "gfx1100").status().unwrap();
    assert!(status.success());
}

#[test]
fn random_graphs() {
    standin::random_graphs(&platform());
}

#[test]
fn gradients() {
    standin::gradients(&platform(), (1, 3));
}

#[test]
fn a_network_learns_as_on_the_cpu() {
    standin::training(&platform());
}

#[test]
fn a_loop_grows_its_cache() {
    standin::a_loop_grows_its_cache(&platform());
}

#[test]
fn minilm_is_that_of_the_cpu() {
    standin::minilm(&platform());
}

#[test]
fn kernels_of_a_programs_own() {
    standin::brought(&platform(), KernelLanguage::Hip, KernelLanguage::Cuda);
}

#[test]
fn each_call_of_the_driver_fails_in_turn() {
    standin::each_call_fails_in_turn(&platform());
}
