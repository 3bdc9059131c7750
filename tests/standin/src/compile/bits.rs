//! Shifts, logic, bit fields, permutations of bytes, dot products of them.

use super::code::{General, Op, map1, map2, map3};
use super::emit::{Emitted, Emitter};
use super::parts::Parts;
use crate::numeric::integer::{self, Permutation, mask, signed};
use crate::ptx::{Operand, Type};

impl Emitter<'_> {
    pub(crate) fn shift_right(&mut self, parts: &mut Parts<'_>, operands: &[Operand]) -> Emitted {
        let ty = parts.ty()?;
        let (bits, is_signed) = (ty.bits(), ty.is_signed());
        let [d, a, b] = self.expect(operands)?;
        let sources = [self.source(a, ty)?, self.source(b, Type::U(32))?];
        let d = self.dest(d)?;
        let f = move |a: u64, b: u64| {
            let amount = b & 0xffff_ffff;
            match is_signed {
                true => (signed(a, bits) >> amount.min(u64::from(bits) - 1)) as u64 & mask(bits),
                false if amount >= u64::from(bits) => 0,
                false => (a & mask(bits)) >> amount,
            }
        };
        self.push2(map2(f), d, sources);
        Ok(())
    }

    pub(crate) fn bits(&mut self, parts: &mut Parts<'_>, operands: &[Operand]) -> Emitted {
        let name = parts.name;
        let as_shift = parts.take("shiftamt");
        let wraps = parts.take("wrap");
        let clamps = parts.take("clamp");
        let left = parts.take("l");
        let right = parts.take("r");
        let permutation = parts.choose(|part| match part {
            "f4e" => Some(Permutation::Forward4),
            "b4e" => Some(Permutation::Backward4),
            "rc8" => Some(Permutation::Replicate8),
            "ecl" => Some(Permutation::ClampLeft),
            "ecr" => Some(Permutation::ClampRight),
            "rc16" => Some(Permutation::Replicate16),
            _ => None,
        });
        let ty = parts.ty()?;
        let (bits, is_signed) = (ty.bits(), ty.is_signed());
        let word = Type::U(32);
        let Some((dest, rest)) = operands.split_first() else {
            return Err("operands are missing".to_owned());
        };
        let d = self.dest(dest)?;
        match (name, rest) {
            ("and" | "or" | "xor", [a, b]) => {
                let sources = [self.source(a, ty)?, self.source(b, ty)?];
                let f = match name {
                    "and" => map2(|a, b| a & b),
                    "or" => map2(|a, b| a | b),
                    _ => map2(|a, b| a ^ b),
                };
                self.push2(f, d, sources);
            }
            ("not", [a]) => {
                let a = self.source(a, ty)?;
                self.push1(map1(move |a| !a & mask(bits)), d, a);
            }
            ("cnot", [a]) => {
                let a = self.source(a, ty)?;
                self.push1(map1(move |a| u64::from(a & mask(bits) == 0)), d, a);
            }
            ("shl", [a, b]) => {
                let sources = [self.source(a, ty)?, self.source(b, word)?];
                let f = move |a: u64, b: u64| match b & 0xffff_ffff {
                    amount if amount >= u64::from(bits) => 0,
                    amount => a << amount & mask(bits),
                };
                self.push2(map2(f), d, sources);
            }
            ("lop3", [a, b, c, Operand::Integer(table)]) => {
                let sources = [self.source(a, ty)?, self.source(b, ty)?, self.source(c, ty)?];
                let table = *table;
                self.push3(map3(move |a, b, c| integer::logic3(a, b, c, table)), d, sources);
            }
            ("shf", [a, b, c]) if left != right && wraps != clamps => {
                let sources = [self.source(a, ty)?, self.source(b, ty)?, self.source(c, word)?];
                self.push3(map3(move |a, b, c| integer::funnel(a, b, c, left, wraps)), d, sources);
            }
            ("prmt", [a, b, c]) => {
                let sources = [self.source(a, ty)?, self.source(b, ty)?, self.source(c, ty)?];
                let mode = permutation.unwrap_or(Permutation::Any);
                self.push3(map3(move |a, b, c| integer::permute(a, b, c, mode)), d, sources);
            }
            ("bfe", [a, b, c]) => {
                let sources = [self.source(a, ty)?, self.source(b, word)?, self.source(c, word)?];
                self.push3(map3(move |a, b, c| integer::extract(a, b, c, bits, is_signed)), d, sources);
            }
            ("bfi", [a, b, position, length]) => {
                let sources = [self.source(a, ty)?, self.source(b, ty)?];
                let s = [sources[0], sources[1], self.source(position, word)?, self.source(length, word)?];
                let f: General = Box::new(move |[a, b, c, n]| [integer::insert(a, b, c, n, bits), 0]);
                let sink = self.sink();
                self.push(Op::General { f, d: [d, sink], s });
            }
            ("bfind", [a]) => {
                let a = self.source(a, ty)?;
                self.push1(map1(move |a| integer::find_highest(a, bits, is_signed, as_shift)), d, a);
            }
            ("brev", [a]) => {
                let a = self.source(a, ty)?;
                self.push1(map1(move |a| a.reverse_bits() >> (64 - bits)), d, a);
            }
            ("popc", [a]) => {
                let a = self.source(a, ty)?;
                self.push1(map1(move |a| u64::from((a & mask(bits)).count_ones())), d, a);
            }
            ("clz", [a]) => {
                let a = self.source(a, ty)?;
                self.push1(
                    map1(move |a| u64::from((a & mask(bits)).leading_zeros()) - u64::from(64 - bits)),
                    d,
                    a,
                );
            }
            (name, rest) => return Err(format!("`{name}` with {} sources is not known", rest.len())),
        }
        Ok(())
    }

    pub(crate) fn dot(&mut self, parts: &mut Parts<'_>, operands: &[Operand]) -> Emitted {
        let [d, a, b, c] = self.expect(operands)?;
        let (low, high) = (parts.take("lo"), parts.take("hi"));
        let (left, right) = (parts.ty()?, parts.ty()?);
        let part = if parts.name == "dp4a" { 8 } else { 16 };
        if (part == 16) != (low || high) {
            return Err("`dp2a` names a half of its operand, `dp4a` does not".to_owned());
        }
        let word = Type::B(32);
        let sources = [self.source(a, word)?, self.source(b, word)?, self.source(c, word)?];
        let d = self.dest(d)?;
        let first = if high { 16 } else { 0 };
        let (a_signed, b_signed) = (left.is_signed(), right.is_signed());
        self.push3(
            map3(move |a, b, c| integer::dot((a, part, a_signed), (b, b_signed, first), c)),
            d,
            sources,
        );
        Ok(())
    }
}
