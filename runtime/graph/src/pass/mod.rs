//! Passes: graph in, graph out.
//!
//! No pass changes the graph it is given, so each can be tested and printed alone. All walk regions, and all keep the order of inputs, the names of
//! outputs, assigns, and the names and locations of nodes; nodes that a pass adds take over those of the node they replace.
//! A pass expects a [valid](Graph::validate) graph and returns one; [`optimise`], which runs them all, checks that first.
//!
//! | pass | what it does |
//! |---|---|
//! | [`infer`] | infers every type again and compares |
//! | [`substitute`] | replaces symbols in every shape |
//! | [`fold`] | computes small constants |
//! | [`simplify`] | algebra that is exact for every value |
//! | [`cse`] | one node for equal expressions |
//! | [`dead`] | drops what nothing needs |
//! | [`decompose`] | replaces composites that a target does not run itself |
//! | [`check_dtypes`] | refuses dtypes that a target lacks |

mod check_dtypes;
mod cse;
mod dead;
mod decompose;
mod fold;
mod infer;
mod rewrite;
mod simplify;
mod substitute;

pub use check_dtypes::check_dtypes;
pub use cse::cse;
pub use dead::dead;
pub use decompose::decompose;
pub use fold::fold;
pub(crate) use infer::check_types;
pub use infer::infer;
pub(crate) use rewrite::inline;
pub use simplify::simplify;
pub use substitute::substitute;

use crate::error::GraphError;
use crate::{Graph, Target};

/// Runs every pass: what remains are the primitives and native composites of `target`, in as few nodes as the rules find.
///
/// Errors: a graph that is not [valid](Graph::validate); a dtype that the target lacks.
pub fn optimise(graph: &Graph, target: &Target) -> Result<Graph, GraphError> {
    graph.validate()?; // infers every type
    let graph = shrink(graph)?;
    let graph = checked(decompose(&graph, target)?)?;
    let graph = shrink(&graph)?;
    check_dtypes(&graph, target)?;
    Ok(graph)
}

/// Folds, simplifies, merges and drops nodes until none of it changes their number.
fn shrink(graph: &Graph) -> Result<Graph, GraphError> {
    let mut graph = graph.clone();
    loop {
        let before = graph.nodes().len();
        graph = checked(fold(&graph)?)?;
        graph = checked(simplify(&graph)?)?;
        graph = checked(cse(&graph)?)?;
        graph = checked(dead(&graph)?)?;
        if graph.nodes().len() >= before {
            return Ok(graph);
        }
    }
}

/// In debug builds, checks what a pass returned.
fn checked(graph: Graph) -> Result<Graph, GraphError> {
    if cfg!(debug_assertions) {
        graph.validate()?;
    }
    Ok(graph)
}
