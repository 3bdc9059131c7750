//! `hadal generate CHECKPOINT|DIR`: a text goes on as a trained model would write it.

use crate::arguments::{Generate, Global};
use crate::eval::checkpoint_of;
use anyhow::Result;
use hadal_train::recipe::{Sampling, generate};
use hadal_train::{Checkpoint, TrainError};
use serde_json::json;
use std::io::Write;
use std::process::ExitCode;

/// Runs the command.
pub(crate) fn command(given: &Generate, global: &Global, out: &mut dyn Write) -> Result<ExitCode> {
    let path = checkpoint_of(&given.checkpoint)?;
    let checkpoint = Checkpoint::open(&path)?;
    let device = global.device()?;
    let sampling = Sampling {
        prompt: given.prompt.clone(),
        count: given.count,
        temperature: given.temperature,
        seed: given.seed,
    };
    let mut text = given.prompt.clone();
    let mut shown = 0;
    generate(&checkpoint, &device, &sampling, |character| {
        text.push(character);
        if global.json {
            return Ok(());
        }
        // A person sees each character as it comes, the first one with the beginning, which is known to be good then.
        let written = out.write_all(&text.as_bytes()[shown..]).and_then(|()| out.flush());
        shown = text.len();
        written.map_err(|source| TrainError::Io { path: "standard output".into(), source })
    })?;
    match global.json {
        true => {
            writeln!(out, "{}", json!({ "checkpoint": path, "backend": device.to_string(), "text": text }))?
        }
        false => writeln!(out)?,
    }
    Ok(ExitCode::SUCCESS)
}
