//! One kernel under construction: its bindings, its parameters and its final text.

use crate::library;
use crate::template::{Hooks, Template};
use crate::types::{Kind, element_bytes, element_type, from_storage, to_storage};
use crate::{Binding, Capabilities, LOOPS_ENDED, Launch, ShaderError, Source, Storage};
use hadal_graph::program::{Affine, Program, Role, Step};
use hadal_graph::{DType, Dim};
use std::fmt::Write;

/// Collects what the text of a kernel refers to.
pub(crate) struct Module<'a> {
    program: &'a Program,
    step: &'a Step,
    capabilities: &'a Capabilities,
    params: Vec<Dim>,
    slots: Vec<Slot>,
    faults: bool,
}

/// One storage binding.
struct Slot {
    source: Source,
    element: &'static str,
    /// Declared as an array of `vec4`s of the element.
    vec4: bool,
    read_write: bool,
    written: bool,
}

impl<'a> Module<'a> {
    pub(crate) fn new(program: &'a Program, step: &'a Step, capabilities: &'a Capabilities) -> Module<'a> {
        Module { program, step, capabilities, params: Vec::new(), slots: Vec::new(), faults: false }
    }

    pub(crate) fn capabilities(&self) -> &'a Capabilities {
        self.capabilities
    }

    /// A size as a `u32` expression: 0 and 1 are literals, everything else is a parameter.
    pub(crate) fn size(&mut self, dim: &Dim) -> String {
        if dim.is(0) {
            return "0u".into();
        }
        if dim.is(1) {
            return "1u".into();
        }
        let slot = self.params.iter().position(|p| p == dim).unwrap_or_else(|| {
            self.params.push(dim.clone());
            self.params.len() - 1
        });
        parameter(slot)
    }

    /// The value of `affine` at `coordinates`, as a wrapping `u32` expression.
    pub(crate) fn affine(&mut self, affine: &Affine, coordinates: &[String]) -> String {
        let mut terms = Vec::new();
        for (coefficient, coordinate) in affine.coefficients.iter().zip(coordinates) {
            if coefficient.is(0) || coordinate == "0u" {
                continue;
            }
            match self.size(coefficient).as_str() {
                "1u" => terms.push(coordinate.clone()),
                size => terms.push(format!("{coordinate} * {size}")),
            }
        }
        if !affine.offset.is(0) {
            terms.push(self.size(&affine.offset));
        }
        match terms.len() {
            0 => "0u".into(),
            1 => terms.remove(0),
            _ => format!("({})", terms.join(" + ")),
        }
    }

    /// The register type of `dtype`.
    pub(crate) fn kind(&self, dtype: DType) -> Result<Kind, ShaderError> {
        Kind::of(dtype).ok_or_else(|| ShaderError::DType { op: self.step.label.clone(), dtype })
    }

    pub(crate) fn limits(&self, reason: impl Into<String>) -> ShaderError {
        ShaderError::Limits { op: self.step.label.clone(), reason: reason.into() }
    }

    /// The dtype of `writes[target]`.
    pub(crate) fn write_dtype(&self, target: usize) -> DType {
        self.program.values[self.step.writes[target]].dtype
    }

    /// How `reads[operand]` is stored.
    pub(crate) fn read_storage(&self, operand: usize) -> Result<Storage, ShaderError> {
        self.storage(self.step.reads[operand])
    }

    fn storage(&self, value: hadal_graph::program::ValueId) -> Result<Storage, ShaderError> {
        let dtype = self.program.values[value].dtype;
        let root = self.program.storage(value);
        let frozen = matches!(self.program.values[root].role, Role::Parameter(_) | Role::Constant(_));
        Storage::of(dtype, frozen, self.capabilities)
            .ok_or_else(|| ShaderError::DType { op: self.step.label.clone(), dtype })
    }

    /// Declares `reads[operand]` as an array of `vec4`s, unless it is packed. Must come before its first load, and not for what the kernel writes.
    pub(crate) fn read_as_vec4(&mut self, operand: usize) -> Result<(), ShaderError> {
        let slot = self.slot_of(self.step.reads[operand])?;
        self.slots[slot].vec4 = self.read_storage(operand)? != Storage::Packed;
        Ok(())
    }

