//! Arrow's columns as a table's.
//!
//! Numbers keep their type. Missing floats are NaN; integers of which some are missing become `f64`. A struct gives columns
//! `outer.inner`, so that an image of a Hugging Face data set is `image.bytes` and `image.path`.

use super::{Column, Table};
use crate::DataError;
use crate::error::quoted;
use arrow_array::cast::AsArray;
use arrow_array::types::{
    ArrowPrimitiveType, Float16Type, Float32Type, Float64Type, Int8Type, Int16Type, Int32Type, Int64Type,
    UInt8Type, UInt16Type, UInt32Type, UInt64Type,
};
use arrow_array::{Array, RecordBatch};
use arrow_buffer::NullBuffer;
use arrow_schema::DataType;
use hadal_graph::{Bytes, DType, HostTensor};
use std::collections::BTreeMap;

/// Greatest integer up to which every integer is an `f64`.
const EXACT: u64 = 1 << 53;
/// How deep structs and lists may nest.
const MAX_DEPTH: usize = 16;

/// The columns of a batch. Errors: `Malformed` or `Unsupported`, without a file; they name the column.
pub(super) fn table(batch: &RecordBatch) -> Result<Table, DataError> {
    let schema = batch.schema();
    let mut columns = Vec::new();
    for (field, array) in schema.fields().iter().zip(batch.columns()) {
        push(&mut columns, field.name().clone(), array.as_ref(), None, 0)?;
    }
    let mut table = Table::new(columns)?;
    table.rows = batch.num_rows();
    table.classes = schema.metadata().get("huggingface").map(|text| classes(text)).unwrap_or_default();
    Ok(table)
}

/// The names of classes that a Hugging Face data set states: `info.features.COLUMN.names`.
fn classes(text: &str) -> BTreeMap<String, Vec<String>> {
    let value: serde_json::Value = serde_json::from_str(text).unwrap_or_default();
    let features = value.pointer("/info/features").and_then(|features| features.as_object());
    let names = |feature: &serde_json::Value| -> Option<Vec<String>> {
        feature.get("names")?.as_array()?.iter().map(|name| Some(name.as_str()?.to_string())).collect()
    };
    let named = features.into_iter().flatten();
    named.filter_map(|(column, feature)| Some((column.clone(), names(feature)?))).collect()
}

/// Adds the column or columns of an array. `outer` says which rows a struct around it lacks.
fn push(
    columns: &mut Vec<(String, Column)>,
    name: String,
    array: &dyn Array,
    outer: Option<&NullBuffer>,
    depth: usize,
) -> Result<(), DataError> {
    let nulls = NullBuffer::union(outer, array.logical_nulls().as_ref());
    if depth > MAX_DEPTH {
        let place = format!("column {}", quoted(&name));
        return Err(DataError::malformed("Arrow", place, "deep nesting", format!("at most {MAX_DEPTH}")));
    }
    if let Some(inner) = array.as_struct_opt() {
        for (field, array) in inner.fields().iter().zip(inner.columns()) {
            let name = format!("{name}.{}", field.name());
            push(columns, name, array.as_ref(), nulls.as_ref(), depth + 1)?;
        }
        return Ok(());
    }
    let column = column(array, nulls.as_ref()).map_err(|problem| problem.of_column(&name))?;
    columns.push((name, column));
    Ok(())
}

