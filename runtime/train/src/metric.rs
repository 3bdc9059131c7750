//! How good a model is: numbers over a whole data set, computed on the host from what a task says of each example.

use crate::{Result, TrainError};

/// Which way a metric improves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    /// Larger is better.
    Higher,
    /// Smaller is better.
    Lower,
}

impl Direction {
    /// Whether `new` is better than `old`. NaN is never better.
    pub fn improves(self, new: f64, old: f64) -> bool {
        match self {
            Direction::Higher => new > old || (old.is_nan() && !new.is_nan()),
            Direction::Lower => new < old || (old.is_nan() && !new.is_nan()),
        }
    }
}

/// What a task said of some examples, in host memory.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Examples {
    /// One for each example.
    pub losses: Vec<f32>,
    /// A row of scores for each example; empty where the task has none.
    pub scores: Vec<f32>,
    /// The right classes; empty where the task has none.
    pub targets: Vec<i64>,
}

impl Examples {
    /// The class with the largest score, for each example. Errors: `Task` where there are no scores.
    pub fn predictions(&self) -> Result<impl Iterator<Item = usize>> {
        Ok(self.classified("prediction")?.map(|(scores, _)| best(scores)))
    }

    /// Scores of each example, with its right class. Errors: `Task` where there are none.
    fn classified(&self, metric: &str) -> Result<impl Iterator<Item = (&[f32], i64)>> {
        let classes = self.scores.len() / self.targets.len().max(1);
        if classes * self.targets.len() != self.scores.len() || (classes == 0 && !self.losses.is_empty()) {
            return Err(TrainError::Task(format!(
                "the metric `{metric}` needs a score for each class and the right class, but there are {} scores for {} examples",
                self.scores.len(),
                self.targets.len()
            )));
        }
        Ok(self.scores.chunks_exact(classes.max(1)).zip(self.targets.iter().copied()))
    }
}

/// The place of the largest score; of equal ones the first. NaN is the smallest.
fn best(scores: &[f32]) -> usize {
    let mut best = 0;
    for (i, score) in scores.iter().enumerate() {
        if *score > scores[best] || (scores[best].is_nan() && !score.is_nan()) {
            best = i;
        }
    }
    best
}

/// A number over a data set.
pub trait Metric {
    /// Its name in records.
    fn name(&self) -> &'static str;
    /// Which way it improves.
    fn direction(&self) -> Direction;
    /// Takes some examples in. Errors: `Task` when the task does not say what the metric needs.
    fn add(&mut self, examples: &Examples) -> Result<()>;
    /// The number over all examples since the last call; starts anew. NaN of none.
    fn take(&mut self) -> f64;
}

impl Metric for Box<dyn Metric> {
    fn name(&self) -> &'static str {
        (**self).name()
    }
    fn direction(&self) -> Direction {
        (**self).direction()
    }
    fn add(&mut self, examples: &Examples) -> Result<()> {
        (**self).add(examples)
    }
    fn take(&mut self) -> f64 {
        (**self).take()
    }
}

/// The mean loss.
#[derive(Clone, Debug, Default)]
pub struct Loss {
    sum: f64,
    count: usize,
}

impl Metric for Loss {
    fn name(&self) -> &'static str {
        "loss"
    }
    fn direction(&self) -> Direction {
        Direction::Lower
    }
    fn add(&mut self, examples: &Examples) -> Result<()> {
        self.sum += examples.losses.iter().map(|&loss| f64::from(loss)).sum::<f64>();
        self.count += examples.losses.len();
        Ok(())
    }
    fn take(&mut self) -> f64 {
        let Loss { sum, count } = std::mem::take(self);
        sum / count as f64
    }
}

/// `exp` of the mean loss, which has to be a cross-entropy in nats.
#[derive(Clone, Debug, Default)]
pub struct Perplexity(Loss);

impl Metric for Perplexity {
    fn name(&self) -> &'static str {
        "perplexity"
    }
    fn direction(&self) -> Direction {
        Direction::Lower
    }
    fn add(&mut self, examples: &Examples) -> Result<()> {
        self.0.add(examples)
    }
    fn take(&mut self) -> f64 {
        self.0.take().exp()
    }
}

/// The share of examples whose largest score is that of the right class; `sklearn.metrics.accuracy_score`.
#[derive(Clone, Debug, Default)]
pub struct Accuracy {
    right: usize,
    count: usize,
}

