//! What is written down while a profile is taken.

use super::memory::{MemoryEvent, timeline};
use super::report::{HostEvent, HostWork, Launch, Profile, RunEvent};
use crate::Result;
use crate::plan::lock;
use hadal_device::{
    Arguments, Executable, MemoryObserver, MemoryStats, MemoryUse, Results, StepClock, clock,
};
use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

/// Where a device's plans look for a profile under way.
#[derive(Debug, Default)]
pub(crate) struct Slot {
    on: AtomicBool,
    recording: Mutex<Option<Arc<Recording>>>,
}

impl Slot {
    /// The profile under way. Costs one look at a flag where there is none.
    pub(crate) fn current(&self) -> Option<Arc<Recording>> {
        if !self.on.load(Ordering::Relaxed) {
            return None;
        }
        lock(&self.recording).clone()
    }

    /// Notes a piece of the host's work until the span is dropped.
    pub(crate) fn span(&self, work: HostWork, name: impl FnOnce() -> String) -> Option<Span> {
        Some(self.current()?.span(work, name()))
    }

    /// Whether nothing was under way, so that `recording` is now.
    pub(super) fn begin(&self, recording: &Arc<Recording>) -> bool {
        let mut slot = lock(&self.recording);
        if slot.is_some() {
            return false;
        }
        *slot = Some(recording.clone());
        self.on.store(true, Ordering::Relaxed);
        true
    }

    pub(super) fn end(&self) {
        self.on.store(false, Ordering::Relaxed);
        let gone = lock(&self.recording).take();
        drop(gone);
    }
}

/// A profile under way.
pub(crate) struct Recording {
    began: u64,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    runs: Vec<RunEvent>,
    launches: Vec<Launch>,
    host: Vec<HostEvent>,
    /// What is going on, innermost last: the number of the span, and what memory is said to be for.
    going_on: Vec<(u64, Arc<str>)>,
    spans: u64,
    threads: Vec<std::thread::ThreadId>,
    memory: Vec<MemoryEvent>,
    before: MemoryStats,
    ended: u64,
}

impl Recording {
    pub(super) fn new() -> Recording {
        Recording { began: clock::now(), state: Mutex::default() }
    }

    /// Nanoseconds since the profile began.
    fn now(&self) -> u64 {
        clock::now().saturating_sub(self.began)
    }

    pub(super) fn memory_before(&self, stats: MemoryStats) {
        lock(&self.state).before = stats;
    }

    pub(super) fn end(&self) {
        lock(&self.state).ended = self.now();
    }

    pub(super) fn finish(&self, device: String) -> Profile {
        let state = std::mem::take(&mut *lock(&self.state));
        Profile {
            device,
            nanoseconds: state.ended,
            runs: state.runs,
            launches: state.launches,
            host: state.host,
            memory: timeline(state.before.in_use, &state.memory),
        }
    }

    pub(crate) fn span(self: &Arc<Self>, work: HostWork, name: String) -> Span {
        let mut state = lock(&self.state);
        state.spans += 1;
        let number = state.spans;
        let purpose = if work == HostWork::Range { name.clone() } else { format!("{} {name}", work.name()) };
        state.going_on.push((number, purpose.into()));
        let own = std::thread::current().id();
        let thread = match state.threads.iter().position(|id| *id == own) {
            Some(thread) => thread,
            None => {
                state.threads.push(own);
                state.threads.len() - 1
            }
        };
        drop(state);
        Span {
            recording: self.clone(),
            number,
            event: HostEvent { work, name, thread, start: self.now(), nanoseconds: 0 },
        }
    }

    /// One run of a plan, timed as closely as the device can.
    pub(crate) async fn run(
        self: Arc<Self>,
        executable: &dyn Executable,
        name: String,
        arguments: Arguments,
    ) -> Result<Results> {
        let _span = self.span(HostWork::Run, name.clone());
        let Some(clock) = executable.clock() else { return Ok(executable.run(arguments).await?) };
        let begun = self.now();
        let (results, times) = executable.profile(arguments).await?;
        let over = self.now();
        let length = times.iter().map(|t| t.start + t.nanoseconds).max().unwrap_or(0);
        let origin = match clock {
            StepClock::Host => begun,
            // The clocks have no common zero; the last launch is over when its times are there.
            StepClock::Device => over.saturating_sub(length).max(begun),
        };
        let mut state = lock(&self.state);
        let run = state.runs.len();
        let first = times.iter().map(|t| t.start).min().unwrap_or(0);
        let event =
            RunEvent { name, start: origin + first, nanoseconds: length - first, launches: times.len() };
        state.runs.push(event);
        state.launches.extend(times.into_iter().map(|time| Launch {
            run,
            op: time.label,
            kernel: time.kernel,
            location: time.location,
            start: origin + time.start,
            nanoseconds: time.nanoseconds,
            bytes: time.bytes,
            flops: time.flops,
        }));
        Ok(results)
    }

    fn note(&self, block: u64, bytes: u64, purpose: Option<MemoryUse>) {
        let time = self.now();
        let mut state = lock(&self.state);
        let what = state.going_on.last().map(|(_, what)| what.clone());
        state.memory.push(MemoryEvent { time, block, bytes, purpose, what });
    }
}

impl MemoryObserver for Recording {
    fn allocated(&self, block: u64, bytes: u64, purpose: MemoryUse) {
        self.note(block, bytes, Some(purpose));
    }

    fn freed(&self, block: u64, bytes: u64) {
        self.note(block, bytes, None);
    }
}

impl fmt::Debug for Recording {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = lock(&self.state);
        write!(f, "Recording({} runs, {} launches)", state.runs.len(), state.launches.len())
    }
}

/// A piece of the host's work, which ends when this is dropped.
pub(crate) struct Span {
    recording: Arc<Recording>,
    number: u64,
    event: HostEvent,
}

impl Drop for Span {
    fn drop(&mut self) {
        let over = self.recording.now();
        let mut state = lock(&self.recording.state);
        state.going_on.retain(|(number, _)| *number != self.number);
        let nanoseconds = over.saturating_sub(self.event.start);
        let event = HostEvent { nanoseconds, ..self.event.clone() };
        state.host.push(event);
    }
}
