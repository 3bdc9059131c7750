//! What a person may type.

use clap::{Args, Parser, Subcommand};

/// Runs, checks and inspects models on any device.
#[derive(Debug, Parser)]
#[command(name = "hadal", version, propagate_version = true, arg_required_else_help = true)]
pub(crate) struct Arguments {
    #[command(flatten)]
    pub(crate) global: Global,
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// What every command takes.
#[derive(Debug, Args)]
pub(crate) struct Global {
    /// Print JSON for machines
    #[arg(long, global = true)]
    pub(crate) json: bool,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Fetch a model: a known name, or OWNER/NAME[@REVISION] on the Hugging Face hub
    Pull(Pull),
}

#[derive(Debug, Args)]
pub(crate) struct Pull {
    /// Which model; without one, the known names are listed
    pub(crate) name: Option<String>,
    /// Only these of a hub repository's files
    #[arg(requires = "name")]
    pub(crate) files: Vec<String>,
}
