//! Compilers for GPUs, which need no GPU: NVRTC and `ptxas` out of PyPI's packages, clang for AMD's out of Debian's. And HIP's headers.

use crate::{data, install, process, workspace};
use std::path::{Path, PathBuf};

/// Python packages, and a file of each. They are proprietary: fetched for tests, never part of the repository.
const CUDA: [(&str, &str); 3] = [
    ("nvidia-cuda-nvrtc-cu12==12.9.86", "nvidia/cuda_nvrtc/lib/libnvrtc.so.12"),
    ("nvidia-cuda-runtime-cu12==12.9.79", "nvidia/cuda_runtime/include/mma.h"),
    ("nvidia-cuda-nvcc-cu12==12.9.86", "nvidia/cuda_nvcc/bin/ptxas"),
];

/// Where CUDA's compilers are: `HADAL_CUDA`, or `target/cuda`, which git ignores.
pub(crate) fn cuda_folder() -> PathBuf {
    match std::env::var_os("HADAL_CUDA") {
        Some(folder) if !folder.is_empty() => workspace::root().join(folder),
        _ => workspace::root().join("target").join("cuda"),
    }
}

/// The search path of libraries with NVRTC's folder at its front.
pub(crate) fn library_path() -> String {
    let own = cuda_folder().join("nvidia/cuda_nvrtc/lib").display().to_string();
    match std::env::var("LD_LIBRARY_PATH") {
        Ok(others) if !others.is_empty() => format!("{own}:{others}"),
        _ => own,
    }
}

/// Makes sure that CUDA's compilers are there; returns whether they are. Says what is missing.
pub(crate) fn ensure_cuda() -> bool {
    let folder = cuda_folder();
    let missing = CUDA.iter().filter(|(_, file)| !folder.join(file).is_file());
    let complete = missing.fold(true, |complete, (package, _)| {
        let done = data::wheel(&folder, package, "manylinux2014_x86_64");
        if !done {
            eprintln!("  could not fetch {package} by pip");
        }
        complete && done
    });
    // Unpacking forgets that it is a program.
    let ptxas = folder.join("nvidia/cuda_nvcc/bin/ptxas").display().to_string();
    complete && process::succeeds("chmod", &["+x", &ptxas])
}

/// Makes sure that there is a clang that compiles HIP, with its sanitizers; returns whether there is.
pub(crate) fn ensure_clang() -> bool {
    let sanitizer = process::output("clang-19", &["-print-file-name=libclang_rt.asan-x86_64.a"]);
    // Without the file clang answers with its bare name.
    let complete = sanitizer.is_some_and(|path| Path::new(path.trim()).is_absolute());
    complete || install::apt(&["clang-19", "libclang-rt-19-dev", "libstdc++-12-dev"])
}

/// The folder whose `include` has HIP's headers: that of ROCm, of Debian's package, or `target/hip`; `None` where there are none.
pub(crate) fn hip_folder() -> Option<PathBuf> {
    let named = std::env::var_os("HIP_PATH").filter(|folder| !folder.is_empty()).map(PathBuf::from);
    let places = named.into_iter().chain(["/opt/rocm".into(), "/usr".into(), own_hip().join("usr")]);
    places.into_iter().find(|folder| folder.join("include/hip/hip_runtime_api.h").is_file())
}

fn own_hip() -> PathBuf {
    workspace::root().join("target").join("hip")
}

/// Makes sure of HIP's headers; returns whether they are there. The runtime is not installed: it would be found where there is no device for it.
pub(crate) fn ensure_hip() -> bool {
    hip_folder().is_some() || (install::unpack("libamdhip64-dev", &own_hip()) && hip_folder().is_some())
}
