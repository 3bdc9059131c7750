//! The interface to a vendor's library. Handles stay behind these traits; device addresses are plain numbers, which no host dereferences.

use hadal_device::{DeviceError, DeviceInfo};
use hadal_simt::Dialect;
use std::fmt;
use std::sync::Arc;

/// Why a call failed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Failure {
    /// There is not enough memory.
    OutOfMemory,
    /// The device or its context cannot be used any more: the call, the driver's name of the error, and what it says.
    Lost(String),
    /// This call failed; the device is as before.
    Refused(String),
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Failure::OutOfMemory => f.write_str("out of memory"),
            Failure::Lost(reason) | Failure::Refused(reason) => f.write_str(reason),
        }
    }
}

/// A vendor's library: its devices.
pub trait Platform: Send + Sync + 'static {
    /// `cuda` or `rocm`.
    fn name(&self) -> &'static str;

    /// The devices in their order. Errors: `Unavailable`, which says in one line what is missing, and how to get it.
    fn devices(&self) -> Result<Vec<DeviceInfo>, DeviceError>;

    /// Opens a device by its index. Errors: `Unavailable`.
    fn open(&self, index: usize) -> Result<Arc<dyn Driver>, DeviceError>;
}

/// What is known of an open device.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Facts {
    /// What it is; backend and index included.
    pub info: DeviceInfo,
    /// The language of its kernels.
    pub dialect: Dialect,
    /// What compiled code is for: `compute_80`, `gfx90a`.
    pub architecture: String,
    /// Threads that a workgroup may have.
    pub max_threads: u32,
    /// Bytes of static shared memory that a workgroup may have.
    pub shared_memory: u32,
    /// Bytes of device memory.
    pub memory: u64,
    /// The compiler and its version.
    pub compiler: String,
}

/// An open device. All queued work runs in the order of the calls.
pub trait Driver: Send + Sync + fmt::Debug {
    /// What is known of the device.
    fn facts(&self) -> &Facts;

    /// Reserves device memory, aligned to 256 bytes at least.
    fn allocate(&self, bytes: u64) -> Result<u64, Failure>;

    /// Gives device memory back, once queued work is done with it.
    fn free(&self, address: u64) -> Result<(), Failure>;

    /// Page-locked memory of the host.
    fn pinned(&self, bytes: usize) -> Result<Box<dyn Pinned>, Failure>;

    /// Queues a copy on the device.
    fn copy(&self, from: u64, to: u64, bytes: u64) -> Result<(), Failure>;

    /// Queues zeros.
    fn clear(&self, address: u64, bytes: u64) -> Result<(), Failure>;

    /// Compiles C++ for this device. Errors: `Refused` with the compiler's log.
    fn compile(&self, source: &str, flags: &[&str]) -> Result<Vec<u8>, Failure>;

    /// Loads compiled code and finds the kernel `entry`.
    fn load(&self, code: &[u8], entry: &str) -> Result<Box<dyn Kernel>, Failure>;

    /// A clock of the device.
    fn timer(&self) -> Result<Box<dyn Timer>, Failure>;

    /// Waits for everything queued. What kernels met on the device comes here at the latest.
    fn synchronize(&self) -> Result<(), Failure>;

    /// The stream on which everything is queued, for the vendor's own libraries: its handle, as a number.
    fn stream(&self) -> u64;
}

/// A loaded kernel; its module is unloaded with it.
pub trait Kernel: Send + Sync + fmt::Debug {
    /// Queues a launch.
    fn launch(&self, groups: [u32; 3], threads: [u32; 3], arguments: &LaunchArguments)
    -> Result<(), Failure>;
}

/// The values of a kernel's parameters, in order. One is used for launch after launch, so that its memory is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LaunchArguments {
    words: Vec<u64>,
    /// Where each parameter's words end.
    ends: Vec<usize>,
}

impl LaunchArguments {
    /// Forgets all.
    pub fn clear(&mut self) {
        self.words.clear();
        self.ends.clear();
    }

    /// One more word of a parameter.
    pub fn word(&mut self, word: u64) {
        self.words.push(word);
    }

    /// The end of a parameter.
    pub fn end(&mut self) {
        self.ends.push(self.words.len());
    }

    /// The words of each parameter.
    pub fn each(&self) -> impl Iterator<Item = &[u64]> {
        self.ends.iter().scan(0, |start, &end| Some(&self.words[std::mem::replace(start, end)..end]))
    }
}

/// Page-locked memory of the host, by which copies go. Downloads may be under way together; what changes the memory waits for the copies before.
pub trait Pinned: Send + fmt::Debug {
    /// The memory, once no copy uses it.
    fn bytes(&mut self) -> Result<&mut [u8], Failure>;

    /// Queues a copy of its first `bytes` bytes to the device, once no other copy uses them.
    fn upload(&mut self, to: u64, bytes: usize) -> Result<(), Failure>;

    /// Queues a copy from the device to `at..at + bytes` of it.
    fn download(&mut self, from: u64, at: usize, bytes: usize) -> Result<(), Failure>;
}

/// Marks in the device's work.
pub trait Timer: Send {
    /// Queues a mark.
    fn mark(&mut self) -> Result<(), Failure>;

    /// Waits, and gives the time from the first mark to each, in nanoseconds.
    fn read(&mut self) -> Result<Vec<u64>, Failure>;
}

#[cfg(test)]
mod tests {
    use super::LaunchArguments;

    #[test]
    fn parameters_are_kept_apart() {
        let mut arguments = LaunchArguments::default();
        for round in 0..2 {
            arguments.clear();
            arguments.word(round);
            arguments.end();
            arguments.end();
            arguments.word(7);
            arguments.word(8);
            arguments.end();
            assert_eq!(arguments.each().collect::<Vec<_>>(), [&[round][..], &[], &[7, 8]]);
        }
    }
}
