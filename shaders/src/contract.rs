//! Matrix multiplication and convolution.

use crate::chooser::{self, ContractShape};
use crate::domain::{Maps, collapse, print_coordinates};
use crate::evaluate::{Scope, needed, print_body, print_program};
use crate::module::{Module, groups_of};
use crate::operators::{binary, cast, wrap};
use crate::template::Hooks;
use crate::types::{Kind, literal};
use crate::vector::starts_at_multiples_of_four;
use crate::{Candidate, Capabilities, Launch, ShaderError};
use hadal_graph::program::{Affine, BinaryOp, Contract, Instr, Operand, Program, Step};
use hadal_graph::{Bindings, DType, Dim, Scalar};
use std::fmt::Write;

/// Positions of the groups of axes.
const BATCH: usize = 0;
const M: usize = 1;
const N: usize = 2;
const K: usize = 3;

/// The kernels of a contraction, best first.
pub(crate) fn candidates(
    program: &Program,
    step: &Step,
    kernel: &Contract,
    sizes: &Bindings,
    capabilities: &Capabilities,
) -> Result<Vec<Candidate>, ShaderError> {
    let mut kernel = kernel.clone();
    let mut axes = [kernel.batch.0.clone(), kernel.m.0.clone(), kernel.n.0.clone(), kernel.k.0.clone()];
    let mut maps = [
        Maps::of_program(&mut kernel.a.program, &[BATCH, M, K]),
        Maps::of_program(&mut kernel.b.program, &[BATCH, K, N]),
        Maps::of_body(&mut kernel.epilogue, &[BATCH, M, N]),
    ];
    collapse(&mut axes, &mut maps);
    let extents = [BATCH, M, N, K].map(|group| axes[group].iter().cloned().product::<Dim>());
    let contraction = Contraction { kernel, axes, extents };

    let kind = Module::new(program, step, capabilities).kind(contraction.dtype())?;
    let [batches, rows, columns, depth] = &contraction.extents;
    let shape = ContractShape {
        batches: batches.eval(sizes)?,
        rows: rows.eval(sizes)?,
        columns: columns.eval(sizes)?,
        depth: depth.eval(sizes)?,
        vector: kind.has_vec4(),
        depth_is_contiguous: contraction.is_contiguous_along_depth(Side::B),
    };
    chooser::contract(&shape, capabilities)
        .into_iter()
        .map(|variant| {
            let launch = contraction.specialise(Module::new(program, step, capabilities), variant)?;
            Ok(Candidate { variant, launches: vec![launch], scratch: Vec::new() })
        })
        .collect()
}

struct Contraction {
    kernel: Contract,
    /// Collapsed axes by group.
    axes: [Vec<Dim>; 4],
    /// Number of coordinates by group.
    extents: [Dim; 4],
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Side {
    A,
    B,
}

/// The axis along which an operand's elements are neighbours, four at a time.
#[derive(Clone, Copy, PartialEq, Eq)]
enum VectorAxis {
    /// Along k.
    Depth,
    /// Along m for A, n for B.
    Free,
}

impl Contraction {
    /// In which products are formed and added.
    fn dtype(&self) -> DType {
        self.kernel.dtype.accumulator()
    }

