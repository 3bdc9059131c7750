//! `mov`, `cvta`, `isspacep`, `selp`, `slct`: values that change their place and not their bits.

use super::code::{Op, map1, map2};
use super::emit::{Emitted, Emitter, window};
use super::parts::Parts;
use crate::memory::WINDOW;
use crate::numeric::integer::{mask, signed};
use crate::ptx::{Operand, Space, Type};

impl Emitter<'_> {
    pub(crate) fn movement(&mut self, parts: &mut Parts<'_>, operands: &[Operand]) -> Emitted {
        match parts.name {
            "mov" => self.mov(parts, operands),
            "cvta" => self.convert_address(parts, operands),
            "isspacep" => {
                let space = parts.space();
                let [d, a] = self.expect(operands)?;
                let (d, a) = (self.dest(d)?, self.source(a, Type::U(64))?);
                self.push(Op::IsSpace { d, a, space });
                Ok(())
            }
            "selp" => {
                let ty = parts.ty()?;
                let [d, a, b, p] = self.expect(operands)?;
                let (a, b) = (self.source(a, ty)?, self.source(b, ty)?);
                let (p, negated) = self.predicate(p)?;
                let d = self.dest(d)?;
                let (a, b) = if negated { (b, a) } else { (a, b) };
                self.push(Op::Select { d, a, b, p });
                Ok(())
            }
            "slct" => {
                let flush = parts.take("ftz");
                let (ty, by) = (parts.ty()?, parts.ty()?);
                let [d, a, b, c] = self.expect(operands)?;
                let (a, b, c) = (self.source(a, ty)?, self.source(b, ty)?, self.source(c, by)?);
                let d = self.dest(d)?;
                let p = self.fresh("slct".to_owned());
                let f = match by {
                    Type::S(32) => map1(|c| u64::from(signed(c, 32) >= 0)),
                    Type::F(32) => map1(move |c| {
                        let value = f32::from_bits(c as u32);
                        u64::from(value >= 0.0 || flush && value.is_subnormal())
                    }),
                    other => return Err(format!("`slct` by {other:?} is not known")),
                };
                self.push1(f, p, c);
                self.push(Op::Select { d, a, b, p });
                Ok(())
            }
            other => Err(format!("`{other}` (thread block clusters) is not known")),
        }
    }

    fn mov(&mut self, parts: &mut Parts<'_>, operands: &[Operand]) -> Emitted {
        let ty = parts.ty()?;
        let [d, a] = self.expect(operands)?;
        match (d, a) {
            (Operand::Vector(to), Operand::Vector(from)) if to.len() == from.len() => {
                for (to, from) in to.iter().zip(from) {
                    let (d, a) = (self.dest(to)?, self.source(from, ty)?);
                    self.push(Op::Copy { d, a });
                }
            }
            (Operand::Vector(to), from) => {
                let part = ty.bits() / to.len() as u32;
                let mut a = self.source(from, ty)?;
                // A destination may be the source itself.
                let copy = self.fresh("whole".to_owned());
                self.push(Op::Copy { d: copy, a });
                a = copy;
                for (i, to) in to.iter().enumerate() {
                    if let Some(d) = self.wanted(to)? {
                        let shift = part * i as u32;
                        self.push1(map1(move |a| a >> shift & mask(part)), d, a);
                    }
                }
            }
            (to, Operand::Vector(from)) => {
                let part = ty.bits() / from.len() as u32;
                let element = Type::B(part as u8);
                let d = self.dest(to)?;
                let mut whole = self.constant(0);
                for (i, from) in from.iter().enumerate() {
                    let a = self.source(from, element)?;
                    let shift = part * i as u32;
                    let next = if i + 1 == operands_in(operands) { d } else { self.fresh("part".to_owned()) };
                    self.push2(map2(move |a, b| a | (b & mask(part)) << shift), next, [whole, a]);
                    whole = next;
                }
            }
            (to, from) => {
                let (d, a) = (self.dest(to)?, self.source(from, ty)?);
                self.push(Op::Copy { d, a });
            }
        }
        Ok(())
    }

    fn convert_address(&mut self, parts: &mut Parts<'_>, operands: &[Operand]) -> Emitted {
        let from_generic = parts.take("to");
        let space = parts.space();
        let ty = parts.ty()?;
        if ty.bits() != 64 {
            return Err("addresses have 64 bits".to_owned());
        }
        let [d, a] = self.expect(operands)?;
        let (d, a) = (self.dest(d)?, self.source(a, ty)?);
        let base = window(space);
        match (base, from_generic) {
            (0, _) => self.push(Op::Copy { d, a }),
            // What does not lie in the window keeps an offset that no variable has, and its use is found out of bounds.
            (_, true) => self.push1(map1(move |a| a.wrapping_sub(base)), d, a),
            (_, false) => self.push1(map1(move |a| a.wrapping_add(base)), d, a),
        }
        Ok(())
    }
}

/// How many parts a packing `mov` has.
fn operands_in(operands: &[Operand]) -> usize {
    match operands.get(1) {
        Some(Operand::Vector(parts)) => parts.len(),
        _ => 0,
    }
}

/// Whether a generic address lies in a space.
pub(crate) fn lies_in(address: u64, space: Space) -> bool {
    match window(space) {
        0 => address >= crate::memory::GLOBAL_BASE,
        base => (base..base + WINDOW).contains(&address),
    }
}
