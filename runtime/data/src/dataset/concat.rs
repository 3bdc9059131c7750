//! Data sets one after another.

use super::{Dataset, check_index};
use crate::{DataError, Sample};

/// The samples of several data sets, one after another. PyTorch: `ConcatDataset`.
pub struct ConcatDataset {
    parts: Vec<Box<dyn Dataset>>,
    /// Where each part ends.
    ends: Vec<usize>,
}

impl ConcatDataset {
    /// All samples of `parts`. Errors: `Argument` when together they are more than can be counted.
    pub fn new(parts: Vec<Box<dyn Dataset>>) -> Result<ConcatDataset, DataError> {
        let mut ends = Vec::with_capacity(parts.len());
        let mut end = 0usize;
        for part in &parts {
            let more = end.checked_add(part.len());
            end = more.ok_or_else(|| {
                DataError::argument("the number of samples", "more than 2^64", "fewer samples")
            })?;
            ends.push(end);
        }
        Ok(ConcatDataset { parts, ends })
    }
}

impl Dataset for ConcatDataset {
    fn len(&self) -> usize {
        self.ends.last().copied().unwrap_or(0)
    }

    fn get(&self, index: usize, epoch: u64) -> Result<Sample, DataError> {
        check_index(index, self.len())?;
        let part = self.ends.partition_point(|&end| end <= index);
        let start = if part == 0 { 0 } else { self.ends[part - 1] };
        self.parts[part].get(index - start, epoch)
    }
}
