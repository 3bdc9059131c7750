//! Tensors to the device and back, by way of page-locked memory.

use crate::driver::{Failure, Pinned};
use crate::gpu::{Context, Native};
use hadal_device::{Buffer, DeviceError};
use hadal_graph::HostTensor;
use hadal_launch::layout::{append_canonical, element_bytes, store, stored_bytes};
use hadal_launch::{Faults, Gpu, lock};

/// Bytes of one piece of page-locked memory: larger copies go in pieces, of which one is filled while the other is copied.
const PIECE: usize = 4 << 20;

/// Bytes at the beginning of a piece that the fault word is read into.
const WORD: usize = Faults::BYTES as usize;

/// Page-locked memory, made when it is first needed.
#[derive(Debug, Default)]
pub(crate) struct Staging {
    pieces: [Option<Box<dyn Pinned>>; 2],
    next: usize,
}

impl Staging {
    /// The piece whose copies are the oldest.
    fn piece(&mut self, gpu: &Native) -> Result<&mut dyn Pinned, Failure> {
        self.next = (self.next + 1) % self.pieces.len();
        let place = &mut self.pieces[self.next];
        let piece = match place {
            Some(piece) => piece,
            None => place.insert(gpu.driver.pinned(WORD + PIECE)?),
        };
        Ok(&mut **piece)
    }
}

/// Queues a copy of `bytes` to the device, for `op`. Errors: `OutOfMemory`, `Lost`, `Kernel`.
pub(crate) fn upload(context: &Context, op: &str, to: u64, bytes: &[u8]) -> Result<(), DeviceError> {
    let gpu = &context.gpu;
    let mut staging = lock(&gpu.staging);
    let mut at = to;
    for chunk in bytes.chunks(PIECE) {
        let mut copy = || {
            let piece = staging.piece(gpu)?;
            piece.bytes()?[..chunk.len()].copy_from_slice(chunk);
            piece.upload(at, chunk.len())
        };
        copy().map_err(|failure| gpu.failure(op, failure))?;
        at += chunk.len() as u64;
    }
    Ok(())
}

/// Queues a copy of `tensor` into `dst`. Errors: `Argument`, `OutOfMemory`, `Lost`.
pub(crate) fn write(context: &Context, dst: &Buffer, tensor: &HostTensor) -> Result<(), DeviceError> {
    let gpu = &context.gpu;
    gpu.alive()?;
    let (memory, stored) = context.destination(dst, tensor)?;
    let dtype = tensor.dtype();
    let mut at = *memory.allocation.block();
    // Eight bytes is what an element takes at most.
    for chunk in tensor.bytes().chunks(PIECE / 8 * dtype.size()) {
        let bytes = stored_bytes(dtype, stored, chunk) as usize;
        let mut staging = lock(&gpu.staging);
        let mut copy = || {
            let piece = staging.piece(gpu)?;
            let into = piece.bytes()?;
            let mut filled = 0;
            store(dtype, stored, chunk, |part| {
                into[filled..filled + part.len()].copy_from_slice(part);
                filled += part.len();
            });
            // What lies behind the last element is read with it, as part of a vector.
            let padded = bytes.next_multiple_of(16);
            into[bytes..padded].fill(0);
            piece.upload(at, padded)
        };
        copy().map_err(|failure| gpu.failure("write", failure))?;
        at += bytes as u64;
    }
    Ok(())
}

/// The elements of `src` in the canonical layout. Errors: those of [`download`].
pub(crate) fn read(context: &Context, src: &Buffer) -> Result<Vec<u8>, DeviceError> {
    context.gpu.alive()?;
    let memory = context.memory(src)?;
    let dtype = src.dtype();
    let stored = context.stored("read", dtype, memory.packed)?;
    let mut canonical = Vec::with_capacity(src.bytes());
    let (mut at, mut left) = (*memory.allocation.block(), src.elements());
    loop {
        let elements = left.min(PIECE / 8);
        let bytes = elements * element_bytes(dtype, stored) as usize;
        download(context, "read", at, bytes, |stored_bytes| {
            append_canonical(dtype, stored, stored_bytes, &mut canonical)
        })?;
        at += bytes as u64;
        left -= elements;
        if left == 0 {
            return Ok(canonical);
        }
    }
}

/// Waits for everything queued, and gives `bytes` bytes (at most [`PIECE`]) of the device to `use_bytes`.
///
/// Errors: what queued work met, and `IndexOutOfRange` when a kernel reported one since the last read-back.
pub(crate) fn download<T>(
    context: &Context,
    op: &str,
    from: u64,
    bytes: usize,
    use_bytes: impl FnOnce(&[u8]) -> T,
) -> Result<T, DeviceError> {
    let gpu = &context.gpu;
    let mut staging = lock(&gpu.staging);
    let expected = context.faults.take_expected();
    let copy = || {
        if !expected && bytes == 0 {
            gpu.driver.synchronize()?;
            return Ok((0, use_bytes(&[])));
        }
        let piece = staging.piece(gpu)?;
        if expected {
            piece.download(gpu.word, 0, WORD)?;
            gpu.driver.clear(gpu.word, Faults::BYTES)?;
        }
        if bytes > 0 {
            piece.download(from, WORD, bytes)?;
        }
        gpu.driver.synchronize()?;
        let found = piece.bytes()?;
        let code = match expected {
            true => u32::from_le_bytes([found[0], found[1], found[2], found[3]]),
            false => 0,
        };
        Ok((code, use_bytes(&found[WORD..WORD + bytes])))
    };
    let (code, result) = copy().map_err(|failure| gpu.failure(op, failure))?;
    match context.faults.error(&context.name(), code) {
        Some(error) => Err(error),
        None => Ok(result),
    }
}
