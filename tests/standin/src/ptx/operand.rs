//! Operands: literals, registers, addresses, vectors.

use super::body::Body;
use super::declare::Parser;
use super::lexer::Kind;
use super::module::{Operand, Type};
use super::{ParseError, error};

/// A number as it is written.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Literal {
    Integer(u64),
    Single(u32),
    Double(u64),
}

impl Literal {
    /// The bits that a variable or a register of this type holds.
    pub(crate) fn bits_for(self, ty: Type) -> u64 {
        match (self, ty) {
            (Literal::Integer(value), Type::F(32)) => u64::from((value as i64 as f32).to_bits()),
            (Literal::Integer(value), Type::F(64)) => (value as i64 as f64).to_bits(),
            (Literal::Integer(value), _) => match ty.bits() {
                64.. => value,
                bits => value & ((1 << bits) - 1),
            },
            (Literal::Single(bits), Type::F(64)) => f64::from(f32::from_bits(bits)).to_bits(),
            (Literal::Single(bits), _) => u64::from(bits),
            (Literal::Double(bits), Type::F(32)) => u64::from((f64::from_bits(bits) as f32).to_bits()),
            (Literal::Double(bits), _) => bits,
        }
    }
}

impl Parser<'_> {
    pub(crate) fn literal(&mut self) -> Result<Literal, ParseError> {
        let negative = self.take(b'-');
        let token = self.next();
        let text = token.text;
        let failed = || error(token.line, format!("a number was expected, `{text}` was found"));
        if token.kind != Kind::Number {
            return failed();
        }
        let hexadecimal = |digits: &str| u64::from_str_radix(digits, 16).ok();
        let literal = match text.as_bytes() {
            [b'0', b'f' | b'F', ..] if text.len() == 10 => {
                hexadecimal(&text[2..]).map(|bits| Literal::Single(bits as u32))
            }
            [b'0', b'd' | b'D', ..] if text.len() == 18 => hexadecimal(&text[2..]).map(Literal::Double),
            _ if text.contains('.') => text.parse::<f64>().ok().map(|value| Literal::Double(value.to_bits())),
            _ => {
                let digits = text.trim_end_matches('U');
                let value = match digits.as_bytes() {
                    [b'0', b'x' | b'X', ..] => u64::from_str_radix(&digits[2..], 16),
                    [b'0', b'b' | b'B', ..] => u64::from_str_radix(&digits[2..], 2),
                    [b'0', _, ..] => u64::from_str_radix(&digits[1..], 8),
                    _ => digits.parse::<u64>(),
                };
                value.ok().map(Literal::Integer)
            }
        };
        Ok(match (literal, negative) {
            (None, _) => return failed(),
            (Some(Literal::Integer(value)), true) => Literal::Integer(value.wrapping_neg()),
            (Some(Literal::Single(bits)), true) => Literal::Single(bits ^ 1 << 31),
            (Some(Literal::Double(bits)), true) => Literal::Double(bits ^ 1 << 63),
            (Some(literal), false) => literal,
        })
    }
}

impl Body {
    /// One operand, with what may follow it: `|`, `+4`.
    pub(crate) fn operand(&mut self, parser: &mut Parser<'_>) -> Result<Operand, ParseError> {
        let first = self.simple_operand(parser)?;
        if parser.take(b'|') {
            let second = self.simple_operand(parser)?;
            return Ok(Operand::Pair(Box::new(first), Box::new(second)));
        }
        Ok(first)
    }

    fn simple_operand(&mut self, parser: &mut Parser<'_>) -> Result<Operand, ParseError> {
        let token = parser.peek();
        match token.kind {
            Kind::Mark(b'{') => {
                parser.next();
                Ok(Operand::Vector(self.list(parser, b'}')?))
            }
            Kind::Mark(b'(') => {
                parser.next();
                Ok(Operand::List(self.list(parser, b')')?))
            }
            Kind::Mark(b'[') => {
                parser.next();
                self.address(parser)
            }
            Kind::Mark(b'!') => {
                parser.next();
                let name = parser.word()?;
                match self.register(name.text) {
                    Some(register) => Ok(Operand::Not(register)),
                    None => error(name.line, format!("`{}` is not a register", name.text)),
                }
            }
            Kind::Word => {
                parser.next();
                self.named(parser, token.text, token.line)
            }
            _ => Ok(match parser.literal()? {
                Literal::Integer(value) => Operand::Integer(value),
                Literal::Single(bits) => Operand::Single(bits),
                Literal::Double(bits) => Operand::Double(bits),
            }),
        }
    }

    fn list(&mut self, parser: &mut Parser<'_>, end: u8) -> Result<Vec<Operand>, ParseError> {
        let mut out = Vec::new();
        while !parser.take(end) {
            out.push(self.operand(parser)?);
            if !parser.take(b',') && !parser.is(end) {
                let token = parser.peek();
                return error(token.line, format!("`{}` in a list of operands", token.text));
            }
        }
        Ok(out)
    }

    fn address(&mut self, parser: &mut Parser<'_>) -> Result<Operand, ParseError> {
        let token = parser.peek();
        let base = match token.kind {
            Kind::Word => {
                parser.next();
                Some(Box::new(self.named(parser, token.text, token.line)?))
            }
            _ => None,
        };
        let offset = match base {
            Some(_) if parser.is(b'+') || parser.is(b'-') => parser.signed()?,
            Some(_) => 0,
            None => parser.signed()?,
        };
        if parser.is(b',') {
            return error(token.line, "addresses of textures and tensor maps are not known");
        }
        parser.expect(b']')?;
        Ok(Operand::Address(base, offset))
    }

    fn named(&mut self, parser: &mut Parser<'_>, name: &str, line: u32) -> Result<Operand, ParseError> {
        if name == "_" {
            return Ok(Operand::Sink);
        }
        if let Some(register) = self.register(name) {
            return Ok(Operand::Register(register));
        }
        if name.starts_with('%') {
            return Ok(Operand::Special(name.to_owned()));
        }
        if name == "WARP_SZ" {
            return Ok(Operand::Integer(32));
        }
        let addend = match parser.peek().kind {
            Kind::Mark(b'+') => parser.signed()?,
            _ => 0,
        };
        if let Some(variable) = self.variable(name) {
            return Ok(Operand::BodyVariable(variable, addend));
        }
        let _ = line;
        Ok(Operand::Symbol(name.to_owned(), addend))
    }
}
