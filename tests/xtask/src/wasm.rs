//! The compile target of browsers, and the compilers that have it.

use crate::process::{cargo, output, succeeds};
use crate::{install, workspace};
use anyhow::{Context, Result, bail};
use std::path::{Path, PathBuf};
use std::process::Command;

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

/// What compiles for browsers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Compiler {
    /// The toolchain that runs this program, with the target's standard library.
    Own,
    /// Debian's, which compiles the standard library from its sources, with rustc's own linker.
    Debian { linker: PathBuf },
}

/// Debian's packages: a compiler, and the sources of the standard library.
const DEBIAN: [&str; 3] = ["rustc-web", "cargo-web", "rust-web-src"];

/// The compiler that there is, installed if need be: this toolchain's target, or Debian's packages where that cannot be had.
/// `HADAL_WASM_COMPILER=debian` chooses the latter.
///
/// Errors: neither.
pub(crate) fn compiler() -> Result<Compiler> {
    let debian = std::env::var("HADAL_WASM_COMPILER").is_ok_and(|choice| choice == "debian");
    if !debian && ensure() {
        return Ok(Compiler::Own);
    }
    let there = || {
        ["/usr/bin/cargo", "/usr/bin/rustc"].iter().all(|program| Path::new(program).is_file())
            && succeeds("dpkg", &["-s", DEBIAN[2]])
    };
    let found = there() || (install::apt(&DEBIAN) && there());
    if !found {
        bail!(
            "nothing here compiles for {TARGET}: rustup has no target, and Debian's {} are not there",
            DEBIAN.join(", ")
        );
    }
    let root = output("rustc", &["--print", "sysroot"]).context("rustc does not say where it is")?;
    let host = output("rustc", &["--print", "host-tuple"]).context("rustc does not say for what it is")?;
    let linker = Path::new(root.trim()).join("lib/rustlib").join(host.trim()).join("bin/rust-lld");
    if !linker.is_file() {
        bail!("there is no {}\n  hint: install rustc by rustup", linker.display());
    }
    Ok(Compiler::Debian { linker })
}

impl Compiler {
    /// `cargo build` with these arguments, for browsers.
    pub(crate) fn build(&self, arguments: &[&str]) -> Command {
        let mut command = match self {
            Compiler::Own => cargo(&["build"]),
            Compiler::Debian { linker } => {
                let mut command = Command::new("/usr/bin/cargo");
                command.current_dir(workspace::root()).args(["build", "-Zbuild-std=std,panic_abort"]);
                command
                    .env("RUSTC", "/usr/bin/rustc")
                    .env("RUSTC_BOOTSTRAP", "1")
                    .env_remove("RUSTUP_TOOLCHAIN");
                command.env("CARGO_TARGET_WASM32_UNKNOWN_UNKNOWN_LINKER", linker);
                command.arg("--target-dir").arg(self.folder());
                command
            }
        };
        command.args(arguments).args(["--target", TARGET]);
        command
    }

    /// Where it puts what it builds: each compiler has a folder of its own.
    pub(crate) fn folder(&self) -> PathBuf {
        match self {
            Compiler::Own => workspace::target(),
            Compiler::Debian { .. } => workspace::target().join("debian"),
        }
    }
}

fn present() -> bool {
    let folder = output("rustc", &["--print", "target-libdir", "--target", TARGET]);
    folder.is_some_and(|folder| std::path::Path::new(folder.trim()).is_dir())
}
