//! From a graph to a program: all passes in order.

use crate::error::GraphError;
use crate::lower::lower;
use crate::pass::optimise;
use crate::program::Program;
use crate::{Graph, Target};

/// Runs every pass and lowers the result to a program for `target`.
///
/// Errors: a graph that is not valid; a dtype that the target lacks, named with the op that needs it; a step that needs more tensors at once than the target can bind.
pub fn compile(graph: &Graph, target: &Target) -> Result<Program, GraphError> {
    let program = lower(&optimise(graph, target)?, target)?;
    if cfg!(debug_assertions) {
        program.validate()?;
    }
    Ok(program)
}
