//! JSON lines: one object a line.
//!
//! Numbers, booleans and texts are columns of their kind; lists of numbers are tensors, or ragged where their lengths differ; an object
//! within an object gives columns `outer.inner`. A key that a line lacks, and `null`, is a missing value.

use super::cells::{self, Cell};
use super::{Column, Table};
use crate::error::quoted;
use crate::{DataError, file};
use serde_json::Value;
use std::collections::HashMap;
use std::path::Path;

const FORMAT: &str = "JSON lines";

/// Reads a file, which gzip may have compressed. Errors: `Io`; `Malformed`, which names the line.
pub fn read(path: impl AsRef<Path>) -> Result<Table, DataError> {
    let path = path.as_ref();
    parse(&file::read_text(path)?).map_err(|error| error.in_file(path))
}

/// Reads text in memory. Errors: `Malformed`, which names the line.
pub fn parse(text: &str) -> Result<Table, DataError> {
    let mut reader = Reader::default();
    let mut lines = Vec::new();
    for (number, line) in (1..).zip(text.lines()) {
        if line.trim().is_empty() {
            continue;
        }
        let value: Value = serde_json::from_str(line).map_err(|error| {
            DataError::malformed(FORMAT, format!("line {number}"), error.to_string(), "an object")
        })?;
        let Value::Object(_) = value else {
            return Err(DataError::malformed(
                FORMAT,
                format!("line {number}"),
                kind(&value),
                "an object, as {\"text\": \"…\"}",
            ));
        };
        reader.take(String::new(), value).map_err(|(key, found)| {
            let place = format!("line {number}, {}", quoted(&key));
            DataError::malformed(FORMAT, place, found, "a number, boolean, text or list of numbers")
        })?;
        reader.row += 1;
        lines.push(number);
    }
    reader.finish(&lines)
}

/// The columns so far.
#[derive(Default)]
struct Reader {
    row: usize,
    columns: Vec<(String, Vec<(usize, Cell)>)>,
    places: HashMap<String, usize>,
    cells: usize,
}

impl Reader {
    /// Takes a value under a key. Errors: the key and what is wrong.
    fn take(&mut self, key: String, value: Value) -> Result<(), (String, String)> {
        let cell = match value {
            Value::Object(fields) => {
                return fields.into_iter().try_for_each(|(name, value)| {
                    let key = if key.is_empty() { name } else { format!("{key}.{name}") };
                    self.take(key, value)
                });
            }
            Value::Null => {
                self.place(key);
                return Ok(());
            }
            other => cell(other).map_err(|found| (key.clone(), found))?,
        };
        let place = self.place(key);
        let (name, column) = &mut self.columns[place];
        if column.last().is_some_and(|(row, _)| *row == self.row) {
            return Err((name.clone(), "two values of this name".into()));
        }
        column.push((self.row, cell));
        self.cells += 1;
        Ok(())
    }

    /// The column of a key, made if there is none.
    fn place(&mut self, key: String) -> usize {
        let next = self.columns.len();
        let columns = &mut self.columns;
        *self.places.entry(key).or_insert_with_key(|key| {
            columns.push((key.clone(), Vec::new()));
            next
        })
    }

    fn finish(self, lines: &[usize]) -> Result<Table, DataError> {
        // Lines with keys of their own would make a table far larger than the file.
        let dense = self.columns.len().saturating_mul(self.row);
        if dense > 1_000_000 && dense / 100 > self.cells {
            let found = format!("{} keys, most of them missing in most lines", self.columns.len());
            return Err(DataError::malformed(FORMAT, "the keys", found, "about the same keys in every line"));
        }
        let mut columns: Vec<(String, Column)> = Vec::with_capacity(self.columns.len());
        for (name, cells) in self.columns {
            let column = cells::column(self.row, cells).map_err(|(row, found, expected)| {
                let line = lines.get(row).copied().unwrap_or(0);
                DataError::malformed(FORMAT, format!("line {line}, {}", quoted(&name)), found, expected)
            })?;
            columns.push((name, column));
        }
        Table::new(columns)
    }
}

/// A value that is no object and not null. Errors: what it is.
fn cell(value: Value) -> Result<Cell, String> {
    Ok(match value {
        Value::Bool(value) => Cell::Bool(value),
        Value::Number(number) => match (number.as_i64(), number.as_f64()) {
            (Some(int), _) => Cell::Int(int),
            (None, _) if number.is_u64() => return Err(format!("{number}, above the range of i64")),
            (None, Some(float)) if float.is_finite() => Cell::Float(float),
            _ => return Err(format!("{number}, outside the range of f64")),
        },
        Value::String(text) => Cell::Text(text),
        Value::Array(items) => {
            let items = items.into_iter().map(|item| match item {
                Value::Bool(_) | Value::Number(_) | Value::Array(_) => cell(item),
                other => Err(format!("a list with {}", kind(&other))),
            });
            Cell::List(items.collect::<Result<Vec<_>, _>>()?)
        }
        other => return Err(kind(&other).into()),
    })
}

fn kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "a boolean",
        Value::Number(_) => "a number",
        Value::String(_) => "text",
        Value::Array(_) => "a list",
        Value::Object(_) => "an object",
    }
}
