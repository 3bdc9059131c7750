//! `hadal eval CHECKPOINT|DIR`: a trained model on the test set of its recipe.

use crate::arguments::{Eval, Global};
use crate::scratch;
use anyhow::{Context, Result};
use hadal_train::Checkpoint;
use serde_json::json;
use std::fmt::Write as _;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

/// The checkpoint that a person names: a file, or the folder of a run, of which the best one is taken.
pub(crate) fn checkpoint_of(given: &Path) -> Result<PathBuf> {
    if !given.is_dir() {
        return Ok(given.to_path_buf());
    }
    let mut found = ["best", "last"].map(|name| given.join(format!("{name}.safetensors"))).into_iter();
    found.find(|path| path.exists()).with_context(|| {
        format!("{} holds no checkpoint\n  hint: `hadal train --output DIR` writes them", given.display())
    })
}

/// Runs the command.
pub(crate) fn command(given: &Eval, global: &Global, out: &mut dyn Write) -> Result<ExitCode> {
    let path = checkpoint_of(&given.checkpoint)?;
    let checkpoint = Checkpoint::open(&path)?;
    let device = global.device()?;
    let (mut lines, mut examples) = (String::new(), 0u64);
    let metrics = hadal_train::recipe::evaluate(&checkpoint, &device, |shown| {
        examples += shown.losses.len() as u64;
        if given.predictions.is_some() {
            for class in shown.predictions()? {
                // Writing into a string does not fail.
                let _ = writeln!(lines, "{class}");
            }
        }
        Ok(())
    })?;
    if let Some(file) = &given.predictions {
        scratch::write(file, |out| Ok(out.write_all(lines.as_bytes())?))?;
    }
    if global.json {
        let mut line = json!({ "checkpoint": path, "backend": device.to_string(), "examples": examples });
        metrics.iter().for_each(|(name, value)| line[*name] = (*value).into());
        writeln!(out, "{line}")?;
    } else {
        let metrics: Vec<String> = metrics.iter().map(|(name, value)| format!("{name} {value:.4}")).collect();
        writeln!(out, "{} of {} examples, after {} steps", metrics.join(", "), examples, checkpoint.step())?;
    }
    Ok(ExitCode::SUCCESS)
}
