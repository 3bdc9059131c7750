//! NumPy's `.npy`: one tensor in a file.
//!
//! ```text
//! \x93NUMPY, major, minor    versions 1.0 to 3.0
//! length of the header       u16 in version 1, u32 later; little-endian
//! header                     {'descr': '<f4', 'fortran_order': False, 'shape': (2, 3), }
//! elements                   row-major, or column-major where `fortran_order` is True
//! ```
//!
//! Read are booleans, integers and floats of any byte order; column-major files come out row-major. `bf16`, which NumPy lacks, is not written:
//! cast it to `f32` first.

use crate::FormatError;
use crate::error::quoted;
use crate::file::{self, write_failed};
use crate::limits::MAX_RANK;
use hadal_graph::{Bytes, DType, HostTensor};
use std::path::Path;

const FORMAT: &str = "npy";
const MAGIC: &[u8; 6] = b"\x93NUMPY";

/// Reads a file. Errors: `Io`, `Truncated`, `Malformed`, `Unsupported` for elements that are no numbers.
pub fn read(path: impl AsRef<Path>) -> Result<HostTensor, FormatError> {
    let path = path.as_ref();
    parse(&file::map(path)?).map_err(|e| e.in_file(&path.display().to_string()))
}

/// Reads a file that is in memory. Errors: as [`read`].
pub fn from_bytes(bytes: &Bytes) -> Result<HostTensor, FormatError> {
    parse(bytes).map_err(|e| e.in_file("the data in memory"))
}

/// Writes a file, atomically. Errors: `Io`; `Unsupported` for `bf16`.
pub fn write(path: impl AsRef<Path>, tensor: &HostTensor) -> Result<(), FormatError> {
    let path = path.as_ref();
    let header = header(tensor).map_err(|e| e.in_file(&path.display().to_string()))?;
    file::write_atomically(path, |out| {
        out.write_all(&header).map_err(write_failed)?;
        out.write_all(tensor.bytes()).map_err(write_failed)
    })
}

/// The bytes that [`write`] writes. Errors: `Unsupported` for `bf16`.
pub fn to_bytes(tensor: &HostTensor) -> Result<Vec<u8>, FormatError> {
    let mut bytes = header(tensor)?;
    bytes.extend_from_slice(tensor.bytes());
    Ok(bytes)
}

/// NumPy's code for a dtype, without the byte order.
fn code(dtype: DType) -> Option<&'static str> {
    Some(match dtype {
        DType::Bool => "b1",
        DType::I8 => "i1",
        DType::I16 => "i2",
        DType::I32 => "i4",
        DType::I64 => "i8",
        DType::U8 => "u1",
        DType::U16 => "u2",
        DType::U32 => "u4",
        DType::U64 => "u8",
        DType::F16 => "f2",
        DType::F32 => "f4",
        DType::F64 => "f8",
        DType::BF16 => return None,
    })
}

fn header(tensor: &HostTensor) -> Result<Vec<u8>, FormatError> {
    let Some(code) = code(tensor.dtype()) else {
        return Err(FormatError::unsupported("the dtype", format!("{} in npy files", tensor.dtype()))
            .with_hint("cast the tensor to f32 first"));
    };
    let order = if tensor.dtype().size() == 1 { '|' } else { '<' };
    let shape: String = match tensor.shape() {
        [only] => format!("({only},)"),
        shape => format!("({})", shape.iter().map(usize::to_string).collect::<Vec<_>>().join(", ")),
    };
    let mut text = format!("{{'descr': '{order}{code}', 'fortran_order': False, 'shape': {shape}, }}");
    // Elements start at a multiple of 64; the header ends with a line feed.
    while !(10 + text.len() + 1).is_multiple_of(64) {
        text.push(' ');
    }
    text.push('\n');
    let mut bytes = MAGIC.to_vec();
    bytes.extend_from_slice(&[1, 0]);
    // A rank that a tensor has in memory gives far less than 64 KiB of text.
    bytes.extend_from_slice(&(text.len() as u16).to_le_bytes());
    bytes.extend_from_slice(text.as_bytes());
    Ok(bytes)
}

