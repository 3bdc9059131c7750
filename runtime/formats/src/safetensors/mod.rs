//! safetensors: named tensors behind a JSON header.
//!
//! ```text
//! u64, little-endian    length of the header
//! header                {"name": {"dtype": "F32", "shape": [2, 3], "data_offsets": [0, 24]}, …, "__metadata__": {"key": "text"}}
//! data                  the tensors' bytes, without gaps and overlaps, covering the rest of the file
//! ```
//!
//! The header is parsed here and not by the crate of that name: duplicate names are refused, and messages name the tensor.

mod header;
mod outline;
mod write;

pub use outline::Outline;
pub use write::{to_bytes, write};

use crate::FormatError;
use crate::error::quoted;
use hadal_graph::{Bytes, DType, HostTensor};
use std::collections::BTreeMap;
use std::ops::Range;
use std::path::Path;

const FORMAT: &str = "safetensors";

/// An open file. Tensors share its bytes.
#[derive(Clone, Debug)]
pub struct SafeTensors {
    outline: Outline,
    data: Bytes,
}

/// Where a tensor is.
#[derive(Clone, Debug)]
struct Entry {
    dtype: DType,
    shape: Vec<usize>,
    range: Range<u64>,
}

impl SafeTensors {
    /// Opens a file and checks its header. Errors: `Io`, `Truncated`, `Malformed`, `Unsupported`.
    pub fn open(path: impl AsRef<Path>) -> Result<SafeTensors, FormatError> {
        let path = path.as_ref();
        SafeTensors::named(crate::file::map(path)?, path.display().to_string())
    }

    /// Reads a file that is in memory. Errors: `Truncated`, `Malformed`, `Unsupported`.
    pub fn from_bytes(bytes: Bytes) -> Result<SafeTensors, FormatError> {
        SafeTensors::named(bytes, "the data in memory".into())
    }

    /// Reads bytes that messages call `source`.
    pub(crate) fn named(bytes: Bytes, source: String) -> Result<SafeTensors, FormatError> {
        let outline = Outline::new(&bytes, bytes.len() as u64, &source)?;
        // The header lies within the bytes, so its length fits.
        let data = bytes.slice(outline.start as usize..bytes.len());
        let data = data.ok_or_else(|| FormatError::truncated("the data", 0, 0).in_file(&source))?;
        Ok(SafeTensors { outline, data })
    }

    /// What the header says.
    pub fn outline(&self) -> &Outline {
        &self.outline
    }

    /// What messages call the file.
    pub fn source(&self) -> &str {
        self.outline.source()
    }

    /// Names of all tensors, sorted.
    pub fn names(&self) -> impl ExactSizeIterator<Item = &str> {
        self.outline.names()
    }

    /// Number of tensors.
    pub fn len(&self) -> usize {
        self.outline.tensors.len()
    }

    /// Whether there are no tensors.
    pub fn is_empty(&self) -> bool {
        self.outline.tensors.is_empty()
    }

    /// Free text that the writer attached.
    pub fn metadata(&self) -> &BTreeMap<String, String> {
        self.outline.metadata()
    }

    /// dtype and extents of a tensor, if there is one of that name.
    pub fn describe(&self, name: &str) -> Option<(DType, &[usize])> {
        self.outline.describe(name)
    }

    /// A tensor, over the file's own bytes. Errors: `Weight` when there is none of that name, `Malformed` when a `BOOL` is neither 0 nor 1.
    pub fn tensor(&self, name: &str) -> Result<HostTensor, FormatError> {
        let entry = self.outline.tensors.get(name).ok_or_else(|| {
            let close = self.names().filter(|n| n.ends_with(name) || name.ends_with(n)).take(3);
            let close: Vec<String> = close.map(quoted).collect();
            let found = match close.is_empty() {
                true => format!("{} tensors, none of that name", self.len()),
                false => format!("no tensor of that name, but {}", close.join(", ")),
            };
            FormatError::weight(name, found, "a tensor of that name").in_file(self.source())
        })?;
        self.load(name, entry).map_err(|e| e.in_file(self.source()))
    }

    /// All tensors by name. Errors: as [`SafeTensors::tensor`].
    pub fn tensors(&self) -> Result<BTreeMap<String, HostTensor>, FormatError> {
        self.names().map(|name| Ok((name.to_string(), self.tensor(name)?))).collect()
    }

    fn load(&self, name: &str, entry: &Entry) -> Result<HostTensor, FormatError> {
        let place = || format!("tensor {}", quoted(name));
        // The range ends within the data, which is in memory.
        let range = entry.range.start as usize..entry.range.end as usize;
        let bytes = self
            .data
            .slice(range)
            .ok_or_else(|| FormatError::truncated(place(), entry.range.end, self.data.len() as u64))?;
        if entry.dtype == DType::Bool
            && let Some(byte) = bytes.iter().find(|&&b| b > 1)
        {
            return Err(FormatError::malformed(FORMAT, place(), format!("a boolean of {byte}"), "0 or 1"));
        }
        HostTensor::from_bytes(entry.dtype, entry.shape.clone(), bytes).map_err(|e| {
            FormatError::malformed(FORMAT, place(), e.to_string(), "as many bytes as the shape needs")
        })
    }
}

/// The format's name of a dtype.
fn dtype_name(dtype: DType) -> &'static str {
    match dtype {
        DType::Bool => "BOOL",
        DType::I8 => "I8",
        DType::I16 => "I16",
        DType::I32 => "I32",
        DType::I64 => "I64",
        DType::U8 => "U8",
        DType::U16 => "U16",
        DType::U32 => "U32",
        DType::U64 => "U64",
        DType::F16 => "F16",
        DType::BF16 => "BF16",
        DType::F32 => "F32",
        DType::F64 => "F64",
    }
}
