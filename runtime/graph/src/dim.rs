//! Sizes that may be known only at run time.
//!
//! A [`Dim`] is a polynomial with integer coefficients over *atoms*: named symbols (`batch`, `seq`), floor divisions of dims, and
//! bounded counts. Polynomials are kept in a canonical form, so two dims that are equal as polynomials compare equal. Extents are
//! never negative, but a `Dim` also serves as a stride or an offset, which may be.

use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fmt;
use std::ops;
use std::sync::Arc;

/// The name of a size that is given at run time.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Symbol(pub Arc<str>);

impl fmt::Display for Symbol {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Values for symbols, as bound by the shapes of one run's inputs.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Bindings(BTreeMap<Symbol, i64>);

impl Bindings {
    /// Binds nothing.
    pub fn new() -> Self {
        Self::default()
    }

    /// Binds `symbol`; returns the earlier value if it was bound to a different one.
    pub fn bind(&mut self, symbol: Symbol, value: usize) -> Result<(), i64> {
        let value = value as i64;
        match self.0.insert(symbol, value) {
            Some(earlier) if earlier != value => Err(earlier),
            _ => Ok(()),
        }
    }

    /// The value of `symbol`, if bound.
    pub fn get(&self, symbol: &Symbol) -> Option<i64> {
        self.0.get(symbol).copied()
    }

    /// All bindings in the order of their names.
    pub fn iter(&self) -> impl Iterator<Item = (&Symbol, i64)> {
        self.0.iter().map(|(s, v)| (s, *v))
    }
}

/// Why a [`Dim`] has no value.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DimError {
    /// A symbol that no input bound.
    #[error("the size `{0}` is not known: no input of this run binds it")]
    Unbound(Symbol),
    /// The value does not fit or a divisor is zero.
    #[error("the size `{0}` cannot be computed: it overflows or divides by zero")]
    Overflow(String),
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
enum Atom {
    Symbol(Symbol),
    /// `floor(numerator / denominator)`.
    Quotient(Dim, Dim),
    /// A count that a step of the program computes, at most `max`.
    Bounded {
        max: Dim,
        count: Symbol,
    },
}

type Monomial = Vec<Atom>;

/// A size, stride or offset: an integer polynomial over run-time sizes, in canonical form.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(untagged, try_from = "UncheckedDim")]
pub enum Dim {
    /// Known when the graph is built.
    Const(i64),
    /// A sum of products of atoms, with the constant term under the empty product.
    Expr(#[doc(hidden)] Arc<Polynomial>),
}

#[doc(hidden)]
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Polynomial(Vec<(Monomial, i64)>);

/// A dim from a file, which may be in a form that no arithmetic gives.
#[derive(Deserialize)]
#[serde(untagged)]
enum UncheckedDim {
    Const(i64),
    Expr(Polynomial),
}

impl TryFrom<UncheckedDim> for Dim {
    type Error = &'static str;

    fn try_from(dim: UncheckedDim) -> Result<Dim, &'static str> {
        let polynomial = match dim {
            UncheckedDim::Const(c) => return Ok(Dim::Const(c)),
            UncheckedDim::Expr(polynomial) => polynomial,
        };
        let quotients_are_lowest = polynomial.0.iter().flat_map(|(atoms, _)| atoms).all(|atom| match atom {
            Atom::Quotient(a, b) => a.floor_div(b).as_atom() == Some(atom),
            _ => true,
        });
        let canonical = Dim::from_terms(polynomial.0.clone());
        let given = Dim::Expr(Arc::new(polynomial));
        if quotients_are_lowest && canonical == given {
            Ok(canonical)
        } else {
            Err("a size is not in canonical form")
        }
    }
}

impl Dim {
    /// 0.
    pub const ZERO: Dim = Dim::Const(0);
    /// 1.
    pub const ONE: Dim = Dim::Const(1);

    /// A named size that is given at run time.
    pub fn symbol(name: &str) -> Dim {
        Dim::atom(Atom::Symbol(Symbol(name.into())))
    }

    /// A size that a step of the program computes and binds as `count`; storage is planned for `max`.
    pub fn bounded(max: impl Into<Dim>, count: &str) -> Dim {
        Dim::atom(Atom::Bounded { max: max.into(), count: Symbol(count.into()) })
    }

