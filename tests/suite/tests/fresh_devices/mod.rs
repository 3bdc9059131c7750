//! Devices whose counters are those of one test.

use hadal::Device;
use hadal_cpu::CpuBackend;
use hadal_device::{Backend, DeviceError};
use hadal_wgpu::{Options, WgpuBackend};
use std::sync::Arc;

/// The cpu, and wgpu where it is. Each call opens them anew.
pub(crate) fn devices() -> Vec<Device> {
    let cpu: Arc<dyn Backend> = Arc::new(CpuBackend::new());
    let wgpu: Option<Arc<dyn Backend>> = match pollster::block_on(WgpuBackend::open(Options::default())) {
        Ok(device) => Some(Arc::new(device)),
        Err(error @ DeviceError::Unavailable { .. }) if std::env::var_os("CI").is_none() => {
            println!("wgpu is not tested: {error}");
            None
        }
        Err(error) => panic!("{error}"),
    };
    [Some(cpu), wgpu].into_iter().flatten().map(Device::from_backend).collect()
}
