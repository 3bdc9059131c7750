//! Runs the `hadal` binary in a folder of its own.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};

/// What a command left behind.
pub(crate) struct Ran {
    pub(crate) code: i32,
    pub(crate) out: String,
    pub(crate) err: String,
}

impl Ran {
    /// Asserts that the command failed with `code`, one line that holds `message`, and at most one hint.
    #[track_caller]
    pub(crate) fn fails(&self, code: i32, message: &str) {
        assert_eq!(self.code, code, "{}", self.err);
        assert!(self.err.contains(message), "{}", self.err);
        assert!(!self.err.contains("panicked") && !self.err.contains("RUST_BACKTRACE"), "{}", self.err);
        if code == 1 {
            assert!(self.err.starts_with("error: "), "{}", self.err);
            assert!(self.err.lines().skip(1).all(|line| line.starts_with("  hint: ")), "{}", self.err);
            assert!(self.err.lines().count() <= 2, "{}", self.err);
        }
    }

    /// Asserts success.
    #[track_caller]
    pub(crate) fn succeeds(&self) -> &str {
        assert_eq!(self.code, 0, "{}", self.err);
        &self.out
    }
}

/// An empty folder that is removed at the end.
pub(crate) struct Folder(PathBuf);

impl Folder {
    pub(crate) fn new() -> Folder {
        static NEXT: AtomicUsize = AtomicUsize::new(0);
        let unique = format!("hadal-cli-{}-{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
        let path = std::env::temp_dir().join(unique);
        std::fs::create_dir_all(&path).unwrap();
        Folder(path)
    }

    pub(crate) fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// What Mesa's layer for choosing a device would print where there is no desktop is kept out of standard error by `NODEVICE_SELECT`.
///
/// A `hadal` command with its working folder and its models in `folder`, no network and no pip but what `environment` gives.
pub(crate) fn hadal(folder: &Folder, arguments: &[&str], environment: &[(&str, &str)]) -> Ran {
    let output = Command::new(env!("CARGO_BIN_EXE_hadal"))
        .args(arguments)
        .current_dir(folder.path())
        .env("HADAL_HOME", folder.path().join("home"))
        .env("HF_ENDPOINT", "http://127.0.0.1:9")
        .env("PATH", folder.path())
        .env("NODEVICE_SELECT", "1")
        .envs(environment.iter().copied())
        .stdin(Stdio::null())
        .output()
        .unwrap();
    Ran {
        code: output.status.code().unwrap(),
        out: String::from_utf8(output.stdout).unwrap(),
        err: String::from_utf8(output.stderr).unwrap(),
    }
}