/// Why a column cannot be read.
enum Problem {
    Type(String),
    Value(usize, String, &'static str),
}

impl Problem {
    fn of_column(self, name: &str) -> DataError {
        match self {
            Problem::Type(what) => DataError::Unsupported {
                file: String::new(),
                place: format!("column {}", quoted(name)),
                what: format!("the type {what}"),
                hint: "name the columns to read, without this one".into(),
            },
            Problem::Value(row, found, expected) => {
                let place = format!("row {row}, column {}", quoted(name));
                DataError::malformed("Arrow", place, found, expected)
            }
        }
    }
}

fn missing(nulls: Option<&NullBuffer>, row: usize) -> bool {
    nulls.is_some_and(|nulls| nulls.is_null(row))
}

fn column(array: &dyn Array, nulls: Option<&NullBuffer>) -> Result<Column, Problem> {
    let rows = array.len();
    let any_missing = nulls.is_some_and(|nulls| nulls.null_count() > 0);
    let each = |get: &dyn Fn(usize) -> Vec<u8>| -> Vec<Vec<u8>> {
        (0..rows).map(|row| if missing(nulls, row) { Vec::new() } else { get(row) }).collect()
    };
    let texts = |get: &dyn Fn(usize) -> String| {
        Column::Text(
            (0..rows).map(|row| if missing(nulls, row) { String::new() } else { get(row) }).collect(),
        )
    };
    let binary = |values: Vec<Vec<u8>>| Column::Bytes(values.into_iter().map(Bytes::new).collect());
    Ok(match array.data_type() {
        DataType::Utf8 => texts(&|row| array.as_string::<i32>().value(row).into()),
        DataType::LargeUtf8 => texts(&|row| array.as_string::<i64>().value(row).into()),
        DataType::Utf8View => texts(&|row| array.as_string_view().value(row).into()),
        DataType::Binary => binary(each(&|row| array.as_binary::<i32>().value(row).into())),
        DataType::LargeBinary => binary(each(&|row| array.as_binary::<i64>().value(row).into())),
        DataType::BinaryView => binary(each(&|row| array.as_binary_view().value(row).into())),
        DataType::Dictionary(..) => {
            let dictionary = array.as_any_dictionary();
            let Some(values) = dictionary.values().as_string_opt::<i32>() else {
                return Err(Problem::Type(array.data_type().to_string()));
            };
            let keys = if values.is_empty() { vec![0; rows] } else { dictionary.normalized_keys() };
            let text = |row: usize| match keys.get(row) {
                Some(&key) if key < values.len() => values.value(key).to_string(),
                _ => String::new(),
            };
            texts(&text)
        }
        DataType::List(_) | DataType::LargeList(_) | DataType::FixedSizeList(..) => lists(array, nulls)?,
        _ => {
            let dtype = leaf(array)?;
            let mut bytes = Vec::with_capacity(rows * dtype.size());
            if !any_missing || dtype.is_float() {
                append(&mut bytes, array, 0..rows)?;
                for row in (0..rows).filter(|row| missing(nulls, *row)) {
                    bytes[row * dtype.size()..(row + 1) * dtype.size()].copy_from_slice(nan(dtype));
                }
                return tensor(dtype, vec![rows], bytes).map(Column::Tensor);
            }
            append(&mut bytes, array, 0..rows)?;
            let whole = tensor(dtype, vec![rows], bytes)?;
            if dtype == DType::Bool {
                let row = (0..rows).find(|row| missing(nulls, *row)).unwrap_or(0);
                return Err(Problem::Value(row, "no value".into(), "true or false"));
            }
            let mut floats = Vec::with_capacity(8 * rows);
            for (row, value) in whole.scalars().enumerate() {
                let value = match missing(nulls, row) {
                    true => f64::NAN,
                    false if value.to_i128().unsigned_abs() <= EXACT.into() => value.to_f64(),
                    false => {
                        let found = format!("{value}, while other rows are missing");
                        return Err(Problem::Value(row, found, "integers that a float can hold"));
                    }
                };
                floats.extend_from_slice(&value.to_le_bytes());
            }
            Column::Tensor(tensor(DType::F64, vec![rows], floats)?)
        }
    })
}

/// NaN of a float dtype.
fn nan(dtype: DType) -> &'static [u8] {
    match dtype {
        DType::F16 => &[0x00, 0x7e],
        DType::F32 => &[0, 0, 0xc0, 0x7f],
        _ => &[0, 0, 0, 0, 0, 0, 0xf8, 0x7f],
    }
}

fn tensor(dtype: DType, shape: Vec<usize>, bytes: Vec<u8>) -> Result<HostTensor, Problem> {
    HostTensor::from_bytes(dtype, shape, Bytes::new(bytes))
        .map_err(|error| Problem::Value(0, error.to_string(), "as many numbers as rows"))
}

/// A column of lists: a tensor if all are of one shape. A missing list is empty.
fn lists(array: &dyn Array, nulls: Option<&NullBuffer>) -> Result<Column, Problem> {
    let mut innermost = array.data_type();
    while let DataType::List(field) | DataType::LargeList(field) | DataType::FixedSizeList(field, _) =
        innermost
    {
        innermost = field.data_type();
    }
    let dtype = dtype(innermost).ok_or_else(|| Problem::Type(array.data_type().to_string()))?;
    let mut shapes = Vec::with_capacity(array.len());
    let mut all = Vec::with_capacity(array.len());
    for row in 0..array.len() {
        let mut bytes = Vec::new();
        let shape = match missing(nulls, row) {
            true => vec![0],
            false => list(&mut bytes, array, row, row, 0)?,
        };
        shapes.push(shape);
        all.push(bytes);
    }
    if let Some(first) = shapes.first()
        && shapes.iter().all(|shape| shape == first)
    {
        let shape: Vec<usize> = std::iter::once(shapes.len()).chain(first.iter().copied()).collect();
        return tensor(dtype, shape, all.concat()).map(Column::Tensor);
    }
    let rows = shapes.into_iter().zip(all).map(|(shape, bytes)| tensor(dtype, shape, bytes));
    rows.collect::<Result<Vec<_>, _>>().map(Column::Ragged)
}

