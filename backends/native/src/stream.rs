//! The calls on an open device and its one stream. Both vendors' drivers have the same functions under different names.

use crate::driver::{Facts, Failure};
use std::ffi::{CStr, c_char, c_float, c_uchar, c_uint, c_void};
use std::fmt;

/// What a driver gave for something of its own: a stream, an event, a module, a function.
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

/// `CU_STREAM_NON_BLOCKING`, `hipStreamNonBlocking`.
pub const NON_BLOCKING: c_uint = 1;
/// `CU_EVENT_DISABLE_TIMING`, `hipEventDisableTiming`.
pub const DISABLE_TIMING: c_uint = 2;

type Status = c_uint;
type Raw = *mut c_void;

/// A function of a driver.
#[derive(Clone, Copy, Debug)]
pub struct Function<F> {
    /// Its name in the library.
    pub name: &'static str,
    /// Where it is.
    pub call: F,
}

/// A function of a table, with its name.
#[macro_export]
macro_rules! function {
    ($table:expr, $name:ident) => {
        $crate::Function { name: stringify!($name), call: $table.$name }
    };
}

/// A driver's functions. An address of the device is a number as wide as a pointer.
#[derive(Clone, Debug)]
pub struct StreamCalls {
    /// `cuStreamCreate`, `hipStreamCreateWithFlags`.
    pub stream_create: Function<unsafe extern "C" fn(*mut Raw, c_uint) -> Status>,
    /// `cuStreamDestroy`, `hipStreamDestroy`.
    pub stream_destroy: Function<unsafe extern "C" fn(Raw) -> Status>,
    /// `cuStreamSynchronize`, `hipStreamSynchronize`.
    pub stream_synchronize: Function<unsafe extern "C" fn(Raw) -> Status>,
    /// `cuEventCreate`, `hipEventCreateWithFlags`.
    pub event_create: Function<unsafe extern "C" fn(*mut Raw, c_uint) -> Status>,
    /// `cuEventDestroy`, `hipEventDestroy`.
    pub event_destroy: Function<unsafe extern "C" fn(Raw) -> Status>,
    /// `cuEventRecord`, `hipEventRecord`.
    pub event_record: Function<unsafe extern "C" fn(Raw, Raw) -> Status>,
    /// `cuEventSynchronize`, `hipEventSynchronize`.
    pub event_synchronize: Function<unsafe extern "C" fn(Raw) -> Status>,
    /// `cuEventElapsedTime`, `hipEventElapsedTime`.
    pub event_elapsed: Function<unsafe extern "C" fn(*mut c_float, Raw, Raw) -> Status>,
    /// Device memory.
    pub memory: MemoryCalls,
    /// `cuMemHostAlloc`, `hipHostMalloc`.
    pub host_allocate: Function<unsafe extern "C" fn(*mut *mut c_void, usize, c_uint) -> Status>,
    /// `cuMemFreeHost`, `hipHostFree`.
    pub host_free: Function<unsafe extern "C" fn(*mut c_void) -> Status>,
    /// `cuMemcpyHtoDAsync`, `hipMemcpyHtoDAsync`.
    pub upload: Function<unsafe extern "C" fn(u64, *const c_void, usize, Raw) -> Status>,
    /// `cuMemcpyDtoHAsync`, `hipMemcpyDtoHAsync`.
    pub download: Function<unsafe extern "C" fn(*mut c_void, u64, usize, Raw) -> Status>,
    /// `cuMemcpyDtoDAsync`, `hipMemcpyDtoDAsync`.
    pub copy: Function<unsafe extern "C" fn(u64, u64, usize, Raw) -> Status>,
    /// `cuMemsetD8Async`, `hipMemsetD8Async`.
    pub set_bytes: Function<unsafe extern "C" fn(u64, c_uchar, usize, Raw) -> Status>,
    /// `cuModuleLoadData`, `hipModuleLoadData`.
    pub module_load: Function<unsafe extern "C" fn(*mut Raw, *const c_void) -> Status>,
    /// `cuModuleUnload`, `hipModuleUnload`.
    pub module_unload: Function<unsafe extern "C" fn(Raw) -> Status>,
    /// `cuModuleGetFunction`, `hipModuleGetFunction`.
    pub module_function: Function<unsafe extern "C" fn(*mut Raw, Raw, *const c_char) -> Status>,
    /// `cuLaunchKernel`, `hipModuleLaunchKernel`.
    pub launch: Function<Launch>,
}

