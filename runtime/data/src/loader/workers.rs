//! Threads that make batches ahead of their use.

use super::Batch;
use super::work::Work;
use crate::DataError;
use std::collections::BTreeMap;
use std::io;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;

/// Threads that make an epoch's batches. Each takes the next batch that nobody has taken; the consumer takes them in order.
pub(super) struct Workers {
    shared: Arc<Shared>,
    threads: Vec<JoinHandle<()>>,
}

struct Shared {
    state: Mutex<State>,
    /// Signalled when a batch may be taken by a worker, or when all is over.
    room: Condvar,
    /// Signalled when a batch is finished, or when a worker ends.
    finished: Condvar,
    ahead: usize,
}

struct State {
    /// The batch that the next free worker makes.
    next: usize,
    /// The batch that the consumer takes next.
    wanted: usize,
    done: BTreeMap<usize, Result<Batch, DataError>>,
    /// Workers that run.
    running: usize,
    closed: bool,
    /// Why a worker could not be started.
    failure: Option<io::Error>,
}

impl Workers {
    /// Starts `count` workers for the batches from `first` on.
    pub(super) fn start(work: &Arc<Work>, first: usize, count: usize, ahead: usize) -> Workers {
        let count = count.min(work.plan.len().saturating_sub(first));
        let state = State {
            next: first,
            wanted: first,
            done: BTreeMap::new(),
            running: 0,
            closed: false,
            failure: None,
        };
        let shared = Arc::new(Shared {
            state: Mutex::new(state),
            room: Condvar::new(),
            finished: Condvar::new(),
            ahead: ahead.max(1),
        });
        let mut workers = Workers { shared, threads: Vec::with_capacity(count) };
        for number in 0..count {
            let (shared, work) = (workers.shared.clone(), work.clone());
            let running = Running::new(shared);
            let thread = std::thread::Builder::new()
                .name(format!("hadal-data-{number}"))
                .spawn(move || running.shared.serve(&work));
            match thread {
                Ok(thread) => workers.threads.push(thread),
                Err(error) => {
                    workers.shared.lock().failure = Some(error);
                    break;
                }
            }
        }
        workers
    }

    /// Gives a batch, which must be the one after the last that was asked for: a finished one; one that a worker has begun, after waiting for
    /// it; or else one made here, since a thread that works is sooner done than another that must first be woken.
    pub(super) fn take(&self, work: &Work, batch: usize) -> Result<Batch, DataError> {
        let mut state = self.shared.lock();
        // After an error the batch before may not have been taken.
        state.wanted = batch;
        if let Some(error) = state.failure.take() {
            return Err(DataError::Io {
                file: "a worker thread".into(),
                action: "start",
                hint: "ask for fewer workers".into(),
                error,
            });
        }
        loop {
            if let Some(result) = state.done.remove(&batch) {
                state.wanted = batch + 1;
                // A woken worker may take the consumer's processor, which costs far more than a batch that lies ready:
                // workers are woken when half of what they may make is used up.
                let low = state.next.saturating_sub(state.wanted) <= self.shared.ahead / 2;
                drop(state);
                if low {
                    self.shared.room.notify_all();
                }
                return result;
            }
            if state.next == batch {
                state.next = batch + 1;
                state.wanted = batch + 1;
                drop(state);
                self.shared.room.notify_all();
                return work.make(batch);
            }
            if state.running == 0 {
                return Err(DataError::Panicked { message: "no worker thread is left".into() });
            }
            state = self.shared.finished.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
    }
}

impl Drop for Workers {
    fn drop(&mut self) {
        self.shared.lock().closed = true;
        self.shared.room.notify_all();
        for thread in self.threads.drain(..) {
            // A worker's panics have become errors; what else ended it has nobody left to tell.
            let _ = thread.join();
        }
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Makes batches until there are none left.
    fn serve(&self, work: &Work) {
        while let Some(batch) = self.claim(work.plan.len()) {
            let result = work.make(batch);
            self.lock().done.insert(batch, result);
            self.finished.notify_one();
        }
    }

    /// The next batch to make, once it is not too far ahead; `None` when there is none left.
    fn claim(&self, end: usize) -> Option<usize> {
        let mut state = self.lock();
        loop {
            if state.closed || state.next >= end {
                return None;
            }
            if state.next < state.wanted.saturating_add(self.ahead) {
                state.next += 1;
                return Some(state.next - 1);
            }
            state = self.room.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
    }
}

/// Counts a worker as running while it exists.
struct Running {
    shared: Arc<Shared>,
}

impl Running {
    fn new(shared: Arc<Shared>) -> Running {
        shared.lock().running += 1;
        Running { shared }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.shared.lock().running -= 1;
        self.shared.finished.notify_one();
    }
}
