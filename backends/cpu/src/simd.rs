//! Vector extensions: one source, compiled for several instruction sets, chosen when the process runs.
//!
//! A loop is written once as an `#[inline(always)]` body; [`multiversion!`](crate::simd::multiversion) compiles it for the baseline, for
//! AVX2 and for AVX-512, and the compiler vectorises each. No fused multiply-add is asked for, so every machine computes the same bits.

use std::sync::OnceLock;

/// What the processor offers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Level {
    /// The target's baseline.
    Base,
    /// x86-64 with AVX2.
    #[cfg(target_arch = "x86_64")]
    Avx2,
    /// x86-64 with AVX-512 F, BW, DQ and VL.
    #[cfg(target_arch = "x86_64")]
    Avx512,
}

/// The best level of this processor.
pub(crate) fn level() -> Level {
    static LEVEL: OnceLock<Level> = OnceLock::new();
    *LEVEL.get_or_init(|| {
        #[cfg(target_arch = "x86_64")]
        {
            use std::arch::is_x86_feature_detected as has;
            if has!("avx512f") && has!("avx512bw") && has!("avx512dq") && has!("avx512vl") {
                return Level::Avx512;
            }
            if has!("avx2") {
                return Level::Avx2;
            }
        }
        Level::Base
    })
}

/// Chooses, for the running processor, among versions of `$body::<$generics>` (an `#[inline(always)] unsafe fn`) as a function pointer.
macro_rules! multiversion {
    ($body:ident < $($generic:ident : $bound:path),* > ( $($arg:ident : $type:ty),* ) as $pick:ident) => {
        /// The version for the running processor.
        #[allow(clippy::extra_unused_type_parameters, reason = "type parameters select the loop")]
        fn $pick<$($generic: $bound),*>() -> unsafe fn($($type),*) {
            #[cfg(target_arch = "x86_64")]
            #[target_feature(enable = "avx2")]
            unsafe fn avx2<$($generic: $bound),*>($($arg: $type),*) {
                // SAFETY: the caller's promises are passed on.
                unsafe { $body::<$($generic),*>($($arg),*) }
            }
            #[cfg(target_arch = "x86_64")]
            #[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl")]
            unsafe fn avx512<$($generic: $bound),*>($($arg: $type),*) {
                // SAFETY: the caller's promises are passed on.
                unsafe { $body::<$($generic),*>($($arg),*) }
            }
            match $crate::simd::level() {
                $crate::simd::Level::Base => $body::<$($generic),*>,
                #[cfg(target_arch = "x86_64")]
                $crate::simd::Level::Avx2 => avx2::<$($generic),*>,
                #[cfg(target_arch = "x86_64")]
                $crate::simd::Level::Avx512 => avx512::<$($generic),*>,
            }
        }
    };
}
pub(crate) use multiversion;
