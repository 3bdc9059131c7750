//! A counted n-gram: what a model of characters has to beat to have learnt more than their neighbours.

use std::collections::HashMap;

/// Characters of a gram at most: their keys have 16 bits for each.
const LONGEST: usize = 8;

/// How often a context was seen, and with how many different characters after it.
#[derive(Clone, Copy, Default)]
struct Seen {
    times: u64,
    kinds: u64,
}

/// Grams of up to `n` characters with their counts.
pub(super) struct NGram {
    /// By length, from 1.
    grams: Vec<HashMap<u128, u64>>,
    /// What comes before the last character of those grams.
    contexts: Vec<HashMap<u128, Seen>>,
    classes: usize,
}

impl NGram {
    /// Counts a text of characters from 0 to `classes`, at most 65,536 of them. `n` is from 1 to [`LONGEST`].
    pub(super) fn count(text: &[u16], n: usize, classes: usize) -> NGram {
        let n = n.clamp(1, LONGEST);
        let mut grams = vec![HashMap::new(); n];
        for window in text.windows(n) {
            *grams[n - 1].entry(key(window)).or_insert(0) += 1;
        }
        // Shorter ones are ends of longer ones: only those at the very start are not.
        for length in (1..n).rev() {
            let (shorter, longer) = grams.split_at_mut(length);
            let shorter = &mut shorter[length - 1];
            let mask = (1u128 << (16 * length)) - 1;
            for (gram, count) in &longer[0] {
                *shorter.entry(gram & mask).or_insert(0) += count;
            }
            if let Some(first) = text.get(..length) {
                *shorter.entry(key(first)).or_insert(0) += 1;
            }
        }
        let contexts = grams.iter().map(|grams| {
            let mut contexts: HashMap<u128, Seen> = HashMap::new();
            for (gram, count) in grams {
                let seen = contexts.entry(gram >> 16).or_default();
                seen.times += count;
                seen.kinds += 1;
            }
            contexts
        });
        NGram { contexts: contexts.collect(), grams, classes }
    }

    /// The probability of the last character of `gram` after the others, Witten-Bell interpolated: a context seen t times with k kinds of
    /// characters leaves k of t + k to the shorter context (Witten and Bell, "The zero-frequency problem", 1991, method C).
    fn probability(&self, gram: &[u16]) -> f64 {
        let mut probability = 1.0 / self.classes.max(1) as f64;
        for length in 1..=gram.len().min(self.grams.len()) {
            let key = key(&gram[gram.len() - length..]);
            let Some(seen) = self.contexts[length - 1].get(&(key >> 16)) else { break };
            let count = self.grams[length - 1].get(&key).copied().unwrap_or(0) as f64;
            let (times, kinds) = (seen.times as f64, seen.kinds as f64);
            probability = (count + kinds * probability) / (times + kinds);
        }
        probability
    }

    /// The mean loss over a text in nats a character; NaN for an empty one.
    pub(super) fn loss(&self, text: &[u16]) -> f64 {
        let n = self.grams.len();
        let nats = (0..text.len()).map(|i| -self.probability(&text[(i + 1).saturating_sub(n)..=i]).ln());
        nats.sum::<f64>() / text.len() as f64
    }
}

/// The characters of a gram, the last in the lowest bits.
fn key(gram: &[u16]) -> u128 {
    gram.iter().fold(0, |key, &c| key << 16 | u128::from(c))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn probabilities_are_those_of_the_formula() {
        // a b a c a b
        let text = [0, 1, 0, 2, 0, 1];
        let grams = NGram::count(&text, 2, 3);
        // `a` was seen three times of six, with three kinds of characters in all.
        let a = (3.0 + 3.0 / 3.0) / 9.0;
        let b = (2.0 + 3.0 / 3.0) / 9.0;
        assert!((grams.probability(&[0]) - a).abs() < 1e-12);
        // After `a`, seen three times before another, came `b` twice and `c` once.
        assert!((grams.probability(&[0, 1]) - (2.0 + 2.0 * b) / 5.0).abs() < 1e-12);
        // After `b` came only `a`, once.
        assert!((grams.probability(&[1, 1]) - b / 2.0).abs() < 1e-12);
    }

    #[test]
    fn probabilities_add_up_to_one() {
        let text: Vec<u16> = (0..500u32).map(|i| (i * i % 17 % 5) as u16).collect();
        let grams = NGram::count(&text, 4, 5);
        for context in text.windows(3) {
            let total: f64 = (0..5).map(|c| grams.probability(&[context, &[c]].concat())).sum();
            assert!((total - 1.0).abs() < 1e-12, "{context:?}: {total}");
        }
        assert!(grams.loss(&text) < 5f64.ln());
    }
}
