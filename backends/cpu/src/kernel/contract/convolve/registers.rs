//! Tiles of products in vector registers, for each instruction set.
//!
//! Two loops, each with its sums in registers from beginning to end: [`Positions`] has neighbouring positions of the result in the lanes of a
//! vector, [`Sums`] has neighbouring elements of a sum there.

/// Most outputs of a tile.
pub(super) const OUTPUTS: usize = 6;

/// `f32` lanes of one register.
trait Vector: Copy {
    const LANES: usize;
    /// Safety: the processor has the instructions of this type, here and below.
    unsafe fn splat(x: f32) -> Self;
    /// Safety: [`Vector::LANES`] elements can be read.
    unsafe fn load(from: *const f32) -> Self;
    /// The first `n` lanes, zeros in the others. Safety: `n` elements can be read.
    unsafe fn load_first(from: *const f32, n: usize) -> Self;
    /// `self + a · b`. Safety: see above.
    unsafe fn add_product(self, a: Self, b: Self) -> Self;
    /// Safety: [`Vector::LANES`] elements can be written.
    unsafe fn store(self, to: *mut f32);
    /// The sum of all lanes, always in the same order.
    unsafe fn sum(self) -> f32;
}

/// Lanes where no vector extension is known.
#[derive(Clone, Copy)]
struct Portable([f32; 4]);

impl Vector for Portable {
    const LANES: usize = 4;
    #[inline(always)]
    unsafe fn splat(x: f32) -> Self {
        Portable([x; 4])
    }
    #[inline(always)]
    unsafe fn load(from: *const f32) -> Self {
        // SAFETY: the caller's promise.
        Portable(unsafe { from.cast::<[f32; 4]>().read_unaligned() })
    }
    #[inline(always)]
    unsafe fn load_first(from: *const f32, n: usize) -> Self {
        let mut lanes = [0.0; 4];
        for (i, lane) in lanes.iter_mut().enumerate().take(n) {
            // SAFETY: the caller's promise.
            *lane = unsafe { *from.add(i) };
        }
        Portable(lanes)
    }
    #[inline(always)]
    unsafe fn add_product(self, a: Self, b: Self) -> Self {
        Portable(std::array::from_fn(|i| self.0[i] + a.0[i] * b.0[i]))
    }
    #[inline(always)]
    unsafe fn store(self, to: *mut f32) {
        // SAFETY: the caller's promise.
        unsafe { to.cast::<[f32; 4]>().write_unaligned(self.0) }
    }
    #[inline(always)]
    unsafe fn sum(self) -> f32 {
        let [a, b, c, d] = self.0;
        (a + c) + (b + d)
    }
}

#[cfg(target_arch = "x86_64")]
mod x86 {
    use super::Vector;
    use std::arch::x86_64::*;

