//! Whether a device still works: loss, and errors that no scope caught.

use hadal_device::{DeviceError, DeviceInfo};
use hadal_launch::{device_name, lock};
use std::sync::Mutex;

/// What went wrong outside any call that could have returned it.
#[derive(Debug, Default)]
pub(crate) struct Health {
    lost: Mutex<Option<String>>,
    uncaptured: Mutex<Option<Uncaptured>>,
}

#[derive(Debug)]
enum Uncaptured {
    OutOfMemory,
    Other(String),
}

impl Health {
    /// Records that the device is gone. The first reason stays.
    pub(crate) fn lose(&self, reason: String) {
        lock(&self.lost).get_or_insert(reason);
    }

    /// Records an error that no scope caught. The first one stays until it is reported.
    pub(crate) fn record(&self, error: &wgpu::Error) {
        let uncaptured = match error {
            wgpu::Error::OutOfMemory { .. } => Uncaptured::OutOfMemory,
            other => Uncaptured::Other(other.to_string()),
        };
        lock(&self.uncaptured).get_or_insert(uncaptured);
    }

    /// Errors: `Lost` from the moment the device is gone.
    pub(crate) fn alive(&self, info: &DeviceInfo) -> Result<(), DeviceError> {
        match &*lock(&self.lost) {
            Some(reason) => Err(DeviceError::Lost { device: device_name(info), reason: reason.clone() }),
            None => Ok(()),
        }
    }

    /// Errors: `Lost`, and once for each error that no scope caught, that error.
    pub(crate) fn check(&self, info: &DeviceInfo) -> Result<(), DeviceError> {
        self.alive(info)?;
        match lock(&self.uncaptured).take() {
            None => Ok(()),
            Some(Uncaptured::OutOfMemory) => Err(DeviceError::OutOfMemory {
                device: device_name(info),
                requested: 0,
                in_use: 0,
                limit: String::new(),
                largest: Vec::new(),
            }),
            Some(Uncaptured::Other(reason)) => {
                Err(DeviceError::Kernel { device: device_name(info), op: "queued work".into(), reason })
            }
        }
    }
}
