//! Data sets that tests read: Debian packages of real data.

use crate::install;
use std::path::Path;

/// Packages, and a file by which each is known.
const PACKAGES: [(&str, &str); 3] = [
    ("dataset-fashion-mnist", "/usr/share/datasets/fashion-mnist/train-images-idx3-ubyte.gz"),
    ("bible-kjv", "/usr/bin/bible"),
    ("bible-kjv-text", "/usr/lib/bible.data"),
];

/// Makes sure that the data sets are there; returns whether they are.
pub(crate) fn ensure() -> bool {
    let missing: Vec<&str> =
        PACKAGES.iter().filter(|(_, file)| !Path::new(file).exists()).map(|(package, _)| *package).collect();
    missing.is_empty() || std::env::var_os("HADAL_DATA").is_some() || install::apt(&missing)
}
