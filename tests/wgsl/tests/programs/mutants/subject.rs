//! A kernel under test: its text, what it is run on, and whether it did right.

use super::cases::Case;
use crate::standin;
use hadal_graph::program::Program;
use hadal_graph::reference::interpret_program;
use hadal_graph::{Bindings, HostTensor};
use hadal_shaders::{Candidate, Capabilities, Source, candidates};
use hadal_simt::{Bounds, Dialect, Kernel, Options, Parameter, translate_module};
use hadal_standin::{Machine, Settings};
use std::collections::BTreeMap;
use std::collections::btree_map::Entry;

/// One candidate of one case.
pub(crate) struct Subject<'a> {
    pub(crate) case: &'a Case,
    pub(crate) candidate: Candidate,
    /// What each run must write; nothing for runs with a fault.
    expected: &'a [Vec<HostTensor>],
}

/// One launch of a candidate, compiled.
#[derive(Clone)]
pub(crate) struct Compiled {
    kernel: Kernel,
    pub(crate) ptx: String,
}

/// Behind the last element of a buffer there may be anything: this is a NaN, and no index.
const POISON: u8 = 0xff;

/// What each run of a case must write.
pub(crate) fn expected(case: &Case) -> Vec<Vec<HostTensor>> {
    let write = |run: &super::cases::Run| {
        let result = interpret_program(&case.program, &run.sizes, &run.leaves);
        result.unwrap_or_else(|e| panic!("{}: {e}", case.name)).outputs
    };
    case.runs.iter().map(|run| if run.faults { Vec::new() } else { write(run) }).collect()
}

/// Every kernel of `case` for a software device and for a GPU, each text once.
pub(crate) fn subjects<'a>(case: &'a Case, expected: &'a [Vec<HostTensor>]) -> Vec<Subject<'a>> {
    let gpu = Capabilities {
        f16: true,
        int64: false,
        subgroups: Some((32, 32)),
        max_invocations: 1024,
        workgroup_memory: 49152,
        max_storage_buffers: 64,
        max_workgroups: 65535,
        software: false,
        ends_loops: false,
        language: None,
    };
    let mut subjects: Vec<Subject> = Vec::new();
    for capabilities in [gpu.clone(), Capabilities { software: true, ..gpu }] {
        let step = &case.program.steps[0];
        let found = candidates(&case.program, step, &case.chosen, &capabilities);
        for candidate in found.unwrap_or_else(|e| panic!("{}: {e}", case.name)) {
            if !subjects.iter().any(|s| s.candidate.launches == candidate.launches) {
                subjects.push(Subject { case, candidate, expected });
            }
        }
    }
    subjects
}

/// A parsed kernel as PTX. Indices are not brought into range: that would hide a check that is gone.
pub(crate) fn compile(module: &naga::Module) -> Result<Compiled, String> {
    let options = options();
    let kernel = translate_module(module, "main", Dialect::Cuda, &options).map_err(|e| e.to_string())?;
    let ptx = standin::compile(&kernel.source, &options)?;
    Ok(Compiled { kernel, ptx })
}

fn options() -> Options {
    Options { bounds: Bounds::Unchecked, ..Options::default() }
}

impl Compiled {
    /// The kernel without the barrier that the writer puts behind the zeroing of workgroup memory.
    pub(crate) fn without_zeroing_barrier(&self) -> Result<Compiled, String> {
        let mut kernel = self.kernel.clone();
        let barrier = "__syncthreads();";
        let zeroing = kernel.source.rfind("wgsl::zero(").ok_or("nothing is zeroed")?;
        let at = kernel.source[zeroing..].find(barrier).ok_or("no barrier is behind the zeroing")?;
        kernel.source.replace_range(zeroing + at..zeroing + at + barrier.len(), "");
        let ptx = standin::compile(&kernel.source, &options())?;
        Ok(Compiled { kernel, ptx })
    }
}

