//! The reference as a device: programs are run step by step by the reference semantics. It shows what recording, caching and state do apart
//! from any backend's kernels.

use hadal::Device;
use hadal::backend::{
    Arguments, Backend, Buffer, DeviceError, DeviceFuture, DeviceInfo, DeviceKind, Executable,
    ExecutableStats, MemoryStats, PlanReport, Results, Storage, Weights,
};
use hadal::graph::program::Program;
use hadal::graph::reference::interpret_program;
use hadal::graph::{Bindings, Bytes, DType, HostTensor, Target};
use std::any::Any;
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

/// A device that computes by the reference.
pub(crate) fn reference() -> Device {
    Device::from_backend(Arc::new(Reference {
        info: DeviceInfo {
            backend: "reference".into(),
            index: 0,
            name: "the reference".into(),
            driver: String::new(),
            kind: DeviceKind::Cpu,
            memory: None,
            features: Vec::new(),
        },
        target: Target::unlimited("reference"),
        live: Arc::default(),
    }))
}

#[derive(Debug)]
struct Reference {
    info: DeviceInfo,
    target: Target,
    live: Arc<AtomicU64>,
}

struct Memory {
    bytes: Mutex<Vec<u8>>,
    live: Arc<AtomicU64>,
}

impl Storage for Memory {
    fn as_any(&self) -> &dyn Any {
        self
    }
    fn device_bytes(&self) -> u64 {
        self.bytes.lock().unwrap().len() as u64
    }
}

impl Drop for Memory {
    fn drop(&mut self) {
        self.live.fetch_sub(1, Ordering::Relaxed);
    }
}

fn buffer(live: &Arc<AtomicU64>, dtype: DType, elements: usize, bytes: Vec<u8>) -> Buffer {
    live.fetch_add(1, Ordering::Relaxed);
    Buffer::new(dtype, elements, Arc::new(Memory { bytes: Mutex::new(bytes), live: live.clone() }))
}

fn bytes(buffer: &Buffer) -> Vec<u8> {
    buffer.downcast::<Memory>().expect("a buffer of this device").bytes.lock().unwrap().clone()
}

impl Backend for Reference {
    fn info(&self) -> &DeviceInfo {
        &self.info
    }
    fn target(&self) -> &Target {
        &self.target
    }
    fn prepare<'a>(
        &'a self,
        program: Arc<Program>,
        weights: &'a Weights,
    ) -> DeviceFuture<'a, Arc<dyn Executable>> {
        let run =
            Prepared { program, weights: weights.clone(), live: self.live.clone(), runs: AtomicU64::new(0) };
        Box::pin(async move { Ok(Arc::new(run) as Arc<dyn Executable>) })
    }
    fn allocate(&self, dtype: DType, elements: usize) -> Result<Buffer, DeviceError> {
        Ok(buffer(&self.live, dtype, elements, vec![0; elements * dtype.size()]))
    }
    fn write(&self, dst: &Buffer, tensor: &HostTensor) -> Result<(), DeviceError> {
        let memory = dst.downcast::<Memory>().expect("a buffer of this device");
        memory.bytes.lock().unwrap().copy_from_slice(tensor.bytes());
        Ok(())
    }
    fn read<'a>(&'a self, src: &'a Buffer) -> DeviceFuture<'a, Vec<u8>> {
        Box::pin(async move { Ok(bytes(src)) })
    }
    fn synchronize(&self) -> DeviceFuture<'_, ()> {
        Box::pin(async { Ok(()) })
    }
    fn memory_stats(&self) -> MemoryStats {
        MemoryStats { buffers: self.live.load(Ordering::Relaxed), ..MemoryStats::default() }
    }
    fn set_memory_limit(&self, _: Option<u64>) {}
    fn empty_cache(&self) {}
}

#[derive(Debug)]
struct Prepared {
    program: Arc<Program>,
    weights: Weights,
    live: Arc<AtomicU64>,
    runs: AtomicU64,
}

impl Prepared {
    fn compute(&self, arguments: &Arguments) -> Result<Results, DeviceError> {
        let program = &self.program;
        let mut leaves: BTreeMap<String, HostTensor> = self.weights.clone();
        let given = program.inputs.iter().zip(&arguments.inputs);
        for (&value, buffer) in given.chain(program.variables.iter().zip(&arguments.variables)) {
            let value = &program.values[value];
            let shape = value.shape.eval(&arguments.bindings)?;
            let host = HostTensor::from_bytes(value.dtype, shape, Bytes::new(bytes(buffer)))
                .map_err(|e| DeviceError::Argument(format!("{}: {e}", value.name)))?;
            leaves.insert(value.name.clone(), host);
        }
        let computed = interpret_program(program, &arguments.bindings, &leaves)
            .map_err(|e| DeviceError::Argument(e.to_string()))?;
        self.runs.fetch_add(1, Ordering::Relaxed);
        let upload =
            |host: &HostTensor| buffer(&self.live, host.dtype(), host.elements(), host.bytes().to_vec());
        let outputs = computed.outputs.iter().map(upload).collect();
        let mut variables = arguments.variables.clone();
        for (name, value) in &computed.assigns {
            let position = program.variables.iter().position(|&v| program.values[v].name == *name);
            variables[position.expect("updates name variables")] = upload(value);
        }
        Ok(Results { outputs, variables })
    }
}

impl Executable for Prepared {
    fn program(&self) -> &Arc<Program> {
        &self.program
    }
    fn run<'a>(&'a self, arguments: Arguments) -> DeviceFuture<'a, Results> {
        Box::pin(async move { self.compute(&arguments) })
    }
    fn stats(&self) -> ExecutableStats {
        let runs = self.runs.load(Ordering::Relaxed);
        ExecutableStats { runs, dispatches: runs * self.program.dispatches() as u64, ..Default::default() }
    }
    fn plan(&self, _: &Bindings) -> Result<PlanReport, DeviceError> {
        Ok(PlanReport::default())
    }
}
