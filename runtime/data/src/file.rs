//! Reading files, and finding data sets that packages or people have put on this machine.

use crate::DataError;
use flate2::read::MultiGzDecoder;
use std::io::Read;
use std::path::{Path, PathBuf};

/// Most bytes that a compressed file may unpack to.
const MAX_UNPACKED: u64 = 4 << 30;

/// All bytes of a file. Errors: `Io`.
pub(crate) fn read(path: &Path) -> Result<Vec<u8>, DataError> {
    if path.is_dir() {
        let error = std::io::Error::other("it is a folder");
        return Err(DataError::io(path, "open", error).with_hint("name a file inside it"));
    }
    std::fs::read(path).map_err(|error| DataError::io(path, "open", error))
}

/// All of a text file, unpacked if gzip has compressed it. Errors: `Io`; `Malformed` where it is not UTF-8 or the compression is broken.
pub(crate) fn read_text(path: &Path) -> Result<String, DataError> {
    unpacked(read(path)?).and_then(text).map_err(|error| error.in_file(path))
}

/// Bytes, unpacked if they begin as gzip's do. Errors: `Malformed`, without a file.
fn unpacked(bytes: Vec<u8>) -> Result<Vec<u8>, DataError> {
    if !bytes.starts_with(&[0x1f, 0x8b]) {
        return Ok(bytes);
    }
    let mut content = Vec::new();
    let mut stream = MultiGzDecoder::new(&bytes[..]).take(MAX_UNPACKED + 1);
    stream.read_to_end(&mut content).map_err(|error| {
        DataError::malformed("gzip", "the compressed data", error.to_string(), "a whole stream")
            .with_hint("the file is incomplete; fetch it again")
    })?;
    if content.len() as u64 > MAX_UNPACKED {
        let (found, expected) = (format!("more than {MAX_UNPACKED} bytes"), "less".to_string());
        return Err(DataError::malformed("gzip", "the unpacked data", found, expected)
            .with_hint("cut it into several files"));
    }
    Ok(content)
}

/// Bytes as text. Errors: `Malformed`, without a file, where they are not UTF-8.
pub(crate) fn text(bytes: Vec<u8>) -> Result<String, DataError> {
    String::from_utf8(bytes).map_err(|error| {
        let valid = error.utf8_error().valid_up_to();
        let line = 1 + error.as_bytes()[..valid].iter().filter(|&&b| b == b'\n').count();
        let found = format!("the byte {:#04x}", error.as_bytes()[valid]);
        DataError::malformed("text", format!("line {line}, byte {valid}"), found, "UTF-8")
            .with_hint("convert it, as with `iconv -t utf-8`")
    })
}

/// The folder of the data set `name` that has the file `file`: in `$HADAL_DATA/name`, in `$HADAL_DATA` itself, or where packages put it.
///
/// Errors: `Missing`, with `hint`.
pub(crate) fn locate(name: &str, file: &str, packages: &[&str], hint: &str) -> Result<PathBuf, DataError> {
    let own = std::env::var_os("HADAL_DATA").filter(|value| !value.is_empty()).map(PathBuf::from);
    locate_in(own.as_deref(), name, file, packages, hint)
}

/// The same where `HADAL_DATA` is `own`.
fn locate_in(
    own: Option<&Path>,
    name: &str,
    file: &str,
    packages: &[&str],
    hint: &str,
) -> Result<PathBuf, DataError> {
    let own = own.iter().flat_map(|folder| [folder.join(name), folder.to_path_buf()]);
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

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;

    #[test]
    fn a_persons_own_folder_comes_first() {
        let root = std::env::temp_dir().join(format!("hadal-data-locate-{}", std::process::id()));
        let (own, package) = (root.join("own"), root.join("package"));
        std::fs::create_dir_all(own.join("set")).unwrap();
        std::fs::create_dir_all(&package).unwrap();
        let find = |own: Option<&Path>| locate_in(own, "set", "file", &[package.to_str().unwrap()], "get it");
        let error = find(Some(&own)).unwrap_err().to_string();
        assert!(error.starts_with("set is not here") && error.ends_with("hint: get it"), "{error}");
        assert_eq!(error.matches("file").count(), 3, "{error}");
        std::fs::write(package.join("file"), "").unwrap();
        assert_eq!(find(Some(&own)).unwrap(), package);
        std::fs::write(own.join("file"), "").unwrap();
        assert_eq!(find(Some(&own)).unwrap(), own);
        std::fs::write(own.join("set/file"), "").unwrap();
        assert_eq!(find(Some(&own)).unwrap(), own.join("set"));
        assert_eq!(find(None).unwrap(), package);
        std::fs::remove_dir_all(&root).unwrap();
    }

    #[test]
    fn what_gzip_packed_is_unpacked() {
        let mut packer = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        packer.write_all(b"some text").unwrap();
        let packed = packer.finish().unwrap();
        assert_eq!(unpacked(packed.clone()).unwrap(), b"some text");
        assert_eq!(unpacked(b"plain".to_vec()).unwrap(), b"plain");
        let error = unpacked(packed[..packed.len() - 4].to_vec()).unwrap_err().to_string();
        assert!(error.contains("fetch it again"), "{error}");
    }
}