/// Function, groups and threads by axis, bytes of dynamic shared memory, stream, parameters, and other parameters.
pub type Launch = unsafe extern "C" fn(
    Raw,
    c_uint,
    c_uint,
    c_uint,
    c_uint,
    c_uint,
    c_uint,
    c_uint,
    Raw,
    *mut *mut c_void,
    *mut *mut c_void,
) -> Status;

/// How a driver reserves device memory.
#[derive(Clone, Debug)]
pub enum MemoryCalls {
    /// In no stream's order: it waits for work that uses what is given back.
    Waiting {
        /// `cuMemAlloc`, `hipMalloc`.
        allocate: Function<unsafe extern "C" fn(*mut u64, usize) -> Status>,
        /// `cuMemFree`, `hipFree`.
        free: Function<unsafe extern "C" fn(u64) -> Status>,
    },
    /// In the stream's order.
    Ordered {
        /// `cuMemAllocAsync`.
        allocate: Function<unsafe extern "C" fn(*mut u64, usize, Raw) -> Status>,
        /// `cuMemFreeAsync`.
        free: Function<unsafe extern "C" fn(u64, Raw) -> Status>,
    },
}

/// What the vendors do in ways of their own on an open device.
///
/// # Safety
///
/// `calls` are the functions of a driver, in whose manual they do what they are called here, and stay loaded.
pub unsafe trait Vendor: Send + Sync + fmt::Debug + 'static {
    /// The driver's functions.
    fn calls(&self) -> &StreamCalls;

    /// Makes the device this thread's. Every call on it comes after that.
    fn enter(&self) -> Result<(), Failure>;

    /// What the function `call` returned.
    fn check(&self, call: &str, status: u32) -> Result<(), Failure>;

    /// Compiles C++ for the device. Errors: `Refused` with the compiler's log.
    fn compile(&self, facts: &Facts, source: &str, flags: &[&str]) -> Result<Vec<u8>, Failure>;
}

/// A stream, which keeps the device open. Queued work runs in the order of the calls.
///
/// Handles and page-locked memory that it takes are those that it gave, and have not been given back; where that, or what stands behind a pointer, decides whether a
/// call is sound, it is unsafe. Addresses of the device are plain numbers: a wrong one is an error of the driver.
#[derive(Debug)]
pub(crate) struct Stream<V: Vendor> {
    vendor: V,
    stream: Handle,
}

impl<V: Vendor> Stream<V> {
    /// A new stream on the device.
    pub(crate) fn open(vendor: V) -> Result<Stream<V>, Failure> {
        let mut opened = Stream { vendor, stream: Handle::NULL };
        let mut stream = std::ptr::null_mut();
        let create = opened.vendor.calls().stream_create;
        // SAFETY: writes one handle, which is destroyed with `opened`.
        opened.call(create, |create| unsafe { create(&mut stream, NON_BLOCKING) })?;
        opened.stream = Handle(stream);
        Ok(opened)
    }

    /// Runs `call` with a function of the driver, on this device.
    fn call<F>(&self, function: Function<F>, call: impl FnOnce(F) -> Status) -> Result<(), Failure> {
        self.vendor.enter()?;
        self.vendor.check(function.name, call(function.call))
    }

    /// Runs `call` with a function that gives something back: even where the device cannot be made this thread's.
    fn release<F>(&self, function: Function<F>, call: impl FnOnce(F) -> Status) -> Result<(), Failure> {
        let entered = self.vendor.enter();
        self.vendor.check(function.name, call(function.call))?;
        entered
    }

