//! What a dashboard knows of a run.

use hadal_train::{EpochRecord, StepRecord};
use std::collections::{BTreeMap, VecDeque};
use std::time::{Duration, Instant};

/// Points of a curve at most: more than a terminal has dots.
const POINTS: usize = 2000;
/// Messages that are kept.
const MESSAGES: usize = 50;

/// A run as far as it has come.
#[derive(Debug)]
pub(super) struct State {
    pub(super) name: String,
    pub(super) device: String,
    pub(super) epochs: u64,
    pub(super) started: Instant,
    /// Epochs that are over.
    pub(super) done: u64,
    pub(super) step: u64,
    pub(super) batch: usize,
    pub(super) batches: usize,
    /// Batches that this process has trained on.
    trained: u64,
    pub(super) last: Option<StepRecord>,
    pub(super) losses: Vec<(f64, f64)>,
    /// By metric.
    pub(super) metrics: BTreeMap<String, Vec<(f64, f64)>>,
    /// Bytes in use, and at the peak.
    pub(super) memory: (u64, u64),
    pub(super) messages: VecDeque<String>,
    pub(super) pausing: bool,
}

impl State {
    pub(super) fn new(name: &str, device: &str, epochs: u64) -> State {
        State {
            name: name.into(),
            device: device.into(),
            epochs,
            started: Instant::now(),
            done: 0,
            step: 0,
            batch: 0,
            batches: 0,
            trained: 0,
            last: None,
            losses: Vec::new(),
            metrics: BTreeMap::new(),
            memory: (0, 0),
            messages: VecDeque::new(),
            pausing: false,
        }
    }

    pub(super) fn progress(&mut self, step: u64, batch: usize, batches: usize) {
        (self.step, self.batch, self.batches) = (step, batch, batches);
        self.trained += 1;
    }

    pub(super) fn step(&mut self, record: &StepRecord) {
        self.losses.push((record.step as f64, record.loss));
        if self.losses.len() > POINTS {
            // Of each two neighbours their mean.
            let mean = |pair: &[(f64, f64)]| match pair {
                [a, b] => ((a.0 + b.0) / 2.0, (a.1 + b.1) / 2.0),
                _ => pair[0],
            };
            self.losses = self.losses.chunks(2).map(mean).collect();
        }
        self.last = Some(record.clone());
    }

    pub(super) fn epoch(&mut self, record: &EpochRecord) {
        self.done = record.epoch + 1;
        self.step = record.step;
        self.batch = 0;
        for (name, value) in &record.metrics {
            self.metrics.entry(name.clone()).or_default().push((record.step as f64, *value));
        }
        let metrics: Vec<String> =
            record.metrics.iter().map(|(name, value)| format!("{name} {value:.4}")).collect();
        let best = if record.best { "  best so far" } else { "" };
        self.message(&format!("epoch {}: {}, {:.1} s{best}", self.done, metrics.join(", "), record.seconds));
    }

    pub(super) fn message(&mut self, text: &str) {
        self.messages.push_back(text.into());
        if self.messages.len() > MESSAGES {
            self.messages.pop_front();
        }
    }

    /// The share of all batches that are behind, from 0 to 1.
    pub(super) fn share(&self) -> f64 {
        let epoch = self.batch as f64 / self.batches.max(1) as f64;
        ((self.done as f64 + epoch) / self.epochs.max(1) as f64).min(1.0)
    }

    /// How long the rest takes, at the pace so far; `elapsed` since this process began. `None` before there is a pace.
    pub(super) fn left(&self, elapsed: Duration) -> Option<Duration> {
        let all = self.epochs as f64 * self.batches as f64;
        let behind = self.share() * all;
        let left = elapsed.as_secs_f64() * (all - behind).max(0.0) / self.trained as f64;
        (self.trained > 0).then(|| Duration::try_from_secs_f64(left).ok()).flatten()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_left_follows_from_the_pace_of_this_process() {
        let mut state = State::new("run", "cpu:0", 4);
        assert_eq!(state.left(Duration::from_secs(5)), None);
        // A run that resumed in the second half of the second of four epochs.
        state.done = 1;
        for batch in 51..=75 {
            state.progress(100 + batch, batch as usize, 100);
        }
        assert_eq!(state.share(), 1.75 / 4.0);
        assert_eq!(state.left(Duration::from_secs(50)), Some(Duration::from_secs(450)));
    }

    #[test]
    fn long_curves_are_thinned_and_messages_are_dropped() {
        let mut state = State::new("run", "cpu:0", 1);
        for step in 0..5000u64 {
            let record = StepRecord {
                step,
                epoch: 0,
                loss: 1.0,
                learning_rate: 0.1,
                steps_per_second: 1.0,
                examples_per_second: 1.0,
                batch_size: 1,
                loss_scale: None,
                loader_wait_share: 0.0,
            };
            state.step(&record);
            state.message("text");
        }
        assert!(state.losses.len() <= POINTS && state.losses.len() > POINTS / 2);
        assert!(state.losses.is_sorted_by(|a, b| a.0 < b.0) && state.losses.iter().all(|p| p.1 == 1.0));
        assert_eq!(state.messages.len(), MESSAGES);
    }
}
