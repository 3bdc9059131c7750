//! ONNX tensors as host tensors.

use super::FORMAT;
use super::proto::TensorProto;
use super::sieve::{Apart, Place};
use crate::FormatError;
use crate::error::quoted;
use crate::limits::MAX_RANK;
use hadal_graph::{Bytes, DType, HostTensor};
use std::collections::HashMap;
use std::path::{Component, Path, PathBuf};

/// The dtype of ONNX's number for an element type. Errors: what the number means.
pub(super) fn dtype(number: i32) -> Result<DType, String> {
    const UNSUPPORTED: [(i32, &str); 12] = [
        (0, "an undefined type"),
        (8, "strings"),
        (14, "complex64"),
        (15, "complex128"),
        (17, "float8e4m3fn"),
        (18, "float8e4m3fnuz"),
        (19, "float8e5m2"),
        (20, "float8e5m2fnuz"),
        (21, "uint4"),
        (22, "int4"),
        (23, "float4e2m1"),
        (24, "float8e8m0"),
    ];
    Ok(match number {
        1 => DType::F32,
        2 => DType::U8,
        3 => DType::I8,
        4 => DType::U16,
        5 => DType::I16,
        6 => DType::I32,
        7 => DType::I64,
        9 => DType::Bool,
        10 => DType::F16,
        11 => DType::F64,
        12 => DType::U32,
        13 => DType::U64,
        16 => DType::BF16,
        _ => {
            let name = UNSUPPORTED.iter().find(|(n, _)| *n == number).map(|(_, name)| name.to_string());
            return Err(name.unwrap_or_else(|| format!("the element type {number}")));
        }
    })
}

/// Other files with weights, mapped once each.
pub(super) struct External {
    /// The folder of the model; none when the model came from memory.
    folder: Option<PathBuf>,
    files: HashMap<PathBuf, Bytes>,
}

impl External {
    pub(super) fn new(folder: Option<&Path>) -> External {
        External { folder: folder.map(Path::to_path_buf), files: HashMap::new() }
    }

    /// The bytes that an external tensor names. Errors: `Unsupported`, `Malformed`, `Io`, `Truncated`.
    fn read(&mut self, tensor: &TensorProto, place: &str) -> Result<Bytes, FormatError> {
        let entry = |key: &str| tensor.external_data.iter().find(|e| e.key == key).map(|e| e.value.as_str());
        let number = |key: &str| match entry(key).map(|text| (text, text.trim().parse::<u64>())) {
            None => Ok(None),
            Some((_, Ok(n))) => Ok(Some(n)),
            Some((text, Err(_))) => {
                let place = format!("{place}, `{key}` of the external data");
                Err(FormatError::malformed(FORMAT, place, quoted(text), "a number"))
            }
        };
        let Some(location) = entry("location") else {
            return Err(FormatError::malformed(
                FORMAT,
                place,
                "external data without a location",
                "`location`",
            ));
        };
        let relative = Path::new(location);
        if location.is_empty() || !relative.components().all(|c| matches!(c, Component::Normal(_))) {
            let expected = "a path inside the folder of the model";
            return Err(FormatError::malformed(
                FORMAT,
                place,
                format!("external data at {}", quoted(location)),
                expected,
            ));
        }
        let Some(folder) = &self.folder else {
            return Err(FormatError::unsupported(place, "external data of a model that is in memory")
                .with_hint("open the model from a file, with its data next to it"));
        };
        let path = folder.join(relative);
        let file = match self.files.get(&path) {
            Some(file) => file.clone(),
            None => {
                let file = crate::file::map(&path)
                    .map_err(|e| e.with_hint(format!("{place} has its data there: fetch that file too")))?;
                self.files.insert(path.clone(), file.clone());
                file
            }
        };
        let offset = number("offset")?.unwrap_or(0);
        let left = (file.len() as u64).saturating_sub(offset);
        let length = number("length")?.unwrap_or(left);
        let truncated = || {
            FormatError::truncated(format!("{place} at offset {offset}"), length, left)
                .in_file(&path.display().to_string())
        };
        let end = offset.checked_add(length).filter(|&e| e <= file.len() as u64).ok_or_else(truncated)?;
        // Both are at most the length of a slice.
        file.slice(offset as usize..end as usize).ok_or_else(truncated)
    }
}

