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
