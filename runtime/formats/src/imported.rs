//! What a model file brings.

use hadal_graph::{Graph, HostTensor};
use std::collections::BTreeMap;

/// A graph with its weights.
#[derive(Clone, Debug)]
pub struct Imported {
    /// The computation.
    pub graph: Graph,
    /// The values of its parameters and variables, by name.
    pub weights: BTreeMap<String, HostTensor>,
}
