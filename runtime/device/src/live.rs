//! What lies in memory when memory runs out, for errors to name.

use crate::DeviceError;
use hadal_graph::TensorType;
use hadal_graph::program::{Program, Role, Step};
use std::fmt;

/// A tensor that is in memory, or that a run needs in memory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LiveTensor {
    /// Its name, or the op that makes it, and where that was asked for.
    pub what: String,
    /// dtype and shape.
    pub ty: TensorType,
    /// Bytes in the canonical layout.
    pub bytes: u64,
}

impl LiveTensor {
    /// How many an error names.
    pub const NAMED: usize = 5;

    /// What the steps of a program compute, largest first, at most [`LiveTensor::NAMED`]; `elements` are the numbers of elements of all
    /// values.
    pub fn of_run(program: &Program, elements: &[usize]) -> Vec<LiveTensor> {
        let mut tensors = Vec::new();
        for step in &program.steps {
            for &id in &step.writes {
                let value = &program.values[id];
                if value.role == Role::Computed && value.alias.is_none() {
                    let bytes = elements.get(id.index()).map_or(0, |&n| (n * value.dtype.size()) as u64);
                    tensors.push((bytes, step, id));
                }
            }
        }
        tensors.sort_by_key(|&(bytes, _, id)| (std::cmp::Reverse(bytes), id));
        tensors.truncate(LiveTensor::NAMED);
        let named = |(bytes, step, id): (u64, &Step, _)| {
            let value = &program.values[id];
            let ty = TensorType { dtype: value.dtype, shape: value.shape.clone() };
            let place = program.location(step).map_or(String::new(), |place| format!(", at {place}"));
            LiveTensor {
                what: format!("`{}` of the run of `{}`{place}", step.label, program.name),
                ty,
                bytes,
            }
        };
        tensors.into_iter().map(named).collect()
    }
}

impl fmt::Display for LiveTensor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} bytes: {}, {}", self.bytes, self.ty, self.what)
    }
}

/// A line for each tensor, below a heading; nothing where there are none.
pub(crate) fn listed(tensors: &[LiveTensor]) -> String {
    let lines: Vec<String> = tensors.iter().map(|tensor| format!("\n    {tensor}")).collect();
    if lines.is_empty() { String::new() } else { format!("\n  the largest tensors:{}", lines.concat()) }
}

impl DeviceError {
    /// The error with the largest of these tensors and of those that it names already, if memory ran out; else as it is.
    pub fn naming(mut self, tensors: impl IntoIterator<Item = LiveTensor>) -> DeviceError {
        if let DeviceError::OutOfMemory { largest, .. } = &mut self {
            largest.extend(tensors);
            largest.sort_by_key(|tensor| std::cmp::Reverse(tensor.bytes));
            largest.truncate(LiveTensor::NAMED);
        }
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use hadal_graph::DType;

    #[test]
    fn the_five_largest_are_named() {
        let error = DeviceError::OutOfMemory {
            device: "cpu:0".into(),
            requested: 100,
            in_use: 50,
            limit: " (limit 120)".into(),
            largest: Vec::new(),
        };
        assert!(!error.to_string().contains("largest"));
        let tensor = |n: usize| LiveTensor {
            what: format!("`t{n}`"),
            ty: TensorType::new(DType::F32, [n]),
            bytes: 4 * n as u64,
        };
        let text = error.naming((1..5).map(tensor)).naming((5..9).map(tensor)).to_string();
        assert!(
            text.contains("the largest tensors:\n    32 bytes: f32[8], `t8`\n    28 bytes: f32[7], `t7`\n"),
            "{text}"
        );
        assert!(text.contains("t4") && !text.contains("t3"), "{text}");
    }
}
