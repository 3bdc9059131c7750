//! Files that appear under their name only when they are whole.
//!
//! What is being written has another name in the same folder; it is moved into place at the end. Until then it is on a list, which is cleared
//! when the value is dropped and when the user presses Ctrl-C.

use anyhow::{Context, Result};
use std::collections::BTreeSet;
use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

static UNFINISHED: Mutex<BTreeSet<PathBuf>> = Mutex::new(BTreeSet::new());

fn unfinished() -> MutexGuard<'static, BTreeSet<PathBuf>> {
    UNFINISHED.lock().unwrap_or_else(PoisonError::into_inner)
}

/// From now on Ctrl-C removes what is unfinished and ends the process with code 130.
pub(crate) fn clear_on_interrupt() -> Result<()> {
    ctrlc::set_handler(|| end_interrupted()).context("Ctrl-C cannot be handled")
}

/// Removes what is unfinished, gives the terminal back and ends the process with code 130.
pub(crate) fn end_interrupted() -> ! {
    // The list stays locked until the end, so nothing new can start.
    let unfinished = unfinished();
    for path in unfinished.iter() {
        remove(path);
    }
    #[cfg(feature = "dashboard")]
    crate::dashboard::leave();
    eprintln!();
    std::process::exit(130);
}

/// A file or folder that is removed unless it is finished.
#[derive(Debug)]
pub(crate) struct Scratch {
    path: PathBuf,
}

impl Scratch {
    /// A name beside `path` that no other process uses. Nothing is created.
    pub(crate) fn beside(path: &Path) -> Scratch {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        let path = path.with_file_name(format!(".{name}.{}.unfinished", std::process::id()));
        unfinished().insert(path.clone());
        Scratch { path }
    }

    /// A new folder inside `folder`.
    pub(crate) fn folder(folder: &Path) -> Result<Scratch> {
        let scratch = Scratch::beside(&folder.join("folder"));
        fs::create_dir_all(&scratch.path).with_context(|| cannot_write(&scratch.path))?;
        Ok(scratch)
    }

    /// Where it is.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Moves it to `path`, replacing what is there.
    pub(crate) fn finish(self, path: &Path) -> Result<()> {
        let mut unfinished = unfinished();
        fs::rename(&self.path, path).with_context(|| cannot_write(path))?;
        unfinished.remove(&self.path);
        Ok(())
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        if unfinished().remove(&self.path) {
            remove(&self.path);
        }
    }
}

/// Writes a whole file, or leaves what was there.
pub(crate) fn write(path: &Path, fill: impl FnOnce(&mut dyn Write) -> Result<()>) -> Result<()> {
    let scratch = Scratch::beside(path);
    let file = fs::File::create(scratch.path()).with_context(|| cannot_write(path))?;
    let mut buffered = std::io::BufWriter::new(file);
    fill(&mut buffered).with_context(|| cannot_write(path))?;
    buffered.flush().with_context(|| cannot_write(path))?;
    drop(buffered);
    scratch.finish(path)
}

/// `\`DIR/x.npy\` cannot be written`.
pub(crate) fn cannot_write(path: &Path) -> String {
    format!("`{}` cannot be written", path.display())
}

fn remove(path: &Path) {
    // It may not have been created yet; nothing can be done about other failures.
    let _ = if path.is_dir() { fs::remove_dir_all(path) } else { fs::remove_file(path) };
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failed_write_leaves_the_old_file_and_nothing_else() {
        let folder = Scratch::folder(&std::env::temp_dir()).unwrap();
        let path = folder.path().join("a.npy");
        write(&path, |file| Ok(file.write_all(b"old")?)).unwrap();
        let failed = write(&path, |file| {
            file.write_all(b"half")?;
            anyhow::bail!("the device went away")
        });
        assert!(format!("{:#}", failed.unwrap_err()).contains("went away"));
        assert_eq!(fs::read(&path).unwrap(), b"old");
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    }
}
