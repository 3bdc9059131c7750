//! ONNX: protobuf files to graphs.
//!
//! | file | does |
//! |---|---|
//! | `proto.rs` | the messages, decoded by `prost` |
//! | `wire.rs` | counts messages before they are decoded, so that a small file cannot make large structures |
//! | `tensor.rs` | tensors, also those in other files |
//! | `sieve.rs` | a file that arrives piece by piece, without its large weights |
//! | `known.rs` | values that are known at import: shape arithmetic on symbols |
//! | `importer.rs` | walks the graph, names values, makes nodes |
//! | `call.rs` | one node as an operator sees it: its operands and attributes |
//! | `ops/` | the operators |
//!
//! Only what the outputs need is imported. Named dimensions become symbols of that name, unnamed ones get symbols named after the input
//! and axis. Initializers become parameters over the file's own bytes, except those that are small integers or have one element: these become
//! constants. Quantised weights stay what they are in the file; their `Cast`, `Mul` or `DequantizeLinear` becomes ops of the graph.
//!
//! An attribute that an operator does not look at is refused, not ignored: it could change the meaning.

mod call;
mod importer;
mod known;
mod ops;
pub mod proto;
mod refusal;
mod sieve;
mod tensor;
mod wire;

pub use ops::supported;
pub use sieve::{Apart, Sieve, Sifted};

use crate::{FormatError, Imported};
use hadal_graph::Bytes;
use prost::Message;
use std::path::Path;

pub(crate) const FORMAT: &str = "ONNX";
/// The newest version of ONNX's own operators whose changes are known.
pub(crate) const NEWEST_OPSET: i64 = 27;

/// Reads a model. Weights share the file's bytes; external data is looked for in the file's folder.
///
/// Errors: `Io`, `Truncated`, `Malformed`, `Unsupported` for an operator that Hadal does not know, `Graph` when operands do not fit.
pub fn read(path: impl AsRef<Path>) -> Result<Imported, FormatError> {
    let path = path.as_ref();
    let bytes = crate::file::map(path)?;
    import(bytes, path.parent()).map_err(|e| e.in_file(&path.display().to_string()))
}

/// Reads a model that is in memory and has no external data. Errors: as [`read`].
pub fn from_bytes(bytes: Bytes) -> Result<Imported, FormatError> {
    import(bytes, None).map_err(|e| e.in_file("the data in memory"))
}

pub(crate) fn import(bytes: Bytes, folder: Option<&Path>) -> Result<Imported, FormatError> {
    wire::check(&bytes)?;
    let shared = prost::bytes::Bytes::from_owner(Owner(bytes));
    let model = proto::ModelProto::decode(shared).map_err(|e| {
        FormatError::malformed(FORMAT, "the protobuf message", e.to_string(), "an ONNX model")
            .with_hint("the file is damaged or incomplete; fetch it again")
    })?;
    importer::import(model, folder)
}

/// Lets decoded messages share the file's bytes.
struct Owner(Bytes);

impl AsRef<[u8]> for Owner {
    fn as_ref(&self) -> &[u8] {
        &self.0
    }
}
