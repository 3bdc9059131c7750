//! Atomic operations.

use crate::functions::Body;
use crate::{Error, types};
use naga::{AtomicFunction, Expression, Handle};

impl Body<'_, '_> {
    pub(crate) fn atomic(
        &mut self,
        pointer: Handle<Expression>,
        fun: AtomicFunction,
        value: Handle<Expression>,
        result: Option<Handle<Expression>>,
    ) -> Result<(), Error> {
        let (place, value) = (self.place(pointer)?, self.value(value)?);
        let name = match fun {
            AtomicFunction::Add => "add",
            AtomicFunction::Subtract => "sub",
            AtomicFunction::And => "and",
            AtomicFunction::ExclusiveOr => "xor",
            AtomicFunction::InclusiveOr => "or",
            AtomicFunction::Min => "min",
            AtomicFunction::Max => "max",
            AtomicFunction::Exchange { compare: None } => "exchange",
            AtomicFunction::Exchange { compare: Some(compare) } => {
                return self.compare_exchange(&place, compare, &value, result);
            }
        };
        let call = format!("wgsl::atomic_{name}({place}, {value})");
        match result {
            Some(result) => self.bake(result, call),
            None => {
                self.line(format_args!("{call};"));
                Ok(())
            }
        }
    }

    /// The result is a structure of what was there and whether it was replaced.
    fn compare_exchange(
        &mut self,
        place: &str,
        compare: Handle<Expression>,
        value: &str,
        result: Option<Handle<Expression>>,
    ) -> Result<(), Error> {
        let scalar = self.ty(compare).scalar().and_then(types::scalar);
        let compare = self.value(compare)?;
        let call = format!("wgsl::atomic_compare_exchange({place}, {compare}, {value})");
        let (Some(result), Some(scalar)) = (result, scalar) else {
            self.line(format_args!("{call};"));
            return Ok(());
        };
        let Some(ty) = self.info[result].ty.handle() else {
            return Err(self.unsupported("a compare-exchange without a type for its result", result));
        };
        let old = self.names.unique("old");
        match self.passed_over {
            true => self.line(format_args!("{scalar} {old};\n{old} = {call};")),
            false => self.line(format_args!("const {scalar} {old} = {call};")),
        }
        let parts = [old.clone(), format!("{old} == {compare}")];
        let text = types::structure_value(self.context, self.names, ty, &parts)?;
        self.bake(result, text)
    }
}
