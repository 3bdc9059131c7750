//! Between the canonical layout of tensors and the layout that kernels see (see [`hadal_shaders::Storage`]).

use hadal_graph::DType;
use hadal_shaders::Storage;
use half::{bf16, f16};

/// Whether the stored bytes are the canonical ones, but for padding to a whole word.
pub fn is_canonical(dtype: DType, stored: Storage) -> bool {
    match stored {
        Storage::F16 | Storage::Wide64 | Storage::Packed => true,
        Storage::F32 => dtype == DType::F32,
        Storage::I32 => dtype == DType::I32,
        Storage::U32 => dtype == DType::U32,
    }
}

/// Bytes of what [`store`] writes for canonical bytes of whole elements: a whole number of words.
pub fn stored_bytes(dtype: DType, stored: Storage, bytes: &[u8]) -> u64 {
    let elements = (bytes.len() / dtype.size()) as u64;
    (elements * element_bytes(dtype, stored)).next_multiple_of(4)
}

/// Gives canonical bytes of whole elements to `write` as they are stored, in pieces from first to last, with no copy of the whole: memory that
/// is mapped is written once.
pub fn store(dtype: DType, stored: Storage, bytes: &[u8], mut write: impl FnMut(&[u8])) {
    if is_canonical(dtype, stored) {
        let (words, rest) = bytes.split_at(bytes.len() - bytes.len() % 4);
        if !words.is_empty() {
            write(words);
        }
        if !rest.is_empty() {
            let mut word = [0; 4];
            word[..rest.len()].copy_from_slice(rest);
            write(&word);
        }
        return;
    }
    let word = |element: &[u8]| match (dtype, element) {
        (DType::I8, &[a]) => a as i8 as i32 as u32,
        (DType::I16, &[a, b]) => i16::from_le_bytes([a, b]) as i32 as u32,
        (DType::U16, &[a, b]) => u16::from_le_bytes([a, b]) as u32,
        (DType::F16, &[a, b]) => f16::from_le_bytes([a, b]).to_f32().to_bits(),
        (DType::BF16, &[a, b]) => bf16::from_le_bytes([a, b]).to_f32().to_bits(),
        (_, element) => element.first().map_or(0, |&a| a as u32),
    };
    let mut words = [0u8; 4096];
    for piece in bytes.chunks(words.len() / 4 * dtype.size()) {
        let elements = piece.chunks_exact(dtype.size());
        let length = 4 * elements.len();
        for (element, place) in elements.zip(words.chunks_exact_mut(4)) {
            place.copy_from_slice(&word(element).to_le_bytes());
        }
        write(&words[..length]);
    }
}

/// Appends the canonical bytes of the stored elements in `bytes`, of which padding has been cut off.
pub fn append_canonical(dtype: DType, stored: Storage, bytes: &[u8], canonical: &mut Vec<u8>) {
    if is_canonical(dtype, stored) {
        canonical.extend_from_slice(bytes);
        return;
    }
    let words = bytes.chunks_exact(4).map(|w| u32::from_le_bytes([w[0], w[1], w[2], w[3]]));
    match dtype {
        DType::Bool => canonical.extend(words.map(|w| (w != 0) as u8)),
        DType::I16 | DType::U16 => canonical.extend(words.flat_map(|w| (w as u16).to_le_bytes())),
        DType::F16 => canonical.extend(words.flat_map(|w| f16::from_f32(f32::from_bits(w)).to_le_bytes())),
        DType::BF16 => canonical.extend(words.flat_map(|w| bf16::from_f32(f32::from_bits(w)).to_le_bytes())),
        _ => canonical.extend(words.map(|w| w as u8)),
    }
}

/// Bytes of one stored element.
pub fn element_bytes(dtype: DType, stored: Storage) -> u64 {
    match stored {
        Storage::F32 | Storage::I32 | Storage::U32 => 4,
        Storage::F16 => 2,
        Storage::Wide64 => 8,
        Storage::Packed => dtype.size() as u64,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use hadal_graph::{HostTensor, Scalar};
    use hadal_shaders::Capabilities;

    /// What every WebGPU implementation offers.
    fn webgpu_defaults() -> Capabilities {
        Capabilities {
            f16: false,
            int64: false,
            subgroups: None,
            max_invocations: 256,
            workgroup_memory: 16384,
            max_storage_buffers: 7,
            max_workgroups: 65535,
            software: true,
            ends_loops: false,
            language: None,
        }
    }

    #[test]
    fn every_dtype_survives_a_round_trip() {
        for f16 in [false, true] {
            let capabilities = Capabilities { f16, ..webgpu_defaults() };
            for dtype in DType::ALL {
                for frozen in [false, true] {
                    let Some(stored) = Storage::of(dtype, frozen, &capabilities) else {
                        assert_eq!(dtype, DType::F64);
                        continue;
                    };
                    // More than one piece, and an odd number of elements.
                    const COUNT: usize = 2503;
                    let values = [0.0, 1.0, -1.0, 100.0, -128.0, 0.5, 3.0].map(|v| Scalar::new(v, dtype));
                    let values = values.into_iter().cycle().take(COUNT);
                    let tensor = HostTensor::from_scalars(dtype, [COUNT], values).unwrap();
                    let mut device = Vec::new();
                    store(dtype, stored, tensor.bytes(), |piece| device.extend_from_slice(piece));
                    assert_eq!(device.len() as u64, stored_bytes(dtype, stored, tensor.bytes()));
                    assert!(
                        device.len().is_multiple_of(4)
                            && device.len() as u64 <= stored.bytes(dtype, COUNT as u64),
                        "{dtype} {stored:?}"
                    );
                    let mut back = Vec::new();
                    let exact = COUNT * element_bytes(dtype, stored) as usize;
                    append_canonical(dtype, stored, &device[..exact], &mut back);
                    assert_eq!(back, tensor.bytes().to_vec(), "{dtype} {stored:?}");
                }
            }
        }
    }
}
