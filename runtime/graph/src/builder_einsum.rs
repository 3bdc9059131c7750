//! Einstein summation, built from transposes, reshapes, reductions and matrix multiplications.
//!
//! An equation gives every axis of every operand a letter: `bij,bjk->bik` is a batched matrix product. A letter that is missing in the
//! result is summed over. Without `->`, the result has the letters that occur once, in alphabetical order. A letter twice in one operand takes the
//! diagonal. `...` stands for the axes without letters, which align from the right; where extents meet a 1, they broadcast.
//!
//! Two operands meet in one contraction: letters of both that stay are batch axes, those that go are summed, and the others are rows and
//! columns. More operands are contracted from left to right.

use crate::error::{GraphError, OpError};
use crate::graph::{Graph, NodeId};
use crate::op::Slice;
use crate::program::ReduceOp;
use crate::{Dim, Shape};
use std::collections::BTreeMap;
use std::panic::Location;

/// A letter, or an axis of the ellipsis: those have negative numbers, -1 for the last axis.
type Label = i64;

/// A tensor with a label for each axis.
#[derive(Clone)]
struct Term {
    node: NodeId,
    labels: Vec<Label>,
}

impl Graph {
    /// Einstein summation: `einsum("bij,bjk->bik", &[a, b])`; see the module's page for what an equation may hold.
    ///
    /// Errors: an equation that cannot be read, an operand whose rank is not that of its letters, a letter with two extents, a diagonal
    /// of an extent that is not known when the graph is built.
    #[track_caller]
    pub fn einsum(&mut self, equation: &str, operands: &[NodeId]) -> Result<NodeId, GraphError> {
        let location = Location::caller();
        let types = operands.iter().map(|&o| self.ty(o).clone()).collect();
        let fail = |error| GraphError::new("einsum", types, Some(location), error);
        let ranks: Vec<usize> = operands.iter().map(|&o| self.shape(o).rank()).collect();
        let parsed = parse(equation, &ranks).and_then(|(labels, output)| {
            let terms: Vec<Term> =
                operands.iter().zip(labels).map(|(&node, labels)| Term { node, labels }).collect();
            self.check_extents(&terms, &output)?;
            Ok((terms, output))
        });
        let (terms, output) = match parsed {
            Ok(parsed) => parsed,
            Err(error) => return Err(fail(error)),
        };
        let first = self.nodes().len();
        let result = self.contract_all(terms, &output);
        for id in self.nodes().handles().skip(first).collect::<Vec<_>>() {
            self.set_location(id, Some(location.to_string().into()));
        }
        result
    }

    /// One extent for each label, but for 1, which broadcasts; diagonals are of constant extents.
    fn check_extents(&self, terms: &[Term], output: &[Label]) -> Result<(), OpError> {
        let mut extents: BTreeMap<Label, Dim> = BTreeMap::new();
        for Term { node, labels } in terms {
            for (axis, &label) in labels.iter().enumerate() {
                let extent = &self.shape(*node)[axis];
                let twice = labels.iter().position(|&l| l == label).filter(|&earlier| earlier < axis);
                if let Some(earlier) = twice {
                    let other = &self.shape(*node)[earlier];
                    if other != extent {
                        let what = format!("the extents of the diagonal `{}`", name(label));
                        return Err(OpError::Extents { what, a: other.clone(), b: extent.clone() });
                    }
                    if extent.as_const().is_none() {
                        return Err(OpError::Attribute(format!(
                            "the diagonal `{}` has the extent {extent}, which must be known when the graph is built",
                            name(label)
                        )));
                    }
                }
                let known = extents.entry(label).or_insert_with(|| extent.clone());
                if known.is(1) {
                    *known = extent.clone();
                } else if !extent.is(1) && known != extent {
                    let what = format!("the extents of `{}`", name(label));
                    return Err(OpError::Extents { what, a: known.clone(), b: extent.clone() });
                }
            }
        }
        match output.iter().find(|l| !extents.contains_key(l)) {
            Some(&label) => {
                Err(OpError::Attribute(format!("`{}` of the result is in no operand", name(label))))
            }
            None => Ok(()),
        }
    }

    fn contract_all(&mut self, terms: Vec<Term>, output: &[Label]) -> Result<NodeId, GraphError> {
        let mut terms = terms;
        for i in 0..terms.len() {
            let term = self.diagonals(terms[i].clone())?;
            terms[i] = self.without_units(term, &terms, i)?;
        }
        let mut rest = terms.split_off(1);
        rest.reverse();
        // `parse` gave at least one operand.
        let mut result = terms.remove(0);
        while let Some(next) = rest.pop() {
            let needed =
                |label: Label| output.contains(&label) || rest.iter().any(|t| t.labels.contains(&label));
            let a = self.sum(result, &|l| next.labels.contains(&l) || needed(l))?;
            let b = self.sum(next, &|l| a.labels.contains(&l) || needed(l))?;
            result = self.pair(&a, &b, &needed)?;
        }
        let result = self.sum(result, &|l| output.contains(&l))?;
        let permutation: Vec<usize> =
            output.iter().filter_map(|l| result.labels.iter().position(|r| r == l)).collect();
        self.ordered(result.node, &permutation)
    }