/// Appends the numbers of list `at`, and returns its shape. `row` is for messages.
fn list(
    bytes: &mut Vec<u8>,
    array: &dyn Array,
    at: usize,
    row: usize,
    depth: usize,
) -> Result<Vec<usize>, Problem> {
    if depth > MAX_DEPTH {
        return Err(Problem::Value(row, "deep nesting".into(), "fewer lists within lists"));
    }
    let items = match array.data_type() {
        DataType::List(_) => array.as_list::<i32>().value(at),
        DataType::LargeList(_) => array.as_list::<i64>().value(at),
        _ => array.as_fixed_size_list().value(at),
    };
    let count = items.len();
    if items.null_count() > 0 {
        return Err(Problem::Value(row, "a list with a missing item".into(), "whole lists"));
    }
    if !matches!(items.data_type(), DataType::List(_) | DataType::LargeList(_) | DataType::FixedSizeList(..))
    {
        append(bytes, items.as_ref(), 0..count)?;
        return Ok(vec![count]);
    }
    let mut inner: Option<Vec<usize>> = None;
    for item in 0..count {
        let shape = list(bytes, items.as_ref(), item, row, depth + 1)?;
        if inner.as_ref().is_some_and(|first| *first != shape) {
            let found = format!("a list of lists of lengths {:?} and {shape:?}", inner.unwrap_or_default());
            return Err(Problem::Value(row, found, "inner lists of one shape"));
        }
        inner = Some(shape);
    }
    Ok(std::iter::once(count).chain(inner.unwrap_or_default()).collect())
}

/// The dtype of a type of numbers.
fn dtype(data_type: &DataType) -> Option<DType> {
    Some(match data_type {
        DataType::Boolean => DType::Bool,
        DataType::Int8 => DType::I8,
        DataType::Int16 => DType::I16,
        DataType::Int32 => DType::I32,
        DataType::Int64 => DType::I64,
        DataType::UInt8 => DType::U8,
        DataType::UInt16 => DType::U16,
        DataType::UInt32 => DType::U32,
        DataType::UInt64 => DType::U64,
        DataType::Float16 => DType::F16,
        DataType::Float32 => DType::F32,
        DataType::Float64 => DType::F64,
        _ => return None,
    })
}

fn leaf(array: &dyn Array) -> Result<DType, Problem> {
    dtype(array.data_type()).ok_or_else(|| Problem::Type(array.data_type().to_string()))
}

/// Appends the numbers in a range of an array, of which missing ones may have any value.
fn append(bytes: &mut Vec<u8>, array: &dyn Array, range: std::ops::Range<usize>) -> Result<(), Problem> {
    match array.data_type() {
        DataType::Boolean => {
            let values = array.as_boolean();
            bytes.extend(range.map(|at| u8::from(values.value(at))));
        }
        DataType::Int8 => primitive::<Int8Type>(bytes, array, range),
        DataType::Int16 => primitive::<Int16Type>(bytes, array, range),
        DataType::Int32 => primitive::<Int32Type>(bytes, array, range),
        DataType::Int64 => primitive::<Int64Type>(bytes, array, range),
        DataType::UInt8 => primitive::<UInt8Type>(bytes, array, range),
        DataType::UInt16 => primitive::<UInt16Type>(bytes, array, range),
        DataType::UInt32 => primitive::<UInt32Type>(bytes, array, range),
        DataType::UInt64 => primitive::<UInt64Type>(bytes, array, range),
        DataType::Float16 => primitive::<Float16Type>(bytes, array, range),
        DataType::Float32 => primitive::<Float32Type>(bytes, array, range),
        DataType::Float64 => primitive::<Float64Type>(bytes, array, range),
        other => return Err(Problem::Type(other.to_string())),
    }
    Ok(())
}

fn primitive<T: ArrowPrimitiveType>(bytes: &mut Vec<u8>, array: &dyn Array, range: std::ops::Range<usize>)
where
    T::Native: bytemuck::Pod,
{
    bytes.extend_from_slice(bytemuck::cast_slice(&array.as_primitive::<T>().values()[range]));
}
