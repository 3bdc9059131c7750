//! `cargo xtask web`: the npm package, built for size, as a folder and as a tarball in `target/web`, and the demo site around it.
//! `cargo xtask web compare` sets what was built beside onnxruntime-web.
//!
//! [`stage`] puts a package together around a compiled module; the browser tests use it with a module of their own that has more functions.

use crate::tools::{self, succeed};
use crate::wasm;
use crate::workspace;
use anyhow::{Context, Result, bail};
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

/// What the module is called in the package, and its twin that several threads may run.
const NAMES: [&str; 2] = ["hadal_web", "hadal_threads"];

/// Sets the package beside onnxruntime-web in a browser and prints a table. Errors: no package yet, a tool that is missing.
pub(crate) fn compare() -> Result<ExitCode> {
    let package = workspace::target().join("web").join("hadal");
    if !package.is_dir() {
        bail!("there is no {}\n  hint: cargo xtask web", package.display());
    }
    tools::ensure_node()?;
    let mut driver = Command::new("node");
    driver.arg(workspace::root().join("tests").join("browser").join("compare.mjs"));
    driver.env("HADAL_PACKAGE", package).env("HADAL_HOME", workspace::models());
    driver.env("HADAL_CHROMIUM", tools::chromium()?).env("HADAL_PLAYWRIGHT", tools::npm(tools::PLAYWRIGHT)?);
    driver.env("HADAL_ORT", tools::npm(tools::ONNXRUNTIME)?);
    succeed(&mut driver)?;
    Ok(ExitCode::SUCCESS)
}

/// Builds the package. Errors: a tool that is missing, a build that fails.
pub(crate) fn run() -> Result<ExitCode> {
    tools::ensure_node()?;
    let module = |shared| -> Result<PathBuf> {
        let compiler = wasm::compiler(shared)?;
        succeed(&mut compiler.build(&["-p", "hadal-web", "--profile", "web"]))?;
        Ok(compiler.folder().join(wasm::TARGET).join("web").join("hadal_web.wasm"))
    };
    let folder = workspace::target().join("web").join("hadal");
    stage([&module(false)?, &module(true)?], &folder)?;
    for name in NAMES {
        optimise(&folder.join("dist").join("wasm").join(format!("{name}_bg.wasm")))?;
    }
    let mut pack = Command::new("npm");
    pack.args(["pack", "--silent", "--pack-destination"])
        .arg(workspace::target().join("web"))
        .current_dir(&folder);
    succeed(&mut pack)?;
    site(&folder)?;
    let mut sizes = Command::new("node");
    sizes.arg(workspace::root().join("web").join("sizes.mjs")).arg(&folder);
    succeed(&mut sizes)?;
    Ok(ExitCode::SUCCESS)
}

/// Puts the demo site together, with the package and those of its models that are there: `target/web/demo`, to be served as it is.
fn site(package: &Path) -> Result<()> {
    let folder = workspace::target().join("web").join("demo");
    if folder.exists() {
        std::fs::remove_dir_all(&folder).with_context(|| folder.display().to_string())?;
    }
    copy(&workspace::root().join("web").join("demo"), &folder)?;
    copy(package, &folder.join("hadal"))?;
    for model in ["minilm", "minilm-int8", "magika"] {
        let models = workspace::models().join(model);
        if models.is_dir() {
            copy(&models, &folder.join("models").join(model))?;
        } else {
            println!(
                "the demo lacks {model}\n  hint: HADAL_HOME={} hadal pull {model}",
                workspace::models().display()
            );
        }
    }
    Ok(())
}

/// Puts the package with the two modules in `folder`, which is made anew. Errors: TypeScript's, and those of files.
pub(crate) fn stage(modules: [&Path; 2], folder: &Path) -> Result<()> {
    let sources = workspace::root().join("web").join("package");
    if folder.exists() {
        std::fs::remove_dir_all(folder).with_context(|| folder.display().to_string())?;
    }
    copy(&sources, folder)?;
    let (typed, built) = (folder.join("src").join("wasm"), folder.join("dist").join("wasm"));
    let bindgen = tools::bindgen()?;
    for (module, name) in modules.into_iter().zip(NAMES) {
        succeed(Command::new(&bindgen).arg(module).arg(&typed).arg(name))?;
    }
    let typescript = tools::npm(tools::TYPESCRIPT)?.join("lib").join("tsc.js");
    succeed(Command::new("node").arg(typescript).arg("-p").arg(folder))?;
    // What bindgen wrote belongs to the output, not to the sources.
    std::fs::rename(&typed, &built).with_context(|| built.display().to_string())?;
    if !wasm::ensure() {
        println!(
            "without the kernel for relaxed vector instructions: it needs the target's own core library"
        );
        return Ok(());
    }
    relaxed(false, &built.join("hadal_relaxed.wasm"))?;
    relaxed(true, &built.join("hadal_relaxed_shared.wasm"))
}

/// Compiles the kernel of `web/relaxed`, one file without a dependency or a manifest, to `module`. It works in the memory of the package's module, which may be `shared`, so
/// it gets a stack of 0 bytes: any use of one would trap at once.
fn relaxed(shared: bool, module: &Path) -> Result<()> {
    let source = workspace::root().join("web").join("relaxed").join("lib.rs");
    let mut rustc = Command::new("rustc");
    rustc.args(["--edition", "2024", "--crate-name", "hadal_relaxed", "--crate-type", "cdylib"]);
    rustc.args(["--target", wasm::TARGET]);
    for option in [
        "opt-level=3",
        "lto=fat",
        "codegen-units=1",
        "panic=abort",
        "strip=symbols",
        "target-feature=+simd128,+relaxed-simd",
        wasm::ORDER,
        "link-arg=--import-memory",
        "link-arg=-zstack-size=0",
    ] {
        rustc.args(["-C", option]);
    }
    if shared {
        wasm::share(&mut rustc);
    }
    succeed(rustc.arg(source).arg("-o").arg(module))
}

/// What rustc lets a module use, and `simd128`. More would let `wasm-opt` write what browsers do not read yet.
const FEATURES: [&str; 10] = [
    "--enable-bulk-memory",
    "--enable-bulk-memory-opt",
    "--enable-call-indirect-overlong",
    "--enable-multivalue",
    "--enable-mutable-globals",
    "--enable-nontrapping-float-to-int",
    "--enable-reference-types",
    "--enable-sign-ext",
    "--enable-simd",
    "--enable-threads",
];

/// Makes the module smaller by `wasm-opt`.
fn optimise(module: &Path) -> Result<()> {
    let program = tools::npm(tools::BINARYEN)?.join("bin").join("wasm-opt");
    let smaller = module.with_extension("small");
    // npm's `wasm-opt` is a script of node.
    let mut command = Command::new("node");
    command.arg(&program).arg("-Os").args(FEATURES).arg(module).arg("-o").arg(&smaller);
    succeed(&mut command)?;
    std::fs::rename(&smaller, module).with_context(|| module.display().to_string())
}

fn copy(from: &Path, to: &Path) -> Result<()> {
    std::fs::create_dir_all(to).with_context(|| to.display().to_string())?;
    for entry in from.read_dir().with_context(|| from.display().to_string())? {
        let entry = entry?;
        let target = to.join(entry.file_name());
        if entry.file_type()?.is_dir() {
            copy(&entry.path(), &target)?;
        } else {
            std::fs::copy(entry.path(), &target).with_context(|| target.display().to_string())?;
        }
    }
    Ok(())
}
