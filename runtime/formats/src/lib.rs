//! Model files: from a file to a graph and its weights, and back.
#![warn(missing_docs)]

mod error;
pub mod file;
pub mod hadal_file;
mod imported;
mod limits;
pub mod onnx;
pub mod safetensors;

pub use error::FormatError;
pub use imported::Imported;
pub use safetensors::SafeTensors;
