//! Loads, stores, atomics, fences, asynchronous copies.

use super::code::{Access, Address, Atomic, Combine, Op, Order};
use super::emit::{Emitted, Emitter};
use super::parts::Parts;
use crate::numeric::Rounding;
use crate::numeric::float::Style;
use crate::numeric::half::{self, Half, both};
use crate::numeric::integer::{mask, signed};
use crate::ptx::{Operand, Space, Type};

/// Hints to caches, which change no value.
fn hints(parts: &mut Parts<'_>) -> Result<(), String> {
    const HINTS: &[&str] = &[
        "ca",
        "cg",
        "cs",
        "lu",
        "cv",
        "wb",
        "wt",
        "nc",
        "L1::evict_normal",
        "L1::evict_unchanged",
        "L1::evict_first",
        "L1::evict_last",
        "L1::no_allocate",
        "L2::64B",
        "L2::128B",
        "L2::256B",
        "L2::evict_last",
        "L2::evict_normal",
        "L2::evict_first",
    ];
    while parts.choose(|part| HINTS.contains(&part).then_some(())).is_some() {}
    if parts.take("L2::cache_hint") {
        return Err("`.L2::cache_hint` is not known".to_owned());
    }
    Ok(())
}

fn scope(parts: &mut Parts<'_>) {
    parts.choose(|part| matches!(part, "cta" | "gpu" | "sys" | "cluster" | "gl").then_some(()));
}

fn order(parts: &mut Parts<'_>) -> Order {
    let both = parts.take("acq_rel") | parts.take("sc");
    let acquire = parts.take("acquire") | both;
    let release = parts.take("release") | both;
    let strong = parts.take("volatile") | parts.take("relaxed") | parts.take("mmio");
    if parts.take("weak") {
        return Order::default();
    }
    Order { strong: strong | acquire | release, acquire, release }
}

