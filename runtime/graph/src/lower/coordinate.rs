//! Coordinates of a tensor as functions of a step's iteration domain, and how they pass through reshapes.

use crate::program::{Affine, Guard, Indirect};
use crate::{Dim, Shape};

/// One coordinate of a tensor: affine in the domain, plus run-time indices.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Coordinate {
    /// The part that is known from the domain alone.
    pub affine: Affine,
    /// Run-time parts.
    pub indirect: Vec<Indirect>,
}

impl Coordinate {
    pub(super) fn constant(value: impl Into<Dim>, rank: usize) -> Coordinate {
        Coordinate { affine: Affine::constant(value, rank), indirect: Vec::new() }
    }

    pub(super) fn scaled(&self, factor: &Dim) -> Coordinate {
        let indirect =
            self.indirect.iter().map(|i| Indirect { stride: &i.stride * factor, ..i.clone() }).collect();
        Coordinate { affine: self.affine.scaled(factor), indirect }
    }

    pub(super) fn plus(&self, other: &Coordinate) -> Coordinate {
        let indirect = self.indirect.iter().chain(&other.indirect).cloned().collect();
        Coordinate { affine: self.affine.plus(&other.affine), indirect }
    }

    pub(super) fn shifted(&self, offset: &Dim) -> Coordinate {
        Coordinate { affine: self.affine.shifted(offset), indirect: self.indirect.clone() }
    }
}

/// The row-major position of `coordinates` in a tensor of shape `shape`.
pub(super) fn linear(shape: &Shape, coordinates: &[Coordinate], rank: usize) -> Coordinate {
    shape
        .strides()
        .iter()
        .zip(coordinates)
        .fold(Coordinate::constant(0, rank), |sum, (stride, coordinate)| sum.plus(&coordinate.scaled(stride)))
}

/// Why a coordinate could not pass through a reshape.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Unsplit {
    /// It can once this axis of the domain is two axes, the inner one of extent `inner`.
    SplitAxis { axis: usize, inner: Dim },
    /// It is not affine.
    Never,
}

/// The coordinates in shape `to` of the element that has `coordinates` in shape `from`; both have the same number of elements.
/// `domain` holds the extents over which the coordinates run.
pub(super) fn reshape(
    from: &Shape,
    to: &Shape,
    coordinates: &[Coordinate],
    domain: &[Dim],
) -> Result<Vec<Coordinate>, Unsplit> {
    let rank = domain.len();
    let mut result = Vec::with_capacity(to.rank());
    for (from_axes, to_axes) in blocks(from, to).ok_or(Unsplit::Never)? {
        let block = Shape(from[from_axes.clone()].to_vec());
        let position = linear(&block, &coordinates[from_axes], rank);
        split(&position, &to[to_axes], domain, &mut result)?;
    }
    Ok(result)
}

type Axes = std::ops::Range<usize>;

/// Cuts both shapes into the shortest runs of axes with equal products.
fn blocks(from: &Shape, to: &Shape) -> Option<Vec<(Axes, Axes)>> {
    let mut result = Vec::new();
    let (mut f, mut t) = (0, 0);
    while f < from.rank() || t < to.rank() {
        let (f_start, t_start) = (f, t);
        let (mut f_product, mut t_product) = (Dim::ONE, Dim::ONE);
        // Extents of 1 stand alone, so that they never glue blocks together.
        if f < from.rank() && from[f].is(1) {
            f += 1;
        } else if t < to.rank() && to[t].is(1) {
            t += 1;
        } else {
            loop {
                if f_product == t_product && f > f_start && t > t_start {
                    break;
                }
                // Grow the side whose product divides the other's; the from side when unknown.
                let grow_to = f > f_start && (t == t_start || f_product.exact_div(&t_product).is_some());
                if grow_to && t < to.rank() {
                    t_product = t_product * &to[t];
                    t += 1;
                } else if f < from.rank() {
                    f_product = f_product * &from[f];
                    f += 1;
                } else if t < to.rank() {
                    t_product = t_product * &to[t];
                    t += 1;
                } else {
                    return None;
                }
            }
        }
        result.push((f_start..f, t_start..t));
    }
    Some(result)
}

