//! Attention without the full score matrix.

use crate::chooser::{self, ATTENTION_CLASSES, ATTENTION_SOFTWARE_THREADS, AttentionShape};
use crate::domain::{Maps, collapse, print_coordinates};
use crate::evaluate::{Scope, print_body, print_program};
use crate::module::{Module, groups_of};
use crate::operators::{cast, wrap};
use crate::template::Hooks;
use crate::types::literal;
use crate::vector::widened_load;
use crate::{Candidate, Capabilities, Launch, ShaderError};
use hadal_graph::program::{Attention, Operand, Program, Step};
use hadal_graph::{Bindings, DType, Dim, Scalar};
use std::fmt::Write;

/// Threads of a workgroup.
const THREADS: u32 = 64;
/// Workgroup memory for tiles of keys and values.
const TILE_BYTES: u32 = 16384;

/// The kernels of attention, best first.
///
/// Errors: [`ShaderError::Limits`] when heads are wider than 1024.
pub(crate) fn candidates(
    program: &Program,
    step: &Step,
    kernel: &Attention,
    sizes: &Bindings,
    capabilities: &Capabilities,
) -> Result<Vec<Candidate>, ShaderError> {
    let mut kernel = kernel.clone();
    let mut groups = [kernel.batch.0.clone()];
    let mut maps: Vec<Maps> = [&mut kernel.q, &mut kernel.k, &mut kernel.v]
        .into_iter()
        .chain(kernel.mask.iter_mut())
        .map(|operand| Maps::of_program(&mut operand.program, &[0]))
        .collect();
    maps.push(Maps::of_body(&mut kernel.epilogue, &[0]));
    collapse(&mut groups, &mut maps);
    let [batch] = groups;

    let class = |dim: &Dim| -> Result<u32, ShaderError> {
        let value = dim.eval(sizes)?;
        ATTENTION_CLASSES.into_iter().find(|&class| value <= i64::from(class)).ok_or_else(|| {
            Module::new(program, step, capabilities).limits(format!("heads of {value} are wider than 1024"))
        })
    };
    let (head, value) = (class(&kernel.head_dim)?, class(&kernel.value_dim)?);
    let shape = AttentionShape {
        queries: kernel.queries.eval(sizes)?,
        keys: kernel.keys.eval(sizes)?,
        width: i64::from(head.max(value)),
    };
    let attention = Specialisation { kernel, batch, head, value };
    chooser::attention(&shape, capabilities)
        .into_iter()
        .map(|variant| {
            let launch = attention.specialise(Module::new(program, step, capabilities), variant)?;
            Ok(Candidate { variant, launches: vec![launch], scratch: Vec::new() })
        })
        .collect()
}

struct Specialisation {
    kernel: Attention,
    batch: Vec<Dim>,
    /// Class of head_dim.
    head: u32,
    /// Class of value_dim.
    value: u32,
}

impl Specialisation {
    fn specialise(&self, mut module: Module, variant: &'static str) -> Result<Launch, ShaderError> {
        let kernel = &self.kernel;
        let batches: Dim = self.batch.iter().cloned().product();
        let mut threads = THREADS;
        let (template, workgroups) = match variant {
            "attention/tiled" => (
                include_str!("../kernels/attention_tiled.wgsl"),
                &batches * groups_of(&kernel.queries, threads),
            ),
            "attention/query_per_workgroup" => {
                (include_str!("../kernels/attention_query_per_workgroup.wgsl"), &batches * &kernel.queries)
            }
            _ => {
                threads = ATTENTION_SOFTWARE_THREADS as u32;
                let fours = &batches * groups_of(&kernel.queries, 4);
                (include_str!("../kernels/attention_register.wgsl"), groups_of(&fours, threads))
            }
        };

        let mut hooks = Hooks::default();
        hooks.set("constants", self.constants(threads, template));
        let mut text = String::new();
        let sizes = [
            ("batches", &batches),
            ("queries", &kernel.queries),
            ("keys", &kernel.keys),
            ("head_dim", &kernel.head_dim),
            ("value_dim", &kernel.value_dim),
        ];
        for (name, size) in sizes {
            let _ = writeln!(text, "fn {name}() -> u32 {{\n    return {};\n}}\n", module.size(size));
        }
        hooks.set("sizes", text.trim_end());

        let operands = [("q", "i", &kernel.q), ("k", "j", &kernel.k), ("v", "j", &kernel.v)];
        let mut vectors = Vec::new();
        for (name, row, operand) in operands {
            if let Some(position) = self.vector(&module, operand)? {
                module.read_as_vec4(position)?;
                vectors.push((name, row, operand, position));
            }
        }
        for (name, row, operand, position) in vectors {
            let mut text = String::new();
            let coordinates = self.coordinates(&mut module, [row, "d"], &mut text);
            if let Some((_, address)) = widened_load(operand, DType::F32) {
                let address = module.affine(address, &coordinates);
                let _ = writeln!(text, "    return {};", module.load_vec4(position, &address)?);
                hooks.set(format!("load_{name}4"), text);
            }
        }
        for (name, row, operand) in operands {
            hooks.set(format!("load_{name}"), self.load(&mut module, operand, [row, "d"])?);
        }
        if let Some(mask) = &kernel.mask {
            hooks.set("load_mask", self.load(&mut module, mask, ["i", "j"])?);
        }

        let mut text = String::new();
        let coordinates = self.coordinates(&mut module, ["i", "d"], &mut text);
        let _ =
            writeln!(text, "    let acc = {};", wrap(&cast("value", DType::F32, kernel.dtype), kernel.dtype));
        let accumulators = ["acc".to_string()];
        let scope = Scope { coordinates: &coordinates, accumulators: &accumulators, ..Scope::default() };
        print_body(&mut module, &kernel.epilogue, &scope, &mut text)?;
        hooks.set("store", text);
        let mut text = String::new();
        if let Some(target) = kernel.log_sum_exp {
            let queries = module.size(&kernel.queries);
            module.store(target, &format!("batch * {queries} + i"), "value", DType::F32, &mut text)?;
        }
        hooks.set("store_log_sum_exp", text);
        module.finish(variant, template, hooks, workgroups)
    }

