//! What a backend tells of its memory while somebody looks on.

use crate::{MaybeSend, MaybeSync};

/// What a block of device memory serves for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum MemoryUse {
    /// A tensor: an input, a result, a weight, state.
    Tensor,
    /// What plans need beside tensors: arenas of intermediates, what is computed once, parameters of launches.
    Plan,
    /// Copies on their way to the device or back.
    Transfer,
}

/// Is told of every block that is handed out or given back: see [`Backend::observe_memory`](crate::Backend::observe_memory).
///
/// It is called while the allocator is locked, so that what it hears is in order: it must return soon and must not call the backend.
pub trait MemoryObserver: MaybeSend + MaybeSync {
    /// A block of `bytes` bytes is in use from now on. No other block in use has the same number.
    fn allocated(&self, block: u64, bytes: u64, purpose: MemoryUse);
    /// It is not in use any more; perhaps it was handed out before anybody looked on.
    fn freed(&self, block: u64, bytes: u64);
}