/// What a tensor is called in messages, its element type, and its shape. Errors: `Unsupported`, `Malformed`.
fn describe(tensor: &TensorProto) -> Result<(String, DType, Vec<usize>), FormatError> {
    let place = format!("tensor {}", quoted(&tensor.name));
    let dtype = dtype(tensor.data_type)
        .map_err(|what| FormatError::unsupported(place.clone(), format!("a tensor of {what}")))?;
    if tensor.dims.len() > MAX_RANK {
        let found = format!("{} axes", tensor.dims.len());
        return Err(FormatError::malformed(FORMAT, place, found, format!("at most {MAX_RANK}")));
    }
    let shape: Option<Vec<usize>> = tensor.dims.iter().map(|&d| usize::try_from(d).ok()).collect();
    let Some(shape) = shape else {
        let found = format!("shape {:?}", tensor.dims);
        return Err(FormatError::malformed(FORMAT, place, found, "extents that are not negative"));
    };
    Ok((place, dtype, shape))
}

/// A tensor whose raw data, of `bytes` bytes at `offset`, was left out. Errors: `Unsupported`, `Malformed`.
pub(super) fn apart(tensor: &TensorProto, (offset, bytes): Place) -> Result<Apart, FormatError> {
    let (place, dtype, shape) = describe(tensor)?;
    let elements = shape.iter().try_fold(1u64, |product, &extent| product.checked_mul(extent as u64));
    if elements.and_then(|elements| elements.checked_mul(dtype.size() as u64)) != Some(bytes) {
        let found = format!("{bytes} bytes of raw data for {dtype}{shape:?}");
        return Err(FormatError::malformed(FORMAT, place, found, "as much data as the shape needs"));
    }
    if tensor.name.is_empty() {
        return Err(FormatError::malformed(FORMAT, place, "a weight without a name", "one"));
    }
    Ok(Apart { name: tensor.name.clone(), dtype, shape, offset })
}

/// The value of a tensor, sharing the file's bytes where it stands there as raw data.
///
/// Errors: `Unsupported` for an element type that Hadal lacks, `Malformed` when sizes do not match, and those of external data.
pub(super) fn value(tensor: &TensorProto, external: &mut External) -> Result<HostTensor, FormatError> {
    let (place, dtype, shape) = describe(tensor)?;
    let bytes =
        if tensor.data_location == 1 || !tensor.external_data.is_empty() {
            external.read(tensor, &place)?
        } else if let Some(raw) = &tensor.raw_data {
            Bytes::new(raw.clone())
        } else {
            Bytes::new(listed(tensor, dtype).map_err(|(found, expected)| {
                FormatError::malformed(FORMAT, place.clone(), found, expected)
            })?)
        };
    if dtype == DType::Bool
        && let Some(byte) = bytes.iter().find(|&&b| b > 1)
    {
        return Err(FormatError::malformed(FORMAT, place, format!("a boolean of {byte}"), "0 or 1"));
    }
    HostTensor::from_bytes(dtype, shape, bytes)
        .map_err(|e| FormatError::malformed(FORMAT, place, e.to_string(), "as much data as the shape needs"))
}

/// The bytes of elements that stand in the list of their type. Errors: what was found and expected.
fn listed(tensor: &TensorProto, dtype: DType) -> Result<Vec<u8>, (String, String)> {
    let narrow = |low: i32, high: i32, size: usize| {
        let mut bytes = Vec::with_capacity(tensor.int32_data.len() * size);
        for &x in &tensor.int32_data {
            if x < low || x > high {
                return Err((format!("the element {x}"), format!("elements in {low}..={high}")));
            }
            bytes.extend_from_slice(&x.to_le_bytes()[..size]);
        }
        Ok(bytes)
    };
    Ok(match dtype {
        DType::F32 => tensor.float_data.iter().flat_map(|x| x.to_le_bytes()).collect(),
        DType::F64 => tensor.double_data.iter().flat_map(|x| x.to_le_bytes()).collect(),
        DType::I64 => tensor.int64_data.iter().flat_map(|x| x.to_le_bytes()).collect(),
        DType::U64 => tensor.uint64_data.iter().flat_map(|x| x.to_le_bytes()).collect(),
        DType::U32 => {
            let words: Result<Vec<u32>, _> = tensor.uint64_data.iter().map(|&x| u32::try_from(x)).collect();
            let words = words.map_err(|_| ("an element above 2^32".into(), "32-bit elements".into()))?;
            words.iter().flat_map(|x| x.to_le_bytes()).collect()
        }
        DType::I32 => narrow(i32::MIN, i32::MAX, 4)?,
        DType::I16 => narrow(i16::MIN.into(), i16::MAX.into(), 2)?,
        DType::I8 => narrow(i8::MIN.into(), i8::MAX.into(), 1)?,
        DType::U16 | DType::F16 | DType::BF16 => narrow(0, u16::MAX.into(), 2)?,
        DType::U8 => narrow(0, u8::MAX.into(), 1)?,
        DType::Bool => narrow(0, 1, 1)?,
    })
}
