//! A column from single values whose types are not known beforehand.

use super::Column;
use hadal_graph::{Bytes, DType, HostTensor};

/// Greatest integer up to which every integer is an `f64`.
const EXACT: u64 = 1 << 53;

/// One value of a column.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Cell {
    Bool(bool),
    Int(i64),
    Float(f64),
    Text(String),
    /// Numbers, or lists of them.
    List(Vec<Cell>),
}

impl Cell {
    fn kind(&self) -> &'static str {
        match self {
            Cell::Bool(_) => "a boolean",
            Cell::Int(_) => "an integer",
            Cell::Float(_) => "a float",
            Cell::Text(_) => "text",
            Cell::List(_) => "a list",
        }
    }

    /// As an element of a float column. Errors: what was found, where the number would change.
    fn to_f64(&self) -> Result<f64, String> {
        match self {
            Cell::Int(int) if int.unsigned_abs() <= EXACT => Ok(*int as f64),
            Cell::Int(int) => Err(format!("{int}, which a float cannot hold")),
            Cell::Float(float) => Ok(*float),
            other => Err(other.kind().into()),
        }
    }
}

/// Which dtype numbers make together.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Numbers {
    #[default]
    None,
    Bool,
    Int,
    Float,
}

/// The column of `rows` rows of which some have a value: those at the given rows, which ascend.
///
/// Errors: the row, what was found there, and what was expected.
pub(super) fn column(rows: usize, cells: Vec<(usize, Cell)>) -> Result<Column, (usize, String, String)> {
    let complete = cells.len() == rows;
    match cells.first() {
        Some((_, Cell::Text(_))) => {
            let mut texts = vec![String::new(); rows];
            for (row, cell) in cells {
                let Cell::Text(text) = cell else {
                    return Err((row, cell.kind().into(), "text, as in the rows before".into()));
                };
                texts[row] = text;
            }
            Ok(Column::Text(texts))
        }
        Some((_, Cell::List(_))) => lists(rows, cells),
        _ => {
            let numbers = cells.iter().try_fold(Numbers::None, |so_far, (row, cell)| {
                joined(so_far, cell).map_err(|(found, expected)| (*row, found, expected))
            })?;
            let numbers = if complete && rows > 0 { numbers } else { Numbers::Float };
            let mut values = Vec::new();
            let mut next = 0;
            for (row, cell) in &cells {
                for _ in next..*row {
                    values.extend_from_slice(&f64::NAN.to_le_bytes());
                }
                encode(&mut values, numbers, cell)
                    .map_err(|found| (*row, found, "numbers of one type, none missing".to_string()))?;
                next = row + 1;
            }
            for _ in next..rows {
                values.extend_from_slice(&f64::NAN.to_le_bytes());
            }
            tensor(numbers, vec![rows], values).map(Column::Tensor)
        }
    }
}

/// The type of numbers when another one joins. Errors: what was found and what was expected.
fn joined(so_far: Numbers, cell: &Cell) -> Result<Numbers, (String, String)> {
    Ok(match (so_far, cell) {
        (Numbers::None | Numbers::Bool, Cell::Bool(_)) => Numbers::Bool,
        (Numbers::None | Numbers::Int, Cell::Int(_)) => Numbers::Int,
        (Numbers::Float, Cell::Int(_)) => Numbers::Float,
        (Numbers::None | Numbers::Int | Numbers::Float, Cell::Float(_)) => Numbers::Float,
        (Numbers::Bool, other) => return Err((other.kind().into(), "a boolean, as before".into())),
        (_, other) => return Err((other.kind().into(), "a number, as before".into())),
    })
}

fn encode(bytes: &mut Vec<u8>, numbers: Numbers, cell: &Cell) -> Result<(), String> {
    match (numbers, cell) {
        (Numbers::Bool, Cell::Bool(value)) => bytes.push(u8::from(*value)),
        (Numbers::Int, Cell::Int(value)) => bytes.extend_from_slice(&value.to_le_bytes()),
        (_, other) => bytes.extend_from_slice(&other.to_f64()?.to_le_bytes()),
    }
    Ok(())
}

fn tensor(
    numbers: Numbers,
    shape: Vec<usize>,
    bytes: Vec<u8>,
) -> Result<HostTensor, (usize, String, String)> {
    let dtype = match numbers {
        Numbers::Bool => DType::Bool,
        Numbers::Int => DType::I64,
        Numbers::Float | Numbers::None => DType::F64,
    };
    HostTensor::from_bytes(dtype, shape, Bytes::new(bytes))
        .map_err(|error| (0, error.to_string(), "as many numbers as rows".into()))
}

/// A column of lists: a tensor if all are of one shape. A row without a list has an empty one.
fn lists(rows: usize, cells: Vec<(usize, Cell)>) -> Result<Column, (usize, String, String)> {
    let mut numbers = Numbers::None;
    let mut shapes: Vec<Vec<usize>> = vec![vec![0]; rows];
    for (row, cell) in &cells {
        if !matches!(cell, Cell::List(_)) {
            return Err((*row, cell.kind().into(), "a list, as in the rows before".into()));
        }
        let failed = |(found, expected)| (*row, found, expected);
        shapes[*row] = measure(cell, &mut numbers).map_err(failed)?;
    }
    let mut all: Vec<Vec<u8>> = vec![Vec::new(); rows];
    for (row, cell) in &cells {
        flatten(&mut all[*row], numbers, cell)
            .map_err(|found| (*row, found, "numbers of one type".to_string()))?;
    }
    if let Some(first) = shapes.first()
        && shapes.iter().all(|shape| shape == first)
    {
        let shape: Vec<usize> = std::iter::once(rows).chain(first.iter().copied()).collect();
        return tensor(numbers, shape, all.concat()).map(Column::Tensor);
    }
    let ragged = shapes.into_iter().zip(all).map(|(shape, bytes)| tensor(numbers, shape, bytes));
    ragged.collect::<Result<Vec<_>, _>>().map(Column::Ragged)
}

/// The shape of a list of numbers. Errors: what was found and what was expected.
fn measure(cell: &Cell, numbers: &mut Numbers) -> Result<Vec<usize>, (String, String)> {
    let Cell::List(items) = cell else {
        *numbers = joined(*numbers, cell)?;
        return Ok(Vec::new());
    };
    let mut inner: Option<Vec<usize>> = None;
    for item in items {
        let shape = measure(item, numbers)?;
        if let Some(first) = &inner
            && *first != shape
        {
            let of = |shape: &[usize]| match shape {
                [] => "a number".to_string(),
                shape => format!("a list of shape {shape:?}"),
            };
            return Err((of(&shape), format!("{}, as before in this list", of(first))));
        }
        inner = Some(shape);
    }
    Ok(std::iter::once(items.len()).chain(inner.unwrap_or_default()).collect())
}

fn flatten(bytes: &mut Vec<u8>, numbers: Numbers, cell: &Cell) -> Result<(), String> {
    match cell {
        Cell::List(items) => items.iter().try_for_each(|item| flatten(bytes, numbers, item)),
        number => encode(bytes, numbers, number),
    }
}
