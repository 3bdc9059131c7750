// 64-bit integers as two words, low word first. Signed and unsigned share what two's complement lets them share.

fn add_64(a: vec2<u32>, b: vec2<u32>) -> vec2<u32> {
    let low = a.x + b.x;
    return vec2<u32>(low, a.y + b.y + select(0u, 1u, low < a.x));
}

fn sub_64(a: vec2<u32>, b: vec2<u32>) -> vec2<u32> {
    return vec2<u32>(a.x - b.x, a.y - b.y - select(0u, 1u, a.x < b.x));
}

fn neg_64(a: vec2<u32>) -> vec2<u32> {
    return sub_64(vec2<u32>(0u, 0u), a);
}

fn not_64(a: vec2<u32>) -> vec2<u32> {
    return vec2<u32>(~a.x, ~a.y);
}

// The full product of two words.
fn mul_wide(a: u32, b: u32) -> vec2<u32> {
    let a0 = a & 0xffffu;
    let a1 = a >> 16u;
    let b0 = b & 0xffffu;
    let b1 = b >> 16u;
    let low = a0 * b0;
    let middle = a1 * b0 + (low >> 16u);
    let other = a0 * b1 + (middle & 0xffffu);
    return vec2<u32>((other << 16u) | (low & 0xffffu), a1 * b1 + (middle >> 16u) + (other >> 16u));
}

fn mul_64(a: vec2<u32>, b: vec2<u32>) -> vec2<u32> {
    let low = mul_wide(a.x, b.x);
    return vec2<u32>(low.x, low.y + a.x * b.y + a.y * b.x);
}

fn is_negative_64(a: vec2<u32>) -> bool {
    return (a.y >> 31u) == 1u;
}

fn equal_64(a: vec2<u32>, b: vec2<u32>) -> bool {
    return a.x == b.x && a.y == b.y;
}

fn less_u64(a: vec2<u32>, b: vec2<u32>) -> bool {
    return a.y < b.y || (a.y == b.y && a.x < b.x);
}

fn less_i64(a: vec2<u32>, b: vec2<u32>) -> bool {
    return less_u64(vec2<u32>(a.x, a.y ^ 0x80000000u), vec2<u32>(b.x, b.y ^ 0x80000000u));
}

fn max_u64(a: vec2<u32>, b: vec2<u32>) -> vec2<u32> {
    return select(a, b, less_u64(a, b));
}

fn min_u64(a: vec2<u32>, b: vec2<u32>) -> vec2<u32> {
    return select(a, b, less_u64(b, a));
}

fn max_i64(a: vec2<u32>, b: vec2<u32>) -> vec2<u32> {
    return select(a, b, less_i64(a, b));
}

fn min_i64(a: vec2<u32>, b: vec2<u32>) -> vec2<u32> {
    return select(a, b, less_i64(b, a));
}

fn abs_64(a: vec2<u32>) -> vec2<u32> {
    return select(a, neg_64(a), is_negative_64(a));
}

fn sign_i64(a: vec2<u32>) -> vec2<u32> {
    let positive = vec2<u32>(select(0u, 1u, (a.x | a.y) != 0u), 0u);
    return select(positive, vec2<u32>(0xffffffffu, 0xffffffffu), is_negative_64(a));
}

// Shifts count modulo 64.
fn shl_64(a: vec2<u32>, count: u32) -> vec2<u32> {
    let n = count & 63u;
    if n == 0u {
        return a;
    }
    if n >= 32u {
        return vec2<u32>(0u, a.x << (n - 32u));
    }
    return vec2<u32>(a.x << n, (a.y << n) | (a.x >> (32u - n)));
}

fn shr_u64(a: vec2<u32>, count: u32) -> vec2<u32> {
    let n = count & 63u;
    if n == 0u {
        return a;
    }
    if n >= 32u {
        return vec2<u32>(a.y >> (n - 32u), 0u);
    }
    return vec2<u32>((a.x >> n) | (a.y << (32u - n)), a.y >> n);
}

fn shr_i64(a: vec2<u32>, count: u32) -> vec2<u32> {
    if is_negative_64(a) {
        return not_64(shr_u64(not_64(a), count));
    }
    return shr_u64(a, count);
}

// Quotient in xy, remainder in zw, by long division. Division by zero gives quotient a and remainder 0.
fn divide_u64(a: vec2<u32>, b: vec2<u32>) -> vec4<u32> {
    if b.x == 0u && b.y == 0u {
        return vec4<u32>(a, 0u, 0u);
    }
    if a.y == 0u && b.y == 0u {
        return vec4<u32>(a.x / b.x, 0u, a.x % b.x, 0u);
    }
    var quotient = vec2<u32>(0u, 0u);
    var rest = vec2<u32>(0u, 0u);
    for (var bit = 0u; bit < 64u; bit++) {
        let carry = is_negative_64(rest);
        let source = 63u - bit;
        let next = select(a.x >> (source & 31u), a.y >> (source & 31u), source >= 32u) & 1u;
        rest = vec2<u32>((rest.x << 1u) | next, (rest.y << 1u) | (rest.x >> 31u));
        quotient = vec2<u32>(quotient.x << 1u, (quotient.y << 1u) | (quotient.x >> 31u));
        if carry || !less_u64(rest, b) {
            rest = sub_64(rest, b);
            quotient.x |= 1u;
        }
    }
    return vec4<u32>(quotient, rest);
}

fn div_u64(a: vec2<u32>, b: vec2<u32>) -> vec2<u32> {
    return divide_u64(a, b).xy;
}

fn rem_u64(a: vec2<u32>, b: vec2<u32>) -> vec2<u32> {
    return divide_u64(a, b).zw;
}

fn div_i64(a: vec2<u32>, b: vec2<u32>) -> vec2<u32> {
    if b.x == 0u && b.y == 0u {
        return a;
    }
    let magnitude = divide_u64(abs_64(a), abs_64(b)).xy;
    return select(magnitude, neg_64(magnitude), is_negative_64(a) != is_negative_64(b));
}

fn rem_i64(a: vec2<u32>, b: vec2<u32>) -> vec2<u32> {
    let magnitude = divide_u64(abs_64(a), abs_64(b)).zw;
    return select(magnitude, neg_64(magnitude), is_negative_64(a));
}

fn pow_u64(base: vec2<u32>, exponent: vec2<u32>) -> vec2<u32> {
    var product = vec2<u32>(1u, 0u);
    var square = base;
    var rest = exponent;
    while (rest.x | rest.y) != 0u {
        if (rest.x & 1u) == 1u {
            product = mul_64(product, square);
        }
        square = mul_64(square, square);
        rest = shr_u64(rest, 1u);
    }
    return product;
}

// Wraps; a negative exponent gives 0 unless the base is 1 or -1.
fn pow_i64(base: vec2<u32>, exponent: vec2<u32>) -> vec2<u32> {
    if is_negative_64(exponent) {
        if base.x == 1u && base.y == 0u {
            return base;
        }
        if (base.x & base.y) == 0xffffffffu {
            return select(vec2<u32>(1u, 0u), base, (exponent.x & 1u) == 1u);
        }
        return vec2<u32>(0u, 0u);
    }
    return pow_u64(base, exponent);
}