    /// Declares `writes[target]` as an array of `vec4`s; every store to it must be of a whole `vec4`.
    pub(crate) fn write_as_vec4(&mut self, target: usize) -> Result<(), ShaderError> {
        let slot = self.slot_of(self.step.writes[target])?;
        self.slots[slot].vec4 = true;
        Ok(())
    }

    /// Whether `reads[operand]` shares storage with something that the step writes.
    pub(crate) fn is_written(&self, operand: usize) -> bool {
        let root = self.program.storage(self.step.reads[operand]);
        self.step.writes.iter().any(|&w| self.program.storage(w) == root)
    }

    /// The element of `reads[operand]` at `address`, as a register of the value's dtype.
    pub(crate) fn load(&mut self, operand: usize, address: &str) -> Result<String, ShaderError> {
        let value = self.step.reads[operand];
        let dtype = self.program.values[value].dtype;
        let storage = self.storage(value)?;
        let slot = self.slot_of(value)?;
        let position = match storage {
            Storage::Packed => format!("({address} / {}u)", 4 / dtype.size()),
            _ => address.to_string(),
        };
        let raw = match self.slots[slot].vec4 {
            true => format!("b{slot}[({position}) >> 2u][({position}) & 3u]"),
            false => format!("b{slot}[{position}]"),
        };
        let raw = self.as_element(&raw, slot, element_type(storage), "")?;
        Ok(from_storage(&raw, dtype, storage, address))
    }

    /// The element of `writes[target]` at `address` as it is now, as a register of the value's dtype.
    pub(crate) fn load_write(&mut self, target: usize, address: &str) -> Result<String, ShaderError> {
        let value = self.step.writes[target];
        let dtype = self.program.values[value].dtype;
        let storage = self.storage(value)?;
        let slot = self.slot_of(value)?;
        let raw = self.as_element(&format!("b{slot}[{address}]"), slot, element_type(storage), "")?;
        Ok(from_storage(&raw, dtype, storage, address))
    }

    /// Four elements of `reads[operand]` from `address` on, a multiple of 4, as a `vec4` of the value's register type.
    /// The operand was declared by [`Module::read_as_vec4`].
    pub(crate) fn load_vec4(&mut self, operand: usize, address: &str) -> Result<String, ShaderError> {
        let value = self.step.reads[operand];
        let dtype = self.program.values[value].dtype;
        let storage = self.storage(value)?;
        let slot = self.slot_of(value)?;
        if storage == Storage::Packed {
            let word = self.as_element(&format!("b{slot}[({address}) >> 2u]"), slot, "u32", "")?;
            return Ok(format!("unpack_all_{}({word})", dtype.name()));
        }
        let raw =
            self.as_element(&format!("b{slot}[({address}) >> 2u]"), slot, element_type(storage), "vec4")?;
        Ok(match (storage, dtype) {
            (Storage::F16, _) => format!("vec4<f32>({raw})"),
            (_, DType::Bool) => format!("({raw} != vec4<i32>(0i))"),
            _ => raw,
        })
    }

    /// Prints the store of `value`, a register of `dtype`, to `writes[target]` at `address`.
    pub(crate) fn store(
        &mut self,
        target: usize,
        address: &str,
        value: &str,
        dtype: DType,
        out: &mut String,
    ) -> Result<(), ShaderError> {
        let id = self.step.writes[target];
        let storage = self.storage(id)?;
        let slot = self.slot_of(id)?;
        let converted = to_storage(value, dtype, storage);
        let converted = self.to_element(&converted, slot, element_type(storage), "")?;
        let _ = writeln!(out, "    b{slot}[{address}] = {converted};");
        Ok(())
    }

    /// Prints the store of the four registers `values` to `writes[target]` from `address` on, a multiple of 4.
    pub(crate) fn store_vec4(
        &mut self,
        target: usize,
        address: &str,
        values: &[String; 4],
        dtype: DType,
        out: &mut String,
    ) -> Result<(), ShaderError> {
        let id = self.step.writes[target];
        let storage = self.storage(id)?;
        let slot = self.slot_of(id)?;
        let element = element_type(storage);
        let lanes: Vec<String> = values.iter().map(|v| to_storage(v, dtype, storage)).collect();
        let value = format!("vec4<{element}>({})", lanes.join(", "));
        let value = self.to_element(&value, slot, element, "vec4")?;
        let _ = writeln!(out, "    b{slot}[({address}) >> 2u] = {value};");
        Ok(())
    }

