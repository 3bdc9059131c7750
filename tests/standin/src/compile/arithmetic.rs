//! Arithmetic of integers and of `f32` and `f64`.

use super::code::{General, Op, map1, map2, map3};
use super::emit::{Emitted, Emitter};
use super::parts::Parts;
use crate::numeric::float::{self, Style, extreme};
use crate::numeric::integer::{mask, number, signed};
use crate::numeric::{Rounding, convert};
use crate::ptx::{Operand, Type};

/// `.rn` and its like.
pub(crate) fn rounding(parts: &mut Parts<'_>) -> Option<Rounding> {
    parts.choose(|part| match part {
        "rn" => Some(Rounding::Nearest),
        "rz" => Some(Rounding::Zero),
        "rm" => Some(Rounding::Down),
        "rp" => Some(Rounding::Up),
        _ => None,
    })
}

/// `rcp`, `sqrt`, `ex2` and their like, in `f64`.
fn transcendental(name: &str) -> Option<fn(f64) -> f64> {
    Some(match name {
        "rsqrt" => |x| 1.0 / x.sqrt(),
        "sin" => f64::sin,
        "cos" => f64::cos,
        "tanh" => f64::tanh,
        "ex2" => f64::exp2,
        "lg2" => f64::log2,
        _ => return None,
    })
}