impl Subject<'_> {
    pub(crate) fn name(&self) -> String {
        format!("{} of {}", self.candidate.variant, self.case.name)
    }

    /// Runs the launches on every input. Errors: what is wrong with the first that fails.
    pub(crate) fn check(&self, launches: &[&Compiled]) -> Result<(), String> {
        self.case.runs.iter().zip(self.expected).try_for_each(|(run, expected)| {
            let (written, fault) = self.run(launches, &run.sizes, &run.leaves)?;
            if fault != run.faults {
                return Err(format!("the kernel reports {}", if fault { "a fault" } else { "no fault" }));
            }
            written.iter().zip(expected).try_for_each(|(got, expected)| compare(got, expected))
        })
    }

    /// What the step writes, and whether it reported a fault.
    fn run(
        &self,
        launches: &[&Compiled],
        sizes: &Bindings,
        leaves: &BTreeMap<String, HostTensor>,
    ) -> Result<(Vec<Vec<u8>>, bool), String> {
        let program: &Program = &self.case.program;
        // Far more than any of them needs, and soon over.
        let settings = Settings { instructions: 20_000_000, equal_writes: true, ..Settings::default() };
        let mut machine = Machine::new(settings);
        let full = "the stand-in has no memory left";
        let mut values = BTreeMap::new();
        for (id, value) in program.values.iter() {
            let bytes =
                value.elements().eval(sizes).map_err(|e| e.to_string())? as usize * value.dtype.size();
            let root = program.storage(id);
            if let Entry::Vacant(place) = values.entry(root) {
                // As long as backends make it: whole vectors.
                let whole = bytes.next_multiple_of(16).max(16);
                let address = machine.allocate(whole).ok_or(full)?;
                machine.write(address + bytes as u64, &vec![POISON; whole - bytes])?;
                place.insert(address);
            }
            if let Some(tensor) = leaves.get(&value.name) {
                machine.write(values[&root], tensor.bytes())?;
            }
        }
        let mut scratch = Vec::new();
        for size in &self.candidate.scratch {
            let bytes = size.eval(sizes).map_err(|e| e.to_string())? as usize;
            scratch.push((machine.allocate(bytes).ok_or(full)?, bytes));
        }
        let word = machine.allocate(16).ok_or(full)?;
        machine.write(word, &[0; 16])?;
        for (launch, compiled) in self.candidate.launches.iter().zip(launches) {
            let mut numbers = Vec::new();
            for size in &launch.params {
                numbers.push(size.eval(sizes).map_err(|e| e.to_string())? as u32);
            }
            if launch.faults {
                numbers.push(1);
            }
            let mut bytes: Vec<u8> = numbers.iter().flat_map(|n| n.to_le_bytes()).collect();
            bytes.resize(bytes.len().next_multiple_of(16).max(16), 0);
            let params = machine.allocate(bytes.len()).ok_or(full)?;
            machine.write(params, &bytes)?;
            let mut bound = Vec::new();
            for binding in &launch.bindings {
                bound.push(match binding.source {
                    Source::Value(id) => {
                        let value = &program.values[id];
                        let count = value.elements().eval(sizes).map_err(|e| e.to_string())? as usize;
                        (values[&program.storage(id)], count * value.dtype.size())
                    }
                    Source::Scratch(number) => scratch[number],
                });
            }
            bound.extend([(params, bytes.len()), (word, 16)]);
            let pass = |parameter: &Parameter| match parameter {
                Parameter::Buffer { binding, .. } => bound[*binding as usize].0.to_le_bytes().to_vec(),
                Parameter::Lengths { buffers } => {
                    let length =
                        |b: u32| (bound[b as usize].1.next_multiple_of(16).max(16) as u64).to_le_bytes();
                    buffers.iter().flat_map(|(_, b)| length(*b)).collect()
                }
                Parameter::Immediates { bytes } => vec![0; *bytes as usize],
            };
            let given: Vec<Vec<u8>> = compiled.kernel.parameters.iter().map(pass).collect();
            let given: Vec<&[u8]> = given.iter().map(Vec::as_slice).collect();
            // In two rows and with a group too many, as a backend may do.
            let groups = launch.workgroups.eval(sizes).map_err(|e| e.to_string())? as u32;
            let module = machine.load(&compiled.ptx).map_err(|e| e.to_string())?;
            machine
                .launch(
                    module,
                    &compiled.kernel.entry,
                    [groups / 2 + 1, 2, 1],
                    compiled.kernel.workgroup_size,
                    0,
                    &given,
                )
                .map_err(|e| e.to_string())?;
        }
        let mut written = Vec::new();
        for &id in &program.outputs {
            let value = &program.values[id];
            let bytes =
                value.elements().eval(sizes).map_err(|e| e.to_string())? as usize * value.dtype.size();
            written.push(machine.read(values[&program.storage(id)], bytes)?);
        }
        Ok((written, machine.read(word, 1)? != [0]))
    }
}

fn compare(got: &[u8], expected: &HostTensor) -> Result<(), String> {
    let bytes = hadal_graph::Bytes::new(got.to_vec());
    let got = HostTensor::from_bytes(expected.dtype(), expected.shape(), bytes).map_err(|e| e.to_string())?;
    for (place, (got, expected)) in got.to_f64().into_iter().zip(expected.to_f64()).enumerate() {
        let close = got == expected || (got - expected).abs() <= 1e-4 * (1.0 + expected.abs());
        if !close {
            return Err(format!("element {place} is {got}, expected {expected}"));
        }
    }
    Ok(())
}
