//! One file over HTTP: resumed where an earlier try stopped, checked, and moved into place when it is whole.
//!
//! What has arrived is kept beside the file as `.NAME.SUM.part`. The start of the checksum is part of the name, so a part of one version is
//! never continued with another; without a checksum nothing is resumed.

use super::checksum::{Checksum, start_from};
use super::hub::Wanted;
use crate::terminal::Progress;
use std::fs::{self, File};
use std::io::{Read, Write};
use std::path::{Path, PathBuf};

/// How often a broken connection is taken up again.
const TRIES: usize = 4;

/// Why a file did not arrive.
#[derive(Debug, thiserror::Error)]
pub(super) enum DownloadError {
    /// Nobody answered, or the connection broke and stayed broken.
    #[error(
        "{url} cannot be reached: {reason}\n  hint: check the network; what has arrived is kept, and the next try goes on from there"
    )]
    Transport {
        /// What was asked for.
        url: String,
        /// What the connection said.
        reason: String,
    },
    /// The server has no such file or refuses it.
    #[error(
        "{url} is not to be had: the server answered {status}\n  hint: check the name; files that need a login cannot be fetched"
    )]
    Status {
        /// What was asked for.
        url: String,
        /// HTTP status.
        status: u16,
    },
    /// The bytes are not the expected ones.
    #[error(
        "{url} is not the file that was expected: {what} is {actual}, not {expected}\n  hint: try again; if it stays so, the file has changed or was tampered with"
    )]
    Mismatch {
        /// What was asked for.
        url: String,
        /// `its SHA-256` or `its length`.
        what: &'static str,
        /// Expected value.
        expected: String,
        /// What arrived.
        actual: String,
    },
    /// The local disk.
    #[error("`{}` cannot be written: {error}", path.display())]
    Disk {
        /// The file.
        path: PathBuf,
        /// What the system said.
        error: std::io::Error,
    },
}

/// How one request ended.
enum Attempt {
    Whole,
    /// The connection broke; what arrived was kept.
    Broken(String),
}

/// Fetches `url` to `path`; returns length and SHA-256. A file that is there and has the wanted checksum is kept.
pub(super) fn download(
    agent: &ureq::Agent,
    url: &str,
    wanted: &Wanted,
    path: &Path,
) -> Result<(u64, String), DownloadError> {
    if let Some((checksum, length)) = wanted.sha256.as_ref().and_then(|_| start_from(path)) {
        let actual = checksum.finish();
        if Some(&actual) == wanted.sha256.as_ref() {
            return Ok((length, actual));
        }
    }
    let part = part_of(path, wanted);
    let mut reason = String::new();
    for _ in 0..TRIES {
        match attempt(agent, url, wanted, path, &part)? {
            Attempt::Whole => return finish(url, wanted, path, &part),
            Attempt::Broken(why) => reason = why,
        }
        if wanted.sha256.is_none() {
            break;
        }
    }
    Err(DownloadError::Transport { url: url.into(), reason })
}

fn part_of(path: &Path, wanted: &Wanted) -> PathBuf {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let version: String = wanted.sha256.iter().flat_map(|sum| sum.chars().take(8)).collect();
    path.with_file_name(format!(".{name}.{version}.part"))
}

fn attempt(
    agent: &ureq::Agent,
    url: &str,
    wanted: &Wanted,
    path: &Path,
    part: &Path,
) -> Result<Attempt, DownloadError> {
    let disk = |error| DownloadError::Disk { path: part.into(), error };
    let mut have = match wanted.sha256 {
        Some(_) => fs::metadata(part).map_or(0, |metadata| metadata.len()),
        None => 0,
    };
    if wanted.bytes.is_some_and(|bytes| have == bytes && bytes > 0) {
        return Ok(Attempt::Whole);
    }
    let mut request = agent.get(url).header("Accept-Encoding", "identity");
    if have > 0 {
        request = request.header("Range", format!("bytes={have}-"));
    }
    let mut response = match request.call() {
        Ok(response) => response,
        Err(error) => return Ok(Attempt::Broken(error.to_string())),
    };
    match response.status().as_u16() {
        206 if have > 0 && starts_at(&response, have) => {}
        // The server does not resume: from the start.
        200 => have = 0,
        // What is there does not fit the file: drop it and start again.
        206 | 416 => {
            fs::remove_file(part).map_err(disk)?;
            return Ok(Attempt::Broken("the server could not resume".into()));
        }
        status @ (408 | 429 | 500..=599) => {
            return Ok(Attempt::Broken(format!("the server answered {status}")));
        }
        status => return Err(DownloadError::Status { url: url.into(), status }),
    }
    let mut file = File::options()
        .create(true)
        .write(true)
        .append(have > 0)
        .truncate(have == 0)
        .open(part)
        .map_err(disk)?;
    let total = wanted.bytes.or_else(|| response.body().content_length().map(|rest| rest + have));
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let mut progress = Progress::bytes(&name, total, have);
    let mut body = response.body_mut().with_config().limit(u64::MAX).reader();
    let mut buffer = vec![0; 1 << 16];
    loop {
        let count = match body.read(&mut buffer) {
            Ok(0) => break,
            Ok(count) => count,
            Err(error) => return Ok(Attempt::Broken(error.to_string())),
        };
        have += count as u64;
        if let Some(bytes) = wanted.bytes.filter(|&bytes| have > bytes) {
            drop(file);
            fs::remove_file(part).map_err(disk)?;
            return Err(mismatch(url, "its length", &bytes, &"greater"));
        }
        file.write_all(&buffer[..count]).map_err(disk)?;
        progress.advance(count as u64);
    }
    file.sync_all().map_err(disk)?;
    match total.filter(|&total| have < total) {
        Some(total) => Ok(Attempt::Broken(format!("the connection ended after {have} of {total} bytes"))),
        None => Ok(Attempt::Whole),
    }
}

fn starts_at(response: &ureq::http::Response<ureq::Body>, first: u64) -> bool {
    let range = response.headers().get("Content-Range").and_then(|range| range.to_str().ok());
    range.is_some_and(|range| range.trim_start_matches("bytes").trim().starts_with(&format!("{first}-")))
}

fn finish(url: &str, wanted: &Wanted, path: &Path, part: &Path) -> Result<(u64, String), DownloadError> {
    let disk = |path: &Path| {
        let path = path.to_path_buf();
        move |error| DownloadError::Disk { path, error }
    };
    let (checksum, length): (Checksum, u64) = start_from(part)
        .ok_or_else(|| std::io::Error::other("what was written cannot be read back"))
        .map_err(disk(part))?;
    let actual = checksum.finish();
    if let Some(expected) = wanted.sha256.as_ref().filter(|&expected| *expected != actual) {
        fs::remove_file(part).map_err(disk(part))?;
        return Err(mismatch(url, "its SHA-256", expected, &actual));
    }
    fs::rename(part, path).map_err(disk(path))?;
    Ok((length, actual))
}

fn mismatch(
    url: &str,
    what: &'static str,
    expected: &dyn std::fmt::Display,
    actual: &dyn std::fmt::Display,
) -> DownloadError {
    DownloadError::Mismatch {
        url: url.into(),
        what,
        expected: expected.to_string(),
        actual: actual.to_string(),
    }
}
