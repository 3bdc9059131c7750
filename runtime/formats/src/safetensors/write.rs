//! Writing safetensors files.

use super::dtype_name;
use crate::FormatError;
use crate::file::{write_atomically, write_failed};
use hadal_graph::HostTensor;
use std::collections::BTreeMap;
use std::io::Write;
use std::path::Path;

/// Writes tensors and metadata to a file, which appears under its name only when it is complete.
///
/// The order in the file is that of element sizes, largest first, then of names, so that every tensor is aligned to its elements.
/// Errors: `Io`; `Malformed` when a tensor is called `__metadata__`.
pub fn write(
    path: impl AsRef<Path>,
    tensors: &BTreeMap<String, HostTensor>,
    metadata: &BTreeMap<String, String>,
) -> Result<(), FormatError> {
    write_atomically(path.as_ref(), |out| write_to(out, tensors, metadata))
}

/// The same bytes in memory. Errors: `Malformed` when a tensor is called `__metadata__`.
pub fn to_bytes(
    tensors: &BTreeMap<String, HostTensor>,
    metadata: &BTreeMap<String, String>,
) -> Result<Vec<u8>, FormatError> {
    let mut bytes = Vec::new();
    write_to(&mut bytes, tensors, metadata)?;
    Ok(bytes)
}

#[derive(serde::Serialize)]
struct Entry<'a> {
    dtype: &'static str,
    shape: &'a [usize],
    data_offsets: [usize; 2],
}

fn write_to(
    out: &mut dyn Write,
    tensors: &BTreeMap<String, HostTensor>,
    metadata: &BTreeMap<String, String>,
) -> Result<(), FormatError> {
    if tensors.contains_key("__metadata__") {
        let place = "the names of tensors";
        return Err(FormatError::malformed(super::FORMAT, place, "`__metadata__`", "any other name"));
    }
    let mut order: Vec<(&String, &HostTensor)> = tensors.iter().collect();
    order.sort_by_key(|(_, tensor)| std::cmp::Reverse(tensor.dtype().size()));
    let mut header = serde_json::Map::new();
    if !metadata.is_empty() {
        header.insert(
            "__metadata__".into(),
            metadata
                .iter()
                .map(|(k, v)| (k.clone(), v.clone().into()))
                .collect::<serde_json::Map<_, _>>()
                .into(),
        );
    }
    let mut offset = 0;
    for (name, tensor) in &order {
        let end = offset + tensor.bytes().len();
        let entry =
            Entry { dtype: dtype_name(tensor.dtype()), shape: tensor.shape(), data_offsets: [offset, end] };
        header.insert((*name).clone(), serde_json::to_value(entry).map_err(|e| write_failed(e.into()))?);
        offset = end;
    }
    let mut text = serde_json::to_vec(&header).map_err(|e| write_failed(e.into()))?;
    while text.len() % 8 != 0 {
        text.push(b' ');
    }
    out.write_all(&(text.len() as u64).to_le_bytes()).map_err(write_failed)?;
    out.write_all(&text).map_err(write_failed)?;
    for (_, tensor) in order {
        out.write_all(tensor.bytes()).map_err(write_failed)?;
    }
    Ok(())
}
