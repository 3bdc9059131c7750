//! Rows of a table as samples.

use super::{Column, Table};
use crate::dataset::check_index;
use crate::{DataError, Dataset, Sample, TensorDataset};
use hadal_graph::HostTensor;
use std::sync::Arc;

/// The rows of a table as samples; see [`Table::dataset`].
#[derive(Clone, Debug)]
pub struct TableDataset {
    rows: usize,
    tensors: TensorDataset,
    ragged: Vec<(Arc<str>, Vec<HostTensor>)>,
}

impl TableDataset {
    pub(super) fn new(table: &Table, names: &[&str]) -> Result<TableDataset, DataError> {
        let mut tensors = Sample::new();
        let mut ragged = Vec::new();
        for &name in names {
            match table.column(name)? {
                Column::Ragged(rows) => ragged.push((name.into(), rows.clone())),
                _ => drop(tensors.insert(name, table.tensor(name)?.clone())),
            }
        }
        Ok(TableDataset { rows: table.rows(), tensors: TensorDataset::new(tensors)?, ragged })
    }
}

impl Dataset for TableDataset {
    fn len(&self) -> usize {
        self.rows
    }

    fn get(&self, index: usize, epoch: u64) -> Result<Sample, DataError> {
        check_index(index, self.rows)?;
        let mut sample = match self.tensors.is_empty() {
            true => Sample::new(),
            false => self.tensors.get(index, epoch)?,
        };
        for (name, rows) in &self.ragged {
            sample.insert(name.clone(), rows[index].clone());
        }
        Ok(sample)
    }

    fn stacked(&self, indices: &[usize], epoch: u64) -> Option<Result<Sample, DataError>> {
        if self.ragged.is_empty() { self.tensors.stacked(indices, epoch) } else { None }
    }
}
