//! A stand-in HIP runtime and hipRTC on the same interpreter.
//!
//! hipRTC is forwarded to NVRTC behind a prelude that gives HIP's names their meaning, and the runtime's functions are those of the CUDA driver under HIP's names, with the one
//! context that HIP makes by itself. The numbers of errors are CUDA's wherever HIP has them.
//!
//! `HADAL_STANDIN_GFX` names the architecture (`gfx90a` by default). Those of `gfx9` have wavefronts of 64 lanes. The interpreter's warps have 32: there, the prelude exchanges
//! values of a wavefront's two halves through shared memory, with a named barrier for each wavefront. So lanes that diverge around such an operation are a finding and not a smaller
//! wavefront, and a block may have 15 wavefronts.
//!
//! `HADAL_STANDIN_HIP` is the runtime's version (`60300000` by default). `HADAL_STANDIN_ABORT` is a text at which hipRTC ends the process, as real ones do at
//! architectures that they do not know: where an option or the source contains it.

mod device;
mod memory;
mod modules;
mod rtc;
mod stream;

use crate::driver::{Code, Driver, Kind, Status, call, driver};
use std::cell::Cell;

thread_local! {
    static LAST: Cell<Status> = const { Cell::new(0) };
}

/// The architecture's name.
fn architecture() -> String {
    std::env::var("HADAL_STANDIN_GFX").unwrap_or_else(|_| "gfx90a".to_owned())
}

/// The runtime's version.
fn release() -> i32 {
    let named = std::env::var("HADAL_STANDIN_HIP").ok().and_then(|text| text.trim().parse().ok());
    named.unwrap_or(60_300_000)
}

/// Lanes of a wavefront of an architecture, where nobody asks for another number.
fn lanes_of(architecture: &str) -> u32 {
    if architecture.starts_with("gfx9") { 64 } else { 32 }
}

/// One call: HIP is initialised and has its context from the first one on.
fn hip(kind: Kind, body: impl FnOnce(&mut Driver) -> Result<(), Code>) -> Status {
    driver().attach();
    remember(call(kind, body))
}

/// HIP has no numbers of its own for two of CUDA's errors. The last error of a thread can be asked for.
fn remember(status: Status) -> Status {
    let status = match status {
        715 | 716 => 719,
        other => other,
    };
    if status != 0 {
        LAST.set(status);
    }
    status
}
