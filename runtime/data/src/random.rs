//! Random numbers that depend on what they are for, and on nothing else.

use hadal_graph::op::philox;

/// A stream of random numbers, addressed by numbers: the same address gives the same stream in every thread and on every machine.
///
/// ```
/// use hadal_data::Random;
/// let mut of_sample = Random::new(7).at(&[3, 12]);
/// assert_eq!(of_sample.below(10), Random::new(7).at(&[3, 12]).below(10));
/// ```
///
/// The words are those of Philox4x32-10, the generator of the graph's `random_bits`.
#[derive(Clone, Debug)]
pub struct Random {
    key: [u32; 2],
    drawn: u64,
    block: [u32; 4],
}

impl Random {
    /// The stream of a seed.
    pub fn new(seed: u64) -> Random {
        Random { key: words(seed), drawn: 0, block: [0; 4] }
    }

    /// The stream at an address below this one. What this stream has drawn so far does not matter.
    #[must_use]
    pub fn at(&self, address: &[u64]) -> Random {
        let mut key = self.key;
        for &number in address {
            let [low, high] = words(number);
            // The last word separates addresses from draws, which leave it 0.
            let block = philox([low, high, 0, 1], key);
            key = [block[0], block[1]];
        }
        Random { key, drawn: 0, block: [0; 4] }
    }

    /// 32 random bits.
    pub fn u32(&mut self) -> u32 {
        let word = (self.drawn % 4) as usize;
        if word == 0 {
            let [low, high] = words(self.drawn / 4);
            self.block = philox([low, high, 0, 0], self.key);
        }
        self.drawn += 1;
        self.block[word]
    }

    /// 64 random bits.
    pub fn u64(&mut self) -> u64 {
        u64::from(self.u32()) << 32 | u64::from(self.u32())
    }

    /// A number of `0..bound`, each equally likely; 0 if `bound` is 0.
    pub fn below(&mut self, bound: usize) -> usize {
        let bound = bound as u64;
        if bound == 0 {
            return 0;
        }
        // Products below this leave some results one more chance than others.
        let unfair = bound.wrapping_neg() % bound;
        loop {
            let product = u128::from(self.u64()) * u128::from(bound);
            if product as u64 >= unfair {
                return (product >> 64) as usize;
            }
        }
    }

    /// A number of `[0, 1)`, a multiple of 2^-24.
    pub fn f32(&mut self) -> f32 {
        (self.u32() >> 8) as f32 / (1 << 24) as f32
    }

    /// A number of `[0, 1)`, a multiple of 2^-53.
    pub fn f64(&mut self) -> f64 {
        (self.u64() >> 11) as f64 / (1u64 << 53) as f64
    }

    /// A number of `[low, high)`.
    pub fn between(&mut self, low: f32, high: f32) -> f32 {
        low + (high - low) * self.f32()
    }

    /// `true` with this probability.
    pub fn chance(&mut self, probability: f32) -> bool {
        self.f32() < probability
    }

    /// A number of the normal distribution with mean 0 and variance 1, by the method of Box and Muller, 1958.
    pub fn normal(&mut self) -> f64 {
        let radius = (-2.0 * libm::log(1.0 - self.f64())).sqrt();
        radius * libm::cos(std::f64::consts::TAU * self.f64())
    }

    /// A number of the gamma distribution with this shape and scale 1, by the method of Marsaglia and Tsang, 2000.
    fn gamma(&mut self, shape: f64) -> f64 {
        if shape < 1.0 {
            let boost = libm::pow(1.0 - self.f64(), 1.0 / shape);
            return self.gamma(shape + 1.0) * boost;
        }
        let d = shape - 1.0 / 3.0;
        let c = 1.0 / (9.0 * d).sqrt();
        loop {
            let x = self.normal();
            let v = (1.0 + c * x) * (1.0 + c * x) * (1.0 + c * x);
            if v > 0.0 && libm::log(1.0 - self.f64()) < 0.5 * x * x + d - d * v + d * libm::log(v) {
                return d * v;
            }
        }
    }

