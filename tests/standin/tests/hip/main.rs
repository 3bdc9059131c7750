//! The stand-in HIP runtime and hipRTC, as a host sees them that loads them at run time.

use libloading::Library;
use std::ffi::{CStr, CString, c_char, c_int, c_uint, c_void};
use std::path::Path;
use std::sync::{Mutex, MutexGuard};

type Handle = *mut c_void;
type Status = u32;

/// A function of the library; its type is the caller's to know.
macro_rules! call {
    ($hip:expr, $name:literal, ($($of:ty),*), $($argument:expr),*) => {{
        let function: libloading::Symbol<'_, unsafe extern "C" fn($($of),*) -> Status> =
            // SAFETY: the type is that of HIP's manual.
            unsafe { $hip.library.get($name.as_bytes()) }.expect($name);
        // SAFETY: pointers are to what the manual demands.
        unsafe { function($($argument),*) }
    }};
}

struct Hip {
    library: Library,
    /// The driver is one for the process: tests take turns.
    _turn: MutexGuard<'static, ()>,
}

/// `None` where there is no NVRTC, which in CI is a failure.
fn hip() -> Option<Hip> {
    static TURN: Mutex<()> = Mutex::new(());
    let turn = TURN.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    let folder = std::env::var_os("HADAL_CUDA").map(Into::into);
    let folder = folder.unwrap_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target/cuda"));
    let nvrtc = folder.join("nvidia/cuda_nvrtc/lib/libnvrtc.so.12");
    // SAFETY: its initialisation is sound; once loaded by its path, the stand-in finds it by its name.
    let Ok(loaded) = (unsafe { Library::new(&nvrtc) }) else {
        let missing = format!("{} is missing: `cargo xtask test standin` installs it", nvrtc.display());
        assert!(std::env::var_os("CI").is_none(), "{missing}");
        println!("skipped: {missing}");
        return None;
    };
    std::mem::forget(loaded);
    let path = hadal_standin::place::library().expect("cargo builds it");
    // SAFETY: its initialisation does nothing.
    let library = unsafe { Library::new(&path) }.unwrap_or_else(|e| panic!("{}: {e}", path.display()));
    let hip = Hip { library, _turn: turn };
    // SAFETY: it takes nothing and gives nothing.
    unsafe { hip.library.get::<unsafe extern "C" fn()>(b"hadal_standin_clear").expect("exported")() };
    Some(hip)
}

impl Hip {
    /// The code of a program, or status and log.
    fn compile(&self, source: &str, options: &[&str]) -> Result<Vec<u8>, (Status, String)> {
        let mut program: Handle = std::ptr::null_mut();
        let source = CString::new(source).expect("text");
        let null = std::ptr::null::<*const c_char>();
        let created = call!(
            self,
            "hiprtcCreateProgram",
            (*mut Handle, *const c_char, *const c_char, c_int, *const *const c_char, *const *const c_char),
            &mut program,
            source.as_ptr(),
            std::ptr::null(),
            0,
            null,
            null
        );
        assert_eq!(created, 0);
        let options: Vec<CString> = options.iter().map(|o| CString::new(*o).expect("text")).collect();
        let options: Vec<_> = options.iter().map(|o| o.as_ptr()).collect();
        let compiled = call!(
            self,
            "hiprtcCompileProgram",
            (Handle, c_int, *const *const c_char),
            program,
            options.len() as c_int,
            options.as_ptr()
        );
        let (size, get) = match compiled {
            0 => ("hiprtcGetCodeSize", "hiprtcGetCode"),
            _ => ("hiprtcGetProgramLogSize", "hiprtcGetProgramLog"),
        };
        let mut bytes = 0usize;
        type Size = unsafe extern "C" fn(Handle, *mut usize) -> Status;
        type Get = unsafe extern "C" fn(Handle, *mut u8) -> Status;
        // SAFETY: the types are those of hipRTC's manual, and there is as much room as it asks for.
        let out = unsafe {
            assert_eq!(self.library.get::<Size>(size.as_bytes()).expect("exported")(program, &mut bytes), 0);
            let mut out = vec![0u8; bytes];
            assert_eq!(
                self.library.get::<Get>(get.as_bytes()).expect("exported")(program, out.as_mut_ptr()),
                0
            );
            out
        };
        assert_eq!(call!(self, "hiprtcDestroyProgram", (*mut Handle), &mut program), 0);
        match compiled {
            0 => Ok(out),
            status => Err((status, String::from_utf8_lossy(&out).into_owned())),
        }
    }

