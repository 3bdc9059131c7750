//! Arithmetic as PTX defines it, on values and their bits; nothing here knows instructions or lanes.
//!
//! Directed rounding and narrow formats rest on one idea, *rounding to odd*: a sum, product or quotient is first computed in `f64` and, where that was inexact, its last
//! bit is set. Rounded once more to a format of at least two bits less, in any direction, this gives what one exact rounding would have given.

pub(crate) mod convert;
pub(crate) mod exact;
pub(crate) mod float;
pub(crate) mod half;
pub(crate) mod integer;
pub(crate) mod narrow;

/// `.rn`, `.rz`, `.rm`, `.rp`, and `.rna`: nearest with ties away from zero.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Rounding {
    Nearest,
    Zero,
    Down,
    Up,
    Away,
}
