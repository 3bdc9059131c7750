//! The backends of a build, and the choice among their devices.
//!
//! A [`Registry`] holds [`BackendFactory`]s in order of preference. It opens what a [`Selector`] names, and lists what every backend
//! offers or why it offers nothing. It never replaces a device that was asked for by another one.

use crate::{
    Backend, DeviceError, DeviceFuture, DeviceInfo, DeviceKind, MaybeSend, MaybeSync, Selector, Which,
};
use std::fmt;
use std::sync::Arc;

/// Finds and opens the devices of one backend. Object-safe.
pub trait BackendFactory: MaybeSend + MaybeSync {
    /// `cpu`, `wgpu`, `cuda` or `rocm`.
    fn name(&self) -> &str;

    /// Every device. Errors: `Unavailable`, with the reason why there is none and what to do.
    fn list(&self) -> DeviceFuture<'_, Vec<DeviceInfo>>;

    /// Opens a device. Errors: `Unavailable`.
    fn open<'a>(&'a self, which: &'a Which) -> DeviceFuture<'a, Arc<dyn Backend>>;
}

/// Backends that a build may lack, and what would be needed.
const KNOWN: [(&str, &str); 4] = [
    ("cpu", "build with the feature `cpu`"),
    ("wgpu", "build with the feature `wgpu`"),
    ("cuda", "build with the feature `cuda`, or use `wgpu`, which runs on NVIDIA GPUs through Vulkan"),
    ("rocm", "build with the feature `rocm`, or use `wgpu`, which runs on AMD GPUs through Vulkan"),
];

/// The backends of this build, most preferred first.
#[derive(Default)]
pub struct Registry {
    factories: Vec<Box<dyn BackendFactory>>,
}

/// What one backend offers.
#[derive(Clone, Debug)]
pub struct Listing {
    /// The backend.
    pub backend: String,
    /// Its devices, or why it has none.
    pub devices: Result<Vec<DeviceInfo>, DeviceError>,
}

impl Registry {
    /// No backends.
    pub fn new() -> Registry {
        Registry::default()
    }

    /// Adds a backend that is preferred less than those added before.
    pub fn with(mut self, factory: impl BackendFactory + 'static) -> Registry {
        self.factories.push(Box::new(factory));
        self
    }

    /// Every backend of this build and every known one that it lacks.
    pub async fn list(&self) -> Vec<Listing> {
        let mut listings = Vec::new();
        for factory in &self.factories {
            let devices = match factory.list().await {
                Ok(devices) if devices.is_empty() => Err(nothing_listed(factory.name())),
                other => other,
            };
            listings.push(Listing { backend: factory.name().into(), devices });
        }
        for (name, _) in KNOWN {
            if self.factory(name).is_none() {
                listings.push(Listing { backend: name.into(), devices: Err(self.missing(name)) });
            }
        }
        listings
    }

    /// Opens the device that `selector` names.
    ///
    /// `auto` takes the first backend, in order of preference, whose best device is real hardware and opens; a software GPU only where
    /// nothing else is there. Errors: `Unavailable`.
    pub async fn open(&self, selector: &Selector) -> Result<Arc<dyn Backend>, DeviceError> {
        match selector {
            Selector::Backend { backend, which } => match self.factory(backend) {
                Some(factory) => factory.open(which).await,
                None => Err(self.missing(backend)),
            },
            Selector::Auto => self.open_best().await,
        }
    }

    async fn open_best(&self) -> Result<Arc<dyn Backend>, DeviceError> {
        let mut reasons = Vec::new();
        for software in [false, true] {
            for factory in &self.factories {
                let devices = match factory.list().await {
                    Ok(devices) => devices,
                    Err(error) => {
                        reasons.push(format!("{}: {}", factory.name(), first_line(&error)));
                        continue;
                    }
                };
                let accepted = devices.iter().filter(|d| (d.kind == DeviceKind::Software) == software);
                let Some(best) = accepted.min_by_key(|d| rank(d.kind)) else { continue };
                match factory.open(&Which::Index(best.index)).await {
                    Ok(backend) => return Ok(backend),
                    Err(error) => reasons.push(format!("{}: {}", best.id(), first_line(&error))),
                }
            }
        }
        reasons.dedup();
        Err(DeviceError::Unavailable {
            backend: "auto".into(),
            reason: if reasons.is_empty() { "this build has no backends".into() } else { reasons.join("; ") },
            hint: "build with the feature `cpu`".into(),
        })
    }

    fn factory(&self, name: &str) -> Option<&dyn BackendFactory> {
        self.factories.iter().find(|f| f.name() == name).map(|f| &**f)
    }

    fn missing(&self, backend: &str) -> DeviceError {
        let (reason, hint) = match KNOWN.iter().find(|(name, _)| *name == backend) {
            Some((_, hint)) => ("it is not part of this build".to_string(), hint.to_string()),
            None => {
                let names: Vec<&str> = self.factories.iter().map(|f| f.name()).collect();
                ("there is no backend of that name".into(), format!("this build has: {}", names.join(", ")))
            }
        };
        DeviceError::Unavailable { backend: backend.into(), reason, hint }
    }
}

impl fmt::Debug for Registry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.factories.iter().map(|factory| factory.name())).finish()
    }
}

/// Smaller is better.
fn rank(kind: DeviceKind) -> u8 {
    match kind {
        DeviceKind::DiscreteGpu => 0,
        DeviceKind::IntegratedGpu => 1,
        DeviceKind::VirtualGpu => 2,
        DeviceKind::Cpu | DeviceKind::Other => 3,
        DeviceKind::Software => 4,
    }
}

