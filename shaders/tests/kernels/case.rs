//! Builds a program of one step by hand, runs every candidate on every capability set, and compares.

use crate::device::{capability_sets, gpu};
use hadal_graph::program::{
    IndexMap, Instr, Kernel, PointwiseProgram, Program, Role, Step, Store, Value, ValueId,
};
use hadal_graph::{Bindings, DType, Dim, Scalar, Shape, Symbol};
use hadal_shaders::{Candidate, Capabilities, candidates};
use std::collections::BTreeMap;

#[derive(Default)]
pub(crate) struct Case {
    pub(crate) program: Program,
    pub(crate) sizes: Bindings,
    pub(crate) data: BTreeMap<ValueId, Vec<Scalar>>,
    reads: Vec<ValueId>,
    writes: Vec<ValueId>,
}

impl Case {
    pub(crate) fn new() -> Case {
        Case::default()
    }

    /// A symbol with a value.
    pub(crate) fn symbol(&mut self, name: &str, value: usize) -> Dim {
        self.sizes.bind(Symbol(name.into()), value).unwrap();
        Dim::symbol(name)
    }

    /// A value that the step reads; returns its position.
    pub(crate) fn read(&mut self, dtype: DType, shape: impl Into<Shape>, data: Vec<Scalar>) -> usize {
        self.read_as(Role::Computed, dtype, shape, data)
    }

    pub(crate) fn read_as(
        &mut self,
        role: Role,
        dtype: DType,
        shape: impl Into<Shape>,
        data: Vec<Scalar>,
    ) -> usize {
        let shape = shape.into();
        assert_eq!(shape.elements().eval(&self.sizes).unwrap() as usize, data.len(), "{shape}");
        let name = format!("read{}", self.reads.len());
        let id = self.program.values.push(Value { dtype, shape, role, alias: None, name });
        self.data.insert(id, data);
        self.reads.push(id);
        self.reads.len() - 1
    }

    /// A value that the step writes; returns its position.
    pub(crate) fn write(&mut self, dtype: DType, shape: impl Into<Shape>) -> usize {
        let name = format!("write{}", self.writes.len());
        let value = Value { dtype, shape: shape.into(), role: Role::Computed, alias: None, name };
        self.writes.push(self.program.values.push(value));
        self.writes.len() - 1
    }

    /// Lets `writes[write]` take over the storage of `reads[read]`.
    pub(crate) fn alias(&mut self, write: usize, read: usize) {
        self.program.values[self.writes[write]].alias = Some(self.reads[read]);
    }

    pub(crate) fn step(&self, kernel: Kernel) -> Step {
        Step { kernel, reads: self.reads.clone(), writes: self.writes.clone(), label: "case".into() }
    }

    /// All candidates of all capability sets, validated; a candidate that two sets share comes once.
    pub(crate) fn candidates(&self, kernel: &Kernel) -> Vec<(&'static str, Capabilities, Candidate)> {
        let step = self.step(kernel.clone());
        let mut all = Vec::new();
        for (set, capabilities) in capability_sets() {
            let list = candidates(&self.program, &step, &self.sizes, &capabilities).unwrap();
            assert!(!list.is_empty(), "no candidate for {set}");
            for candidate in list {
                for launch in &candidate.launches {
                    validate(&launch.source, &capabilities);
                }
                if !all.iter().any(|(_, _, other)| *other == candidate) {
                    all.push((set, capabilities.clone(), candidate));
                }
            }
        }
        all
    }

    /// Runs every candidate; every write must be within `tolerance · (1 + |expected|)` of `expected`. Returns the variants that ran.
    pub(crate) fn check(
        &self,
        kernel: Kernel,
        expected: &[Vec<Scalar>],
        tolerance: f64,
    ) -> Vec<&'static str> {
        self.check_faults(kernel, expected, tolerance, false)
    }

    pub(crate) fn check_faults(
        &self,
        kernel: Kernel,
        expected: &[Vec<Scalar>],
        tolerance: f64,
        faults: bool,
    ) -> Vec<&'static str> {
        let step = self.step(kernel.clone());
        let mut variants = Vec::new();
        for (set, capabilities, candidate) in self.candidates(&kernel) {
            let (written, fault) =
                gpu().run(&self.program, &step, &self.sizes, &capabilities, &candidate, &self.data);
            assert_eq!(fault, faults, "{} on {set}: fault", candidate.variant);
            for (number, (got, want)) in written.iter().zip(expected).enumerate() {
                assert_eq!(got.len(), want.len(), "write {number}");
                for (i, (g, w)) in got.iter().zip(want).enumerate() {
                    assert!(
                        close(*g, *w, tolerance),
                        "{} on {set}: write {number}[{i}] is {g:?}, expected {w:?}\n{}",
                        candidate.variant,
                        candidate.launches.iter().map(|l| l.source.as_str()).collect::<String>()
                    );
                }
            }
            if !variants.contains(&candidate.variant) {
                variants.push(candidate.variant);
            }
        }
        variants
    }
}

fn close(got: Scalar, want: Scalar, tolerance: f64) -> bool {
    match (got, want) {
        (Scalar::Float(g), Scalar::Float(w)) => {
            g == w || (g.is_nan() && w.is_nan()) || (g - w).abs() <= tolerance * (1.0 + w.abs())
        }
        _ => got == want,
    }
}

/// Parses and validates with the capabilities of `capabilities` and no more.
pub(crate) fn validate(source: &str, capabilities: &Capabilities) {
    use naga::valid::{Capabilities as Naga, ValidationFlags, Validator};
    let module = naga::front::wgsl::parse_str(source)
        .unwrap_or_else(|e| panic!("{}\n{source}", e.emit_to_string(source)));
    let mut flags = Naga::empty();
    // Part of WebGPU.
    flags.set(Naga::SHADER_FLOAT16_IN_FLOAT32, true);
    flags.set(Naga::SHADER_FLOAT16, capabilities.f16);
    flags.set(Naga::SUBGROUP | Naga::SUBGROUP_BARRIER, capabilities.subgroups.is_some());
    Validator::new(ValidationFlags::all(), flags)
        .validate(&module)
        .unwrap_or_else(|e| panic!("{}\n{source}", e.emit_to_string(source)));
}

pub(crate) fn floats(values: impl IntoIterator<Item = f64>) -> Vec<Scalar> {
    values.into_iter().map(|v| Scalar::Float(v as f32 as f64)).collect()
}

pub(crate) fn ints(values: impl IntoIterator<Item = i128>) -> Vec<Scalar> {
    values.into_iter().map(Scalar::Int).collect()
}

/// Numbers in -1..1 that look random and are the same on every run.
pub(crate) fn noise(count: usize, seed: u64) -> Vec<f64> {
    let mut state = seed.wrapping_mul(0x9E3779B97F4A7C15) | 1;
    (0..count)
        .map(|_| {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            (state >> 40) as f64 / (1u64 << 23) as f64 - 1.0
        })
        .map(|v| v as f32 as f64)
        .collect()
}

/// A plain load.
pub(crate) fn load(p: &mut PointwiseProgram, operand: usize, map: IndexMap, dtype: DType) -> usize {
    p.push(Instr::Load { operand, map, indirect: vec![] }, dtype)
}

/// A store to the contiguous place of each coordinate.
pub(crate) fn store(target: usize, value: usize, domain: &[Dim]) -> Store {
    Store { target, value, address: IndexMap::contiguous(domain).address, indirect: vec![] }
}
