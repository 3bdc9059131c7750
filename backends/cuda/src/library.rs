//! Finding the driver and NVRTC before they are called.

use crate::compiler::Compiler;
use crate::device;
use crate::table::{Driver, Nvrtc};
use hadal_device::DeviceError;
use hadal_native::Failure;
use libloading::Library;
use std::path::PathBuf;
use std::sync::Arc;

/// The functions of both libraries, which stay loaded until the process ends.
#[derive(Debug)]
pub(crate) struct Libraries {
    pub(crate) driver: Driver,
    pub(crate) compiler: Compiler,
}

const NO_DRIVER: &str = "install NVIDIA's driver, or use the wgpu or cpu backend";
const NO_NVRTC: &str = "install the CUDA 12 or 13 toolkit, or `pip install nvidia-cuda-nvrtc-cu12` and set HADAL_CUDA to the folder that holds `nvidia`";

impl Libraries {
    /// Errors: `Unavailable`, which says what is missing and how to get it.
    pub(crate) fn find() -> Result<Arc<Libraries>, DeviceError> {
        // SAFETY: loading the driver's library runs its own initialisation alone.
        if !unsafe { cudarc::driver::sys::is_culib_present() } {
            return Err(missing("the CUDA driver (libcuda) is not installed", NO_DRIVER));
        }
        // SAFETY: it was just found, so cudarc does not panic.
        let found = unsafe { cudarc::driver::sys::culib() };
        let driver = Driver::load(found).map_err(|name| {
            missing(
                &format!("the CUDA driver lacks the function {name}"),
                "install a newer one of NVIDIA's drivers",
            )
        })?;
        let version = device::version(&driver).map_err(unavailable)?;
        // SAFETY: loading NVRTC runs its own initialisation alone.
        let nvrtc = places(version).into_iter().find_map(|place| unsafe { Library::new(place) }.ok());
        let nvrtc = nvrtc.ok_or_else(|| {
            missing("NVRTC (libnvrtc of CUDA 12 or 13), which compiles kernels, is not installed", NO_NVRTC)
        })?;
        let table = Nvrtc::load(&nvrtc)
            .map_err(|name| missing(&format!("NVRTC lacks the function {name}"), NO_NVRTC))?;
        // What was compiled may still be under way: it is never unloaded.
        std::mem::forget(nvrtc);
        let compiler = Compiler::new(&table).map_err(unavailable)?;
        Ok(Arc::new(Libraries { driver, compiler }))
    }
}

/// Where NVRTC may be: of each release first out of PyPI's packages, then of a toolkit, then on the library path. A driver reads what its own release and earlier ones
/// make, so its own comes first.
fn places(version: i32) -> Vec<PathBuf> {
    let folder = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    let packages = folder("HADAL_CUDA");
    let toolkits: Vec<PathBuf> = ["CUDA_PATH", "CUDA_HOME"].iter().filter_map(|name| folder(name)).collect();
    let releases = if version >= 13_000 { [13, 12] } else { [12, 13] };
    let mut places = Vec::new();
    for release in releases {
        let (name, below) = match cfg!(windows) {
            true => (format!("nvrtc64_{release}0_0.dll"), "bin"),
            false => (format!("libnvrtc.so.{release}"), "lib64"),
        };
        // Since CUDA 13, all packages share a folder.
        let package = if release < 13 { "nvidia/cuda_nvrtc/lib" } else { "nvidia/cu13/lib" };
        places.extend(packages.iter().map(|folder| folder.join(package).join(&name)));
        places.extend(toolkits.iter().map(|folder| folder.join(below).join(&name)));
        places.push(name.into());
    }
    places.push(if cfg!(windows) { "nvrtc.dll".into() } else { "libnvrtc.so".into() });
    places
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

#[cfg(test)]
mod tests {
    use super::places;
    use std::path::Path;

    #[cfg(not(windows))]
    #[test]
    fn a_drivers_own_release_comes_first_and_the_other_one_after_it() {
        let position =
            |version: i32, name: &str| places(version).iter().position(|place| place == Path::new(name));
        for (version, first, second) in
            [(12_080, "libnvrtc.so.12", "libnvrtc.so.13"), (13_000, "libnvrtc.so.13", "libnvrtc.so.12")]
        {
            assert!(position(version, first) < position(version, second));
            assert!(position(version, second) < position(version, "libnvrtc.so"));
        }
    }
}
