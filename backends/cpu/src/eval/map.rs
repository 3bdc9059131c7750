//! Index maps with numbers in place of dims, over a domain whose adjacent axes are merged where every map allows it.

use hadal_device::DeviceError;
use hadal_graph::program::{Affine, Guard};
use hadal_graph::{Bindings, Dim, DimError};
use smallvec::SmallVec;

/// Indices stay below this, so that differences of two do not overflow.
const LARGEST: i128 = 1 << 61;

/// `offset + Σ coefficients[axis] · coordinate[axis]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Map {
    pub(crate) offset: i64,
    pub(crate) coefficients: SmallVec<[i64; 6]>,
}

impl Map {
    /// The map of `affine`. Errors: `Dim`, and `Argument` when its rank is not the domain's.
    pub(crate) fn new(affine: &Affine, rank: usize, bindings: &Bindings) -> Result<Map, DeviceError> {
        if affine.coefficients.len() != rank {
            let given = affine.coefficients.len();
            return Err(DeviceError::Argument(format!(
                "an index map has {given} coefficients on a domain of {rank} axes: the program is malformed"
            )));
        }
        let coefficients =
            affine.coefficients.iter().map(|c| c.eval(bindings)).collect::<Result<_, DimError>>()?;
        Ok(Map { offset: affine.offset.eval(bindings)?, coefficients })
    }

    /// The value at `coordinates`. Whoever built the map checked that no value over the domain overflows ([`Map::range`]).
    pub(crate) fn at(&self, coordinates: &[i64]) -> i64 {
        let terms = self.coefficients.iter().zip(coordinates).map(|(c, x)| c.wrapping_mul(*x));
        terms.fold(self.offset, i64::wrapping_add)
    }

    /// The factor of the innermost axis, 0 on a domain without axes.
    pub(crate) fn inner(&self) -> i64 {
        self.coefficients.last().copied().unwrap_or(0)
    }

    /// The factor of the axis before the innermost, 0 where there is none.
    pub(crate) fn outer(&self) -> i64 {
        self.coefficients.iter().rev().nth(1).copied().unwrap_or(0)
    }

    /// Least and greatest value over a domain without empty axes. Errors: `Dim` when a value does not fit 62 bits.
    pub(crate) fn range(&self, extents: &[usize]) -> Result<(i64, i64), DeviceError> {
        let (mut low, mut high) = (self.offset as i128, self.offset as i128);
        for (&c, &extent) in self.coefficients.iter().zip(extents) {
            let span = (c as i128).saturating_mul(extent as i128 - 1);
            if span < 0 {
                low = low.saturating_add(span);
            } else {
                high = high.saturating_add(span);
            }
        }
        if low < -LARGEST || high > LARGEST {
            return Err(DimError::Overflow("an index".into()).into());
        }
        Ok((low as i64, high as i64))
    }

    /// The same map with its axes in another order: axis `i` of the result is axis `order[i]`.
    pub(crate) fn permuted(&self, order: &[usize]) -> Map {
        Map { offset: self.offset, coefficients: order.iter().map(|&axis| self.coefficients[axis]).collect() }
    }

    /// Whether the value is the same everywhere on the domain.
    pub(crate) fn is_constant(&self) -> bool {
        self.coefficients.iter().all(|&c| c == 0)
    }

    /// Whether the value does not change along the innermost axis.
    pub(crate) fn is_row_constant(&self) -> bool {
        self.inner() == 0
    }
}

/// `0 <= index < extent`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Bound {
    pub(crate) index: Map,
    pub(crate) extent: i64,
}

impl Bound {
    pub(crate) fn new(guard: &Guard, rank: usize, bindings: &Bindings) -> Result<Bound, DeviceError> {
        Ok(Bound {
            index: Map::new(&guard.index, rank, bindings)?,
            extent: guard.extent.eval(bindings)?.clamp(0, LARGEST as i64),
        })
    }

    /// The part of `0..length` along the innermost axis, `row` rows of it after `coordinates`, where the bound holds.
    pub(crate) fn interval(&self, coordinates: &[i64], row: usize, length: usize) -> (usize, usize) {
        let first = self.index.at(coordinates) + row as i64 * self.index.outer();
        valid(first, self.index.inner(), self.extent, length)
    }
}