    /// Element type of a `writes[target]` buffer, if four of its elements make a `vec4`.
    pub(crate) fn vec4_element(&self, storage: Storage) -> Option<&'static str> {
        match storage {
            Storage::Wide64 | Storage::Packed => None,
            other => Some(element_type(other)),
        }
    }

    /// Whether [`Module::load_vec4`] can read `reads[operand]`: what is packed if a word holds four numbers.
    pub(crate) fn has_fours(&self, operand: usize) -> Result<bool, ShaderError> {
        let storage = self.read_storage(operand)?;
        let bytes = matches!(self.program.values[self.step.reads[operand]].dtype, DType::I8 | DType::U8);
        let together = if storage == Storage::Packed { bytes } else { self.vec4_element(storage).is_some() };
        Ok(together && !self.is_written(operand))
    }

    /// How `writes[target]` is stored.
    pub(crate) fn write_storage(&self, target: usize) -> Result<Storage, ShaderError> {
        self.storage(self.step.writes[target])
    }

    /// Prints the run-time part of an address: the index register clamped to `0..=limit`, with a fault where that changed it and `clamped` is false.
    pub(crate) fn index(
        &mut self,
        index: &str,
        dtype: DType,
        limit: &Dim,
        clamped: bool,
        name: &str,
        out: &mut String,
    ) {
        let limit = self.size(limit);
        let signed = match dtype {
            DType::I64 => format!("index_from_i64({index})"),
            DType::U64 => format!("index_from_u32(select({index}.x, 0xffffffffu, {index}.y != 0u))"),
            d if d.is_signed_int() => index.to_string(),
            _ => format!("index_from_u32({index})"),
        };
        let _ = writeln!(out, "    let {name}_given = {signed};");
        let _ = writeln!(out, "    let {name} = u32(clamp({name}_given, 0i, i32({limit})));");
        if !clamped {
            self.faults = true;
            let _ = writeln!(out, "    if i32({name}) != {name}_given {{");
            let _ = writeln!(out, "        report_fault();");
            let _ = writeln!(out, "    }}");
        }
    }

    /// The finished kernel: the template with `hooks`, the bindings and the library functions that it uses.
    pub(crate) fn finish(
        mut self,
        variant: &'static str,
        template: &str,
        mut hooks: Hooks,
        workgroups: Dim,
    ) -> Result<Launch, ShaderError> {
        let needed = self.slots.len();
        let limit = self.capabilities.max_storage_buffers as usize;
        if needed > limit {
            return Err(ShaderError::Bindings { op: self.step.label.clone(), needed, limit });
        }
        self.faults |= self.capabilities.ends_loops;
        hooks.set("bindings", self.declarations());
        let mut text = Template::parse(template).fill(&hooks);
        if self.capabilities.ends_loops {
            self.watch_loops(&mut text);
        }
        let functions = library::functions_for(&text);
        let enable = if self.slots.iter().any(|s| s.element == "f16") { "enable f16;\n\n" } else { "" };
        let source = format!("{enable}{text}{}{functions}", if functions.is_empty() { "" } else { "\n" });
        let (bindings, faults) = (self.bindings(), self.faults);
        Ok(Launch { variant, source, bindings, params: self.params, faults, workgroups, native: None })
    }

    /// Makes `main`, with which `text` ends, report a driver that ended its loops: one more loop, of two rounds that no compiler can know of, is ended after the first then.
    fn watch_loops(&self, text: &mut String) {
        let end = text.trim_end().len().saturating_sub(1);
        text.truncate(end);
        let _ = writeln!(
            text,
            "    let rounds = min(groups.x, 1u) + 1u;\n    var round = 0u;\n    for (; round < rounds; round++) {{\n    }}\n    if round != rounds {{\n        atomicMax(&fault[0], {} | {LOOPS_ENDED}u);\n    }}\n}}",
            parameter(self.params.len())
        );
    }

    /// What the kernel binds.
    pub(crate) fn bindings(&self) -> Vec<Binding> {
        let binding = |s: &Slot| Binding { source: s.source, read_write: s.read_write, written: s.written };
        self.slots.iter().map(binding).collect()
    }

    fn declarations(&self) -> String {
        let mut out = String::new();
        for (number, slot) in self.slots.iter().enumerate() {
            let access = if slot.read_write { "read_write" } else { "read" };
            let element =
                if slot.vec4 { format!("vec4<{}>", slot.element) } else { slot.element.to_string() };
            let _ = writeln!(
                out,
                "@group(0) @binding({number}) var<storage, {access}> b{number}: array<{element}>;"
            );
        }
        let numbers = self.params.len() + self.faults as usize;
        let _ = writeln!(
            out,
            "@group(0) @binding({}) var<uniform> params: array<vec4<u32>, {}>;",
            self.slots.len(),
            numbers.div_ceil(4).max(1)
        );
        if self.faults {
            let _ = writeln!(
                out,
                "@group(0) @binding({}) var<storage, read_write> fault: array<atomic<u32>>;\n\nfn report_fault() {{\n    atomicMax(&fault[0], {});\n}}",
                self.slots.len() + 1,
                parameter(self.params.len())
            );
        }
        out
    }

    /// The binding of a value, which it gets now if it has none.
    pub(crate) fn slot_of(&mut self, value: hadal_graph::program::ValueId) -> Result<usize, ShaderError> {
        let root = self.program.storage(value);
        let source = Source::Value(root);
        if let Some(slot) = self.slots.iter().position(|s| s.source == source) {
            return Ok(slot);
        }
        let element = element_type(self.storage(root)?);
        let written = self.step.writes.iter().any(|&w| self.program.storage(w) == root);
        let preparing = self.step.writes.iter().any(|&w| self.program.values[w].role == Role::Once);
        let read_write = match self.program.values[root].role {
            Role::Parameter(_) | Role::Constant(_) => written,
            Role::Once => written || preparing,
            Role::Input(_) | Role::Variable(_) | Role::Computed => true,
        };
        self.slots.push(Slot { source, element, vec4: false, read_write, written });
        Ok(self.slots.len() - 1)
    }

    /// `raw`, read from `slot`, as `element`: the slot may be declared for another dtype of the same width.
    fn as_element(&self, raw: &str, slot: usize, element: &str, vector: &str) -> Result<String, ShaderError> {
        self.recast(raw, self.slots[slot].element, element, slot, vector)
    }

    /// `value` of type `element` as what `slot` is declared to hold.
    fn to_element(
        &self,
        value: &str,
        slot: usize,
        element: &str,
        vector: &str,
    ) -> Result<String, ShaderError> {
        self.recast(value, element, self.slots[slot].element, slot, vector)
    }

    fn recast(
        &self,
        text: &str,
        from: &str,
        to: &str,
        slot: usize,
        vector: &str,
    ) -> Result<String, ShaderError> {
        if from == to {
            return Ok(text.into());
        }
        if element_bytes(from) != 4 || element_bytes(to) != 4 {
            let Source::Value(root) = self.slots[slot].source else {
                return Err(self.limits("a scratch buffer is used with two element types"));
            };
            let writer = self.step.writes.iter().find(|&&w| self.program.storage(w) == root).unwrap_or(&root);
            return Err(ShaderError::Alias {
                op: self.step.label.clone(),
                read: self.program.values[root].dtype,
                written: self.program.values[*writer].dtype,
            });
        }
        Ok(match vector {
            "" => format!("bitcast<{to}>({text})"),
            vector => format!("bitcast<{vector}<{to}>>({text})"),
        })
    }
}

fn parameter(slot: usize) -> String {
    format!("params[{}].{}", slot / 4, ["x", "y", "z", "w"][slot % 4])
}

/// `ceil(size / unit)`.
pub(crate) fn groups_of(size: &Dim, unit: u32) -> Dim {
    (size + (i64::from(unit) - 1)).floor_div(&Dim::from(unit))
}
