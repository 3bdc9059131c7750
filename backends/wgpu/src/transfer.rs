//! Tensors to the device and back.

use crate::gpu::Context;
use crate::record::Recorder;
use crate::scope::check_now;
use hadal_device::{Buffer, DeviceError};
use hadal_graph::HostTensor;
use hadal_launch::Gpu;
use hadal_launch::layout::{append_canonical, element_bytes, store, stored_bytes};
use std::num::NonZeroU64;
use std::sync::Arc;

/// Elements copied at a time, on their way to the device through mapped memory and back.
const CHUNK: usize = 8 << 20;

/// Queues a copy of `tensor` into `dst`. Errors: `Argument`, `OutOfMemory`, `Lost`.
pub(crate) fn write(context: &Context, dst: &Buffer, tensor: &HostTensor) -> Result<(), DeviceError> {
    let gpu = &context.gpu;
    gpu.check()?;
    let (memory, stored) = context.destination(dst, tensor)?;
    let dtype = tensor.dtype();
    let mut offset = 0;
    let chunks = tensor.bytes().chunks(CHUNK * dtype.size());
    let many = chunks.len() > 1;
    for chunk in chunks {
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
            // Without a submission, wgpu keeps all that was mapped.
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
