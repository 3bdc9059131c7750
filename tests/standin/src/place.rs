//! Where the C library is, for tests of hosts.
//!
//! A test in the same process opens [`library`] by its path before its host looks for `libcuda.so`: the loader then knows it by that name. A child process is given
//! [`folder`] in `LD_LIBRARY_PATH`.

use std::io;
use std::path::PathBuf;

/// Names under which hosts look for it. Not `libcuda.so.1`: NVRTC opens that one.
const NAMES: [&str; 5] = ["libcuda.so", "libamdhip64.so", "libhiprtc.so", "libcublas.so", "libhipblas.so"];

/// The C library, which cargo builds beside every test that depends on this crate.
///
/// Errors: when it is not there, with the places that were looked at.
pub fn library() -> io::Result<PathBuf> {
    let program = std::env::current_exe()?;
    let folders = program.ancestors().skip(1).take(2);
    let places: Vec<PathBuf> =
        folders.flat_map(|f| [f.join("libhadal_standin.so"), f.join("deps/libhadal_standin.so")]).collect();
    places.iter().find(|place| place.is_file()).cloned().ok_or_else(|| {
        io::Error::new(io::ErrorKind::NotFound, format!("no libhadal_standin.so at any of {places:?}"))
    })
}

/// A folder that holds the library as `libcuda.so`, `libamdhip64.so`, `libhiprtc.so`, `libcublas.so` and `libhipblas.so`.
///
/// Errors: as [`library`], and those of the file system.
pub fn folder() -> io::Result<PathBuf> {
    let library = library()?;
    let folder = library.with_file_name("standin-libraries");
    std::fs::create_dir_all(&folder)?;
    for name in NAMES {
        // Tests run beside each other: a link is made under a name of its own, and takes its place at once.
        let new = folder.join(format!("{name}.{}", std::process::id()));
        let _ = std::fs::remove_file(&new);
        std::fs::hard_link(&library, &new)?;
        std::fs::rename(&new, folder.join(name))?;
        // Two links to the same file are not renamed over each other.
        let _ = std::fs::remove_file(&new);
    }
    Ok(folder)
}
