//! The ROCm backend: programs on AMD's GPUs, and on others that speak HIP, through the runtime that is found at run time.
//!
//! Nothing of ROCm is needed to build. At run time it takes HIP's runtime (`libamdhip64`) and hipRTC, its compiler (`libhiprtc`, or the runtime itself in older releases),
//! of ROCm 5, 6 or 7; where one is missing, [`RocmFactory`] says which one and how to get it. How programs become launches is told in
//! [`hadal_native`]; this crate is the runtime, behind [`hadal_native::Driver`].
//!
//! - `table` is HIP's and hipRTC's functions, looked up by name in `library`; with the feature `hip-sys`, `bindings` proves the signatures of HIP's.
//! - `device` looks at devices and opens one, whose kernels are for wavefronts of 32 or 64 lanes, as it says; `opened` names the functions that
//!   [`hadal_native::Device`] calls there.
//! - `compiler` is hipRTC. Releases before an architecture's first one end the process when they are asked to compile for it, so they are asked in a process of its
//!   own, `child`, for which a program has to be ready: without one the architecture is refused by name.
//!
//! `unsafe` is what calling C takes; each place says why it holds.

#[cfg(feature = "hip-sys")]
mod bindings;
mod child;
mod compiler;
mod device;
mod library;
mod opened;
mod table;

pub use child::hiprtc_child;

use hadal_device::{DeviceError, DeviceInfo};
use hadal_native::{Driver, NativeFactory, Platform};
use library::Libraries;
use std::path::PathBuf;
use std::sync::Arc;

/// Finds and opens ROCm devices for a [`hadal_device::Registry`].
pub type RocmFactory = NativeFactory<Rocm>;

/// HIP's runtime.
#[derive(Clone, Debug, Default)]
pub struct Rocm {
    folder: Option<PathBuf>,
}

/// The factory.
pub fn factory() -> RocmFactory {
    NativeFactory(Rocm::default())
}

impl Rocm {
    /// The runtime in `folder`, wherever else there might be one.
    pub fn in_folder(folder: impl Into<PathBuf>) -> Rocm {
        Rocm { folder: Some(folder.into()) }
    }
}

impl Platform for Rocm {
    fn name(&self) -> &'static str {
        "rocm"
    }

    fn devices(&self) -> Result<Vec<DeviceInfo>, DeviceError> {
        let libraries = Libraries::find(self.folder.as_deref())?;
        device::list(&libraries).map_err(library::unavailable)
    }

    fn open(&self, index: usize) -> Result<Arc<dyn Driver>, DeviceError> {
        let libraries = Libraries::find(self.folder.as_deref())?;
        Ok(Arc::new(device::open(libraries, index).map_err(library::unavailable)?))
    }
}