    fn specialise(&self, mut module: Module, variant: &'static str) -> Result<Launch, ShaderError> {
        let [batches, rows, columns, depth] = &self.extents;
        let mut hooks = Hooks::default();
        let mut text = String::new();
        for (name, extent) in [("batches", batches), ("rows", rows), ("columns", columns), ("depth", depth)] {
            let _ = writeln!(text, "fn {name}() -> u32 {{\n    return {};\n}}\n", module.size(extent));
        }
        hooks.set("sizes", text.trim_end());

        let (template, workgroups) = match variant {
            "contract/register_8x8_n"
            | "contract/register_8x8_m"
            | "contract/register_16x16_n"
            | "contract/register_16x16_m" => {
                let (m, n) = if variant.ends_with('n') { (1, 8) } else { (8, 1) };
                let tile = if variant.contains("16x16") { 16 } else { 8 };
                let lanes = format!("const LANES_M: u32 = {m}u;\nconst LANES_N: u32 = {n}u;");
                hooks.set("constants", format!("{lanes}\nconst TILE: u32 = {tile}u;"));
                let strips = groups_of(rows, tile * m) * groups_of(columns, tile * n);
                (include_str!("../kernels/contract_register.wgsl"), batches * strips)
            }
            "contract/register_1x8" => {
                let strips = batches * rows * groups_of(columns, 8);
                (include_str!("../kernels/contract_register_1x8.wgsl"), groups_of(&strips, 8))
            }
            "contract/tiled_64x64" => {
                let tiles = groups_of(rows, 64) * groups_of(columns, 64);
                (include_str!("../kernels/contract_tiled.wgsl"), batches * tiles)
            }
            "contract/gemv_k" | "contract/gemv_n" => {
                let (elements, slices) = if variant.ends_with('k') { (1, 64) } else { (16, 8) };
                hooks.set(
                    "constants",
                    format!("const ELEMENTS: u32 = {elements}u;\nconst SLICES: u32 = {slices}u;"),
                );
                let total = batches * rows * columns;
                (include_str!("../kernels/contract_gemv.wgsl"), groups_of(&total, elements))
            }
            _ => {
                let total = batches * rows * columns;
                (include_str!("../kernels/contract_scalar.wgsl"), groups_of(&total, 64))
            }
        };

        if template.contains("struct Block") {
            self.print_blocks(&mut module, template.contains("TILE_K"), &mut hooks)?;
        } else {
            self.print_scalar(&mut module, &mut hooks)?;
        }
        for (name, side) in [("load_a", Side::A), ("load_b", Side::B)] {
            let mut text = String::new();
            let coordinates = self.coordinates(&mut module, side, ["m", "k", "n"], "", &mut text);
            let operand = self.operand(side);
            let scope = Scope { coordinates: &coordinates, ..Scope::default() };
            let value =
                print_program(&mut module, &operand.program, &[operand.value], &scope, &mut text)?.remove(0);
            let _ = writeln!(text, "    return {};", cast(&value, operand.dtype(), self.dtype()));
            hooks.set(name, text);
        }
        module.finish(variant, template, hooks, workgroups)
    }

    /// Whether neighbours along k are neighbours in memory.
    fn is_contiguous_along_depth(&self, side: Side) -> bool {
        let last = self.axes[BATCH].len() + self.axes[K].len();
        let last = if side == Side::A { last + self.axes[M].len() } else { last };
        let program = &self.operand(side).program;
        !self.axes[K].is_empty()
            && program.instrs.iter().any(|typed| match &typed.instr {
                Instr::Load { map, .. } => map.address.coefficients[last - 1].is(1),
                _ => false,
            })
    }

    fn operand(&self, side: Side) -> &Operand {
        match side {
            Side::A => &self.kernel.a,
            Side::B => &self.kernel.b,
        }
    }

    /// Prints the coordinates of an operand's domain at linear numbers `batch` and `[m, k, n]`.
    fn coordinates(
        &self,
        module: &mut Module,
        side: Side,
        [m, k, n]: [&str; 3],
        suffix: &str,
        out: &mut String,
    ) -> Vec<String> {
        let mut names =
            print_coordinates(module, &self.axes[BATCH], "batch", &format!("batch{suffix}_"), out);
        let (first, second) = match side {
            Side::A => ((M, m, "m"), (K, k, "k")),
            Side::B => ((K, k, "k"), (N, n, "n")),
        };
        for (group, index, name) in [first, second] {
            names.extend(print_coordinates(
                module,
                &self.axes[group],
                index,
                &format!("{name}{suffix}_"),
                out,
            ));
        }
        names
    }

    /// The hooks of kernels that work on single elements.
    fn print_scalar(&self, module: &mut Module, hooks: &mut Hooks) -> Result<(), ShaderError> {
        let dtype = self.dtype();
        let product = binary(BinaryOp::Mul, "x", "y", dtype);
        hooks.set(
            "scalar",
            format!(
                "alias Acc = {};\n\nfn zero() -> Acc {{\n    return {};\n}}\n\nfn multiply_add(x: Acc, y: Acc, sum: Acc) -> Acc {{\n    return {};\n}}",
                module.kind(dtype)?.wgsl(),
                literal(Scalar::zero(dtype), dtype),
                binary(BinaryOp::Add, &product, "sum", dtype),
            ),
        );
        hooks.set("add", format!("    return {};", binary(BinaryOp::Add, "x", "y", dtype)));
        hooks.set("store", self.store(module)?);
        Ok(())
    }

