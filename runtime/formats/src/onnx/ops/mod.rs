//! The operators, a file for each family. To add one, write a function that makes nodes from a [`Call`](super::call::Call), and list it in
//! its file's `OPERATORS` and, for a new file, here.

mod activation;
mod binary;
mod cast;
mod concat;
mod constant;
mod contraction;
mod expand;
mod gather;
mod normalisation;
mod pad;
mod pool;
mod quantise;
mod range;
mod reduce;
mod reshape;
mod select;
mod shape;
mod slice;
mod softmax;
mod sort;
mod split;
mod transpose;
mod unary;

use super::call::Call;
use super::importer::{Importer, Value};
use super::refusal::Refusal;
use crate::error::quoted;

/// Makes nodes for one ONNX node and returns its results.
pub(crate) type Import = fn(&mut Importer, &Call<'_>) -> Result<Vec<Value>, Refusal>;

/// An operator.
pub(crate) struct Operator {
    /// Its domain; empty for ONNX's own.
    pub(crate) domain: &'static str,
    pub(crate) name: &'static str,
    /// The operator set versions that changed it, oldest first, from the first one that is understood.
    pub(crate) since: &'static [i64],
    pub(crate) import: Import,
}

/// An operator of ONNX's own domain.
const fn onnx(name: &'static str, since: &'static [i64], import: Import) -> Operator {
    Operator { domain: "", name, since, import }
}

const FAMILIES: &[&[Operator]] = &[
    activation::OPERATORS,
    binary::OPERATORS,
    cast::OPERATORS,
    concat::OPERATORS,
    constant::OPERATORS,
    contraction::OPERATORS,
    expand::OPERATORS,
    gather::OPERATORS,
    normalisation::OPERATORS,
    pad::OPERATORS,
    pool::OPERATORS,
    quantise::OPERATORS,
    range::OPERATORS,
    reduce::OPERATORS,
    reshape::OPERATORS,
    select::OPERATORS,
    shape::OPERATORS,
    slice::OPERATORS,
    softmax::OPERATORS,
    sort::OPERATORS,
    split::OPERATORS,
    transpose::OPERATORS,
    unary::OPERATORS,
];

fn all() -> impl Iterator<Item = &'static Operator> {
    FAMILIES.iter().flat_map(|family| family.iter())
}

/// Every operator that can be imported: domain (empty for ONNX's own), name, and the operator set versions that changed it.
pub fn supported() -> impl Iterator<Item = (&'static str, &'static str, &'static [i64])> {
    all().map(|op| (op.domain, op.name, op.since))
}

/// The operator that a node means. Errors: `Unsupported`.
pub(crate) fn find(domain: &str, name: &str, opset: i64) -> Result<&'static Operator, Refusal> {
    let shown = if domain.is_empty() { String::new() } else { format!(" of the domain {}", quoted(domain)) };
    let Some(op) = all().find(|op| op.domain == domain && op.name == name) else {
        let same = all().find(|op| op.name == name);
        let hint = match same {
            Some(op) if op.domain.is_empty() => {
                "it is known in ONNX's own domain: export the model without extensions"
            }
            _ => "simplify or re-export the model without it, or add the operator (docs/adding-an-op)",
        };
        return Err(Refusal::unsupported(format!("the operator {}{shown} (opset {opset})", quoted(name)))
            .with_hint(hint));
    };
    match op.since.first() {
        Some(&first) if opset < first => Err(Refusal::unsupported(format!(
            "the operator {}{shown} as it was in opset {opset}",
            quoted(name)
        ))
        .with_hint(format!("export the model with opset {first} or newer"))),
        _ => Ok(op),
    }
}
