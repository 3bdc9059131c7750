//! Choosing among kernels by measuring them, and never one that computes something else.
//!
//! The tuner sees candidates as opaque numbers with names. A backend hands it two closures: `check` runs a candidate on scratch copies and compares
//! it with the reference, `measure` times it. The fastest candidate that agrees is remembered under a key, which names the device and the
//! shape class; nothing is remembered that was not checked. A candidate that fails to compile, to launch or to agree is recorded as a
//! [`Rejection`] and never chosen.

use crate::{DeviceError, DeviceFuture};
use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// What comparing a candidate with the reference showed.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Verdict {
    /// It is within the tolerance.
    Agrees,
    /// It is not.
    Differs {
        /// The largest difference to the reference, or NaN.
        largest_error: f64,
    },
}

/// A candidate that will not be chosen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rejection {
    /// The device and shape class.
    pub key: String,
    /// The candidate's name.
    pub candidate: String,
    /// What it did: an error's text, or its largest difference to the reference.
    pub reason: String,
}

/// What is known so far.
#[derive(Debug, Default)]
pub struct Tuner {
    chosen: Mutex<HashMap<String, String>>,
    rejections: Mutex<Vec<Rejection>>,
}

impl Tuner {
    /// The candidate remembered under `key`.
    pub fn chosen(&self, key: &str) -> Option<String> {
        lock(&self.chosen).get(key).cloned()
    }

    /// Whether `candidate` was rejected under `key`.
    pub fn is_rejected(&self, key: &str, candidate: &str) -> bool {
        lock(&self.rejections).iter().any(|r| r.key == key && r.candidate == candidate)
    }

    /// Every candidate rejected so far.
    pub fn rejections(&self) -> Vec<Rejection> {
        lock(&self.rejections).clone()
    }

