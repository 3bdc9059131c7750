//! What the CUDA and the ROCm backend share: everything but the names of the driver's functions, and how devices are found.
//!
//! A [`Driver`] is an open device behind a vendor's library: memory, copies, modules, launches, and the run-time compiler. `hadal-cuda` and `hadal-rocm` implement
//! [`Vendor`], on which [`Device`] is one, and [`Platform`], which finds devices; all else is here, once, on top of [`hadal_launch`], which knows how a program becomes launches.
//!
//! | file | job |
//! |---|---|
//! | `driver` | the interface to the vendor's library, free of its types |
//! | `calls`, `rtc`, `table` | what the libraries of both vendors have under different names: calls on a device, the run-time compiler, tables of functions |
//! | `device`, `pinned` | a driver made of calls: what is kept, waited for and given back |
//! | `capabilities` | what kernels may use on a device, and what passes may plan for |
//! | `kernels`, `disk` | WGSL to CUDA or HIP C++ by [`hadal_simt`], compiled for the device; compiled code is kept in memory and on disk |
//! | `gpu`, `record`, `transfer` | [`hadal_launch::Gpu`]: launches go to the device's one stream as they are recorded; copies go through page-locked memory |
//! | `backend` | [`hadal_device::Backend`] and the factory |
//!
//! # Order
//!
//! A device has one stream, so work runs in the order in which it is given, and memory that is dropped may be reused at once.
//!
//! # Errors
//!
//! A call that fails is a [`Failure`], which becomes a `DeviceError` that names the step. What a kernel does wrong on the device is told by a later call that waits;
//! such a device is lost, as the driver itself says of its context. [`Settings::blocking`] (`HADAL_LAUNCH_BLOCKING=1`) waits after each launch, so that the error names the
//! step that met it.
//!
//! `unsafe` stands in `stream`, `device`, `pinned` and `rtc` alone, where C is called; each place says why it holds.

mod backend;
mod capabilities;
mod device;
mod disk;
mod driver;
mod gpu;
mod kernels;
mod pinned;
mod record;
mod rtc;
mod stream;
mod table;
mod transfer;

pub use backend::{NativeBackend, NativeFactory, Settings};
pub use device::Device;
pub use driver::{Driver, Facts, Failure, Kernel, LaunchArguments, Pinned, Platform, Timer};
pub use rtc::{Rtc, RtcCalls};
pub use stream::{DISABLE_TIMING, Function, Handle, Launch, MemoryCalls, NON_BLOCKING, StreamCalls, Vendor};
pub use table::text_of;