    /// The hooks of kernels that work on blocks of 4x4.
    fn print_blocks(&self, module: &mut Module, tiled: bool, hooks: &mut Hooks) -> Result<(), ShaderError> {
        let element = module.kind(self.dtype())?.wgsl();
        hooks.set("types", format!("alias Acc = {element};\nalias Acc4 = vec4<{element}>;"));
        let vectors = [self.vector(module, Side::A)?, self.vector(module, Side::B)?];
        for (side, vector) in [Side::A, Side::B].into_iter().zip(&vectors) {
            let Some(vector) = vector else { continue };
            for (operand, address) in self.loads(side) {
                if address.coefficients[vector.index].is(1) {
                    module.read_as_vec4(operand)?;
                }
            }
        }
        let [a_along_m, b_along_k] = [(Side::A, VectorAxis::Free), (Side::B, VectorAxis::Depth)]
            .map(|(side, axis)| vectors[side as usize].as_ref().is_some_and(|v| v.axis == axis));
        let whole = match (tiled, self.extents[K].exact_div(&Dim::from(4))) {
            (true, _) => String::new(),
            (false, exact) => format!(
                "\n// Whether k is known to be a multiple of 4.\nconst WHOLE_DEPTH: bool = {};",
                exact.is_some()
            ),
        };
        hooks.set(
            "layout",
            format!(
                "// Whether A's neighbours in memory lie along m, and B's along k, instead of along k and n.\nconst A_ALONG_M: bool = {a_along_m};\nconst B_ALONG_K: bool = {b_along_k};{whole}"
            ),
        );
        for (side, name) in [(Side::A, "load_a4"), (Side::B, "load_b4")] {
            let Some(vector) = &vectors[side as usize] else { continue };
            // Along the free axis the extent is a multiple of 4, so a group is inside as a whole or not at all.
            let (index, extent) = if side == Side::A { ("m", "rows()") } else { ("n", "columns()") };
            let width = if vector.axis == VectorAxis::Free { 4 } else { 1 };
            let mut text = format!("    let inside = min({index}, {extent} - {width}u);\n");
            let names = if side == Side::A { ["inside", "k", ""] } else { ["", "k", "inside"] };
            let coordinates = self.coordinates(module, side, names, "", &mut text);
            let value = self.print_vector(module, side, vector.index, &coordinates, &mut text)?;
            let _ = writeln!(text, "    return {value};");
            hooks.set(name, text);
            // What is not read by fours is read in the loops that the kernel's file has.
            match side {
                Side::A => hooks.set("load_a_block", "    return vectors_of_a(batch, m, k);"),
                Side::B => hooks.set("load_b_block", "    return vectors_of_b(batch, k, n);"),
            }
            if side == Side::A && vector.axis == VectorAxis::Depth {
                hooks.set("load_a_row", "    return load_a4(batch, m, k);");
            }
        }
        hooks.set("store", self.store(module)?);
        Ok(())
    }

    /// The body of `store(batch, m, n, sum)`.
    fn store(&self, module: &mut Module) -> Result<String, ShaderError> {
        let mut text = String::new();
        let mut coordinates = print_coordinates(module, &self.axes[BATCH], "batch", "batch_", &mut text);
        coordinates.extend(print_coordinates(module, &self.axes[M], "m", "m_", &mut text));
        coordinates.extend(print_coordinates(module, &self.axes[N], "n", "n_", &mut text));
        let _ = writeln!(
            text,
            "    let acc = {};",
            wrap(&cast("sum", self.dtype(), self.kernel.dtype), self.kernel.dtype)
        );
        let accumulators = ["acc".to_string()];
        let scope = Scope { coordinates: &coordinates, accumulators: &accumulators, ..Scope::default() };
        print_body(module, &self.kernel.epilogue, &scope, &mut text)?;
        Ok(text)
    }

    /// Whether four neighbours of an operand can be computed as one `vec4`: it is made of loads by little arithmetic, as weights of 8 bits are by a scale and a zero point, and
    /// what loads read is the same along one axis, or neighbours in memory, in groups of four that start at multiples of four.
    fn vector(&self, module: &Module, side: Side) -> Result<Option<Vector>, ShaderError> {
        for (_, address) in self.loads(side) {
            if let Some(vector) = self.vector_axis(side, address)
                && self.is_vector(module, side, vector.index)?
            {
                return Ok(Some(vector));
            }
        }
        Ok(None)
    }

