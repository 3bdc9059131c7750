//! Opening a device, and [`Backend`] for it.

use crate::adapter;
use crate::capabilities::{self, capabilities, feature_names, target, wanted_features};
use crate::gpu::{Context, Wgpu};
use crate::health::Health;
use crate::pipeline::Pipelines;
use crate::scope::check;
use hadal_device::{
    Backend, BackendFactory, Buffer, DeviceError, DeviceFuture, DeviceInfo, Executable, MemoryObserver,
    MemoryStats, Rejection, Tuner, WeightStream, Weights, Which,
};
use hadal_graph::program::Program;
use hadal_graph::{DType, HostTensor, Target};
use hadal_launch::{Faults, Gpu, PreparedExecutable};
use std::sync::{Arc, Mutex};

/// Which optional features of the adapter are used.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Features {
    /// All that kernels profit from, with the adapter's own limits.
    #[default]
    All,
    /// None, with the limits that every WebGPU implementation has: what runs here runs everywhere.
    None,
}

/// How to open a device.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Options {
    /// Which adapter.
    pub which: Which,
    /// Which of its features.
    pub features: Features,
    /// Bytes that one binding may cover, if less than the adapter offers; larger tensors are split.
    pub max_binding_bytes: Option<u64>,
    /// Whether kernels of hot steps are chosen by measuring.
    pub tune: bool,
}

impl Options {
    /// The adapter that `which` names, with the features and the tuning that the environment asks for: `HADAL_WGPU_FEATURES=none`,
    /// `HADAL_TUNE=1`.
    pub fn from_env(which: Which) -> Options {
        let is = |name: &str, value: &str| std::env::var(name).is_ok_and(|v| v.eq_ignore_ascii_case(value));
        Options {
            which,
            features: if is("HADAL_WGPU_FEATURES", "none") { Features::None } else { Features::All },
            max_binding_bytes: None,
            tune: is("HADAL_TUNE", "1"),
        }
    }
}

/// A WebGPU device.
#[derive(Clone, Debug)]
pub struct WgpuBackend {
    context: Arc<Context>,
}

impl WgpuBackend {
    /// Opens a device. Errors: `Unavailable` when no adapter fits or the driver refuses.
    pub fn open(options: Options) -> DeviceFuture<'static, WgpuBackend> {
        Box::pin(async move {
            let (adapter, mut info) = adapter::choose(&options.which).await?;
            let (features, mut limits) = match options.features {
                Features::All => (adapter.features() & wanted_features(), adapter.limits()),
                Features::None => (wgpu::Features::empty(), wgpu::Limits::defaults()),
            };
            if let Some(bytes) = options.max_binding_bytes {
                limits.max_storage_buffer_binding_size = limits.max_storage_buffer_binding_size.min(bytes);
            }
            let descriptor = wgpu::DeviceDescriptor {
                label: Some("hadal"),
                required_features: features,
                required_limits: limits.clone(),
                ..Default::default()
            };
            let (device, queue) =
                adapter.request_device(&descriptor).await.map_err(|error| DeviceError::Unavailable {
                    backend: "wgpu".into(),
                    reason: format!("{} refused to open: {error}", info.name),
                    hint: "update its driver, or choose another device".into(),
                })?;
            info.features = feature_names(features);
            let capabilities = capabilities(&adapter.get_info(), features, &limits);
            let context = open(device, queue, info, features, limits, capabilities, options.tune).await?;
            Ok(WgpuBackend { context: Arc::new(context) })
        })
    }

    #[cfg(test)]
    pub(crate) fn context(&self) -> &Arc<Context> {
        &self.context
    }

    /// Number of kernels compiled so far.
    pub fn pipelines(&self) -> usize {
        self.context.gpu.pipelines.len()
    }

    /// Destroys the device, as a driver reset would: everything that lives on it is lost, and every later call fails with
    /// [`DeviceError::Lost`].
    pub fn destroy(&self) {
        self.context.gpu.health.lose("it was destroyed".into());
        self.context.gpu.device.destroy();
    }
}