    impl Vector for __m256 {
        const LANES: usize = 8;
        #[inline(always)]
        unsafe fn splat(x: f32) -> Self {
            // SAFETY: the caller's promise, here and below.
            unsafe { _mm256_set1_ps(x) }
        }
        #[inline(always)]
        unsafe fn load(from: *const f32) -> Self {
            // SAFETY: as above.
            unsafe { _mm256_loadu_ps(from) }
        }
        #[inline(always)]
        unsafe fn load_first(from: *const f32, n: usize) -> Self {
            // SAFETY: as above; lanes without the mask are not read.
            unsafe {
                let lane = _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7);
                _mm256_maskload_ps(from, _mm256_cmpgt_epi32(_mm256_set1_epi32(n as i32), lane))
            }
        }
        #[inline(always)]
        unsafe fn add_product(self, a: Self, b: Self) -> Self {
            // SAFETY: as above.
            unsafe { _mm256_fmadd_ps(a, b, self) }
        }
        #[inline(always)]
        unsafe fn store(self, to: *mut f32) {
            // SAFETY: as above.
            unsafe { _mm256_storeu_ps(to, self) }
        }
        #[inline(always)]
        unsafe fn sum(self) -> f32 {
            // SAFETY: as above.
            unsafe {
                let four = _mm_add_ps(_mm256_castps256_ps128(self), _mm256_extractf128_ps::<1>(self));
                let two = _mm_add_ps(four, _mm_movehl_ps(four, four));
                _mm_cvtss_f32(_mm_add_ss(two, _mm_shuffle_ps::<1>(two, two)))
            }
        }
    }

    impl Vector for __m512 {
        const LANES: usize = 16;
        #[inline(always)]
        unsafe fn splat(x: f32) -> Self {
            // SAFETY: as above.
            unsafe { _mm512_set1_ps(x) }
        }
        #[inline(always)]
        unsafe fn load(from: *const f32) -> Self {
            // SAFETY: as above.
            unsafe { _mm512_loadu_ps(from) }
        }
        #[inline(always)]
        unsafe fn load_first(from: *const f32, n: usize) -> Self {
            // SAFETY: as above; lanes without the mask are not read.
            unsafe { _mm512_maskz_loadu_ps(((1u32 << n) - 1) as __mmask16, from) }
        }
        #[inline(always)]
        unsafe fn add_product(self, a: Self, b: Self) -> Self {
            // SAFETY: as above.
            unsafe { _mm512_fmadd_ps(a, b, self) }
        }
        #[inline(always)]
        unsafe fn store(self, to: *mut f32) {
            // SAFETY: as above.
            unsafe { _mm512_storeu_ps(to, self) }
        }
        #[inline(always)]
        unsafe fn sum(self) -> f32 {
            // SAFETY: as above.
            unsafe { _mm512_reduce_add_ps(self) }
        }
    }
}

/// `out[o][v] = Σ taps: weights[tap][o] · image[starts[v] + tap ..]`, vectors of positions.
pub(super) struct Positions<'a> {
    /// Where the elements that are multiplied lie, from a position on.
    pub(super) taps: &'a [usize],
    /// For each tap one factor for each output of the tile.
    pub(super) weights: *const f32,
    pub(super) image: *const f32,
    /// Where the vectors of positions start in the image.
    pub(super) starts: &'a [usize],
    /// Room for the outputs, each as many vectors as there are starts.
    pub(super) out: *mut f32,
}

/// `out[o][t] += Σ rows: Σ i: factor[row + o · step + i] · image[row + taps[t] + i]`.
pub(super) struct Sums<'a> {
    /// Where the rows start: among the factors, in the image.
    pub(super) rows: &'a [(usize, usize)],
    /// Elements of a row.
    pub(super) length: usize,
    pub(super) factors: *const f32,
    /// From the factors of one output to those of the next.
    pub(super) step: usize,
    pub(super) image: *const f32,
    /// Where the elements that are multiplied lie, from a row's start on.
    pub(super) taps: &'a [usize],
    pub(super) out: *mut f32,
    /// From the sums of one output to those of the next.
    pub(super) out_step: usize,
}

/// Safety: `starts` has `V` entries, `weights` `M` factors for each tap, `out` room; all loads are inside the image.
#[inline(always)]
unsafe fn positions<T: Vector, const M: usize, const V: usize>(tile: &Positions<'_>) {
    // SAFETY: the caller's promise, for every access.
    unsafe {
        let starts: [*const f32; V] = std::array::from_fn(|v| tile.image.add(*tile.starts.get_unchecked(v)));
        let mut sums = [[T::splat(0.0); V]; M];
        let mut weights = tile.weights;
        for &tap in tile.taps {
            let x: [T; V] = std::array::from_fn(|v| T::load(starts[v].add(tap)));
            for (m, sums) in sums.iter_mut().enumerate() {
                let factor = T::splat(*weights.add(m));
                for (sum, &x) in sums.iter_mut().zip(&x) {
                    *sum = sum.add_product(x, factor);
                }
            }
            weights = weights.add(M);
        }
        for (m, sums) in sums.iter().enumerate() {
            for (v, sum) in sums.iter().enumerate() {
                sum.store(tile.out.add((m * V + v) * T::LANES));
            }
        }
    }
}

