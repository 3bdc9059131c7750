//! What the page calls.

#![expect(unreachable_pub, reason = "JavaScript reaches it")]

use crate::cases;
use hadal_cpu::CpuBackend;
use hadal_device::{Backend, Which};
use hadal_wgpu::{Features, Options, WgpuBackend};
use serde_json::json;
use wasm_bindgen::prelude::*;

#[wasm_bindgen]
extern "C" {
    #[wasm_bindgen(js_namespace = console, js_name = error)]
    fn console_error(text: &str);
}

/// Makes panics readable: without it the page sees a bare `unreachable`.
#[wasm_bindgen(start)]
pub fn start() {
    std::panic::set_hook(Box::new(|info| console_error(&info.to_string())));
}

/// Runs every case on `backend`, `cpu` or `wgpu` (with WebGPU's default limits), and compares with the reference.
///
/// Returns `{"device": …, "cases": [{"name": …, "steps": …, "failure": null | …}]}`. Errors: a text, when there is no such backend or device.
#[wasm_bindgen]
pub async fn smoke(backend: String) -> Result<String, String> {
    let backend: Box<dyn Backend> = match backend.as_str() {
        "cpu" => Box::new(CpuBackend::new()),
        "wgpu" => {
            let options = Options { which: Which::Any, features: Features::None, ..Options::default() };
            Box::new(WgpuBackend::open(options).await.map_err(|error| error.to_string())?)
        }
        other => return Err(format!("there is no backend `{other}`; use cpu or wgpu")),
    };
    let info = backend.info();
    let mut results = Vec::new();
    for case in cases::all().map_err(|error| error.to_string())? {
        let (steps, failure) = match hadal_suite::run(&case, &*backend).await {
            Ok(program) => (program.steps.len(), None),
            Err(failure) => (0, Some(failure.to_string())),
        };
        results.push(json!({ "name": case.name, "steps": steps, "failure": failure }));
    }
    Ok(json!({ "device": format!("{} {} ({})", info.id(), info.name, info.driver), "cases": results })
        .to_string())
}