impl Emitter<'_> {
    pub(crate) fn arithmetic(&mut self, parts: &mut Parts<'_>, operands: &[Operand]) -> Emitted {
        match parts.name {
            "and" | "or" | "xor" | "not" | "cnot" | "shl" | "lop3" | "shf" | "prmt" | "bfe" | "bfi"
            | "bfind" | "brev" | "popc" | "clz" | "fns" | "bmsk" | "szext" => {
                return self.bits(parts, operands);
            }
            "shr" => return self.shift_right(parts, operands),
            "addc" | "subc" | "madc" => return self.carried(parts, operands),
            "dp4a" | "dp2a" => return self.dot(parts, operands),
            "copysign" => return self.copysign(parts, operands),
            "add" | "sub" | "mul" | "mad" | "mul24" | "mad24" | "sad" | "div" | "rem" | "abs" | "neg"
            | "min" | "max" | "fma" | "rcp" | "sqrt" | "rsqrt" | "sin" | "cos" | "tanh" | "ex2" | "lg2" => {}
            other => return Err(format!("the opcode `{other}` is not known")),
        }
        match parts.ty()? {
            Type::F(32) => self.single(parts, operands),
            Type::F(64) => self.double(parts, operands),
            ty @ (Type::F(16) | Type::F16x2 | Type::Bf16 | Type::Bf16x2) => self.half(parts, operands, ty),
            ty @ (Type::U(_) | Type::S(_)) => self.integer(parts, operands, ty),
            ty @ (Type::U16x2 | Type::S16x2) => self.integer_pair(parts, operands, ty == Type::S16x2),
            ty => Err(format!("`{}` of {ty:?} is not known", parts.name)),
        }
    }

    fn integer(&mut self, parts: &mut Parts<'_>, operands: &[Operand], ty: Type) -> Emitted {
        let (bits, is_signed) = (ty.bits(), ty.is_signed());
        let of = move |value: u64| number(value, bits, is_signed);
        let d = match operands.first() {
            Some(dest) => self.dest(dest)?,
            None => return Err("operands are missing".to_owned()),
        };
        match (parts.name, &operands[1..]) {
            (name @ ("add" | "sub"), [a, b]) => {
                let sources = [self.source(a, ty)?, self.source(b, ty)?];
                if parts.take("cc") {
                    return self.with_carry(name, d, sources, bits, false, true);
                }
                let saturates = parts.take("sat");
                let (low, high) = convert::range(bits, is_signed);
                self.push2(
                    match (name, saturates) {
                        ("add", false) => map2(move |a, b| a.wrapping_add(b) & mask(bits)),
                        ("sub", false) => map2(move |a, b| a.wrapping_sub(b) & mask(bits)),
                        ("add", true) => {
                            map2(move |a, b| convert::clamp(of(a) + of(b), low, high) as u64 & mask(bits))
                        }
                        _ => map2(move |a, b| convert::clamp(of(a) - of(b), low, high) as u64 & mask(bits)),
                    },
                    d,
                    sources,
                );
            }
            ("mul" | "mul24", [a, b]) => {
                let sources = [self.source(a, ty)?, self.source(b, ty)?];
                let f = product(parts, bits, is_signed)?;
                self.push2(map2(f), d, sources);
            }
            ("mad" | "mad24", [a, b, c]) => {
                let wide = if parts.take("wide") { bits * 2 } else { bits };
                let c = self.source(c, if wide == 64 { Type::B(64) } else { Type::B(wide as u8) })?;
                let [a, b] = [self.source(a, ty)?, self.source(b, ty)?];
                let carries = parts.take("cc");
                let saturates = parts.take("sat");
                if wide != bits {
                    self.push3(
                        map3(move |a, b, c| ((of(a) * of(b)) as u64).wrapping_add(c) & mask(wide)),
                        d,
                        [a, b, c],
                    );
                } else if carries || saturates {
                    let product_row = self.fresh("product".to_owned());
                    let f = product(parts, bits, is_signed)?;
                    self.push2(map2(f), product_row, [a, b]);
                    if carries {
                        return self.with_carry("add", d, [product_row, c], bits, false, true);
                    }
                    let (low, high) = convert::range(bits, is_signed);
                    let f = move |a, b| convert::clamp(of(a) + of(b), low, high) as u64 & mask(bits);
                    self.push2(map2(f), d, [product_row, c]);
                } else {
                    let f = product(parts, bits, is_signed)?;
                    self.push3(map3(move |a, b, c| f(a, b).wrapping_add(c) & mask(bits)), d, [a, b, c]);
                }
            }
            ("sad", [a, b, c]) => {
                let sources = [self.source(a, ty)?, self.source(b, ty)?, self.source(c, ty)?];
                let f =
                    move |a, b, c: u64| ((of(a) - of(b)).unsigned_abs() as u64).wrapping_add(c) & mask(bits);
                self.push3(map3(f), d, sources);
            }
            ("div", [a, b]) => {
                let sources = [self.source(a, ty)?, self.source(b, ty)?];
                // What division by zero gives is not defined; devices give all ones.
                let f = move |a, b| match of(b) {
                    0 => mask(bits),
                    divisor => (of(a) / divisor) as u64 & mask(bits),
                };
                self.push2(map2(f), d, sources);
            }
            ("rem", [a, b]) => {
                let sources = [self.source(a, ty)?, self.source(b, ty)?];
                let f = move |a, b| match of(b) {
                    0 => a & mask(bits),
                    divisor => (of(a) % divisor) as u64 & mask(bits),
                };
                self.push2(map2(f), d, sources);
            }
            ("abs", [a]) => {
                let a = self.source(a, ty)?;
                self.push1(map1(move |a| signed(a, bits).unsigned_abs() & mask(bits)), d, a);
            }
            ("neg", [a]) => {
                let a = self.source(a, ty)?;
                self.push1(map1(move |a| a.wrapping_neg() & mask(bits)), d, a);
            }
            (name @ ("min" | "max"), [a, b]) => {
                let sources = [self.source(a, ty)?, self.source(b, ty)?];
                let relu = parts.take("relu");
                let floor = move |value: u64| if relu && signed(value, bits) < 0 { 0 } else { value };
                self.push2(
                    match (name, is_signed) {
                        ("min", true) => map2(move |a, b| {
                            floor(if signed(a, bits) <= signed(b, bits) { a } else { b }) & mask(bits)
                        }),
                        ("max", true) => map2(move |a, b| {
                            floor(if signed(a, bits) >= signed(b, bits) { a } else { b }) & mask(bits)
                        }),
                        ("min", false) => map2(move |a, b| (a & mask(bits)).min(b & mask(bits))),
                        _ => map2(move |a, b| (a & mask(bits)).max(b & mask(bits))),
                    },
                    d,
                    sources,
                );
            }
            (name, rest) => {
                return Err(format!("`{name}` of {ty:?} with {} sources is not known", rest.len()));
            }
        }
        Ok(())
    }

    /// `add.cc`, `addc` and the like: 0 or 1 in a row of its own; for subtraction it means a borrow.
    fn with_carry(
        &mut self,
        name: &str,
        d: usize,
        [a, b]: [usize; 2],
        bits: u32,
        reads: bool,
        writes: bool,
    ) -> Emitted {
        let carry = self.carry();
        let carry_in = if reads { carry } else { self.constant(0) };
        let carry_out = if writes { carry } else { self.sink() };
        let unused = self.constant(0);
        let f: General = match name {
            "add" => Box::new(move |[a, b, carry, _]| {
                let sum = u128::from(a & mask(bits)) + u128::from(b & mask(bits)) + u128::from(carry);
                [sum as u64 & mask(bits), (sum >> bits) as u64 & 1]
            }),
            _ => Box::new(move |[a, b, borrow, _]| {
                let (a, b) = (u128::from(a & mask(bits)), u128::from(b & mask(bits)) + u128::from(borrow));
                [a.wrapping_sub(b) as u64 & mask(bits), u64::from(a < b)]
            }),
        };
        self.push(Op::General { f, d: [d, carry_out], s: [a, b, carry_in, unused] });
        Ok(())
    }

    fn carried(&mut self, parts: &mut Parts<'_>, operands: &[Operand]) -> Emitted {
        let ty = parts.ty()?;
        let writes = parts.take("cc");
        let bits = ty.bits();
        if parts.name == "madc" {
            let [d, a, b, c] = self.expect(operands)?;
            let sources = [self.source(a, ty)?, self.source(b, ty)?];
            let (d, c) = (self.dest(d)?, self.source(c, ty)?);
            let product_row = self.fresh("product".to_owned());
            let f = product(parts, bits, ty.is_signed())?;
            self.push2(map2(f), product_row, sources);
            return self.with_carry("add", d, [product_row, c], bits, true, writes);
        }
        let [d, a, b] = self.expect(operands)?;
        let sources = [self.source(a, ty)?, self.source(b, ty)?];
        let d = self.dest(d)?;
        self.with_carry(&parts.name[..3], d, sources, bits, true, writes)
    }

    fn single(&mut self, parts: &mut Parts<'_>, operands: &[Operand]) -> Emitted {
        let ty = Type::F(32);
        let direction = rounding(parts);
        let style = Style {
            rounding: direction.unwrap_or(Rounding::Nearest),
            flush: parts.take("ftz"),
            saturate: parts.take("sat"),
        };
        let approximate = parts.take("approx") | parts.take("full");
        let Some((dest, sources)) = operands.split_first() else {
            return Err("operands are missing".to_owned());
        };
        let d = self.dest(dest)?;
        let sources = sources.iter().map(|s| self.source(s, ty)).collect::<Result<Vec<_>, _>>()?;
        let plain = Style { saturate: false, ..style };
        match (parts.name, &sources[..]) {
            ("add", &[a, b]) => self.push2(map2(move |a, b| style.add(a, b)), d, [a, b]),
            ("sub", &[a, b]) => self.push2(map2(move |a, b| style.subtract(a, b)), d, [a, b]),
            ("mul", &[a, b]) => self.push2(map2(move |a, b| style.multiply(a, b)), d, [a, b]),
            ("fma" | "mad", &[a, b, c]) => {
                self.push3(map3(move |a, b, c| style.fused(a, b, c)), d, [a, b, c])
            }
            ("div", &[a, b]) => self.push2(map2(move |a, b| style.divide(a, b)), d, [a, b]),
            ("rcp", &[a]) => {
                let one = u64::from(1f32.to_bits());
                self.push1(map1(move |a| style.divide(one, a)), d, a);
            }
            ("sqrt", &[a]) => self.push1(map1(move |a| style.square_root(a)), d, a),
            ("abs", &[a]) => self.push1(map1(move |a| plain.write(plain.read(a).abs())), d, a),
            ("neg", &[a]) => self.push1(map1(move |a| plain.write(-plain.read(a))), d, a),
            (name @ ("min" | "max"), &[a, b]) => {
                let (greater, keep_nan) = (name == "max", parts.take("NaN"));
                let magnitudes = parts.take("xorsign") && parts.take("abs");
                let f = move |a: u64, b: u64| {
                    let (x, y) = (style.read(a), style.read(b));
                    let (x, y) = if magnitudes { (x.abs(), y.abs()) } else { (x, y) };
                    let found = style.write(extreme(x.into(), y.into(), greater, keep_nan) as f32);
                    if magnitudes { found & 0x7fff_ffff | (a ^ b) & 0x8000_0000 } else { found }
                };
                self.push2(map2(f), d, [a, b]);
            }
            (name, &[a]) if approximate => {
                let Some(f) = transcendental(name) else {
                    return Err(format!("`{name}.approx` is not known"));
                };
                self.push1(map1(move |a| style.write(f(f64::from(style.read(a))) as f32)), d, a);
            }
            (name, rest) => return Err(format!("`{name}` of f32 with {} sources is not known", rest.len())),
        }
        Ok(())
    }

    fn double(&mut self, parts: &mut Parts<'_>, operands: &[Operand]) -> Emitted {
        let ty = Type::F(64);
        let rounding = rounding(parts).unwrap_or(Rounding::Nearest);
        // Approximations of `rcp`, `rsqrt`: computed exactly; `.ftz` of an f64 makes no difference to normal numbers.
        let approximate = parts.take("approx");
        let flush = parts.take("ftz");
        let read = move |bits: u64| {
            let value = f64::from_bits(bits);
            if flush && value.is_subnormal() { 0f64.copysign(value) } else { value }
        };
        let Some((dest, sources)) = operands.split_first() else {
            return Err("operands are missing".to_owned());
        };
        let d = self.dest(dest)?;
        let sources = sources.iter().map(|s| self.source(s, ty)).collect::<Result<Vec<_>, _>>()?;
        match (parts.name, &sources[..]) {
            ("add", &[a, b]) => {
                self.push2(map2(move |a, b| float::add64(read(a), read(b), rounding).to_bits()), d, [a, b]);
            }
            ("sub", &[a, b]) => {
                self.push2(map2(move |a, b| float::add64(read(a), -read(b), rounding).to_bits()), d, [a, b]);
            }
            ("mul", &[a, b]) => {
                self.push2(
                    map2(move |a, b| float::multiply64(read(a), read(b), rounding).to_bits()),
                    d,
                    [a, b],
                );
            }
            ("fma" | "mad", &[a, b, c]) => {
                let f = move |a, b, c| float::fused64(read(a), read(b), read(c), rounding).to_bits();
                self.push3(map3(f), d, [a, b, c]);
            }
            ("div", &[a, b]) => {
                self.push2(
                    map2(move |a, b| float::divide64(read(a), read(b), rounding).to_bits()),
                    d,
                    [a, b],
                );
            }
            ("rcp", &[a]) => {
                self.push1(map1(move |a| float::divide64(1.0, read(a), rounding).to_bits()), d, a)
            }
            ("sqrt", &[a]) => {
                self.push1(map1(move |a| float::square_root64(read(a), rounding).to_bits()), d, a)
            }
            ("abs", &[a]) => self.push1(map1(move |a| a & !(1 << 63)), d, a),
            ("neg", &[a]) => self.push1(map1(move |a| a ^ 1 << 63), d, a),
            (name @ ("min" | "max"), &[a, b]) => {
                let greater = name == "max";
                self.push2(map2(move |a, b| extreme(read(a), read(b), greater, false).to_bits()), d, [a, b]);
            }
            ("rsqrt", &[a]) if approximate => {
                self.push1(map1(move |a| (1.0 / read(a).sqrt()).to_bits()), d, a)
            }
            (name, rest) => return Err(format!("`{name}` of f64 with {} sources is not known", rest.len())),
        }
        Ok(())
    }

    fn copysign(&mut self, parts: &mut Parts<'_>, operands: &[Operand]) -> Emitted {
        let ty = parts.ty()?;
        let [d, a, b] = self.expect(operands)?;
        let sign = 1u64 << (ty.bits() - 1);
        let sources = [self.source(a, ty)?, self.source(b, ty)?];
        let d = self.dest(d)?;
        self.push2(map2(move |a, b| a & sign | b & !sign & mask(ty.bits())), d, sources);
        Ok(())
    }
}

