//! What is learnt.

use hadal::nn::Module;
use hadal::{Result, Tensor};

/// A module, and what a batch says about it.
///
/// Batches are fields by name; [`Task::fields`] says which ones, and in which order the other methods get them. `loss` and `evaluate` are
/// traced, so what they do apart from tensors happens once.
pub trait Task {
    /// What is trained.
    fn module(&self) -> &dyn Module;

    /// The fields of a batch that are used.
    fn fields(&self) -> &[&'static str];

    /// The mean loss of a batch: a scalar.
    fn loss(&self, fields: &[Tensor]) -> Result<Tensor>;

    /// What metrics look at, for each example of a batch.
    fn evaluate(&self, fields: &[Tensor]) -> Result<Evaluated>;
}

/// What a task says of `n` examples. An example is what one loss belongs to: an image, a token.
#[derive(Clone, Debug)]
pub struct Evaluated {
    /// `[n]`, a float.
    pub losses: Tensor,
    /// Scores of each class, `[n, classes]`; larger is more likely.
    pub scores: Option<Tensor>,
    /// The right class, `[n]`, an integer.
    pub targets: Option<Tensor>,
}
