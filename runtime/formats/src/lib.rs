//! Model files: from a file to a graph and its weights, and back.
//!
//! | kind | read | write | what it holds |
//! |---|---|---|---|
//! | safetensors ([`safetensors`]) | yes | yes | named tensors |
//! | Hadal file ([`hadal_file`]) | yes | yes | a safetensors file whose metadata carries the graph |
//! | ONNX ([`onnx`]) | yes | no | a graph and its weights, as protobuf |
//! | npy ([`npy`]) | yes | yes | one tensor: inputs and outputs of the command line |
//!
//! [`load`] tells the first three apart by content.
//!
//! # How weights travel
//!
//! A file is mapped into memory ([`file::map`]; read where there are no maps), and every tensor is a
//! [`HostTensor`](hadal_graph::HostTensor) over a part of that map. Nothing is copied or converted: a model whose weights are int8 with scales
//! has int8 parameters, and the ops that expand them are nodes of its graph.
//!
//! # What is believed
//!
//! Nothing. All files are untrusted input, and three rules follow:
//!
//! - A declared size is compared with the length of the file before anything of that size is allocated.
//! - Types are never read from a file: graphs are rebuilt by applying every op, so shape inference checks each one. Formulas for sizes, ranks
//!   and the depth of regions are bounded, as arithmetic on them could otherwise take memory that the file does not have.
//! - What is not understood is refused, not skipped: a newer version of an op, an attribute that no importer looked at, a tensor that
//!   belongs to nothing.
//!
//! Every refusal is a [`FormatError`] that names the file and the place, says what was found and what was expected, and what to do.
//! Writers make a temporary file in the same folder and rename it, so that nothing half-written ever has the final name.
#![deny(unsafe_op_in_unsafe_fn)]

mod error;
pub mod file;
pub mod hadal_file;
mod imported;
mod limits;
mod load;
pub mod npy;
pub mod onnx;
pub mod safetensors;

pub use error::FormatError;
pub use imported::Imported;
pub use load::{Loaded, load, load_bytes, load_named, may_be_onnx};
pub use safetensors::SafeTensors;