    /// A number of the beta distribution with both parameters `alpha`, which must be positive.
    pub fn beta(&mut self, alpha: f64) -> f64 {
        let (a, b) = (self.gamma(alpha), self.gamma(alpha));
        // Both are 0 only where alpha is so small that the distribution is a coin.
        if a + b > 0.0 { a / (a + b) } else { f64::from(self.u32() & 1) }
    }

    /// Puts items into random order, every order equally likely: Fisher and Yates, 1938.
    pub fn shuffle<T>(&mut self, items: &mut [T]) {
        for last in (1..items.len()).rev() {
            items.swap(last, self.below(last + 1));
        }
    }

    /// The numbers `0..count` in random order.
    pub fn permutation(&mut self, count: usize) -> Vec<usize> {
        let mut order: Vec<usize> = (0..count).collect();
        self.shuffle(&mut order);
        order
    }
}

fn words(number: u64) -> [u32; 2] {
    [number as u32, (number >> 32) as u32]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn draws_are_the_words_of_philox() {
        // Known answers of Random123 for key 0 and counters 0 and 1.
        let mut random = Random::new(0);
        let words: Vec<u32> = (0..5).map(|_| random.u32()).collect();
        assert_eq!(words[..4], [0x6627_e8d5, 0xe169_c58d, 0xbc57_ac4c, 0x9b00_dbd8]);
        assert_eq!(words[4], philox([1, 0, 0, 0], [0, 0])[0]);
    }

    #[test]
    fn addresses_are_distinct() {
        let mut seen = std::collections::HashSet::new();
        for seed in 0..4 {
            for epoch in 0..8 {
                for index in 0..64 {
                    assert!(seen.insert(Random::new(seed).at(&[epoch, index]).u64()));
                }
            }
        }
        let mut drawn = Random::new(1);
        drawn.u32();
        assert_eq!(drawn.at(&[5]).u64(), Random::new(1).at(&[5]).u64());
    }

    #[test]
    fn numbers_below_a_bound_are_equally_likely() {
        let mut random = Random::new(3);
        let mut counts = [0usize; 6];
        for _ in 0..60_000 {
            counts[random.below(6)] += 1;
        }
        // Five degrees of freedom: chi-square passes 20.5 once in a thousand seeds.
        let chi: f64 = counts.iter().map(|&c| (c as f64 - 1e4).powi(2) / 1e4).sum();
        assert!(chi < 20.5, "{counts:?}");
        assert_eq!(random.below(0), 0);
        assert_eq!(random.below(1), 0);
    }

    #[test]
    fn moments_of_the_distributions() {
        let mut random = Random::new(4);
        let count = 40_000;
        let moments = |values: Vec<f64>| {
            let mean = values.iter().sum::<f64>() / count as f64;
            (mean, values.iter().map(|v| (v - mean).powi(2)).sum::<f64>() / count as f64)
        };
        let (mean, variance) = moments((0..count).map(|_| random.normal()).collect());
        assert!(mean.abs() < 0.02 && (variance - 1.0).abs() < 0.03, "{mean} {variance}");
        for alpha in [0.2, 1.0, 3.0] {
            let (mean, variance) = moments((0..count).map(|_| random.beta(alpha)).collect());
            let expected = 0.25 / (2.0 * alpha + 1.0);
            assert!(
                (mean - 0.5).abs() < 0.01 && (variance / expected - 1.0).abs() < 0.04,
                "{mean} {variance}"
            );
        }
    }

    #[test]
    fn every_order_of_three_comes_up() {
        let mut orders = std::collections::BTreeMap::new();
        for epoch in 0..6000 {
            *orders.entry(Random::new(9).at(&[epoch]).permutation(3)).or_insert(0usize) += 1;
        }
        assert_eq!(orders.len(), 6);
        assert!(orders.values().all(|&count| (850..1150).contains(&count)), "{orders:?}");
    }
}
