//! How much arithmetic a kernel does, for plans that people read.

use super::{Body, Instr, Kernel, Operand, PointwiseProgram};
use crate::{Bindings, Dim, DimError};

impl Kernel {
    /// Arithmetic operations of one run, multiplication and addition counted apart; comparisons, selections and functions count as one each, loads and
    /// conversions as none. 0 for loops and branches, whose programs have kernels of their own.
    ///
    /// Errors: when `sizes` leaves a size open.
    pub fn flops(&self, sizes: &Bindings) -> Result<u64, DimError> {
        let count = |groups: &[&[Dim]]| -> Result<u64, DimError> {
            groups.iter().flat_map(|g| g.iter()).try_fold(1u64, |product, dim| {
                let extent = dim.upper_bound().eval(sizes)?;
                let extent = u64::try_from(extent).map_err(|_| DimError::Overflow(dim.to_string()))?;
                Ok(product.saturating_mul(extent))
            })
        };
        let one = std::slice::from_ref::<Dim>;
        let terms: Vec<(u64, u64)> = match self {
            Kernel::Pointwise(k) => vec![(count(&[&k.domain])?, body(&k.body))],
            Kernel::Reduce(k) => {
                let (rows, elements) = (count(&[&k.outer])?, count(&[&k.outer, &k.row])?);
                let each: u64 = k.phases.iter().map(|phase| operand(&phase.operand) + 1).sum();
                let (per_row, per_element) = (k.per_row.iter().map(body), k.per_element.iter().map(body));
                vec![(elements, each + per_element.sum::<u64>()), (rows, per_row.sum())]
            }
            Kernel::Contract(k) => {
                let results = count(&[&k.batch, &k.m, &k.n])?;
                let (a, b) = (count(&[&k.batch, &k.m, &k.k])?, count(&[&k.batch, &k.k, &k.n])?);
                let products = results.saturating_mul(count(&[&k.k])?);
                vec![(products, 2), (a, operand(&k.a)), (b, operand(&k.b)), (results, body(&k.epilogue))]
            }
            Kernel::Attention(k) => {
                let scores = count(&[&k.batch, one(&k.queries), one(&k.keys)])?;
                let widths = count(&[one(&k.head_dim)])?.saturating_add(count(&[one(&k.value_dim)])?);
                let results = count(&[&k.batch, one(&k.queries), one(&k.value_dim)])?;
                let mask = k.mask.as_ref().map_or(0, operand);
                vec![(scores, widths.saturating_mul(2) + mask), (results, body(&k.epilogue))]
            }
            Kernel::Scatter(k) => {
                let updates = count(&[&k.outer, one(&k.updates), &k.inner])?;
                vec![(updates, operand(&k.update) + 1)]
            }
            Kernel::Scan(k) => {
                vec![(count(&[&k.outer, one(&k.length)])?, operand(&k.operand) + body(&k.epilogue) + 1)]
            }
            Kernel::Sort(k) => {
                let length = count(&[one(&k.length)])?;
                let comparisons = u64::from(length.max(1).ilog2()) + 1;
                vec![(count(&[&k.outer, one(&k.length)])?, operand(&k.operand) + comparisons)]
            }
            Kernel::Custom(k) => vec![(count(&[&k.op.ty.shape])?, 1)],
            Kernel::Loop(_) | Kernel::Branch(_) => Vec::new(),
        };
        Ok(terms.iter().fold(0u64, |sum, (times, each)| sum.saturating_add(times.saturating_mul(*each))))
    }
}

fn body(body: &Body) -> u64 {
    arithmetic(&body.program)
}

fn operand(operand: &Operand) -> u64 {
    arithmetic(&operand.program)
}

fn arithmetic(program: &PointwiseProgram) -> u64 {
    let counts = |instr: &Instr| {
        matches!(instr, Instr::Unary(..) | Instr::Binary(..) | Instr::Compare(..) | Instr::Select(..))
    };
    program.instrs.iter().filter(|typed| counts(&typed.instr)).count() as u64
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::program::{Affine, BinaryOp, Contract, IndexMap, Pointwise};
    use crate::{DType, Shape, Symbol};

    #[test]
    fn products_count_twice_and_elementwise_work_once_an_element() {
        let mut program = PointwiseProgram::default();
        let map = IndexMap::new(Affine::constant(0, 2));
        let x = program.push(Instr::Load { operand: 0, map, indirect: Vec::new() }, DType::F32);
        let add = program.push(Instr::Binary(BinaryOp::Add, x, x), DType::F32);
        let work = Body { program: program.clone(), stores: Vec::new() };
        let domain = Shape::of([Dim::symbol("n"), Dim::from(3)]);
        let pointwise = Kernel::Pointwise(Pointwise { domain, body: work.clone() });
        assert!(pointwise.flops(&Bindings::new()).is_err());
        let mut sizes = Bindings::new();
        assert!(sizes.bind(Symbol("n".into()), 5).is_ok());
        assert_eq!(pointwise.flops(&sizes), Ok(15));

        let plain = || Operand { program: PointwiseProgram::default(), value: 0 };
        let contract = Kernel::Contract(Contract {
            batch: Shape::of([2usize]),
            m: Shape::of([3usize]),
            n: Shape::of([5usize]),
            k: Shape::of([7usize]),
            a: Operand { program, value: add },
            b: plain(),
            dtype: DType::F32,
            epilogue: work,
        });
        assert_eq!(contract.flops(&sizes), Ok(2 * 3 * 5 * 7 * 2 + 2 * 3 * 7 + 2 * 3 * 5));
    }
}