    /// The value, if it is known when the graph is built.
    pub fn as_const(&self) -> Option<i64> {
        match self {
            Dim::Const(c) => Some(*c),
            Dim::Expr(_) => None,
        }
    }

    /// The value as an extent, if it is known when the graph is built and not negative.
    pub fn as_usize(&self) -> Option<usize> {
        self.as_const().and_then(|c| usize::try_from(c).ok())
    }

    /// The symbol, if this is exactly one symbol.
    pub fn as_symbol(&self) -> Option<&Symbol> {
        match self.as_atom()? {
            Atom::Symbol(symbol) => Some(symbol),
            _ => None,
        }
    }

    /// Whether this is the constant `value`.
    pub fn is(&self, value: i64) -> bool {
        self.as_const() == Some(value)
    }

    /// `floor(self / divisor)`; exact division is simplified.
    pub fn floor_div(&self, divisor: &Dim) -> Dim {
        if let Some(exact) = self.exact_div(divisor) {
            return exact;
        }
        match (self, divisor) {
            (Dim::Const(a), Dim::Const(b)) if *b != 0 => {
                Dim::Const(a.checked_div_euclid(*b).unwrap_or(i64::MAX))
            }
            _ => Dim::atom(Atom::Quotient(self.clone(), divisor.clone())),
        }
    }

    /// `self / divisor` if the division leaves no remainder as polynomials and the divisor is a single term.
    pub fn exact_div(&self, divisor: &Dim) -> Option<Dim> {
        if divisor.is(1) {
            return Some(self.clone());
        }
        if self == divisor && !divisor.is(0) {
            return Some(Dim::ONE);
        }
        let divisor_terms = divisor.terms();
        let [(divisor_atoms, divisor_coefficient)] = divisor_terms.as_slice() else { return None };
        let mut result = Vec::new();
        for (atoms, coefficient) in self.terms() {
            if coefficient.checked_rem(*divisor_coefficient)? != 0 {
                return None;
            }
            let mut rest = atoms;
            for atom in divisor_atoms {
                let position = rest.iter().position(|a| a == atom)?;
                rest.remove(position);
            }
            result.push((rest, coefficient / divisor_coefficient));
        }
        Some(Dim::from_terms(result))
    }

    /// The value under `bindings`.
    pub fn eval(&self, bindings: &Bindings) -> Result<i64, DimError> {
        let overflow = || DimError::Overflow(self.to_string());
        let polynomial = match self {
            Dim::Const(c) => return Ok(*c),
            Dim::Expr(polynomial) => polynomial,
        };
        let mut sum = 0i64;
        for (atoms, coefficient) in &polynomial.0 {
            let mut product = *coefficient;
            for atom in atoms {
                let value = match atom {
                    Atom::Symbol(s) | Atom::Bounded { count: s, .. } => {
                        bindings.get(s).ok_or_else(|| DimError::Unbound(s.clone()))?
                    }
                    Atom::Quotient(a, b) => {
                        a.eval(bindings)?.checked_div_euclid(b.eval(bindings)?).ok_or_else(overflow)?
                    }
                };
                product = product.checked_mul(value).ok_or_else(overflow)?;
            }
            sum = sum.checked_add(product).ok_or_else(overflow)?;
        }
        Ok(sum)
    }

    /// The same size with every bounded count replaced by its maximum: what storage is planned for.
    pub fn upper_bound(&self) -> Dim {
        self.map_atoms(&|atom| match atom {
            Atom::Bounded { max, .. } => max.upper_bound(),
            other => Dim::atom(other.clone()),
        })
    }

    /// The same size with symbols replaced; symbols for which `f` returns `None` stay.
    pub fn substitute(&self, f: &dyn Fn(&Symbol) -> Option<Dim>) -> Dim {
        self.map_atoms(&|atom| match atom {
            Atom::Symbol(s) => f(s).unwrap_or_else(|| Dim::atom(atom.clone())),
            Atom::Bounded { count, max } => f(count)
                .unwrap_or_else(|| Dim::atom(Atom::Bounded { max: max.substitute(f), count: count.clone() })),
            Atom::Quotient(a, b) => a.substitute(f).floor_div(&b.substitute(f)),
        })
    }

