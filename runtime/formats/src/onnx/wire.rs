//! Counts the messages of a file before it is decoded: an empty message takes two bytes in the file and hundreds in memory.

use super::FORMAT;
use crate::FormatError;

/// Most messages and strings in a file.
const MAX_ITEMS: usize = 1_000_000;
/// How deep messages may nest: model, graph, node, attribute, tensor, entry.
const MAX_DEPTH: usize = 8;

/// Which length-delimited fields of a message hold what.
struct Schema {
    messages: &'static [(u64, &'static Schema)],
    /// Strings and bytes in lists.
    lists: &'static [u64],
}

const LEAF: Schema = Schema { messages: &[], lists: &[] };
const TENSOR: Schema = Schema { messages: &[(13, &LEAF)], lists: &[] };
const ATTRIBUTE: Schema = Schema { messages: &[(5, &TENSOR)], lists: &[9] };
const NODE: Schema = Schema { messages: &[(5, &ATTRIBUTE)], lists: &[1, 2] };
const SHAPE: Schema = Schema { messages: &[(1, &LEAF)], lists: &[] };
const TENSOR_TYPE: Schema = Schema { messages: &[(2, &SHAPE)], lists: &[] };
const TYPE: Schema = Schema { messages: &[(1, &TENSOR_TYPE)], lists: &[] };
const VALUE: Schema = Schema { messages: &[(2, &TYPE)], lists: &[] };
const GRAPH: Schema =
    Schema { messages: &[(1, &NODE), (5, &TENSOR), (11, &VALUE), (12, &VALUE)], lists: &[15] };
const MODEL: Schema = Schema { messages: &[(7, &GRAPH), (8, &LEAF), (25, &LEAF)], lists: &[] };

/// Checks the framing of a model and the number of its parts. Errors: `Malformed`, `Truncated`.
pub(super) fn check(bytes: &[u8]) -> Result<(), FormatError> {
    let mut left = MAX_ITEMS;
    walk(bytes, &MODEL, &mut left, MAX_DEPTH)
}

fn walk(mut bytes: &[u8], schema: &Schema, left: &mut usize, depth: usize) -> Result<(), FormatError> {
    let broken = |found: &str| {
        FormatError::malformed(FORMAT, "the protobuf message", found, "a field")
            .with_hint("the file is damaged, incomplete or no ONNX model")
    };
    while !bytes.is_empty() {
        let key = varint(&mut bytes).ok_or_else(|| broken("a number that does not end"))?;
        let skip = match key & 7 {
            0 => {
                varint(&mut bytes).ok_or_else(|| broken("a number that does not end"))?;
                0
            }
            1 => 8,
            5 => 4,
            2 => varint(&mut bytes).ok_or_else(|| broken("a length that does not end"))?,
            other => return Err(broken(&format!("a field of the unknown wire type {other}"))),
        };
        if skip > bytes.len() as u64 {
            return Err(FormatError::truncated(format!("field {}", key >> 3), skip, bytes.len() as u64));
        }
        let (field, rest) = bytes.split_at(skip as usize);
        bytes = rest;
        if key & 7 != 2 {
            continue;
        }
        let nested = schema.messages.iter().find(|(number, _)| *number == key >> 3);
        if nested.is_some() || schema.lists.contains(&(key >> 3)) {
            *left = left.checked_sub(1).ok_or_else(|| {
                let found = format!("more than {MAX_ITEMS} nodes, values and attributes");
                FormatError::malformed(FORMAT, "the protobuf message", found, "a model of reasonable size")
            })?;
        }
        if let Some((_, schema)) = nested
            && depth > 0
        {
            walk(field, schema, left, depth - 1)?;
        }
    }
    Ok(())
}

/// The number at the beginning of `bytes`, which then begin after it; none where it does not end.
pub(super) fn varint(bytes: &mut &[u8]) -> Option<u64> {
    let mut value = 0u64;
    for i in 0..10 {
        let (&byte, rest) = bytes.split_first()?;
        *bytes = rest;
        value |= u64::from(byte & 127).checked_shl(7 * i)?;
        if byte < 128 {
            return Some(value);
        }
    }
    None
}