    /// Whether that is so along axis `index` of the operand's domain.
    fn is_vector(&self, module: &Module, side: Side, index: usize) -> Result<bool, ShaderError> {
        let program = &self.operand(side).program;
        let exact = |from: DType, to: DType| match (Kind::of(from), Kind::of(to)) {
            (a, b) if a == b => from == to || from.size() < to.size(),
            (Some(Kind::I32 | Kind::U32), Some(Kind::F32)) => to == DType::F32,
            (Some(Kind::U32), Some(Kind::I32)) => from.size() < to.size(),
            _ => false,
        };
        let whole = |dtype: DType| matches!(dtype, DType::F32 | DType::I32);
        for (typed, _) in program.instrs.iter().zip(self.needed(side)).filter(|(_, needed)| *needed) {
            let possible = match &typed.instr {
                Instr::Load { operand, map, indirect } => {
                    let plain = map.guards.is_empty() && indirect.is_empty();
                    let apart = &map.address.coefficients[index];
                    let fours =
                        starts_at_multiples_of_four(&map.address, index) && module.has_fours(*operand)?;
                    plain && (apart.is(0) || fours)
                }
                Instr::Const(_) => true,
                Instr::Cast(x) => exact(program.dtype(*x), typed.dtype),
                Instr::Binary(BinaryOp::Add | BinaryOp::Sub | BinaryOp::Mul, ..) => whole(typed.dtype),
                _ => false,
            };
            if !possible {
                return Ok(false);
            }
        }
        let dtype = self.operand(side).dtype();
        Ok(Kind::of(dtype) == Kind::of(self.dtype()) && exact(dtype, self.dtype()))
    }

    /// The registers that an operand's value needs.
    fn needed(&self, side: Side) -> Vec<bool> {
        let operand = self.operand(side);
        needed(&operand.program, &[operand.value], &Default::default())
    }

    /// What an operand reads.
    fn loads(&self, side: Side) -> impl Iterator<Item = (usize, &Affine)> {
        let instrs = self.operand(side).program.instrs.iter().zip(self.needed(side));
        instrs.filter_map(|(typed, needed)| match &typed.instr {
            Instr::Load { operand, map, .. } if needed => Some((*operand, &map.address)),
            _ => None,
        })
    }

    /// Prints four neighbours of an operand along axis `index` of its domain, from `coordinates` on; returns them as a `vec4`.
    fn print_vector(
        &self,
        module: &mut Module,
        side: Side,
        index: usize,
        coordinates: &[String],
        out: &mut String,
    ) -> Result<String, ShaderError> {
        let operand = self.operand(side);
        let program = &operand.program;
        let name = |reg: usize| format!("v{reg}");
        // Whether a register has four components.
        let mut four = vec![false; program.instrs.len()];
        for (reg, needed) in self.needed(side).into_iter().enumerate() {
            if !needed {
                continue;
            }
            let typed = &program.instrs[reg];
            four[reg] = typed.instr.operands().iter().any(|&x| four[x]);
            let value = match &typed.instr {
                Instr::Load { operand, map, .. } => {
                    let address = module.affine(&map.address, coordinates);
                    four[reg] = map.address.coefficients[index].is(1);
                    if four[reg] {
                        module.load_vec4(*operand, &address)?
                    } else {
                        module.load(*operand, &address)?
                    }
                }
                Instr::Const(value) => literal(*value, typed.dtype),
                Instr::Cast(x) if Kind::of(program.dtype(*x)) == Kind::of(typed.dtype) => name(*x),
                Instr::Cast(x) if four[reg] => {
                    format!("vec4<{}>({})", module.kind(typed.dtype)?.wgsl(), name(*x))
                }
                Instr::Cast(x) => cast(&name(*x), program.dtype(*x), typed.dtype),
                Instr::Binary(op, a, b) => binary(*op, &name(*a), &name(*b), typed.dtype),
                _ => return Err(module.limits("an operand that is not computed by fours")),
            };
            if reg == operand.value {
                return Ok(value);
            }
            let _ = writeln!(out, "    let {} = {value};", name(reg));
        }
        Err(module.limits("an operand without a value"))
    }

    fn vector_axis(&self, side: Side, address: &Affine) -> Option<Vector> {
        let groups = if side == Side::A { [BATCH, M, K] } else { [BATCH, K, N] };
        let mut start = 0;
        let mut found = None;
        for group in groups {
            let end = start + self.axes[group].len();
            if end > start && group != BATCH && address.coefficients[end - 1].is(1) {
                found = Some((group, end - 1));
            }
            start = end;
        }
        let (group, axis) = found?;
        if !starts_at_multiples_of_four(address, axis) {
            return None;
        }
        let last = self.axes[group].last()?;
        let whole = last.exact_div(&Dim::from(4)).is_some();
        let found = match group {
            K if whole || self.axes[K].len() == 1 => VectorAxis::Depth,
            M | N if whole => VectorAxis::Free,
            _ => return None,
        };
        Some(Vector { axis: found, index: axis })
    }
}

/// Along which axis an operand is computed by fours.
struct Vector {
    axis: VectorAxis,
    /// The axis of the operand's domain.
    index: usize,
}