    /// Every symbol in this size, bounded counts included.
    pub fn symbols(&self, into: &mut Vec<Symbol>) {
        if let Dim::Expr(polynomial) = self {
            for atom in polynomial.0.iter().flat_map(|(atoms, _)| atoms) {
                match atom {
                    Atom::Symbol(s) => into.push(s.clone()),
                    Atom::Bounded { max, count } => {
                        max.symbols(into);
                        into.push(count.clone());
                    }
                    Atom::Quotient(a, b) => {
                        a.symbols(into);
                        b.symbols(into);
                    }
                }
            }
        }
    }

    /// Number of terms and atoms, those inside quotients and bounds included: what arithmetic on this dim costs.
    pub fn weight(&self) -> usize {
        let Dim::Expr(polynomial) = self else { return 1 };
        let atom = |atom: &Atom| match atom {
            Atom::Symbol(_) => 1,
            Atom::Quotient(a, b) => 1 + a.weight() + b.weight(),
            Atom::Bounded { max, .. } => 1 + max.weight(),
        };
        polynomial.0.iter().map(|(atoms, _)| 1 + atoms.iter().map(atom).sum::<usize>()).sum()
    }

    fn map_atoms(&self, f: &dyn Fn(&Atom) -> Dim) -> Dim {
        match self {
            Dim::Const(_) => self.clone(),
            Dim::Expr(polynomial) => polynomial.0.iter().fold(Dim::ZERO, |sum, (atoms, coefficient)| {
                sum + atoms.iter().fold(Dim::Const(*coefficient), |product, atom| product * f(atom))
            }),
        }
    }

    fn atom(atom: Atom) -> Dim {
        Dim::Expr(Arc::new(Polynomial(vec![(vec![atom], 1)])))
    }

    fn as_atom(&self) -> Option<&Atom> {
        match self {
            Dim::Expr(polynomial) => match polynomial.0.as_slice() {
                [(atoms, 1)] if atoms.len() == 1 => Some(&atoms[0]),
                _ => None,
            },
            Dim::Const(_) => None,
        }
    }

    fn terms(&self) -> Vec<(Monomial, i64)> {
        match self {
            Dim::Const(0) => Vec::new(),
            Dim::Const(c) => vec![(Vec::new(), *c)],
            Dim::Expr(polynomial) => polynomial.0.clone(),
        }
    }

