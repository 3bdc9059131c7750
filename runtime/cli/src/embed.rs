//! `hadal embed TEXT…`: one JSON line per text, with its embedding.

use crate::arguments::{Embed, Global};
use crate::embedder::Embedder;
use crate::load::load;
use anyhow::{Context, Result};
use serde_json::json;
use std::io::{BufRead, IsTerminal, Write};
use std::process::ExitCode;

/// Texts that run together.
const BATCH: usize = 32;

/// Runs the command.
pub(crate) fn command(given: &Embed, global: &Global, out: &mut dyn Write) -> Result<ExitCode> {
    let device = global.device()?;
    let embedder = Embedder::new(&given.model, &load(&given.model)?, device.backend()?)?;
    if given.texts.is_empty() {
        let input = std::io::stdin();
        // A person who types wants an answer to each line.
        let batch = if input.is_terminal() { 1 } else { BATCH };
        let mut pending = Vec::new();
        for line in input.lock().lines() {
            pending.push(line.context("standard input is not text in UTF-8")?);
            if pending.len() == batch {
                print(&embedder, &pending, out)?;
                pending.clear();
            }
        }
        print(&embedder, &pending, out)?;
    } else {
        for texts in given.texts.chunks(BATCH) {
            print(&embedder, texts, out)?;
        }
    }
    Ok(ExitCode::SUCCESS)
}

fn print(embedder: &Embedder, texts: &[String], out: &mut dyn Write) -> Result<()> {
    if texts.is_empty() {
        return Ok(());
    }
    let embeddings = embedder.embed(texts)?;
    for (text, embedding) in texts.iter().zip(embeddings) {
        writeln!(out, "{}", json!({ "text": text, "embedding": embedding }))?;
    }
    Ok(out.flush()?)
}
