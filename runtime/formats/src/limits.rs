//! Bounds on what a file may declare, so that checking a small file never takes much memory or time.

use hadal_graph::{Dim, Shape};

/// Most axes of a tensor.
pub(crate) const MAX_RANK: usize = 32;
/// How deep regions may nest.
pub(crate) const MAX_REGION_DEPTH: usize = 16;
/// Most terms and atoms in one size.
const MAX_DIM_WEIGHT: usize = 256;
/// Most terms and atoms in the number of elements of a shape.
const MAX_SHAPE_WEIGHT: usize = 4096;

/// Checks that a shape can be computed with: its number of elements is a product of polynomials. Errors: what was found and what is accepted.
pub(crate) fn check_shape(shape: &Shape) -> Result<(), (String, String)> {
    if shape.rank() > MAX_RANK {
        return Err((format!("a shape of {} axes", shape.rank()), format!("at most {MAX_RANK}")));
    }
    let mut product = 1usize;
    for dim in shape.iter() {
        check_dim(dim)?;
        product = product.saturating_mul(dim.weight());
    }
    if product > MAX_SHAPE_WEIGHT {
        return Err((
            "a shape whose number of elements is too long a formula".into(),
            "shorter sizes".into(),
        ));
    }
    Ok(())
}

/// Checks that a size is not too long a formula. Errors: what was found and what is accepted.
pub(crate) fn check_dim(dim: &Dim) -> Result<(), (String, String)> {
    if dim.weight() > MAX_DIM_WEIGHT {
        let found = format!("a size that is a formula of {} parts", dim.weight());
        return Err((found, format!("at most {MAX_DIM_WEIGHT}")));
    }
    Ok(())
}