    /// Takes the diagonal of labels that occur twice.
    fn diagonals(&mut self, mut term: Term) -> Result<Term, GraphError> {
        while let Some((i, j)) = repeated(&term.labels) {
            let rank = term.labels.len();
            let permutation: Vec<usize> = (0..rank).filter(|a| *a != i && *a != j).chain([i, j]).collect();
            let moved = self.ordered(term.node, &permutation)?;
            let n = self.shape(moved)[rank - 1].clone();
            let mut shape: Shape = self.shape(moved)[..rank - 2].iter().cloned().collect();
            shape.0.push(&n * &n);
            let flat = self.reshape(moved, shape.clone())?;
            // Every (n + 1)-th element of a flat square.
            let mut steps = vec![1; rank - 1];
            steps[rank - 2] = n.as_const().unwrap_or(0).saturating_add(1);
            let extents = shape.with(rank - 2, n).0;
            let slice = Slice { starts: vec![Dim::ZERO; rank - 1], extents, steps };
            term.node = self.apply(slice, &[flat])?;
            term.labels = permutation[..rank - 1].iter().map(|&a| term.labels[a]).collect();
        }
        Ok(term)
    }

    /// Takes out axes of extent 1 whose label has another extent elsewhere: the tensor is the same all along it.
    fn without_units(&mut self, mut term: Term, terms: &[Term], own: usize) -> Result<Term, GraphError> {
        let elsewhere = |graph: &Graph, label: Label| {
            terms.iter().enumerate().any(|(i, t)| {
                i != own
                    && t.labels
                        .iter()
                        .enumerate()
                        .any(|(axis, &l)| l == label && !graph.shape(t.node)[axis].is(1))
            })
        };
        for axis in (0..term.labels.len()).rev() {
            if self.shape(term.node)[axis].is(1) && elsewhere(self, term.labels[axis]) {
                term.node = self.squeeze(term.node, axis)?;
                term.labels.remove(axis);
            }
        }
        Ok(term)
    }

    /// Sums over labels that are not kept.
    fn sum(&mut self, term: Term, kept: &dyn Fn(Label) -> bool) -> Result<Term, GraphError> {
        let axes: Vec<usize> = (0..term.labels.len()).filter(|&a| !kept(term.labels[a])).collect();
        if axes.is_empty() {
            return Ok(term);
        }
        let node = self.reduce(ReduceOp::Sum, term.node, &axes)?;
        Ok(Term { node, labels: term.labels.into_iter().filter(|&l| kept(l)).collect() })
    }

    /// The product of two tensors, summed over the labels of both that are not needed any more.
    fn pair(&mut self, a: &Term, b: &Term, needed: &dyn Fn(Label) -> bool) -> Result<Term, GraphError> {
        let of = |term: &Term, keep: &dyn Fn(Label) -> bool| -> Vec<Label> {
            term.labels.iter().copied().filter(|&l| keep(l)).collect()
        };
        let batch = of(a, &|l| b.labels.contains(&l) && needed(l));
        let summed = of(a, &|l| b.labels.contains(&l) && !needed(l));
        let rows = of(a, &|l| !b.labels.contains(&l));
        let columns = of(b, &|l| !a.labels.contains(&l));
        let labels = [batch.clone(), rows.clone(), columns.clone()].concat();
        if summed.is_empty() {
            let a = self.arranged(a, &[&batch, &rows])?;
            let b = self.arranged(b, &[&batch, &columns])?;
            let mut shape = self.shape(a).clone();
            shape.0.extend(columns.iter().map(|_| Dim::ONE));
            let a = self.reshape(a, shape)?;
            let mut shape = self.shape(b).clone();
            rows.iter().for_each(|_| shape.0.insert(batch.len(), Dim::ONE));
            let b = self.reshape(b, shape)?;
            return Ok(Term { node: self.mul(a, b)?, labels });
        }
        let left = self.arranged(a, &[&batch, &rows, &summed])?;
        let right = self.arranged(b, &[&batch, &summed, &columns])?;
        let extents = |graph: &Graph, node: NodeId, from: usize, count: usize| -> Vec<Dim> {
            graph.shape(node)[from..from + count].to_vec()
        };
        let batch_shape = extents(self, left, 0, batch.len());
        let row_shape = extents(self, left, batch.len(), rows.len());
        let column_shape = extents(self, right, batch.len() + summed.len(), columns.len());
        let inner: Dim = extents(self, left, batch.len() + rows.len(), summed.len()).into_iter().product();
        let merged = |list: &[Dim]| list.iter().cloned().product::<Dim>();
        let matrix = |m: Dim, n: Dim| Shape([batch_shape.clone(), vec![m, n]].concat());
        let left = self.reshape(left, matrix(merged(&row_shape), inner.clone()))?;
        let right = self.reshape(right, matrix(inner, merged(&column_shape)))?;
        let product = self.matmul(left, right)?;
        let node = self.reshape(product, Shape([batch_shape, row_shape, column_shape].concat()))?;
        Ok(Term { node, labels })
    }

