//! Records on disk.

mod event_file;
mod log_file;

pub use event_file::EventFile;
pub use log_file::LogFile;
pub(crate) use log_file::{Line, read};
