//! Einstein summation.

use super::Tensor;
use crate::{Error, Result};
use hadal_graph::{Dim, Shape};
use std::collections::BTreeMap;

impl Tensor {
    /// A sum of products written by letters: `Tensor::einsum("bij,bjk->bik", &[&a, &b])`.
    ///
    /// Each letter names an axis; a letter that several operands have is multiplied along, one that the result does not have is summed. Without
    /// `->`, the result has the letters that occur once, in alphabetical order. Operands are taken from left to right, each pair
    /// as one matrix product. A letter repeated within an operand means its diagonal.
    ///
    /// Errors: an expression that does not match the operands, extents that differ under one letter.
    #[track_caller]
    pub fn einsum(expression: &str, operands: &[&Tensor]) -> Result<Tensor> {
        let (terms, result) = match parse(expression, operands.len()) {
            Ok(parsed) => parsed,
            Err(reason) => return Err(Error::argument(format!("einsum `{expression}`: {reason}"))),
        };
        if let Err(reason) = check(&terms, operands) {
            return Err(Error::argument(format!("einsum `{expression}`: {reason}")));
        }
        let mut pending: Vec<Labelled> = Vec::new();
        for (axes, tensor) in terms.into_iter().zip(operands) {
            pending.push(Labelled { axes, tensor: (*tensor).clone() }.diagonals()?);
        }
        let mut rest = pending.into_iter();
        let Some(mut product) = rest.next() else {
            return Err(Error::argument("einsum needs at least one operand"));
        };
        let mut rest: std::collections::VecDeque<Labelled> = rest.collect();
        while let Some(next) = rest.pop_front() {
            let needed =
                |letter: char| result.contains(&letter) || rest.iter().any(|r| r.axes.contains(&letter));
            product = product.contract(next, &needed)?;
        }
        product.sum_except(&|letter| result.contains(&letter))?.arranged(&result)
    }
}

/// A tensor whose axes have letters.
struct Labelled {
    axes: Vec<char>,
    tensor: Tensor,
}

impl Labelled {
    fn extent(&self, letter: char) -> Dim {
        let axis = self.axes.iter().position(|&a| a == letter);
        axis.map_or(Dim::ONE, |axis| self.tensor.shape()[axis].clone())
    }

    /// A letter that occurs twice is reduced to its diagonal.
    #[track_caller]
    fn diagonals(mut self) -> Result<Labelled> {
        while let Some((first, second)) = repeated(&self.axes) {
            // Moved last, the two axes are one of n² elements, of which every (n + 1)-th lies on the diagonal.
            let n = self.tensor.dims()?[first];
            let others = (0..self.axes.len()).filter(|&a| a != first && a != second);
            let order: Vec<usize> = others.chain([first, second]).collect();
            let permutation: Vec<i64> = order.iter().map(|&a| a as i64).collect();
            let moved = self.tensor.permute(&permutation)?.flatten(-2, -1)?;
            let step = n as i64 + 1;
            self.tensor = moved.slice(-1, 0, i64::MAX, step)?;
            self.axes = order[..order.len() - 1].iter().map(|&a| self.axes[a]).collect();
        }
        Ok(self)
    }

    /// Sums over all letters that are not needed any more.
    #[track_caller]
    fn sum_except(self, needed: &dyn Fn(char) -> bool) -> Result<Labelled> {
        let gone: Vec<i64> =
            (0..self.axes.len()).filter(|&a| !needed(self.axes[a])).map(|a| a as i64).collect();
        if gone.is_empty() {
            return Ok(self);
        }
        let axes = self.axes.iter().copied().filter(|&a| needed(a)).collect();
        Ok(Labelled { axes, tensor: self.tensor.sum(&gone)? })
    }