    /// Reserves device memory.
    pub(crate) fn allocate(&self, bytes: usize) -> Result<u64, Failure> {
        let mut address = 0;
        match self.vendor.calls().memory {
            MemoryCalls::Waiting { allocate, .. } => {
                // SAFETY: writes one address.
                self.call(allocate, |allocate| unsafe { allocate(&mut address, bytes) })?;
            }
            MemoryCalls::Ordered { allocate, .. } => {
                // SAFETY: writes one address.
                self.call(allocate, |allocate| unsafe { allocate(&mut address, bytes, self.stream.0) })?;
            }
        }
        Ok(address)
    }

    /// Gives device memory back, once queued work is done with it.
    pub(crate) fn free(&self, address: u64) -> Result<(), Failure> {
        match self.vendor.calls().memory {
            // SAFETY: an address of the device, which no host touches.
            MemoryCalls::Waiting { free, .. } => self.release(free, |free| unsafe { free(address) }),
            MemoryCalls::Ordered { free, .. } => {
                // SAFETY: an address of the device, which no host touches.
                self.release(free, |free| unsafe { free(address, self.stream.0) })
            }
        }
    }

    /// Queues a copy on the device.
    pub(crate) fn copy(&self, from: u64, to: u64, bytes: usize) -> Result<(), Failure> {
        // SAFETY: addresses of the device alone.
        self.call(self.vendor.calls().copy, |copy| unsafe { copy(to, from, bytes, self.stream.0) })
    }

    /// Queues zeros.
    pub(crate) fn clear(&self, address: u64, bytes: usize) -> Result<(), Failure> {
        // SAFETY: an address of the device alone.
        self.call(self.vendor.calls().set_bytes, |set| unsafe { set(address, 0, bytes, self.stream.0) })
    }

    /// Waits for everything queued.
    pub(crate) fn synchronize(&self) -> Result<(), Failure> {
        // SAFETY: the stream lives as long as `self`.
        self.call(self.vendor.calls().stream_synchronize, |wait| unsafe { wait(self.stream.0) })
    }

    /// The driver's handle.
    pub(crate) fn handle(&self) -> Handle {
        self.stream
    }

    /// Compiles C++.
    pub(crate) fn compile(&self, facts: &Facts, source: &str, flags: &[&str]) -> Result<Vec<u8>, Failure> {
        self.vendor.compile(facts, source, flags)
    }

    /// Makes an event; `timed` if it is a mark in time.
    pub(crate) fn event(&self, timed: bool) -> Result<Handle, Failure> {
        let mut event = std::ptr::null_mut();
        let flags = if timed { 0 } else { DISABLE_TIMING };
        // SAFETY: writes one handle.
        self.call(self.vendor.calls().event_create, |create| unsafe { create(&mut event, flags) })?;
        Ok(Handle(event))
    }

    /// # Safety
    ///
    /// An event, which is not used any more.
    pub(crate) unsafe fn destroy_event(&self, event: Handle) -> Result<(), Failure> {
        // SAFETY: as the caller says.
        self.release(self.vendor.calls().event_destroy, |destroy| unsafe { destroy(event.0) })
    }

    /// Queues the mark of an event.
    ///
    /// # Safety
    ///
    /// An event.
    pub(crate) unsafe fn record(&self, event: Handle) -> Result<(), Failure> {
        // SAFETY: as the caller says; the stream lives as long as `self`.
        self.call(self.vendor.calls().event_record, |record| unsafe { record(event.0, self.stream.0) })
    }

    /// Waits for an event's mark.
    ///
    /// # Safety
    ///
    /// An event.
    pub(crate) unsafe fn wait(&self, event: Handle) -> Result<(), Failure> {
        // SAFETY: as the caller says.
        self.call(self.vendor.calls().event_synchronize, |wait| unsafe { wait(event.0) })
    }

    /// Milliseconds from one mark to another.
    ///
    /// # Safety
    ///
    /// Two events that are timed.
    pub(crate) unsafe fn elapsed(&self, from: Handle, to: Handle) -> Result<f32, Failure> {
        let mut time = 0.0;
        // SAFETY: as the caller says; writes one number.
        self.call(self.vendor.calls().event_elapsed, |get| unsafe { get(&mut time, from.0, to.0) })?;
        Ok(time)
    }

