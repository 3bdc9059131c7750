//! Records as JSON lines.

use crate::{EpochRecord, Result, StepRecord, TrainError};
use hadal::amp::Choice;
use serde::{Deserialize, Serialize};
use std::fs::{File, OpenOptions};
use std::io::Write;
use std::path::Path;

/// A line of a log.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "kind")]
pub(crate) enum Line {
    /// After some steps.
    Step(StepRecord),
    /// After an epoch.
    Epoch(EpochRecord),
    /// What was chosen for each parameter after an epoch.
    Precision { step: u64, epoch: u64, choices: Vec<Choice> },
}

impl Line {
    fn step(&self) -> u64 {
        match self {
            Line::Step(record) => record.step,
            Line::Epoch(record) => record.step,
            Line::Precision { step, .. } => *step,
        }
    }
}

/// A file of records, one JSON object a line: `{"kind": "step", …}`, `{"kind": "epoch", …}` and `{"kind": "precision", …}`.
#[derive(Debug)]
pub struct LogFile(File);

impl LogFile {
    /// The log of a run that has done `step` steps: what it says of later ones is dropped, as a run that was killed did them after its
    /// last checkpoint. A line that was cut off is dropped, too.
    ///
    /// Errors: `Io`.
    pub fn open(path: &Path, step: u64) -> Result<LogFile> {
        let kept: Vec<Line> = match path.exists() {
            true => read(path)?.into_iter().filter(|line| line.step() <= step).collect(),
            false => Vec::new(),
        };
        hadal_formats::file::write_atomically(path, |out| {
            for line in &kept {
                let text = serde_json::to_string(line).map_err(std::io::Error::from);
                text.and_then(|text| writeln!(out, "{text}")).map_err(|error| {
                    hadal_formats::FormatError::Io {
                        file: path.display().to_string(),
                        action: "write",
                        hint: String::new(),
                        error,
                    }
                })?;
            }
            Ok(())
        })?;
        Ok(LogFile(OpenOptions::new().append(true).open(path).map_err(TrainError::io(path))?))
    }

    pub(crate) fn write(&mut self, line: &Line, path: &Path) -> Result<()> {
        let text = serde_json::to_string(line).map_err(|error| TrainError::Task(error.to_string()))?;
        // One write, so that a kill cuts a line off at most.
        self.0.write_all(format!("{text}\n").as_bytes()).map_err(TrainError::io(path))
    }
}

/// The lines of a log that are whole. Errors: `Io`.
pub(crate) fn read(path: &Path) -> Result<Vec<Line>> {
    let text = std::fs::read(path).map_err(TrainError::io(path))?;
    let text = String::from_utf8_lossy(&text);
    Ok(text.lines().filter_map(|line| serde_json::from_str(line).ok()).collect())
}