    fn function(&self, code: &[u8], name: &CStr) -> Handle {
        let (mut module, mut function): (Handle, Handle) = (std::ptr::null_mut(), std::ptr::null_mut());
        let loaded =
            call!(self, "hipModuleLoadData", (*mut Handle, *const c_void), &mut module, code.as_ptr().cast());
        assert_eq!(loaded, 0, "{}", self.report());
        let name = name.as_ptr();
        let found = call!(
            self,
            "hipModuleGetFunction",
            (*mut Handle, Handle, *const c_char),
            &mut function,
            module,
            name
        );
        assert_eq!(found, 0);
        function
    }

    fn report(&self) -> String {
        // SAFETY: the text lives until the next call.
        unsafe {
            let of =
                self.library.get::<unsafe extern "C" fn() -> *const c_char>(b"hadal_standin_last_report");
            CStr::from_ptr(of.expect("exported")()).to_string_lossy().into_owned()
        }
    }

    fn upload<T: Copy>(&self, values: &[T]) -> u64 {
        let (mut at, bytes) = (0u64, std::mem::size_of_val(values));
        assert_eq!(call!(self, "hipMalloc", (*mut u64, usize), &mut at, bytes), 0);
        // To the device.
        let from = values.as_ptr() as u64;
        assert_eq!(call!(self, "hipMemcpy", (u64, u64, usize, c_uint), at, from, bytes, 1), 0);
        at
    }

    fn download(&self, at: u64, count: usize) -> Vec<u32> {
        let mut out = vec![0u32; count];
        // By the kinds of the addresses.
        let to = out.as_mut_ptr() as u64;
        assert_eq!(call!(self, "hipMemcpy", (u64, u64, usize, c_uint), to, at, 4 * count, 4), 0);
        out
    }

    fn launch(&self, function: Handle, threads: u32, addresses: &[u64]) -> Status {
        let mut params: Vec<*mut c_void> =
            addresses.iter().map(|a| (&raw const *a).cast_mut().cast()).collect();
        let none = std::ptr::null_mut::<Handle>();
        type Launch = unsafe extern "C" fn(
            Handle,
            c_uint,
            c_uint,
            c_uint,
            c_uint,
            c_uint,
            c_uint,
            c_uint,
            Handle,
            *mut Handle,
            *mut Handle,
        ) -> Status;
        // SAFETY: the type is that of HIP's manual, and the parameters are those of the kernel.
        unsafe {
            let launch = self.library.get::<Launch>(b"hipModuleLaunchKernel").expect("exported");
            launch(function, 1, 1, 1, threads, 1, 1, 0, std::ptr::null_mut(), params.as_mut_ptr(), none)
        }
    }
}

const WAVES: &str = r#"#include <hip/hip_runtime.h>
extern "C" __global__ void waves(unsigned* out) {
    unsigned i = threadIdx.x, n = blockDim.x;
    unsigned sum = i;
    for (int o = warpSize / 2; o; o >>= 1) sum += __shfl_xor(sum, o);
    out[i] = sum;
    out[n + i] = __shfl_up(i, 3);
    out[2 * n + i] = __shfl_down(i, 40 % warpSize, warpSize);
    unsigned long long odd = __ballot(i & 1);
    out[3 * n + i] = __popcll(odd) + (__any(i == 63) ? 1000 : 0);
    out[4 * n + i] = __shfl(i, 2, 8);
    __shared__ unsigned tile[128];
    tile[i] = i;
    __threadfence_block();
    out[5 * n + i] = tile[i ^ (warpSize - 1)];
}"#;

#[test]
fn wavefronts_of_32_and_64_lanes() {
    let Some(hip) = hip() else { return };
    for (option, wave) in
        [("--offload-arch=gfx90a", 64), ("--offload-arch=gfx1100", 32), ("-mwavefrontsize64", 64)]
    {
        let code = hip.compile(WAVES, &[option, "-O3"]).expect("it compiles");
        let function = hip.function(&code, c"waves");
        let n = 128u32;
        let out = hip.upload(&vec![0u32; 6 * n as usize]);
        assert_eq!(hip.launch(function, n, &[out]), 0);
        let found = hip.download(out, 6 * n as usize);
        assert_eq!(hip.report(), "", "{option}");
        for i in 0..n {
            let (first, lane) = (i / wave * wave, i % wave);
            let by = 40 % wave;
            let expected = [
                (first..first + wave).sum(),
                if lane < 3 { i } else { i - 3 },
                if lane + by >= wave { i } else { i + by },
                wave / 2 + if (first..first + wave).contains(&63) { 1000 } else { 0 },
                i / 8 * 8 + 2,
                i ^ (wave - 1),
            ];
            for (k, expected) in expected.into_iter().enumerate() {
                assert_eq!(found[k * n as usize + i as usize], expected, "{option}, thread {i}, value {k}");
            }
        }
        assert_eq!(call!(hip, "hipFree", (u64), out), 0);
    }
}

