//! The iteration domain of a step while it is being built: axes in classes, which can be split.

use super::coordinate::Coordinate;
use crate::program::Affine;
use crate::{Dim, Shape};

/// Which hook domains an axis belongs to; what a class means is up to the archetype.
pub(super) type Class = u8;

#[derive(Clone, Debug)]
struct Axis {
    class: Class,
    /// The extents into which the axis was split, outermost first.
    pieces: Vec<Dim>,
}

/// Axes in order.
#[derive(Clone, Debug, Default)]
pub(super) struct Domain {
    axes: Vec<Axis>,
}

impl Domain {
    /// Adds an axis and returns its number.
    pub(super) fn push(&mut self, class: Class, extent: impl Into<Dim>) -> usize {
        self.axes.push(Axis { class, pieces: vec![extent.into()] });
        self.axes.len() - 1
    }

    /// A domain with one axis of class 0 for each axis of `shape`.
    pub(super) fn of(shape: &Shape) -> Domain {
        Domain { axes: shape.iter().map(|d| Axis { class: 0, pieces: vec![d.clone()] }).collect() }
    }

    /// The part of the domain that consists of some classes, in the order of `classes`.
    pub(super) fn view(&self, classes: &[Class]) -> View<'_> {
        let order =
            classes.iter().flat_map(|class| (0..self.axes.len()).filter(|&a| self.axes[a].class == *class));
        View { domain: self, order: order.collect() }
    }

    /// Splits the piece that is flat axis `flat` of a view so that its inner part has extent `inner`. Returns the class; `None` when
    /// the extent is no multiple.
    pub(super) fn split(&mut self, classes: &[Class], flat: usize, inner: &Dim) -> Option<Class> {
        let (axis, piece) = self.view(classes).piece(flat)?;
        let outer = self.axes[axis].pieces[piece].exact_div(inner)?;
        self.axes[axis].pieces[piece] = outer;
        self.axes[axis].pieces.insert(piece + 1, inner.clone());
        Some(self.axes[axis].class)
    }
}

/// The axes of one hook.
pub(super) struct View<'a> {
    domain: &'a Domain,
    order: Vec<usize>,
}

impl View<'_> {
    /// All extents, in order.
    pub(super) fn extents(&self) -> Vec<Dim> {
        self.order.iter().flat_map(|&a| self.domain.axes[a].pieces.iter().cloned()).collect()
    }

    /// The extents as a shape.
    pub(super) fn shape(&self) -> Shape {
        Shape(self.extents())
    }

    /// The coordinate along axis number `axis` of the domain; 0 if the axis is not part of the view.
    pub(super) fn coordinate(&self, axis: usize) -> Coordinate {
        let rank: usize = self.order.iter().map(|&a| self.domain.axes[a].pieces.len()).sum();
        let mut affine = Affine::constant(0, rank);
        let mut flat = 0;
        for &a in &self.order {
            let pieces = &self.domain.axes[a].pieces;
            if a == axis {
                for (piece, stride) in Shape(pieces.clone()).strides().into_iter().enumerate() {
                    affine.coefficients[flat + piece] = stride;
                }
            }
            flat += pieces.len();
        }
        Coordinate { affine, indirect: Vec::new() }
    }

    /// The coordinates along all axes of the domain, in the order of the domain.
    pub(super) fn coordinates(&self) -> Vec<Coordinate> {
        (0..self.domain.axes.len()).map(|a| self.coordinate(a)).collect()
    }

    fn piece(&self, flat: usize) -> Option<(usize, usize)> {
        let mut start = 0;
        for &axis in &self.order {
            let count = self.domain.axes[axis].pieces.len();
            if flat < start + count {
                return Some((axis, flat - start));
            }
            start += count;
        }
        None
    }
}
