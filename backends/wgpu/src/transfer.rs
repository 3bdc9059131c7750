//! Tensors to the device and back.

use crate::gpu::{Context, Wgpu};
use crate::record::Recorder;
use crate::scope::check_now;
use hadal_device::{Buffer, DeviceError};
use hadal_graph::{DType, HostTensor};
use hadal_launch::layout::{append_canonical, element_bytes, store, stored_bytes};
use hadal_launch::{Gpu, Memory};
use hadal_shaders::Storage;
use std::num::NonZeroU64;
use std::sync::Arc;

/// Elements copied at a time, on their way to the device through mapped memory and back.
const CHUNK: usize = 8 << 20;

/// Queues a copy of `tensor` into `dst`. Errors: `Argument`, `OutOfMemory`, `Lost`.
pub(crate) fn write(context: &Context, dst: &Buffer, tensor: &HostTensor) -> Result<(), DeviceError> {
    context.gpu.check()?;
    let (memory, stored) = context.destination(dst, tensor)?;
    let many = tensor.elements() > CHUNK;
    write_elements(context, memory, (tensor.dtype(), stored), 0, tensor.bytes(), many)
}

/// Queues a copy of whole elements into a part of `dst`. Errors: as [`write`].
pub(crate) fn write_part(
    context: &Context,
    dst: &Buffer,
    first: usize,
    bytes: &[u8],
) -> Result<(), DeviceError> {
    context.gpu.check()?;
    let (memory, dtype) = (context.memory(dst)?, dst.dtype());
    let end = first + bytes.len() / dtype.size();
    if end > dst.elements() {
        return Err(DeviceError::Argument(format!("elements to {end} were written to {dst:?}")));
    }
    let stored = context.stored("write", dtype, memory.packed)?;
    write_elements(context, memory, (dtype, stored), first, bytes, true)
}

/// Writes from the element `first` on. Where there are `many` such writes, each is submitted: without that, wgpu keeps all that was mapped.
fn write_elements(
    context: &Context,
    memory: &Memory<Wgpu>,
    (dtype, stored): (DType, Storage),
    first: usize,
    bytes: &[u8],
    many: bool,
) -> Result<(), DeviceError> {
    let gpu = &context.gpu;
    let mut offset = first as u64 * element_bytes(dtype, stored);
    for chunk in bytes.chunks(CHUNK * dtype.size()) {
        let Some(size) = NonZeroU64::new(stored_bytes(dtype, stored, chunk)) else { continue };
        let (mapped, error) = check_now(&gpu.device, || {
            let Some(mut view) = gpu.queue.write_buffer_with(memory.allocation.block(), offset, size) else {
                return false;
            };
            // Straight into mapped memory, whatever the layout: there is no other copy on the host.
            let mut at = 0;
            store(dtype, stored, chunk, |piece| {
                view.slice(at..at + piece.len()).copy_from_slice(piece);
                at += piece.len();
            });
            drop(view);
            if many {
                gpu.submitted(gpu.queue.submit([]));
            }
            true
        });
        if let Some(error) = error {
            return Err(gpu.failure("write", error));
        }
        if !mapped {
            context.gpu.check()?;
            return Err(DeviceError::Kernel {
                device: context.name(),
                op: "write".into(),
                reason: format!("the device maps no {size} bytes to write to"),
            });
        }
        offset += size.get();
    }
    gpu.alive()
}

/// The elements of `src` in the canonical layout. Errors: those of [`Recorder::read_back`].
pub(crate) async fn read(context: &Arc<Context>, src: &Buffer) -> Result<Vec<u8>, DeviceError> {
    context.gpu.check()?;
    let memory = context.memory(src)?;
    let dtype = src.dtype();
    let stored = context.stored("read", dtype, memory.packed)?;
    let mut recorder = Recorder::new(context.clone(), None);
    let mut canonical = Vec::with_capacity(src.bytes());
    let (mut offset, mut left) = (0, src.elements());
    loop {
        let elements = left.min(CHUNK);
        let bytes = elements as u64 * element_bytes(dtype, stored);
        recorder
            .read_back(memory.allocation.block(), offset, bytes.next_multiple_of(4), |stored_bytes| {
                append_canonical(dtype, stored, &stored_bytes[..bytes as usize], &mut canonical)
            })
            .await?;
        offset += bytes;
        left -= elements;
        if left == 0 {
            return Ok(canonical);
        }
    }
}

/// Waits for everything queued. Errors: those of [`Recorder::read_back`].
pub(crate) async fn synchronize(context: &Arc<Context>) -> Result<(), DeviceError> {
    context.gpu.check()?;
    let mut recorder = Recorder::new(context.clone(), None);
    let word = context.gpu.word.clone();
    recorder.read_back(&word, 0, 0, |_| ()).await
}
