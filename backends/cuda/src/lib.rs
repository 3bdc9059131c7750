//! The CUDA backend: programs on NVIDIA GPUs, through the driver that is found at run time.
//!
//! Nothing of CUDA is needed to build. At run time it takes the driver (`libcuda`) and NVRTC, CUDA's run-time compiler; where one is missing, [`CudaFactory`] says
//! which one and how to get it. How programs become launches is told in [`hadal_launch`](https://docs.rs/hadal-launch) and [`hadal_native`]; this crate is the driver,
//! behind [`hadal_native::Driver`].
//!
//! - `library` finds both libraries, NVRTC of CUDA 12 or 13. `table` is their functions; `bindings` proves that their signatures are cudarc's. cudarc itself is asked to find
//!   the driver and for nothing else: it panics when a library is missing, and takes every result for an error that it knows.
//! - `device` looks at devices and opens one; `context` is its primary context, and names the functions that [`hadal_native::Device`] calls there, with stream-ordered memory where
//!   the device offers it.
//! - `compiler` is NVRTC: PTX for the device's architecture, or for the newest one that NVRTC knows.
//!
//! `unsafe` is what calling C takes; each place says why it holds.

mod bindings;
mod compiler;
mod context;
mod device;
mod library;
mod table;

use hadal_device::{DeviceError, DeviceInfo};
use hadal_native::{Driver, NativeFactory, Platform};
use library::Libraries;
use std::sync::Arc;

/// Finds and opens CUDA devices for a [`hadal_device::Registry`].
pub type CudaFactory = NativeFactory<Cuda>;

/// The CUDA driver.
#[derive(Clone, Copy, Debug, Default)]
pub struct Cuda;

/// The factory.
pub fn factory() -> CudaFactory {
    NativeFactory(Cuda)
}

impl Platform for Cuda {
    fn name(&self) -> &'static str {
        "cuda"
    }

    fn devices(&self) -> Result<Vec<DeviceInfo>, DeviceError> {
        let libraries = Libraries::find()?;
        device::list(&libraries).map_err(library::unavailable)
    }

    fn open(&self, index: usize) -> Result<Arc<dyn Driver>, DeviceError> {
        let libraries = Libraries::find()?;
        Ok(Arc::new(device::open(libraries, index).map_err(library::unavailable)?))
    }
}
