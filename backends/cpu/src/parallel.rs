//! Work for several threads: one level deep, never nested.
//!
//! A step asks for [`Workers::run`] with a number of tasks. Each worker makes its own state (a frame, scratch) once and takes tasks from a
//! counter until none are left, so uneven tasks balance. Where there are no threads, or the work is small, tasks
//! run in order on the caller.
//!
//! Natively threads are rayon's. In a browser a module that was compiled for shared memory has the threads that the page started for it
//! ([`Team`](crate::team::Team)); any other has none.

use hadal_device::MaybeSend;

#[cfg(all(target_arch = "wasm32", target_feature = "atomics"))]
pub use page::{help, join, leave};

/// How many threads a step may use.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Workers {
    threads: usize,
}

/// Work below this many simple operations on elements is not worth waking threads for.
const WORTH: usize = 32 << 10;

impl Workers {
    /// `threads` is at least 1.
    pub(crate) fn new(threads: usize) -> Workers {
        Workers { threads: threads.max(1) }
    }

    /// Number of threads.
    pub(crate) fn threads(self) -> usize {
        self.threads
    }

    /// These workers for work of `cost` simple operations: one where that is little.
    pub(crate) fn for_cost(self, cost: usize) -> Workers {
        Workers { threads: self.threads.min((cost / WORTH).max(1)) }
    }

    /// Runs tasks `0..tasks`, each exactly once.
    pub(crate) fn run<S>(
        self,
        tasks: usize,
        state: impl Fn() -> S + Sync,
        work: impl Fn(&mut S, usize) + Sync,
    ) {
        let threads = self.threads.min(tasks);
        #[cfg(any(not(target_arch = "wasm32"), target_feature = "atomics"))]
        if threads > 1 {
            let next = std::sync::atomic::AtomicUsize::new(0);
            let worker = || {
                let mut state = state();
                loop {
                    let task = next.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
                    if task >= tasks {
                        return;
                    }
                    work(&mut state, task);
                }
            };
            #[cfg(target_arch = "wasm32")]
            page::TEAM.run(threads, &worker);
            #[cfg(not(target_arch = "wasm32"))]
            rayon::scope(|scope| {
                for _ in 1..threads {
                    scope.spawn(|_| worker());
                }
                worker();
            });
            return;
        }
        if threads > 0 {
            let mut state = state();
            (0..tasks).for_each(|task| work(&mut state, task));
        }
    }
}

/// The threads of a backend.
#[derive(Clone, Default)]
pub(crate) struct Pool {
    /// `None`: the process-wide pool.
    #[cfg(not(target_arch = "wasm32"))]
    own: Option<std::sync::Arc<rayon::ThreadPool>>,
    /// Set where one thread was asked for, or no pool could be made.
    #[cfg(not(target_arch = "wasm32"))]
    single: bool,
    /// Most threads of the team, which all backends share; 0: all.
    #[cfg(target_arch = "wasm32")]
    most: usize,
}

impl Pool {
    /// A pool of its own with that many threads. If the system refuses threads, work runs on the caller.
    #[cfg(not(target_arch = "wasm32"))]
    pub(crate) fn with_threads(threads: usize) -> Pool {
        if threads <= 1 {
            return Pool { single: true, own: None };
        }
        let name = |i| format!("hadal-cpu-{i}");
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).thread_name(name).build();
        Pool { single: pool.is_err(), own: pool.ok().map(std::sync::Arc::new) }
    }

    /// At most that many threads of the team.
    #[cfg(target_arch = "wasm32")]
    pub(crate) fn with_threads(threads: usize) -> Pool {
        Pool { most: threads.max(1) }
    }

    /// Workers on this pool; they must be used within [`Pool::install`].
    pub(crate) fn workers(&self) -> Workers {
        #[cfg(not(target_arch = "wasm32"))]
        let threads = match &self.own {
            _ if self.single => 1,
            Some(pool) => pool.current_num_threads(),
            None => rayon::current_num_threads(),
        };
        #[cfg(target_arch = "wasm32")]
        let threads = if self.most == 0 { page::threads() } else { page::threads().min(self.most) };
        Workers::new(threads)
    }

    /// Runs `work` on a thread of the pool.
    pub(crate) fn install<R: MaybeSend>(&self, work: impl FnOnce() -> R + MaybeSend) -> R {
        #[cfg(not(target_arch = "wasm32"))]
        if !self.single {
            return match &self.own {
                Some(pool) => pool.install(work),
                None => rayon::scope(|_| work()),
            };
        }
        work()
    }
}

/// Whether a thread failed since the last call, so that what was computed meanwhile is not complete. Natively a panic goes on in the caller.
pub(crate) fn failed() -> bool {
    #[cfg(all(target_arch = "wasm32", target_feature = "atomics"))]
    {
        page::TEAM.failed()
    }
    #[cfg(not(all(target_arch = "wasm32", target_feature = "atomics")))]
    {
        false
    }
}

/// The threads of a page.
#[cfg(all(target_arch = "wasm32", target_feature = "atomics"))]
mod page {
    use crate::team::Team;

    pub(super) static TEAM: Team = Team::new();

    /// How many threads there are.
    pub(super) fn threads() -> usize {
        TEAM.threads()
    }

    /// This thread is about to [`help`].
    pub fn join() {
        TEAM.join();
    }

    /// Computes what other threads begin, until they began nothing for `patience`. The thread must be one that may wait, as a worker is and a page is not.
    pub fn help(patience: std::time::Duration) {
        TEAM.help(patience);
    }

    /// A thread failed in [`help`]: what it worked on fails, too.
    pub fn leave() {
        TEAM.leave();
    }
}

#[cfg(all(target_arch = "wasm32", not(target_feature = "atomics")))]
mod page {
    /// One: threads need memory that they share.
    pub(super) fn threads() -> usize {
        1
    }
}