/// Splits a row-major position into coordinates of `extents`.
fn split(
    position: &Coordinate,
    extents: &[Dim],
    domain: &[Dim],
    into: &mut Vec<Coordinate>,
) -> Result<(), Unsplit> {
    let rank = domain.len();
    if extents.len() == 1 {
        into.push(position.clone());
        return Ok(());
    }
    if extents.is_empty() {
        return Ok(()); // The block has one element, at position 0.
    }
    if !position.indirect.is_empty() || !position.affine.offset.is(0) {
        return Err(Unsplit::Never);
    }
    let strides = Shape(extents.to_vec()).strides();
    let mut parts = vec![Coordinate::constant(0, rank); extents.len()];
    for (axis, coefficient) in position.affine.coefficients.iter().enumerate() {
        if coefficient.is(0) || domain[axis].is(1) {
            continue;
        }
        // The outermost target axis whose stride divides the coefficient and into which the whole axis fits.
        let mut wanted = Unsplit::Never;
        let mut placed = false;
        for (target, stride) in strides.iter().enumerate() {
            let Some(quotient) = coefficient.exact_div(stride) else { continue };
            let reach = &quotient * &domain[axis];
            if extents[target].exact_div(&reach).is_some() {
                parts[target].affine.coefficients[axis] =
                    &parts[target].affine.coefficients[axis] + &quotient;
                placed = true;
                break;
            }
            // The axis reaches over this extent: split it so that its inner part fits.
            if let Some(inner) = extents[target].exact_div(&quotient)
                && !inner.is(1)
                && domain[axis].exact_div(&inner).is_some_and(|outer| !outer.is(1))
            {
                wanted = Unsplit::SplitAxis { axis, inner };
            }
        }
        if !placed {
            return Err(wanted);
        }
    }
    // Within a part, the axes must form a mixed radix that never reaches the extent.
    for (part, extent) in parts.iter().zip(extents) {
        let mut terms: Vec<(Dim, Dim)> = part
            .affine
            .coefficients
            .iter()
            .zip(domain)
            .filter(|(c, _)| !c.is(0))
            .map(|(c, d)| (c.clone(), c * d))
            .collect();
        let mut bound = extent.clone();
        while !terms.is_empty() {
            let Some(next) = terms.iter().position(|(_, reach)| bound.exact_div(reach).is_some()) else {
                return Err(Unsplit::Never);
            };
            bound = terms.remove(next).0;
        }
    }
    into.extend(parts);
    Ok(())
}

/// The guard that `coordinate` lies in `0..extent`; `None` if it has run-time parts.
pub(super) fn guard(coordinate: &Coordinate, extent: &Dim) -> Option<Guard> {
    coordinate.indirect.is_empty().then(|| Guard { index: coordinate.affine.clone(), extent: extent.clone() })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn identity(shape: &Shape) -> Vec<Coordinate> {
        (0..shape.rank())
            .map(|a| Coordinate { affine: Affine::axis(a, shape.rank()), indirect: Vec::new() })
            .collect()
    }

    #[test]
    fn merging_is_affine_and_splitting_asks_for_a_finer_domain() {
        let fine = Shape::of([Dim::symbol("b"), 12.into(), 32.into()]);
        let coarse = Shape::of([Dim::symbol("b"), 384.into()]);
        let merged = reshape(&fine, &coarse, &identity(&fine), &fine).unwrap();
        assert_eq!(merged[1].affine.coefficients, vec![0.into(), 32.into(), 1.into()]);
        let error = reshape(&coarse, &fine, &identity(&coarse), &coarse).unwrap_err();
        assert_eq!(error, Unsplit::SplitAxis { axis: 1, inner: 32.into() });
        // On the finer domain the same reshape is affine.
        let back = reshape(&coarse, &fine, &merged, &fine).unwrap();
        assert_eq!(back, identity(&fine));
    }

    #[test]
    fn incompatible_factors_are_not_affine() {
        let (a, b) = (Shape::of([4, 6]), Shape::of([6, 4]));
        assert!(reshape(&a, &b, &identity(&a), &a).is_err());
        let (c, d) = (Shape::of([1, 4, 1]), Shape::of([4]));
        assert_eq!(reshape(&c, &d, &identity(&c), &c).unwrap()[0].affine, Affine::axis(1, 3));
    }
}
