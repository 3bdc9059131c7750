//! What the page calls.

#![expect(unreachable_pub, reason = "JavaScript reaches it")]

use crate::cases;
use hadal_cpu::CpuBackend;
use hadal_device::{Backend, Which};
use hadal_graph::DType;
use hadal_suite::{Case, cases as ops};
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

/// Cases on a device, a few at a time, so that the page can say how far they are.
#[wasm_bindgen]
pub struct Checks {
    backend: Box<dyn Backend>,
    cases: Vec<Case>,
}

#[wasm_bindgen]
impl Checks {
    /// The cases `fused` or `ops` for `cpu` or `wgpu` (with WebGPU's default limits). Errors: a text, when there is no such set, backend or device.
    pub async fn open(backend: String, set: String) -> Result<Checks, String> {
        let dtypes: &[DType] = if backend == "cpu" { &DType::ALL } else { &ops::EVERYWHERE };
        let cases = match set.as_str() {
            "fused" => cases::all(),
            "ops" => ops::all(dtypes),
            other => return Err(format!("there is no set of cases `{other}`")),
        };
        let backend: Box<dyn Backend> = match backend.as_str() {
            "cpu" => Box::new(CpuBackend::new()),
            "wgpu" => {
                let options = Options { which: Which::Any, features: Features::None, ..Options::default() };
                Box::new(WgpuBackend::open(options).await.map_err(|error| error.to_string())?)
            }
            other => return Err(format!("there is no backend `{other}`; use cpu or wgpu")),
        };
        Ok(Checks { backend, cases: cases.map_err(|error| error.to_string())? })
    }

    /// The device, for people.
    #[wasm_bindgen(getter)]
    pub fn device(&self) -> String {
        let info = self.backend.info();
        format!("{} {} ({})", info.id(), info.name, info.driver)
    }

    /// Number of cases.
    #[wasm_bindgen(getter)]
    pub fn count(&self) -> usize {
        self.cases.len()
    }

    /// Runs the cases from `first` to before `end`, and compares with the reference: JSON, `[{name, steps, failure}]`.
    pub async fn run(&self, first: usize, end: usize) -> String {
        let mut results = Vec::new();
        for case in self.cases.get(first..end.min(self.cases.len())).unwrap_or_default() {
            let (steps, failure) = match hadal_suite::run(case, &*self.backend).await {
                Ok(program) => (program.steps.len(), None),
                Err(failure) => (0, Some(failure.to_string())),
            };
            results.push(json!({ "name": case.name, "steps": steps, "failure": failure }));
        }
        serde_json::Value::from(results).to_string()
    }
}

/// The losses of a made-up task on a device, as [`hadal_web::digits::losses_on_bars`] has them.
#[wasm_bindgen]
pub async fn losses(engine: hadal_web::engine::Engine, steps: usize) -> Result<Vec<f32>, String> {
    hadal_web::digits::losses_on_bars(engine.device(), steps).await.map_err(|error| error.to_string())
}
