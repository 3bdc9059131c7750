//! Ops whose kernels a program writes itself.

use super::Tensor;
use crate::Result;
use hadal_graph::op::{Custom, CustomOperand, HostElement, KernelSource};
use hadal_graph::{DType, Shape, TensorType};

/// A kernel of one's own: the text of a WGSL function, and a host function that does the same.
///
/// The text declares `fn element(i: u32) -> f32` (or `i32`, `u32`, as the result), which computes element `i` of the result in row-major
/// order. It may read any element of any operand: `x0(j)` is element `j` of the first operand, `x0_extent(axis)` its extent along an axis,
/// `x1` the second, and so on; reading beyond the end is the program's fault, and gives any number. Other functions and constants may stand beside it.
///
/// Keep one kernel and apply it often: its host function is part of what identifies a plan. A kernel has no gradient of its own;
/// [`custom_gradient`](crate::custom_gradient) states one. `examples/custom_op.rs` does both.
///
/// ```
/// # use hadal::{CustomKernel, DType, Device, Tensor};
/// let square = CustomKernel::new("square", "fn element(i: u32) -> f32 { return x0(i) * x0(i); }")
///     .on_host(|x, i| x[0].values[i] * x[0].values[i]);
/// let device = Device::open("cpu")?;
/// let x = Tensor::new(&device, &[1.0f32, -2.0, 3.0], [3])?;
/// assert_eq!(square.apply(&[&x], DType::F32, [3])?.to_vec::<f32>()?, [1.0, 4.0, 9.0]);
/// # Ok::<(), hadal::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct CustomKernel {
    name: String,
    wgsl: String,
    host: Option<HostElement>,
    sources: Vec<KernelSource>,
}

impl CustomKernel {
    /// A kernel by its WGSL text; it runs on wgpu, cuda and rocm. The name is for people.
    pub fn new(name: &str, wgsl: &str) -> CustomKernel {
        CustomKernel { name: name.into(), wgsl: wgsl.into(), host: None, sources: Vec::new() }
    }

    /// The same for the cpu backend: `f(operands, i)` is element `i` of the result. It sees all numbers as `f64`, which holds each exactly;
    /// the result is rounded to the dtype.
    pub fn on_host(
        self,
        f: impl Fn(&[CustomOperand<'_>], usize) -> f64 + Send + Sync + 'static,
    ) -> CustomKernel {
        CustomKernel { host: Some(HostElement::new(f)), ..self }
    }

    /// The same as a whole kernel in CUDA C++ or HIP C++, which the backends `cuda` and `rocm` try in place of the WGSL. For every class of shapes it is compared with the host
    /// function on data of its own before it is used. One that does not compile or does not agree, or that there is no host function for, is never used: the WGSL runs, and
    /// [`Device::rejections`](crate::Device::rejections) says why. Other backends do not look at it. There is one in each language: a second one takes the place of the first.
    ///
    /// ```
    /// # use hadal::{CustomKernel, KernelLanguage, KernelSource};
    /// let text = r#"
    ///     extern "C" __global__ void square(const float* x, float* y, const unsigned* sizes) {
    ///         unsigned i = (blockIdx.x + blockIdx.y * gridDim.x) * blockDim.x + threadIdx.x;
    ///         if (i < sizes[0]) y[i] = x[i] * x[i];
    ///     }"#;
    /// let square = CustomKernel::new("square", "fn element(i: u32) -> f32 { return x0(i) * x0(i); }")
    ///     .on_host(|x, i| x[0].values[i] * x[0].values[i])
    ///     .candidate(KernelSource::new(KernelLanguage::Cuda, "square", text));
    /// # let _ = square;
    /// ```
    pub fn candidate(mut self, source: KernelSource) -> CustomKernel {
        self.sources.retain(|known| known.language != source.language);
        self.sources.push(source);
        self
    }

    /// Records the kernel on operands; the result has this dtype and shape. Dtypes are `F32`, `I32` and `U32`.
    ///
    /// Errors: no operands, other dtypes, candidates whose blocks no GPU has. When the result is asked for: text that is not WGSL; the cpu without a host function.
    #[track_caller]
    pub fn apply(&self, inputs: &[&Tensor], dtype: DType, shape: impl Into<Shape>) -> Result<Tensor> {
        let ty = TensorType::new(dtype, shape.into());
        let op = Custom {
            name: self.name.clone(),
            ty,
            wgsl: self.wgsl.clone(),
            host: self.host.clone(),
            sources: self.sources.clone(),
        };
        Tensor::compose(inputs, |g, x| g.apply(op, x))
    }
}
