//! Mixed precision: the dtypes of ops, loss scaling without read-backs, and the choice of precision by the range of gradients.

#[path = "../reference/mod.rs"]
mod reference;

mod counting;
mod dtypes;
mod losses;
#[cfg(feature = "cpu")]
mod memory;
mod scaling;
mod selection;
mod training;

use hadal::Device;
use reference::reference;

/// The reference, and every backend of this build with a device.
fn devices() -> Vec<Device> {
    let mut devices = vec![reference()];
    #[cfg(feature = "cpu")]
    devices.push(Device::open("cpu").expect("a machine has a cpu"));
    #[cfg(feature = "wgpu")]
    match Device::open("wgpu") {
        Ok(device) => devices.push(device),
        Err(error) if std::env::var_os("CI").is_some() => panic!("{error}"),
        Err(error) => eprintln!("wgpu is left out: {error}"),
    }
    devices
}