    /// Reserves page-locked memory of the host.
    pub(crate) fn lock(&self, bytes: usize) -> Result<*mut u8, Failure> {
        let mut memory = std::ptr::null_mut();
        // SAFETY: writes one address.
        self.call(self.vendor.calls().host_allocate, |lock| unsafe { lock(&mut memory, bytes, 0) })?;
        Ok(memory.cast())
    }

    /// # Safety
    ///
    /// Page-locked memory, which neither the host nor a copy uses any more.
    pub(crate) unsafe fn unlock(&self, memory: *mut u8) -> Result<(), Failure> {
        // SAFETY: as the caller says.
        self.release(self.vendor.calls().host_free, |free| unsafe { free(memory.cast()) })
    }

    /// Queues a copy to the device.
    ///
    /// # Safety
    ///
    /// So many bytes are there, and nobody writes them before the copy is done.
    pub(crate) unsafe fn upload(&self, from: *const u8, to: u64, bytes: usize) -> Result<(), Failure> {
        // SAFETY: as the caller says.
        self.call(self.vendor.calls().upload, |copy| unsafe { copy(to, from.cast(), bytes, self.stream.0) })
    }

    /// Queues a copy from the device.
    ///
    /// # Safety
    ///
    /// So many bytes are there, and nobody touches them before the copy is done.
    pub(crate) unsafe fn download(&self, from: u64, to: *mut u8, bytes: usize) -> Result<(), Failure> {
        // SAFETY: as the caller says.
        self.call(self.vendor.calls().download, |copy| unsafe { copy(to.cast(), from, bytes, self.stream.0) })
    }

    /// Loads a module.
    ///
    /// # Safety
    ///
    /// Compiled code that ends with a zero and outlives the module.
    pub(crate) unsafe fn load(&self, code: &[u8]) -> Result<Handle, Failure> {
        let mut module = std::ptr::null_mut();
        // SAFETY: as the caller says; writes one handle.
        self.call(self.vendor.calls().module_load, |load| unsafe {
            load(&mut module, code.as_ptr().cast())
        })?;
        Ok(Handle(module))
    }

    /// Unloads a module.
    ///
    /// # Safety
    ///
    /// A module, which is not used any more.
    pub(crate) unsafe fn unload(&self, module: Handle) -> Result<(), Failure> {
        // SAFETY: as the caller says.
        self.release(self.vendor.calls().module_unload, |unload| unsafe { unload(module.0) })
    }

    /// Finds a kernel.
    ///
    /// # Safety
    ///
    /// A module.
    pub(crate) unsafe fn function(&self, module: Handle, name: &CStr) -> Result<Handle, Failure> {
        let mut function = std::ptr::null_mut();
        let find = self.vendor.calls().module_function;
        // SAFETY: as the caller says; writes one handle.
        self.call(find, |find| unsafe { find(&mut function, module.0, name.as_ptr()) })?;
        Ok(Handle(function))
    }

    /// Queues a launch. The driver copies the arguments before it returns.
    ///
    /// # Safety
    ///
    /// A function of a module that is loaded, and a pointer to each of its parameters, of its size.
    pub(crate) unsafe fn launch(
        &self,
        function: Handle,
        [x, y, z]: [u32; 3],
        [threads_x, threads_y, threads_z]: [u32; 3],
        arguments: &mut [*mut c_void],
    ) -> Result<(), Failure> {
        let (function, stream, given) = (function.0, self.stream.0, arguments.as_mut_ptr());
        let none = std::ptr::null_mut();
        self.call(self.vendor.calls().launch, |launch| {
            // SAFETY: as the caller says; what the kernel does with addresses stays on the device.
            unsafe { launch(function, x, y, z, threads_x, threads_y, threads_z, 0, stream, given, none) }
        })
    }
}

impl<V: Vendor> Drop for Stream<V> {
    fn drop(&mut self) {
        // What fails here concerns nobody any more.
        if !self.stream.is_null() {
            let _ = self.synchronize();
            // SAFETY: made by `open`, and destroyed once.
            let _ =
                self.release(self.vendor.calls().stream_destroy, |destroy| unsafe { destroy(self.stream.0) });
        }
    }
}
