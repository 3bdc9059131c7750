//! Statements.

use crate::Error;
use crate::functions::{Body, bare, globals, is_unsized, length_name};
use naga::{Barrier, Block, Expression, Function, Handle, Range, Statement, SwitchCase, SwitchValue};

impl Body<'_, '_> {
    pub(crate) fn block(&mut self, block: &Block) -> Result<(), Error> {
        for (statement, span) in block.span_iter() {
            match statement {
                Statement::Emit(range) => self.emit(range)?,
                Statement::Block(inner) => {
                    self.line("{");
                    self.nested(inner)?;
                    self.line("}");
                }
                Statement::If { condition, accept, reject } => self.branch(*condition, accept, reject)?,
                Statement::Switch { selector, cases } => self.switch(*selector, cases)?,
                Statement::Loop { body, continuing, break_if } => self.repeat(body, continuing, *break_if)?,
                Statement::Break => self.line("break;"),
                Statement::Continue => match self.loops.last() {
                    Some(Some(label)) => {
                        let label = label.clone();
                        self.line(format_args!("goto {label};"));
                    }
                    _ => self.line("continue;"),
                },
                Statement::Return { value: Some(value) } => {
                    let value = self.value(*value)?;
                    self.line(format_args!("return {};", bare(&value)));
                }
                Statement::Return { value: None } => self.line("return;"),
                Statement::ControlBarrier(barrier) => {
                    if barrier.contains(Barrier::TEXTURE) {
                        return Err(self.unsupported_at("a barrier for textures", *span));
                    }
                    self.line(match *barrier == Barrier::SUB_GROUP {
                        true => "wgsl::subgroup_barrier();",
                        false => "__syncthreads();",
                    });
                }
                Statement::MemoryBarrier(barrier) => self.line(match barrier.contains(Barrier::STORAGE) {
                    true => "__threadfence();",
                    false => "__threadfence_block();",
                }),
                Statement::Store { pointer, value } => {
                    let value = self.value(*value)?;
                    let store = self.store(*pointer, &value)?;
                    self.line(store);
                }
                Statement::Atomic { pointer, fun, value, result } => {
                    self.atomic(*pointer, *fun, *value, *result)?
                }
                Statement::WorkGroupUniformLoad { pointer, result } => {
                    let value = self.load(*pointer)?;
                    self.line("__syncthreads();");
                    self.bake(*result, value)?;
                    self.line("__syncthreads();");
                }
                Statement::Call { function, arguments, result } => {
                    self.call(*function, arguments, *result)?
                }
                Statement::SubgroupBallot { result, predicate } => self.ballot(*result, *predicate)?,
                Statement::SubgroupGather { mode, argument, result } => {
                    self.gather(*mode, *argument, *result)?
                }
                Statement::SubgroupCollectiveOperation { op, collective_op, argument, result } => {
                    self.collective(*op, *collective_op, *argument, *result)?
                }
                Statement::Kill => return Err(self.unsupported_at("`discard`", *span)),
                Statement::ImageStore { .. } | Statement::ImageAtomic { .. } => {
                    return Err(self.unsupported_at("a write to a texture", *span));
                }
                Statement::RayQuery { .. } | Statement::RayPipelineFunction(_) => {
                    return Err(self.unsupported_at("a ray query", *span));
                }
                Statement::CooperativeStore { .. } => {
                    return Err(self.unsupported_at("a cooperative matrix", *span));
                }
            }
        }
        Ok(())
    }

    /// A block inside of another.
    fn nested(&mut self, block: &Block) -> Result<(), Error> {
        let passed_over = std::mem::replace(&mut self.passed_over, false);
        self.depth += 1;
        let done = self.block(block);
        self.depth -= 1;
        self.passed_over = passed_over;
        done
    }

    /// Declares what must be computed here, and not where it is used.
    fn emit(&mut self, range: &Range<Expression>) -> Result<(), Error> {
        for handle in range.clone() {
            if self.is_pointer(handle) {
                continue;
            }
            let expression = &self.function.expressions[handle];
            let named = self.function.named_expressions.contains_key(&handle);
            if named || self.info[handle].ref_count >= expression.bake_ref_count() {
                let text = self.expression(handle)?;
                self.bake(handle, text)?;
            }
        }
        Ok(())
    }

