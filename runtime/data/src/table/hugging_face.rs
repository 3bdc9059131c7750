//! Data sets in the layouts of Hugging Face.
//!
//! ```text
//! as on the hub                                    as `save_to_disk` writes
//!   data/train-00000-of-00002.parquet                train/state.json
//!   data/train-00001-of-00002.parquet                train/data-00000-of-00001.arrow
//!   data/test-00000-of-00001.parquet                 test/…
//!   or CONFIG/train-….parquet, train.parquet,        or, of one split alone, state.json and
//!   train/0000.parquet                               data-00000-of-00001.arrow
//! ```

use super::{Table, parquet};
use crate::error::quoted;
use crate::{DataError, file};
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

/// Reads some columns of a split, `train` or `test`, or all if none is named. `folder` is the data set's, or that of one of its
/// configurations where there are several.
///
/// Errors: `Io`, `Malformed`; and as [`parquet::read`].
pub fn load(folder: impl AsRef<Path>, split: &str, columns: &[&str]) -> Result<Table, DataError> {
    parquet::read_all(&files(folder.as_ref(), split)?, columns)
}

/// The files of a split, in order. Errors: `Io`; `Malformed` when there are none, or when they are those of several configurations.
pub fn files(folder: &Path, split: &str) -> Result<Vec<PathBuf>, DataError> {
    for saved in [folder.join(split), folder.to_path_buf()] {
        let state = saved.join("state.json");
        if state.is_file() {
            return saved_files(&saved, &state, split);
        }
    }
    let mut found = Vec::new();
    search(folder, split, 0, &mut found)?;
    found.sort();
    let malformed = |found: String, expected: String| {
        DataError::malformed("Hugging Face", "the folder", found, expected).in_file(folder)
    };
    let parents: BTreeSet<&Path> = found.iter().filter_map(|path| path.parent()).collect();
    if parents.len() > 1 {
        let names: Vec<String> = parents.iter().map(|path| quoted(&path.display().to_string())).collect();
        let found = format!("files of {split} in {}", names.join(" and "));
        return Err(malformed(found, "one configuration".into()).with_hint("name the folder of one of them"));
    }
    if found.is_empty() {
        let expected = format!("state.json, or Parquet files whose names begin with `{split}`");
        return Err(malformed(format!("no files of the split {}", quoted(split)), expected));
    }
    Ok(found)
}

/// The files that `save_to_disk` lists.
fn saved_files(folder: &Path, state: &Path, split: &str) -> Result<Vec<PathBuf>, DataError> {
    let malformed = |found: &str, expected: &str| {
        DataError::malformed("Hugging Face", "the state", found, expected).in_file(state)
    };
    let value: serde_json::Value = serde_json::from_str(&file::read_text(state)?)
        .map_err(|error| malformed(&error.to_string(), "an object in JSON"))?;
    if let Some(own) = value.get("_split").and_then(|own| own.as_str())
        && own != split
    {
        return Err(malformed(&format!("the split {}", quoted(own)), &quoted(split)));
    }
    let names = value.get("_data_files").and_then(|files| files.as_array());
    let names = names.ok_or_else(|| malformed("no `_data_files`", "a list of files"))?;
    let path = |entry: &serde_json::Value| {
        let name = entry.get("filename").and_then(|name| name.as_str());
        // A file names its neighbours and nothing else.
        let name = name.filter(|name| Path::new(name).file_name().is_some_and(|own| own == *name));
        name.map(|name| folder.join(name)).ok_or_else(|| {
            malformed(
                "an entry of `_data_files` without the name of a file",
                "{\"filename\": \"data-….arrow\"}",
            )
        })
    };
    names.iter().map(path).collect()
}

/// Collects the Parquet files of a split, at most two folders deep.
fn search(folder: &Path, split: &str, depth: usize, found: &mut Vec<PathBuf>) -> Result<(), DataError> {
    let failed = |error| DataError::io(folder, "list", error);
    let within = folder.file_name().is_some_and(|name| name == split) && depth > 0;
    for entry in std::fs::read_dir(folder).map_err(failed)? {
        let path = entry.map_err(failed)?.path();
        if path.is_dir() {
            if depth < 2 {
                search(&path, split, depth + 1, found)?;
            }
            continue;
        }
        let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        let rest = name.strip_prefix(split).filter(|rest| rest.starts_with(['-', '.', '_']));
        if name.ends_with(".parquet") && (within || rest.is_some()) {
            found.push(path);
        }
    }
    Ok(())
}
