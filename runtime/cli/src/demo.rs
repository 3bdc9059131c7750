//! `hadal demo [QUESTION]`: a small text is embedded on every backend, and a question is answered by the passages nearest to it in meaning.

use crate::arguments::{Demo, Global};
use crate::devices::describe;
use crate::embedder::Embedder;
use crate::load::load;
use crate::terminal::{Progress, table};
use crate::verify::open;
use anyhow::{Context, Result};
use hadal::backend::{Backend, DeviceInfo};
use hadal::graph::reference::interpret;
use hadal_formats::Imported;
use serde_json::json;
use std::io::Write;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// One passage a line; in our own words.
const CORPUS: &str = include_str!("../assets/corpus.txt");

const MODEL: &str = "minilm";
const QUESTION: &str = "Which animals live in the deepest and darkest water?";

/// Passages shown.
const BEST: usize = 3;

/// What one device did.
struct Figures {
    info: DeviceInfo,
    /// Of one sentence, after one that is not counted.
    median: Duration,
    dispatches: u64,
    /// Largest difference of a number in the question's embedding from the reference.
    difference: f64,
    /// The best passages and their cosine similarity to the question.
    found: Vec<(f32, String)>,
}

/// Runs the command.
pub(crate) fn command(given: &Demo, global: &Global, out: &mut dyn Write) -> Result<ExitCode> {
    let model = load(MODEL)?;
    let question = if given.question.is_empty() { QUESTION.into() } else { given.question.join(" ") };
    let passages: Vec<String> = CORPUS.lines().map(String::from).collect();
    let mut reference = None;
    let mut figures = Vec::new();
    for backend in open(global)? {
        figures.push(search(&model, &backend, &question, &passages, &mut reference)?);
    }
    if global.json {
        let devices: Vec<_> = figures.iter().map(machine).collect();
        let report = json!({ "question": question, "passages": passages.len(), "devices": devices });
        writeln!(out, "{report}")?;
        return Ok(ExitCode::SUCCESS);
    }
    let best = figures.first().context("no device was found")?;
    writeln!(out, "\n{question}\n")?;
    for (score, passage) in &best.found {
        writeln!(out, "  {score:.3}  {passage}")?;
    }
    writeln!(out, "\n{} passages, embedded one by one with {MODEL}\n", passages.len())?;
    let mut rows =
        vec![["device", "adapter", "per sentence", "dispatches", "from the reference"].map(String::from)];
    for device in &figures {
        rows.push([
            device.info.id(),
            device.info.name.clone(),
            format!("{:.1} ms", device.median.as_secs_f64() * 1e3),
            device.dispatches.to_string(),
            format!("{:.1e}", device.difference),
        ]);
    }
    table(&rows, &[false, false, true, true, true], out)?;
    if let Some(other) = figures.iter().find(|other| texts(other) != texts(best)) {
        writeln!(out, "\n{} finds other passages than {}", other.info.id(), best.info.id())?;
        return Ok(ExitCode::FAILURE);
    }
    Ok(ExitCode::SUCCESS)
}

fn texts(figures: &Figures) -> Vec<&str> {
    figures.found.iter().map(|(_, passage)| passage.as_str()).collect()
}

fn search(
    model: &Imported,
    backend: &Arc<dyn Backend>,
    question: &str,
    passages: &[String],
    reference: &mut Option<Vec<f32>>,
) -> Result<Figures> {
    let embedder = Embedder::new(MODEL, model, backend)?;
    let question = [question.to_string()];
    // The first run compiles what compiles late.
    let asked = one(embedder.embed(&question)?)?;
    let expected = match reference {
        Some(expected) => expected,
        None => {
            let tokens = embedder.tokens(&question)?;
            let mut leaves = model.weights.clone();
            leaves.extend(tokens.clone());
            let outputs = interpret(&model.graph, &leaves)?.outputs;
            reference.insert(one(embedder.pool(&tokens, &outputs)?)?)
        }
    };
    let difference = asked.iter().zip(expected).map(|(a, e)| f64::from((a - *e).abs())).fold(0.0, f64::max);
    let before = embedder.stats().dispatches;
    let mut times = Vec::new();
    let mut scored = Vec::new();
    let mut progress = Progress::items(&backend.info().id(), "sentences", passages.len() as u64);
    for passage in passages {
        let start = Instant::now();
        let vector = one(embedder.embed(std::slice::from_ref(passage))?)?;
        times.push(start.elapsed());
        let score = asked.iter().zip(&vector).map(|(a, b)| a * b).sum::<f32>();
        scored.push((score, passage.clone()));
        progress.advance(1);
    }
    times.sort();
    scored.sort_by(|a, b| b.0.total_cmp(&a.0));
    scored.truncate(BEST);
    Ok(Figures {
        info: backend.info().clone(),
        median: times.get(times.len() / 2).copied().unwrap_or_default(),
        dispatches: (embedder.stats().dispatches - before) / passages.len().max(1) as u64,
        difference,
        found: scored,
    })
}

fn one(vectors: Vec<Vec<f32>>) -> Result<Vec<f32>> {
    vectors.into_iter().next().context("the model gave no vector")
}

fn machine(figures: &Figures) -> serde_json::Value {
    let found: Vec<_> =
        figures.found.iter().map(|(score, passage)| json!({ "score": score, "passage": passage })).collect();
    json!({
        "device": describe(&figures.info), "milliseconds_per_sentence": figures.median.as_secs_f64() * 1e3,
        "dispatches_per_sentence": figures.dispatches, "difference_from_reference": figures.difference,
        "found": found,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_corpus_is_one_passage_a_line() {
        let lines: Vec<&str> = CORPUS.lines().collect();
        assert!((60..=100).contains(&lines.len()));
        for (number, line) in lines.iter().enumerate() {
            assert!(
                line.ends_with('.') && line.trim() == *line && line.len() > 30,
                "line {}: {line}",
                number + 1
            );
            assert!(!lines[..number].contains(line), "line {} is there twice", number + 1);
        }
    }
}
