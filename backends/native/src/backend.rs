//! [`Backend`] for a device behind a driver, and the factory that finds it.

use crate::capabilities::{MAX_BINDING_BYTES, capabilities, target};
use crate::disk::{self, Disk};
use crate::driver::{Driver, Platform};
use crate::gpu::{Context, Native};
use crate::kernels::Kernels;
use hadal_device::{
    Backend, BackendFactory, Buffer, DeviceError, DeviceFuture, DeviceInfo, DeviceKind, Executable,
    MemoryObserver, MemoryStats, Rejection, Tuner, Weights, Which,
};
use hadal_graph::program::Program;
use hadal_graph::{DType, HostTensor, Target};
use hadal_launch::{Gpu, PreparedExecutable};
use std::path::PathBuf;
use std::sync::Arc;

/// How to open a device.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Settings {
    /// Whether kernels of hot steps are chosen by measuring.
    pub tune: bool,
    /// Whether each launch is waited for, so that an error names the step that met it.
    pub blocking: bool,
    /// The folder of compiled kernels; `None` keeps them in memory alone.
    pub cache: Option<PathBuf>,
}

impl Settings {
    /// What the environment asks for: `HADAL_TUNE=1`, `HADAL_LAUNCH_BLOCKING=1`, and `HADAL_KERNEL_CACHE`, a folder or `off`; without it,
    /// compiled kernels are kept in `hadal/kernels` of the user's cache folder.
    pub fn from_environment() -> Settings {
        let on = |name: &str| std::env::var_os(name).is_some_and(|value| value == "1");
        Settings {
            tune: on("HADAL_TUNE"),
            blocking: on("HADAL_LAUNCH_BLOCKING"),
            cache: disk::from_environment(),
        }
    }
}

/// A device behind a driver.
#[derive(Clone, Debug)]
pub struct NativeBackend {
    context: Arc<Context>,
}

impl NativeBackend {
    /// Takes an open device. Errors: `OutOfMemory`, `Lost`, `Kernel`.
    pub fn new(driver: Arc<dyn Driver>, settings: &Settings) -> Result<NativeBackend, DeviceError> {
        let facts = driver.facts().clone();
        let capabilities = capabilities(&facts);
        let target = target(&facts, &capabilities);
        // An arena may be larger than any value in it.
        let largest = facts.memory.max(MAX_BINDING_BYTES);
        let kernels = Kernels::new(settings.cache.clone().map(Disk::new));
        let gpu = Arc::new(Native::new(driver, kernels, settings.blocking)?);
        let tuner = settings.tune.then(Tuner::default);
        let context = Context::new(gpu, facts.info, target, capabilities, largest, tuner);
        Ok(NativeBackend { context: Arc::new(context) })
    }

    /// Number of kernels loaded so far.
    pub fn kernels(&self) -> usize {
        self.context.gpu.kernels.len()
    }
}

impl Backend for NativeBackend {
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

    fn allocate(&self, dtype: DType, elements: usize) -> Result<Buffer, DeviceError> {
        self.context.allocate(dtype, elements, false)
    }

    fn write(&self, dst: &Buffer, tensor: &HostTensor) -> Result<(), DeviceError> {
        Native::write(&self.context, dst, tensor)
    }

    fn read<'a>(&'a self, src: &'a Buffer) -> DeviceFuture<'a, Vec<u8>> {
        Native::read(&self.context, src)
    }

    fn synchronize(&self) -> DeviceFuture<'_, ()> {
        Native::synchronize(&self.context)
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

/// Finds and opens the devices of a platform for a [`hadal_device::Registry`].
#[derive(Clone, Copy, Debug, Default)]
pub struct NativeFactory<P>(pub P);

impl<P: Platform> BackendFactory for NativeFactory<P> {
    fn name(&self) -> &str {
        self.0.name()
    }

    fn list(&self) -> DeviceFuture<'_, Vec<DeviceInfo>> {
        Box::pin(async { self.0.devices() })
    }

    fn open<'a>(&'a self, which: &'a Which) -> DeviceFuture<'a, Arc<dyn Backend>> {
        Box::pin(async move {
            let devices = self.0.devices()?;
            let index = choose(self.0.name(), &devices, which)?;
            let backend = NativeBackend::new(self.0.open(index)?, &Settings::from_environment())?;
            Ok(Arc::new(backend) as Arc<dyn Backend>)
        })
    }
}

/// The index of the device that `which` names; [`Which::Any`] is the first real one. Errors: `Unavailable`, which says what there is instead.
fn choose(backend: &str, devices: &[DeviceInfo], which: &Which) -> Result<usize, DeviceError> {
    let chosen = match which {
        Which::Any => devices.iter().min_by_key(|info| info.kind == DeviceKind::Software),
        Which::Index(index) => devices.iter().find(|info| info.index == *index),
        Which::Name(name) => {
            let name = name.to_lowercase();
            devices.iter().find(|info| info.name.to_lowercase().contains(&name))
        }
    };
    let found: Vec<String> = devices.iter().map(|info| format!("{} {}", info.id(), info.name)).collect();
    chosen.map(|info| info.index).ok_or_else(|| DeviceError::Unavailable {
        backend: backend.into(),
        reason: match devices.is_empty() {
            true => "the driver finds no device".into(),
            false => format!("no device is `{which}`"),
        },
        hint: match devices.is_empty() {
            true => "use the wgpu or cpu backend".into(),
            false => format!("choose one of: {}", found.join(", ")),
        },
    })
}
