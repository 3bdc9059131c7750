//! The calls of a vendor's driver on one open device, in one form for both.

use crate::Facts;
use crate::driver::Failure;
use std::ffi::{CStr, c_void};
use std::fmt;

/// What the driver gave for something of its own: a stream, an event, a module, a function.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Handle(pub *mut c_void);

// SAFETY: nobody but the driver looks behind a handle, and its functions may be called with one by any thread.
unsafe impl Send for Handle {}
// SAFETY: as above.
unsafe impl Sync for Handle {}

impl Handle {
    /// None.
    pub const NULL: Handle = Handle(std::ptr::null_mut());

    /// Whether it is none.
    pub fn is_null(self) -> bool {
        self.0.is_null()
    }
}

/// The calls on one open device. Each makes the device this thread's first. Queued work runs in the order of the calls; everything is queued on one stream.
///
/// Handles and page-locked memory are those that the same implementation gave, and have not been given back; where that, or what stands behind a pointer, decides whether a
/// call is sound, it is unsafe. Addresses of the device are plain numbers: a wrong one is an error of the driver.
pub trait Calls: Send + Sync + fmt::Debug + 'static {
    /// Reserves device memory.
    fn allocate(&self, bytes: usize) -> Result<u64, Failure>;

    /// Gives device memory back, once queued work is done with it.
    fn free(&self, address: u64) -> Result<(), Failure>;

    /// Queues a copy on the device.
    fn copy(&self, from: u64, to: u64, bytes: usize) -> Result<(), Failure>;

    /// Queues zeros.
    fn clear(&self, address: u64, bytes: usize) -> Result<(), Failure>;

    /// Waits for everything queued.
    fn synchronize(&self) -> Result<(), Failure>;

    /// The stream.
    fn stream(&self) -> Handle;

    /// Compiles C++.
    fn compile(&self, facts: &Facts, source: &str, flags: &[&str]) -> Result<Vec<u8>, Failure>;

    /// Makes an event; `timed` if it is a mark in time.
    fn event(&self, timed: bool) -> Result<Handle, Failure>;

    /// # Safety
    ///
    /// An event, which is not used any more.
    unsafe fn destroy_event(&self, event: Handle) -> Result<(), Failure>;

    /// Queues the mark of an event.
    ///
    /// # Safety
    ///
    /// An event.
    unsafe fn record(&self, event: Handle) -> Result<(), Failure>;

    /// Waits for an event's mark.
    ///
    /// # Safety
    ///
    /// An event.
    unsafe fn wait(&self, event: Handle) -> Result<(), Failure>;

    /// Milliseconds from one mark to another.
    ///
    /// # Safety
    ///
    /// Two events that are timed.
    unsafe fn elapsed(&self, from: Handle, to: Handle) -> Result<f32, Failure>;

    /// Reserves page-locked memory of the host.
    fn lock(&self, bytes: usize) -> Result<*mut u8, Failure>;

    /// # Safety
    ///
    /// Page-locked memory, which neither the host nor a copy uses any more.
    unsafe fn unlock(&self, memory: *mut u8) -> Result<(), Failure>;

    /// Queues a copy to the device.
    ///
    /// # Safety
    ///
    /// So many bytes are there, and nobody writes them before the copy is done.
    unsafe fn upload(&self, from: *const u8, to: u64, bytes: usize) -> Result<(), Failure>;

    /// Queues a copy from the device.
    ///
    /// # Safety
    ///
    /// So many bytes are there, and nobody touches them before the copy is done.
    unsafe fn download(&self, from: u64, to: *mut u8, bytes: usize) -> Result<(), Failure>;

    /// Loads a module.
    ///
    /// # Safety
    ///
    /// Compiled code that ends with a zero and outlives the module.
    unsafe fn load(&self, code: &[u8]) -> Result<Handle, Failure>;

    /// Unloads a module.
    ///
    /// # Safety
    ///
    /// A module, which is not used any more.
    unsafe fn unload(&self, module: Handle) -> Result<(), Failure>;

    /// Finds a kernel.
    ///
    /// # Safety
    ///
    /// A module.
    unsafe fn function(&self, module: Handle, name: &CStr) -> Result<Handle, Failure>;

    /// Queues a launch. The driver copies the arguments before it returns.
    ///
    /// # Safety
    ///
    /// A function of a module that is loaded, and a pointer to each of its parameters, of its size.
    unsafe fn launch(
        &self,
        function: Handle,
        groups: [u32; 3],
        threads: [u32; 3],
        arguments: &mut [*mut c_void],
    ) -> Result<(), Failure>;
}