/// `.lo`, `.hi`, `.wide` of a product.
fn product(
    parts: &mut Parts<'_>,
    bits: u32,
    is_signed: bool,
) -> Result<impl Fn(u64, u64) -> u64 + Copy + Send + Sync + 'static, String> {
    let (low, high, wide) = (parts.take("lo"), parts.take("hi"), parts.take("wide"));
    let of_24 = parts.name.ends_with("24");
    let read = if of_24 { 24 } else { bits };
    let (shift, kept) = match (low, high, wide) {
        (true, false, false) => (0, bits),
        (false, true, false) if of_24 => (16, bits),
        (false, true, false) => (bits, bits),
        (false, false, true) => (0, bits * 2),
        _ => return Err(format!("`{}` needs one of `.lo`, `.hi`, `.wide`", parts.name)),
    };
    let small = bits <= 32 || shift == 0;
    Ok(move |a: u64, b: u64| match (small, is_signed) {
        (true, true) => (signed(a, read).wrapping_mul(signed(b, read)) >> shift) as u64 & mask(kept),
        (true, false) => ((a & mask(read)).wrapping_mul(b & mask(read)) >> shift) & mask(kept),
        // Of the products of 64-bit numbers only the unsigned one may need the last bit of `i128`.
        (false, true) => ((i128::from(signed(a, read)) * i128::from(signed(b, read))) >> shift) as u64,
        (false, false) => ((u128::from(a) * u128::from(b)) >> shift) as u64,
    })
}
