//! Matrix products by cuBLAS and hipBLAS, found at run time, to compare ours with. Nothing else of Hadal calls them.

use hadal_graph::DType;
use hadal_native::{Driver, Failure};
use libloading::Library;
use std::ffi::{c_int, c_void};
use std::path::{Path, PathBuf};

type Handle = *mut c_void;
/// `cublasStatus_t`, `hipblasStatus_t`.
type Status = c_int;
type Gemm<T> = unsafe extern "C" fn(
    Handle,
    c_int,
    c_int,
    c_int,
    c_int,
    c_int,
    *const T,
    *const c_void,
    c_int,
    *const c_void,
    c_int,
    *const T,
    *mut c_void,
    c_int,
) -> Status;
type GemmEx = unsafe extern "C" fn(
    Handle,
    c_int,
    c_int,
    c_int,
    c_int,
    c_int,
    *const f32,
    *const c_void,
    c_int,
    c_int,
    *const c_void,
    c_int,
    c_int,
    *const f32,
    *mut c_void,
    c_int,
    c_int,
    c_int,
    c_int,
) -> Status;

/// In what the two libraries differ.
struct Names {
    /// As people call it.
    library: &'static str,
    file: &'static str,
    endings: &'static [&'static str],
    /// Below the folders that are named by these variables.
    places: &'static [(&'static str, &'static str)],
    create: &'static [u8],
    destroy: &'static [u8],
    set_stream: &'static [u8],
    single: &'static [u8],
    /// `CUBLAS_OP_N`, `HIPBLAS_OP_N`.
    plain: c_int,
}

const CUBLAS: Names = Names {
    library: "cuBLAS",
    file: "libcublas",
    endings: &["so", "so.13", "so.12"],
    places: &[("HADAL_CUDA", "nvidia/cublas/lib"), ("CUDA_PATH", "lib64"), ("CUDA_HOME", "lib64")],
    create: b"cublasCreate_v2",
    destroy: b"cublasDestroy_v2",
    set_stream: b"cublasSetStream_v2",
    single: b"cublasSgemm_v2",
    plain: 0,
};

const HIPBLAS: Names = Names {
    library: "hipBLAS",
    file: "libhipblas",
    endings: &["so", "so.3", "so.2", "so.1", "so.0"],
    places: &[("ROCM_PATH", "lib"), ("", "/opt/rocm/lib")],
    create: b"hipblasCreate",
    destroy: b"hipblasDestroy",
    set_stream: b"hipblasSetStream",
    single: b"hipblasSgemm",
    plain: 111,
};

/// `CUDA_R_16F`, `CUBLAS_COMPUTE_32F`, `CUBLAS_GEMM_DEFAULT`.
const CUDA_HALF: c_int = 2;
const COMPUTE_32F: c_int = 68;
const DEFAULT_ALGORITHM: c_int = -1;

/// One of the libraries, with a handle on a device.
pub(crate) struct Vendor<'d> {
    names: &'static Names,
    library: Library,
    handle: Handle,
    driver: &'d dyn Driver,
}

impl<'d> Vendor<'d> {
    /// The library for an open device; `folder` is where it is, wherever else there might be one. Errors: what is missing, in one line.
    pub(crate) fn open(driver: &'d dyn Driver, folder: Option<&Path>) -> Result<Vendor<'d>, String> {
        let names = match driver.facts().info.backend.as_str() {
            "cuda" => &CUBLAS,
            "rocm" => &HIPBLAS,
            other => return Err(format!("{other} has no library of its own")),
        };
        let variable = |name: &str| match name {
            "" => Some(PathBuf::new()),
            name => std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from),
        };
        let folders: Vec<PathBuf> = match folder {
            Some(folder) => vec![folder.into()],
            None => {
                let named = names.places.iter().filter_map(|(name, below)| Some(variable(name)?.join(below)));
                [PathBuf::new()].into_iter().chain(named).collect()
            }
        };
        let files = folders.iter().flat_map(|folder| {
            names.endings.iter().map(move |ending| folder.join(format!("{}.{ending}", names.file)))
        });
        // SAFETY: loading it runs its own initialisation alone.
        let library = files.into_iter().find_map(|file| unsafe { Library::new(file) }.ok());
        let library =
            library.ok_or_else(|| format!("{} ({}) is not installed", names.library, names.file))?;
        let mut vendor = Vendor { names, library, handle: std::ptr::null_mut(), driver };
        // The library works in the context that is current, which the device's calls make its own.
        driver.synchronize().map_err(|failure| failure.to_string())?;
        let create: unsafe extern "C" fn(*mut Handle) -> Status = vendor.function(names.create)?;
        // SAFETY: writes one handle, which is destroyed with `vendor`.
        let created = unsafe { create(&mut vendor.handle) };
        vendor.check(names.create, created)?;
        let set_stream: unsafe extern "C" fn(Handle, Handle) -> Status = vendor.function(names.set_stream)?;
        // SAFETY: a handle of the library, and a stream that the driver keeps.
        vendor.check(names.set_stream, unsafe {
            set_stream(vendor.handle, driver.stream() as usize as Handle)
        })?;
        Ok(vendor)
    }

