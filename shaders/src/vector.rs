//! When four elements can be loaded or stored as one `vec4`.

use crate::types::Kind;
use hadal_graph::program::{Affine, Instr, Operand};
use hadal_graph::{DType, Dim};

/// Whether neighbours along `axis` are neighbours in memory, and every fourth of them, at any other coordinates, lies at a multiple of four.
pub(crate) fn starts_at_multiples_of_four(address: &Affine, axis: usize) -> bool {
    let four = Dim::from(4);
    address.coefficients[axis].is(1)
        && address.offset.exact_div(&four).is_some()
        && address.coefficients.iter().enumerate().all(|(a, c)| a == axis || c.exact_div(&four).is_some())
}

/// The load that an operand is, if what comes after it only widens within one register type up to `dtype`.
pub(crate) fn widened_load(operand: &Operand, dtype: DType) -> Option<(usize, &Affine)> {
    let program = &operand.program;
    let widens =
        |from: DType, to: DType| Kind::of(from) == Kind::of(to) && (from == to || from.size() < to.size());
    let mut reg = operand.value;
    if !widens(program.dtype(reg), dtype) {
        return None;
    }
    while let Instr::Cast(x) = program.instrs[reg].instr {
        if !widens(program.dtype(x), program.dtype(reg)) {
            return None;
        }
        reg = x;
    }
    program.as_plain_load(reg)
}