    /// The position of the best of `candidates`: the remembered one, or the fastest that agrees with the reference. `measure` gives nanoseconds and
    /// is called only for candidates that agree, and not at all if that is only one.
    ///
    /// Errors: `Mismatch` when no candidate is left; a lost device or exhausted memory at once.
    pub async fn choose<'a>(
        &self,
        key: &str,
        candidates: &[&str],
        check: impl Fn(usize) -> DeviceFuture<'a, Verdict>,
        measure: impl Fn(usize) -> DeviceFuture<'a, u64>,
    ) -> Result<usize, DeviceError> {
        if let Some(known) = self.chosen(key)
            && let Some(position) = candidates.iter().position(|name| *name == known)
        {
            return Ok(position);
        }
        let mut agreeing = Vec::new();
        for (position, name) in candidates.iter().enumerate() {
            match check(position).await {
                Ok(Verdict::Agrees) => agreeing.push(position),
                Ok(Verdict::Differs { largest_error }) => {
                    let reason = format!("it differs from the reference by {largest_error:e}");
                    self.reject(key, name, reason);
                }
                Err(error @ (DeviceError::Lost { .. } | DeviceError::OutOfMemory { .. })) => {
                    return Err(error);
                }
                Err(error) => self.reject(key, name, error.to_string()),
            }
        }
        let mut best: Option<(u64, usize)> = None;
        for &position in &agreeing {
            let time = match agreeing.len() {
                1 => Ok(0),
                _ => measure(position).await,
            };
            match time {
                Ok(time) if best.is_none_or(|(least, _)| time < least) => best = Some((time, position)),
                Ok(_) => {}
                Err(error @ (DeviceError::Lost { .. } | DeviceError::OutOfMemory { .. })) => {
                    return Err(error);
                }
                Err(error) => self.reject(key, candidates[position], error.to_string()),
            }
        }
        let Some((_, position)) = best else {
            let rejections = self.rejections();
            let of_key = rejections.iter().filter(|r| r.key == key);
            let reasons: Vec<String> = of_key.map(|r| format!("{}: {}", r.candidate, r.reason)).collect();
            let reason = if reasons.is_empty() { "there is none".into() } else { reasons.join("; ") };
            return Err(DeviceError::Mismatch { device: "the tuner".into(), op: key.into(), reason });
        };
        lock(&self.chosen).insert(key.into(), candidates[position].into());
        Ok(position)
    }

    /// Records that `candidate` will not be chosen under `key`.
    pub fn reject(&self, key: &str, candidate: &str, reason: String) {
        let rejection = Rejection { key: key.into(), candidate: candidate.into(), reason };
        let mut rejections = lock(&self.rejections);
        if !rejections.contains(&rejection) {
            rejections.push(rejection);
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::task::{Context, Poll, Waker};

    fn ready<T>(future: impl Future<Output = T>) -> T {
        match std::pin::pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
            Poll::Ready(value) => value,
            Poll::Pending => unreachable!("these closures answer at once"),
        }
    }

    fn now<T: Send + 'static>(result: Result<T, DeviceError>) -> DeviceFuture<'static, T> {
        Box::pin(std::future::ready(result))
    }

    fn broken(op: &str) -> DeviceError {
        DeviceError::Kernel { device: "fake".into(), op: op.into(), reason: "it does not compile".into() }
    }

    const NAMES: [&str; 4] = ["wrong-but-fast", "broken", "slow", "fast"];

    fn check(position: usize) -> DeviceFuture<'static, Verdict> {
        now(match position {
            0 => Ok(Verdict::Differs { largest_error: 3.0 }),
            1 => Err(broken("matmul")),
            _ => Ok(Verdict::Agrees),
        })
    }

    #[test]
    fn the_fastest_candidate_that_agrees_is_chosen_and_remembered() {
        let tuner = Tuner::default();
        let checks = AtomicUsize::new(0);
        let measure = |position: usize| now(Ok([1, 2, 30, 20][position]));
        let counted = |position| {
            checks.fetch_add(1, Ordering::Relaxed);
            check(position)
        };
        assert_eq!(ready(tuner.choose("matmul", &NAMES, counted, measure)), Ok(3));
        assert_eq!(tuner.chosen("matmul").as_deref(), Some("fast"));
        assert_eq!(ready(tuner.choose("matmul", &NAMES, counted, measure)), Ok(3));
        assert_eq!(checks.load(Ordering::Relaxed), 4, "what is remembered is not checked again");
        let rejections = tuner.rejections();
        assert_eq!(rejections.len(), 2);
        assert!(rejections[0].candidate == "wrong-but-fast" && rejections[0].reason.contains("3e0"));
        assert!(rejections[1].reason.contains("does not compile"));
        // The remembered candidate may be missing in another build.
        assert_eq!(ready(tuner.choose("matmul", &NAMES[..3], counted, measure)), Ok(2));
    }

    #[test]
    fn nothing_is_chosen_or_remembered_where_nothing_agrees() {
        let tuner = Tuner::default();
        let never = |_| -> DeviceFuture<'static, u64> { now(Err(broken("measured"))) };
        let error = ready(tuner.choose("matmul", &NAMES[..2], check, never)).unwrap_err();
        assert!(
            matches!(&error, DeviceError::Mismatch { reason, .. } if reason.contains("wrong-but-fast")),
            "{error}"
        );
        assert_eq!(tuner.chosen("matmul"), None);
        let fails_when_timed = ready(tuner.choose("other", &NAMES, check, never)).unwrap_err();
        assert!(fails_when_timed.to_string().contains("measured"));
    }

    #[test]
    fn a_lost_device_ends_the_search() {
        let tuner = Tuner::default();
        let lost = || DeviceError::Lost { device: "fake".into(), reason: "gone".into() };
        let check = |_| now(Err::<Verdict, _>(lost()));
        let result = ready(tuner.choose("matmul", &NAMES, check, |_| now(Ok(1))));
        assert_eq!(result, Err(lost()));
        assert!(tuner.rejections().is_empty());
    }
}