/// Safety: `taps` has `V` entries; all rows are inside of factors and image; `out` holds `M · V` sums.
#[inline(always)]
unsafe fn sums<T: Vector, const M: usize, const V: usize>(tile: &Sums<'_>) {
    // SAFETY: the caller's promise, for every access.
    unsafe {
        let taps: [usize; V] = std::array::from_fn(|v| *tile.taps.get_unchecked(v));
        let mut sums = [[T::splat(0.0); V]; M];
        for &(factors, image) in tile.rows {
            let (factors, image) = (tile.factors.add(factors), tile.image.add(image));
            // One loop for whole vectors and what is left of a row: two of them would not share the registers of their sums.
            for i in (0..tile.length).step_by(T::LANES) {
                // Both sides are cut: what lies behind the row may be infinite.
                let n = T::LANES.min(tile.length - i);
                let x: [T; V] = std::array::from_fn(|v| T::load_first(image.add(taps[v] + i), n));
                for (m, sums) in sums.iter_mut().enumerate() {
                    let factor = T::load_first(factors.add(m * tile.step + i), n);
                    for (sum, &x) in sums.iter_mut().zip(&x) {
                        *sum = sum.add_product(x, factor);
                    }
                }
            }
        }
        for (m, sums) in sums.iter().enumerate() {
            for (v, sum) in sums.iter().enumerate() {
                *tile.out.add(m * tile.out_step + v) += sum.sum();
            }
        }
    }
}

