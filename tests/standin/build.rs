//! The name under which the loader knows the C library, once it was opened by its path: `libcuda.so`, and not `libcuda.so.1`, which NVRTC opens.

fn main() {
    println!("cargo::rustc-cdylib-link-arg=-Wl,-soname,libcuda.so");
    println!("cargo::rerun-if-changed=build.rs");
}