fn parse(bytes: &Bytes) -> Result<HostTensor, FormatError> {
    let malformed =
        |place: &str, found: String, expected: &str| FormatError::malformed(FORMAT, place, found, expected);
    let left = |needed: usize, what: &str| {
        if bytes.len() >= needed {
            return Ok(());
        }
        Err(FormatError::truncated(what, needed as u64, bytes.len() as u64))
    };
    left(8, "the magic number and version")?;
    if !bytes.starts_with(MAGIC) {
        let found = bytes[..6].escape_ascii().to_string();
        return Err(malformed("the first bytes", quoted(&found), "`\\x93NUMPY`"));
    }
    let (start, length) = match (bytes[6], bytes[7]) {
        (1, 0) => {
            left(10, "the length of the header")?;
            (10, usize::from(u16::from_le_bytes([bytes[8], bytes[9]])))
        }
        (2 | 3, 0) => {
            left(12, "the length of the header")?;
            (12, u32::from_le_bytes([bytes[8], bytes[9], bytes[10], bytes[11]]) as usize)
        }
        (major, minor) => {
            return Err(FormatError::unsupported("the version", format!("version {major}.{minor}"))
                .with_hint("write the file with version 1.0, 2.0 or 3.0"));
        }
    };
    let data = length.saturating_add(start);
    left(data, "the header")?;
    let text = std::str::from_utf8(&bytes[start..data])
        .map_err(|_| malformed("the header", "bytes that are not text".into(), "a dictionary"))?;
    let header = Header::parse(text)
        .map_err(|found| malformed("the header", found, "{'descr': …, 'fortran_order': …, 'shape': …}"))?;
    let (dtype, big_endian) = element(&header.descr)?;
    if header.shape.len() > MAX_RANK {
        let found = format!("{} axes", header.shape.len());
        return Err(malformed("`shape`", found, &format!("at most {MAX_RANK}")));
    }
    let needed = header.shape.iter().try_fold(dtype.size(), |product, &n| product.checked_mul(n));
    let found = bytes.len() - data;
    if needed != Some(found) {
        return Err(match needed {
            Some(needed) if needed > found => {
                FormatError::truncated("the elements", needed as u64, found as u64)
            }
            Some(needed) => malformed("the elements", format!("{found} bytes"), &format!("{needed}")),
            None => malformed("`shape`", format!("{:?}", header.shape), "a shape of fewer than 2^64 bytes"),
        });
    }
    let mut elements = bytes
        .slice(data..bytes.len())
        .ok_or_else(|| FormatError::truncated("the elements", found as u64, 0))?;
    if dtype == DType::Bool
        && let Some(byte) = elements.iter().find(|&&b| b > 1)
    {
        return Err(malformed("the elements", format!("a boolean of {byte}"), "0 or 1"));
    }
    if big_endian && dtype.size() > 1 {
        let swapped: Vec<u8> =
            elements.chunks_exact(dtype.size()).flat_map(|e| e.iter().rev().copied()).collect();
        elements = Bytes::new(swapped);
    }
    if header.fortran_order && header.shape.iter().filter(|&&n| n > 1).count() > 1 {
        elements = Bytes::new(row_major(&elements, &header.shape, dtype.size()));
    }
    HostTensor::from_bytes(dtype, header.shape, elements)
        .map_err(|e| malformed("the elements", e.to_string(), "as many as the shape needs"))
}

/// The dtype of a `descr` and whether its bytes are in big-endian order. Errors: `Unsupported`.
fn element(descr: &str) -> Result<(DType, bool), FormatError> {
    let known = descr.split_at_checked(1).and_then(|(order, rest)| {
        let dtype = DType::ALL.into_iter().find(|&d| code(d) == Some(rest))?;
        match (order, dtype.size()) {
            ("<" | "=", _) | ("|", 1) => Some((dtype, false)),
            (">", _) => Some((dtype, true)),
            _ => None,
        }
    });
    known.ok_or_else(|| {
        FormatError::unsupported("`descr`", format!("the element type {}", quoted(descr)))
            .with_hint("save booleans, integers or floats: array.astype('float32')")
    })
}

