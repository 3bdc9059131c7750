//! NVRTC, which needs no GPU.

use cudarc::nvrtc::{CompileOptions, compile_ptx_with_opts};
use std::path::{Path, PathBuf};

/// CUDA's folder of packages, which the tests' set-up fills.
fn folder() -> PathBuf {
    match std::env::var_os("HADAL_CUDA") {
        Some(folder) if !folder.is_empty() => PathBuf::from(folder),
        _ => Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target/cuda"),
    }
}

/// PTX for sm_80; `None` where NVRTC is missing, which in CI is a failure.
pub(crate) fn compile(source: &str) -> Option<String> {
    let library = folder().join("nvidia/cuda_nvrtc/lib/libnvrtc.so.12");
    // SAFETY: NVRTC's initialisation is sound; once loaded by its path, cudarc finds it by its name.
    let loaded = unsafe { libloading::Library::new(&library) };
    let Ok(loaded) = loaded else {
        let missing = format!("{} is missing: `cargo xtask test standin` installs it", library.display());
        assert!(std::env::var_os("CI").is_none(), "{missing}");
        println!("skipped: {missing}");
        return None;
    };
    std::mem::forget(loaded);
    let include = |package: &str| folder().join("nvidia").join(package).join("include").display().to_string();
    let options = CompileOptions {
        include_paths: vec![include("cuda_runtime"), include("cuda_nvcc")],
        options: vec!["--gpu-architecture=compute_80".to_owned(), "--std=c++17".to_owned()],
        ..Default::default()
    };
    let ptx = compile_ptx_with_opts(source, options).unwrap_or_else(|e| panic!("{e:?}"));
    Some(ptx.to_src())
}
