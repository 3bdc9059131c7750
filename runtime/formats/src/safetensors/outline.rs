//! What a header says, without the data: enough to know a model before its weights are there.

use super::{Entry, header};
use crate::FormatError;
use hadal_graph::DType;
use std::collections::BTreeMap;
use std::ops::Range;

/// Names, types and places of the tensors of a file, whose data may be elsewhere.
#[derive(Clone, Debug)]
pub struct Outline {
    pub(super) source: String,
    /// Bytes of the file before its data.
    pub(super) start: u64,
    pub(super) tensors: BTreeMap<String, Entry>,
    pub(super) metadata: BTreeMap<String, String>,
}

impl Outline {
    /// Bytes of a file before its data, from the first 8 of its `total` ones. Errors: `Truncated`, `Malformed`.
    pub fn length(start: &[u8], total: u64) -> Result<u64, FormatError> {
        header::length(start, total)
    }

    /// Reads the `start` of a file of `total` bytes that messages call `source`: at least [`Outline::length`] bytes of it.
    ///
    /// Errors: `Truncated`, also where the header promises more data than there is; `Malformed`, `Unsupported`.
    pub fn new(start: &[u8], total: u64, source: &str) -> Result<Outline, FormatError> {
        header::parse(start, total, source.to_string()).map_err(|e| e.in_file(source))
    }

    /// What messages call the file.
    pub fn source(&self) -> &str {
        &self.source
    }

    /// Names of all tensors, sorted.
    pub fn names(&self) -> impl ExactSizeIterator<Item = &str> {
        self.tensors.keys().map(String::as_str)
    }

    /// Free text that the writer attached.
    pub fn metadata(&self) -> &BTreeMap<String, String> {
        &self.metadata
    }

    /// dtype and extents of a tensor, if there is one of that name.
    pub fn describe(&self, name: &str) -> Option<(DType, &[usize])> {
        self.tensors.get(name).map(|e| (e.dtype, e.shape.as_slice()))
    }

    /// The bytes of each tensor, counted from the beginning of the data, in the order in which they lie there, without gaps.
    pub fn ranges(&self) -> Vec<(&str, Range<u64>)> {
        let mut ranges: Vec<(&str, Range<u64>)> =
            self.tensors.iter().map(|(name, e)| (name.as_str(), e.range.clone())).collect();
        ranges.sort_by_key(|(_, range)| (range.start, range.end));
        ranges
    }
}
