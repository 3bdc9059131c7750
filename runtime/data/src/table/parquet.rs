//! Parquet and Arrow files.
//!
//! Parquet pages may be uncompressed or compressed by Snappy, LZ4 or gzip, and with the feature `zstd` by Zstandard; Arrow files may be streams, as the library `datasets` writes them, or
//! random-access files, and are not compressed.

use super::{Table, arrow};
use crate::panics::refusing;
use crate::{DataError, file};
use ::parquet::arrow::ProjectionMask;
use ::parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use ::parquet::errors::ParquetError;
use arrow_array::{RecordBatch, RecordBatchReader};
use arrow_ipc::reader::StreamReader;
use arrow_schema::{ArrowError, Schema, SchemaRef};
use arrow_select::concat::concat_batches;
use std::path::Path;

const FORMAT: &str = "Parquet or Arrow";

/// Reads some columns of a Parquet or Arrow file, or all if none is named. The first bytes tell which kind it is.
///
/// Errors: `Io`, `Malformed`; `Field` for a column that is not there; `Unsupported` for a column of a type that has no tensor.
pub fn read(path: impl AsRef<Path>, columns: &[&str]) -> Result<Table, DataError> {
    read_all(&[path], columns)
}

/// Reads several files of the same columns, one after another. Errors: as [`read`].
pub fn read_all(paths: &[impl AsRef<Path>], columns: &[&str]) -> Result<Table, DataError> {
    let mut schema = None;
    let mut batches = Vec::new();
    for path in paths {
        let path = path.as_ref();
        let (own, more) = load(file::read(path)?, columns).map_err(|error| error.in_file(path))?;
        schema.get_or_insert(own);
        batches.extend(more);
    }
    let Some(schema) = schema else { return Table::new(Vec::new()) };
    let place = paths.first().map_or(Path::new(""), AsRef::as_ref);
    convert(&schema, &batches).map_err(|error| error.in_file(place))
}

/// Reads a file that is in memory. Errors: as [`read`].
pub fn from_bytes(bytes: Vec<u8>, columns: &[&str]) -> Result<Table, DataError> {
    let (schema, batches) = load(bytes, columns)?;
    convert(&schema, &batches)
}

fn convert(schema: &SchemaRef, batches: &[RecordBatch]) -> Result<Table, DataError> {
    refusing(FORMAT, || arrow::table(&concat_batches(schema, batches).map_err(broken)?))
}

type Batches = (SchemaRef, Vec<RecordBatch>);

fn load(bytes: Vec<u8>, columns: &[&str]) -> Result<Batches, DataError> {
    refusing(FORMAT, || match &bytes[..] {
        [b'P', b'A', b'R', b'1', ..] => parquet(bytes, columns),
        // A random-access file is a stream between its magic number and its index. The stream's reader believes no declared size.
        [b'A', b'R', b'R', b'O', b'W', b'1', _, _, stream @ ..] => arrow_stream(stream, columns),
        stream => arrow_stream(stream, columns),
    })
}

fn arrow_stream(bytes: &[u8], columns: &[&str]) -> Result<Batches, DataError> {
    let reader = StreamReader::try_new(bytes, None).map_err(broken)?;
    let projection = projection(&reader.schema(), columns)?;
    collect(StreamReader::try_new(bytes, projection).map_err(broken)?)
}

fn parquet(bytes: Vec<u8>, columns: &[&str]) -> Result<Batches, DataError> {
    let failed = |error: ParquetError| broken(error.into());
    let builder = ParquetRecordBatchReaderBuilder::try_new(bytes::Bytes::from(bytes)).map_err(failed)?;
    let builder = match projection(builder.schema(), columns)? {
        Some(roots) => {
            let mask = ProjectionMask::roots(builder.parquet_schema(), roots);
            builder.with_projection(mask)
        }
        None => builder,
    };
    // What is built forgets the notes of the file, among them the names of classes.
    let notes = builder.schema().metadata().clone();
    let (schema, batches) = collect(builder.build().map_err(failed)?)?;
    Ok((Schema::new_with_metadata(schema.fields().clone(), notes).into(), batches))
}

fn collect(reader: impl RecordBatchReader) -> Result<Batches, DataError> {
    let schema = reader.schema();
    let batches = reader.collect::<Result<Vec<_>, _>>().map_err(broken)?;
    Ok((schema, batches))
}

/// Where the named columns stand; `None` for all. Errors: `Field`.
fn projection(schema: &SchemaRef, columns: &[&str]) -> Result<Option<Vec<usize>>, DataError> {
    if columns.is_empty() {
        return Ok(None);
    }
    let place = |name: &&str| {
        schema.fields().iter().position(|field| field.name() == name).ok_or_else(|| DataError::Field {
            name: name.to_string(),
            fields: schema.fields().iter().map(|field| field.name().clone()).collect(),
        })
    };
    columns.iter().map(place).collect::<Result<Vec<_>, _>>().map(Some)
}

fn broken(error: ArrowError) -> DataError {
    let mut text = error.to_string();
    if let Some((at, _)) = text.char_indices().nth(500) {
        text.truncate(at);
    }
    DataError::malformed(FORMAT, "the data", text, "a whole file")
}
