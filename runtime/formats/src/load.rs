//! Opens a file of any kind that Hadal reads, told apart by content and never by name.

use crate::error::quoted;
use crate::{FormatError, Imported, SafeTensors, file, hadal_file, onnx};
use hadal_graph::Bytes;
use std::path::Path;

/// What a file holds.
#[derive(Clone, Debug)]
pub enum Loaded {
    /// A model from a Hadal file.
    Hadal(Imported),
    /// A model from an ONNX file.
    Onnx(Imported),
    /// Weights without a graph, from a safetensors file.
    Weights(SafeTensors),
}

/// Reads a file. Errors: `Unrecognised` for a file of another kind, and those of the kind.
pub fn load(path: impl AsRef<Path>) -> Result<Loaded, FormatError> {
    let path = path.as_ref();
    named(file::map(path)?, path.display().to_string(), path.parent())
}

/// Reads a file that is in memory. Errors: as [`load`].
pub fn load_bytes(bytes: Bytes) -> Result<Loaded, FormatError> {
    load_named(bytes, "the data in memory")
}

/// Reads a file that is in memory and that messages call `name`. Errors: as [`load`].
pub fn load_named(bytes: Bytes, name: &str) -> Result<Loaded, FormatError> {
    named(bytes, name.into(), None)
}

fn named(bytes: Bytes, name: String, folder: Option<&Path>) -> Result<Loaded, FormatError> {
    match kind(&bytes) {
        Ok(Kind::SafeTensors) => {
            let file = SafeTensors::named(bytes, name)?;
            if hadal_file::is_hadal_file(file.outline()) {
                return hadal_file::from_safetensors(&file).map(Loaded::Hadal);
            }
            Ok(Loaded::Weights(file))
        }
        Ok(Kind::Onnx) => onnx::import(bytes, folder).map(Loaded::Onnx).map_err(|e| e.in_file(&name)),
        Err((found, hint)) => Err(FormatError::Unrecognised { file: name, found, hint: hint.into() }),
    }
}

/// Whether a file that begins so may be an ONNX model. Nine bytes are enough.
pub fn may_be_onnx(start: &[u8]) -> bool {
    matches!(kind(start), Ok(Kind::Onnx))
}

enum Kind {
    SafeTensors,
    Onnx,
}

const READS: &str = "Hadal reads its own files, safetensors and ONNX";

/// What the first bytes say. Errors: what they are, and a hint.
fn kind(bytes: &[u8]) -> Result<Kind, (String, &'static str)> {
    const OTHERS: &[(&[u8], &str, &str)] = &[
        (b"GGUF", "`GGUF`, a llama.cpp model", READS),
        (
            b"PK\x03\x04",
            "`PK`, a zip archive such as a PyTorch checkpoint",
            "save the weights as safetensors",
        ),
        (b"\x80\x02", "a Python pickle", "save the weights as safetensors; pickles can run code"),
        (b"\x80\x04", "a Python pickle", "save the weights as safetensors; pickles can run code"),
        (b"\x89HDF", "`HDF`, a Keras model", "export it to ONNX"),
        (b"\x93NUMPY", "`NUMPY`, a single tensor", "name a model; tensors are given as inputs"),
        (b"version https://git-lfs", "a Git LFS pointer", "fetch the file itself: git lfs pull"),
        (b"<!DOCTYPE", "a web page", "the download gave an error page; fetch the file again"),
        (b"<html", "a web page", "the download gave an error page; fetch the file again"),
    ];
    if bytes.is_empty() {
        return Err(("nothing: it is empty".into(), "fetch it again"));
    }
    for (magic, what, hint) in OTHERS {
        if bytes.starts_with(magic) {
            return Err((what.to_string(), hint));
        }
    }
    // The seven low bytes of a header's length are followed by its eighth, which is 0, and by its first character.
    if bytes.get(7) == Some(&0) && bytes.get(8).is_none_or(|&c| c == b'{') {
        return Ok(Kind::SafeTensors);
    }
    // The key of any field of a model that exporters write first: 1 (a number), or 2, 3, 4, 7 and 8 (of some length).
    if matches!(bytes[0], 0x08 | 0x12 | 0x1a | 0x22 | 0x3a | 0x42) {
        return Ok(Kind::Onnx);
    }
    Err((quoted(&bytes[..bytes.len().min(8)].escape_ascii().to_string()), READS))
}
