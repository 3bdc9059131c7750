//! Kernels on the stand-in device: known answers, and planted faults that it must find.
//!
//! Sources are CUDA C++, compiled by real NVRTC, and PTX where the exact instruction matters.

mod arithmetic;
mod collectives;
mod faults;
mod mathematics;
mod matrices;
mod nvrtc;
mod programs;

use hadal_standin::{Finding, FindingKind, LaunchError, Machine, ModuleId, Settings};

/// A device with one module.
struct Device {
    machine: Machine,
    module: ModuleId,
}

impl Device {
    /// From PTX.
    fn new(ptx: &str) -> Device {
        let mut machine = Machine::new(Settings::default());
        let module = machine.load(ptx).unwrap_or_else(|e| panic!("{e}\n{ptx}"));
        Device { machine, module }
    }

    /// From CUDA C++; `None` where there is no NVRTC, which in CI is a failure.
    fn compile(source: &str) -> Option<Device> {
        nvrtc::compile(source).map(|ptx| Device::new(&ptx))
    }

    /// From the instructions of a kernel `k(.u64 in, .u64 out)` that each thread runs: `%in` and `%out` point at eight bytes of its own.
    fn instructions(body: &str) -> Device {
        Device::new(&format!(
            ".version 8.8\n.target sm_90\n.address_size 64\n.visible .entry k(.param .u64 in, .param .u64 out)\n{{\n\
             .reg .pred %p<9>;\n.reg .b16 %h<9>;\n.reg .b32 %r<30>;\n.reg .f32 %f<9>;\n.reg .b64 %d<9>;\n.reg .f64 %g<9>;\n\
             .reg .b64 %in, %out, %own;\n.reg .b32 %tid;\n\
             ld.param.u64 %in, [in];\nld.param.u64 %out, [out];\nmov.u32 %tid, %tid.x;\n\
             mul.wide.u32 %own, %tid, 8;\nadd.s64 %in, %in, %own;\nadd.s64 %out, %out, %own;\n{body}\nret;\n}}\n"
        ))
    }

    fn upload<T: Copy + Into<Word>>(&mut self, values: &[T]) -> u64 {
        let bytes: Vec<u8> = values.iter().flat_map(|&v| v.into().0).collect();
        let at = self.machine.allocate(bytes.len()).expect("room");
        self.machine.write(at, &bytes).expect("inside");
        at
    }

    fn read_u32(&self, at: u64, count: usize) -> Vec<u32> {
        let bytes = self.machine.read(at, 4 * count).expect("inside");
        bytes.chunks(4).map(|c| u32::from_le_bytes(c.try_into().expect("four"))).collect()
    }

    fn read_f32(&self, at: u64, count: usize) -> Vec<f32> {
        self.read_u32(at, count).into_iter().map(f32::from_bits).collect()
    }

    fn read_u64(&self, at: u64, count: usize) -> Vec<u64> {
        let bytes = self.machine.read(at, 8 * count).expect("inside");
        bytes.chunks(8).map(|c| u64::from_le_bytes(c.try_into().expect("eight"))).collect()
    }

    fn launch(&mut self, kernel: &str, grid: u32, block: u32, params: &[Word]) -> Result<(), LaunchError> {
        let params: Vec<&[u8]> = params.iter().map(|p| p.0.as_slice()).collect();
        self.machine.launch(self.module, kernel, [grid, 1, 1], [block, 1, 1], 0, &params)
    }

    fn run(&mut self, kernel: &str, grid: u32, block: u32, params: &[Word]) {
        self.launch(kernel, grid, block, params).unwrap_or_else(|e| panic!("{e}"));
    }

    /// The finding that a launch must end with.
    fn finding(&mut self, kernel: &str, grid: u32, block: u32, params: &[Word]) -> Finding {
        match self.launch(kernel, grid, block, params) {
            Err(LaunchError::Finding(finding)) => *finding,
            other => panic!("a finding was expected, not {other:?}"),
        }
    }

    fn finds(&mut self, kind: FindingKind, kernel: &str, grid: u32, block: u32, params: &[Word]) -> Finding {
        let finding = self.finding(kernel, grid, block, params);
        assert_eq!(finding.kind, kind, "{finding}");
        assert_eq!(finding.kernel, kernel);
        finding
    }
}

/// The bytes of a parameter or of an element.
struct Word(Vec<u8>);

macro_rules! words {
    ($($of:ty)*) => {
        $(
            impl From<$of> for Word {
                fn from(value: $of) -> Word {
                    Word(value.to_le_bytes().to_vec())
                }
            }
        )*
    };
}

words!(u8 u16 u32 i32 u64 i64 f32 f64);

/// What one instruction gives for each of the inputs, one thread each: bits in, bits out.
fn bits_of(body: &str, inputs: &[u64]) -> Vec<u64> {
    let mut device = Device::instructions(body);
    let (source, target) = (device.upload(inputs), device.upload(&vec![0u64; inputs.len()]));
    device.run("k", 1, inputs.len() as u32, &[source.into(), target.into()]);
    device.read_u64(target, inputs.len())
}