/// The kernels of one instruction set: for 1 to [`OUTPUTS`] outputs (first index), and 1 to 4 vectors of positions, or taps.
pub(super) struct Kernels {
    pub(super) lanes: usize,
    /// Most vectors or taps that leave the sums in registers.
    pub(super) vectors: usize,
    pub(super) positions: [[unsafe fn(&Positions<'_>); 4]; OUTPUTS],
    pub(super) sums: [[unsafe fn(&Sums<'_>); 4]; OUTPUTS],
}

macro_rules! table {
    ($f:ident) => {
        [
            [$f::<1, 1>, $f::<1, 2>, $f::<1, 3>, $f::<1, 4>],
            [$f::<2, 1>, $f::<2, 2>, $f::<2, 3>, $f::<2, 4>],
            [$f::<3, 1>, $f::<3, 2>, $f::<3, 3>, $f::<3, 4>],
            [$f::<4, 1>, $f::<4, 2>, $f::<4, 3>, $f::<4, 4>],
            [$f::<5, 1>, $f::<5, 2>, $f::<5, 3>, $f::<5, 4>],
            [$f::<6, 1>, $f::<6, 2>, $f::<6, 3>, $f::<6, 4>],
        ]
    };
}

macro_rules! kernels {
    ($name:ident, $vector:ty, $vectors:expr, $($feature:literal)?) => {
        static $name: Kernels = {
            $(#[target_feature(enable = $feature)])?
            unsafe fn of_positions<const M: usize, const V: usize>(tile: &Positions<'_>) {
                // SAFETY: the caller's promises are passed on.
                unsafe { positions::<$vector, M, V>(tile) }
            }
            $(#[target_feature(enable = $feature)])?
            unsafe fn of_sums<const M: usize, const V: usize>(tile: &Sums<'_>) {
                // SAFETY: the caller's promises are passed on.
                unsafe { sums::<$vector, M, V>(tile) }
            }
            Kernels {
                lanes: <$vector as Vector>::LANES,
                vectors: $vectors,
                positions: table!(of_positions),
                sums: table!(of_sums),
            }
        };
    };
}
kernels!(PORTABLE, Portable, 2,);
#[cfg(target_arch = "x86_64")]
kernels!(AVX2, std::arch::x86_64::__m256, 2, "avx2,fma");
#[cfg(target_arch = "x86_64")]
// Without `avx512vl` half of the registers have no lower half, and sums that are added up at the end would share the other half.
kernels!(AVX512, std::arch::x86_64::__m512, 4, "avx512f,avx512vl");

/// The kernels for the running processor.
pub(super) fn kernels() -> &'static Kernels {
    #[cfg(target_arch = "x86_64")]
    {
        use std::arch::is_x86_feature_detected as has;
        if has!("avx512f") && has!("avx512vl") {
            return &AVX512;
        }
        if has!("avx2") && has!("fma") {
            return &AVX2;
        }
    }
    &PORTABLE
}

#[cfg(test)]
mod tests {
    use super::*;

    fn every() -> Vec<&'static Kernels> {
        let mut all = vec![&PORTABLE];
        #[cfg(target_arch = "x86_64")]
        {
            use std::arch::is_x86_feature_detected as has;
            if has!("avx2") && has!("fma") {
                all.push(&AVX2);
            }
            if has!("avx512f") && has!("avx512vl") {
                all.push(&AVX512);
            }
        }
        all
    }

    fn numbers(count: usize) -> Vec<f32> {
        (0..count).map(|i| (i * 37 % 11) as f32 - 5.0).collect()
    }

    #[test]
    fn tiles_of_positions_are_what_their_definition_says() {
        let (taps, image) = ([0, 3, 4, 9], numbers(200));
        for kernels in every() {
            for outputs in 1..=OUTPUTS {
                for vectors in 1..=kernels.vectors {
                    let lanes = kernels.lanes;
                    let weights = numbers(taps.len() * outputs);
                    let starts: Vec<usize> = (0..vectors).map(|v| 40 * v + v).collect();
                    let mut out = vec![f32::NAN; outputs * vectors * lanes];
                    let tile = Positions {
                        taps: &taps,
                        weights: weights.as_ptr(),
                        image: image.as_ptr(),
                        starts: &starts,
                        out: out.as_mut_ptr(),
                    };
                    // SAFETY: the processor has these instructions; 200 elements are more than 123 + 9 + 16.
                    unsafe { kernels.positions[outputs - 1][vectors - 1](&tile) };
                    for (n, &value) in out.iter().enumerate() {
                        let (m, v, lane) = (n / (vectors * lanes), n / lanes % vectors, n % lanes);
                        let products = taps.iter().enumerate();
                        let expected: f32 = products
                            .map(|(t, tap)| weights[t * outputs + m] * image[starts[v] + tap + lane])
                            .sum();
                        assert_eq!(value, expected, "{lanes} lanes, tile {outputs}×{vectors}, element {n}");
                    }
                }
            }
        }
    }

    #[test]
    fn sums_leave_out_what_lies_behind_their_rows() {
        let (length, step, rows) = (21, 64, [(0, 0), (25, 30)]);
        let taps = [0, 1, 5, 2];
        let mut image = numbers(64);
        // Behind the last element that the last row and the largest tap reach.
        image[56] = f32::INFINITY;
        let factors = numbers(step * OUTPUTS);
        for kernels in every() {
            for outputs in 1..=OUTPUTS {
                for count in 1..=kernels.vectors {
                    let mut out = vec![1.0; outputs * 7];
                    let tile = Sums {
                        rows: &rows,
                        length,
                        factors: factors.as_ptr(),
                        step,
                        image: image.as_ptr(),
                        taps: &taps[..count],
                        out: out.as_mut_ptr(),
                        out_step: 7,
                    };
                    // SAFETY: the processor has these instructions; rows lie within their memory.
                    unsafe { kernels.sums[outputs - 1][count - 1](&tile) };
                    for m in 0..outputs {
                        for t in 0..count {
                            let row = |(f, x): (usize, usize)| -> f32 {
                                (0..length).map(|i| factors[f + m * step + i] * image[x + taps[t] + i]).sum()
                            };
                            assert_eq!(out[m * 7 + t], 1.0 + rows.into_iter().map(row).sum::<f32>());
                        }
                    }
                }
            }
        }
    }
}
