//! What kernels report in one word of device memory: indices out of range, and a driver that ended their loops.

use crate::sync::lock;
use hadal_device::DeviceError;
use hadal_shaders::LOOPS_ENDED;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};

/// The meaning of the word's values: zero, or the largest code that a kernel reported since the word was cleared.
#[derive(Debug, Default)]
pub struct Faults {
    ops: Mutex<Vec<String>>,
    possible: AtomicBool,
}

impl Faults {
    /// Bytes of the word's memory.
    pub const BYTES: u64 = 16;

    /// The code with which kernels of `op` report.
    pub fn code(&self, op: &str) -> u32 {
        let mut ops = lock(&self.ops);
        let index = ops.iter().position(|known| known == op).unwrap_or_else(|| {
            ops.push(op.to_string());
            ops.len() - 1
        });
        index as u32 + 1
    }

    /// What the word says, if anything: `IndexOutOfRange`, or `Kernel` where the driver of `device` ended loops.
    pub fn error(&self, device: &str, word: u32) -> Option<DeviceError> {
        let index = (word & !LOOPS_ENDED).checked_sub(1)?;
        let op = lock(&self.ops).get(index as usize).cloned()?;
        Some(match word & LOOPS_ENDED {
            0 => DeviceError::IndexOutOfRange { op },
            _ => DeviceError::Kernel {
                device: device.into(),
                op,
                reason: "the driver ended its loops before they were done (Mesa's llvmpipe ends them after 65,535 rounds), so what it computed is not complete\n  hint: use the cpu backend, or smaller sizes".into(),
            },
        })
    }

    /// Says that work which may report was submitted.
    pub fn expect(&self) {
        self.possible.store(true, Ordering::Release);
    }

    /// Whether such work was submitted since the last call: then the word must be read and cleared.
    pub fn take_expected(&self) -> bool {
        self.possible.swap(false, Ordering::AcqRel)
    }
}
