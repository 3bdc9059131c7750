//! Threads that somebody else starts: wasm has none of its own, but a page can start workers, and each may come here to [`help`](Team::help).
//!
//! A job is open until whoever has it is done with its own share. Until then helpers may join, and only those who did are waited for: a helper that is late, or
//! that was ended while it waited, costs its share of speed and nothing else. One that fails at work says so by [`leave`](Team::leave), and the job has [`failed`](Team::failed).

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

type Job<'a> = dyn Fn() + Sync + 'a;

/// Helpers, and the job that they may join.
pub(crate) struct Team {
    state: Mutex<State>,
    /// There is a job.
    called: Condvar,
    /// Nobody is at work.
    left: Condvar,
    /// Changes with every job, for those who look before they sleep.
    jobs: AtomicUsize,
    /// Helpers that are at work; written under the lock.
    busy: AtomicUsize,
}

struct State {
    /// An open job, and how many more may join.
    job: Option<(&'static Job<'static>, usize)>,
    members: usize,
    /// Whether one failed at work.
    failed: bool,
}

impl State {
    fn has_place(&self) -> bool {
        self.job.is_some_and(|(_, places)| places > 0)
    }

    /// The job, if one more may join, who does.
    fn enter(&mut self) -> Option<&'static Job<'static>> {
        let (job, places) = self.job.as_mut().filter(|(_, places)| *places > 0)?;
        *places -= 1;
        Some(*job)
    }
}

/// How often one looks for a change before one sleeps until it is told: some two hundred microseconds. Pauses between the steps of a run are mostly shorter, and each
/// time that a helper is woken costs some tens of microseconds.
const LOOKS: usize = 200_000;

impl Team {
    pub(crate) const fn new() -> Team {
        Team {
            state: Mutex::new(State { job: None, members: 0, failed: false }),
            called: Condvar::new(),
            left: Condvar::new(),
            jobs: AtomicUsize::new(0),
            busy: AtomicUsize::new(0),
        }
    }

    /// How many threads there are, the caller's among them.
    pub(crate) fn threads(&self) -> usize {
        1 + self.lock().members
    }

