//! SHA-256 of files.

use ring::digest::{Context, SHA256};
use std::fs::File;
use std::io::Read;
use std::path::Path;

/// A checksum that grows with the bytes it is given.
#[derive(Clone)]
pub(super) struct Checksum(Context);

impl Default for Checksum {
    fn default() -> Checksum {
        Checksum(Context::new(&SHA256))
    }
}

impl Checksum {
    pub(super) fn update(&mut self, bytes: &[u8]) {
        self.0.update(bytes);
    }

    /// In lower-case hexadecimal.
    pub(super) fn finish(self) -> String {
        self.0.finish().as_ref().iter().map(|byte| format!("{byte:02x}")).collect()
    }
}

/// The checksum of a file's contents so far, and their length; `None` if it cannot be read.
pub(super) fn start_from(path: &Path) -> Option<(Checksum, u64)> {
    let mut file = File::open(path).ok()?;
    let mut checksum = Checksum::default();
    let mut buffer = vec![0; 1 << 18];
    let mut length = 0;
    loop {
        match file.read(&mut buffer).ok()? {
            0 => return Some((checksum, length)),
            count => {
                checksum.update(&buffer[..count]);
                length += count as u64;
            }
        }
    }
}

/// The checksum of a whole file; `None` if it cannot be read.
pub(super) fn of_file(path: &Path) -> Option<String> {
    start_from(path).map(|(checksum, _)| checksum.finish())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_standard_example() {
        let mut checksum = Checksum::default();
        checksum.update(b"a");
        checksum.update(b"bc");
        assert_eq!(checksum.finish(), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    }
}
