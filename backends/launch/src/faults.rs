//! Indices out of range, which kernels report in one word of device memory.

use crate::sync::lock;
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

    /// The op that reports with `code`, if any does.
    pub fn op(&self, code: u32) -> Option<String> {
        lock(&self.ops).get((code as usize).checked_sub(1)?).cloned()
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
