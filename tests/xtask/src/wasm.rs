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

/// Options of a module that several threads may run.
const SHARED: [&str; 4] = [
    "target-feature=+simd128,+atomics,+bulk-memory",
    "link-arg=--shared-memory",
    "link-arg=--import-memory",
    "link-arg=--max-memory=4294967296",
];

/// And what wasm-bindgen looks for in it, which nothing refers to.
const THREAD_LOCALS: [&str; 4] = [
    "link-arg=--export=__wasm_init_tls",
    "link-arg=--export=__tls_size",
    "link-arg=--export=__tls_align",
    "link-arg=--export=__tls_base",
];

/// Lets `rustc` make a module for the memory of one that several threads run.
pub(crate) fn share(rustc: &mut Command) {
    for option in SHARED {
        rustc.args(["-C", option]);
    }
}

/// Instructions in the order of the source, as `.cargo/config.toml` has it too, where [`SHARED`] does not take its place. Engines keep that order, and LLVM's own puts operands far
/// from their use, until registers no longer hold them.
pub(crate) const ORDER: &str = "llvm-args=-pre-RA-sched=source";

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
    /// The same with the sources of the standard library, which is compiled for memory that threads share.
    OwnShared,
    /// Debian's, which compiles the standard library from its sources in any case, with rustc's own linker.
    Debian { linker: PathBuf, shared: bool },
}

/// Debian's packages: a compiler, and the sources of the standard library.
const DEBIAN: [&str; 3] = ["rustc-web", "cargo-web", "rust-web-src"];

/// The compiler that there is, installed if need be: this toolchain's target, or Debian's packages where that cannot be had.
/// `HADAL_WASM_COMPILER=debian` chooses the latter. `shared`: the module's memory can be shared by threads.
///
/// Errors: neither.
pub(crate) fn compiler(shared: bool) -> Result<Compiler> {
    let debian = std::env::var("HADAL_WASM_COMPILER").is_ok_and(|choice| choice == "debian");
    match shared {
        _ if debian => {}
        false if ensure() => return Ok(Compiler::Own),
        true if sources() => return Ok(Compiler::OwnShared),
        _ => {}
    }
    if lacking().is_some() {
        install::newest(&DEBIAN);
    }
    if let Some(lacking) = lacking() {
        let what = if shared { "the sources of the standard library" } else { "the target" };
        bail!("nothing here compiles for {TARGET}: rustup does not have {what}, and {lacking}");
    }
    let host = output("rustc", &["--print", "host-tuple"]).context("rustc does not say for what it is")?;
    let linker = rustlib()?.join(host.trim()).join("bin/rust-lld");
    if !linker.is_file() {
        bail!("there is no {}\n  hint: install rustc by rustup", linker.display());
    }
    Ok(Compiler::Debian { linker, shared })
}

impl Compiler {
    /// `cargo build` with these arguments, for browsers.
    pub(crate) fn build(&self, arguments: &[&str]) -> Command {
        let mut command = match self {
            Compiler::Own | Compiler::OwnShared => cargo(&["build"]),
            Compiler::Debian { linker, .. } => {
                let mut command = Command::new("/usr/bin/cargo");
                command.current_dir(workspace::root()).arg("build");
                command.env("RUSTC", "/usr/bin/rustc").env_remove("RUSTUP_TOOLCHAIN");
                command.env("CARGO_TARGET_WASM32_UNKNOWN_UNKNOWN_LINKER", linker);
                command
            }
        };
        if *self != Compiler::Own {
            // What a released compiler otherwise refuses.
            command.env("RUSTC_BOOTSTRAP", "1").arg("-Zbuild-std=std,panic_abort");
        }
        if self.shared() {
            let options = SHARED.iter().chain(&THREAD_LOCALS).chain([&ORDER]);
            let options = options.map(|option| format!("-C{option} "));
            command.env("CARGO_TARGET_WASM32_UNKNOWN_UNKNOWN_RUSTFLAGS", options.collect::<String>());
        }
        command.args(arguments).args(["--target", TARGET, "--target-dir"]).arg(self.folder());
        command
    }

    /// Whether threads can share the memory of what it builds.
    fn shared(&self) -> bool {
        matches!(self, Compiler::OwnShared | Compiler::Debian { shared: true, .. })
    }

    /// Where it puts what it builds: each has a folder of its own.
    pub(crate) fn folder(&self) -> PathBuf {
        match self {
            Compiler::Own => workspace::target(),
            Compiler::OwnShared => workspace::target().join("shared"),
            Compiler::Debian { shared: false, .. } => workspace::target().join("debian"),
            Compiler::Debian { shared: true, .. } => workspace::target().join("debian-shared"),
        }
    }
}

/// What stands in the way of Debian's compiler, if anything does.
fn lacking() -> Option<String> {
    let programs = ["/usr/bin/cargo", "/usr/bin/rustc"];
    if !programs.iter().all(|program| Path::new(program).is_file()) || !succeeds("dpkg", &["-s", DEBIAN[2]]) {
        return Some(format!("Debian's {} are not there", DEBIAN.join(", ")));
    }
    let minor = |version: &str| version.strip_prefix("1.")?.split('.').next()?.parse::<u32>().ok();
    let said = output(programs[1], &["--version"]).unwrap_or_default();
    let version = said.split_whitespace().nth(1).unwrap_or("of no version that can be read");
    let needed = env!("CARGO_PKG_RUST_VERSION");
    (minor(version) < minor(needed)).then(|| format!("Debian's rustc is {version}, not {needed} or newer"))
}

/// Makes sure of the sources of `rustc`'s standard library; returns whether they are there.
fn sources() -> bool {
    let there = || rustlib().is_ok_and(|folder| folder.join("src/rust/library/std").is_dir());
    there() || (succeeds("rustup", &["component", "add", "rust-src"]) && there())
}

fn rustlib() -> Result<PathBuf> {
    let root = output("rustc", &["--print", "sysroot"]).context("rustc does not say where it is")?;
    Ok(Path::new(root.trim()).join("lib/rustlib"))
}

fn present() -> bool {
    let folder = output("rustc", &["--print", "target-libdir", "--target", TARGET]);
    folder.is_some_and(|folder| std::path::Path::new(folder.trim()).is_dir())
}
