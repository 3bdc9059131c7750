//! The CUDA backend: programs on NVIDIA GPUs, through the driver that is found at run time.
//!
//! Nothing of CUDA is needed to build. At run time it takes the driver (`libcuda`) and NVRTC, CUDA's run-time compiler; where one is missing, [`CudaFactory`] says
//! which one and how to get it. How programs become launches is told in [`hadal_launch`](https://docs.rs/hadal-launch) and [`hadal_native`]; this crate is the calls of the driver,
//! behind [`hadal_native::Driver`].
//!
//! - `library` looks for the libraries before the first call: cudarc panics when one is missing.
//! - `device` is an open device: its primary context, one stream, stream-ordered memory where the device offers it.
//! - `module`, `pinned` and `timer` own modules, page-locked memory and events, and give them back when they are dropped.
//! - `compiler` is NVRTC: PTX for the device's architecture, or for the newest one that NVRTC knows.
//!
//! `unsafe` is what calling C takes; each place says why it holds.

mod compiler;
mod device;
mod failure;
mod library;
mod module;
mod pinned;
mod timer;

use hadal_device::{DeviceError, DeviceInfo};
use hadal_native::{Driver, NativeFactory, Platform};
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
        library::find()?;
        device::list().map_err(library::unavailable)
    }

    fn open(&self, index: usize) -> Result<Arc<dyn Driver>, DeviceError> {
        library::find()?;
        Ok(Arc::new(device::Device::open(index).map_err(library::unavailable)?))
    }
}
