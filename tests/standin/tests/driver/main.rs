//! The stand-in driver as `cudarc` sees it: launches, errors at the right call, failures that are ordered, leaks.

#[path = "../kernels/nvrtc.rs"]
mod nvrtc;

use cudarc::driver::sys::CUresult;
use cudarc::driver::{
    CudaContext, CudaFunction, CudaModule, DriverError, LaunchConfig, PushKernelArg, result,
};
use cudarc::nvrtc::Ptx;
use std::ffi::{CStr, c_char};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock};

const SOURCE: &str = r#"
__device__ int counter = 5;
extern "C" __global__ void add(const float* a, const float* b, float* c, int n) {
    int i = blockIdx.x * blockDim.x + threadIdx.x;
    if (i < n) c[i] = a[i] + b[i];
}
extern "C" __global__ void outside(float* x, int i) { x[i] = 1; }
extern "C" __global__ void dynamic(int* x) {
    extern __shared__ int tile[];
    tile[threadIdx.x] = threadIdx.x;
    __syncthreads();
    x[threadIdx.x] = tile[blockDim.x - 1 - threadIdx.x];
}"#;

/// The library, and the functions that only it has.
struct StandIn {
    library: libloading::Library,
}

impl StandIn {
    fn function<T: Copy>(&self, name: &str) -> T {
        // SAFETY: the types stand in `driver/standin.rs`.
        *unsafe { self.library.get::<T>(name.as_bytes()) }.expect("the stand-in exports it")
    }

    fn report(&self) -> String {
        let of: extern "C" fn() -> *const c_char = self.function("hadal_standin_last_report");
        // SAFETY: it ends with a zero and lives until the next call.
        unsafe { CStr::from_ptr(of()) }.to_string_lossy().into_owned()
    }

    fn count(&self, name: &str) -> u64 {
        let of: extern "C" fn() -> u64 = self.function(name);
        of()
    }

    fn fail(&self, n: u64, code: u32) {
        let of: extern "C" fn(u64, u32) = self.function("hadal_standin_fail");
        of(n, code);
    }

    fn clear(&self) {
        let of: extern "C" fn() = self.function("hadal_standin_clear");
        of();
    }
}

/// The driver is one for the process: tests take turns. `None` without NVRTC.
fn standin() -> Option<(MutexGuard<'static, StandIn>, Ptx)> {
    static LIBRARY: OnceLock<Mutex<StandIn>> = OnceLock::new();
    let ptx = Ptx::from_src(nvrtc::compile(SOURCE)?);
    let lock = LIBRARY.get_or_init(|| {
        let path = hadal_standin::place::library().expect("cargo builds it");
        // SAFETY: its initialisation does nothing; once loaded by its path, cudarc finds it by its name.
        let library = unsafe { libloading::Library::new(&path) };
        Mutex::new(StandIn { library: library.unwrap_or_else(|e| panic!("{}: {e}", path.display())) })
    });
    let standin = lock.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    standin.clear();
    Some((standin, ptx))
}

fn load(
    context: &Arc<CudaContext>,
    ptx: &Ptx,
    name: &str,
) -> Result<(Arc<CudaModule>, CudaFunction), DriverError> {
    let module = context.load_module(ptx.clone())?;
    let function = module.load_function(name)?;
    Ok((module, function))
}

fn shape(blocks: u32, threads: u32) -> LaunchConfig {
    LaunchConfig { grid_dim: (blocks, 1, 1), block_dim: (threads, 1, 1), shared_mem_bytes: 0 }
}

/// What a host does: a context, a module, buffers, a launch, the result.
fn whole_run(ptx: &Ptx) -> Result<Vec<f32>, DriverError> {
    let context = CudaContext::new(0)?;
    // SAFETY: there is one stream. With events for each buffer, cudarc 0.19 loses a buffer whose event cannot be made.
    unsafe { context.disable_event_tracking() };
    let stream = context.new_stream()?;
    let (_module, add) = load(&context, ptx, "add")?;
    let n = 300;
    let a = stream.clone_htod(&(0..n).map(|i| i as f32).collect::<Vec<_>>())?;
    let b = stream.clone_htod(&vec![0.5f32; n])?;
    let mut c = stream.alloc_zeros::<f32>(n)?;
    let (start, length) = (stream.record_event(None)?, n as i32);
    let mut launch = stream.launch_builder(&add);
    launch.arg(&a).arg(&b).arg(&mut c).arg(&length);
    // SAFETY: the parameters are those of the kernel.
    unsafe { launch.launch(shape(3, 128)) }?;
    start.synchronize()?;
    let found = stream.clone_dtoh(&c)?;
    stream.synchronize()?;
    Ok(found)
}

#[test]
fn cudarc_runs_a_kernel_and_leaves_nothing() {
    let Some((standin, ptx)) = standin() else { return };
    let found = whole_run(&ptx).expect("nothing fails");
    assert!(found.iter().enumerate().all(|(i, &v)| v == i as f32 + 0.5));
    assert_eq!(standin.count("hadal_standin_live_allocations"), 0);
    assert_eq!(standin.report(), "");
}

