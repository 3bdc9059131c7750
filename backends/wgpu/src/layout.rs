//! Between the canonical layout of tensors and the layout that kernels see (see [`hadal_shaders::Storage`]).

use hadal_graph::DType;
use hadal_shaders::Storage;
use half::{bf16, f16};
use std::borrow::Cow;

/// Whether the stored bytes are the canonical ones, but for padding to a whole word.
pub(crate) fn is_canonical(dtype: DType, stored: Storage) -> bool {
    match stored {
        Storage::F16 | Storage::Wide64 | Storage::Packed => true,
        Storage::F32 => dtype == DType::F32,
        Storage::I32 => dtype == DType::I32,
        Storage::U32 => dtype == DType::U32,
    }
}

/// Canonical bytes of whole elements, as they are stored: a whole number of words.
pub(crate) fn to_stored(dtype: DType, stored: Storage, bytes: &[u8]) -> Cow<'_, [u8]> {
    if is_canonical(dtype, stored) {
        if bytes.len().is_multiple_of(4) {
            return Cow::Borrowed(bytes);
        }
        let mut padded = bytes.to_vec();
        padded.resize(bytes.len().next_multiple_of(4), 0);
        return Cow::Owned(padded);
    }
    let pairs = || bytes.chunks_exact(2).map(|b| [b[0], b[1]]);
    let words: Vec<u32> = match dtype {
        DType::I8 => bytes.iter().map(|&b| b as i8 as i32 as u32).collect(),
        DType::I16 => pairs().map(|b| i16::from_le_bytes(b) as i32 as u32).collect(),
        DType::U16 => pairs().map(|b| u16::from_le_bytes(b) as u32).collect(),
        DType::F16 => pairs().map(|b| f16::from_le_bytes(b).to_f32().to_bits()).collect(),
        DType::BF16 => pairs().map(|b| bf16::from_le_bytes(b).to_f32().to_bits()).collect(),
        _ => bytes.iter().map(|&b| b as u32).collect(),
    };
    Cow::Owned(words.iter().flat_map(|w| w.to_le_bytes()).collect())
}

/// Appends the canonical bytes of the stored elements in `bytes`, of which padding has been cut off.
pub(crate) fn append_canonical(dtype: DType, stored: Storage, bytes: &[u8], canonical: &mut Vec<u8>) {
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
pub(crate) fn element_bytes(dtype: DType, stored: Storage) -> u64 {
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

    #[test]
    fn every_dtype_survives_a_round_trip() {
        for f16 in [false, true] {
            let capabilities = Capabilities { f16, ..crate::capabilities::webgpu_defaults() };
            for dtype in DType::ALL {
                for frozen in [false, true] {
                    let Some(stored) = Storage::of(dtype, frozen, &capabilities) else {
                        assert_eq!(dtype, DType::F64);
                        continue;
                    };
                    let values = [0.0, 1.0, -1.0, 100.0, -128.0, 0.5, 3.0].map(|v| Scalar::new(v, dtype));
                    let tensor = HostTensor::from_scalars(dtype, [7], values).unwrap();
                    let device = to_stored(dtype, stored, tensor.bytes());
                    assert!(
                        device.len().is_multiple_of(4) && device.len() as u64 <= stored.bytes(dtype, 7),
                        "{dtype} {stored:?}"
                    );
                    let mut back = Vec::new();
                    let exact = 7 * element_bytes(dtype, stored) as usize;
                    append_canonical(dtype, stored, &device[..exact], &mut back);
                    assert_eq!(back, tensor.bytes().to_vec(), "{dtype} {stored:?}");
                }
            }
        }
    }
}
