//! IDX: one tensor in a file, as the MNIST data sets have it.
//!
//! ```text
//! 0, 0, type, rank     type: 08 u8, 09 i8, 0B i16, 0C i32, 0D f32, 0E f64
//! rank × u32           the extents
//! elements             row-major
//! ```
//!
//! All numbers are big-endian. Files compressed by gzip are known by their first bytes and unpacked.

use crate::{DataError, file};
use flate2::read::MultiGzDecoder;
use hadal_graph::{Bytes, DType, HostTensor};
use std::io::{self, Read};
use std::path::Path;

const FORMAT: &str = "IDX";
/// Most axes that a file may have; real ones have three.
const MAX_RANK: usize = 16;
/// What one compressed byte can unpack to at most.
const MAX_RATIO: u64 = 1032;

/// Reads a file. Errors: `Io`, `Malformed`.
pub fn read(path: impl AsRef<Path>) -> Result<HostTensor, DataError> {
    let path = path.as_ref();
    from_bytes(&file::read(path)?).map_err(|error| error.in_file(path))
}

/// Reads a file that is in memory. Errors: `Malformed`.
pub fn from_bytes(bytes: &[u8]) -> Result<HostTensor, DataError> {
    match bytes {
        [0x1f, 0x8b, ..] => parse(MultiGzDecoder::new(bytes), bytes.len() as u64 * MAX_RATIO),
        _ => parse(bytes, bytes.len() as u64),
    }
}

/// Reads a stream that gives `most` bytes at most.
fn parse(mut stream: impl Read, most: u64) -> Result<HostTensor, DataError> {
    let mut magic = [0; 4];
    stream.read_exact(&mut magic).map_err(|error| broken("the first four bytes", error))?;
    let [0, 0, code, rank] = magic else {
        let found = format!("{:02x} {:02x}", magic[0], magic[1]);
        return Err(DataError::malformed(FORMAT, "the first two bytes", found, "00 00"));
    };
    let dtype = match code {
        0x08 => DType::U8,
        0x09 => DType::I8,
        0x0b => DType::I16,
        0x0c => DType::I32,
        0x0d => DType::F32,
        0x0e => DType::F64,
        _ => {
            let expected = "08, 09, 0b, 0c, 0d or 0e";
            return Err(DataError::malformed(FORMAT, "the type", format!("{code:02x}"), expected));
        }
    };
    let rank = usize::from(rank);
    if rank > MAX_RANK {
        return Err(DataError::malformed(
            FORMAT,
            "the rank",
            rank.to_string(),
            format!("at most {MAX_RANK}"),
        ));
    }
    let mut shape = Vec::with_capacity(rank);
    for axis in 0..rank {
        let mut extent = [0; 4];
        let failed = |error| broken(&format!("the extent of axis {axis}"), error);
        stream.read_exact(&mut extent).map_err(failed)?;
        shape.push(u32::from_be_bytes(extent) as usize);
    }
    let size = shape.iter().try_fold(dtype.size() as u64, |product, &n| product.checked_mul(n as u64));
    let Some(size) = size.filter(|size| *size <= most) else {
        let expected = format!("a tensor of at most {most} bytes, as the file is no longer");
        return Err(DataError::malformed(FORMAT, "the extents", format!("{shape:?}"), expected));
    };
    // Memory grows with what is really there. One byte more shows whether the file goes on.
    let mut elements = Vec::new();
    stream
        .take(size.saturating_add(1))
        .read_to_end(&mut elements)
        .map_err(|error| broken("the elements", error))?;
    if elements.len() as u64 != size {
        let found = match elements.len() as u64 > size {
            true => format!("more than {size} bytes"),
            false => format!("{} bytes", elements.len()),
        };
        let expected = format!("{size} bytes for {dtype}{shape:?}");
        return Err(DataError::malformed(FORMAT, "the elements", found, expected));
    }
    if cfg!(target_endian = "little") && dtype.size() > 1 {
        elements.chunks_exact_mut(dtype.size()).for_each(<[u8]>::reverse);
    }
    HostTensor::from_bytes(dtype, shape, Bytes::new(elements)).map_err(DataError::other)
}

/// A stream that could not be read to where it should.
fn broken(place: &str, error: io::Error) -> DataError {
    let found = match error.kind() {
        io::ErrorKind::UnexpectedEof => "the end of the file".to_string(),
        _ => format!("broken compression ({error})"),
    };
    DataError::malformed(FORMAT, place, found, "more bytes")
        .with_hint("the file is incomplete; fetch it again")
}
