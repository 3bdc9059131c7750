//! The C library in this process, and the functions that only it has.

use crate::place;
use libloading::Library;
use std::ffi::{CStr, c_char};
use std::io;

/// The library, loaded by its path, so that hosts in this process find it by its names. There is one driver for a process: tests take turns.
#[derive(Debug)]
pub struct Loaded {
    library: Library,
}

impl Loaded {
    /// Loads the library, and NVRTC where `HADAL_CUDA` says.
    ///
    /// Errors: when the library is not there, or there is no NVRTC, without which nothing can be compiled.
    pub fn new() -> io::Result<Loaded> {
        let path = place::library()?;
        let folder = std::env::var_os("HADAL_CUDA").filter(|folder| !folder.is_empty()).unwrap_or_default();
        let nvrtc = std::path::Path::new(&folder).join("nvidia/cuda_nvrtc/lib/libnvrtc.so.12");
        // SAFETY: NVRTC's initialisation is sound.
        let load = |place: &std::path::Path| unsafe { Library::new(place) };
        let found = load(&nvrtc).or_else(|_| load("libnvrtc.so.12".as_ref()));
        // Once loaded by its path, it is found by its name; it stays until the process ends.
        std::mem::forget(found.map_err(|_| {
            let missing =
                "there is no NVRTC: `cargo xtask test standin` installs it, and HADAL_CUDA says where";
            io::Error::new(io::ErrorKind::NotFound, missing)
        })?);
        // SAFETY: its initialisation does nothing.
        let library = unsafe { Library::new(&path) }.map_err(io::Error::other)?;
        Ok(Loaded { library })
    }

    /// The text of the last finding; empty if there was none.
    pub fn report(&self) -> String {
        let Some(report) = self.function::<extern "C" fn() -> *const c_char>("hadal_standin_last_report")
        else {
            return String::new();
        };
        // SAFETY: it ends with a zero and lives until the next call.
        unsafe { CStr::from_ptr(report()) }.to_string_lossy().into_owned()
    }

    /// Makes the `n`-th call from now fail with `code`; none for 0.
    pub fn fail(&self, n: u64, code: u32) {
        if let Some(fail) = self.function::<extern "C" fn(u64, u32)>("hadal_standin_fail") {
            fail(n, code);
        }
    }

    /// Starts anew, as if the process had just begun.
    pub fn clear(&self) {
        if let Some(clear) = self.function::<extern "C" fn()>("hadal_standin_clear") {
            clear();
        }
    }

    /// How many findings there were.
    pub fn findings(&self) -> u64 {
        self.count("hadal_standin_findings")
    }

    /// Calls so far.
    pub fn calls(&self) -> u64 {
        self.count("hadal_standin_calls")
    }

    /// Live allocations of device memory, and of page-locked memory of the host.
    pub fn live_allocations(&self) -> u64 {
        self.count("hadal_standin_live_allocations")
    }

    /// Instructions of warps that all launches ran.
    pub fn instructions(&self) -> u64 {
        self.count("hadal_standin_instructions")
    }

    fn count(&self, name: &str) -> u64 {
        self.function::<extern "C" fn() -> u64>(name).map_or(0, |count| count())
    }

    fn function<T: Copy>(&self, name: &str) -> Option<T> {
        // SAFETY: the types are those of `driver/standin.rs`.
        unsafe { self.library.get::<T>(name.as_bytes()) }.ok().map(|function| *function)
    }
}
