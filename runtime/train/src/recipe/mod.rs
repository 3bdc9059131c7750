//! Whole runs as data.
//!
//! ```
//! use hadal_train::Recipe;
//! let recipe = Recipe::builtin("fashion-mnist-mlp")?;
//! let again = Recipe::from_toml(&recipe.to_toml(), "the same")?;
//! assert_eq!(again, recipe);
//! # Ok::<(), hadal_train::TrainError>(())
//! ```

mod builtin;
mod classifier;
mod data;
mod generate;
mod language_model;
mod model;
mod n_gram;
mod run;
mod spec;

pub use builtin::BUILTIN;
pub use classifier::Classifier;
pub use generate::{Sampling, generate};
pub use language_model::LanguageModel;
pub use run::{Given, Trained, evaluate, train};
pub use spec::{
    DataSpec, ModelSpec, OptimizerKind, OptimizerSpec, PrecisionSpec, Recipe, ScheduleKind, ScheduleSpec,
    TrainingSpec,
};
