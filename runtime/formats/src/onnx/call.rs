//! One node as an operator sees it: its operands by position and its attributes by name.

use super::importer::ValueId;
use super::proto::{AttributeProto, NodeProto, TensorProto};
use super::refusal::Refusal;
use crate::error::quoted;
use std::cell::RefCell;

/// A node. Attributes are marked as they are read; the importer refuses those that no one looked at.
pub(crate) struct Call<'a> {
    pub(crate) node: &'a NodeProto,
    /// Operands; none for one that is left out.
    pub(crate) inputs: Vec<Option<ValueId>>,
    /// Version of the operator set.
    pub(crate) opset: i64,
    read: RefCell<Vec<bool>>,
}

macro_rules! attribute {
    ($($(#[$doc:meta])* $name:ident: $t:ty, $number:literal, $kind:literal, |$a:ident| $value:expr;)*) => {$(
        $(#[$doc])*
        pub(crate) fn $name(&self, name: &str) -> Result<Option<$t>, Refusal> {
            let Some($a) = self.attribute(name)? else { return Ok(None) };
            let value: Option<$t> = $value;
            match value {
                Some(value) if $a.r#type == $number || $a.r#type == 0 => Ok(Some(value)),
                _ => Err(Refusal::malformed(
                    format!("an attribute {} of type {}", quoted(name), $a.r#type),
                    concat!("one that is ", $kind, " (type ", $number, ")"),
                )),
            }
        }
    )*};
}

impl<'a> Call<'a> {
    pub(crate) fn new(node: &'a NodeProto, inputs: Vec<Option<ValueId>>, opset: i64) -> Call<'a> {
        Call { node, inputs, opset, read: RefCell::new(vec![false; node.attribute.len()]) }
    }

    /// Number of operands, trailing ones that are left out not counted.
    pub(crate) fn count(&self) -> usize {
        self.inputs.iter().rposition(Option::is_some).map_or(0, |last| last + 1)
    }

    /// Number of results, trailing ones that nobody wants not counted.
    pub(crate) fn results(&self) -> usize {
        self.node.output.iter().rposition(|name| !name.is_empty()).map_or(0, |last| last + 1)
    }

    /// Refuses a node that wants more than `count` results.
    pub(crate) fn at_most_results(&self, count: usize) -> Result<(), Refusal> {
        if self.results() <= count {
            return Ok(());
        }
        Err(Refusal::unsupported(format!("result {} of this operator", self.results())))
    }

    attribute! {
        /// An integer attribute.
        int: i64, 2, "an integer", |a| a.i;
        /// A float attribute.
        float: f32, 1, "a float", |a| a.f;
        /// A list of integers.
        ints: Vec<i64>, 7, "a list of integers", |a| Some(a.ints.clone());
        /// A list of floats.
        floats: Vec<f32>, 6, "a list of floats", |a| Some(a.floats.clone());
        /// A tensor.
        tensor: &'a TensorProto, 4, "a tensor", |a| a.t.as_deref();
        /// Text.
        text: &'a str, 3, "text", |a| a.s.as_ref().and_then(|s| std::str::from_utf8(s).ok());
    }

    /// An integer attribute that means yes or no.
    pub(crate) fn flag(&self, name: &str, default: bool) -> Result<bool, Refusal> {
        match self.int(name)? {
            None => Ok(default),
            Some(value @ 0..=1) => Ok(value == 1),
            Some(other) => Err(Refusal::malformed(format!("`{name}` of {other}"), "0 or 1")),
        }
    }

    /// Marks attributes that change nothing here.
    pub(crate) fn ignore(&self, names: &[&str]) {
        for (attribute, read) in self.node.attribute.iter().zip(self.read.borrow_mut().iter_mut()) {
            *read |= names.contains(&attribute.name.as_str());
        }
    }

    /// The first attribute that nobody looked at.
    pub(crate) fn unread(&self) -> Option<&str> {
        let read = self.read.borrow();
        let mut unread = self.node.attribute.iter().zip(read.iter()).filter(|(_, read)| !**read);
        unread.next().map(|(attribute, _)| attribute.name.as_str())
    }

    fn attribute(&self, name: &str) -> Result<Option<&'a AttributeProto>, Refusal> {
        let mut found = None;
        for (i, attribute) in self.node.attribute.iter().enumerate().filter(|(_, a)| a.name == name) {
            if found.replace(attribute).is_some() {
                return Err(Refusal::malformed(format!("a second attribute {}", quoted(name)), "one"));
            }
            self.read.borrow_mut()[i] = true;
            if !attribute.ref_attr_name.is_empty() {
                let found = format!("an attribute {} that refers to a function's", quoted(name));
                return Err(Refusal::malformed(found, "a value, outside functions"));
            }
        }
        Ok(found)
    }
}