/// Column-major elements in row-major order.
fn row_major(bytes: &[u8], shape: &[usize], size: usize) -> Vec<u8> {
    let mut strides = vec![size; shape.len()];
    for axis in 1..shape.len() {
        strides[axis] = strides[axis - 1] * shape[axis - 1];
    }
    let mut result = Vec::with_capacity(bytes.len());
    let mut coordinate = vec![0; shape.len()];
    while result.len() < bytes.len() {
        let offset: usize = coordinate.iter().zip(&strides).map(|(c, s)| c * s).sum();
        result.extend_from_slice(&bytes[offset..offset + size]);
        for axis in (0..shape.len()).rev() {
            coordinate[axis] += 1;
            if coordinate[axis] < shape[axis] {
                break;
            }
            coordinate[axis] = 0;
        }
    }
    result
}

/// The dictionary of a header.
struct Header {
    descr: String,
    fortran_order: bool,
    shape: Vec<usize>,
}

impl Header {
    /// Reads the Python literal that NumPy writes. Errors: what was found instead.
    fn parse(text: &str) -> Result<Header, String> {
        let (mut descr, mut fortran_order, mut shape) = (None, None, None);
        let mut rest = Literal(text);
        rest.expect("{")?;
        while !rest.accept("}") {
            let key = rest.string()?;
            rest.expect(":")?;
            let repeated = match key {
                "descr" => descr.replace(rest.string()?.to_string()).is_some(),
                "fortran_order" => fortran_order.replace(rest.boolean()?).is_some(),
                "shape" => shape.replace(rest.tuple()?).is_some(),
                other => return Err(format!("the key {}", quoted(other))),
            };
            if repeated {
                return Err(format!("a second {}", quoted(key)));
            }
            if !rest.accept(",") {
                rest.expect("}")?;
                break;
            }
        }
        if !rest.0.trim().is_empty() {
            return Err(format!("{} after the dictionary", quoted(rest.0.trim())));
        }
        match (descr, fortran_order, shape) {
            (Some(descr), Some(fortran_order), Some(shape)) => Ok(Header { descr, fortran_order, shape }),
            (None, _, _) => Err("no `descr`".into()),
            (_, None, _) => Err("no `fortran_order`".into()),
            _ => Err("no `shape`".into()),
        }
    }
}

/// What is left of a Python literal.
struct Literal<'a>(&'a str);

impl<'a> Literal<'a> {
    fn accept(&mut self, token: &str) -> bool {
        match self.0.trim_start().strip_prefix(token) {
            Some(rest) => {
                self.0 = rest;
                true
            }
            None => false,
        }
    }

    fn expect(&mut self, token: &str) -> Result<(), String> {
        if self.accept(token) { Ok(()) } else { Err(self.found()) }
    }

    fn found(&self) -> String {
        match self.0.trim_start() {
            "" => "an end in the middle".into(),
            rest => quoted(rest),
        }
    }

    fn string(&mut self) -> Result<&'a str, String> {
        let rest = self.0.trim_start();
        let quote = rest.chars().next().filter(|&c| c == '\'' || c == '"').ok_or_else(|| self.found())?;
        let (text, rest) = rest[1..].split_once(quote).ok_or("a string that does not end")?;
        self.0 = rest;
        Ok(text)
    }

    fn boolean(&mut self) -> Result<bool, String> {
        if self.accept("True") {
            return Ok(true);
        }
        self.expect("False").map(|()| false)
    }

    fn tuple(&mut self) -> Result<Vec<usize>, String> {
        self.expect("(")?;
        let mut items = Vec::new();
        while !self.accept(")") {
            let rest = self.0.trim_start();
            let end = rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(rest.len());
            items.push(rest[..end].parse().map_err(|_| self.found())?);
            self.0 = &rest[end..];
            if !self.accept(",") {
                self.expect(")")?;
                break;
            }
        }
        Ok(items)
    }
}
