//! How a person names a device: `auto`, `cpu`, `wgpu`, `wgpu:1`, `wgpu:llvmpipe`.

use std::fmt;
use std::str::FromStr;

/// Which of a backend's devices.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub enum Which {
    /// The backend's best.
    #[default]
    Any,
    /// The n-th, in the order in which the backend lists them.
    Index(usize),
    /// The first whose name contains this text, in any case.
    Name(String),
}

impl fmt::Display for Which {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Which::Any => f.write_str("any"),
            Which::Index(index) => write!(f, "{index}"),
            Which::Name(name) => f.write_str(name),
        }
    }
}

/// Which device of which backend.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub enum Selector {
    /// The best device found, whatever its backend. Never a software GPU where there is a cpu backend.
    #[default]
    Auto,
    /// A device of one backend.
    Backend {
        /// Lower-case name: `cpu`, `wgpu`, `cuda`, `rocm`.
        backend: String,
        /// Which of its devices.
        which: Which,
    },
}

impl Selector {
    /// Any device of `backend`.
    pub fn backend(backend: &str) -> Selector {
        Selector::Backend { backend: backend.to_lowercase(), which: Which::Any }
    }
}

/// Why a text names no device.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{given}` does not name a device: {reason}\n  hint: write `auto`, `cpu`, `wgpu`, `wgpu:1` or `wgpu:NAME`"
)]
pub struct SelectorError {
    /// The text.
    pub given: String,
    /// What is wrong with it.
    pub reason: String,
}

impl FromStr for Selector {
    type Err = SelectorError;

    fn from_str(text: &str) -> Result<Selector, SelectorError> {
        let fail = |reason: &str| Err(SelectorError { given: text.into(), reason: reason.into() });
        let trimmed = text.trim();
        let (backend, which) = match trimmed.split_once(':') {
            Some((backend, which)) => (backend, Some(which)),
            None => (trimmed, None),
        };
        if backend.is_empty() || !backend.chars().all(|c| c.is_ascii_alphanumeric()) {
            return fail("the part before `:` is not the name of a backend");
        }
        let backend = backend.to_lowercase();
        match which {
            Some("") => fail("nothing follows `:`"),
            Some(_) if backend == "auto" => fail("`auto` chooses the device itself"),
            None if backend == "auto" => Ok(Selector::Auto),
            None => Ok(Selector::Backend { backend, which: Which::Any }),
            Some(which) if which.bytes().all(|b| b.is_ascii_digit()) => match which.parse() {
                Ok(index) => Ok(Selector::Backend { backend, which: Which::Index(index) }),
                Err(_) => fail("the index is too large"),
            },
            Some(which) => Ok(Selector::Backend { backend, which: Which::Name(which.into()) }),
        }
    }
}

impl fmt::Display for Selector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Selector::Auto => f.write_str("auto"),
            Selector::Backend { backend, which: Which::Any } => f.write_str(backend),
            Selector::Backend { backend, which } => write!(f, "{backend}:{which}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_name_devices() {
        let named = |backend: &str, which| Selector::Backend { backend: backend.into(), which };
        let cases = [
            ("auto", Selector::Auto),
            ("CPU", named("cpu", Which::Any)),
            ("wgpu", named("wgpu", Which::Any)),
            ("wgpu:1", named("wgpu", Which::Index(1))),
            (" cuda ", named("cuda", Which::Any)),
            ("wgpu:llvmpipe (LLVM 15)", named("wgpu", Which::Name("llvmpipe (LLVM 15)".into()))),
        ];
        for (text, expected) in cases {
            let selector: Selector = text.parse().unwrap();
            assert_eq!(selector, expected, "{text}");
            assert_eq!(selector.to_string().parse::<Selector>().unwrap(), expected);
        }
        for text in ["", ":1", "wgpu:", "auto:0", "w gpu", "wgpu:99999999999999999999999"] {
            let error = text.parse::<Selector>().unwrap_err().to_string();
            assert!(error.contains("hint"), "{error}");
        }
    }
}