    /// As people call the library.
    pub(crate) fn name(&self) -> &'static str {
        self.names.library
    }

    fn function<T: Copy>(&self, name: &[u8]) -> Result<T, String> {
        // SAFETY: the types are those of the library's manual.
        let found = unsafe { self.library.get::<T>(name) };
        found.map(|function| *function).map_err(|_| {
            format!("{} lacks the function {}", self.names.library, String::from_utf8_lossy(name))
        })
    }

    fn check(&self, name: &[u8], status: Status) -> Result<(), String> {
        match status {
            0 => Ok(()),
            status => Err(format!("{} returned {status}", String::from_utf8_lossy(name))),
        }
    }

    /// Queues `c = a · b` of square matrices that lie at these addresses.
    fn multiply(&self, dtype: DType, size: usize, [a, b, c]: [u64; 3]) -> Result<(), String> {
        let (handle, plain) = (self.handle, self.names.plain);
        let n = c_int::try_from(size).map_err(|error| error.to_string())?;
        let [a, b] = [a, b].map(|address| address as usize as *const c_void);
        let c = c as usize as *mut c_void;
        let (one, zero) = (1f32, 0f32);
        let (name, status) = match (dtype, self.names.plain) {
            (DType::F32, _) => {
                let gemm: Gemm<f32> = self.function(self.names.single)?;
                // SAFETY: a handle of the library, numbers that live until it returns, and addresses of the device with room for `n · n` elements each.
                let status = unsafe { gemm(handle, plain, plain, n, n, n, &one, a, n, b, n, &zero, c, n) };
                (self.names.single, status)
            }
            (DType::F16, 0) => {
                let name = b"cublasGemmEx".as_slice();
                let gemm: GemmEx = self.function(name)?;
                let half = CUDA_HALF;
                // SAFETY: as above.
                let status = unsafe {
                    gemm(
                        handle,
                        plain,
                        plain,
                        n,
                        n,
                        n,
                        &one,
                        a,
                        half,
                        n,
                        b,
                        half,
                        n,
                        &zero,
                        c,
                        half,
                        n,
                        COMPUTE_32F,
                        DEFAULT_ALGORITHM,
                    )
                };
                (name, status)
            }
            (DType::F16, _) => {
                let name = b"hipblasHgemm".as_slice();
                let gemm: Gemm<u16> = self.function(name)?;
                // 1 and 0 in half precision.
                let (one, zero) = (0x3c00u16, 0u16);
                // SAFETY: as above.
                let status = unsafe { gemm(handle, plain, plain, n, n, n, &one, a, n, b, n, &zero, c, n) };
                (name, status)
            }
            (other, _) => return Err(format!("products of {other} are not asked for")),
        };
        self.check(name, status)
    }

    /// Nanoseconds of the fastest of `runs` products of matrices of halves. Errors: what failed, and a result that is wrong.
    pub(crate) fn product(&self, dtype: DType, size: usize, runs: usize) -> Result<u64, String> {
        let mut memory = Memory { driver: self.driver, addresses: Vec::new() };
        let text = |failure: Failure| failure.to_string();
        let bytes = size * size * dtype.size();
        let half: &[u8] = if dtype == DType::F16 { &[0, 0x38] } else { &[0, 0, 0, 0x3f] };
        let mut matrices = [0; 3];
        for matrix in &mut matrices {
            *matrix = memory.filled(half, bytes).map_err(text)?;
        }
        let mut fastest = u64::MAX;
        for _ in 0..runs {
            let mut timer = self.driver.timer().map_err(text)?;
            timer.mark().map_err(text)?;
            self.multiply(dtype, size, matrices)?;
            timer.mark().map_err(text)?;
            let marks = timer.read().map_err(text)?;
            fastest = fastest.min(marks[1].saturating_sub(marks[0]));
        }
        let last = memory.last(matrices[2], bytes, dtype.size()).map_err(text)?;
        // A quarter for each product that is summed; sizes are powers of two, so nothing is rounded.
        let expected = size as f32 / 4.0;
        let actual = match *last {
            [a, b] => f16_to_f32(u16::from_le_bytes([a, b])),
            [a, b, c, d] => f32::from_le_bytes([a, b, c, d]),
            _ => f32::NAN,
        };
        if actual != expected {
            return Err(format!("{} gives {actual}, not {expected}", self.names.library));
        }
        Ok(fastest)
    }
}

impl Drop for Vendor<'_> {
    fn drop(&mut self) {
        let destroy = self.function::<unsafe extern "C" fn(Handle) -> Status>(self.names.destroy);
        if let (Ok(destroy), false) = (destroy, self.handle.is_null()) {
            // SAFETY: made by `open`, and destroyed once.
            unsafe { destroy(self.handle) };
        }
    }
}

/// A normal number in half precision.
fn f16_to_f32(bits: u16) -> f32 {
    let (exponent, fraction) = (i32::from(bits >> 10 & 31), f32::from(bits & 1023));
    (1.0 + fraction / 1024.0) * 2f32.powi(exponent - 15)
}

/// Device memory, given back at the end.
struct Memory<'d> {
    driver: &'d dyn Driver,
    addresses: Vec<u64>,
}

impl Memory<'_> {
    /// `bytes` bytes that repeat `element`.
    fn filled(&mut self, element: &[u8], bytes: usize) -> Result<u64, Failure> {
        let address = self.driver.allocate(bytes as u64)?;
        self.addresses.push(address);
        let piece = bytes.min(4 << 20);
        let mut pinned = self.driver.pinned(piece)?;
        pinned.bytes()?.iter_mut().enumerate().for_each(|(i, byte)| *byte = element[i % element.len()]);
        for at in (0..bytes).step_by(piece) {
            pinned.upload(address + at as u64, piece.min(bytes - at))?;
        }
        self.driver.synchronize()?;
        Ok(address)
    }

    /// The last element.
    fn last(&self, address: u64, bytes: usize, element: usize) -> Result<Vec<u8>, Failure> {
        let mut pinned = self.driver.pinned(element)?;
        pinned.download(address + (bytes - element) as u64, 0, element)?;
        Ok(pinned.bytes()?.to_vec())
    }
}

impl Drop for Memory<'_> {
    fn drop(&mut self) {
        for &address in &self.addresses {
            // Nobody is left who could be told.
            let _ = self.driver.free(address);
        }
    }
}
