//! The data of recipes.

use super::n_gram::NGram;
use super::{DataSpec, TrainingSpec};
use crate::{Result, TrainError};
use hadal::HostTensor;
use hadal_data::fashion_mnist::{self, Part};
use hadal_data::text::{self, CharVocabulary, Windows};
use hadal_data::{DataLoader, Dataset, Random, Sample, Subset, TensorDataset};

/// Examples of a batch in evaluation, which keeps nothing for a backward pass.
const EVALUATION: usize = 500;

/// The parts of a recipe's data.
pub(super) struct Data {
    pub(super) train: DataLoader,
    /// Chooses the best epoch.
    pub(super) valid: DataLoader,
    /// Is looked at once, at the end.
    pub(super) test: DataLoader,
    /// Of a text: all but the test part, and the test part.
    text: Option<[HostTensor; 2]>,
}

impl Data {
    /// The loss on the test part of a 5-gram that is counted on all else, in nats a character. `None` where the data is no text, or has more kinds of
    /// characters than a 5-gram counts.
    pub(super) fn five_gram_loss(&self) -> Result<Option<f64>> {
        let Some(parts) = &self.text else { return Ok(None) };
        let [mut counted, mut tested] = [Vec::new(), Vec::new()];
        for (numbers, part) in [&mut counted, &mut tested].into_iter().zip(parts) {
            for number in part.to_vec::<i32>().map_err(hadal::Error::from)? {
                let Ok(number) = u16::try_from(number) else { return Ok(None) };
                numbers.push(number);
            }
        }
        let classes = counted.iter().chain(&tested).max().map_or(0, |&most| usize::from(most) + 1);
        Ok(Some(NGram::count(&counted, 5, classes).loss(&tested)))
    }
}

/// Loads the data. Errors: data that is not there; too little for a single batch.
pub(super) fn load(spec: &DataSpec, training: &TrainingSpec) -> Result<Data> {
    match spec {
        DataSpec::FashionMnist { held_out, limit } => {
            let mut all = fashion_mnist::load(Part::Train)?;
            if training.shuffle_labels {
                all = with_shuffled(&all, training.seed)?;
            }
            let count = limit.unwrap_or(all.len()).min(all.len());
            let share = *held_out as f64 / count.max(1) as f64;
            let (rest, valid) = Subset::first(all, count).split(share.min(1.0), 0)?;
            Ok(Data {
                train: DataLoader::builder(rest)
                    .batch_size(training.batch_size)
                    .shuffle(training.seed)
                    .drop_last(true)
                    .build()?,
                valid: DataLoader::builder(valid).batch_size(EVALUATION).build()?,
                test: test(spec)?,
                text: None,
            })
        }
        DataSpec::KingJames { context, held_out, .. } => {
            if training.shuffle_labels {
                return Err(TrainError::Task("a text has no labels to shuffle".into()));
            }
            let (rest, test) = text::hold_out(&tokens(spec)?, *held_out)?;
            let (train, valid) = text::hold_out(&rest, *held_out)?;
            Ok(Data {
                train: DataLoader::builder(Windows::new(train, *context, *context)?)
                    .batch_size(training.batch_size)
                    .shuffle(training.seed)
                    .drop_last(true)
                    .build()?,
                valid: DataLoader::builder(Windows::new(valid, *context, *context)?)
                    .batch_size(training.batch_size)
                    .build()?,
                test: DataLoader::builder(Windows::new(test.clone(), *context, *context)?)
                    .batch_size(training.batch_size)
                    .build()?,
                text: Some([rest, test]),
            })
        }
    }
}

/// The text as numbers. Errors: `Missing`; `Text` for a character that the model does not know.
fn tokens(spec: &DataSpec) -> Result<HostTensor> {
    let text = text::king_james()?;
    let vocabulary = match spec {
        DataSpec::KingJames { characters, .. } if !characters.is_empty() => {
            CharVocabulary::from_characters(characters.chars())
        }
        _ => CharVocabulary::of(&text),
    };
    Ok(vocabulary.encode(&text)?)
}

/// The specification with what only the data know.
pub(super) fn completed(spec: &DataSpec) -> Result<DataSpec> {
    let mut spec = spec.clone();
    if let DataSpec::KingJames { characters, .. } = &mut spec
        && characters.is_empty()
    {
        *characters = CharVocabulary::of(&text::king_james()?).characters().iter().collect();
    }
    Ok(spec)
}

/// The test part alone.
pub(super) fn test(spec: &DataSpec) -> Result<DataLoader> {
    match spec {
        DataSpec::FashionMnist { .. } => {
            Ok(DataLoader::builder(fashion_mnist::load(Part::Test)?).batch_size(EVALUATION).build()?)
        }
        DataSpec::KingJames { context, held_out, .. } => {
            let (_, test) = text::hold_out(&tokens(spec)?, *held_out)?;
            Ok(DataLoader::builder(Windows::new(test, *context, *context)?).batch_size(32).build()?)
        }
    }
}

fn with_shuffled(all: &TensorDataset, seed: u64) -> Result<TensorDataset> {
    let labels = all.tensor("label")?;
    let size = labels.dtype().size();
    let order = Random::new(seed).at(&[0x6c61_6265_6c73]).permutation(all.len());
    let bytes: Vec<u8> =
        order.iter().flat_map(|&i| &labels.bytes()[i * size..(i + 1) * size]).copied().collect();
    let labels = HostTensor::from_bytes(labels.dtype(), labels.shape(), hadal::graph::Bytes::new(bytes))
        .map_err(hadal_data::DataError::other)?;
    let image = all.tensor("image")?.clone();
    Ok(TensorDataset::new(Sample::new().with("image", image).with("label", labels))?)
}
