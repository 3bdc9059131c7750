//! WGSL kernels, and those that programs brought, compiled for a device, once for each text.

use crate::disk::Disk;
use crate::driver::{self, Driver, Failure};
use crate::gpu::{Context, Native};
use hadal_device::DeviceError;
use hadal_launch::lock;
use hadal_shaders::{Launch, NativeEntry};
use hadal_simt::{Kernel as Translated, Options, Parameter, translate};
use std::borrow::Cow;
use std::collections::HashMap;
use std::sync::{Arc, Mutex};

/// A compiled kernel.
#[derive(Debug)]
pub(crate) struct Compiled {
    pub(crate) kernel: Box<dyn driver::Kernel>,
    /// Threads of a workgroup.
    pub(crate) threads: [u32; 3],
    /// What a launch passes, in order.
    pub(crate) parameters: Vec<Parameter>,
}

/// The kernels of a device.
#[derive(Debug, Default)]
pub(crate) struct Kernels {
    compiled: Mutex<HashMap<String, Arc<Compiled>>>,
    disk: Option<Disk>,
}

impl Kernels {
    /// No kernels yet; `disk` keeps their code.
    pub(crate) fn new(disk: Option<Disk>) -> Kernels {
        Kernels { compiled: Mutex::default(), disk }
    }

    /// Number of kernels loaded so far.
    pub(crate) fn len(&self) -> usize {
        lock(&self.compiled).len()
    }

    /// The kernel of `launch`, which serves the step `op`. Errors: `Kernel` with the compiler's message, `OutOfMemory`, `Lost`.
    pub(crate) fn get(
        &self,
        context: &Context,
        launch: &Launch,
        op: &str,
    ) -> Result<Arc<Compiled>, DeviceError> {
        let name = match &launch.native {
            None => Cow::Borrowed(&launch.source),
            Some(native) => Cow::Owned(format!("{native:?} {}", launch.source)),
        };
        if let Some(known) = lock(&self.compiled).get(&*name) {
            return Ok(known.clone());
        }
        let named = || format!("{op} ({})", launch.variant);
        let gpu: &Native = &context.gpu;
        let refused = |reason: String| DeviceError::Kernel { device: context.name(), op: named(), reason };
        let driver = &*gpu.driver;
        let facts = driver.facts();
        let options = Options { contract: launch.native.is_some(), ..Options::default() };
        let translated = match &launch.native {
            None => translate(&launch.source, "main", facts.dialect, &options)
                .map_err(|error| refused(error.to_string()))?,
            Some(native) => whole(&launch.source, native),
        };
        let flags = facts.dialect.compiler_flags(&options);
        let key = format!(
            "{}\n{}\n{}\n{}\n{}",
            facts.architecture,
            facts.compiler,
            facts.info.driver,
            flags.join(" "),
            translated.source
        );
        let kernel = self.load(driver, &key, &translated.source, &flags, &translated.entry);
        let kernel = kernel.map_err(|failure| gpu.failure(&named(), failure))?;
        let (threads, parameters) = (translated.workgroup_size, translated.parameters);
        let compiled = Arc::new(Compiled { kernel, threads, parameters });
        Ok(lock(&self.compiled).entry(name.into_owned()).or_insert(compiled).clone())
    }

    /// Code out of the cache that the driver does not take is compiled again.
    fn load(
        &self,
        driver: &dyn Driver,
        key: &str,
        source: &str,
        flags: &[&str],
        entry: &str,
    ) -> Result<Box<dyn driver::Kernel>, Failure> {
        if let Some(code) = self.disk.as_ref().and_then(|disk| disk.get(key))
            && let Ok(kernel) = driver.load(&code, entry)
        {
            return Ok(kernel);
        }
        let code = driver.compile(source, flags)?;
        let kernel = driver.load(&code, entry)?;
        if let Some(disk) = &self.disk {
            disk.put(key, &code);
        }
        Ok(kernel)
    }
}

/// A kernel that was written whole, as if it were translated.
fn whole(source: &str, native: &NativeEntry) -> Translated {
    let buffer = |&binding: &u32| Parameter::Buffer { group: 0, binding, uniform: false, writable: true };
    Translated {
        source: source.into(),
        body: 0,
        entry: native.name.clone(),
        workgroup_size: [native.threads, 1, 1],
        parameters: native.arguments.iter().map(buffer).collect(),
        shared_bytes: 0,
    }
}