    /// The tensor with its axes in the order of `groups`, which hold all its labels.
    fn arranged(&mut self, term: &Term, groups: &[&[Label]]) -> Result<NodeId, GraphError> {
        let order = groups.iter().copied().flatten();
        let permutation: Vec<usize> =
            order.filter_map(|label| term.labels.iter().position(|l| l == label)).collect();
        self.ordered(term.node, &permutation)
    }

    /// A transpose, or the tensor itself where nothing moves.
    fn ordered(&mut self, node: NodeId, permutation: &[usize]) -> Result<NodeId, GraphError> {
        if permutation.iter().enumerate().all(|(i, &p)| i == p) {
            Ok(node)
        } else {
            self.transpose(node, permutation)
        }
    }
}

/// Two axes with one label.
fn repeated(labels: &[Label]) -> Option<(usize, usize)> {
    (0..labels.len()).find_map(|j| labels[..j].iter().position(|&l| l == labels[j]).map(|i| (i, j)))
}

fn name(label: Label) -> String {
    match u32::try_from(label).ok().and_then(char::from_u32) {
        Some(letter) => letter.to_string(),
        None => format!("axis {label} of the ellipsis"),
    }
}

/// Labels of each operand and of the result. Errors: `Arity`, `Rank`, `Attribute`.
fn parse(equation: &str, ranks: &[usize]) -> Result<(Vec<Vec<Label>>, Vec<Label>), OpError> {
    let text: String = equation.chars().filter(|c| !c.is_whitespace()).collect();
    let (inputs, result) = match text.split_once("->") {
        Some((inputs, result)) => (inputs, Some(result)),
        None => (text.as_str(), None),
    };
    let inputs: Vec<&str> = inputs.split(',').collect();
    if inputs.len() != ranks.len() {
        return Err(OpError::Arity { expected: format!("as many as `{equation}` has"), given: ranks.len() });
    }
    let mut labels = Vec::new();
    for (number, (part, &rank)) in inputs.iter().zip(ranks).enumerate() {
        let letters = letters(part, equation)?;
        let named = letters.iter().flatten().count();
        let dots = letters.contains(&None);
        if named > rank || (!dots && named != rank) {
            let expected = format!("{}{named} (`{part}`)", if dots { "at least " } else { "" });
            return Err(OpError::Rank { what: format!("operand {number}"), expected, given: rank });
        }
        labels.push(expand(&letters, rank - named));
    }
    let widest = labels.iter().flatten().map(|&l| l.min(0).unsigned_abs() as usize).max().unwrap_or(0);
    let output = match result {
        Some(result) => {
            let output = expand(&letters(result, equation)?, widest);
            if repeated(&output).is_some() {
                return Err(OpError::Attribute(format!("a letter is twice in the result of `{equation}`")));
            }
            output
        }
        None => {
            let mut counts: BTreeMap<Label, usize> = BTreeMap::new();
            labels.iter().flatten().for_each(|&label| *counts.entry(label).or_default() += 1);
            // Axes of the ellipsis are negative and come first, the outermost at the front.
            counts
                .into_iter()
                .filter(|&(label, count)| label < 0 || count == 1)
                .map(|(label, _)| label)
                .collect()
        }
    };
    Ok((labels, output))
}

/// The letters of a part; `None` for the ellipsis.
fn letters(part: &str, equation: &str) -> Result<Vec<Option<char>>, OpError> {
    let wrong = |what: &str| {
        Err(OpError::Attribute(format!("`{equation}` holds {what}: letters and one `...` are read")))
    };
    let mut result = Vec::new();
    let mut rest = part.chars();
    while let Some(c) = rest.next() {
        match c {
            '.' => {
                if rest.next() != Some('.') || rest.next() != Some('.') {
                    return wrong("a lone `.`");
                }
                if result.contains(&None) {
                    return wrong("`...` twice in one operand");
                }
                result.push(None);
            }
            c if c.is_alphabetic() => result.push(Some(c)),
            c => return wrong(&format!("`{c}`")),
        }
    }
    Ok(result)
}

/// Labels of letters, with `count` axes for the ellipsis.
fn expand(letters: &[Option<char>], count: usize) -> Vec<Label> {
    let mut labels = Vec::new();
    for letter in letters {
        match letter {
            Some(c) => labels.push(i64::from(u32::from(*c))),
            None => labels.extend(-(count as i64)..0),
        }
    }
    labels
}