impl Metric for Accuracy {
    fn name(&self) -> &'static str {
        "accuracy"
    }
    fn direction(&self) -> Direction {
        Direction::Higher
    }
    fn add(&mut self, examples: &Examples) -> Result<()> {
        for (scores, target) in examples.classified("accuracy")? {
            self.right += usize::from(best(scores) as i64 == target);
            self.count += 1;
        }
        Ok(())
    }
    fn take(&mut self) -> f64 {
        let Accuracy { right, count } = std::mem::take(self);
        right as f64 / count as f64
    }
}

/// The mean over classes of the harmonic mean of precision and recall; `sklearn.metrics.f1_score(average="macro")`. Classes that are
/// neither right nor predicted anywhere do not count; one that is never found counts 0.
#[derive(Clone, Debug, Default)]
pub struct F1 {
    /// By class: right and predicted, predicted, right.
    counts: Vec<[usize; 3]>,
}

impl Metric for F1 {
    fn name(&self) -> &'static str {
        "f1"
    }
    fn direction(&self) -> Direction {
        Direction::Higher
    }
    fn add(&mut self, examples: &Examples) -> Result<()> {
        for (scores, target) in examples.classified("f1")? {
            let predicted = best(scores);
            self.counts.resize(self.counts.len().max(scores.len()), [0; 3]);
            if predicted as i64 == target {
                self.counts[predicted][0] += 1;
            }
            self.counts[predicted][1] += 1;
            let Some(class) = usize::try_from(target).ok().and_then(|target| self.counts.get_mut(target))
            else {
                return Err(TrainError::Task(format!(
                    "a target is {target}, but there are {} classes",
                    scores.len()
                )));
            };
            class[2] += 1;
        }
        Ok(())
    }
    fn take(&mut self) -> f64 {
        let counts = std::mem::take(&mut self.counts);
        let seen = counts.iter().filter(|[_, predicted, right]| predicted + right > 0);
        let (sum, classes) = seen.fold((0.0, 0), |(sum, classes), [both, predicted, right]| {
            (sum + 2.0 * *both as f64 / (predicted + right) as f64, classes + 1)
        });
        sum / f64::from(classes)
    }
}

/// The area under the receiver operating characteristic, one class against the rest, as a mean over classes that have both;
/// `sklearn.metrics.roc_auc_score(multi_class="ovr")`, and of two classes that of the second. Keeps all scores until it is taken.
#[derive(Clone, Debug, Default)]
pub struct RocAuc {
    rows: Vec<(Vec<f32>, i64)>,
}

impl Metric for RocAuc {
    fn name(&self) -> &'static str {
        "auc"
    }
    fn direction(&self) -> Direction {
        Direction::Higher
    }
    fn add(&mut self, examples: &Examples) -> Result<()> {
        self.rows.extend(examples.classified("auc")?.map(|(scores, target)| (scores.to_vec(), target)));
        Ok(())
    }
    fn take(&mut self) -> f64 {
        let rows = std::mem::take(&mut self.rows);
        let classes = rows.first().map_or(0, |(scores, _)| scores.len());
        let first = if classes == 2 { 1 } else { 0 };
        let areas: Vec<f64> = (first..classes).filter_map(|class| area(&rows, class)).collect();
        areas.iter().sum::<f64>() / areas.len() as f64
    }
}

/// The chance that an example of the class scores higher than one of another, ties counting half (Mann and Whitney, 1947); `None` where
/// there is no such pair. Scores of several classes are compared as probabilities, so as log-odds within the row.
fn area(rows: &[(Vec<f32>, i64)], class: usize) -> Option<f64> {
    let mut scored: Vec<(f64, bool)> =
        rows.iter().map(|(scores, target)| (probability(scores, class), *target == class as i64)).collect();
    scored.sort_by(|a, b| a.0.total_cmp(&b.0));
    let (mut rank_sum, mut positives, mut start) = (0.0, 0usize, 0);
    while start < scored.len() {
        let end =
            start + scored[start..].iter().take_while(|(score, _)| *score == scored[start].0).count().max(1);
        // Ties share the mean of their ranks, which count from 1.
        let rank = (start + 1 + end) as f64 / 2.0;
        let found = scored[start..end].iter().filter(|(_, positive)| *positive).count();
        rank_sum += rank * found as f64;
        positives += found;
        start = end;
    }
    let negatives = scored.len() - positives;
    let pairs = positives as f64 * negatives as f64;
    (pairs > 0.0).then(|| (rank_sum - (positives * (positives + 1)) as f64 / 2.0) / pairs)
}

/// The softmax of a row, at one class.
fn probability(scores: &[f32], class: usize) -> f64 {
    let most = scores.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    let sum: f64 = scores.iter().map(|&score| f64::from(score - most).exp()).sum();
    f64::from(scores[class] - most).exp() / sum
}
