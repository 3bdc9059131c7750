//! What can be wrong with a model file.

use hadal_graph::GraphError;
use std::io;

/// Why a file cannot be read or written. Every message names the file, says what was found and what was expected, and what to do.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum FormatError {
    /// The operating system refused.
    #[error("cannot {action} {file}: {error}{}", hinted(hint))]
    Io {
        /// The file.
        file: String,
        /// What was tried: `open`, `write`.
        action: &'static str,
        /// What to do; may be empty.
        hint: String,
        /// What the system said.
        #[source]
        error: io::Error,
    },
    /// The file is shorter than what it declares.
    #[error(
        "{file} ends too early: {what} needs {needed} bytes, but {found} are left\n  hint: the file is incomplete; fetch it again"
    )]
    Truncated {
        /// The file.
        file: String,
        /// Which part.
        what: String,
        /// Bytes that the part needs.
        needed: u64,
        /// Bytes that are there.
        found: u64,
    },
    /// The file breaks the rules of its format.
    #[error(
        "{file} is not a valid {format} file: {place}: found {found}, expected {expected}{}",
        hinted(hint)
    )]
    Malformed {
        /// The file.
        file: String,
        /// The format: `safetensors`, `Hadal`, `ONNX`, `npy`.
        format: &'static str,
        /// Where in the file, in the format's own terms.
        place: String,
        /// What is there.
        found: String,
        /// What should be there.
        expected: String,
        /// What to do; may be empty.
        hint: String,
    },
    /// The file is valid but needs something that Hadal does not have.
    #[error("{file}: {place}: {what} is not supported yet{}", hinted(hint))]
    Unsupported {
        /// The file.
        file: String,
        /// Where in the file, in the format's own terms.
        place: String,
        /// What is missing.
        what: String,
        /// What would work; may be empty.
        hint: String,
    },
    /// An op of the file's graph rejects its inputs.
    #[error("{file}: {place}: {error}")]
    Graph {
        /// The file.
        file: String,
        /// The node, in the format's own terms.
        place: String,
        /// What the op says.
        #[source]
        error: Box<GraphError>,
    },
    /// A weight is missing, superfluous or of another type than the graph declares.
    #[error("{file}: tensor `{name}`: found {found}, expected {expected}")]
    Weight {
        /// The file.
        file: String,
        /// The tensor.
        name: String,
        /// What is there.
        found: String,
        /// What should be there.
        expected: String,
    },
    /// The file is of no known kind.
    #[error("{file} is no model file that Hadal reads: it starts with {found}{}", hinted(hint))]
    Unrecognised {
        /// The file.
        file: String,
        /// Its first bytes, or what they are known to mean.
        found: String,
        /// What to do.
        hint: String,
    },
}

/// The line with the hint, if there is one.
fn hinted(hint: &str) -> String {
    if hint.is_empty() { String::new() } else { format!("\n  hint: {hint}") }
}

impl FormatError {
    /// The same error about the file `name`, if it does not name a file yet.
    #[must_use]
    pub fn in_file(mut self, name: &str) -> FormatError {
        let (FormatError::Io { file, .. }
        | FormatError::Truncated { file, .. }
        | FormatError::Malformed { file, .. }
        | FormatError::Unsupported { file, .. }
        | FormatError::Graph { file, .. }
        | FormatError::Weight { file, .. }
        | FormatError::Unrecognised { file, .. }) = &mut self;
        if file.is_empty() {
            *file = name.into();
        }
        self
    }

    /// The same error with another hint, where its kind has one.
    #[must_use]
    pub fn with_hint(mut self, text: impl Into<String>) -> FormatError {
        if let FormatError::Io { hint, .. }
        | FormatError::Malformed { hint, .. }
        | FormatError::Unsupported { hint, .. }
        | FormatError::Unrecognised { hint, .. } = &mut self
        {
            *hint = text.into();
        }
        self
    }

    /// `Malformed`, without a file and a hint.
    pub(crate) fn malformed(
        format: &'static str,
        place: impl Into<String>,
        found: impl Into<String>,
        expected: impl Into<String>,
    ) -> FormatError {
        FormatError::Malformed {
            file: String::new(),
            format,
            place: place.into(),
            found: found.into(),
            expected: expected.into(),
            hint: String::new(),
        }
    }

    /// `Unsupported`, without a file and a hint.
    pub(crate) fn unsupported(place: impl Into<String>, what: impl Into<String>) -> FormatError {
        FormatError::Unsupported {
            file: String::new(),
            place: place.into(),
            what: what.into(),
            hint: String::new(),
        }
    }

    /// `Graph`, without a file. The source location is that of the reader and of no use to a person.
    pub(crate) fn graph(place: impl Into<String>, mut error: GraphError) -> FormatError {
        error.location = None;
        FormatError::Graph { file: String::new(), place: place.into(), error: Box::new(error) }
    }

    /// `Weight`, without a file.
    pub(crate) fn weight(
        name: impl Into<String>,
        found: impl Into<String>,
        expected: impl Into<String>,
    ) -> FormatError {
        FormatError::Weight {
            file: String::new(),
            name: name.into(),
            found: found.into(),
            expected: expected.into(),
        }
    }

    /// `Truncated`, without a file.
    pub(crate) fn truncated(what: impl Into<String>, needed: u64, found: u64) -> FormatError {
        FormatError::Truncated { file: String::new(), what: what.into(), needed, found }
    }
}

/// Text from a file as it may stand in a message: quoted, without control characters, not longer than a line.
pub(crate) fn quoted(text: &str) -> String {
    let shown: String = text.chars().take(80).flat_map(char::escape_debug).collect();
    if text.chars().nth(80).is_some() { format!("`{shown}…`") } else { format!("`{shown}`") }
}
