//! What can go wrong with data.

use std::io;
use std::path::Path;

/// Why data cannot be read, combined or loaded. Every message says what was found, what was expected and, where there is something, what
/// to do.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DataError {
    /// The operating system refused.
    #[error("cannot {action} {file}: {error}{}", hinted(hint))]
    Io {
        /// The file or program.
        file: String,
        /// What was tried: `open`, `read`, `run`.
        action: &'static str,
        /// What to do; may be empty.
        hint: String,
        /// What the system said.
        #[source]
        error: io::Error,
    },
    /// A known data set is not on this machine.
    #[error("{name} is not here: looked at {}\n  hint: {hint}", searched.join(", "))]
    Missing {
        /// The data set.
        name: String,
        /// Where it was looked for.
        searched: Vec<String>,
        /// How to get it.
        hint: String,
    },
    /// A file breaks the rules of its format.
    #[error(
        "{file} is not a valid {format} file: {place}: found {found}, expected {expected}{}",
        hinted(hint)
    )]
    Malformed {
        /// The file.
        file: String,
        /// The format: `IDX`, `CSV`, ….
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
    /// A file is valid but needs something that Hadal does not have.
    #[error("{file}: {place}: {what} is not supported{}", hinted(hint))]
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
    /// There is no such sample.
    #[error("there is no sample {index}: the data set has {len}")]
    Index {
        /// The index asked for.
        index: usize,
        /// Number of samples.
        len: usize,
    },
    /// A sample or table has no field of this name.
    #[error("there is no field `{name}`: there are {}", listed(fields))]
    Field {
        /// The name asked for.
        name: String,
        /// The names that are there.
        fields: Vec<String>,
    },
    /// Tensors do not go together, or are not what a function takes.
    #[error("field `{field}`: found {found}, expected {expected}{}", hinted(hint))]
    Tensor {
        /// The field.
        field: String,
        /// What is there.
        found: String,
        /// What would fit.
        expected: String,
        /// What to do; may be empty.
        hint: String,
    },
    /// An argument lies outside its range.
    #[error("{what} is {found}; expected {expected}")]
    Argument {
        /// The argument.
        what: &'static str,
        /// Its value.
        found: String,
        /// What is accepted.
        expected: String,
    },
    /// What a sample's own error was, with the sample.
    #[error("sample {index}: {error}")]
    Sample {
        /// Its index in the data set that is being loaded.
        index: usize,
        /// What went wrong.
        #[source]
        error: Box<DataError>,
    },
    /// Code of a data set, an augmentation or a collation panicked.
    #[error("the code that makes it panicked: {message}")]
    Panicked {
        /// The message of the panic.
        message: String,
    },
    /// An error of a person's own data set or transformation.
    #[error(transparent)]
    Other(Box<dyn std::error::Error + Send + Sync>),
}

impl DataError {
    /// An error of one's own, in a [`Dataset`](crate::Dataset) or a transformation.
    pub fn other(error: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> DataError {
        DataError::Other(error.into())
    }

    /// The same error, about this sample.
    #[must_use]
    pub(crate) fn of_sample(self, index: usize) -> DataError {
        DataError::Sample { index, error: Box::new(self) }
    }

    /// The same error about the file at `path`, if it does not name a file yet.
    #[must_use]
    pub(crate) fn in_file(mut self, path: impl AsRef<Path>) -> DataError {
        if let DataError::Io { file, .. }
        | DataError::Malformed { file, .. }
        | DataError::Unsupported { file, .. } = &mut self
            && file.is_empty()
        {
            *file = path.as_ref().display().to_string();
        }
        self
    }

    /// The same error with another hint, where its kind has one.
    #[must_use]
    pub(crate) fn with_hint(mut self, text: impl Into<String>) -> DataError {
        if let DataError::Io { hint, .. }
        | DataError::Missing { hint, .. }
        | DataError::Malformed { hint, .. }
        | DataError::Unsupported { hint, .. }
        | DataError::Tensor { hint, .. } = &mut self
        {
            *hint = text.into();
        }
        self
    }

    /// The same error, if it is `Missing`, with one place more where it was looked.
    #[must_use]
    pub(crate) fn also_searched(mut self, place: &str) -> DataError {
        if let DataError::Missing { searched, .. } = &mut self {
            searched.push(place.into());
        }
        self
    }

    /// `Io`.
    pub(crate) fn io(path: impl AsRef<Path>, action: &'static str, error: io::Error) -> DataError {
        let hint = match error.kind() {
            io::ErrorKind::NotFound => "check the path",
            io::ErrorKind::PermissionDenied => "check who may read it",
            _ => "",
        };
        DataError::Io { file: path.as_ref().display().to_string(), action, hint: hint.into(), error }
    }

    /// `Malformed`, without a file and a hint.
    pub(crate) fn malformed(
        format: &'static str,
        place: impl Into<String>,
        found: impl Into<String>,
        expected: impl Into<String>,
    ) -> DataError {
        DataError::Malformed {
            file: String::new(),
            format,
            place: place.into(),
            found: found.into(),
            expected: expected.into(),
            hint: String::new(),
        }
    }

    /// `Tensor`, without a hint.
    pub(crate) fn tensor(
        field: impl Into<String>,
        found: impl Into<String>,
        expected: impl Into<String>,
    ) -> DataError {
        DataError::Tensor {
            field: field.into(),
            found: found.into(),
            expected: expected.into(),
            hint: String::new(),
        }
    }

    /// `Argument`.
    pub(crate) fn argument(
        what: &'static str,
        found: impl ToString,
        expected: impl Into<String>,
    ) -> DataError {
        DataError::Argument { what, found: found.to_string(), expected: expected.into() }
    }
}

/// The line with the hint, if there is one.
fn hinted(hint: &str) -> String {
    if hint.is_empty() { String::new() } else { format!("\n  hint: {hint}") }
}

fn listed(fields: &[String]) -> String {
    if fields.is_empty() {
        return "none".into();
    }
    fields.iter().map(|f| quoted(f)).collect::<Vec<_>>().join(", ")
}

/// Text from a file as it may stand in a message: quoted, without control characters, not longer than a line.
pub(crate) fn quoted(text: &str) -> String {
    let shown: String = text.chars().take(80).flat_map(char::escape_debug).collect();
    if text.chars().nth(80).is_some() { format!("`{shown}…`") } else { format!("`{shown}`") }
}
