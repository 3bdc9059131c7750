//! What a person may type.

use clap::{Args, Parser, Subcommand};
use hadal::Device;
use hadal::backend::Selector;
use hadal_train::Precision;
use std::path::PathBuf;

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
    /// Where to compute: auto, cpu, wgpu, cuda, rocm; with an index or a name: wgpu:1, wgpu:NAME
    #[arg(long, short, global = true, value_name = "DEVICE")]
    pub(crate) backend: Option<Selector>,
    /// Print JSON for machines
    #[arg(long, global = true)]
    pub(crate) json: bool,
}

impl Global {
    /// Opens the device that was asked for, or the best one. Errors: there is none.
    pub(crate) fn device(&self) -> hadal::Result<Device> {
        Device::open(&self.backend.clone().unwrap_or(Selector::Auto).to_string())
    }
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// List every backend, its devices, and why one is missing
    Devices,
    /// Run a model on .npy files
    Run(Run),
    /// Show a model's ops, parameters and plan
    Inspect(Inspect),
    /// Compare every backend with the reference on generated inputs
    Verify(Verify),
    /// Embed texts; prints one JSON line for each
    Embed(Embed),
    /// Train a model as a recipe says: a built-in one, or a TOML file
    Train(Train),
    /// Evaluate a trained model on the test set of its recipe
    Eval(Eval),
    /// Continue a text with a trained char-transformer
    Generate(Generate),
    /// Make a page of the curves of a training run
    Report(Report),
    /// Fetch a model: a known name, or OWNER/NAME[@REVISION] on the Hugging Face hub
    Pull(Pull),
    /// Search a small text by meaning on every backend
    Demo(Demo),
}

