//! Which variants a step gets, best first: plain rules on the class of device and the shape.

use crate::Capabilities;

/// Elements (or `vec4`s) that one thread of an elementwise kernel handles: a software device pays for every thread.
pub(crate) fn elements_per_thread(capabilities: &Capabilities) -> u32 {
    if capabilities.software { 4 } else { 1 }
}

/// Whole `vec4`s wherever the maps allow it.
pub(crate) fn pointwise() -> &'static [&'static str] {
    &["pointwise/vec4", "pointwise/scalar"]
}

/// What decides between the variants of a reduction.
pub(crate) struct ReduceShape {
    pub(crate) rows: i64,
    pub(crate) length: i64,
    /// Neighbouring rows start at neighbouring addresses.
    pub(crate) neighbours: bool,
    /// Bytes of workgroup memory that one thread needs.
    pub(crate) partial_bytes: u32,
    /// Every phase has a subgroup operation.
    pub(crate) subgroups: bool,
}

/// On a software device a thread a row, unless few rows are long; on a GPU a workgroup a row, unless rows are short or lie side by side.
pub(crate) fn reduce(shape: &ReduceShape, capabilities: &Capabilities) -> Vec<&'static str> {
    let per_thread = if capabilities.software {
        shape.rows >= 16 || shape.length <= 1024
    } else {
        shape.length <= 32 || (shape.neighbours && shape.rows >= 1024)
    };
    let mut workgroups = Vec::new();
    if capabilities.subgroups.is_some_and(|(least, _)| least >= 4) && shape.subgroups {
        workgroups.extend(["reduce/row_per_subgroups_256", "reduce/row_per_subgroups_64"]);
    }
    workgroups.extend(["reduce/row_per_workgroup_256", "reduce/row_per_workgroup_64"]);
    workgroups.retain(|variant| {
        let threads = if variant.ends_with("256") { 256 } else { 64 };
        threads <= capabilities.max_invocations
            && threads * shape.partial_bytes <= capabilities.workgroup_memory
    });
    if shape.length < 1024 {
        // Within a family the smaller workgroup first.
        workgroups.sort_by_key(|variant| (variant.contains("workgroup"), !variant.ends_with("_64")));
    }
    match per_thread {
        true => std::iter::once("reduce/row_per_thread").chain(workgroups).collect(),
        false => workgroups.into_iter().chain(["reduce/row_per_thread"]).collect(),
    }
}

/// What decides between the variants of a contraction.
pub(crate) struct ContractShape {
    pub(crate) batches: i64,
    pub(crate) rows: i64,
    pub(crate) columns: i64,
    pub(crate) depth: i64,
    /// The accumulator has a `vec4`.
    pub(crate) vector: bool,
    /// B's neighbours in memory lie along k.
    pub(crate) depth_is_contiguous: bool,
}

/// On a software device tiles in registers, since workgroup memory is as slow as any other there; on a GPU tiles in workgroup memory,
/// and several threads an element where the result is thin.
pub(crate) fn contract(shape: &ContractShape, capabilities: &Capabilities) -> Vec<&'static str> {
    let thin = shape.rows == 1 || shape.columns == 1;
    let elements = shape.batches * shape.rows * shape.columns;
    let gemv = if shape.depth_is_contiguous || shape.rows == 1 && shape.columns == 1 {
        ["contract/gemv_k", "contract/gemv_n"]
    } else {
        ["contract/gemv_n", "contract/gemv_k"]
    };
    let mut variants = Vec::new();
    if capabilities.software {
        // Threads of a workgroup share the operand that they do not walk, so they walk the longer side.
        let registers = match shape.rows > 2 * shape.columns {
            true => ["contract/register_8x8_m", "contract/register_8x8_n"],
            false => ["contract/register_8x8_n", "contract/register_8x8_m"],
        };
        // A larger tile reads less, but compiles three times as long.
        if shape.vector && shape.rows >= 256 && shape.columns >= 256 && shape.depth >= 64 {
            variants.push(match shape.rows > 2 * shape.columns {
                true => "contract/register_16x16_m",
                false => "contract/register_16x16_n",
            });
        }
        if shape.vector && shape.rows > 4 && shape.columns > 4 {
            variants.extend(registers);
        }
        if shape.vector && shape.columns > 2 {
            variants.push("contract/register_1x8");
        }
        // A tile takes tens of times longer to compile than it can save on a small product.
        let small = elements * shape.depth <= 32768;
        variants.insert(if small { 0 } else { variants.len() }, "contract/scalar");
        if elements <= 16 && shape.depth >= 1024 {
            variants.insert(0, gemv[0]);
        } else {
            variants.push(gemv[0]);
        }
    } else {
        if thin && shape.depth >= 64 {
            variants.extend(gemv);
        }
        if shape.vector && capabilities.max_invocations >= 128 && capabilities.workgroup_memory >= 8192 {
            variants.push("contract/tiled_64x64");
        }
        if shape.vector {
            variants.push("contract/register_8x8_n");
        }
        variants.push("contract/scalar");
    }
    variants
}

/// What decides between the variants of a scatter.
pub(crate) struct ScatterShape {
    /// Places in the outer and inner axes together.
    pub(crate) columns: i64,
    pub(crate) extent: i64,
}

/// A thread a column does the least work. A thread an element reads every index, which pays only while the whole result fits on the
/// device's threads and columns would leave most of them idle.
pub(crate) fn scatter(shape: &ScatterShape, capabilities: &Capabilities) -> [&'static str; 2] {
    let threads = if capabilities.software { 64 } else { 16384 };
    if shape.columns >= 64 || shape.columns * shape.extent > threads {
        ["scatter/column", "scatter/element"]
    } else {
        ["scatter/element", "scatter/column"]
    }
}

/// What decides between the variants of attention.
pub(crate) struct AttentionShape {
    pub(crate) queries: i64,
    pub(crate) keys: i64,
    /// The larger of head_dim and value_dim.
    pub(crate) width: i64,
}

/// Threads of a workgroup of attention on a software device, where a workgroup runs on one core.
pub(crate) const ATTENTION_SOFTWARE_THREADS: i64 = 8;

/// Classes of head and value sizes, in elements.
pub(crate) const ATTENTION_CLASSES: [u32; 6] = [32, 64, 128, 256, 512, 1024];

/// On a software device four queries a thread, as far as its results fit in workgroup memory; on a GPU a query a workgroup where there
/// are few queries, otherwise tiles in workgroup memory.
pub(crate) fn attention(shape: &AttentionShape, capabilities: &Capabilities) -> Vec<&'static str> {
    let registers = ATTENTION_SOFTWARE_THREADS * 16 * shape.width <= i64::from(capabilities.workgroup_memory);
    let tiles = capabilities.workgroup_memory >= 16384 && shape.width <= 256;
    let decoding = shape.queries <= 8 && shape.keys >= 64;
    let mut variants = Vec::new();
    if capabilities.software && registers {
        variants.push("attention/register_4x4");
    }
    if !capabilities.software && tiles {
        variants.push("attention/tiled");
    }
    variants.push("attention/query_per_workgroup");
    if decoding && !capabilities.software {
        variants.reverse();
    }
    variants
}
