//! Why a module has no kernel.

/// Why a module has no kernel.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// The text is not WGSL.
    #[error("the WGSL text cannot be parsed: {message}")]
    Parse {
        /// What naga says.
        message: String,
    },
    /// The module breaks a rule of WGSL.
    #[error("the WGSL module is not valid: {message}")]
    Invalid {
        /// What naga says.
        message: String,
    },
    /// There is no such entry point.
    #[error("there is no entry point `{name}`: the module has {available:?}")]
    EntryPoint {
        /// The name that was given.
        name: String,
        /// The entry points that there are.
        available: Vec<String>,
    },
    /// An override has no value, or a value that does not fit.
    #[error("the overrides cannot be resolved: {message}; give their values in `Options::overrides`")]
    Override {
        /// What naga says.
        message: String,
    },
    /// The module has something that a compute kernel in CUDA or HIP cannot have.
    #[error("{construct} in {place} cannot be written in CUDA or HIP C++; rewrite the kernel without it")]
    Unsupported {
        /// What it is.
        construct: String,
        /// The function, variable or type in which it stands, with the line where that is known.
        place: String,
    },
}
