//! The header, parsed and checked against the length of the file.

use super::{Entry, FORMAT, Outline, dtype_name};
use crate::FormatError;
use crate::error::quoted;
use hadal_graph::DType;
use serde::Deserialize;
use serde::de::{Deserializer, Error, MapAccess, Visitor};
use std::collections::BTreeMap;
use std::fmt;

/// Longest header that is accepted, as in the format's own library.
const MAX_HEADER: u64 = 100_000_000;
/// Most axes of a tensor.
const MAX_RANK: usize = 32;

/// Bytes of a file before its data, from the first 8 of its `total` ones. Errors: `Truncated`, `Malformed`.
pub(super) fn length(start: &[u8], total: u64) -> Result<u64, FormatError> {
    let Some(prefix) = start.first_chunk::<8>() else {
        return Err(FormatError::truncated("the length of the header", 8, start.len() as u64));
    };
    let length = u64::from_le_bytes(*prefix);
    let rest = total.saturating_sub(8);
    if length > MAX_HEADER {
        let found = format!("{length} bytes");
        return Err(FormatError::malformed(
            FORMAT,
            "the length of the header",
            found,
            format!("at most {MAX_HEADER}"),
        )
        .with_hint("this may be a file of another format"));
    }
    if length > rest {
        return Err(FormatError::truncated("the header", length, rest));
    }
    Ok(8 + length)
}

/// Parses and checks the header at the `start` of a file of `total` bytes. Errors: `Truncated`, `Malformed`, `Unsupported`.
pub(super) fn parse(start: &[u8], total: u64, source: String) -> Result<Outline, FormatError> {
    let end = length(start, total)?;
    let data = total - end;
    // No header is longer than any memory.
    let Some(text) = start.get(8..end as usize) else {
        return Err(FormatError::truncated("the header", end - 8, start.len() as u64 - 8));
    };
    let text = std::str::from_utf8(text).map_err(|e| {
        let found = format!("a byte that is not UTF-8 at {}", e.valid_up_to());
        FormatError::malformed(FORMAT, "the header", found, "JSON")
    })?;
    if !text.starts_with('{') {
        let found = text.chars().next().map_or("nothing".into(), |c| quoted(&c.to_string()));
        return Err(FormatError::malformed(FORMAT, "the start of the header", found, "`{`"));
    }
    let header: Header = serde_json::from_str(text).map_err(|e| {
        FormatError::malformed(FORMAT, "the header", e.to_string(), "JSON that describes tensors")
    })?;
    let mut tensors = BTreeMap::new();
    for (name, raw) in header.tensors {
        let entry = check(&name, &raw, data)?;
        tensors.insert(name, entry);
    }
    check_cover(&tensors, data)?;
    Ok(Outline { source, start: end, tensors, metadata: header.metadata })
}

/// Checks one tensor's description. Errors: `Truncated`, `Malformed`, `Unsupported`.
fn check(name: &str, raw: &RawEntry, data: u64) -> Result<Entry, FormatError> {
    let place = || format!("tensor {}", quoted(name));
    let malformed =
        |found: String, expected: String| Err(FormatError::malformed(FORMAT, place(), found, expected));
    let Some(dtype) = DType::ALL.into_iter().find(|&d| dtype_name(d) == raw.dtype) else {
        let known: Vec<&str> = DType::ALL.into_iter().map(dtype_name).collect();
        return Err(FormatError::unsupported(place(), format!("the dtype {}", quoted(&raw.dtype)))
            .with_hint(format!("convert it to one of {}", known.join(", "))));
    };
    if raw.shape.len() > MAX_RANK {
        return malformed(format!("{} axes", raw.shape.len()), format!("at most {MAX_RANK}"));
    }
    let bytes = raw.shape.iter().try_fold(dtype.size() as u64, |product, &n| product.checked_mul(n));
    let [start, end] = raw.data_offsets;
    if start > end {
        return malformed(format!("offsets {start} to {end}"), "a start that is not after the end".into());
    }
    if end > data {
        return Err(FormatError::truncated(place(), end, data));
    }
    if bytes != Some(end - start) {
        let needed = bytes.map_or("more than 2^64".into(), |b| b.to_string());
        return malformed(
            format!("{} bytes", end - start),
            format!("{needed} for {} of shape {:?}", raw.dtype, raw.shape),
        );
    }
    let shape: Option<Vec<usize>> = raw.shape.iter().map(|&n| usize::try_from(n).ok()).collect();
    let Some(shape) = shape else {
        return malformed(
            format!("shape {:?}", raw.shape),
            "extents that fit this machine's addresses".into(),
        );
    };
    Ok(Entry { dtype, shape, range: start..end })
}

/// Checks that the tensors cover the data without gaps and overlaps. Errors: `Malformed`.
fn check_cover(tensors: &BTreeMap<String, Entry>, data: u64) -> Result<(), FormatError> {
    let mut order: Vec<(&String, &Entry)> = tensors.iter().collect();
    order.sort_by_key(|(_, e)| (e.range.start, e.range.end));
    let mut reached = 0;
    for (name, entry) in order {
        if entry.range.start != reached {
            let what = if entry.range.start < reached {
                "an overlap with another tensor"
            } else {
                "a gap before it"
            };
            return Err(FormatError::malformed(
                FORMAT,
                format!("tensor {}", quoted(name)),
                format!("{what} (it starts at {})", entry.range.start),
                format!("a start at {reached}, where the tensor before it ends"),
            ));
        }
        reached = entry.range.end;
    }
    if reached != data {
        let found = format!("{} bytes after the last tensor", data - reached);
        return Err(FormatError::malformed(FORMAT, "the data", found, "none"));
    }
    Ok(())
}

/// The header as JSON has it.
struct Header {
    metadata: BTreeMap<String, String>,
    tensors: BTreeMap<String, RawEntry>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawEntry {
    dtype: String,
    shape: Vec<u64>,
    data_offsets: [u64; 2],
}

impl<'de> Deserialize<'de> for Header {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(HeaderVisitor)
    }
}

struct HeaderVisitor;

impl<'de> Visitor<'de> for HeaderVisitor {
    type Value = Header;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object with one entry for each tensor")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Header, A::Error> {
        let mut metadata: Option<BTreeMap<String, String>> = None;
        let mut tensors = BTreeMap::new();
        while let Some(name) = map.next_key::<String>()? {
            let repeated = if name == "__metadata__" {
                metadata.replace(map.next_value::<Metadata>()?.0).is_some()
            } else {
                tensors.insert(name.clone(), map.next_value::<RawEntry>()?).is_some()
            };
            if repeated {
                return Err(A::Error::custom(format_args!("the name {} stands twice", quoted(&name))));
            }
        }
        Ok(Header { metadata: metadata.unwrap_or_default(), tensors })
    }
}

/// The free text, whose keys must differ.
struct Metadata(BTreeMap<String, String>);

impl<'de> Deserialize<'de> for Metadata {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Texts;
        impl<'de> Visitor<'de> for Texts {
            type Value = Metadata;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("metadata: an object whose values are text")
            }
            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Metadata, A::Error> {
                let mut texts = BTreeMap::new();
                while let Some((key, value)) = map.next_entry::<String, String>()? {
                    if texts.insert(key.clone(), value).is_some() {
                        let message =
                            format_args!("the metadata key {} stands twice", quoted(&key)).to_string();
                        return Err(A::Error::custom(message));
                    }
                }
                Ok(Metadata(texts))
            }
        }
        deserializer.deserialize_map(Texts)
    }
}