#[derive(Debug, Args)]
pub(crate) struct Run {
    /// A model file, its folder, or the name of a pulled model
    pub(crate) model: String,
    /// An input of the model and the .npy file that holds it
    #[arg(long, short, value_name = "NAME=FILE", value_parser = pair)]
    pub(crate) input: Vec<(String, String)>,
    /// The folder for the outputs, one .npy each; made if it is missing
    #[arg(long, short, value_name = "DIR")]
    pub(crate) output: PathBuf,
    /// Print where time goes, and write tables, a trace for Perfetto and the use of memory into this folder
    #[arg(long, value_name = "DIR")]
    pub(crate) profile: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(crate) struct Inspect {
    /// A model file, its folder, or the name of a pulled model
    pub(crate) model: String,
    /// A size that the plan is made for, such as batch=1
    #[arg(long, short, value_name = "NAME=SIZE", value_parser = size)]
    pub(crate) size: Vec<(String, usize)>,
    /// Print the graph in the DOT language instead
    #[arg(long, conflicts_with = "json")]
    pub(crate) dot: bool,
}

#[derive(Debug, Args)]
pub(crate) struct Verify {
    /// A model file, its folder, or the name of a pulled model
    pub(crate) model: String,
    /// A size of the generated inputs, such as batch=2
    #[arg(long, short, value_name = "NAME=SIZE", value_parser = size)]
    pub(crate) size: Vec<(String, usize)>,
    /// Another seed gives other inputs
    #[arg(long, default_value_t = 1)]
    pub(crate) seed: u64,
}

#[derive(Debug, Args)]
pub(crate) struct Embed {
    /// The texts; without any, each line of standard input is one
    pub(crate) texts: Vec<String>,
    /// A pulled model with a tokenizer, or its folder
    #[arg(long, short, default_value = "minilm")]
    pub(crate) model: String,
}

#[derive(Debug, Args)]
pub(crate) struct Train {
    /// A built-in recipe or a TOML file; without one, the built-in recipes are listed
    pub(crate) recipe: Option<String>,
    /// How often all data is used, instead of what the recipe says
    #[arg(long, value_name = "N")]
    pub(crate) epochs: Option<u64>,
    /// Seed of weights, order and dropout, instead of what the recipe says
    #[arg(long, value_name = "S")]
    pub(crate) seed: Option<u64>,
    /// Where checkpoints, records and the report go; the recipe's name if not given
    #[arg(long, short, value_name = "DIR")]
    pub(crate) output: Option<PathBuf>,
    /// Go on with the run in the output folder, if there is one
    #[arg(long)]
    pub(crate) resume: bool,
    /// In which precision a step computes: f32, f16, bf16 or dynamic; instead of what the recipe says
    #[arg(long, value_name = "PRECISION")]
    pub(crate) precision: Option<Precision>,
    /// Train on permuted labels: a control, which must not learn
    #[arg(long)]
    pub(crate) shuffle_labels: bool,
    /// Steps between records
    #[arg(long, value_name = "STEPS", default_value_t = 50)]
    pub(crate) log_every: u64,
    /// Steps between checkpoints within an epoch; there is always one after each
    #[arg(long, value_name = "STEPS")]
    pub(crate) checkpoint_every: Option<u64>,
    /// No dashboard, also where the terminal allows one
    #[arg(long)]
    pub(crate) plain: bool,
    /// Print where the time of the first steps goes, and write tables, a trace for Perfetto and the use of memory into this folder
    #[arg(long, value_name = "DIR")]
    pub(crate) profile: Option<PathBuf>,
    /// Steps to profile
    #[arg(long, value_name = "STEPS", default_value_t = 20, requires = "profile", value_parser = clap::value_parser!(u64).range(1..))]
    pub(crate) profile_steps: u64,
}

#[derive(Debug, Args)]
pub(crate) struct Eval {
    /// A checkpoint, or the folder of a run, of which the best one is taken
    pub(crate) checkpoint: PathBuf,
    /// Write the predicted class of every test example, one a line
    #[arg(long, value_name = "FILE")]
    pub(crate) predictions: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(crate) struct Generate {
    /// A checkpoint, or the folder of a run, of which the best one is taken
    pub(crate) checkpoint: PathBuf,
    /// What the text begins with
    #[arg(long, short, default_value = "And God said")]
    pub(crate) prompt: String,
    /// Characters to write
    #[arg(long, short, default_value_t = 400)]
    pub(crate) count: usize,
    /// 1 as the model has learnt, less for safer text, 0 for the likeliest
    #[arg(long, short, default_value_t = 0.8)]
    pub(crate) temperature: f64,
    /// Another seed gives another text
    #[arg(long, default_value_t = 0)]
    pub(crate) seed: u64,
}

#[derive(Debug, Args)]
pub(crate) struct Report {
    /// The folder of a run
    pub(crate) folder: PathBuf,
    /// The page; report.html in the folder if not given
    #[arg(long, short, value_name = "FILE")]
    pub(crate) output: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(crate) struct Pull {
    /// Which model; without one, the known names are listed
    pub(crate) name: Option<String>,
    /// Only these of a hub repository's files
    #[arg(requires = "name")]
    pub(crate) files: Vec<String>,
}

#[derive(Debug, Args)]
pub(crate) struct Demo {
    /// What to ask
    pub(crate) question: Vec<String>,
}

fn pair(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((name, value)) if !name.is_empty() && !value.is_empty() => Ok((name.into(), value.into())),
        _ => Err("write NAME=VALUE".into()),
    }
}

fn size(text: &str) -> Result<(String, usize), String> {
    let (name, value) = pair(text)?;
    value.parse().map(|value| (name, value)).map_err(|_| format!("`{value}` is not a size"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn the_definition_is_sound() {
        Arguments::command().debug_assert();
    }

    #[test]
    fn pairs_and_sizes() {
        assert_eq!(pair("a=b=c").unwrap(), ("a".into(), "b=c".into()));
        assert!(pair("a").is_err() && pair("=b").is_err() && pair("a=").is_err());
        assert_eq!(size("batch=2").unwrap(), ("batch".into(), 2));
        assert!(size("batch=-2").is_err());
    }
}
