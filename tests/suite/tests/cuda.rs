//! The CUDA backend on the stand-in driver: kernels are compiled by NVRTC, and the PTX is interpreted.

mod standin;

use hadal_cuda::Cuda;
use hadal_graph::op::KernelLanguage;

fn platform() -> Cuda {
    Cuda
}

#[test]
fn op_cases() {
    standin::op_cases(&platform(), (0, 3));
}

#[test]
fn random_graphs() {
    standin::random_graphs(&platform());
}

#[test]
fn gradients() {
    standin::gradients(&platform(), (0, 3));
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
    standin::brought(&platform(), KernelLanguage::Cuda, KernelLanguage::Hip);
}

#[test]
fn each_call_of_the_driver_fails_in_turn() {
    standin::each_call_fails_in_turn(&platform());
}
