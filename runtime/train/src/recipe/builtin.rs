//! The recipes that come along.

use super::Recipe;
use crate::{Result, TrainError};

/// Names of the built-in recipes, with their text.
pub const BUILTIN: &[(&str, &str)] = &[
    ("fashion-mnist-mlp", include_str!("fashion-mnist-mlp.toml")),
    ("fashion-mnist-cnn", include_str!("fashion-mnist-cnn.toml")),
    ("char-transformer", include_str!("char-transformer.toml")),
];

impl Recipe {
    /// A built-in recipe. Errors: `Recipe`, with the names that there are.
    pub fn builtin(name: &str) -> Result<Recipe> {
        let Some((name, text)) = BUILTIN.iter().find(|(known, _)| *known == name) else {
            let known: Vec<&str> = BUILTIN.iter().map(|(name, _)| *name).collect();
            return Err(TrainError::Recipe {
                source_name: format!("`{name}`"),
                reason: format!("there is no such file, and the built-in recipes are {}", known.join(", ")),
            });
        };
        Recipe::from_toml(text, name)
    }
}
