//! Tables: named columns of equally many rows, as CSV, JSON lines and Parquet files have them.

#[cfg(feature = "parquet")]
mod arrow;
mod cells;
#[cfg(feature = "csv")]
pub mod csv;
mod dataset;
#[cfg(feature = "parquet")]
pub mod hugging_face;
pub mod json_lines;
#[cfg(feature = "parquet")]
pub mod parquet;

pub use dataset::TableDataset;

use crate::DataError;
use hadal_graph::{Bytes, DType, HostTensor, Scalar};
use std::collections::BTreeMap;

/// A column of a table.
#[derive(Clone, Debug, PartialEq)]
pub enum Column {
    /// Numbers or booleans, with rows along the first axis.
    Tensor(HostTensor),
    /// Numbers, with rows of different lengths.
    Ragged(Vec<HostTensor>),
    /// Texts. A row that has none is empty.
    Text(Vec<String>),
    /// Bytes, such as encoded images. A row that has none is empty.
    Bytes(Vec<Bytes>),
}

impl Column {
    /// Number of rows.
    pub fn len(&self) -> usize {
        match self {
            Column::Tensor(tensor) => tensor.shape().first().copied().unwrap_or(0),
            Column::Ragged(rows) => rows.len(),
            Column::Text(rows) => rows.len(),
            Column::Bytes(rows) => rows.len(),
        }
    }

    /// Whether there are no rows.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// What it holds, in words.
    fn kind(&self) -> String {
        match self {
            Column::Tensor(tensor) => format!("{}{:?}", tensor.dtype(), tensor.shape()),
            Column::Ragged(_) => "rows of different lengths".into(),
            Column::Text(_) => "text".into(),
            Column::Bytes(_) => "bytes".into(),
        }
    }
}

/// Named columns of equally many rows.
///
/// From text, integers are `i64` and floats `f64`; Parquet and Arrow keep the types of their files. Where integers are missing a column is
/// `f64`; a missing float is NaN.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Table {
    rows: usize,
    columns: Vec<(String, Column)>,
    classes: BTreeMap<String, Vec<String>>,
}

impl Table {
    /// A table of these columns. Errors: `Tensor` when they have not equally many rows or two have one name.
    pub fn new(columns: Vec<(String, Column)>) -> Result<Table, DataError> {
        let rows = columns.first().map_or(0, |(_, column)| column.len());
        let mut table = Table { rows, ..Table::default() };
        for (name, column) in columns {
            if table.columns.iter().any(|(n, _)| *n == name) {
                return Err(DataError::tensor(name, "two columns of this name", "one"));
            }
            if column.len() != table.rows {
                let (found, expected) = (format!("{} rows", column.len()), format!("{}", table.rows));
                return Err(DataError::tensor(name, found, expected));
            }
            table.columns.push((name, column));
        }
        Ok(table)
    }

    /// Number of rows.
    pub fn rows(&self) -> usize {
        self.rows
    }

    /// The names of the columns.
    pub fn names(&self) -> impl ExactSizeIterator<Item = &str> {
        self.columns.iter().map(|(name, _)| name.as_str())
    }

    /// A column. Errors: `Field`, which names those that are there.
    pub fn column(&self, name: &str) -> Result<&Column, DataError> {
        let found = self.columns.iter().find(|(n, _)| n == name);
        found.map(|(_, column)| column).ok_or_else(|| DataError::Field {
            name: name.into(),
            fields: self.names().map(str::to_string).collect(),
        })
    }

    /// A column of numbers or booleans. Errors: `Field`; `Tensor` when it holds something else.
    pub fn tensor(&self, name: &str) -> Result<&HostTensor, DataError> {
        match self.column(name)? {
            Column::Tensor(tensor) => Ok(tensor),
            other => Err(DataError::tensor(name, other.kind(), "numbers")
                .with_hint("text becomes numbers by `categories`, or by a vocabulary or tokenizer")),
        }
    }

    /// A column of texts. Errors: `Field`; `Tensor` when it holds something else.
    pub fn texts(&self, name: &str) -> Result<&[String], DataError> {
        match self.column(name)? {
            Column::Text(texts) => Ok(texts),
            other => Err(DataError::tensor(name, other.kind(), "text")),
        }
    }

    /// A column of texts as classes: the different texts in order, and the class of each row, `i32[rows]`.
    ///
    /// Errors: as [`texts`](Table::texts).
    pub fn categories(&self, name: &str) -> Result<(Vec<String>, HostTensor), DataError> {
        let texts = self.texts(name)?;
        let mut classes: BTreeMap<&str, i32> = texts.iter().map(|text| (text.as_str(), 0)).collect();
        // There are fewer classes than rows, which lie in memory.
        for (number, class) in classes.values_mut().zip(0..) {
            *number = class;
        }
        let numbers: Vec<i32> = texts.iter().filter_map(|text| classes.get(text.as_str()).copied()).collect();
        let tensor = HostTensor::new([numbers.len()], &numbers).map_err(DataError::other)?;
        Ok((classes.into_keys().map(str::to_string).collect(), tensor))
    }

    /// What the classes of a column of class numbers are called, where the file says it.
    pub fn class_names(&self, name: &str) -> Option<&[String]> {
        self.classes.get(name).map(Vec::as_slice)
    }

    /// Some columns of numbers side by side, `[rows, columns]` of one dtype: the features of tabular data.
    ///
    /// Errors: as [`tensor`](Table::tensor); `Tensor` when a column has more than one number a row.
    pub fn matrix(&self, names: &[&str], dtype: DType) -> Result<HostTensor, DataError> {
        let columns = names.iter().map(|name| {
            let tensor = self.tensor(name)?;
            if tensor.shape().len() != 1 {
                let found = format!("{}{:?}", tensor.dtype(), tensor.shape());
                return Err(DataError::tensor(*name, found, "one number a row"));
            }
            Ok(tensor.scalars().collect())
        });
        let columns = columns.collect::<Result<Vec<Vec<Scalar>>, DataError>>()?;
        let values = (0..self.rows).flat_map(|row| columns.iter().map(move |column| column[row]));
        let values = values.map(|value| if dtype.is_float() { Scalar::Float(value.to_f64()) } else { value });
        HostTensor::from_scalars(dtype, [self.rows, names.len()], values).map_err(DataError::other)
    }

    /// This table with one column more; a column of the same name is replaced. Errors: `Tensor` for another number of rows.
    pub fn with(mut self, name: impl Into<String>, column: Column) -> Result<Table, DataError> {
        let name = name.into();
        if column.len() != self.rows && !self.columns.is_empty() {
            let found = format!("{} rows", column.len());
            return Err(DataError::tensor(name, found, format!("{}", self.rows)));
        }
        self.rows = column.len();
        match self.columns.iter_mut().find(|(n, _)| *n == name) {
            Some((_, old)) => *old = column,
            None => self.columns.push((name, column)),
        }
        Ok(self)
    }

    /// The rows as samples with these fields. Errors: `Field`; `Tensor` for a column of text or bytes.
    pub fn dataset(&self, names: &[&str]) -> Result<TableDataset, DataError> {
        TableDataset::new(self, names)
    }
}