impl Emitter<'_> {
    pub(crate) fn memory(&mut self, parts: &mut Parts<'_>, operands: &[Operand]) -> Emitted {
        match parts.name {
            "ld" | "ldu" => self.load(parts, operands),
            "st" => self.store(parts, operands),
            "atom" | "red" => self.atomic(parts, operands),
            "fence" | "membar" => {
                order(parts);
                scope(parts);
                self.push(Op::Fence);
                Ok(())
            }
            "cp" => self.asynchronous(parts, operands),
            // Hints alone; the address of a prefetch may be any.
            _ => {
                parts.space();
                parts.take("L1");
                parts.take("L2");
                parts.choose(|part| {
                    matches!(part, "L2::evict_last" | "L2::evict_normal" | "128").then_some(())
                });
                self.push(Op::Nothing);
                Ok(())
            }
        }
    }

    /// `[register+4]`, `[variable+4]`.
    pub(crate) fn address(&mut self, operand: &Operand, space: Space) -> Result<Address, String> {
        let Operand::Address(base, offset) = operand else {
            return Err(format!("an address in brackets was expected, not {operand:?}"));
        };
        let offset = *offset as u64;
        let zero = self.constant(0);
        Ok(match base.as_deref() {
            None => Address { space, base: zero, offset },
            Some(Operand::Register(register)) => {
                // Parameters of functions lie in local memory.
                let space =
                    if space == Space::Param && !self.function.is_entry { Space::Local } else { space };
                Address { space, base: self.row(*register), offset }
            }
            Some(Operand::Symbol(name, addend)) => {
                let (found, at) = self.symbol(name)?;
                let space = if space == Space::Generic { found } else { space };
                Address { space, base: zero, offset: at.wrapping_add(*addend as u64).wrapping_add(offset) }
            }
            Some(Operand::BodyVariable(variable, addend)) => {
                let (found, at) = self.body_variable(*variable)?;
                Address {
                    space: found,
                    base: zero,
                    offset: at.wrapping_add(*addend as u64).wrapping_add(offset),
                }
            }
            Some(other) => return Err(format!("{other:?} is no base of an address")),
        })
    }

    fn load(&mut self, parts: &mut Parts<'_>, operands: &[Operand]) -> Emitted {
        let order = order(parts);
        scope(parts);
        let space = parts.space();
        hints(parts)?;
        let width = vector(parts);
        let ty = parts.ty()?;
        let [d, address] = self.expect(operands)?;
        let dests = match d {
            Operand::Vector(dests) => dests.as_slice(),
            one => std::slice::from_ref(one),
        };
        check_width(dests.len(), width, ty)?;
        let register = dests.iter().find_map(|d| self.declared(d)).map_or(ty.bits(), Type::bits);
        let rows = dests.iter().map(|d| self.dest(d)).collect::<Result<Vec<_>, _>>()?;
        let address = self.address(address, space)?;
        let sign_to = (ty.is_signed() && register > ty.bits()).then_some(register);
        self.push(Op::Load(Access { address, bytes: ty.bytes() as usize, rows, order, sign_to }));
        Ok(())
    }

    fn store(&mut self, parts: &mut Parts<'_>, operands: &[Operand]) -> Emitted {
        let order = order(parts);
        scope(parts);
        let space = parts.space();
        hints(parts)?;
        let width = vector(parts);
        let ty = parts.ty()?;
        let [address, values] = self.expect(operands)?;
        let values = match values {
            Operand::Vector(values) => values.as_slice(),
            one => std::slice::from_ref(one),
        };
        check_width(values.len(), width, ty)?;
        let rows = values.iter().map(|v| self.source(v, ty)).collect::<Result<Vec<_>, _>>()?;
        let address = self.address(address, space)?;
        self.push(Op::Store(Access { address, bytes: ty.bytes() as usize, rows, order, sign_to: None }));
        Ok(())
    }

    fn atomic(&mut self, parts: &mut Parts<'_>, operands: &[Operand]) -> Emitted {
        let returns = parts.name == "atom";
        let mut order = order(parts);
        order.strong = true;
        scope(parts);
        let space = parts.space();
        hints(parts)?;
        parts.take("noftz");
        const NAMES: &[&str] = &["and", "or", "xor", "exch", "cas", "add", "inc", "dec", "min", "max"];
        let Some(name) = parts.choose(|part| NAMES.iter().find(|&&name| name == part).copied()) else {
            return Err("no atomic operation that is known".to_owned());
        };
        let ty = parts.ty()?;
        let (dest, operands) = match (returns, operands) {
            (true, [dest, rest @ ..]) => (self.wanted(dest)?, rest),
            (_, all) => (None, all),
        };
        let (address, value, compare) = match (name, operands) {
            ("cas", [address, compare, value]) => (address, value, Some(self.source(compare, ty)?)),
            (_, [address, value]) if name != "cas" => (address, value, None),
            _ => return Err(format!("`{name}` with {} operands is not known", operands.len())),
        };
        let value = self.source(value, ty)?;
        let address = self.address(address, space)?;
        let combine = combine(name, ty)?;
        self.push(Op::Atomic(Atomic {
            address,
            bytes: ty.bytes() as usize,
            dest,
            value,
            compare,
            combine,
            order,
        }));
        Ok(())
    }

    /// `cp.async` and what waits for it.
    fn asynchronous(&mut self, parts: &mut Parts<'_>, operands: &[Operand]) -> Emitted {
        if !parts.take("async") {
            return Err("of `cp` only `cp.async` is known".to_owned());
        }
        if parts.take("commit_group") {
            self.push(Op::AsyncCommit);
            return Ok(());
        }
        if parts.take("wait_all") {
            self.push(Op::AsyncCommit);
            self.push(Op::AsyncWait { left: 0 });
            return Ok(());
        }
        if parts.take("wait_group") {
            let [Operand::Integer(left)] = self.expect(operands)? else {
                return Err("`cp.async.wait_group` needs a number".to_owned());
            };
            self.push(Op::AsyncWait { left: *left as usize });
            return Ok(());
        }
        hints(parts)?;
        if !(parts.take("shared") || parts.take("shared::cta")) || !parts.take("global") {
            return Err("`cp.async` copies from global to shared memory".to_owned());
        }
        let (to, from, rest) = match operands {
            [to, from, Operand::Integer(bytes), rest @ ..] => (to, from, (*bytes as usize, rest)),
            _ => return Err("`cp.async` needs two addresses and a size".to_owned()),
        };
        let (bytes, rest) = rest;
        if !matches!(bytes, 4 | 8 | 16) {
            return Err(format!("`cp.async` of {bytes} bytes: 4, 8 and 16 are known"));
        }
        let source_bytes = match rest {
            [] => None,
            [size] => match self.declared(size) {
                Some(Type::Pred) => return Err("`cp.async` with a predicate is not known".to_owned()),
                _ => Some(self.source(size, Type::U(32))?),
            },
            _ => return Err("`cp.async` with a cache policy is not known".to_owned()),
        };
        let (to, from) = (self.address(to, Space::Shared)?, self.address(from, Space::Global)?);
        self.push(Op::AsyncCopy { to, from, bytes, source_bytes });
        Ok(())
    }
}

