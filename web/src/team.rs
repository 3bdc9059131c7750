//! Threads, in a module that was compiled for shared memory: workers that load this module on the memory of the first one and [`help`] it.

use std::time::Duration;
use wasm_bindgen::prelude::*;

/// This worker is about to [`help`].
#[wasm_bindgen(js_name = joinTeam)]
pub fn join_team() {
    hadal_cpu::join();
}

/// How long a worker waits for work before it looks at what else there is.
const PATIENCE: Duration = Duration::from_millis(250);

/// Computes with the first worker, until that had nothing to do for a while. Throws where a computation fails on this thread.
#[wasm_bindgen]
pub fn help() {
    hadal_cpu::help(PATIENCE);
}

/// After [`help`] threw: whoever waits for this worker fails, too.
#[wasm_bindgen(js_name = leaveTeam)]
pub fn leave_team() {
    hadal_cpu::leave();
}
