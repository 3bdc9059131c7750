//! Where models are kept: `$HADAL_HOME`, else `hadal` in the user's cache folder.

use crate::failure::with_hint;
use std::path::PathBuf;

/// The folder with one folder for each model. It need not exist.
///
/// Errors: when the machine names no home folder.
pub(crate) fn folder() -> anyhow::Result<PathBuf> {
    if let Some(folder) = named("HADAL_HOME") {
        return Ok(folder);
    }
    let cache = if cfg!(windows) { "LOCALAPPDATA" } else { "XDG_CACHE_HOME" };
    if let Some(folder) = named(cache) {
        return Ok(folder.join("hadal"));
    }
    match std::env::home_dir().filter(|home| !home.as_os_str().is_empty()) {
        Some(home) => Ok(home.join(".cache").join("hadal")),
        None => Err(with_hint("there is no home folder to keep models in", "set HADAL_HOME to a folder")),
    }
}

fn named(variable: &str) -> Option<PathBuf> {
    std::env::var_os(variable).filter(|value| !value.is_empty()).map(PathBuf::from)
}
