//! Looking for the driver and for NVRTC before they are called.

use hadal_device::DeviceError;
use hadal_native::Failure;
use libloading::Library;
use std::path::PathBuf;
use std::sync::OnceLock;

/// Errors: `Unavailable`, which says what is missing and how to get it.
pub(crate) fn find() -> Result<(), DeviceError> {
    // SAFETY: loading the driver's library runs its own initialisation alone.
    if !unsafe { cudarc::driver::sys::is_culib_present() } {
        return Err(missing(
            "the CUDA driver (libcuda) is not installed",
            "install NVIDIA's driver, or use the wgpu or cpu backend",
        ));
    }
    preload_nvrtc();
    // SAFETY: as above.
    if !unsafe { cudarc::nvrtc::sys::is_culib_present() } {
        return Err(missing(
            "NVRTC (libnvrtc of CUDA 12), which compiles kernels, is not installed",
            "install the CUDA 12 toolkit, or `pip install nvidia-cuda-nvrtc-cu12` and set HADAL_CUDA to the folder that holds `nvidia`",
        ));
    }
    Ok(())
}

/// What failed while devices were looked at or opened.
pub(crate) fn unavailable(failure: Failure) -> DeviceError {
    missing(
        &format!("the CUDA driver refuses: {failure}"),
        "check `nvidia-smi`, or use the wgpu or cpu backend",
    )
}

fn missing(reason: &str, hint: &str) -> DeviceError {
    DeviceError::Unavailable { backend: "cuda".into(), reason: reason.into(), hint: hint.into() }
}

/// NVRTC out of a toolkit or of PyPI's package: once it is loaded by its path, cudarc finds it by its name.
fn preload_nvrtc() {
    static LOADED: OnceLock<Option<Library>> = OnceLock::new();
    LOADED.get_or_init(|| {
        let folder = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
        let places = [
            folder("HADAL_CUDA").map(|folder| folder.join("nvidia/cuda_nvrtc/lib/libnvrtc.so.12")),
            folder("CUDA_PATH").map(|folder| folder.join("lib64/libnvrtc.so.12")),
            folder("CUDA_HOME").map(|folder| folder.join("lib64/libnvrtc.so.12")),
        ];
        // SAFETY: loading NVRTC runs its own initialisation alone.
        places.into_iter().flatten().find_map(|place| unsafe { Library::new(place) }.ok())
    });
}
