//! Places in memory, and indices that are brought into range.

use crate::functions::{Body, bare, length_name};
use crate::{Bounds, Error};
use naga::proc::IndexableLength;
use naga::proc::index::{GuardedIndex, access_needs_check};
use naga::{AddressSpace, Expression, Handle, TypeInner};

const COMPONENTS: [&str; 4] = ["x", "y", "z", "w"];

impl Body<'_, '_> {
    /// The place that a pointer points to, as an lvalue.
    pub(crate) fn place(&self, pointer: Handle<Expression>) -> Result<String, Error> {
        Ok(match self.function.expressions[pointer] {
            Expression::GlobalVariable(global) => self.names.global(global).to_string(),
            Expression::LocalVariable(local) => self.names.local(self.owner, local).to_string(),
            Expression::FunctionArgument(index) => self.names.argument(self.owner, index).to_string(),
            Expression::Access { base, index } => {
                format!("{}[{}]", self.place(base)?, self.index(base, index)?)
            }
            Expression::AccessIndex { base, index } => self.component(self.place(base)?, base, index)?,
            ref other => return Err(self.unsupported(format!("a pointer from {other:?}"), pointer)),
        })
    }

    /// What is at a pointer now.
    pub(crate) fn load(&self, pointer: Handle<Expression>) -> Result<String, Error> {
        if self.is_atomic(pointer) {
            return Ok(format!("wgsl::atomic_load({})", self.place(pointer)?));
        }
        match self.register_component(pointer)? {
            Some((vector, index)) => Ok(format!("wgsl::at({vector}, {index})")),
            None => self.place(pointer),
        }
    }

    /// The statement that puts `value` at a pointer.
    pub(crate) fn store(&self, pointer: Handle<Expression>, value: &str) -> Result<String, Error> {
        if self.is_atomic(pointer) {
            return Ok(format!("wgsl::atomic_store({}, {value});", self.place(pointer)?));
        }
        Ok(match self.register_component(pointer)? {
            Some((vector, index)) => format!("wgsl::set({vector}, {index}, {value});"),
            None => format!("{} = {};", self.place(pointer)?, bare(value)),
        })
    }

    /// Part `index` of the value or place `text`, which is what `base` is or points to.
    pub(crate) fn component(
        &self,
        text: String,
        base: Handle<Expression>,
        index: u32,
    ) -> Result<String, Error> {
        let types = &self.context.module.types;
        let (inner, ty) = match *self.ty(base) {
            TypeInner::Pointer { base, .. } => (&types[base].inner, Some(base)),
            ref inner => (inner, self.info[base].ty.handle()),
        };
        Ok(match (inner, ty) {
            (TypeInner::Struct { .. }, Some(ty)) => format!("{text}.{}", self.names.member(ty, index)),
            (TypeInner::Vector { .. } | TypeInner::ValuePointer { .. }, _) => {
                format!("{text}.{}", COMPONENTS[index as usize % 4])
            }
            _ => match self.limit(base, GuardedIndex::Known(index))? {
                Some(last) => format!("{text}[wgsl::within({index}u, {last})]"),
                None => format!("{text}[{index}u]"),
            },
        })
    }

    /// The index of an access to `base`, in range.
    pub(crate) fn index(&self, base: Handle<Expression>, index: Handle<Expression>) -> Result<String, Error> {
        let text = self.value(index)?;
        Ok(match self.limit(base, GuardedIndex::Expression(index))? {
            Some(last) => format!("wgsl::within({text}, {last})"),
            None => text,
        })
    }

    /// The last element of what `base` is or points to; `None` where `index` needs no check.
    fn limit(&self, base: Handle<Expression>, index: GuardedIndex) -> Result<Option<String>, Error> {
        if self.context.options.bounds == Bounds::Unchecked {
            return Ok(None);
        }
        let expressions = &self.function.expressions;
        Ok(match access_needs_check(base, index, self.context.module, expressions, self.info) {
            None => None,
            Some(IndexableLength::Known(count)) => Some(format!("{}u", count.max(1) - 1)),
            Some(IndexableLength::Dynamic) => Some(format!("{} - 1u", self.length(base)?)),
        })
    }

    /// The number of elements of an array whose length only the run knows.
    pub(crate) fn length(&self, array: Handle<Expression>) -> Result<String, Error> {
        match self.function.originating_global(array) {
            Some(global) => Ok(length_name(self.names.global(global))),
            None => Err(self.unsupported("an array of unknown length that is not a variable", array)),
        }
    }

    /// A component of a vector in registers at an index that only the run knows: the vector and the index. An address of it would
    /// force the vector into memory. Whatever the index is, a component of the vector is taken.
    fn register_component(&self, pointer: Handle<Expression>) -> Result<Option<(String, String)>, Error> {
        let Expression::Access { base, index } = self.function.expressions[pointer] else { return Ok(None) };
        let types = &self.context.module.types;
        let (vector, space) = match *self.ty(base) {
            TypeInner::Pointer { base, space } => {
                (matches!(types[base].inner, TypeInner::Vector { .. }), space)
            }
            TypeInner::ValuePointer { size, space, .. } => (size.is_some(), space),
            _ => return Ok(None),
        };
        if !vector || !matches!(space, AddressSpace::Function | AddressSpace::Private) {
            return Ok(None);
        }
        Ok(Some((self.place(base)?, self.index(base, index)?)))
    }

    fn is_atomic(&self, pointer: Handle<Expression>) -> bool {
        self.ty(pointer).is_atomic_pointer(&self.context.module.types)
    }
}
