//! Integers: bit fields, permutations, dot products.

/// The low `bits` of a word.
pub(crate) fn mask(bits: u32) -> u64 {
    if bits >= 64 { u64::MAX } else { (1 << bits) - 1 }
}

/// The low `bits`, extended by their sign.
pub(crate) fn signed(value: u64, bits: u32) -> i64 {
    let shift = 64 - bits;
    (value << shift) as i64 >> shift
}

/// The low `bits` as a number.
pub(crate) fn number(value: u64, bits: u32, is_signed: bool) -> i128 {
    if is_signed { i128::from(signed(value, bits)) } else { i128::from(value & mask(bits)) }
}

/// `bfe`: the field of `length` bits from `position`; a signed one is extended by its top bit.
pub(crate) fn extract(value: u64, position: u64, length: u64, bits: u32, is_signed: bool) -> u64 {
    let (position, length) = (position & 0xff, length & 0xff);
    let top = u64::from(bits) - 1;
    if length == 0 {
        return 0;
    }
    let sign = is_signed && value >> (position + length - 1).min(top) & 1 == 1;
    let field = if position > top { 0 } else { (value & mask(bits)) >> position };
    let kept = length.min(u64::from(bits).saturating_sub(position)) as u32;
    let extension = if sign { !mask(kept) } else { 0 };
    (field & mask(kept) | extension) & mask(bits)
}

/// `bfi`: `field` laid over `base`.
pub(crate) fn insert(field: u64, base: u64, position: u64, length: u64, bits: u32) -> u64 {
    let (position, length) = (position & 0xff, length & 0xff);
    if length == 0 || position >= u64::from(bits) {
        return base & mask(bits);
    }
    let window = (mask(length.min(64) as u32) << position) & mask(bits);
    base & mask(bits) & !window | (field << position) & window
}

/// `bfind`: the position of the highest bit that differs from the sign.
pub(crate) fn find_highest(value: u64, bits: u32, is_signed: bool, as_shift: bool) -> u64 {
    let value = if is_signed && signed(value, bits) < 0 { !value } else { value } & mask(bits);
    if value == 0 {
        return 0xffff_ffff;
    }
    let position = u64::from(63 - value.leading_zeros());
    if as_shift { u64::from(bits) - 1 - position } else { position }
}

/// `prmt`: any four bytes of eight; the top bit of a selector spreads the byte's sign.
pub(crate) fn permute(a: u64, b: u64, selector: u64, mode: Permutation) -> u64 {
    let bytes = a & 0xffff_ffff | b << 32;
    let byte = |i: u64| bytes >> (8 * (i & 7)) & 0xff;
    let low = selector & 3;
    let picks: [u64; 4] = match mode {
        Permutation::Any => {
            return (0..4).fold(0, |word, i| {
                let pick = selector >> (4 * i) & 0xf;
                let found = byte(pick);
                let found = match pick >> 3 {
                    1 if found >> 7 == 1 => 0xff,
                    1 => 0,
                    _ => found,
                };
                word | found << (8 * i)
            });
        }
        Permutation::Forward4 => [low, low + 1, low + 2, low + 3],
        Permutation::Backward4 => [low, low + 7, low + 6, low + 5],
        Permutation::Replicate8 => [low; 4],
        Permutation::ClampLeft => [low, low.max(1), low.max(2), 3],
        Permutation::ClampRight => [0, low.min(1), low.min(2), low],
        Permutation::Replicate16 => {
            let first = (low & 1) * 2;
            [first, first + 1, first, first + 1]
        }
    };
    (0..4).fold(0, |word, i| word | byte(picks[i]) << (8 * i))
}

/// The modes of `prmt`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Permutation {
    Any,
    Forward4,
    Backward4,
    Replicate8,
    ClampLeft,
    ClampRight,
    Replicate16,
}

/// `lop3`: the bits of `table` say the result for each combination.
pub(crate) fn logic3(a: u64, b: u64, c: u64, table: u64) -> u64 {
    (0..8).filter(|i| table >> i & 1 == 1).fold(0, |out, i| {
        let of = |value: u64, bit: u64| if i >> bit & 1 == 1 { value } else { !value };
        out | of(a, 2) & of(b, 1) & of(c, 0)
    }) & 0xffff_ffff
}

/// `shf`: a word out of 64 bits.
pub(crate) fn funnel(low: u64, high: u64, amount: u64, left: bool, wraps: bool) -> u64 {
    let amount = if wraps { amount & 31 } else { (amount & 0xffff_ffff).min(32) };
    let both = (high & 0xffff_ffff) << 32 | low & 0xffff_ffff;
    let shifted = match left {
        true => ((u128::from(both) << amount) >> 32) as u64,
        false => both >> amount,
    };
    shifted & 0xffff_ffff
}

/// `dp4a` and `dp2a`: `c` plus the dot product of `a`'s and `b`'s parts. `low` is the bit of `b` where its parts begin.
pub(crate) fn dot(a: (u64, u32, bool), b: (u64, bool, u32), c: u64) -> u64 {
    let (a, a_bits, a_signed) = a;
    let (b, b_signed, low) = b;
    let sum: i64 = (0..32 / a_bits)
        .map(|i| {
            let left = number(a >> (i * a_bits), a_bits, a_signed) as i64;
            let right = number(b >> (low + i * 8), 8, b_signed) as i64;
            left * right
        })
        .sum();
    (c as i64).wrapping_add(sum) as u64 & 0xffff_ffff
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields() {
        assert_eq!(extract(0xabcd_1234, 8, 8, 32, false), 0x12);
        assert_eq!(extract(0xabcd_1234, 24, 8, 32, true), 0xffff_ffab);
        assert_eq!(extract(0xabcd_1234, 28, 8, 32, true), 0xffff_fffa);
        assert_eq!(extract(0x8000_0000, 40, 8, 32, true), 0xffff_ffff);
        assert_eq!(extract(5, 0, 0, 32, true), 0);
        assert_eq!(insert(0xff, 0, 4, 4, 32), 0xf0);
        assert_eq!(insert(0xff, 7, 40, 4, 32), 7);
        assert_eq!(insert(u64::MAX, 0, 32, 32, 64), 0xffff_ffff_0000_0000);
        assert_eq!(find_highest(0, 32, false, false), 0xffff_ffff);
        assert_eq!(find_highest(0xffff_fffe, 32, true, false), 0);
        assert_eq!(find_highest(1, 32, false, true), 31);
    }

    #[test]
    fn permutations_logic_and_shifts() {
        assert_eq!(permute(0x3322_1100, 0x7766_5544, 0x7531, Permutation::Any), 0x7755_3311);
        assert_eq!(permute(0x0000_0080, 0, 0x8888, Permutation::Any), 0xffff_ffff);
        assert_eq!(permute(0x3322_1100, 0x7766_5544, 1, Permutation::Forward4), 0x4433_2211);
        assert_eq!(permute(0x3322_1100, 0x7766_5544, 1, Permutation::Backward4), 0x6677_0011);
        assert_eq!(logic3(0xf0, 0xcc, 0xaa, 0xe8), 0xe8);
        assert_eq!(logic3(0xf0, 0xcc, 0xaa, 0x96) & 0xff, 0x96);
        assert_eq!(funnel(0x8000_0000, 1, 4, true, true), 0x18);
        assert_eq!(funnel(0x8000_0000, 1, 32, false, false), 1);
        assert_eq!(dot((0xff01_0203, 8, true), (0x0101_0101, false, 0), 10), 15);
        assert_eq!(dot((0xffff_0002, 16, true), (0x0000_0503, false, 0), 0), 1);
    }
}
