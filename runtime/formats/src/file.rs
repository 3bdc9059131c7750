//! Bytes of files: memory-mapped where there are files, and written so that nothing half-written ever has the final name.

use crate::FormatError;
use hadal_graph::Bytes;
use std::io::{self, Write};
use std::path::Path;

/// The bytes of a file. On native targets they are mapped, so that only what is read takes memory.
///
/// The file must not change while the bytes are in use; Hadal's own writers replace files instead of changing them.
/// Errors: `Io`.
pub fn map(path: &Path) -> Result<Bytes, FormatError> {
    let fail = |error: io::Error| {
        let hint = match error.kind() {
            io::ErrorKind::NotFound => "check the path",
            io::ErrorKind::PermissionDenied => "check who may read it",
            _ => "",
        };
        FormatError::Io { file: path.display().to_string(), action: "open", hint: hint.into(), error }
    };
    if path.is_dir() {
        return Err(fail(io::Error::other("it is a folder")).with_hint("name the model file inside it"));
    }
    read(path).map_err(fail)
}

#[cfg(not(target_family = "wasm"))]
fn read(path: &Path) -> io::Result<Bytes> {
    let file = std::fs::File::open(path)?;
    if file.metadata()?.len() == 0 {
        return Ok(Bytes::new(Vec::new()));
    }
    // SAFETY: the map is private and read-only. Its contents are treated as untrusted bytes whose length was taken when it was made;
    // that nobody shortens the file meanwhile is the documented duty of the caller.
    let map = unsafe { memmap2::Mmap::map(&file)? };
    Ok(Bytes::new(map))
}

#[cfg(target_family = "wasm")]
fn read(path: &Path) -> io::Result<Bytes> {
    std::fs::read(path).map(Bytes::new)
}

/// Writes a file through a temporary one in the same folder, which is renamed when `content` has succeeded and removed when it has not.
///
/// Errors: `Io`, and whatever `content` returns.
pub fn write_atomically(
    path: &Path,
    content: impl FnOnce(&mut dyn Write) -> Result<(), FormatError>,
) -> Result<(), FormatError> {
    let fail = |error: io::Error| FormatError::Io {
        file: path.display().to_string(),
        action: "write",
        hint: if error.kind() == io::ErrorKind::NotFound {
            "create the folder first".into()
        } else {
            String::new()
        },
        error,
    };
    let Some(name) = path.file_name() else {
        return Err(fail(io::Error::other("the path names no file")));
    };
    let mut temporary = std::ffi::OsString::from(".");
    temporary.push(name);
    temporary.push(format!(".{}.part", unique()));
    let mut pending = Pending { path: path.with_file_name(temporary), done: false };
    let file = std::fs::OpenOptions::new().write(true).create_new(true).open(&pending.path).map_err(fail)?;
    let mut writer = io::BufWriter::new(file);
    content(&mut writer).map_err(|e| e.in_file(&path.display().to_string()))?;
    let file = writer.into_inner().map_err(|e| fail(e.into_error()))?;
    file.sync_all().map_err(fail)?;
    drop(file);
    std::fs::rename(&pending.path, path).map_err(fail)?;
    pending.done = true;
    Ok(())
}

/// A temporary file that goes unless it became the final one.
struct Pending {
    path: std::path::PathBuf,
    done: bool,
}

impl Drop for Pending {
    fn drop(&mut self) {
        if !self.done {
            // Nothing better can be done with a second failure than to leave the part file, which no reader takes for a model.
            let _ = std::fs::remove_file(&self.path);
        }
    }
}

/// Distinguishes writers of the same file in this process and others.
fn unique() -> String {
    use std::sync::atomic::{AtomicU64, Ordering};
    static COUNT: AtomicU64 = AtomicU64::new(0);
    let count = COUNT.fetch_add(1, Ordering::Relaxed);
    #[cfg(not(target_family = "wasm"))]
    let process = std::process::id();
    #[cfg(target_family = "wasm")]
    let process = 0;
    format!("{process}-{count}")
}

/// What is wrong when a writer fails.
pub(crate) fn write_failed(error: io::Error) -> FormatError {
    FormatError::Io { file: String::new(), action: "write", hint: String::new(), error }
}
