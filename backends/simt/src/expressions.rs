//! Expressions: what has a value.

use crate::functions::Body;
use crate::{Error, constants, types};
use naga::{Expression, Handle, SwizzleComponent, TypeInner};

impl Body<'_, '_> {
    /// The value of an expression: the name of its variable, or its text.
    pub(crate) fn value(&self, handle: Handle<Expression>) -> Result<String, Error> {
        match self.baked.get(&handle) {
            Some(name) => Ok(name.clone()),
            None => self.expression(handle),
        }
    }

    /// The text of an expression, whether or not it is a variable.
    pub(crate) fn expression(&self, handle: Handle<Expression>) -> Result<String, Error> {
        let (context, names) = (self.context, &*self.names);
        Ok(match self.function.expressions[handle] {
            Expression::Literal(value) => constants::literal(context, value)?,
            Expression::Constant(constant) => constants::constant(context, names, constant)?,
            Expression::ZeroValue(ty) => format!("{}{{}}", types::name(context, names, ty)?),
            Expression::Compose { ty, ref components } => {
                let parts = components.iter().map(|&c| self.value(c)).collect::<Result<Vec<_>, _>>()?;
                let scalars = components.iter().all(|&c| matches!(self.ty(c), TypeInner::Scalar(_)));
                constants::compose(context, names, ty, &parts, scalars)?
            }
            Expression::Splat { size, value } => {
                format!("wgsl::splat{}({})", size as u8, self.value(value)?)
            }
            Expression::Swizzle { size, vector, pattern } => {
                let pattern: Vec<String> = pattern
                    .iter()
                    .take(size as usize)
                    .map(|c: &SwizzleComponent| (*c as u8).to_string())
                    .collect();
                format!("wgsl::swizzle<{}>({})", pattern.join(", "), self.value(vector)?)
            }
            Expression::Access { base, index } => match self.ty(base) {
                TypeInner::Vector { .. } => {
                    format!("wgsl::at({}, {})", self.value(base)?, self.index(base, index)?)
                }
                _ => format!("{}[{}]", self.value(base)?, self.index(base, index)?),
            },
            Expression::AccessIndex { base, index } => self.component(self.value(base)?, base, index)?,
            Expression::FunctionArgument(index) => names.argument(self.owner, index).to_string(),
            Expression::Load { pointer } => self.load(pointer)?,
            Expression::Unary { op, expr } => self.unary(op, expr)?,
            Expression::Binary { op, left, right } => self.binary(op, left, right)?,
            Expression::Select { condition, accept, reject } => self.select(condition, accept, reject)?,
            Expression::Relational { fun, argument } => self.relational(fun, argument)?,
            Expression::Math { fun, arg, arg1, arg2, arg3 } => {
                self.math(handle, fun, &[Some(arg), arg1, arg2, arg3])?
            }
            Expression::As { expr, kind, convert } => self.conversion(expr, kind, convert)?,
            Expression::ArrayLength(array) => self.length(array)?,
            Expression::GlobalVariable(_) | Expression::LocalVariable(_) => self.place(handle)?,
            // Results of statements are variables before anything uses them.
            Expression::CallResult(_)
            | Expression::AtomicResult { .. }
            | Expression::WorkGroupUniformLoadResult { .. }
            | Expression::SubgroupBallotResult
            | Expression::SubgroupOperationResult { .. } => {
                return Err(self.unsupported("the result of a statement that was not executed", handle));
            }
            Expression::Override(_) => {
                return Err(Error::Override { message: "an override is left in an expression".into() });
            }
            Expression::ImageSample { .. } => return Err(self.unsupported("sampling a texture", handle)),
            Expression::ImageLoad { .. } => return Err(self.unsupported("loading from a texture", handle)),
            Expression::ImageQuery { .. } => return Err(self.unsupported("a query of a texture", handle)),
            Expression::Derivative { .. } => return Err(self.unsupported("a derivative", handle)),
            Expression::RayQueryVertexPositions { .. }
            | Expression::RayQueryProceedResult
            | Expression::RayQueryGetIntersection { .. } => {
                return Err(self.unsupported("a ray query", handle));
            }
            Expression::CooperativeLoad { .. } | Expression::CooperativeMultiplyAdd { .. } => {
                return Err(self.unsupported("a cooperative matrix", handle));
            }
        })
    }

    /// Whether nothing but a place can be written for an expression.
    pub(crate) fn is_pointer(&self, handle: Handle<Expression>) -> bool {
        matches!(self.ty(handle), TypeInner::Pointer { .. } | TypeInner::ValuePointer { .. })
    }

    /// An argument of a call.
    pub(crate) fn argument(&self, handle: Handle<Expression>) -> Result<String, Error> {
        if self.is_pointer(handle) { self.place(handle) } else { self.value(handle) }
    }
}
