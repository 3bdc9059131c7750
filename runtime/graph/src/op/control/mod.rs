//! Ops that own regions, what orders and separates computations, and access to further results.

mod barrier;
mod branch;
mod checkpoint;
mod custom_gradient;
mod detach;
mod project;
mod while_loop;

pub use barrier::Barrier;
pub use branch::If;
pub use checkpoint::Checkpoint;
pub use custom_gradient::CustomGradient;
pub use detach::Detach;
pub use project::Project;
pub use while_loop::While;
