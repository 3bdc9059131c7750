//! Where the repository and its build output lie.

use std::path::{Path, PathBuf};

/// The repository's root, two folders above this crate.
pub(crate) fn root() -> PathBuf {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    here.ancestors().nth(2).unwrap_or(here).to_path_buf()
}

/// Cargo's output folder.
pub(crate) fn target() -> PathBuf {
    match std::env::var_os("CARGO_TARGET_DIR") {
        Some(folder) => root().join(folder),
        None => root().join("target"),
    }
}

/// Where models are kept: `HADAL_HOME`, or `target/models`, which git ignores.
pub(crate) fn models() -> PathBuf {
    match std::env::var_os("HADAL_HOME") {
        Some(folder) if !folder.is_empty() => root().join(folder),
        _ => root().join("target").join("models"),
    }
}
