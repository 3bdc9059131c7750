//! The one table of tolerances.

use hadal_graph::DType;

/// How far a result may be from the reference: `|a - e| <= absolute + relative · |e|`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Tolerance {
    /// For results near zero, in units of the largest intermediate, which is of order 1 in the cases.
    pub absolute: f64,
    /// In units of the expected result.
    pub relative: f64,
}

/// The tolerance of a result whose dtype and whose intermediates' narrowest float dtype is `dtype`, where `terms` values are added in a row.
///
/// | dtype | allowed | reason |
/// |---|---|---|
/// | integers, bool | 0 | exact by definition |
/// | `f64` | 1e-12 | a few units in the last place (2e-16) through a chain of ops |
/// | `f32` | 2e-5 | WGSL lets `exp`, `pow`, `tan` be off by tens of units in the last place (6e-8), and cancellation amplifies them |
/// | `f16` | 4e-3 | four units in the last place (1e-3): kernels may round once where the reference rounds after each op |
/// | `bf16` | 3e-2 | four units in the last place (8e-3), for the same reason |
///
/// A sum of `terms` values in `f32` errs by at most `terms · 6e-8`, and typically by its root.
pub fn tolerance(dtype: DType, terms: usize) -> Tolerance {
    let base = match dtype {
        DType::F64 => 1e-12,
        DType::F32 => 2e-5,
        DType::F16 => 4e-3,
        DType::BF16 => 3e-2,
        _ => 0.0,
    };
    let unit = match dtype {
        DType::F64 => 2e-16,
        DType::F32 | DType::F16 | DType::BF16 => 6e-8,
        _ => 0.0,
    };
    Tolerance { absolute: base + unit * (terms as f64), relative: base }
}
