//! `hadal train RECIPE`: a recipe is followed, with progress, checkpoints, records and a report.

use crate::arguments::{Global, Train};
#[cfg(feature = "dashboard")]
use crate::dashboard::Dashboard;
use crate::scratch;
use crate::terminal::{Progress, count};
use anyhow::{Context, Result};
use hadal::Device;
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
    let wanted = !given.plain && !global.json;
    let dashboard = wanted.then(|| dashboard(&recipe, &device)).flatten();
    let (epochs, json, kept) = (recipe.training.epochs, global.json, Vec::new());
    let watch = Watch { bar: None, dashboard, kept, epochs, json, out: &mut *out };
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

/// A dashboard, where the terminal allows one.
#[cfg(feature = "dashboard")]
fn dashboard(recipe: &Recipe, device: &Device) -> Option<Dashboard> {
    if !crate::dashboard::is_possible() {
        return None;
    }
    let opened = Dashboard::open(&recipe.name, recipe.training.epochs, device);
    opened.inspect_err(|error| eprintln!("there is no dashboard, since the terminal says: {error}")).ok()
}

/// This build has no dashboard.
#[cfg(not(feature = "dashboard"))]
fn dashboard(_: &Recipe, _: &Device) -> Option<Dashboard> {
    None
}

/// What a build without dashboards never has.
#[cfg(not(feature = "dashboard"))]
enum Dashboard {}

#[cfg(not(feature = "dashboard"))]
impl Callback for Dashboard {}

/// Shows records as they come: on a dashboard, and then as lines when it is gone, or as lines and a bar.
struct Watch<'o> {
    bar: Option<Progress>,
    dashboard: Option<Dashboard>,
    /// Lines for when the dashboard is gone.
    kept: Vec<String>,
    epochs: u64,
    json: bool,
    out: &'o mut dyn Write,
}

impl Watch<'_> {
    /// Shows a line, and ends the run where nobody reads on.
    fn show(&mut self, line: &str) -> Flow {
        if self.dashboard.is_some() {
            self.kept.push(line.into());
            return Flow::Continue;
        }
        match writeln!(self.out, "{line}").and_then(|()| self.out.flush()) {
            Ok(()) => Flow::Continue,
            Err(_) => Flow::Stop,
        }
    }
}

impl Callback for Watch<'_> {
    fn progress(&mut self, step: u64, batch: usize, batches: usize) -> Flow {
        if let Some(dashboard) = &mut self.dashboard {
            return dashboard.progress(step, batch, batches);
        }
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
        if let Some(dashboard) = &mut self.dashboard {
            return dashboard.step(record);
        }
        if self.json { self.show(&json!(record).to_string()) } else { Flow::Continue }
    }

    fn epoch(&mut self, record: &EpochRecord) -> Flow {
        self.bar = None;
        let flow = self.dashboard.as_mut().map_or(Flow::Continue, |dashboard| dashboard.epoch(record));
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
        self.show(&line).max(flow)
    }

    fn message(&mut self, text: &str) {
        if let Some(dashboard) = &mut self.dashboard {
            dashboard.message(text);
        }
        if !self.json {
            self.bar = None;
            self.show(text);
        }
    }

    fn profile(&mut self, profile: &Profile) {
        if let Some(dashboard) = &mut self.dashboard {
            dashboard.profile(profile);
        }
        if !self.json {
            self.bar = None;
            self.show(&profile.to_string());
        }
    }
}

/// What was kept is shown when the screen is free.
impl Drop for Watch<'_> {
    fn drop(&mut self) {
        self.dashboard = None;
        for line in std::mem::take(&mut self.kept) {
            self.show(&line);
        }
    }
}
