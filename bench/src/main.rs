//! Hadal beside its peers.
//!
//! Every comparison interleaves the two sides (A B A B …) in one process or one driver, and reports medians and their ratio: on a shared machine a
//! single timing says nothing. `bench/compare` runs them all and writes the tables of `docs/performance.md`.

mod eager;
mod matmul;
mod minilm;
mod timing;
mod train;

use clap::{Parser, Subcommand};

#[derive(Parser)]
#[command(name = "hadal-bench", about = "Hadal beside its peers, in one run")]
struct Arguments {
    #[command(subcommand)]
    what: What,
}

#[derive(Subcommand)]
enum What {
    /// f32 matrix product, n × n × n: Hadal and, on cpu, the crate `gemm` with the same threads.
    Matmul {
        /// Extent of both matrices.
        #[arg(default_value_t = 1024)]
        n: usize,
        /// Where Hadal runs.
        #[arg(long, default_value = "cpu")]
        backend: String,
        /// Rounds; each times both sides once.
        #[arg(long, default_value_t = 15)]
        rounds: usize,
    },
    /// Steps of training with Adam on batches of 128 images or 32 texts: prints the median as one JSON line.
    Train {
        /// `mlp` (784-256-10), `lenet`, or the models of recipes: `cnn`, `transformer`.
        model: String,
        /// Where Hadal runs.
        #[arg(long, default_value = "cpu")]
        backend: String,
        /// Timed steps, after three that are not counted.
        #[arg(long, default_value_t = 200)]
        steps: usize,
        /// Record every step anew instead of tracing one.
        #[arg(long)]
        eager: bool,
        /// Print the steps of the plan.
        #[arg(long)]
        plan: bool,
        /// Print where the time of as many further steps goes.
        #[arg(long)]
        profile: bool,
    },
    /// The same calls eagerly and under `jit`, in turn: inference and training steps of an MLP and of LeNet, one JSON line each.
    Eager {
        /// Where both run.
        #[arg(long, default_value = "cpu")]
        backend: String,
        /// Rounds; each times both sides once.
        #[arg(long, default_value_t = 100)]
        rounds: usize,
    },
    /// all-MiniLM-L6-v2 on random tokens: prints the times of each round as one JSON line.
    Minilm {
        /// The folder with `model.safetensors` and `config.json`.
        #[arg(long)]
        model: std::path::PathBuf,
        /// Where Hadal runs.
        #[arg(long, default_value = "cpu")]
        backend: String,
        /// Sentences in a batch.
        #[arg(long, default_value_t = 1)]
        batch: usize,
        /// Tokens in a sentence.
        #[arg(long, default_value_t = 128)]
        tokens: usize,
        /// Timed runs, after two that are not counted.
        #[arg(long, default_value_t = 10)]
        runs: usize,
    },
}

fn main() -> anyhow::Result<()> {
    match Arguments::parse().what {
        What::Matmul { n, backend, rounds } => matmul::run(n, &backend, rounds),
        What::Train { model, backend, steps, eager, plan, profile } => {
            train::run(&model, &backend, steps, eager, (plan, profile))
        }
        What::Eager { backend, rounds } => eager::run(&backend, rounds),
        What::Minilm { model, backend, batch, tokens, runs } => {
            minilm::run(&model, &backend, batch, tokens, runs)
        }
    }
}