    fn branch(&mut self, condition: Handle<Expression>, accept: &Block, reject: &Block) -> Result<(), Error> {
        let condition = self.value(condition)?;
        if accept.is_empty() && !reject.is_empty() {
            self.line(format_args!("if (!{condition}) {{"));
            self.nested(reject)?;
        } else {
            self.line(format_args!("if ({}) {{", bare(&condition)));
            self.nested(accept)?;
            if !reject.is_empty() {
                self.line("} else {");
                self.nested(reject)?;
            }
        }
        self.line("}");
        Ok(())
    }

    fn switch(&mut self, selector: Handle<Expression>, cases: &[SwitchCase]) -> Result<(), Error> {
        let selector = self.value(selector)?;
        self.line(format_args!("switch ({}) {{", bare(&selector)));
        for case in cases {
            let label = match case.value {
                SwitchValue::I32(i32::MIN) => "case (-2147483647 - 1)".to_string(),
                SwitchValue::I32(value) => format!("case {value}"),
                SwitchValue::U32(value) => format!("case {value}u"),
                SwitchValue::Default => "default".into(),
            };
            if case.fall_through && case.body.is_empty() {
                self.line(format_args!("{label}:"));
                continue;
            }
            self.line(format_args!("{label}: {{"));
            self.nested(&case.body)?;
            if !case.fall_through && !case.body.last().is_some_and(Statement::is_terminator) {
                self.line("    break;");
            }
            self.line("}");
        }
        self.line("}");
        Ok(())
    }

    /// A loop. What `continuing` does is at the end of each round; `continue` jumps there.
    fn repeat(
        &mut self,
        body: &Block,
        continuing: &Block,
        break_if: Option<Handle<Expression>>,
    ) -> Result<(), Error> {
        let plain = continuing.is_empty() && break_if.is_none();
        let label = (!plain && continues(body)).then(|| {
            self.labels += 1;
            format!("next_{}", self.labels)
        });
        self.line("while (true) {");
        self.loops.push(label.clone());
        // What the body declares is in scope in `continuing`, so both are one block, and `goto` passes declarations.
        let passed_over = std::mem::replace(&mut self.passed_over, label.is_some());
        self.depth += 1;
        self.block(body)?;
        self.passed_over = false;
        if let Some(label) = label {
            self.line(format_args!("{label}:;"));
        }
        if !plain {
            self.block(continuing)?;
        }
        if let Some(condition) = break_if {
            let condition = self.value(condition)?;
            self.line(format_args!("if ({}) {{", bare(&condition)));
            self.line("    break;");
            self.line("}");
        }
        self.depth -= 1;
        self.passed_over = passed_over;
        self.loops.pop();
        self.line("}");
        Ok(())
    }

    fn call(
        &mut self,
        function: Handle<Function>,
        arguments: &[Handle<Expression>],
        result: Option<Handle<Expression>>,
    ) -> Result<(), Error> {
        let mut given = arguments.iter().map(|&a| self.argument(a)).collect::<Result<Vec<_>, _>>()?;
        for global in globals(self.context, &self.context.info[function]) {
            let name = self.names.global(global);
            given.push(name.to_string());
            if is_unsized(self.context, global) {
                given.push(length_name(name));
            }
        }
        let name = self.names.function(crate::names::Owner::Function(function));
        let call = format!("{name}({})", given.join(", "));
        match result {
            Some(result) => self.bake(result, call),
            None => {
                self.line(format_args!("{call};"));
                Ok(())
            }
        }
    }
}

/// Whether `block` has a `continue` for the loop that it is in.
fn continues(block: &Block) -> bool {
    block.iter().any(|statement| match statement {
        Statement::Continue => true,
        Statement::Block(inner) => continues(inner),
        Statement::If { accept, reject, .. } => continues(accept) || continues(reject),
        Statement::Switch { cases, .. } => cases.iter().any(|case| continues(&case.body)),
        _ => false,
    })
}
