//! `f64` operations rounded to odd: see the module above.

/// Moves an inexact result to its odd neighbour; `error` is what the exact result has more than `value`.
fn to_odd(value: f64, error: f64) -> f64 {
    if error == 0.0 || !value.is_finite() || value.to_bits() & 1 == 1 {
        return value;
    }
    match error > 0.0 {
        true => value.next_up(),
        false => value.next_down(),
    }
}

/// The rounding error of `a + b = sum`, by Knuth's two-sum.
pub(crate) fn sum_error(a: f64, b: f64, sum: f64) -> f64 {
    let b_part = sum - a;
    (a - (sum - b_part)) + (b - b_part)
}

/// `a + b`.
pub(crate) fn add(a: f64, b: f64) -> f64 {
    let sum = a + b;
    if !sum.is_finite() {
        return sum;
    }
    to_odd(sum, sum_error(a, b, sum))
}

/// `a * b + c` for operands whose product is exact in `f64` (`f32` and narrower).
pub(crate) fn multiply_add(a: f64, b: f64, c: f64) -> f64 {
    add(a * b, c)
}

/// `a / b` for operands of `f32` and narrower.
pub(crate) fn divide(a: f64, b: f64) -> f64 {
    let quotient = a / b;
    if !quotient.is_finite() || quotient == 0.0 {
        return quotient;
    }
    // `a - quotient·b` has the sign of the error times that of `b`.
    let rest = (-quotient).mul_add(b, a);
    to_odd(quotient, if b < 0.0 { -rest } else { rest })
}

/// `√a` for operands of `f32` and narrower.
pub(crate) fn square_root(a: f64) -> f64 {
    let root = a.sqrt();
    if !root.is_finite() || root == 0.0 {
        return root;
    }
    to_odd(root, (-root).mul_add(root, a))
}
