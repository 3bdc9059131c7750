//! Model files: from a file to a graph and its weights, and back.
#![warn(missing_docs)]

mod error;
pub mod file;
pub mod safetensors;

pub use error::FormatError;
pub use safetensors::SafeTensors;
