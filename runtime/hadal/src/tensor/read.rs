//! Values back in host memory, and copies between devices.

use super::Tensor;
use super::flush::materialise;
use super::node::{Fresh, Source};
use crate::device::Device;
use crate::{Error, Result};
use hadal_graph::{Bytes, Element, HostTensor};
use std::panic::Location;

impl Tensor {
    /// Computes the value and copies it to host memory.
    ///
    /// Errors: faults of the runs that it depends on; placeholders of traced functions have no values.
    pub async fn to_host_async(&self) -> Result<HostTensor> {
        materialise(vec![self.clone()]).await?;
        let (buffer, dims) = (self.buffer()?, self.dims()?);
        let bytes = self.device().read_back(&buffer).await?;
        Ok(HostTensor::from_bytes(self.dtype(), dims, Bytes::new(bytes))?)
    }

    /// As [`Tensor::to_host_async`], waiting.
    #[cfg(not(target_arch = "wasm32"))]
    pub fn to_host(&self) -> Result<HostTensor> {
        crate::device::block_on(self.to_host_async())
    }

    /// Computes the value and copies its elements, row-major. Errors: also when `T` is not the element type.
    pub async fn to_vec_async<T: Element>(&self) -> Result<Vec<T>> {
        Ok(self.to_host_async().await?.to_vec()?)
    }

    /// As [`Tensor::to_vec_async`], waiting.
    #[cfg(not(target_arch = "wasm32"))]
    pub fn to_vec<T: Element>(&self) -> Result<Vec<T>> {
        Ok(self.to_host()?.to_vec()?)
    }

    /// The elements of a boolean tensor. Errors: another dtype.
    #[cfg(not(target_arch = "wasm32"))]
    pub fn to_bools(&self) -> Result<Vec<bool>> {
        if self.dtype() != hadal_graph::DType::Bool {
            return Err(Error::argument(format!("the tensor holds {}, not bool", self.dtype())));
        }
        Ok(self.to_host()?.bytes().iter().map(|&b| b != 0).collect())
    }

    /// The value of a tensor with one element. Errors: more or fewer elements, another dtype.
    #[cfg(not(target_arch = "wasm32"))]
    #[track_caller]
    pub fn item<T: Element>(&self) -> Result<T> {
        match self.to_vec::<T>()?.as_slice() {
            [value] => Ok(*value),
            _ => Err(Error::argument(format!(
                "item() takes a tensor with one element, but this is {}",
                self.ty()
            ))),
        }
    }

    /// As [`Tensor::item`], for a browser.
    pub async fn item_async<T: Element>(&self) -> Result<T> {
        match self.to_vec_async::<T>().await?.as_slice() {
            [value] => Ok(*value),
            _ => Err(Error::argument(format!(
                "item() takes a tensor with one element, but this is {}",
                self.ty()
            ))),
        }
    }

    /// A copy on another device, through host memory; the tensor itself if it lives there.
    pub async fn to_device_async(&self, device: &Device) -> Result<Tensor> {
        if self.device() == device {
            return Ok(self.clone());
        }
        Tensor::from_host(device, &self.to_host_async().await?)
    }

    /// As [`Tensor::to_device_async`], waiting.
    #[cfg(not(target_arch = "wasm32"))]
    pub fn to_device(&self, device: &Device) -> Result<Tensor> {
        crate::device::block_on(self.to_device_async(device))
    }

    /// The same value, through which no gradient flows.
    #[track_caller]
    pub fn detach(&self) -> Tensor {
        if crate::trace::in_region() {
            return self.detached(Location::caller());
        }
        if !self.requires_grad() {
            return self.clone();
        }
        let mut fresh = {
            let state = self.0.state();
            let (source, value) = match &state.value {
                Some(value) => (Source::Nothing, Some(value.clone())),
                None => (Source::Alias(self.clone()), None),
            };
            let mut fresh = Fresh::new(self.device(), self.0.types.clone(), Location::caller(), source);
            fresh.value = value;
            fresh
        };
        fresh.depth = self.0.pending_depth();
        fresh.into_tensor()
    }
}
