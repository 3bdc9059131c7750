//! `f32` and `f64`: directed rounding, flushing, saturation, comparisons.

use super::narrow::single;
use super::{Rounding, exact};

/// How an `f32` instruction treats its operands and its result.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Style {
    pub(crate) rounding: Rounding,
    /// `.ftz`: subnormal operands and results become zeros of the same sign.
    pub(crate) flush: bool,
    /// `.sat`: results are clamped to 0 … 1, and NaN becomes 0.
    pub(crate) saturate: bool,
}

const NAN: u64 = 0x7fff_ffff;

impl Style {
    pub(crate) fn read(self, bits: u64) -> f32 {
        flushed(f32::from_bits(bits as u32), self.flush)
    }

    pub(crate) fn write(self, value: f32) -> u64 {
        let value = flushed(value, self.flush);
        let value = match self.saturate {
            true if value.is_nan() => 0.0,
            // `clamp` keeps -0, which is not below 0.
            true => value.clamp(0.0, 1.0) + 0.0,
            false => value,
        };
        if value.is_nan() { NAN } else { u64::from(value.to_bits()) }
    }

    pub(crate) fn add(self, a: u64, b: u64) -> u64 {
        let (a, b) = (self.read(a), self.read(b));
        self.write(match self.rounding {
            Rounding::Nearest => a + b,
            direction => add_directed(a, b, direction),
        })
    }

    pub(crate) fn subtract(self, a: u64, b: u64) -> u64 {
        self.add(a, b ^ 1 << 31)
    }

    pub(crate) fn multiply(self, a: u64, b: u64) -> u64 {
        let (a, b) = (self.read(a), self.read(b));
        self.write(match self.rounding {
            Rounding::Nearest => a * b,
            direction => single(f64::from(a) * f64::from(b), direction),
        })
    }

    pub(crate) fn fused(self, a: u64, b: u64, c: u64) -> u64 {
        let (a, b, c) = (self.read(a), self.read(b), self.read(c));
        self.write(match self.rounding {
            Rounding::Nearest => a.mul_add(b, c),
            direction => {
                let exact = exact::multiply_add(f64::from(a), f64::from(b), f64::from(c));
                zero_sign(single(exact, direction), f64::from(a) * f64::from(b), f64::from(c), direction)
            }
        })
    }

    pub(crate) fn divide(self, a: u64, b: u64) -> u64 {
        let (a, b) = (self.read(a), self.read(b));
        self.write(match self.rounding {
            Rounding::Nearest => a / b,
            direction => single(exact::divide(f64::from(a), f64::from(b)), direction),
        })
    }

    pub(crate) fn square_root(self, a: u64) -> u64 {
        let a = self.read(a);
        self.write(match self.rounding {
            Rounding::Nearest => a.sqrt(),
            direction => single(exact::square_root(f64::from(a)), direction),
        })
    }
}

fn flushed(value: f32, flush: bool) -> f32 {
    if flush && value.is_subnormal() { 0f32.copysign(value) } else { value }
}

fn add_directed(a: f32, b: f32, rounding: Rounding) -> f32 {
    let (a, b) = (f64::from(a), f64::from(b));
    zero_sign(single(exact::add(a, b), rounding), a, b, rounding)
}

/// An exact zero out of terms of unlike sign is -0 when rounding down.
fn zero_sign(sum: f32, a: f64, b: f64, rounding: Rounding) -> f32 {
    match sum == 0.0 && a + b == 0.0 && rounding == Rounding::Down {
        true if a.is_sign_negative() || b.is_sign_negative() => -0.0,
        _ => sum,
    }
}

/// `f64` rounded in a direction, from the nearest result and the sign of its error.
fn directed(value: f64, error: f64, rounding: Rounding) -> f64 {
    if !value.is_finite() || error == 0.0 || error.is_nan() {
        return value;
    }
    let wants_lower = match rounding {
        Rounding::Nearest | Rounding::Away => return value,
        Rounding::Down => true,
        Rounding::Up => false,
        Rounding::Zero => value > 0.0 || value == 0.0 && error > 0.0,
    };
    match (wants_lower, error > 0.0) {
        (true, false) => value.next_down(),
        (false, true) => value.next_up(),
        _ => value,
    }
}

/// Infinity out of finite operands, where the direction stops at the largest number.
fn bounded(value: f64, operands_finite: bool, rounding: Rounding) -> f64 {
    let stays = match rounding {
        Rounding::Nearest | Rounding::Away => false,
        Rounding::Zero => true,
        Rounding::Down => value > 0.0,
        Rounding::Up => value < 0.0,
    };
    if value.is_infinite() && operands_finite && stays { f64::MAX.copysign(value) } else { value }
}

pub(crate) fn add64(a: f64, b: f64, rounding: Rounding) -> f64 {
    let sum = a + b;
    if rounding == Rounding::Nearest {
        return sum;
    }
    if sum == 0.0 && rounding == Rounding::Down && (a.is_sign_negative() || b.is_sign_negative()) {
        return -0.0;
    }
    bounded(directed(sum, exact::sum_error(a, b, sum), rounding), a.is_finite() && b.is_finite(), rounding)
}

pub(crate) fn multiply64(a: f64, b: f64, rounding: Rounding) -> f64 {
    let product = a * b;
    let error = a.mul_add(b, -product);
    bounded(directed(product, error, rounding), a.is_finite() && b.is_finite(), rounding)
}