    /// The product with another, as one batched matrix product, summed over letters that both have and nobody needs.
    #[track_caller]
    fn contract(self, other: Labelled, needed: &dyn Fn(char) -> bool) -> Result<Labelled> {
        let a = self.sum_except(&|c| needed(c) || other.axes.contains(&c))?;
        let b = other.sum_except(&|c| needed(c) || a.axes.contains(&c))?;
        let shared = |c: &char| b.axes.contains(c);
        let batch: Vec<char> = a.axes.iter().copied().filter(|c| shared(c) && needed(*c)).collect();
        let summed: Vec<char> = a.axes.iter().copied().filter(|c| shared(c) && !needed(*c)).collect();
        let left: Vec<char> = a.axes.iter().copied().filter(|c| !shared(c)).collect();
        let right: Vec<char> = b.axes.iter().copied().filter(|c| !a.axes.contains(c)).collect();
        let size = |letters: &[char]| -> Dim {
            letters.iter().map(|&c| if a.axes.contains(&c) { a.extent(c) } else { b.extent(c) }).product()
        };
        let order = |groups: [&[char]; 3]| groups.concat();
        let dims: Vec<Dim> = batch.iter().map(|&c| a.extent(c)).collect();
        let matrix = |rows: &[char], columns: &[char]| -> Shape {
            dims.iter().cloned().chain([size(rows), size(columns)]).collect()
        };
        let left_matrix = a.arranged(&order([&batch, &left, &summed]))?.reshape(matrix(&left, &summed))?;
        let right_matrix = b.arranged(&order([&batch, &summed, &right]))?.reshape(matrix(&summed, &right))?;
        let product = left_matrix.matmul(&right_matrix)?;
        let axes = order([&batch, &left, &right]);
        let extents: Shape = axes.iter().map(|c| size(&[*c])).collect();
        Ok(Labelled { axes, tensor: product.reshape(extents)? })
    }

    /// Axes in another order.
    #[track_caller]
    fn arranged(&self, order: &[char]) -> Result<Tensor> {
        let place = |c: &char| self.axes.iter().position(|a| a == c).map(|p| p as i64);
        let permutation: Vec<i64> = order.iter().filter_map(place).collect();
        if permutation.iter().enumerate().all(|(i, &p)| i as i64 == p) {
            return Ok(self.tensor.clone());
        }
        self.tensor.permute(&permutation)
    }
}

fn repeated(axes: &[char]) -> Option<(usize, usize)> {
    (0..axes.len()).find_map(|i| axes[i + 1..].iter().position(|&a| a == axes[i]).map(|j| (i, i + 1 + j)))
}

/// Letters of each operand and of the result.
fn parse(expression: &str, operands: usize) -> Result<(Vec<Vec<char>>, Vec<char>), String> {
    let text: String = expression.chars().filter(|c| !c.is_whitespace()).collect();
    let (left, right) = match text.split_once("->") {
        Some((left, right)) => (left, Some(right)),
        None => (text.as_str(), None),
    };
    let terms: Vec<Vec<char>> = left.split(',').map(|term| term.chars().collect()).collect();
    if terms.len() != operands {
        return Err(format!("it has {} terms for {operands} operands", terms.len()));
    }
    let mut counts: BTreeMap<char, usize> = BTreeMap::new();
    for &letter in terms.iter().flatten() {
        if !letter.is_ascii_alphabetic() {
            return Err(format!("`{letter}` is not a letter"));
        }
        *counts.entry(letter).or_insert(0) += 1;
    }
    let result: Vec<char> = match right {
        Some(right) => right.chars().collect(),
        None => counts.iter().filter(|(_, n)| **n == 1).map(|(c, _)| *c).collect(),
    };
    if let Some(unknown) = result.iter().find(|c| !counts.contains_key(c)) {
        return Err(format!("`{unknown}` of the result is in no operand"));
    }
    if repeated(&result).is_some() {
        return Err("a letter occurs twice in the result".into());
    }
    Ok((terms, result))
}

fn check(terms: &[Vec<char>], operands: &[&Tensor]) -> Result<(), String> {
    let mut extents: BTreeMap<char, &Dim> = BTreeMap::new();
    for (letters, tensor) in terms.iter().zip(operands) {
        if letters.len() != tensor.rank() {
            return Err(format!(
                "a term of {} letters for a tensor of shape {}",
                letters.len(),
                tensor.shape()
            ));
        }
        for (&letter, dim) in letters.iter().zip(tensor.shape().iter()) {
            match extents.insert(letter, dim) {
                Some(earlier) if earlier != dim => {
                    return Err(format!("`{letter}` is {earlier} in one place and {dim} in another"));
                }
                _ => {}
            }
        }
    }
    Ok(())
}
