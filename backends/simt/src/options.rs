//! What a caller may choose about the text of a kernel.

use std::collections::BTreeMap;

/// What becomes of an index that may be out of range.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Bounds {
    /// It is brought into range, as WGSL demands.
    #[default]
    Clamped,
    /// It is used as it is. Only for kernels that are proven to stay in range: anything else is undefined behaviour.
    Unchecked,
}

/// What a caller may choose about the text of a kernel. The defaults have the meaning of WGSL.
#[derive(Clone, Debug, PartialEq)]
pub struct Options {
    /// What becomes of an index that may be out of range.
    pub bounds: Bounds,
    /// Whether workgroup variables are zero at the beginning, as WGSL demands. It costs a barrier.
    pub zero_workgroup: bool,
    /// Whether a compiler may compute `a * b + c` with one rounding.
    pub contract: bool,
    /// Whether a compiler may take approximate functions, flush subnormals, and assume that there is neither NaN nor infinity.
    pub fast_math: bool,
    /// Whether subgroup operations may stand where the invocations of a subgroup have diverged. Without it they need uniform control flow.
    pub diverged_subgroups: bool,
    /// Values of overrides, by name or by the decimal number of their `@id`.
    pub overrides: BTreeMap<String, f64>,
}

impl Default for Options {
    fn default() -> Options {
        Options {
            bounds: Bounds::Clamped,
            zero_workgroup: true,
            contract: false,
            fast_math: false,
            diverged_subgroups: false,
            overrides: BTreeMap::new(),
        }
    }
}
