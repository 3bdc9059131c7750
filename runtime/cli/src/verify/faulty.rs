//! A cpu backend with a planted fault, for tests: in the steps that a rule picks, additions subtract.

use hadal::Device;
use hadal::backend::{
    Backend, Buffer, DeviceError, DeviceFuture, DeviceInfo, Executable, MemoryStats, Weights,
};
use hadal::graph::program::{BinaryOp, Body, Instr, Kernel, Program, Step};
use hadal::graph::{DType, HostTensor, Target};
use std::sync::Arc;

/// See the module's page.
#[derive(Debug)]
pub(crate) struct Faulty {
    sound: Arc<dyn Backend>,
    picks: fn(&Step) -> bool,
}

impl Faulty {
    pub(crate) fn backend(picks: fn(&Step) -> bool) -> Arc<dyn Backend> {
        let sound = Device::open("cpu").unwrap().backend().unwrap().clone();
        Arc::new(Faulty { sound, picks })
    }
}

fn bodies(kernel: &mut Kernel) -> Vec<&mut Body> {
    match kernel {
        Kernel::Pointwise(kernel) => vec![&mut kernel.body],
        Kernel::Contract(kernel) => vec![&mut kernel.epilogue],
        _ => Vec::new(),
    }
}

impl Backend for Faulty {
    fn info(&self) -> &DeviceInfo {
        self.sound.info()
    }

    fn target(&self) -> &Target {
        self.sound.target()
    }

    fn prepare<'a>(
        &'a self,
        program: Arc<Program>,
        weights: &'a Weights,
    ) -> DeviceFuture<'a, Arc<dyn Executable>> {
        let mut program = (*program).clone();
        for step in program.steps.iter_mut().filter(|step| (self.picks)(step)) {
            for body in bodies(&mut step.kernel) {
                for typed in &mut body.program.instrs {
                    if let Instr::Binary(op @ BinaryOp::Add, ..) = &mut typed.instr {
                        *op = BinaryOp::Sub;
                    }
                }
            }
        }
        self.sound.prepare(Arc::new(program), weights)
    }

    fn allocate(&self, dtype: DType, elements: usize) -> Result<Buffer, DeviceError> {
        self.sound.allocate(dtype, elements)
    }

    fn write(&self, dst: &Buffer, tensor: &HostTensor) -> Result<(), DeviceError> {
        self.sound.write(dst, tensor)
    }

    fn read<'a>(&'a self, src: &'a Buffer) -> DeviceFuture<'a, Vec<u8>> {
        self.sound.read(src)
    }

    fn synchronize(&self) -> DeviceFuture<'_, ()> {
        self.sound.synchronize()
    }

    fn memory_stats(&self) -> MemoryStats {
        self.sound.memory_stats()
    }

    fn set_memory_limit(&self, limit: Option<u64>) {
        self.sound.set_memory_limit(limit);
    }

    fn empty_cache(&self) {
        self.sound.empty_cache();
    }
}
