//! Ops that own regions, and access to further results.

mod branch;
mod project;
mod while_loop;

pub use branch::If;
pub use project::Project;
pub use while_loop::While;
