//! Text from a trained model.

use super::{DataSpec, LanguageModel, Recipe};
use crate::{Checkpoint, Result, TrainError};
use hadal::nn::{Module, Scope};
use hadal::{Device, Tensor, jit};
use hadal_data::Random;
use hadal_data::text::CharVocabulary;

/// How text is drawn.
#[derive(Clone, Debug, PartialEq)]
pub struct Sampling {
    /// What the text begins with; not empty.
    pub prompt: String,
    /// Characters to draw.
    pub count: usize,
    /// Scores are divided by it; 0 always takes the best.
    pub temperature: f64,
    /// Another seed gives another text.
    pub seed: u64,
}

/// Continues a text with the model of a checkpoint; `each` is given one character after another.
///
/// The model sees as many characters as it was trained on, and all of them again for each new one. Errors: `Task` for a model that does not write
/// text, or a prompt that is empty; `Data` for a character that the model does not know.
pub fn generate(
    checkpoint: &Checkpoint,
    device: &Device,
    sampling: &Sampling,
    mut each: impl FnMut(char) -> Result<()>,
) -> Result<()> {
    let recipe = Recipe::from_toml(checkpoint.recipe(), "in the checkpoint")?;
    let DataSpec::KingJames { context, characters, .. } = &recipe.data else {
        return Err(TrainError::Task(format!("`{}` does not write text", recipe.name)));
    };
    let vocabulary = CharVocabulary::from_characters(characters.chars());
    let model =
        LanguageModel::new(&recipe.model, &Scope::weights(&checkpoint.model(device)), vocabulary.len())?;
    model.eval();
    let prompt =
        vocabulary.encode(&sampling.prompt)?.to_vec::<i32>().map_err(hadal_data::DataError::other)?;
    if prompt.is_empty() {
        return Err(TrainError::Task("the prompt is empty: a text needs a beginning".into()));
    }
    let forward = jit(device, |arguments: &[Tensor]| Ok(vec![model.scores(&arguments[0])?]));
    let random = Random::new(sampling.seed);
    let mut text = prompt;
    for drawn in 0..sampling.count {
        let seen = &text[text.len().saturating_sub(*context)..];
        // What stands behind the text is not seen by what stands before: one plan serves all lengths.
        let mut window = seen.to_vec();
        window.resize(*context, 0);
        let scores = forward.call(&[&Tensor::new(device, &window, [1, *context])?])?;
        let scores = scores[0].to_vec::<f32>()?;
        let row = &scores[(seen.len() - 1) * vocabulary.len()..seen.len() * vocabulary.len()];
        let next = draw(row, sampling.temperature, random.at(&[drawn as u64]).f64());
        text.push(next as i32);
        each(vocabulary.characters()[next])?;
    }
    Ok(())
}

/// The place that a number in `0..1` falls on, where each place is as wide as its probability.
fn draw(scores: &[f32], temperature: f64, at: f64) -> usize {
    let most = scores.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    let best = scores.iter().position(|&score| score == most).unwrap_or(0);
    if temperature <= 0.0 {
        return best;
    }
    let weights: Vec<f64> =
        scores.iter().map(|&score| (f64::from(score - most) / temperature).exp()).collect();
    let mut left = at * weights.iter().sum::<f64>();
    for (place, weight) in weights.iter().enumerate() {
        left -= weight;
        if left < 0.0 {
            return place;
        }
    }
    best
}

#[cfg(test)]
mod tests {
    use super::draw;

    #[test]
    fn places_are_as_wide_as_their_probability() {
        let scores = [0.0f32, 3f32.ln(), f32::NEG_INFINITY];
        let counts = (0..1000).map(|i| draw(&scores, 1.0, (f64::from(i) + 0.5) / 1000.0));
        let ones = counts.filter(|&place| place == 1).count();
        assert_eq!(ones, 750);
        assert_eq!(draw(&scores, 0.0, 0.1), 1);
        // A low temperature sharpens: 3 : 1 becomes 9 : 1.
        assert_eq!(
            (0..1000).filter(|&i| draw(&scores, 0.5, (f64::from(i) + 0.5) / 1000.0) == 1).count(),
            900
        );
    }
}