#[test]
fn a_fault_is_told_by_the_next_call_that_waits_and_by_all_after_it() {
    let Some((standin, ptx)) = standin() else { return };
    let context = CudaContext::new(0).expect("a device");
    let stream = context.default_stream();
    let (_module, outside) = load(&context, &ptx, "outside").expect("a kernel");
    let mut x = stream.alloc_zeros::<f32>(16).expect("room");
    let index = 16i32;
    let mut launch = stream.launch_builder(&outside);
    launch.arg(&mut x).arg(&index);
    // SAFETY: the parameters are those of the kernel; that the index is wrong is what the stand-in must find.
    unsafe { launch.launch(shape(1, 1)) }.expect("a launch does not wait");
    let told = stream.synchronize().expect_err("the fault");
    assert_eq!(told.0, CUresult::CUDA_ERROR_ILLEGAL_ADDRESS);
    assert!(
        standin
            .report()
            .contains("out of bounds in kernel `outside`, block (0, 0, 0), thread (0, 0, 0), PTX line")
    );
    let again = stream.alloc_zeros::<f32>(16).expect_err("the context is broken");
    assert_eq!(again.0, CUresult::CUDA_ERROR_ILLEGAL_ADDRESS);
    assert!(context.synchronize().is_err());
}

#[test]
fn every_call_fails_in_turn_and_nothing_leaks() {
    let Some((standin, ptx)) = standin() else { return };
    let before = standin.count("hadal_standin_calls");
    whole_run(&ptx).expect("nothing fails");
    let calls = standin.count("hadal_standin_calls") - before;
    assert!(calls > 20, "{calls}");
    let mut failed = 0;
    for n in 1..=calls {
        standin.fail(n, CUresult::CUDA_ERROR_UNKNOWN as u32);
        match whole_run(&ptx) {
            Err(error) => {
                assert_eq!(error.0, CUresult::CUDA_ERROR_UNKNOWN, "call {n}");
                failed += 1;
            }
            // What gives back has nobody to tell, and some questions have another answer.
            Ok(found) => assert_eq!(found.len(), 300),
        }
        assert_eq!(standin.count("hadal_standin_live_allocations"), 0, "call {n}");
    }
    assert!(failed > calls / 2, "{failed} of {calls}");
}

#[test]
fn what_is_left_when_the_context_ends_is_told() {
    let Some((standin, _)) = standin() else { return };
    let context = CudaContext::new(0).expect("a device");
    context.bind_to_thread().expect("current");
    // SAFETY: never freed, which is what must be found.
    unsafe { result::malloc_sync(40) }.expect("room");
    assert_eq!(standin.count("hadal_standin_live_allocations"), 1);
    drop(context);
    let expected =
        "leak: 1 allocations are left when the context ends, the first is cuMemAlloc #1 (40 bytes)";
    assert_eq!(standin.report(), expected);
    assert_eq!(standin.count("hadal_standin_live_allocations"), 0);
}

#[test]
fn variables_attributes_and_shared_memory_above_the_default() {
    let Some((standin, ptx)) = standin() else { return };
    let context = CudaContext::new(0).expect("a device");
    let stream = context.default_stream();
    assert_eq!(context.compute_capability().expect("known"), (8, 0));
    assert!(context.name().expect("a name").contains("stand-in"));
    let (module, dynamic) = load(&context, &ptx, "dynamic").expect("a kernel");
    let counter = module.get_global("counter", &stream).expect("a variable");
    let mut value = [0u8; 4];
    stream.memcpy_dtoh(&counter, &mut value).expect("inside");
    assert_eq!(i32::from_le_bytes(value), 5);
    let mut x = stream.alloc_zeros::<i32>(64).expect("room");
    let mut config = shape(1, 64);
    config.shared_mem_bytes = 64 << 10;
    let mut launch = stream.launch_builder(&dynamic);
    launch.arg(&mut x);
    // SAFETY: the parameters are those of the kernel.
    let refused = unsafe { launch.launch(config) }.expect_err("more than the default");
    assert_eq!(refused.0, CUresult::CUDA_ERROR_INVALID_VALUE);
    assert!(standin.report().contains("dynamic shared memory"));
    let attribute =
        cudarc::driver::sys::CUfunction_attribute::CU_FUNC_ATTRIBUTE_MAX_DYNAMIC_SHARED_SIZE_BYTES;
    dynamic.set_attribute(attribute, 64 << 10).expect("the device has it");
    let mut launch = stream.launch_builder(&dynamic);
    launch.arg(&mut x);
    // SAFETY: as above.
    unsafe { launch.launch(config) }.expect("allowed now");
    assert_eq!(stream.clone_dtoh(&x).expect("right"), (0..64).rev().collect::<Vec<i32>>());
    assert_eq!(dynamic.occupancy_max_active_blocks_per_multiprocessor(1024, 0, None).expect("known"), 2);
}