/// The part of `0..length` for whose members `i` it holds that `0 <= first + i · step < extent`.
pub(crate) fn valid(first: i64, step: i64, extent: i64, length: usize) -> (usize, usize) {
    let (last, length) = (extent - 1, length as i64);
    if last < 0 {
        return (0, 0);
    }
    // first + i·step within 0..=last
    let (low, high) = match step {
        0 => return if (0..=last).contains(&first) { (0, length as usize) } else { (0, 0) },
        // Most steps are this one, and a division costs more than all else.
        1 => (-first, last - first),
        s if s > 0 => {
            ((-first).div_euclid(s) + ((-first).rem_euclid(s) != 0) as i64, (last - first).div_euclid(s))
        }
        s => {
            let s = -s;
            ((first - last).div_euclid(s) + ((first - last).rem_euclid(s) != 0) as i64, first.div_euclid(s))
        }
    };
    let low = low.clamp(0, length);
    let high = (high + 1).clamp(low, length);
    (low as usize, high as usize)
}

/// The intersection of all bounds along the innermost axis, `row` rows of it after `coordinates`.
pub(crate) fn interval(bounds: &[Bound], coordinates: &[i64], row: usize, length: usize) -> (usize, usize) {
    let (mut low, mut high) = (0, length);
    for bound in bounds {
        let (l, h) = bound.interval(coordinates, row, length);
        low = low.max(l);
        high = high.min(h);
    }
    (low.min(high), high)
}

/// Extents under `bindings`. Errors: `Dim` when one is negative.
pub(crate) fn extents(dims: &[Dim], bindings: &Bindings) -> Result<Vec<usize>, DeviceError> {
    dims.iter()
        .map(|d| {
            let value = d.eval(bindings)?;
            usize::try_from(value).map_err(|_| {
                DeviceError::Argument(format!("the size `{d}` is {value}: it must not be negative"))
            })
        })
        .collect()
}

/// The product of extents. Errors: `Dim` when it does not fit.
pub(crate) fn product(extents: &[usize]) -> Result<usize, DeviceError> {
    let fits =
        extents.iter().try_fold(1usize, |p, &e| p.checked_mul(e)).filter(|&p| p <= isize::MAX as usize);
    // An empty axis makes the domain empty however large the others are.
    if extents.contains(&0) {
        return Ok(0);
    }
    fits.ok_or_else(|| DimError::Overflow(format!("{extents:?}")).into())
}

/// Drops axes of extent 1 and merges an axis with the next where every map steps evenly over both. Linear positions stay what they were.
pub(crate) fn merge(extents: &mut Vec<usize>, maps: &mut [&mut Map]) {
    let mut axis = 0;
    while axis < extents.len() {
        if extents[axis] == 1 {
            extents.remove(axis);
            for map in maps.iter_mut() {
                map.coefficients.remove(axis);
            }
        } else {
            axis += 1;
        }
    }
    let mut axis = extents.len();
    while axis >= 2 {
        axis -= 1;
        let inner = extents[axis] as i64;
        let even = |m: &Map| m.coefficients[axis].checked_mul(inner) == Some(m.coefficients[axis - 1]);
        if maps.iter().all(|m| even(m)) {
            extents[axis - 1] *= extents[axis];
            extents.remove(axis);
            for map in maps.iter_mut() {
                map.coefficients.remove(axis - 1);
            }
        }
    }
}

/// The coordinates of a linear position.
pub(crate) fn coordinates(mut position: usize, extents: &[usize], into: &mut [i64]) {
    for (x, &extent) in into.iter_mut().zip(extents).rev() {
        *x = (position % extent) as i64;
        position /= extent;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use smallvec::smallvec;

    #[test]
    fn intervals_agree_with_testing_each_position() {
        for step in -3..=3i64 {
            for first in -7..=7 {
                for extent in 0..6 {
                    let bound = Bound { index: Map { offset: first, coefficients: smallvec![step] }, extent };
                    let (low, high) = bound.interval(&[0], 0, 5);
                    for i in 0..5usize {
                        let holds = (0..extent).contains(&(first + step * i as i64));
                        assert_eq!(
                            holds,
                            low <= i && i < high,
                            "step {step} first {first} extent {extent} i {i}"
                        );
                    }
                }
            }
        }
    }

    #[test]
    fn contiguous_axes_merge() {
        let mut a = Map { offset: 3, coefficients: smallvec![12, 4, 7, 1] };
        let mut b = Map { offset: 0, coefficients: smallvec![0, 0, 9, 0] };
        let mut extents = vec![2, 3, 1, 4];
        merge(&mut extents, &mut [&mut a, &mut b]);
        assert_eq!((extents, a.coefficients.to_vec(), b.coefficients.to_vec()), (vec![24], vec![1], vec![0]));
    }
}
