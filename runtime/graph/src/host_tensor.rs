//! Tensors in host memory: what goes in, what comes out, constants and weights.

use crate::{DType, Scalar};
use std::fmt;
use std::hash::{Hash, Hasher};
use std::ops::{Deref, Range};
use std::sync::Arc;

/// A cheaply cloned, immutable slice of bytes with a shared owner: a vector or a memory map.
#[derive(Clone)]
pub struct Bytes {
    owner: Arc<dyn AsRef<[u8]> + Send + Sync>,
    range: Range<usize>,
}

impl Bytes {
    /// All of `owner`.
    pub fn new(owner: impl AsRef<[u8]> + Send + Sync + 'static) -> Bytes {
        let range = 0..owner.as_ref().len();
        Bytes { owner: Arc::new(owner), range }
    }

    /// A part of these bytes with the same owner; `None` if out of range.
    pub fn slice(&self, range: Range<usize>) -> Option<Bytes> {
        if range.start > range.end || range.end > self.len() {
            return None;
        }
        let start = self.range.start + range.start;
        Some(Bytes { owner: self.owner.clone(), range: start..start + range.len() })
    }
}

impl Deref for Bytes {
    type Target = [u8];
    fn deref(&self) -> &[u8] {
        &(*self.owner).as_ref()[self.range.clone()]
    }
}

impl PartialEq for Bytes {
    fn eq(&self, other: &Self) -> bool {
        **self == **other
    }
}
impl Eq for Bytes {}
impl Hash for Bytes {
    fn hash<H: Hasher>(&self, state: &mut H) {
        (**self).hash(state);
    }
}
impl fmt::Debug for Bytes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} bytes", self.len())
    }
}

/// A Rust type that is the element type of some dtype.
pub trait Element: bytemuck::Pod + fmt::Debug + PartialEq {
    /// The dtype.
    const DTYPE: DType;
}

macro_rules! elements {
    ($($t:ty => $d:ident),*) => {$(impl Element for $t { const DTYPE: DType = DType::$d; })*};
}
elements!(i8 => I8, i16 => I16, i32 => I32, i64 => I64, u8 => U8, u16 => U16, u32 => U32, u64 => U64,
          half::f16 => F16, half::bf16 => BF16, f32 => F32, f64 => F64);

/// A tensor in host memory: little-endian elements in row-major order. `Bool` is one byte, 0 or 1.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct HostTensor {
    dtype: DType,
    shape: Vec<usize>,
    bytes: Bytes,
}

/// Why bytes do not form a tensor.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum HostTensorError {
    /// The number of bytes is not what dtype and shape need.
    #[error("a {dtype} tensor of shape {shape:?} needs {expected} bytes, but {given} were given")]
    Length {
        /// Element type asked for.
        dtype: DType,
        /// Shape asked for.
        shape: Vec<usize>,
        /// Bytes that dtype and shape need.
        expected: String,
        /// Bytes given.
        given: usize,
    },
    /// The tensor has another dtype than the one asked for.
    #[error("the tensor holds {actual}, not {asked}: convert it with a cast first")]
    DType {
        /// The tensor's dtype.
        actual: DType,
        /// The dtype asked for.
        asked: DType,
    },
}

impl HostTensor {
    /// A tensor over existing bytes. Errors: `Length` when their number does not match.
    pub fn from_bytes(
        dtype: DType,
        shape: impl Into<Vec<usize>>,
        bytes: Bytes,
    ) -> Result<Self, HostTensorError> {
        let shape = shape.into();
        let expected = shape.iter().try_fold(dtype.size(), |product, &d| product.checked_mul(d));
        if expected != Some(bytes.len()) {
            let expected = expected.map_or("more than 2^64".into(), |e| e.to_string());
            return Err(HostTensorError::Length { dtype, shape, expected, given: bytes.len() });
        }
        Ok(HostTensor { dtype, shape, bytes })
    }

    /// A tensor from elements. Errors: `Length` when their number is not the product of `shape`.
    pub fn new<T: Element>(shape: impl Into<Vec<usize>>, data: &[T]) -> Result<Self, HostTensorError> {
        Self::from_bytes(T::DTYPE, shape, Bytes::new(bytemuck::cast_slice::<T, u8>(data).to_vec()))
    }

    /// A boolean tensor.
    pub fn from_bools(shape: impl Into<Vec<usize>>, data: &[bool]) -> Result<Self, HostTensorError> {
        Self::from_bytes(DType::Bool, shape, Bytes::new(data.iter().map(|&b| b as u8).collect::<Vec<u8>>()))
    }

    /// A tensor filled with one value.
    pub fn full(dtype: DType, shape: impl Into<Vec<usize>>, value: Scalar) -> Self {
        let shape = shape.into();
        let element = encode(dtype, value);
        let count: usize = shape.iter().product();
        let bytes = element.iter().copied().cycle().take(count * element.len()).collect::<Vec<u8>>();
        HostTensor { dtype, shape, bytes: Bytes::new(bytes) }
    }

