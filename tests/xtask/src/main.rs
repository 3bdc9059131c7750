//! `cargo xtask`: sets a machine up and runs the demo or the tests.
//!
//! | command | what it does |
//! |---|---|
//! | `cargo xtask demo [QUESTION]` | builds the release binary, fetches the model, runs `hadal demo` |
//! | `cargo xtask test [SUITE…]` | installs what the tests need, runs every suite (or the named ones), prints how long each took |
//! | `cargo xtask browser [TEST…]` | runs the tests of the npm package in a headless Chromium |
//! | `cargo xtask web [compare]` | builds the npm package and the demo site into `target/web`; sets it beside onnxruntime-web |
//! | `cargo xtask kernels` | compiles every kernel for NVIDIA's and AMD's cards and writes `docs/kernels.md` |
//! | `cargo xtask hardware cuda\|rocm\|wgpu\|standin` | every case and some measurements on a real GPU; writes one report |
//! | `cargo xtask suites` | names the suites |
//!
//! Installing uses the machine's own clients (`apt-get`, `rustup`) and only where they may run without asking a question. What cannot be
//! installed is said, with the command that would do it; only a suite that needs it fails.
//!
//! Models are fetched by the `hadal` binary itself (`hadal pull`), so a test and a user take the same path. They lie in
//! `target/models`, or where `HADAL_HOME` points.

mod browser;
mod compilers;
mod data;
mod demo;
mod driver;
mod hardware;
mod install;
mod kernels;
mod models;
mod process;
mod suites;
mod test;
mod tools;
mod wasm;
mod web;
mod workspace;

use anyhow::{Result, bail};
use std::process::ExitCode;

const USAGE: &str = "usage: cargo xtask demo [QUESTION] | test [SUITE…] | browser [TEST…] | web [compare] | kernels | hardware cuda|rocm|wgpu|standin | suites\n  hint: `cargo xtask suites` names the suites";

fn main() -> ExitCode {
    match run(std::env::args().skip(1).collect()) {
        Ok(code) => code,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(arguments: Vec<String>) -> Result<ExitCode> {
    match arguments.split_first().map(|(command, rest)| (command.as_str(), rest)) {
        Some(("demo", question)) => demo::run(question),
        Some(("test", names)) => test::run(names),
        Some(("browser", names)) => browser::run(names),
        Some(("web", [])) => web::run(),
        Some(("web", [what])) if what == "compare" => web::compare(),
        Some(("kernels", [])) => kernels::run(),
        Some(("hardware", [backend])) => hardware::run(backend),
        Some(("suites", [])) => {
            for suite in suites::all() {
                println!("{:<14} {}", suite.name, suite.purpose);
            }
            Ok(ExitCode::SUCCESS)
        }
        _ => bail!("{USAGE}"),
    }
}