/// Directions other than nearest are right where the error of the sum is representable, which is everywhere but near the limits of `f64`.
pub(crate) fn fused64(a: f64, b: f64, c: f64, rounding: Rounding) -> f64 {
    let value = a.mul_add(b, c);
    if rounding == Rounding::Nearest {
        return value;
    }
    let product = a * b;
    let low = a.mul_add(b, -product);
    let sum = product + c;
    let rest = exact::sum_error(product, c, sum) + low;
    directed(value, (sum - value) + rest, rounding)
}

pub(crate) fn divide64(a: f64, b: f64, rounding: Rounding) -> f64 {
    let quotient = a / b;
    let rest = (-quotient).mul_add(b, a);
    bounded(
        directed(quotient, if b < 0.0 { -rest } else { rest }, rounding),
        a.is_finite() && b != 0.0,
        rounding,
    )
}

pub(crate) fn square_root64(a: f64, rounding: Rounding) -> f64 {
    let root = a.sqrt();
    directed(root, (-root).mul_add(root, a), rounding)
}

/// `min` and `max`: a NaN gives way to a number unless `keep_nan`; -0 is below +0.
pub(crate) fn extreme(a: f64, b: f64, greater: bool, keep_nan: bool) -> f64 {
    match (a.is_nan(), b.is_nan()) {
        (true, true) => f64::NAN,
        (true, false) if keep_nan => f64::NAN,
        (false, true) if keep_nan => f64::NAN,
        (true, false) => b,
        (false, true) => a,
        _ => {
            let a_is_less = a < b || a == b && a.is_sign_negative();
            if a_is_less == greater { b } else { a }
        }
    }
}

/// A comparison of `setp`; the forms with `u` are true when an operand is NaN.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Comparison {
    Equal,
    NotEqual,
    Less,
    LessEqual,
    Greater,
    GreaterEqual,
    /// Both are numbers.
    Ordered,
    /// One is NaN.
    Unordered,
}

impl Comparison {
    pub(crate) fn floats(self, a: f64, b: f64, unordered: bool) -> bool {
        if a.is_nan() || b.is_nan() {
            return unordered || self == Comparison::Unordered;
        }
        match self {
            Comparison::Ordered => true,
            Comparison::Unordered => false,
            _ => self.values(a, b),
        }
    }

    pub(crate) fn values<T: PartialOrd>(self, a: T, b: T) -> bool {
        match self {
            Comparison::Equal => a == b,
            Comparison::NotEqual => a != b,
            Comparison::Less => a < b,
            Comparison::LessEqual => a <= b,
            Comparison::Greater => a > b,
            Comparison::GreaterEqual => a >= b,
            Comparison::Ordered => true,
            Comparison::Unordered => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn style(rounding: Rounding) -> Style {
        Style { rounding, flush: false, saturate: false }
    }

    fn value(bits: u64) -> f32 {
        f32::from_bits(bits as u32)
    }

    fn bits(value: f32) -> u64 {
        u64::from(value.to_bits())
    }

    #[test]
    fn directions_enclose_the_exact_result() {
        let mut state = 1u64;
        let mut next = || {
            state = state.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
            f32::from_bits((state >> 32) as u32)
        };
        for _ in 0..20_000 {
            let (a, b) = (next(), next());
            if !a.is_finite() || !b.is_finite() {
                continue;
            }
            type Operation = fn(Style, u64, u64) -> u64;
            for operation in [Style::add as Operation, Style::multiply, Style::divide] {
                let of = |r| value(operation(style(r), bits(a), bits(b)));
                let (near, down, up, zero) =
                    (of(Rounding::Nearest), of(Rounding::Down), of(Rounding::Up), of(Rounding::Zero));
                if near.is_nan() || b == 0.0 {
                    continue;
                }
                assert!(down <= near && near <= up, "{a} {b}: {down} {near} {up}");
                assert!(down == up || down.next_up() == up, "{a} {b}: {down} {up}");
                assert_eq!(zero, if near.is_sign_positive() { down } else { up });
            }
        }
    }

    #[test]
    fn flush_and_saturation() {
        let flush = Style { rounding: Rounding::Nearest, flush: true, saturate: false };
        let tiny = f32::from_bits(5);
        assert_eq!(flush.add(bits(tiny), bits(-0.0)), bits(0.0));
        assert_eq!(flush.multiply(bits(f32::MIN_POSITIVE), bits(-0.5)), bits(-0.0));
        let saturate = Style { rounding: Rounding::Nearest, flush: false, saturate: true };
        assert_eq!(saturate.add(bits(f32::NAN), bits(1.0)), 0);
        assert_eq!(value(saturate.add(bits(1.0), bits(1.0))), 1.0);
        assert_eq!(saturate.multiply(bits(-1.0), bits(0.0)), 0);
    }

    #[test]
    fn extremes_prefer_numbers_and_know_the_sign_of_zero() {
        assert_eq!(extreme(f64::NAN, 1.0, true, false), 1.0);
        assert!(extreme(f64::NAN, 1.0, true, true).is_nan());
        assert!(extreme(-0.0, 0.0, true, false).is_sign_positive());
        assert!(extreme(0.0, -0.0, false, false).is_sign_negative());
    }
}
