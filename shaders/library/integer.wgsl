// Integer functions of up to 32 bits.

// Wraps; a negative exponent gives 0 unless the base is 1 or -1.
fn pow_i32(base: i32, exponent: i32) -> i32 {
    if exponent < 0 {
        if base == 1 {
            return 1;
        }
        if base == -1 {
            return select(1, -1, (exponent & 1) == 1);
        }
        return 0;
    }
    return i32(pow_u32(u32(base), u32(exponent)));
}

fn pow_u32(base: u32, exponent: u32) -> u32 {
    var product = 1u;
    var square = base;
    var rest = exponent;
    while rest != 0u {
        if (rest & 1u) == 1u {
            product *= square;
        }
        square *= square;
        rest >>= 1u;
    }
    return product;
}

// Truncates; division by zero and the overflowing MIN / -1 give the dividend.
fn div_i32(a: i32, b: i32) -> i32 {
    let undefined = b == 0 || (b == -1 && a == -2147483647 - 1);
    return select(a / select(b, 1, undefined), a, undefined);
}

fn rem_i32(a: i32, b: i32) -> i32 {
    let undefined = b == 0 || b == -1;
    let divisor = select(b, 1, undefined);
    return a - (a / divisor) * divisor;
}

fn div_u32(a: u32, b: u32) -> u32 {
    return a / max(b, 1u);
}

fn rem_u32(a: u32, b: u32) -> u32 {
    return a % max(b, 1u);
}
