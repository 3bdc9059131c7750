//! The `hadal` command.
//!
//! Every command is a file of its own: [`devices`], [`run`], [`inspect`], [`verify`], [`embed`], [`train`], [`eval`],
//! [`generate`], [`report`], [`pull`], [`demo`]. Around them stand
//!
//! - [`arguments`]: what a person may type;
//! - [`failure`]: how an error looks — one line that says what is wrong, one that says what to do — and the exit code it gives;
//! - [`scratch`]: files that appear under their name only when they are whole, and are gone after Ctrl-C;
//! - [`terminal`]: tables and progress; progress is written to standard error and only where that is a terminal;
//! - `dashboard`, with the feature of that name: curves of a training run, live;
//! - [`home`]: where models are kept.
//!
//! Results are written to standard output, as text for people or with `--json` as JSON for machines; all else goes to standard error.
//! The exit code is 0 for success, 1 for an error or for backends that disagree, 2 for a command that cannot be understood, 130 after Ctrl-C.
#![forbid(unsafe_code)]

mod arguments;
#[cfg(feature = "dashboard")]
mod dashboard;
mod demo;
mod devices;
mod embed;
mod embedder;
mod eval;
mod failure;
mod generate;
mod home;
mod inspect;
mod load;
mod pull;
mod report;
mod run;
mod scratch;
mod session;
mod terminal;
mod train;
mod verify;

use arguments::{Arguments, Command};
use clap::Parser;
use std::io::Write;
use std::process::ExitCode;

fn main() -> ExitCode {
    // Older hipRTCs end the process at a device that is newer than they are, so they are asked in one of their own.
    hadal::hiprtc_child();
    let arguments = Arguments::parse();
    let mut out = std::io::stdout().lock();
    let result = scratch::clear_on_interrupt().and_then(|()| dispatch(&arguments, &mut out));
    match result.and_then(|code| out.flush().map(|()| code).map_err(Into::into)) {
        Ok(code) => code,
        Err(error) => failure::report(&error),
    }
}

fn dispatch(arguments: &Arguments, out: &mut dyn Write) -> anyhow::Result<ExitCode> {
    let global = &arguments.global;
    match &arguments.command {
        Command::Devices => devices::command(global, out),
        Command::Demo(given) => demo::command(given, global, out),
        Command::Embed(given) => embed::command(given, global, out),
        Command::Inspect(given) => inspect::command(given, global, out),
        Command::Run(given) => run::command(given, global, out),
        Command::Verify(given) => verify::command(given, global, out),
        Command::Train(given) => train::command(given, global, out),
        Command::Eval(given) => eval::command(given, global, out),
        Command::Generate(given) => generate::command(given, global, out),
        Command::Report(given) => report::command(given, global, out),
        Command::Pull(given) => pull::command(given, global, out),
    }
}