fn nothing_listed(backend: &str) -> DeviceError {
    DeviceError::Unavailable {
        backend: backend.into(),
        reason: "no device was found".into(),
        hint: "install the device's driver, or use the cpu backend".into(),
    }
}

fn first_line(error: &DeviceError) -> String {
    error.to_string().lines().next().unwrap_or_default().to_string()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Buffer, Executable, MemoryStats, Weights};
    use hadal_graph::program::Program;
    use hadal_graph::{DType, HostTensor, Target};
    use std::future::Future;
    use std::task::{Context, Poll, Waker};

    struct Fake {
        name: &'static str,
        kinds: Vec<DeviceKind>,
    }

    #[derive(Debug)]
    struct Opened {
        info: DeviceInfo,
        target: Target,
    }

    fn refuse<T>() -> Result<T, DeviceError> {
        Err(DeviceError::Argument("this device only has a name".into()))
    }

    impl Backend for Opened {
        fn info(&self) -> &DeviceInfo {
            &self.info
        }
        fn target(&self) -> &Target {
            &self.target
        }
        fn prepare<'a>(&'a self, _: Arc<Program>, _: &'a Weights) -> DeviceFuture<'a, Arc<dyn Executable>> {
            Box::pin(async { refuse() })
        }
        fn allocate(&self, _: DType, _: usize) -> Result<Buffer, DeviceError> {
            refuse()
        }
        fn write(&self, _: &Buffer, _: &HostTensor) -> Result<(), DeviceError> {
            refuse()
        }
        fn read<'a>(&'a self, _: &'a Buffer) -> DeviceFuture<'a, Vec<u8>> {
            Box::pin(async { refuse() })
        }
        fn synchronize(&self) -> DeviceFuture<'_, ()> {
            Box::pin(async { Ok(()) })
        }
        fn memory_stats(&self) -> MemoryStats {
            MemoryStats::default()
        }
        fn set_memory_limit(&self, _: Option<u64>) {}
        fn empty_cache(&self) {}
    }

    impl Fake {
        fn infos(&self) -> Vec<DeviceInfo> {
            let describe = |(index, &kind)| DeviceInfo {
                backend: self.name.into(),
                index,
                name: format!("{kind:?}"),
                driver: String::new(),
                kind,
                memory: None,
                features: Vec::new(),
            };
            self.kinds.iter().enumerate().map(describe).collect()
        }
    }

    impl BackendFactory for Fake {
        fn name(&self) -> &str {
            self.name
        }
        fn list(&self) -> DeviceFuture<'_, Vec<DeviceInfo>> {
            Box::pin(async { Ok(self.infos()) })
        }
        fn open<'a>(&'a self, which: &'a Which) -> DeviceFuture<'a, Arc<dyn Backend>> {
            Box::pin(async move {
                let index = match which {
                    Which::Index(index) => *index,
                    _ => 0,
                };
                match self.infos().into_iter().nth(index) {
                    Some(info) => {
                        Ok(Arc::new(Opened { info, target: Target::unlimited("fake") }) as Arc<dyn Backend>)
                    }
                    None => Err(nothing_listed(self.name)),
                }
            })
        }
    }

    fn ready<T>(future: impl Future<Output = T>) -> T {
        match std::pin::pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
            Poll::Ready(value) => value,
            Poll::Pending => unreachable!("fakes answer at once"),
        }
    }

    fn opened(registry: &Registry, selector: &str) -> Result<String, String> {
        let selector: Selector = selector.parse().map_err(|e: crate::SelectorError| e.to_string())?;
        ready(registry.open(&selector)).map(|backend| backend.info().id()).map_err(|e| e.to_string())
    }

    fn registry(wgpu: &[DeviceKind]) -> Registry {
        Registry::new()
            .with(Fake { name: "wgpu", kinds: wgpu.to_vec() })
            .with(Fake { name: "cpu", kinds: vec![DeviceKind::Cpu] })
    }

    #[test]
    fn auto_prefers_hardware_and_never_a_software_gpu_over_the_cpu() {
        use DeviceKind::*;
        assert_eq!(opened(&registry(&[Software]), "auto").unwrap(), "cpu:0");
        assert_eq!(opened(&registry(&[]), "auto").unwrap(), "cpu:0");
        assert_eq!(opened(&registry(&[Software, IntegratedGpu, DiscreteGpu]), "auto").unwrap(), "wgpu:2");
        let only_software = Registry::new().with(Fake { name: "wgpu", kinds: vec![Software] });
        assert_eq!(opened(&only_software, "auto").unwrap(), "wgpu:0");
        assert!(opened(&Registry::new(), "auto").unwrap_err().contains("no backends"));
    }

    #[test]
    fn what_is_asked_for_is_opened_or_refused_with_a_reason() {
        let registry = registry(&[DeviceKind::Software]);
        assert_eq!(opened(&registry, "wgpu").unwrap(), "wgpu:0");
        assert!(opened(&registry, "wgpu:3").unwrap_err().contains("no wgpu device"));
        assert!(opened(&registry, "cuda").unwrap_err().contains("not part of this build"));
        assert!(opened(&registry, "tpu").unwrap_err().contains("this build has: wgpu, cpu"));
    }

    #[test]
    fn the_list_says_why_a_backend_is_missing() {
        let listings = ready(registry(&[]).list());
        let names: Vec<&str> = listings.iter().map(|l| l.backend.as_str()).collect();
        assert_eq!(names, ["wgpu", "cpu", "cuda", "rocm"]);
        assert!(listings[0].devices.is_err() && listings[1].devices.is_ok());
        assert!(listings[3].devices.as_ref().unwrap_err().to_string().contains("hint"));
    }
}
