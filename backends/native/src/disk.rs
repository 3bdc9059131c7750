//! Compiled kernels on disk.
//!
//! A file holds the whole of what its code was made from (source, flags, architecture, compiler, driver), so that two kernels whose hashes are equal are never taken for
//! each other, and the length of each part, so that a file that was cut off is not read. Files are written under another name and renamed, since processes share the folder.
//! A cache that cannot be written is no error: kernels are compiled again.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::path::{Path, PathBuf};

const MAGIC: &[u8; 8] = b"hadalk01";

/// The folder of compiled kernels.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Disk {
    folder: PathBuf,
}

impl Disk {
    /// The cache in `folder`, which need not exist.
    pub(crate) fn new(folder: PathBuf) -> Disk {
        Disk { folder }
    }

    /// The code made from `key`, if it is there.
    pub(crate) fn get(&self, key: &str) -> Option<Vec<u8>> {
        let file = std::fs::read(self.path(key)).ok()?;
        let rest = file.strip_prefix(MAGIC)?;
        let (lengths, rest) = rest.split_at_checked(24)?;
        let number = |i: usize| {
            lengths[8 * i..8 * i + 8].iter().rev().fold(0u64, |sum, &byte| sum << 8 | u64::from(byte))
        };
        let (known, code) = rest.split_at_checked(usize::try_from(number(0)).ok()?)?;
        let whole = code.len() as u64 == number(1) && checksum(code) == number(2);
        (known == key.as_bytes() && whole).then(|| code.to_vec())
    }

    /// Keeps the code made from `key`.
    pub(crate) fn put(&self, key: &str, code: &[u8]) {
        let path = self.path(key);
        let mut file = MAGIC.to_vec();
        for number in [key.len() as u64, code.len() as u64, checksum(code)] {
            file.extend(number.to_le_bytes());
        }
        file.extend(key.as_bytes());
        file.extend(code);
        let new = path.with_extension(format!("new-{}-{:p}", std::process::id(), &raw const file));
        let written = std::fs::create_dir_all(&self.folder)
            .and_then(|()| std::fs::write(&new, &file))
            .and_then(|()| std::fs::rename(&new, &path));
        if written.is_err() {
            let _ = std::fs::remove_file(&new);
        }
    }

    fn path(&self, key: &str) -> PathBuf {
        let mut hasher = DefaultHasher::new();
        key.hash(&mut hasher);
        self.folder.join(format!("{:016x}.kernel", hasher.finish()))
    }
}

fn checksum(bytes: &[u8]) -> u64 {
    let mut hasher = DefaultHasher::new();
    bytes.hash(&mut hasher);
    hasher.finish()
}

/// Where kernels are kept unless told otherwise: `HADAL_KERNEL_CACHE`, or the user's cache folder; nowhere if that is `off` or there is none.
pub(crate) fn from_environment() -> Option<PathBuf> {
    let variable = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    match variable("HADAL_KERNEL_CACHE") {
        Some(folder) if folder == Path::new("off") => None,
        Some(folder) => Some(folder),
        None => {
            let caches = variable("XDG_CACHE_HOME")
                .or_else(|| variable("LOCALAPPDATA"))
                .or_else(|| variable("HOME").map(|home| home.join(".cache")));
            caches.map(|caches| caches.join("hadal").join("kernels"))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_kept_is_found_and_damage_is_not() {
        let folder = std::env::temp_dir().join(format!("hadal-kernels-{}", std::process::id()));
        let disk = Disk::new(folder.clone());
        assert_eq!(disk.get("a"), None);
        disk.put("a", b"code of a");
        disk.put("b", b"");
        assert_eq!(disk.get("a").as_deref(), Some(&b"code of a"[..]));
        assert_eq!(disk.get("b").as_deref(), Some(&b""[..]));
        let path = disk.path("a");
        let file = std::fs::read(&path).unwrap();
        for length in 0..file.len() {
            std::fs::write(&path, &file[..length]).unwrap();
            assert_eq!(disk.get("a"), None, "{length}");
        }
        for at in 0..file.len() {
            let mut damaged = file.clone();
            damaged[at] ^= 1;
            std::fs::write(&path, &damaged).unwrap();
            assert_eq!(disk.get("a"), None, "{at}");
        }
        // Another kernel whose hash were the same.
        std::fs::copy(disk.path("b"), &path).unwrap();
        assert_eq!(disk.get("a"), None);
        assert_eq!(std::fs::read_dir(&folder).unwrap().count(), 2);
        std::fs::remove_dir_all(folder).unwrap();
    }
}
