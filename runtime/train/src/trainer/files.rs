//! Where records go.

use crate::log::Line;
use crate::{EpochRecord, EventFile, LogFile, Result, StepRecord, TrainError};
use hadal::amp::Choice;
use std::path::{Path, PathBuf};

/// The folder of a run, or nothing.
pub(super) struct Files {
    pub(super) folder: Option<PathBuf>,
    log: Option<LogFile>,
    events: Option<EventFile>,
}

impl Files {
    /// The files of a run that has done `step` steps. Errors: `Io`.
    pub(super) fn open(folder: Option<&Path>, step: u64) -> Result<Files> {
        let Some(folder) = folder else { return Ok(Files { folder: None, log: None, events: None }) };
        std::fs::create_dir_all(folder).map_err(TrainError::io(folder))?;
        Ok(Files {
            folder: Some(folder.to_path_buf()),
            log: Some(LogFile::open(&folder.join("log.jsonl"), step)?),
            events: Some(EventFile::create(&folder.join("tensorboard"), step)?),
        })
    }

    pub(super) fn step(&mut self, record: &StepRecord) -> Result<()> {
        self.line(Line::Step(record.clone()))?;
        let Some(events) = &mut self.events else { return Ok(()) };
        let mut values = vec![
            ("train/loss", record.loss),
            ("train/learning_rate", record.learning_rate),
            ("train/steps_per_second", record.steps_per_second),
            ("train/examples_per_second", record.examples_per_second),
            ("train/batch_size", record.batch_size as f64),
            ("train/loader_wait_share", record.loader_wait_share),
        ];
        values.extend(record.loss_scale.map(|scale| ("train/loss_scale", scale)));
        events.scalars(record.step, &values)
    }

    pub(super) fn epoch(&mut self, record: &EpochRecord) -> Result<()> {
        self.line(Line::Epoch(record.clone()))?;
        let Some(events) = &mut self.events else { return Ok(()) };
        let tags: Vec<(String, f64)> =
            record.metrics.iter().map(|(name, value)| (format!("valid/{name}"), *value)).collect();
        let values: Vec<(&str, f64)> = tags.iter().map(|(tag, value)| (tag.as_str(), *value)).collect();
        events.scalars(record.step, &values)
    }

    /// What was chosen at the end of an epoch.
    pub(super) fn choices(&mut self, step: u64, epoch: u64, choices: Vec<Choice>) -> Result<()> {
        self.line(Line::Precision { step, epoch, choices })
    }

    fn line(&mut self, line: Line) -> Result<()> {
        let (Some(log), Some(folder)) = (&mut self.log, &self.folder) else { return Ok(()) };
        log.write(&line, &folder.join("log.jsonl"))
    }
}
