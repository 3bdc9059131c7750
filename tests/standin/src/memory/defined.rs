//! One bit a byte: written or not.

/// Which bytes of a memory were written.
#[derive(Clone, Debug)]
pub(crate) struct Defined {
    words: Vec<u64>,
    bytes: usize,
    /// No bit is clear: the usual state, which needs no look at the bits.
    all: bool,
}

impl Defined {
    pub(crate) fn none(bytes: usize) -> Defined {
        Defined { words: vec![0; bytes.div_ceil(64)], bytes, all: bytes == 0 }
    }

    /// The first byte of the range that was never written.
    pub(crate) fn first_missing(&self, at: usize, length: usize) -> Option<usize> {
        if self.all || length == 0 {
            return None;
        }
        if at % 64 + length <= 64 {
            let wanted = (u64::MAX >> (64 - length)) << (at % 64);
            let missing = wanted & !self.words[at / 64];
            return (missing != 0).then(|| at / 64 * 64 + missing.trailing_zeros() as usize);
        }
        (at..at + length).find(|&i| self.words[i / 64] >> (i % 64) & 1 == 0)
    }

    pub(crate) fn set(&mut self, at: usize, length: usize) {
        if self.all || length == 0 {
            return;
        }
        if length >= self.bytes {
            self.words.fill(u64::MAX);
            self.all = true;
            return;
        }
        self.each_word(at, length, |word, mask| *word |= mask);
    }

    pub(crate) fn clear(&mut self, at: usize, length: usize) {
        if length > 0 {
            self.all = false;
            self.each_word(at, length, |word, mask| *word &= !mask);
        }
    }

    /// Gives `length` bytes the state that those of `other` have.
    pub(crate) fn copy_from(&mut self, at: usize, other: &Defined, other_at: usize, length: usize) {
        if other.all {
            return self.set(at, length);
        }
        for i in 0..length {
            match other.words[(other_at + i) / 64] >> ((other_at + i) % 64) & 1 {
                1 => self.set(at + i, 1),
                _ => self.clear(at + i, 1),
            }
        }
    }

    fn each_word(&mut self, at: usize, length: usize, change: impl Fn(&mut u64, u64)) {
        let (mut at, mut left) = (at, length);
        while left > 0 {
            let here = left.min(64 - at % 64);
            change(&mut self.words[at / 64], (u64::MAX >> (64 - here)) << (at % 64));
            at += here;
            left -= here;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_across_words() {
        let mut defined = Defined::none(200);
        defined.set(60, 10);
        assert_eq!(defined.first_missing(60, 10), None);
        assert_eq!(defined.first_missing(59, 2), Some(59));
        assert_eq!(defined.first_missing(64, 8), Some(70));
        defined.clear(65, 1);
        assert_eq!(defined.first_missing(60, 10), Some(65));
        let mut other = Defined::none(200);
        other.copy_from(100, &defined, 60, 10);
        assert_eq!(other.first_missing(100, 10), Some(105));
        other.set(0, 200);
        assert_eq!(other.first_missing(0, 200), None);
    }
}
