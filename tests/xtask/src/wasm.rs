//! The compile target of browsers.

use crate::process::{output, succeeds};

/// The target's name.
pub(crate) const TARGET: &str = "wasm32-unknown-unknown";

/// Compiles all that tests need in a browser, and what else must compile for one. Always the same packages together: with others, Cargo would choose
/// other features and compile again.
pub(crate) const BUILD: &[&str] = &["build", "-p", "hadal-browser", "-p", "hadal-data", "--target", TARGET];

/// Makes sure that `rustc` has the target's standard library; returns whether it has.
pub(crate) fn ensure() -> bool {
    if present() {
        return true;
    }
    eprintln!("rustc lacks the target {TARGET}");
    if !(succeeds("rustup", &["target", "add", TARGET]) && present()) {
        eprintln!("  hint: rustup target add {TARGET}");
        return false;
    }
    true
}

fn present() -> bool {
    let folder = output("rustc", &["--print", "target-libdir", "--target", TARGET]);
    folder.is_some_and(|folder| std::path::Path::new(folder.trim()).is_dir())
}
