//! Prepared graphs, and the cache that finds them again.

use crate::debug::describe;
use crate::profiler::{HostWork, Slot};
use crate::tensor::Tensor;
use crate::tensor::node::{Node, Source};
use crate::{Error, Result};
use hadal_device::{
    Arguments, Backend, Buffer, DeviceError, Executable, ExecutableStats, LiveTensor, Results, WeightStream,
    Weights,
};
use hadal_graph::Graph;
use hadal_graph::program::Program;
use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError, Weak};

/// An executable whose counts outlive it.
#[derive(Debug)]
pub(crate) struct Plan {
    /// How many plans its device had made before, and this one.
    number: u64,
    executable: Arc<dyn Executable>,
    book: Arc<Book>,
}

impl Plan {
    pub(crate) fn executable(&self) -> &Arc<dyn Executable> {
        &self.executable
    }

    /// Errors: those of the backend; when memory runs out, with the largest tensors.
    pub(crate) async fn run(&self, arguments: Arguments) -> Result<Results> {
        let run = match self.book.profiler.current() {
            None => self.executable.run(arguments).await.map_err(Error::from),
            Some(recording) => recording.run(&*self.executable, self.name(), arguments).await,
        };
        run.map_err(|error| match error {
            Error::Device(error) => self.book.name_largest(*error).into(),
            other => other,
        })
    }

    fn name(&self) -> String {
        format!("{} #{}", self.executable.program().name, self.number)
    }
}

impl Drop for Plan {
    fn drop(&mut self) {
        let stats = self.executable.stats();
        let mut entries = lock(&self.book.entries);
        entries.retired = sum(entries.retired, stats);
    }
}

/// All plans of a device: those still in use, and the counts of those that are gone.
#[derive(Debug, Default)]
pub(crate) struct Book {
    entries: Mutex<Entries>,
    /// Recorded expressions and values that somebody still refers to.
    pub(crate) live_nodes: AtomicU64,
    /// The profile under way, if there is one.
    pub(crate) profiler: Slot,
    values: Mutex<Values>,
}

/// Tensors that have been given a value, some of which may be gone.
#[derive(Debug, Default)]
struct Values {
    /// With the names of the ops that they are results of.
    nodes: Vec<(Weak<Node>, Option<&'static str>)>,
    /// Those that are gone are dropped when there are as many as this.
    full: usize,
}

#[derive(Debug, Default)]
struct Entries {
    live: Vec<Weak<Plan>>,
    retired: ExecutableStats,
    prepared: u64,
    hits: u64,
    clock: u64,
    cached: HashMap<Arc<Graph>, (Arc<Plan>, u64)>,
}

/// Counters of a device since it was opened.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct DeviceStats {
    /// Plans made: graphs compiled and prepared.
    pub plans_prepared: u64,
    /// Recorded expressions for which a plan was found ready.
    pub cache_hits: u64,
    /// Runs of plans.
    pub runs: u64,
    /// Queue submissions (0 on cpu).
    pub submits: u64,
    /// Kernel launches.
    pub dispatches: u64,
    /// Steps that the host took part in.
    pub host_steps: u64,
    /// Tensors, values and pending expressions alike, that somebody still refers to: bounded in any loop.
    pub live_nodes: u64,
}

impl Book {
    /// Most plans of recorded expressions that are kept; the one unused for longest goes first.
    const CAPACITY: usize = 256;

    /// Compiles and prepares a graph, without the cache.
    pub(crate) async fn prepare(
        self: &Arc<Self>,
        backend: &Arc<dyn Backend>,
        graph: &Graph,
        weights: &Weights,
    ) -> Result<Arc<Plan>> {
        let program = self.compile(backend, graph)?;
        let preparing = self.profiler.span(HostWork::Prepare, || graph.name.clone());
        let prepared = backend.prepare(program, weights).await;
        drop(preparing);
        self.enter(prepared)
    }

    /// As [`Book::prepare`], with weights that arrive meanwhile.
    pub(crate) async fn prepare_streamed(
        self: &Arc<Self>,
        backend: &Arc<dyn Backend>,
        graph: &Graph,
        stream: &mut dyn WeightStream,
    ) -> Result<Arc<Plan>> {
        let program = self.compile(backend, graph)?;
        let preparing = self.profiler.span(HostWork::Prepare, || graph.name.clone());
        let prepared = backend.prepare_streamed(program, stream).await;
        drop(preparing);
        self.enter(prepared)
    }

    fn compile(&self, backend: &Arc<dyn Backend>, graph: &Graph) -> Result<Arc<Program>> {
        let _planning = self.profiler.span(HostWork::Plan, || graph.name.clone());
        Ok(Arc::new(hadal_graph::compile(graph, backend.target())?))
    }

    fn enter(
        self: &Arc<Self>,
        prepared: std::result::Result<Arc<dyn Executable>, DeviceError>,
    ) -> Result<Arc<Plan>> {
        let executable = prepared.map_err(|error| self.name_largest(error))?;
        let mut entries = lock(&self.entries);
        entries.prepared += 1;
        let plan = Arc::new(Plan { number: entries.prepared, executable, book: self.clone() });
        entries.live.retain(|p| p.strong_count() > 0);
        entries.live.push(Arc::downgrade(&plan));
        Ok(plan)
    }

