//! The host's clock.

#[cfg(not(target_arch = "wasm32"))]
mod source {
    use std::sync::OnceLock;
    use std::time::Instant;

    static BEGAN: OnceLock<Instant> = OnceLock::new();

    /// Nanoseconds since a moment of this process; in a browser 0 before `set_clock`.
    pub fn now() -> u64 {
        BEGAN.get_or_init(Instant::now).elapsed().as_nanos() as u64
    }

    /// Whether [`now`] tells the time.
    pub fn has_clock() -> bool {
        true
    }
}

#[cfg(target_arch = "wasm32")]
mod source {
    use std::sync::OnceLock;

    static CLOCK: OnceLock<fn() -> f64> = OnceLock::new();

    /// Takes the page's clock, in milliseconds: wasm has none of its own. The first one counts.
    pub fn set_clock(clock: fn() -> f64) {
        CLOCK.get_or_init(|| clock);
    }

    /// Nanoseconds since a moment of this page; 0 before [`set_clock`].
    pub fn now() -> u64 {
        CLOCK.get().map_or(0, |clock| (clock() * 1e6) as u64)
    }

    /// Whether [`now`] tells the time.
    pub fn has_clock() -> bool {
        CLOCK.get().is_some()
    }
}

pub use source::*;
