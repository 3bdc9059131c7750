//! An open device.

use crate::assembly::Assembly;
use crate::error::{coded, thrown};
use crate::header::{Arrival, Header, Pieces, described};
use crate::profile;
use crate::session::Session;
use hadal::backend::{Backend, Which};
use hadal::formats::Loaded;
use hadal::{Device, Model, PreparedModel, nn};
use hadal_cpu::CpuBackend;
use hadal_wgpu::{Features, Options, WgpuBackend};
use std::sync::Arc;
use wasm_bindgen::prelude::*;

/// A device of the page's machine.
#[wasm_bindgen]
pub struct Engine {
    device: Device,
    /// The same device, where it is a GPU: only there it can be lost.
    gpu: Option<WgpuBackend>,
}

#[wasm_bindgen]
impl Engine {
    /// Opens `auto`, `cpu` or `wgpu`. `limited` takes WebGPU's default limits and no optional features; `binding` lowers how many bytes one
    /// binding may cover, and `threads` how many threads the cpu computes with, where they are not 0.
    ///
    /// Errors: `device`.
    pub async fn open(
        backend: String,
        limited: bool,
        binding: f64,
        threads: usize,
    ) -> Result<Engine, JsValue> {
        profile::give_clock();
        let mut device = match backend.as_str() {
            "wgpu" => return Engine::gpu(limited, binding).await,
            "cpu" | "auto" => Device::open_async(&backend).await.map_err(thrown)?,
            other => {
                let message = format!("there is no backend `{other}`\n  hint: use auto, wgpu or cpu");
                return Err(coded("device", &message));
            }
        };
        // What `auto` finds is opened by itself, so that it can be told when it is lost.
        if device.info().is_some_and(|info| info.backend == "wgpu") {
            drop(device);
            return Engine::gpu(limited, binding).await;
        }
        if threads > 0 {
            device = Device::from_backend(Arc::new(CpuBackend::with_threads(threads)));
        }
        Ok(Engine { device, gpu: None })
    }

    async fn gpu(limited: bool, binding: f64) -> Result<Engine, JsValue> {
        let options = Options {
            which: Which::Any,
            features: if limited { Features::None } else { Features::All },
            max_binding_bytes: (binding > 0.0).then_some(binding as u64),
            tune: false,
        };
        let gpu = WgpuBackend::open(options).await.map_err(thrown)?;
        let backend: Arc<dyn Backend> = Arc::new(gpu.clone());
        Ok(Engine { device: Device::from_backend(backend), gpu: Some(gpu) })
    }

    /// `cpu` or `wgpu`.
    #[wasm_bindgen(getter)]
    pub fn backend(&self) -> String {
        self.device.info().map(|info| info.backend.clone()).unwrap_or_default()
    }

    /// The name of the hardware.
    #[wasm_bindgen(getter)]
    pub fn name(&self) -> String {
        self.device.info().map(|info| info.name.clone()).unwrap_or_default()
    }

    /// Bytes that live on the device.
    #[wasm_bindgen(getter)]
    pub fn memory(&self) -> f64 {
        self.device.memory_stats().in_use as f64
    }

    /// Prepares the model in a complete file. `config` is the `config.json` beside weights without a graph.
    ///
    /// Errors: `truncated`, `format`, `unsupported`, and those of the device.
    pub async fn prepare(&self, file: Assembly, config: Option<String>) -> Result<Session, JsValue> {
        let model = match file.load()? {
            Loaded::Hadal(model) | Loaded::Onnx(model) => {
                Model::new(model.graph, model.weights).map_err(thrown)?
            }
            Loaded::Weights(file) => {
                let weights = nn::Weights::from_safetensors(&file, &Device::meta()).map_err(thrown)?;
                described(&weights, config.as_deref()).await?
            }
        };
        let prepared = model.to_async(&self.device).await.map_err(thrown)?;
        Ok(Session::new(self.device.clone(), prepared))
    }

    /// Prepares a model whose weights go to the device as they arrive in `pieces`, which begin where the header
    /// ends; of an ONNX file they are its large weights alone.
    ///
    /// Errors: as [`Engine::prepare`], and what `pieces` throws.
    pub async fn stream(
        &self,
        header: Header,
        config: Option<String>,
        pieces: Pieces,
    ) -> Result<Session, JsValue> {
        let (graph, tensors, held) = header.into_parts(config.as_deref()).await?;
        let mut arrival = Arrival::new(tensors, held, pieces);
        let prepared = PreparedModel::streamed_async(graph, &self.device, &mut arrival).await;
        match (prepared, arrival.failure) {
            (Ok(prepared), _) => Ok(Session::new(self.device.clone(), prepared)),
            (Err(_), Some(failure)) => Err(failure),
            (Err(error), None) => Err(thrown(error)),
        }
    }

    /// Destroys the device, as a driver reset would. The cpu stays as it is.
    pub fn destroy(&self) {
        if let Some(gpu) = &self.gpu {
            gpu.destroy();
        }
    }
}

impl Engine {
    /// The device.
    pub fn device(&self) -> &Device {
        &self.device
    }
}