#[test]
fn halves_are_as_the_standard_has_them() {
    let Some(hip) = hip() else { return };
    let source = r#"constexpr _Float16 tiny = _Float16(6e-8f), tie = _Float16(1.00048828125f), large = _Float16(65520.0f);
    extern "C" __global__ void halves(unsigned* out) {
        _Float16 x = _Float16(float(threadIdx.x)), y = x * _Float16(0.5f) + _Float16(1);
        y += __builtin_fmaf16(x, x, -x);
        out[threadIdx.x] = __builtin_bit_cast(unsigned, float(y));
        out[32] = tiny.bits; out[33] = tie.bits; out[34] = large.bits;
    }"#;
    let code = hip.compile(source, &[]).expect("it compiles");
    let out = hip.upload(&[0u32; 35]);
    assert_eq!(hip.launch(hip.function(&code, c"halves"), 32, &[out]), 0);
    let found = hip.download(out, 35);
    for (i, &bits) in found[..32].iter().enumerate() {
        let x = i as f32;
        assert_eq!(f32::from_bits(bits), x * 0.5 + 1.0 + x * x - x, "{i}");
    }
    assert_eq!(found[32..], [1, 0x3c00, 0x7c00]);
}

#[test]
fn errors_have_hips_numbers() {
    let Some(hip) = hip() else { return };
    let source = r#"extern "C" __global__ void outside(unsigned* out) { out[1 << 20] = 1; }
    extern "C" __global__ void askew(char* out) { *(unsigned*)(out + 1) = 1; }"#;
    let (status, log) = hip.compile(source, &["--frobnicate"]).expect_err("no such option");
    assert_eq!((status, log.contains("--frobnicate")), (5, true), "{log}");
    let (status, log) = hip.compile("__global__ void k() { nonsense; }", &[]).expect_err("no C++");
    assert_eq!((status, log.contains("nonsense")), (6, true), "{log}");
    let code = hip.compile(source, &[]).expect("it compiles");
    for (kernel, expected) in [(c"outside", 700), (c"askew", 719)] {
        let out = hip.upload(&[0u32; 4]);
        assert_eq!(hip.launch(hip.function(&code, kernel), 1, &[out]), 0);
        assert_eq!(call!(hip, "hipDeviceSynchronize", (),), expected, "{}", hip.report());
        assert_eq!(call!(hip, "hipGetLastError", (),), expected);
        assert_eq!(call!(hip, "hipGetLastError", (),), 0);
        assert_eq!(call!(hip, "hipDeviceReset", (),), expected);
    }
    // Reset ends what was broken.
    assert_eq!(call!(hip, "hipDeviceSynchronize", (),), 0);
}

#[test]
fn properties_name_the_architecture() {
    let Some(hip) = hip() else { return };
    for (name, size, field) in
        [("hipGetDeviceProperties", 792, 396), ("hipGetDevicePropertiesR0600", 1472, 1160)]
    {
        let mut properties = vec![0u8; size];
        type Get = unsafe extern "C" fn(*mut u8, c_int) -> Status;
        // SAFETY: the structure has the size of its form.
        let status =
            unsafe { hip.library.get::<Get>(name.as_bytes()).expect(name)(properties.as_mut_ptr(), 0) };
        assert_eq!(status, 0);
        assert!(properties[field..].starts_with(b"gfx90a\0"), "{name}");
    }
    let mut lanes = 0;
    let status = call!(hip, "hipDeviceGetAttribute", (*mut c_int, c_uint, c_int), &mut lanes, 87, 0);
    assert_eq!((status, lanes), (0, 64));
}

#[test]
fn the_library_has_every_name_that_hosts_look_for() {
    let folder = hadal_standin::place::folder().expect("it can be made");
    for name in ["libcuda.so", "libamdhip64.so", "libhiprtc.so"] {
        // SAFETY: its initialisation does nothing.
        let library = unsafe { Library::new(folder.join(name)) };
        library.unwrap_or_else(|e| panic!("{name}: {e}"));
    }
}