    fn from_terms(terms: Vec<(Monomial, i64)>) -> Dim {
        let mut sum: BTreeMap<Monomial, i64> = BTreeMap::new();
        for (mut atoms, coefficient) in terms {
            atoms.sort();
            let entry = sum.entry(atoms).or_insert(0);
            *entry = entry.saturating_add(coefficient);
        }
        sum.retain(|_, coefficient| *coefficient != 0);
        if sum.keys().all(|atoms| atoms.is_empty()) {
            return Dim::Const(sum.values().copied().next().unwrap_or(0));
        }
        Dim::Expr(Arc::new(Polynomial(sum.into_iter().collect())))
    }
}

impl Default for Dim {
    fn default() -> Self {
        Dim::ZERO
    }
}

macro_rules! from_int {
    ($($t:ty),*) => {$(
        impl From<$t> for Dim {
            fn from(value: $t) -> Dim { Dim::Const(i64::try_from(value).unwrap_or(i64::MAX)) }
        }
    )*};
}
from_int!(usize, u64, i64, i32, u32);

impl From<&str> for Dim {
    fn from(name: &str) -> Dim {
        Dim::symbol(name)
    }
}

impl From<&Dim> for Dim {
    fn from(dim: &Dim) -> Dim {
        dim.clone()
    }
}

fn add(a: &Dim, b: &Dim) -> Dim {
    match (a, b) {
        (Dim::Const(x), Dim::Const(y)) => Dim::Const(x.saturating_add(*y)),
        _ => Dim::from_terms(a.terms().into_iter().chain(b.terms()).collect()),
    }
}

fn mul(a: &Dim, b: &Dim) -> Dim {
    if let (Dim::Const(x), Dim::Const(y)) = (a, b) {
        return Dim::Const(x.saturating_mul(*y));
    }
    let b_terms = b.terms();
    let mut terms = Vec::new();
    for (atoms, coefficient) in a.terms() {
        for (other_atoms, other) in &b_terms {
            let product = atoms.iter().chain(other_atoms).cloned().collect();
            terms.push((product, coefficient.saturating_mul(*other)));
        }
    }
    Dim::from_terms(terms)
}

fn sub(a: &Dim, b: &Dim) -> Dim {
    add(a, &mul(b, &Dim::Const(-1)))
}

macro_rules! operator {
    ($($trait:ident $method:ident $f:ident),*) => {$(
        impl<R: Into<Dim>> ops::$trait<R> for Dim {
            type Output = Dim;
            fn $method(self, other: R) -> Dim { $f(&self, &other.into()) }
        }
        impl<R: Into<Dim>> ops::$trait<R> for &Dim {
            type Output = Dim;
            fn $method(self, other: R) -> Dim { $f(self, &other.into()) }
        }
    )*};
}
operator!(Add add add, Sub sub sub, Mul mul mul);

impl std::iter::Product for Dim {
    fn product<I: Iterator<Item = Dim>>(dims: I) -> Dim {
        dims.fold(Dim::ONE, |a, b| a * b)
    }
}

impl fmt::Display for Dim {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let polynomial = match self {
            Dim::Const(c) => return write!(f, "{c}"),
            Dim::Expr(polynomial) => polynomial,
        };
        // The constant term sorts first; people expect it last.
        let (constant, rest): (Vec<_>, Vec<_>) = polynomial.0.iter().partition(|(atoms, _)| atoms.is_empty());
        for (position, (atoms, coefficient)) in rest.into_iter().chain(constant).enumerate() {
            match (position, *coefficient < 0) {
                (0, true) => f.write_str("-")?,
                (0, false) => {}
                (_, true) => f.write_str(" - ")?,
                (_, false) => f.write_str(" + ")?,
            }
            let magnitude = coefficient.unsigned_abs();
            if magnitude != 1 || atoms.is_empty() {
                write!(f, "{magnitude}")?;
                if !atoms.is_empty() {
                    f.write_str("*")?;
                }
            }
            for (i, atom) in atoms.iter().enumerate() {
                if i > 0 {
                    f.write_str("*")?;
                }
                match atom {
                    Atom::Symbol(s) => write!(f, "{s}")?,
                    Atom::Quotient(a, b) => write!(f, "floor(({a})/({b}))")?,
                    Atom::Bounded { max, count } => write!(f, "{count}<={max}")?,
                }
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_polynomials_are_equal_values() {
        let (b, s) = (Dim::symbol("b"), Dim::symbol("s"));
        assert_eq!(&b * &s + 1, Dim::ONE + &s * &b);
        assert_eq!((&b + 2) * (&b - 2), &b * &b - 4);
        assert_eq!(&b - &b, Dim::ZERO);
        assert_eq!((&b * 12).exact_div(&Dim::from(4)), Some(&b * 3));
        assert_eq!((&b * &s * 12).exact_div(&(&s * 4)), Some(&b * 3));
        assert_eq!((&b + 1).exact_div(&b), None);
        assert_eq!((&b * &s + 1).to_string(), "b*s + 1");
    }

    #[test]
    fn evaluation_and_bounds() {
        let n = (Dim::symbol("n") + 2).floor_div(&Dim::from(2)) + Dim::bounded(8, "c");
        let mut bindings = Bindings::new();
        assert!(matches!(n.eval(&bindings), Err(DimError::Unbound(_))));
        bindings.bind(Symbol("n".into()), 5).unwrap();
        bindings.bind(Symbol("c".into()), 3).unwrap();
        assert_eq!(n.eval(&bindings), Ok(6));
        assert_eq!(n.upper_bound().eval(&bindings), Ok(11));
        let json = serde_json::to_string(&n).unwrap();
        assert_eq!(serde_json::from_str::<Dim>(&json).unwrap(), n);
    }

    #[test]
    fn dims_from_files_are_canonical() {
        assert_eq!(serde_json::from_str::<Dim>(r#"[[[{"Symbol":"n"}],2]]"#).unwrap(), Dim::symbol("n") * 2);
        for json in [
            "[]",
            "[[[],3]]",
            r#"[[[{"Symbol":"n"}],0]]"#,
            r#"[[[{"Symbol":"n"}],1],[[{"Symbol":"n"}],1]]"#,
            r#"[[[{"Symbol":"n"},{"Symbol":"a"}],1]]"#,
            r#"[[[{"Quotient":[6,2]}],1]]"#,
        ] {
            assert!(serde_json::from_str::<Dim>(json).is_err(), "{json}");
        }
    }
}