    /// The plan of an expression: the cached one of an equal graph, or a new one of what `with_locations` makes of it.
    ///
    /// Graphs are compared in full, not by a hash alone, so a plan can never be taken for another graph's.
    pub(crate) async fn find(
        self: &Arc<Self>,
        backend: &Arc<dyn Backend>,
        graph: Graph,
        with_locations: impl FnOnce(&mut Graph),
    ) -> Result<Arc<Plan>> {
        {
            let mut entries = lock(&self.entries);
            entries.clock += 1;
            let now = entries.clock;
            if let Some((plan, used)) = entries.cached.get_mut(&graph) {
                *used = now;
                let plan = plan.clone();
                entries.hits += 1;
                return Ok(plan);
            }
        }
        let mut located = graph.clone();
        with_locations(&mut located);
        let plan = self.prepare(backend, &located, &Weights::new()).await?;
        let evicted = {
            let mut entries = lock(&self.entries);
            let now = entries.clock;
            entries.cached.insert(Arc::new(graph), (plan.clone(), now));
            if entries.cached.len() > Self::CAPACITY {
                let oldest = entries.cached.iter().min_by_key(|(_, (_, used))| *used).map(|(g, _)| g.clone());
                oldest.and_then(|graph| entries.cached.remove(&graph))
            } else {
                None
            }
        };
        // A plan that goes writes its counts into this book: not while the book is locked.
        drop(evicted);
        Ok(plan)
    }

    /// Remembers a tensor that has a value now, or gets one.
    pub(crate) fn remember(&self, node: &Arc<Node>) {
        let op = match &node.state().source {
            Source::Applied(applied) => Some(applied.op.name()),
            _ => None,
        };
        let mut values = lock(&self.values);
        if values.nodes.len() >= values.full {
            values.nodes.retain(|(node, _)| node.strong_count() > 0);
            values.full = (2 * values.nodes.len()).max(64);
        }
        values.nodes.push((Arc::downgrade(node), op));
    }

    /// An error with the largest tensors that are in memory, if memory has run out.
    pub(crate) fn name_largest(&self, error: DeviceError) -> DeviceError {
        if !matches!(error, DeviceError::OutOfMemory { .. }) {
            return error;
        }
        // Not while they are locked: the last handle to a tensor may go here.
        let alive = |(node, op): &(Weak<Node>, _)| Some((Tensor(node.upgrade()?), *op));
        let tensors: Vec<(Tensor, Option<&str>)> =
            lock(&self.values).nodes.iter().filter_map(alive).collect();
        let mut seen: Vec<(u64, Buffer, LiveTensor)> = Vec::new();
        for (tensor, op) in &tensors {
            let Some(buffer) = tensor.0.state().value.clone() else { continue };
            let (bytes, mut what) = (buffer.bytes() as u64, describe(tensor));
            if let (Some(op), None) = (op, &tensor.0.variable) {
                what = format!("`{op}`, {what}");
            }
            seen.push((bytes, buffer, LiveTensor { what, ty: tensor.ty().clone(), bytes }));
        }
        seen.sort_by_key(|(bytes, ..)| std::cmp::Reverse(*bytes));
        let mut largest: Vec<(Buffer, LiveTensor)> = Vec::new();
        for (_, buffer, tensor) in seen {
            // Versions of one value share its memory.
            if largest.len() < LiveTensor::NAMED && !largest.iter().any(|(known, _)| known.is_same(&buffer)) {
                largest.push((buffer, tensor));
            }
        }
        error.naming(largest.into_iter().map(|(_, tensor)| tensor))
    }

    /// Forgets all cached plans.
    pub(crate) fn clear(&self) {
        let cached = std::mem::take(&mut lock(&self.entries).cached);
        drop(cached);
    }

    pub(crate) fn stats(&self) -> DeviceStats {
        let (live, mut total, prepared, hits) = {
            let entries = lock(&self.entries);
            let live: Vec<Arc<Plan>> = entries.live.iter().filter_map(Weak::upgrade).collect();
            (live, entries.retired, entries.prepared, entries.hits)
        };
        for plan in &live {
            total = sum(total, plan.executable.stats());
        }
        DeviceStats {
            plans_prepared: prepared,
            cache_hits: hits,
            runs: total.runs,
            submits: total.submits,
            dispatches: total.dispatches,
            host_steps: total.host_steps,
            live_nodes: self.live_nodes.load(Ordering::Relaxed),
        }
    }
}

fn sum(a: ExecutableStats, b: ExecutableStats) -> ExecutableStats {
    ExecutableStats {
        runs: a.runs + b.runs,
        submits: a.submits + b.submits,
        dispatches: a.dispatches + b.dispatches,
        host_steps: a.host_steps + b.host_steps,
    }
}

/// Locks a mutex; the data of this crate's mutexes are whole at every point where a thread could panic.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
