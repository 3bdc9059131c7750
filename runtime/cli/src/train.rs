//! `hadal train RECIPE`: a recipe is followed, with progress, checkpoints, records and a report.

use crate::arguments::{Global, Train};
use crate::scratch;
use crate::terminal::{Progress, count};
use anyhow::{Context, Result};
use hadal::profiler::Profile;
use hadal_train::recipe::{BUILTIN, Given};
use hadal_train::{Callback, EpochRecord, Flow, Profiling, Recipe, StepRecord};
use serde_json::json;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

/// Runs the command.
pub(crate) fn command(given: &Train, global: &Global, out: &mut dyn Write) -> Result<ExitCode> {
    let Some(name) = &given.recipe else {
        for (name, _) in BUILTIN {
            writeln!(out, "{name}")?;
        }
        return Ok(ExitCode::SUCCESS);
    };
    let mut recipe = open(name)?;
    recipe.training.epochs = given.epochs.unwrap_or(recipe.training.epochs);
    recipe.training.seed = given.seed.unwrap_or(recipe.training.seed);
    recipe.training.shuffle_labels |= given.shuffle_labels;
    recipe.precision.amp = given.precision.unwrap_or(recipe.precision.amp);
    let device = global.device()?;
    let output = given.output.clone().unwrap_or_else(|| PathBuf::from(&recipe.name));
    eprintln!("{} on {}, into {}", recipe.name, device, output.display());
    let options = Given {
        output: Some(output.clone()),
        resume: given.resume,
        log_every: Some(given.log_every),
        checkpoint_every: given.checkpoint_every,
        profile: given.profile.clone().map(|folder| Profiling { folder, steps: given.profile_steps }),
    };
    let watch = Watch { bar: None, epochs: recipe.training.epochs, json: global.json, out: &mut *out };
    let trained = hadal_train::recipe::train(&recipe, &device, &options, watch)?;
    write_report(&output, &output.join("report.html"))?;
    if trained.paused {
        eprintln!("paused after {} steps; --resume goes on", count(trained.steps));
        return Ok(ExitCode::from(130));
    }
    if global.json {
        let mut line = json!({ "recipe": recipe.name, "backend": device.to_string(), "steps": trained.steps, "loader_wait_share": trained.history.loader_wait_share() });
        for (name, value) in &trained.test {
            line[*name] = (*value).into();
            line[format!("test_{name}")] = (*value).into();
        }
        writeln!(out, "{line}")?;
    } else {
        let test: Vec<String> =
            trained.test.iter().map(|(name, value)| format!("{name} {value:.4}")).collect();
        writeln!(out, "test: {}, after {} steps", test.join(", "), count(trained.steps))?;
        writeln!(out, "curves: {}", output.join("report.html").display())?;
    }
    Ok(ExitCode::SUCCESS)
}

/// A built-in recipe, or a file.
fn open(name: &str) -> Result<Recipe> {
    let path = Path::new(name);
    if path.is_file() {
        let text = std::fs::read_to_string(path).with_context(|| format!("{name} cannot be read"))?;
        return Ok(Recipe::from_toml(&text, name)?);
    }
    Ok(Recipe::builtin(name)?)
}

/// Writes the page of a run.
pub(crate) fn write_report(folder: &Path, page: &Path) -> Result<()> {
    let title =
        folder.file_name().map_or_else(|| folder.display().to_string(), |name| name.to_string_lossy().into());
    let text = hadal_train::report(folder, &title)?;
    scratch::write(page, |out| Ok(out.write_all(text.as_bytes())?))
}

/// Shows records as they come.
struct Watch<'o> {
    bar: Option<Progress>,
    epochs: u64,
    json: bool,
    out: &'o mut dyn Write,
}

impl Watch<'_> {
    /// Shows a line, and ends the run where nobody reads on.
    fn show(&mut self, line: &str) -> Flow {
        match writeln!(self.out, "{line}").and_then(|()| self.out.flush()) {
            Ok(()) => Flow::Continue,
            Err(_) => Flow::Stop,
        }
    }
}

impl Callback for Watch<'_> {
    fn progress(&mut self, _step: u64, batch: usize, batches: usize) -> Flow {
        let bar = self.bar.get_or_insert_with(|| {
            let mut bar = Progress::items("training", "steps", batches as u64);
            // A run that resumes begins in the middle.
            bar.advance(batch as u64 - 1);
            bar
        });
        bar.advance(1);
        Flow::Continue
    }

    fn step(&mut self, record: &StepRecord) -> Flow {
        if self.json { self.show(&json!(record).to_string()) } else { Flow::Continue }
    }

    fn epoch(&mut self, record: &EpochRecord) -> Flow {
        self.bar = None;
        if self.json {
            return self.show(&json!(record).to_string());
        }
        let metrics: Vec<String> =
            record.metrics.iter().map(|(name, value)| format!("{name} {value:.4}")).collect();
        let line = format!(
            "epoch {}/{}  training loss {:.4}  {}  {:.1} s{}",
            record.epoch + 1,
            self.epochs,
            record.train_loss,
            metrics.join("  "),
            record.seconds,
            if record.best { "  *" } else { "" }
        );
        self.show(&line)
    }

    fn message(&mut self, text: &str) {
        if !self.json {
            self.bar = None;
            self.show(text);
        }
    }

    fn profile(&mut self, profile: &Profile) {
        if !self.json {
            self.bar = None;
            self.show(&profile.to_string());
        }
    }
}
