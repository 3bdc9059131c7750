//! Reading files, and finding data sets that packages or people have put on this machine.

use crate::DataError;
use std::path::{Path, PathBuf};

/// All bytes of a file. Errors: `Io`.
pub(crate) fn read(path: &Path) -> Result<Vec<u8>, DataError> {
    if path.is_dir() {
        let error = std::io::Error::other("it is a folder");
        return Err(DataError::io(path, "open", error).with_hint("name a file inside it"));
    }
    std::fs::read(path).map_err(|error| DataError::io(path, "open", error))
}

/// The folder of the data set `name` that has the file `file`: in `$HADAL_DATA/name`, in `$HADAL_DATA` itself, or where packages put it.
///
/// Errors: `Missing`, with `hint`.
pub(crate) fn locate(name: &str, file: &str, packages: &[&str], hint: &str) -> Result<PathBuf, DataError> {
    let own = std::env::var_os("HADAL_DATA").filter(|value| !value.is_empty()).map(PathBuf::from);
    let own = own.iter().flat_map(|folder| [folder.join(name), folder.clone()]);
    let places: Vec<PathBuf> = own.chain(packages.iter().map(PathBuf::from)).collect();
    match places.iter().find(|folder| folder.join(file).is_file()) {
        Some(folder) => Ok(folder.clone()),
        None => Err(DataError::Missing {
            name: name.into(),
            searched: places.iter().map(|folder| folder.join(file).display().to_string()).collect(),
            hint: hint.into(),
        }),
    }
}
