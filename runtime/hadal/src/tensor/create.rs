//! Tensors from data, and tensors that are filled by rule.

use super::Tensor;
use super::node::{Fresh, Source, Weight};
use crate::Result;
use crate::device::Device;
use hadal_graph::program::CompareOp;
use hadal_graph::{DType, Element, HostTensor, Scalar, Shape, TensorType};
use std::panic::Location;
use std::sync::Arc;

impl Tensor {
    /// A tensor with the elements of `data` in row-major order.
    ///
    /// ```
    /// # use hadal::{Device, Tensor};
    /// let device = Device::open("cpu")?;
    /// let x = Tensor::new(&device, &[1.0f32, 2.0, 3.0, 4.0], [2, 2])?;
    /// assert_eq!(x.to_string(), "[[1, 2],\n [3, 4]]");
    /// # Ok::<(), hadal::Error>(())
    /// ```
    ///
    /// Errors: a number of elements that is not the product of `shape`; no memory on the device.
    #[track_caller]
    pub fn new<T: Element>(device: &Device, data: &[T], shape: impl Into<Vec<usize>>) -> Result<Tensor> {
        Tensor::from_host(device, &HostTensor::new(shape, data)?)
    }

    /// A tensor of rank 1 with the elements of `data`.
    #[track_caller]
    pub fn from_vec<T: Element>(device: &Device, data: Vec<T>) -> Result<Tensor> {
        Tensor::new(device, &data, [data.len()])
    }

    /// A boolean tensor. Errors as [`Tensor::new`].
    #[track_caller]
    pub fn from_bools(device: &Device, data: &[bool], shape: impl Into<Vec<usize>>) -> Result<Tensor> {
        Tensor::from_host(device, &HostTensor::from_bools(shape, data)?)
    }

    /// A tensor in host memory, copied to the device. Errors: no memory there.
    #[track_caller]
    pub fn from_host(device: &Device, value: &HostTensor) -> Result<Tensor> {
        if device.info().is_none() {
            return Ok(Tensor::weight(device, "constant", value.clone()));
        }
        let shape = value.shape().into();
        Ok(Tensor::from_buffer(device, shape, device.upload(value)?))
    }

    /// One number that changes from step to step: a learning rate, a step count, how full a cache is.
    ///
    /// Its value is data of the run, not part of the plan: another value plans nothing anew. (A number in an expression, as in
    /// `x * 2.0`, is part of the plan.)
    #[track_caller]
    pub fn scalar<T: Element>(device: &Device, value: T) -> Result<Tensor> {
        Tensor::new(device, &[value], [])
    }

    /// A frozen tensor that stays in host memory, for instance memory-mapped, until a device needs it. In a traced model it is the
    /// parameter `name`.
    #[track_caller]
    pub fn weight(device: &Device, name: &str, value: HostTensor) -> Tensor {
        let ty = TensorType::new(value.dtype(), value.shape());
        let source = Source::Weight(Arc::new(Weight { name: name.into(), value }));
        Fresh::new(device, smallvec::smallvec![ty], Location::caller(), source).into_tensor()
    }

    /// `value` everywhere. Errors: never for sizes that are known.
    #[track_caller]
    pub fn full(
        device: &Device,
        shape: impl Into<Shape>,
        value: impl Into<f64>,
        dtype: DType,
    ) -> Result<Tensor> {
        let (shape, value) = (shape.into(), Scalar::new(value.into(), dtype));
        Tensor::create(device, |g| {
            let scalar = g.constant_scalar(value, dtype)?;
            g.broadcast_to(scalar, &shape)
        })
    }

    /// Zero (`false`) everywhere.
    #[track_caller]
    pub fn zeros(device: &Device, shape: impl Into<Shape>, dtype: DType) -> Result<Tensor> {
        Tensor::full(device, shape, 0.0, dtype)
    }

    /// One (`true`) everywhere.
    #[track_caller]
    pub fn ones(device: &Device, shape: impl Into<Shape>, dtype: DType) -> Result<Tensor> {
        Tensor::full(device, shape, 1.0, dtype)
    }

    /// Zeros like this tensor.
    #[track_caller]
    pub fn zeros_like(&self) -> Result<Tensor> {
        Tensor::zeros(self.device(), self.shape().clone(), self.dtype())
    }

    /// Ones like this tensor.
    #[track_caller]
    pub fn ones_like(&self) -> Result<Tensor> {
        Tensor::ones(self.device(), self.shape().clone(), self.dtype())
    }

    /// `0, 1, …, n - 1`.
    #[track_caller]
    pub fn arange(device: &Device, n: impl Into<hadal_graph::Dim>, dtype: DType) -> Result<Tensor> {
        let shape = Shape(vec![n.into()]);
        Tensor::create(device, |g| {
            let positions = g.iota(shape, 0, if dtype.is_int() { dtype } else { DType::I32 })?;
            g.cast(positions, dtype)
        })
    }

    /// The `n` by `n` identity matrix.
    #[track_caller]
    pub fn eye(device: &Device, n: usize, dtype: DType) -> Result<Tensor> {
        Tensor::create(device, |g| {
            let row = g.iota([n, n], 0, DType::I32)?;
            let column = g.iota([n, n], 1, DType::I32)?;
            let diagonal = g.compare(CompareOp::Eq, row, column)?;
            g.cast(diagonal, dtype)
        })
    }
}
