//! Where the time of a run goes.

use hadal::profiler::Profile;
use serde_json::{Value, json};
use wasm_bindgen::prelude::*;

#[wasm_bindgen]
extern "C" {
    #[wasm_bindgen(js_namespace = performance, js_name = now)]
    fn milliseconds() -> f64;
}

/// Lets the cpu backend and the profiler tell the time by the page's clock.
pub(crate) fn give_clock() {
    hadal::backend::clock::set_clock(milliseconds);
}

/// The launches of a profile as JSON: `[{op, kernel, milliseconds, bytes, flops}]`, in order.
pub(crate) fn launches(profile: &Profile) -> Value {
    let launch = |launch: &hadal::profiler::Launch| {
        json!({
            "op": launch.op, "kernel": launch.kernel, "milliseconds": launch.nanoseconds as f64 / 1e6,
            "bytes": launch.bytes, "flops": launch.flops,
        })
    };
    profile.launches().iter().map(launch).collect()
}
