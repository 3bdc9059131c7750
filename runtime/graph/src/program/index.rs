//! Index maps: how a step's iteration domain addresses an operand.

use crate::Dim;

/// `offset + Σ coefficients[axis] · coordinate[axis]` over the axes of a step's iteration domain.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Affine {
    /// The constant part.
    pub offset: Dim,
    /// One factor per axis of the domain.
    pub coefficients: Vec<Dim>,
}

impl Affine {
    /// The constant `offset` on a domain of `rank` axes.
    pub fn constant(offset: impl Into<Dim>, rank: usize) -> Affine {
        Affine { offset: offset.into(), coefficients: vec![Dim::ZERO; rank] }
    }

    /// The coordinate along `axis`.
    pub fn axis(axis: usize, rank: usize) -> Affine {
        let mut affine = Affine::constant(0, rank);
        affine.coefficients[axis] = Dim::ONE;
        affine
    }

    /// `self · factor`.
    pub fn scaled(&self, factor: &Dim) -> Affine {
        Affine {
            offset: &self.offset * factor,
            coefficients: self.coefficients.iter().map(|c| c * factor).collect(),
        }
    }

    /// `self + other` on the same domain.
    pub fn plus(&self, other: &Affine) -> Affine {
        Affine {
            offset: &self.offset + &other.offset,
            coefficients: self.coefficients.iter().zip(&other.coefficients).map(|(a, b)| a + b).collect(),
        }
    }

    /// `self + offset`.
    pub fn shifted(&self, offset: &Dim) -> Affine {
        Affine { offset: &self.offset + offset, coefficients: self.coefficients.clone() }
    }

    /// Whether the value is the same at every coordinate along `axis`.
    pub fn is_invariant(&self, axis: usize) -> bool {
        self.coefficients[axis].is(0)
    }

    /// Whether this is exactly the coordinate along `axis`.
    pub fn is_axis(&self, axis: usize) -> bool {
        self.offset.is(0) && self.coefficients.iter().enumerate().all(|(a, c)| c.is((a == axis) as i64))
    }
}

/// A condition on coordinates: `0 <= index < extent`.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Guard {
    /// What is tested.
    pub index: Affine,
    /// One past the last accepted value.
    pub extent: Dim,
}

/// Which element of an operand belongs to a coordinate of the domain.
///
/// Where a guard fails, nothing is loaded and the result is zero (`false` for booleans).
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct IndexMap {
    /// Linear index into the operand, in elements.
    pub address: Affine,
    /// All must hold.
    pub guards: Vec<Guard>,
}

impl IndexMap {
    /// A map without guards.
    pub fn new(address: Affine) -> IndexMap {
        IndexMap { address, guards: Vec::new() }
    }

    /// The row-major map of a contiguous operand over exactly the domain `extents`.
    pub fn contiguous(extents: &[Dim]) -> IndexMap {
        let coefficients = crate::Shape(extents.to_vec()).strides();
        IndexMap::new(Affine { offset: Dim::ZERO, coefficients })
    }
}
