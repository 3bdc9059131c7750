//! CSV: a table as text.
//!
//! A column whose cells are all integers is `i64`, else one whose cells are all numbers is `f64`, else one whose cells are all `true` or
//! `false` is `bool`, else it is text; [`Options::kind`] says otherwise. Quoting is that of RFC 4180.

use super::cells::{self, Cell};
use super::{Column, Table};
use crate::error::quoted;
use crate::{DataError, file};
use ::csv::{ReaderBuilder, StringRecord};
use std::collections::BTreeMap;
use std::path::Path;

const FORMAT: &str = "CSV";

/// What a column holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Integers, `i64`.
    Int,
    /// Numbers, `f64`.
    Float,
    /// `true` or `false`, in any case.
    Bool,
    /// Text, even where it looks like numbers.
    Text,
}

/// How a file is written.
#[derive(Clone, Debug)]
pub struct Options {
    delimiter: u8,
    header: bool,
    skip: usize,
    missing: Vec<String>,
    kinds: BTreeMap<String, Kind>,
}

impl Default for Options {
    /// Commas, a header, and empty cells are missing values.
    fn default() -> Options {
        Options {
            delimiter: b',',
            header: true,
            skip: 0,
            missing: vec![String::new()],
            kinds: BTreeMap::new(),
        }
    }
}

impl Options {
    /// What stands between cells: `,`, `;`, a tab.
    #[must_use]
    pub fn delimiter(mut self, delimiter: u8) -> Options {
        self.delimiter = delimiter;
        self
    }

    /// Whether the first line names the columns; without that they are called `0`, `1`, ….
    #[must_use]
    pub fn header(mut self, header: bool) -> Options {
        self.header = header;
        self
    }

    /// Lines before the table, to be passed over.
    #[must_use]
    pub fn skip(mut self, lines: usize) -> Options {
        self.skip = lines;
        self
    }

    /// Adds a text that means a missing value, as `NA` or `?`.
    #[must_use]
    pub fn missing(mut self, text: impl Into<String>) -> Options {
        self.missing.push(text.into());
        self
    }

    /// Says what a column holds; anything else in it is an error.
    #[must_use]
    pub fn kind(mut self, column: impl Into<String>, kind: Kind) -> Options {
        self.kinds.insert(column.into(), kind);
        self
    }
}

/// Reads a file, which gzip may have compressed. Errors: `Io`; `Malformed`, which names the line; `Field` for an option about a column that
/// is not there.
pub fn read(path: impl AsRef<Path>, options: &Options) -> Result<Table, DataError> {
    let path = path.as_ref();
    parse(&file::read_text(path)?, options).map_err(|error| error.in_file(path))
}

/// Reads text in memory. Errors: as [`read`].
pub fn parse(text: &str, options: &Options) -> Result<Table, DataError> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let start: usize = text.split_inclusive('\n').take(options.skip).map(str::len).sum();
    let text = &text[start..];
    let mut reader = ReaderBuilder::new()
        .delimiter(options.delimiter)
        .has_headers(options.header)
        .from_reader(text.as_bytes());
    let mut rows: Vec<StringRecord> = Vec::new();
    for row in reader.records() {
        rows.push(row.map_err(|error| broken(error, options.skip))?);
    }
    let names: Vec<String> = match options.header {
        true => reader
            .headers()
            .map_err(|error| broken(error, options.skip))?
            .iter()
            .map(|name| name.trim().to_string())
            .collect(),
        false => (0..rows.first().map_or(0, StringRecord::len)).map(|n| n.to_string()).collect(),
    };
    if let Some((at, name)) = names.iter().enumerate().find(|(at, name)| names[..*at].contains(name)) {
        let found = format!("a second column {}, number {}", quoted(name), at + 1);
        return Err(DataError::malformed(FORMAT, "the header", found, "different names")
            .with_hint("read it with `header(false)` if the first line is data"));
    }
    if let Some(name) = options.kinds.keys().find(|name| !names.contains(name)) {
        return Err(DataError::Field { name: name.clone(), fields: names });
    }
    let mut columns = Vec::with_capacity(names.len());
    for (at, name) in names.into_iter().enumerate() {
        let column = column(&rows, at, options.kinds.get(&name).copied(), &options.missing);
        let column = column.map_err(|(row, found, expected)| {
            let line = rows
                .get(row)
                .and_then(StringRecord::position)
                .map_or(0, |position| position.line() + options.skip as u64);
            DataError::malformed(FORMAT, format!("line {line}, column {}", quoted(&name)), found, expected)
        })?;
        columns.push((name, column));
    }
    Table::new(columns)
}

/// Column `at`. Errors: the row, what was found and what was expected.
fn column(
    rows: &[StringRecord],
    at: usize,
    kind: Option<Kind>,
    missing: &[String],
) -> Result<Column, (usize, String, String)> {
    // Rows have equally many cells, or the reader had refused them.
    let cells = || rows.iter().map(move |row| row.get(at).unwrap_or("")).enumerate();
    let present = || cells().filter(|(_, text)| !missing.iter().any(|m| m == text.trim()));
    let kind = kind.unwrap_or_else(|| {
        let fits = |kind| present().all(|(_, text)| number(text, kind).is_some());
        let kinds = [Kind::Int, Kind::Float, Kind::Bool];
        let found = kinds.into_iter().find(|&kind| fits(kind)).unwrap_or(Kind::Text);
        if present().next().is_none() && !rows.is_empty() { Kind::Float } else { found }
    });
    if kind == Kind::Text {
        return Ok(Column::Text(cells().map(|(_, text)| text.to_string()).collect()));
    }
    let numbers = present().map(|(row, text)| {
        let expected = match kind {
            Kind::Int => "an integer",
            Kind::Float => "a number",
            _ => "true or false",
        };
        number(text, kind).map(|cell| (row, cell)).ok_or_else(|| (row, quoted(text), expected.to_string()))
    });
    let numbers: Vec<(usize, Cell)> = numbers.collect::<Result<_, _>>()?;
    cells::column(rows.len(), numbers)
}

fn number(text: &str, kind: Kind) -> Option<Cell> {
    let text = text.trim();
    match kind {
        Kind::Int => text.parse().ok().map(Cell::Int),
        Kind::Float => text.parse().ok().map(Cell::Float),
        Kind::Bool if text.eq_ignore_ascii_case("true") => Some(Cell::Bool(true)),
        Kind::Bool if text.eq_ignore_ascii_case("false") => Some(Cell::Bool(false)),
        Kind::Bool | Kind::Text => None,
    }
}

/// What the reader says of a text whose first lines were skipped.
fn broken(error: ::csv::Error, skipped: usize) -> DataError {
    use ::csv::ErrorKind;
    let line = error.position().map_or(0, |position| position.line() + skipped as u64);
    let place = format!("line {line}");
    match error.kind() {
        ErrorKind::UnequalLengths { expected_len, len, .. } => {
            let expected = format!("{expected_len}, as in the lines before");
            DataError::malformed(FORMAT, place, format!("{len} cells"), expected)
                .with_hint("check the delimiter, and that cells with delimiters are quoted")
        }
        other => DataError::malformed(FORMAT, place, format!("{other:?}"), "cells between delimiters"),
    }
}