    fn constants(&self, threads: u32, template: &str) -> String {
        let four = Dim::from(4);
        let whole =
            [&self.kernel.head_dim, &self.kernel.value_dim].iter().all(|d| d.exact_div(&four).is_some());
        let scale = literal(Scalar::Float(self.kernel.scale.to_f64()), DType::F32);
        let (head, value, causal) = (self.head / 4, self.value / 4, self.kernel.causal);
        let mut text = format!(
            "const WORKGROUP: u32 = {threads}u;\n\
             // Largest head_dim and value_dim that this kernel serves, in vec4s.\n\
             const HEAD: u32 = {head}u;\n\
             const VALUE: u32 = {value}u;\n\
             // Whether head_dim and value_dim are known to be multiples of 4.\n\
             const WHOLE: bool = {whole};\n\
             const CAUSAL: bool = {causal};\n\
             const SCALE: f32 = {scale};\n"
        );
        if template.contains("const TILE:") {
            // Keys and values of one key take `head + value` floats.
            let tile = (TILE_BYTES / (4 * (self.head + self.value))).clamp(1, 32);
            let _ =
                writeln!(text, "// Keys that a tile in workgroup memory holds.\nconst TILE: u32 = {tile}u;");
        }
        if template.contains("const MASKED:") {
            let _ = writeln!(text, "const MASKED: bool = {};", self.kernel.mask.is_some());
        }
        text
    }

    /// The body of a function that returns one element of `operand` as `f32`.
    fn load(&self, module: &mut Module, operand: &Operand, names: [&str; 2]) -> Result<String, ShaderError> {
        let mut text = String::new();
        let coordinates = self.coordinates(module, names, &mut text);
        let scope = Scope { coordinates: &coordinates, ..Scope::default() };
        let value = print_program(module, &operand.program, &[operand.value], &scope, &mut text)?.remove(0);
        let _ = writeln!(text, "    return {};", cast(&value, operand.dtype(), DType::F32));
        Ok(text)
    }

    /// The coordinates of a domain `batch ++ names`.
    fn coordinates(&self, module: &mut Module, names: [&str; 2], out: &mut String) -> Vec<String> {
        let mut coordinates = print_coordinates(module, &self.batch, "batch", "batch_", out);
        coordinates.extend(names.map(String::from));
        coordinates
    }

    /// The read that `operand` loads, if four neighbours along its last axis are one `vec4`.
    fn vector(&self, module: &Module, operand: &Operand) -> Result<Option<usize>, ShaderError> {
        let Some((position, address)) = widened_load(operand, DType::F32) else { return Ok(None) };
        let last = address.coefficients.len() - 1;
        let aligned = crate::vector::starts_at_multiples_of_four(address, last);
        let possible = module.vec4_element(module.read_storage(position)?).is_some();
        Ok((aligned && possible && !module.is_written(position)).then_some(position))
    }
}
