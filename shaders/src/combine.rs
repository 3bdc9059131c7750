//! How two partial results of a reduction become one.

use crate::ShaderError;
use crate::evaluate::{Scope, print_program};
use crate::module::Module;
use crate::operators::{binary, cast};
use crate::types::{Kind, literal};
use hadal_graph::program::{BinaryOp, Operand, ReduceOp};
use hadal_graph::{DType, Scalar};
use std::fmt::Write;

/// A reduction of values of `dtype` (the accumulator's, wide enough to add in) to a result of `result`.
pub(crate) struct Combination {
    pub(crate) op: ReduceOp,
    /// What is combined.
    pub(crate) dtype: DType,
    /// What later programs see.
    pub(crate) result: DType,
}

impl Combination {
    /// `operand` is the dtype of what is loaded, `result` the dtype of the accumulator as later programs see it.
    pub(crate) fn new(op: ReduceOp, operand: DType, result: DType) -> Combination {
        let dtype = if is_arg(op) { operand } else { result };
        Combination { op, dtype: dtype.accumulator(), result }
    }

    /// Prints the partial type, `identity`, `combine` and `result`, with `suffix` after every name.
    pub(crate) fn print(&self, module: &Module, suffix: &str, out: &mut String) -> Result<(), ShaderError> {
        let kind = module.kind(self.dtype)?;
        let result = module.kind(self.result)?;
        let partial = format!("Partial{suffix}");
        if is_arg(self.op) {
            let _ = writeln!(out, "struct {partial} {{\n    value: {},\n    index: u32,\n}}\n", kind.wgsl());
        } else {
            let _ = writeln!(out, "alias {partial} = {};\n", kind.wgsl());
        }
        let _ = writeln!(
            out,
            "fn identity{suffix}() -> {partial} {{\n    return {};\n}}\n",
            self.identity(&partial, kind)
        );
        let _ = writeln!(out, "fn combine{suffix}(a: {partial}, b: {partial}) -> {partial} {{");
        if is_arg(self.op) {
            self.print_arg_combine(kind, out);
        } else {
            let _ = writeln!(out, "    return {};", binary(self.binary(), "a", "b", self.dtype));
        }
        let total = match is_arg(self.op) {
            true => cast("vec2<u32>(total.index, 0u)", DType::I64, self.result),
            false => cast("total", self.dtype, self.result),
        };
        let _ = writeln!(
            out,
            "}}\n\nfn result{suffix}(total: {partial}) -> {} {{\n    return {total};\n}}",
            result.wgsl()
        );
        Ok(())
    }

    /// Prints the statements of a `load` that evaluates `operand` and returns a partial result; `position` counts along the row.
    pub(crate) fn print_load(
        &self,
        module: &mut Module,
        operand: &Operand,
        scope: &Scope,
        position: &str,
        suffix: &str,
        out: &mut String,
    ) -> Result<(), ShaderError> {
        let value = print_program(module, &operand.program, &[operand.value], scope, out)?.remove(0);
        let value = cast(&value, operand.dtype(), self.dtype);
        let _ = match is_arg(self.op) {
            true => writeln!(out, "    return Partial{suffix}({value}, {position});"),
            false => writeln!(out, "    return {value};"),
        };
        Ok(())
    }

    /// The body of a function that combines `value` over a subgroup, where WGSL has one.
    pub(crate) fn subgroup(&self) -> Option<&'static str> {
        let kind = Kind::of(self.dtype)?;
        if !kind.has_vec4() || (self.dtype.size() != 4 && self.op == ReduceOp::Sum) {
            return None;
        }
        Some(match (self.op, kind) {
            (ReduceOp::Sum, _) => "subgroupAdd(value)",
            (ReduceOp::Max, Kind::F32) => "float_from_key(subgroupMax(key_for_max(value)))",
            (ReduceOp::Min, Kind::F32) => "float_from_key(subgroupMin(key_for_min(value)))",
            (ReduceOp::Max, _) => "subgroupMax(value)",
            (ReduceOp::Min, _) => "subgroupMin(value)",
            _ => return None,
        })
    }

    /// Bytes that a partial result takes in workgroup memory.
    pub(crate) fn bytes(&self) -> u32 {
        let value = if Kind::of(self.dtype) == Some(Kind::Wide) { 8 } else { 4 };
        if is_arg(self.op) { 2 * value } else { value }
    }

    /// The identity of the operation as an expression of the register type.
    pub(crate) fn identity(&self, partial: &str, kind: Kind) -> String {
        let value = match self.op {
            ReduceOp::Sum => Scalar::zero(self.dtype),
            ReduceOp::Product => Scalar::one(self.dtype),
            ReduceOp::Max => Scalar::lowest(self.dtype),
            ReduceOp::Min => Scalar::highest(self.dtype),
            ReduceOp::ArgMax | ReduceOp::ArgMin => return format!("{partial}({}, 0xffffffffu)", kind.zero()),
        };
        literal(value, self.dtype)
    }

    fn binary(&self) -> BinaryOp {
        match self.op {
            ReduceOp::Sum => BinaryOp::Add,
            ReduceOp::Product => BinaryOp::Mul,
            ReduceOp::Max | ReduceOp::ArgMax => BinaryOp::Max,
            ReduceOp::Min | ReduceOp::ArgMin => BinaryOp::Min,
        }
    }

    /// NaN wins, then the better value, then the smaller position; the position 0xffffffff stands for nothing.
    fn print_arg_combine(&self, kind: Kind, out: &mut String) {
        use hadal_graph::program::CompareOp::{Gt, Lt};
        let better = if self.op == ReduceOp::ArgMax { Gt } else { Lt };
        let first = crate::operators::compare(better, "a.value", "b.value", self.dtype);
        let second = crate::operators::compare(better, "b.value", "a.value", self.dtype);
        out.push_str("    if b.index == 0xffffffffu {\n        return a;\n    }\n");
        out.push_str("    if a.index == 0xffffffffu {\n        return b;\n    }\n");
        if kind == Kind::F32 {
            out.push_str("    if is_nan(a.value) != is_nan(b.value) {\n");
            out.push_str(
                "        if is_nan(a.value) {\n            return a;\n        }\n        return b;\n    }\n",
            );
        }
        let _ = writeln!(out, "    if {first} {{\n        return a;\n    }}");
        let _ = writeln!(out, "    if {second} {{\n        return b;\n    }}");
        out.push_str("    if a.index < b.index {\n        return a;\n    }\n    return b;\n");
    }
}

fn is_arg(op: ReduceOp) -> bool {
    matches!(op, ReduceOp::ArgMax | ReduceOp::ArgMin)
}