async fn open(
    device: wgpu::Device,
    queue: wgpu::Queue,
    info: DeviceInfo,
    features: wgpu::Features,
    limits: wgpu::Limits,
    capabilities: hadal_shaders::Capabilities,
    tune: bool,
) -> Result<Context, DeviceError> {
    let health = Arc::new(Health::default());
    let (on_error, on_loss) = (health.clone(), health.clone());
    device.on_uncaptured_error(Arc::new(move |error| on_error.record(&error)));
    device.set_device_lost_callback(move |reason, message| on_loss.lose(format!("{reason:?}: {message}")));
    let descriptor = wgpu::BufferDescriptor {
        label: Some("faults"),
        size: Faults::BYTES,
        usage: wgpu::BufferUsages::STORAGE | wgpu::BufferUsages::COPY_SRC | wgpu::BufferUsages::COPY_DST,
        mapped_at_creation: false,
    };
    let (word, outcome) = check(&device, || device.create_buffer(&descriptor));
    let outcome = outcome.await;
    let largest = limits.max_buffer_size - limits.max_buffer_size % capabilities::alignment(&limits);
    let gpu = Wgpu {
        info: info.clone(),
        features,
        health,
        pipelines: Pipelines::default(),
        word,
        in_flight: Mutex::default(),
        device,
        queue,
        limits,
    };
    if let Some(error) = outcome {
        return Err(gpu.failure("open", error));
    }
    let target = target(&capabilities, &gpu.limits);
    Ok(Context::new(Arc::new(gpu), info, target, capabilities, largest, tune.then(Tuner::default)))
}

impl Backend for WgpuBackend {
    fn info(&self) -> &DeviceInfo {
        &self.context.info
    }

    fn target(&self) -> &Target {
        &self.context.target
    }

    fn prepare<'a>(
        &'a self,
        program: Arc<Program>,
        weights: &'a Weights,
    ) -> DeviceFuture<'a, Arc<dyn Executable>> {
        Box::pin(async move {
            let executable = PreparedExecutable::prepare(self.context.clone(), program, weights).await?;
            Ok(Arc::new(executable) as Arc<dyn Executable>)
        })
    }

    fn prepare_streamed<'a>(
        &'a self,
        program: Arc<Program>,
        stream: &'a mut dyn WeightStream,
    ) -> DeviceFuture<'a, Arc<dyn Executable>> {
        Box::pin(async move {
            let prepared = PreparedExecutable::prepare_streamed(self.context.clone(), program, stream);
            Ok(Arc::new(prepared.await?) as Arc<dyn Executable>)
        })
    }

    fn allocate(&self, dtype: DType, elements: usize) -> Result<Buffer, DeviceError> {
        self.context.allocate(dtype, elements, false)
    }

    fn write(&self, dst: &Buffer, tensor: &HostTensor) -> Result<(), DeviceError> {
        Wgpu::write(&self.context, dst, tensor)
    }

    fn read<'a>(&'a self, src: &'a Buffer) -> DeviceFuture<'a, Vec<u8>> {
        Wgpu::read(&self.context, src)
    }

    fn synchronize(&self) -> DeviceFuture<'_, ()> {
        Wgpu::synchronize(&self.context)
    }

    fn memory_stats(&self) -> MemoryStats {
        self.context.pool.stats()
    }

    fn observe_memory(&self, observer: Option<Arc<dyn MemoryObserver>>) -> MemoryStats {
        self.context.pool.observe(observer)
    }

    fn rejections(&self) -> Vec<Rejection> {
        self.context.rejections()
    }

    fn set_memory_limit(&self, limit: Option<u64>) {
        self.context.pool.set_limit(limit);
    }

    fn empty_cache(&self) {
        self.context.empty_cache();
    }
}

/// Finds and opens adapters for a [`hadal_device::Registry`].
#[derive(Clone, Copy, Debug, Default)]
pub struct WgpuFactory;

impl BackendFactory for WgpuFactory {
    fn name(&self) -> &str {
        "wgpu"
    }

    fn list(&self) -> DeviceFuture<'_, Vec<DeviceInfo>> {
        Box::pin(async {
            let found = adapter::adapters().await?;
            if found.is_empty() { Err(adapter::nothing()) } else { Ok(found) }
        })
    }

    fn open<'a>(&'a self, which: &'a Which) -> DeviceFuture<'a, Arc<dyn Backend>> {
        Box::pin(async move {
            let backend = WgpuBackend::open(Options::from_env(which.clone())).await?;
            Ok(Arc::new(backend) as Arc<dyn Backend>)
        })
    }
}