    /// Runs `job` on the caller's thread and on at most `threads - 1` helpers at once. While another job is open, on the caller's alone.
    pub(crate) fn run(&self, threads: usize, job: &Job<'_>) {
        let mut state = self.lock();
        if state.job.is_some() {
            drop(state);
            return job();
        }
        // SAFETY: helpers have it only from here until `Open` is dropped, and `job` outlives that.
        let lasting = unsafe { std::mem::transmute::<&Job<'_>, &'static Job<'static>>(job) };
        state.job = Some((lasting, threads - 1));
        drop(state);
        let open = Open(self);
        self.jobs.fetch_add(1, Ordering::Relaxed);
        (1..threads).for_each(|_| self.called.notify_one());
        job();
        drop(open);
    }

    /// Whether a helper failed since the last call: what it worked on is not complete.
    pub(crate) fn failed(&self) -> bool {
        std::mem::take(&mut self.lock().failed)
    }

    /// One more helper is there.
    pub(crate) fn join(&self) {
        self.lock().members += 1;
    }

    /// Helps with job after job, until there was none for `patience`.
    pub(crate) fn help(&self, patience: Duration) {
        let mut state = self.lock();
        loop {
            if let Some(job) = state.enter() {
                self.busy.fetch_add(1, Ordering::Relaxed);
                drop(state);
                job();
                state = self.lock();
                self.done();
                continue;
            }
            let seen = self.jobs.load(Ordering::Relaxed);
            drop(state);
            look(|| self.jobs.load(Ordering::Relaxed) == seen);
            state = self.lock();
            if !state.has_place() {
                let (woken, result) =
                    self.called.wait_timeout(state, patience).unwrap_or_else(PoisonError::into_inner);
                if result.timed_out() {
                    return;
                }
                state = woken;
            }
        }
    }

    /// A helper failed at work and is no more.
    pub(crate) fn leave(&self) {
        let mut state = self.lock();
        state.members -= 1;
        state.failed = true;
        self.done();
    }

    /// With the lock held.
    fn done(&self) {
        if self.busy.fetch_sub(1, Ordering::Release) == 1 {
            self.left.notify_all();
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// An open job, closed when this is dropped, which waits for those who joined.
struct Open<'a>(&'a Team);

impl Drop for Open<'_> {
    fn drop(&mut self) {
        let Open(team) = self;
        team.lock().job = None;
        look(|| team.busy.load(Ordering::Acquire) > 0);
        let mut state = team.lock();
        while team.busy.load(Ordering::Acquire) > 0 {
            state = team.left.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
    }
}

/// Looks for a while, as long as `same`.
fn look(same: impl Fn() -> bool) {
    for _ in 0..LOOKS {
        if !same() {
            return;
        }
        std::hint::spin_loop();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::AtomicBool;
    use std::time::Instant;

    /// Shorter than the pauses of a test, so that helpers come and go.
    const PATIENCE: Duration = Duration::from_millis(3);

    /// A team whose helpers stay as long as this process.
    fn team(helpers: usize) -> &'static Team {
        let team: &Team = Box::leak(Box::new(Team::new()));
        for _ in 0..helpers {
            team.join();
            std::thread::spawn(|| {
                loop {
                    team.help(PATIENCE);
                }
            });
        }
        team
    }

    /// Runs a job that only ends when `threads` are in it at once.
    fn together(team: &Team, threads: usize) {
        let inside = AtomicUsize::new(0);
        let began = Instant::now();
        team.run(threads, &|| {
            inside.fetch_add(1, Ordering::SeqCst);
            while inside.load(Ordering::SeqCst) < threads {
                assert!(began.elapsed() < Duration::from_secs(60), "not all of {threads} threads came");
                std::thread::yield_now();
            }
        });
        assert_eq!(inside.into_inner(), threads);
    }

    #[test]
    fn helpers_work_at_the_same_time_and_again() {
        let team = team(3);
        assert_eq!(team.threads(), 4);
        // Asleep, and awake still.
        for pause in [0, 20, 0, 0] {
            std::thread::sleep(Duration::from_millis(pause));
            together(team, 4);
            together(team, 2);
        }
    }

    #[test]
    fn what_helpers_did_is_there_afterwards() {
        let team = team(2);
        for round in 0..2000 {
            let next = AtomicUsize::new(0);
            let sum = Mutex::new(0);
            team.run(3, &|| {
                while let task @ 0..32 = next.fetch_add(1, Ordering::Relaxed) {
                    *sum.lock().unwrap() += task;
                }
            });
            assert_eq!(sum.into_inner().unwrap(), 31 * 32 / 2, "round {round}");
        }
    }

    #[test]
    fn nobody_waits_for_who_never_comes() {
        let team = team(0);
        team.join();
        let ran = AtomicUsize::new(0);
        team.run(2, &|| _ = ran.fetch_add(1, Ordering::Relaxed));
        assert_eq!(ran.into_inner(), 1);
    }

    #[test]
    fn a_job_within_a_job_is_done_by_its_caller() {
        let team = team(1);
        let ran = AtomicUsize::new(0);
        team.run(2, &|| team.run(2, &|| _ = ran.fetch_add(1, Ordering::Relaxed)));
        assert!((1..=2).contains(&ran.into_inner()));
    }

    /// In a browser a thread that fails never comes back to the loop: whoever started it says that it left.
    #[test]
    fn a_job_fails_with_a_helper_and_the_next_does_not() {
        let team: &Team = Box::leak(Box::new(Team::new()));
        team.join();
        std::thread::spawn(|| {
            let failed = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
                loop {
                    team.help(PATIENCE);
                }
            }));
            assert!(failed.is_err());
            team.leave();
        });
        let inside = AtomicBool::new(false);
        let host = std::thread::current().id();
        team.run(2, &|| {
            if std::thread::current().id() != host {
                inside.store(true, Ordering::SeqCst);
                panic!("on purpose");
            }
            while !inside.load(Ordering::SeqCst) {
                std::thread::yield_now();
            }
        });
        assert_eq!((team.failed(), team.failed(), team.threads()), (true, false, 1));
        let ran = AtomicUsize::new(0);
        team.run(2, &|| _ = ran.fetch_add(1, Ordering::Relaxed));
        assert_eq!(ran.into_inner(), 1);
    }
}
