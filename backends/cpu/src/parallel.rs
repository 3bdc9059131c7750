//! Work for several threads: one level deep, never nested.
//!
//! A step asks for [`Workers::run`] with a number of tasks. Each worker makes its own state (a frame, scratch) once and takes tasks from a
//! counter until none are left, so uneven tasks balance. Where there are no threads (a browser), or the work is small, tasks
//! run in order on the caller.

use hadal_device::MaybeSend;

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
        #[cfg(not(target_arch = "wasm32"))]
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

    /// There is one thread.
    #[cfg(target_arch = "wasm32")]
    pub(crate) fn with_threads(_: usize) -> Pool {
        Pool::default()
    }

    /// Workers on this pool; they must be used within [`Pool::install`].
    pub(crate) fn workers(&self) -> Workers {
        #[cfg(not(target_arch = "wasm32"))]
        if !self.single {
            return Workers::new(
                self.own.as_ref().map_or_else(rayon::current_num_threads, |p| p.current_num_threads()),
            );
        }
        Workers::new(1)
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