    /// A rank-0 tensor.
    pub fn scalar(dtype: DType, value: Scalar) -> Self {
        Self::full(dtype, [], value)
    }

    /// A tensor from values in a wide form, rounded or wrapped to `dtype`.
    pub fn from_scalars(
        dtype: DType,
        shape: impl Into<Vec<usize>>,
        values: impl IntoIterator<Item = Scalar>,
    ) -> Result<Self, HostTensorError> {
        let mut bytes = Vec::new();
        for value in values {
            bytes.extend_from_slice(&encode(dtype, value));
        }
        Self::from_bytes(dtype, shape, Bytes::new(bytes))
    }

    /// Element type.
    pub fn dtype(&self) -> DType {
        self.dtype
    }

    /// Extents.
    pub fn shape(&self) -> &[usize] {
        &self.shape
    }

    /// Number of elements.
    pub fn elements(&self) -> usize {
        self.shape.iter().product()
    }

    /// The elements as little-endian bytes.
    pub fn bytes(&self) -> &Bytes {
        &self.bytes
    }

    /// A copy of the elements. Errors: `DType` when `T` is not the element type.
    pub fn to_vec<T: Element>(&self) -> Result<Vec<T>, HostTensorError> {
        if T::DTYPE != self.dtype {
            return Err(HostTensorError::DType { actual: self.dtype, asked: T::DTYPE });
        }
        Ok(bytemuck::pod_collect_to_vec(&self.bytes))
    }

    /// Every element, widened.
    pub fn scalars(&self) -> impl ExactSizeIterator<Item = Scalar> + '_ {
        let dtype = self.dtype;
        self.bytes.chunks_exact(dtype.size()).map(move |element| decode(dtype, element))
    }

    /// Every element as `f64`.
    pub fn to_f64(&self) -> Vec<f64> {
        self.scalars().map(Scalar::to_f64).collect()
    }
}

/// Little-endian bytes of one element.
fn encode(dtype: DType, value: Scalar) -> smallvec::SmallVec<[u8; 8]> {
    match dtype {
        DType::Bool => [(value.to_f64() != 0.0) as u8].as_slice().into(),
        DType::F16 => half::f16::from_f64(dtype.round(value.to_f64())).to_le_bytes().as_slice().into(),
        DType::BF16 => half::bf16::from_f64(dtype.round(value.to_f64())).to_le_bytes().as_slice().into(),
        DType::F32 => (value.to_f64() as f32).to_le_bytes().as_slice().into(),
        DType::F64 => value.to_f64().to_le_bytes().as_slice().into(),
        int => dtype.wrap(value.to_i128()).to_le_bytes()[..int.size()].into(),
    }
}

/// One element from its little-endian bytes, of which there are `dtype.size()`.
fn decode(dtype: DType, bytes: &[u8]) -> Scalar {
    let mut word = [0u8; 8];
    word[..bytes.len()].copy_from_slice(bytes);
    let word = u64::from_le_bytes(word);
    match dtype {
        DType::Bool => Scalar::Bool(word != 0),
        DType::F16 => Scalar::Float(half::f16::from_bits(word as u16).to_f64()),
        DType::BF16 => Scalar::Float(half::bf16::from_bits(word as u16).to_f64()),
        DType::F32 => Scalar::Float(f32::from_bits(word as u32) as f64),
        DType::F64 => Scalar::Float(f64::from_bits(word)),
        int => Scalar::Int(int.wrap(word as i128)),
    }
}

impl fmt::Debug for HostTensor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{:?} {{", self.dtype, self.shape)?;
        for (i, value) in self.scalars().enumerate() {
            if i == 8 {
                write!(f, ", … {} more", self.elements() - 8)?;
                break;
            }
            write!(f, "{}{value}", if i > 0 { ", " } else { "" })?;
        }
        f.write_str("}")
    }
}

/// Constants travel in files as their dtype, shape and bytes in hexadecimal.
#[derive(serde::Serialize, serde::Deserialize)]
struct Portable {
    dtype: DType,
    shape: Vec<usize>,
    data: String,
}

impl serde::Serialize for HostTensor {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let data = self.bytes.iter().map(|b| format!("{b:02x}")).collect();
        Portable { dtype: self.dtype, shape: self.shape.clone(), data }.serialize(serializer)
    }
}

impl<'de> serde::Deserialize<'de> for HostTensor {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        use serde::de::Error;
        let portable = Portable::deserialize(deserializer)?;
        let digit = |c: u8| {
            (c as char).to_digit(16).ok_or_else(|| D::Error::custom("a constant's data is not hexadecimal"))
        };
        let mut bytes = Vec::with_capacity(portable.data.len() / 2);
        for pair in portable.data.as_bytes().chunks(2) {
            let [high, low] = pair else {
                return Err(D::Error::custom("a constant's data ends within a byte"));
            };
            bytes.push((digit(*high)? * 16 + digit(*low)?) as u8);
        }
        HostTensor::from_bytes(portable.dtype, portable.shape, Bytes::new(bytes)).map_err(D::Error::custom)
    }
}
