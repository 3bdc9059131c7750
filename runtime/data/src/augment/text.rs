//! Changing tokens.

use super::{Transform, on_field};
use crate::collate::describe;
use crate::{DataError, Random, Sample};
use hadal_graph::{DType, HostTensor, Scalar};
use std::sync::Arc;

/// The label of a token that is not to be predicted, as PyTorch's `ignore_index`.
pub const IGNORED: i32 = -100;

/// Drops each token with this probability: it is replaced by `replacement`, or taken out where that is `None`. At least one token stays.
///
/// Errors when applied: `Tensor` for what are no tokens.
pub fn token_dropout(field: &str, probability: f32, replacement: Option<i32>) -> Transform {
    on_field(field, move |tokens, random| {
        let values = read(&tokens)?;
        let mut kept = Vec::with_capacity(values.len());
        for &token in &values {
            match (random.chance(probability), replacement) {
                (false, _) => kept.push(token),
                (true, Some(other)) => kept.push(other.into()),
                (true, None) => {}
            }
        }
        if kept.is_empty() && !values.is_empty() {
            kept.push(values[random.below(values.len())]);
        }
        write(tokens.dtype(), kept)
    })
}

/// Hides tokens for a model to guess: masked language modelling. Devlin et al., 2019; Hugging Face: `DataCollatorForLanguageModeling`.
///
/// Of the tokens that are chosen, 80 % become the mask, 10 % a random token, and 10 % stay. A field of labels is added: the token where it
/// was chosen, and [`IGNORED`] elsewhere.
///
/// ```
/// use hadal_data::augment::MaskTokens;
/// let transform = MaskTokens::new("tokens", 103, 30522).probability(0.15).keep([0, 101, 102]).transform();
/// ```
#[derive(Clone, Debug)]
pub struct MaskTokens {
    field: Arc<str>,
    labels: Arc<str>,
    mask: i32,
    vocabulary: usize,
    probability: f32,
    keep: Vec<i64>,
}

impl MaskTokens {
    /// Masks 15 % of a field's tokens with the token `mask` and adds the field `labels`; random tokens are numbers below `vocabulary`.
    pub fn new(field: &str, mask: i32, vocabulary: usize) -> MaskTokens {
        MaskTokens {
            field: field.into(),
            labels: "labels".into(),
            mask,
            vocabulary,
            probability: 0.15,
            keep: Vec::new(),
        }
    }

    /// The probability with which a token is chosen.
    #[must_use]
    pub fn probability(mut self, probability: f32) -> MaskTokens {
        self.probability = probability;
        self
    }

    /// Tokens that are never chosen, as those around a text.
    #[must_use]
    pub fn keep(mut self, tokens: impl IntoIterator<Item = i32>) -> MaskTokens {
        self.keep = tokens.into_iter().map(i64::from).collect();
        self
    }

    /// What the field of labels is called.
    #[must_use]
    pub fn labels(mut self, name: &str) -> MaskTokens {
        self.labels = name.into();
        self
    }

    /// The transform. Errors when applied: `Tensor` for what are no tokens.
    pub fn transform(self) -> Transform {
        Box::new(move |sample, random| self.apply(sample, random))
    }

    fn apply(&self, mut sample: Sample, random: &mut Random) -> Result<Sample, DataError> {
        let tokens = sample.field(&self.field)?;
        let dtype = tokens.dtype();
        let mut values = read(tokens).map_err(|error| match error {
            DataError::Tensor { found, expected, hint, .. } => {
                DataError::Tensor { field: self.field.to_string(), found, expected, hint }
            }
            other => other,
        })?;
        let mut labels = Vec::with_capacity(values.len());
        for token in &mut values {
            if self.keep.contains(token) || !random.chance(self.probability) {
                labels.push(IGNORED.into());
                continue;
            }
            labels.push(*token);
            match random.below(10) {
                0..8 => *token = self.mask.into(),
                8 => *token = random.below(self.vocabulary) as i64,
                _ => {}
            }
        }
        sample.insert(self.field.clone(), write(dtype, values)?);
        sample.insert(self.labels.clone(), write(dtype, labels)?);
        Ok(sample)
    }
}

fn read(tokens: &HostTensor) -> Result<Vec<i64>, DataError> {
    if tokens.shape().len() != 1 || !matches!(tokens.dtype(), DType::I32 | DType::I64) {
        let found = describe(tokens.dtype(), tokens.shape());
        return Err(DataError::tensor("", found, "tokens, i32 or i64 of one axis"));
    }
    Ok(tokens.scalars().map(|token| token.to_i128() as i64).collect())
}

fn write(dtype: DType, values: Vec<i64>) -> Result<HostTensor, DataError> {
    let scalars = values.iter().map(|&value| Scalar::Int(value.into()));
    HostTensor::from_scalars(dtype, [values.len()], scalars).map_err(DataError::other)
}