fn vector(parts: &mut Parts<'_>) -> usize {
    parts
        .choose(|part| match part {
            "v2" => Some(2),
            "v4" => Some(4),
            "v8" => Some(8),
            _ => None,
        })
        .unwrap_or(1)
}

fn check_width(operands: usize, width: usize, ty: Type) -> Result<(), String> {
    if ty.bits() > 64 || !ty.bits().is_multiple_of(8) {
        return Err(format!("memory accesses of {ty:?} are not known"));
    }
    match operands == width {
        true => Ok(()),
        false => Err(format!("{width} registers were expected, {operands} are there")),
    }
}

fn combine(name: &str, ty: Type) -> Result<Combine, String> {
    let bits = ty.bits();
    let style = Style { rounding: Rounding::Nearest, flush: false, saturate: false };
    let halves = |format, pair: bool| -> Combine {
        let style = half::Style { format, flush: false, saturate: false, relu: false };
        match pair {
            true => Box::new(move |a, b| both(a, b, |a, b| style.add(a, b))),
            false => Box::new(move |a, b| style.add(a & 0xffff, b & 0xffff)),
        }
    };
    Ok(match (name, ty) {
        ("exch" | "cas", _) => Box::new(|_, b| b),
        ("and", _) => Box::new(|a, b| a & b),
        ("or", _) => Box::new(|a, b| a | b),
        ("xor", _) => Box::new(|a, b| a ^ b),
        ("add", Type::F(32)) => Box::new(move |a, b| style.add(a, b)),
        ("add", Type::F(64)) => Box::new(|a, b| (f64::from_bits(a) + f64::from_bits(b)).to_bits()),
        ("add", Type::F(16)) => halves(Half::F16, false),
        ("add", Type::F16x2) => halves(Half::F16, true),
        ("add", Type::Bf16) => halves(Half::Bf16, false),
        ("add", Type::Bf16x2) => halves(Half::Bf16, true),
        ("add", Type::U(_) | Type::S(_)) => Box::new(move |a, b| a.wrapping_add(b) & mask(bits)),
        ("inc", Type::U(32)) => Box::new(|a, b| if a >= b { 0 } else { a + 1 }),
        ("dec", Type::U(32)) => Box::new(|a, b| if a == 0 || a > b { b } else { a - 1 }),
        ("min", Type::U(_)) => Box::new(|a, b| a.min(b)),
        ("max", Type::U(_)) => Box::new(|a, b| a.max(b)),
        ("min", Type::S(_)) => Box::new(move |a, b| signed(a, bits).min(signed(b, bits)) as u64 & mask(bits)),
        ("max", Type::S(_)) => Box::new(move |a, b| signed(a, bits).max(signed(b, bits)) as u64 & mask(bits)),
        _ => return Err(format!("the atomic `{name}` of {ty:?} is not known")),
    })
}
