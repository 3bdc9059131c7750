//! An op of one's own, `x · exp(-x²)`, with kernels in CUDA C++ and HIP C++ beside the one in WGSL: `cargo run --release --example custom_kernel -- cuda`. A backend takes its
//! kernel once that has been seen to compute what the function in Rust does, and otherwise says why not.

use hadal::{CustomKernel, DType, Device, KernelLanguage, KernelSource, Result, Tensor};

const WGSL: &str = "fn element(i: u32) -> f32 { let x = x0(i); return x * exp(-x * x); }";
const CPP: &str = r#"
    extern "C" __global__ void bump(const float* x, float* y, const unsigned* sizes) {
        unsigned i = (blockIdx.x + blockIdx.y * gridDim.x) * blockDim.x + threadIdx.x;
        if (i < sizes[0]) y[i] = x[i] * expf(-x[i] * x[i]);
    }"#;

fn main() -> Result<()> {
    let device = Device::open(&std::env::args().nth(1).unwrap_or_else(|| "auto".into()))?;
    let bump = CustomKernel::new("bump", WGSL)
        .on_host(|x, i| {
            let x = x[0].values[i];
            x * (-x * x).exp()
        })
        .candidate(KernelSource::new(KernelLanguage::Cuda, "bump", CPP))
        .candidate(KernelSource::new(KernelLanguage::Hip, "bump", CPP));
    let x = Tensor::new(&device, &[-1.0f32, 0.0, 0.5, 2.0], [4])?;
    let y = bump.apply(&[&x], DType::F32, [4])?.to_vec::<f32>()?;
    println!("{y:.4?}");
    device.rejections().iter().for_each(|r| println!("not used: {}: {}", r.candidate, r.reason));
    for (x, y) in [-1.0f32, 0.0, 0.5, 2.0].into_iter().zip(y) {
        assert!((y - x * (-x * x).exp()).abs() < 1e-6);
    }
    Ok(())
}
