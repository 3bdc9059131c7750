//! Why an operator does not import a node, without saying which: the importer adds that.

use super::FORMAT;
use crate::FormatError;
use hadal_graph::{GraphError, OpError};

/// Why an operator does not import a node.
#[derive(Debug)]
pub(crate) enum Refusal {
    /// The node breaks the operator's rules.
    Malformed { found: String, expected: String },
    /// A variant of the operator that Hadal does not have.
    Unsupported { what: String, hint: String },
    /// The graph's op rejects its inputs.
    Graph(Box<GraphError>),
    /// Something that already names its place.
    Format(Box<FormatError>),
}

impl Refusal {
    pub(crate) fn malformed(found: impl Into<String>, expected: impl Into<String>) -> Refusal {
        Refusal::Malformed { found: found.into(), expected: expected.into() }
    }

    pub(crate) fn unsupported(what: impl Into<String>) -> Refusal {
        Refusal::Unsupported { what: what.into(), hint: String::new() }
    }

    pub(crate) fn with_hint(mut self, text: impl Into<String>) -> Refusal {
        if let Refusal::Unsupported { hint, .. } = &mut self {
            *hint = text.into();
        }
        self
    }

    /// The error of the node at `place`.
    pub(crate) fn at(self, place: String) -> FormatError {
        match self {
            Refusal::Malformed { found, expected } => FormatError::malformed(FORMAT, place, found, expected),
            Refusal::Unsupported { what, hint } => FormatError::unsupported(place, what).with_hint(hint),
            Refusal::Graph(error) => FormatError::graph(place, *error),
            Refusal::Format(error) => *error,
        }
    }
}

impl From<GraphError> for Refusal {
    fn from(error: GraphError) -> Refusal {
        Refusal::Graph(Box::new(error))
    }
}

impl From<OpError> for Refusal {
    fn from(error: OpError) -> Refusal {
        Refusal::malformed(error.to_string(), "operands that fit")
    }
}

impl From<FormatError> for Refusal {
    fn from(error: FormatError) -> Refusal {
        Refusal::Format(Box::new(error))
    }
}
