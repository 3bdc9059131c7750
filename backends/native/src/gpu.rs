//! [`Gpu`] for a [`Driver`].

use crate::driver::{Driver, Failure};
use crate::kernels::{Compiled, Kernels};
use crate::record::Recorder;
use crate::transfer::{self, Staging};
use hadal_device::{Buffer, DeviceError, DeviceFuture, DeviceInfo, StepClock};
use hadal_graph::HostTensor;
use hadal_launch::{Allocation, Faults, Gpu, Refusal, Use, device_name, lock};
use hadal_shaders::Launch;
use std::sync::{Arc, Mutex};

/// An open device, and what everything that lives on it shares.
pub(crate) type Context = hadal_launch::Context<Native>;

/// A device behind a driver.
pub(crate) struct Native {
    pub(crate) driver: Arc<dyn Driver>,
    pub(crate) info: DeviceInfo,
    pub(crate) kernels: Kernels,
    pub(crate) staging: Mutex<Staging>,
    /// The word that kernels report faults in.
    pub(crate) word: u64,
    /// Whether each launch is waited for.
    pub(crate) blocking: bool,
    lost: Mutex<Option<String>>,
}

impl Native {
    /// Prepares a device. Errors: `OutOfMemory`, `Lost`, `Kernel`.
    pub(crate) fn new(
        driver: Arc<dyn Driver>,
        kernels: Kernels,
        blocking: bool,
    ) -> Result<Native, DeviceError> {
        let info = driver.facts().info.clone();
        let mut gpu = Native {
            driver,
            info,
            kernels,
            staging: Mutex::default(),
            word: 0,
            blocking,
            lost: Mutex::default(),
        };
        gpu.word = gpu.driver.allocate(Faults::BYTES).map_err(|failure| gpu.failure("open", failure))?;
        gpu.driver.clear(gpu.word, Faults::BYTES).map_err(|failure| gpu.failure("open", failure))?;
        Ok(gpu)
    }

    /// What a failure of a call for `op` means. From the first loss on, the device stays lost.
    pub(crate) fn failure(&self, op: &str, failure: Failure) -> DeviceError {
        let device = device_name(&self.info);
        match failure {
            Failure::OutOfMemory => DeviceError::OutOfMemory {
                device,
                requested: 0,
                in_use: 0,
                limit: String::new(),
                largest: Vec::new(),
            },
            Failure::Refused(reason) => DeviceError::Kernel { device, op: op.into(), reason },
            Failure::Lost(reason) => {
                let mut lost = lock(&self.lost);
                let reason = lost.get_or_insert_with(|| format!("{op}: {reason}")).clone();
                DeviceError::Lost { device, reason }
            }
        }
    }
}

impl Drop for Native {
    fn drop(&mut self) {
        if self.word != 0 {
            // Nobody is left who could be told.
            let _ = self.driver.free(self.word);
        }
    }
}

impl Gpu for Native {
    type Block = u64;
    type Kernel = Compiled;
    type Bound = ();
    type Recorder = Recorder;

    fn create(&self, _usage: Use, bytes: u64) -> Result<u64, Refusal> {
        let refused = |failure| match failure {
            Failure::OutOfMemory => Refusal::OutOfMemory,
            other => Refusal::Other(self.failure("allocation", other)),
        };
        let address = self.driver.allocate(bytes).map_err(refused)?;
        // Vectors reach behind the last element of a value. Nobody uses what they find there, but compilers may branch on it: it has to be something.
        if let Err(failure) = self.driver.clear(address, bytes) {
            self.destroy(address);
            return Err(refused(failure));
        }
        Ok(address)
    }

    fn destroy(&self, block: u64) {
        if let Err(failure @ Failure::Lost(_)) = self.driver.free(block) {
            self.failure("allocation", failure);
        }
    }

    fn alive(&self) -> Result<(), DeviceError> {
        match &*lock(&self.lost) {
            Some(reason) => {
                Err(DeviceError::Lost { device: device_name(&self.info), reason: reason.clone() })
            }
            None => Ok(()),
        }
    }

    fn uniform_alignment(&self) -> u64 {
        16
    }

    fn compile<'a>(context: &'a Context, launch: &'a Launch, op: &'a str) -> DeviceFuture<'a, Arc<Compiled>> {
        Box::pin(async move {
            context.gpu.alive()?;
            context.gpu.kernels.get(context, launch, op)
        })
    }

    fn write_parameters(
        context: &Context,
        memory: &Allocation<Native>,
        bytes: &[u8],
    ) -> Result<(), DeviceError> {
        transfer::upload(context, "kernel parameters", *memory.block(), bytes)
    }

    fn write(context: &Context, dst: &Buffer, tensor: &HostTensor) -> Result<(), DeviceError> {
        transfer::write(context, dst, tensor)
    }

    fn read<'a>(context: &'a Arc<Context>, src: &'a Buffer) -> DeviceFuture<'a, Vec<u8>> {
        Box::pin(async move { transfer::read(context, src) })
    }

    fn synchronize(context: &Arc<Context>) -> DeviceFuture<'_, ()> {
        Box::pin(async move {
            context.gpu.alive()?;
            transfer::download(context, "synchronize", 0, 0, |_| ())
        })
    }

    fn clock(&self) -> Option<StepClock> {
        Some(StepClock::Device)
    }

    fn recorder(context: &Arc<Context>, timed: bool) -> Recorder {
        Recorder::new(context.clone(), timed)
    }
}
