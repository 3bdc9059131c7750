//! Indices out of range, which kernels report in one word of device memory.

use crate::sync::lock;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};

/// The word and the meaning of its values.
#[derive(Debug)]
pub(crate) struct Faults {
    /// Zero, or the largest code that a kernel reported since the word was cleared.
    pub(crate) word: wgpu::Buffer,
    ops: Mutex<Vec<String>>,
    possible: AtomicBool,
}

impl Faults {
    /// Bytes of the buffer.
    pub(crate) const BYTES: u64 = 16;

    /// `word` holds zeros.
    pub(crate) fn new(word: wgpu::Buffer) -> Faults {
        Faults { word, ops: Mutex::default(), possible: AtomicBool::new(false) }
    }

    /// The code with which kernels of `op` report.
    pub(crate) fn code(&self, op: &str) -> u32 {
        let mut ops = lock(&self.ops);
        let index = ops.iter().position(|known| known == op).unwrap_or_else(|| {
            ops.push(op.to_string());
            ops.len() - 1
        });
        index as u32 + 1
    }

    /// The op that reports with `code`, if any does.
    pub(crate) fn op(&self, code: u32) -> Option<String> {
        lock(&self.ops).get((code as usize).checked_sub(1)?).cloned()
    }

    /// Says that work which may report was submitted.
    pub(crate) fn expect(&self) {
        self.possible.store(true, Ordering::Release);
    }

    /// Whether such work was submitted since the last call: then the word must be read and cleared.
    pub(crate) fn take_expected(&self) -> bool {
        self.possible.swap(false, Ordering::AcqRel)
    }
}
