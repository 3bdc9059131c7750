//! What the lanes of a warp do together.

use super::code::{Collective, Op, Reduction, Shuffle, Vote};
use super::emit::{Emitted, Emitter};
use super::parts::Parts;
use crate::ptx::{Operand, Type};

impl Emitter<'_> {
    pub(crate) fn warp_sync(&mut self, parts: &mut Parts<'_>, operands: &[Operand]) -> Emitted {
        parts.take("sync");
        let [members] = self.expect(operands)?;
        let members = self.source(members, Type::B(32))?;
        self.push(Op::Collective { members, op: Collective::Sync });
        Ok(())
    }

    pub(crate) fn collective(&mut self, parts: &mut Parts<'_>, operands: &[Operand]) -> Emitted {
        let word = Type::B(32);
        if parts.name == "activemask" {
            parts.ty()?;
            let [d] = self.expect(operands)?;
            let d = self.dest(d)?;
            self.push(Op::ActiveMask { d });
            return Ok(());
        }
        if !parts.take("sync") {
            return Err(format!("`{}` without `.sync` is gone since sm_70", parts.name));
        }
        let Some((members, operands)) = operands.split_last() else {
            return Err("operands are missing".to_owned());
        };
        let members = self.source(members, word)?;
        let op = match parts.name {
            "shfl" => self.shuffle(parts, operands)?,
            "vote" => {
                let Some(mode) = parts.choose(|part| match part {
                    "all" => Some(Vote::All),
                    "any" => Some(Vote::Any),
                    "uni" => Some(Vote::Uniform),
                    "ballot" => Some(Vote::Ballot),
                    _ => None,
                }) else {
                    return Err("no vote that is known".to_owned());
                };
                parts.ty()?;
                let [d, p] = self.expect(operands)?;
                let (value, negated) = self.predicate(p)?;
                Collective::Vote { mode, dest: self.dest(d)?, value, negated }
            }
            "match" => {
                let all = parts.take("all");
                if !all && !parts.take("any") {
                    return Err("`match` needs `any` or `all`".to_owned());
                }
                let ty = parts.ty()?;
                let [d, a] = self.expect(operands)?;
                let value = self.source(a, ty)?;
                match (all, d) {
                    (false, d) => Collective::MatchAny { dest: self.dest(d)?, value },
                    (true, Operand::Pair(d, p)) => {
                        Collective::MatchAll { dest: self.dest(d)?, all: Some(self.dest(p)?), value }
                    }
                    (true, d) => Collective::MatchAll { dest: self.dest(d)?, all: None, value },
                }
            }
            "redux" => {
                let Some(of) = parts.choose(|part| match part {
                    "add" => Some(Reduction::Add),
                    "min" => Some(Reduction::Min),
                    "max" => Some(Reduction::Max),
                    "and" => Some(Reduction::And),
                    "or" => Some(Reduction::Or),
                    "xor" => Some(Reduction::Xor),
                    _ => None,
                }) else {
                    return Err("no reduction that is known".to_owned());
                };
                let ty = parts.ty()?;
                if ty.bits() != 32 || ty == Type::F(32) {
                    return Err(format!("`redux` of {ty:?} is not known"));
                }
                let [d, a] = self.expect(operands)?;
                Collective::Redux {
                    of,
                    signed: ty.is_signed(),
                    dest: self.dest(d)?,
                    value: self.source(a, ty)?,
                }
            }
            _ => {
                let [Operand::Pair(d, p)] = self.expect(operands)? else {
                    return Err("`elect` has two results".to_owned());
                };
                Collective::Elect { lane: self.dest(d)?, dest: self.dest(p)? }
            }
        };
        self.push(Op::Collective { members, op });
        Ok(())
    }

    fn shuffle(&mut self, parts: &mut Parts<'_>, operands: &[Operand]) -> Result<Collective, String> {
        let word = Type::B(32);
        let Some(mode) = parts.choose(|part| match part {
            "up" => Some(Shuffle::Up),
            "down" => Some(Shuffle::Down),
            "bfly" => Some(Shuffle::Butterfly),
            "idx" => Some(Shuffle::Index),
            _ => None,
        }) else {
            return Err("no shuffle that is known".to_owned());
        };
        parts.ty()?;
        let [d, a, lane, clamp] = self.expect(operands)?;
        let (dest, valid) = match d {
            Operand::Pair(d, p) => (self.dest(d)?, self.wanted(p)?),
            d => (self.dest(d)?, None),
        };
        let (value, lane, clamp) =
            (self.source(a, word)?, self.source(lane, word)?, self.source(clamp, word)?);
        Ok(Collective::Shuffle { mode, dest, valid, value, lane, clamp })
    }
}
