// Conversions between dtypes, and elements out of packed words.

fn i32_from_f32(x: f32) -> i32 {
    if is_nan(x) {
        return 0;
    }
    if x >= 2147483648.0 {
        return 2147483647;
    }
    if x < -2147483648.0 {
        return -2147483647 - 1;
    }
    return i32(x);
}

fn u32_from_f32(x: f32) -> u32 {
    if is_nan(x) || x <= 0.0 {
        return 0u;
    }
    if x >= 4294967296.0 {
        return 4294967295u;
    }
    return u32(x);
}

// Saturates to a range that f32 holds exactly; NaN gives 0.
fn i32_in_range_from_f32(x: f32, low: f32, high: f32) -> i32 {
    if is_nan(x) {
        return 0;
    }
    return i32(clamp(x, low, high));
}

fn u64_from_f32(x: f32) -> vec2<u32> {
    if is_nan(x) || x < 1.0 {
        return vec2<u32>(0u, 0u);
    }
    if x >= 18446744073709551616.0 {
        return vec2<u32>(0xffffffffu, 0xffffffffu);
    }
    let bits = bitcast<u32>(x);
    let mantissa = vec2<u32>((bits & 0x7fffffu) | 0x800000u, 0u);
    let exponent = i32(bits >> 23u) - 150;
    if exponent < 0 {
        return vec2<u32>(mantissa.x >> u32(-exponent), 0u);
    }
    return shl_64(mantissa, u32(exponent));
}

fn i64_from_f32(x: f32) -> vec2<u32> {
    if x >= 9223372036854775808.0 {
        return vec2<u32>(0xffffffffu, 0x7fffffffu);
    }
    if x <= -9223372036854775808.0 {
        return vec2<u32>(0u, 0x80000000u);
    }
    let magnitude = u64_from_f32(abs(x));
    if x < 0.0 {
        return neg_64(magnitude);
    }
    return magnitude;
}

// Rounds once: the words below the top 32 bits only decide ties.
fn f32_from_u64(x: vec2<u32>) -> f32 {
    if x.y == 0u {
        return f32(x.x);
    }
    let zeros = countLeadingZeros(x.y);
    let shifted = shl_64(x, zeros);
    let top = shifted.y | select(0u, 1u, shifted.x != 0u);
    return f32(top) * bitcast<f32>((159u - zeros) << 23u);
}

fn f32_from_i64(x: vec2<u32>) -> f32 {
    if (x.y >> 31u) == 1u {
        return -f32_from_u64(neg_64(x));
    }
    return f32_from_u64(x);
}

// The nearest bfloat16, rounded once: the top 24 bits are exact in f32, and what is cut off only decides ties.
fn bf16_from_u64(x: vec2<u32>) -> f32 {
    if (x.x | x.y) == 0u {
        return 0.0;
    }
    let zeros = select(countLeadingZeros(x.y), 32u + countLeadingZeros(x.x), x.y == 0u);
    let shifted = shl_64(x, zeros);
    let top = (shifted.y >> 8u) | select(0u, 1u, ((shifted.y & 0xffu) | shifted.x) != 0u);
    return round_bf16(f32(top)) * bitcast<f32>((167u - zeros) << 23u);
}

fn bf16_from_i64(x: vec2<u32>) -> f32 {
    if (x.y >> 31u) == 1u {
        return -bf16_from_u64(neg_64(x));
    }
    return bf16_from_u64(x);
}

fn i64_from_i32(x: i32) -> vec2<u32> {
    return vec2<u32>(u32(x), u32(x >> 31u));
}

// An index for addressing: 64 bits saturated to 32.
fn index_from_i64(x: vec2<u32>) -> i32 {
    let sign = u32(i32(x.x) >> 31u);
    if x.y == sign {
        return i32(x.x);
    }
    return select(2147483647, -2147483647 - 1, (x.y >> 31u) == 1u);
}

fn index_from_u32(x: u32) -> i32 {
    return i32(min(x, 2147483647u));
}

fn wrap_i8(x: i32) -> i32 {
    return (x << 24u) >> 24u;
}

fn wrap_i16(x: i32) -> i32 {
    return (x << 16u) >> 16u;
}

// `element` is the element's number in the tensor; `word` is the word that holds it.
fn unpack_i8(word: u32, element: u32) -> i32 {
    return i32(word << (24u - (element & 3u) * 8u)) >> 24u;
}

fn unpack_u8(word: u32, element: u32) -> u32 {
    return (word >> ((element & 3u) * 8u)) & 0xffu;
}

// All four elements of a word.
fn unpack_all_i8(word: u32) -> vec4<i32> {
    return vec4<i32>(vec4<u32>(word) << vec4<u32>(24u, 16u, 8u, 0u)) >> vec4<u32>(24u);
}

fn unpack_all_u8(word: u32) -> vec4<u32> {
    return (vec4<u32>(word) >> vec4<u32>(0u, 8u, 16u, 24u)) & vec4<u32>(255u);
}

fn unpack_i16(word: u32, element: u32) -> i32 {
    return i32(word << (16u - (element & 1u) * 16u)) >> 16u;
}

fn unpack_u16(word: u32, element: u32) -> u32 {
    return (word >> ((element & 1u) * 16u)) & 0xffffu;
}

fn unpack_bf16(word: u32, element: u32) -> f32 {
    return bitcast<f32>(select(word << 16u, word & 0xffff0000u, (element & 1u) == 1u));
}

fn unpack_f16(word: u32, element: u32) -> f32 {
    let pair = unpack2x16float(word);
    return select(pair.x, pair.y, (element & 1u) == 1u);
}
