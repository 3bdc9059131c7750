//! Small WGSL programs that show what the language means: each expression, statement and built-in function that compute can use, edge
//! values included.
//!
//! A program is a file in `programs/`: a compute entry point `main` that reads buffers and writes buffers of group 0. Lines that begin
//! with `//:` say how to run it:
//!
//! | line | meaning |
//! |---|---|
//! | `in TYPE: values` | the next binding, `var<storage, read>` |
//! | `inout TYPE: values` | the next binding, `var<storage, read_write>`, compared afterwards |
//! | `out TYPE COUNT` | the next binding, the same with zeros |
//! | `uniform TYPE: values` | the next binding, `var<uniform>` |
//! | `immediate TYPE: values` | the immediates; not a binding |
//! | `groups X [Y [Z]]` | how many workgroups; one without it |
//! | `needs NAME…` | what a device must have: see [`Need`] |
//! | `within ABSOLUTE RELATIVE` | how far floats may be apart; without it, only NaNs may differ |
//!
//! Values are decimal numbers, `nan`, `inf`, `-inf`, or bits as `0x…`. Bindings are numbered from 0 in the order of the lines.
//!
//! Programs that are an expression or a function of a few values are lines of [tables](table), and some are [random]; many of them share a module, see [batch].
//!
//! The crate runs nothing. A test takes [`all`] and [`batch::programs`], runs each program on two devices, and asks [`Program::compare`].
#![forbid(unsafe_code)]

pub mod batch;
mod parse;
pub mod random;
pub mod table;
pub mod values;

use half::f16;
use std::path::Path;

/// One program.
#[derive(Clone, Debug, PartialEq)]
pub struct Program {
    /// Name of the file, without its ending.
    pub name: String,
    /// WGSL, with the lines that say how to run it.
    pub source: String,
    /// Bindings of group 0, in order.
    pub buffers: Vec<Buffer>,
    /// Workgroups.
    pub groups: [u32; 3],
    /// The immediates' bytes; empty for none.
    pub immediates: Vec<u8>,
    /// What a device must have.
    pub needs: Vec<Need>,
    /// How far floats may be apart: absolute and relative.
    pub within: Option<(f64, f64)>,
    /// The programs that share this module, where there are several.
    pub parts: Vec<Part>,
}

/// Where a program of a module puts its results.
#[derive(Clone, Debug, PartialEq)]
pub struct Part {
    /// The buffer.
    pub binding: usize,
    /// The first element.
    pub first: usize,
    /// How many elements.
    pub count: usize,
    /// Name of the program.
    pub name: String,
}

/// A binding.
#[derive(Clone, Debug, PartialEq)]
pub struct Buffer {
    /// How the program may use it.
    pub access: Access,
    /// What it holds.
    pub element: Element,
    /// What it holds before the run.
    pub bytes: Vec<u8>,
}

/// How a program may use a buffer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// `var<storage, read>`.
    Read,
    /// `var<storage, read_write>`.
    Write,
    /// `var<uniform>`.
    Uniform,
}

/// What a device may lack.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Need {
    /// `f16`.
    F16,
    /// `i64` and `u64`.
    Int64,
    /// Subgroup operations.
    Subgroups,
    /// `var<immediate>`.
    Immediates,
    /// Atomics of `f32`.
    F32Atomics,
    /// Atomics of `i64` and `u64`.
    Int64Atomics,
}

/// Elements of a buffer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Element {
    /// `i32`.
    I32,
    /// `u32`.
    U32,
    /// `i64`.
    I64,
    /// `u64`.
    U64,
    /// `f16`.
    F16,
    /// `f32`.
    F32,
}

impl Element {
    /// Bytes of one.
    pub fn size(self) -> usize {
        match self {
            Element::F16 => 2,
            Element::I32 | Element::U32 | Element::F32 => 4,
            Element::I64 | Element::U64 => 8,
        }
    }

    /// The float in `bytes`; `None` for integers.
    fn float(self, bytes: &[u8]) -> Option<f64> {
        match (self, bytes) {
            (Element::F16, &[a, b]) => Some(f16::from_le_bytes([a, b]).to_f64()),
            (Element::F32, &[a, b, c, d]) => Some(f32::from_le_bytes([a, b, c, d]).into()),
            _ => None,
        }
    }
}

/// The folder of the programs.
pub fn folder() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/programs"))
}

/// Every program, sorted by name.
///
/// Errors: a folder or file that cannot be read, or a line that cannot be understood, with its place.
pub fn all() -> Result<Vec<Program>, String> {
    let mut programs = Vec::new();
    let entries = std::fs::read_dir(folder()).map_err(|e| format!("{}: {e}", folder().display()))?;
    for entry in entries {
        let path = entry.map_err(|e| e.to_string())?.path();
        let source = std::fs::read_to_string(&path).map_err(|e| format!("{}: {e}", path.display()))?;
        let name = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
        programs.push(Program::parse(&name, &source)?);
    }
    programs.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(programs)
}

impl Program {
    /// Compares what two runs left in the buffers that the program may write: one entry a binding, in order.
    ///
    /// Errors: the first element that differs by more than the program allows.
    pub fn compare(&self, got: &[Vec<u8>], expected: &[Vec<u8>]) -> Result<(), String> {
        let written = self.buffers.iter().enumerate().filter(|(_, b)| b.access == Access::Write);
        for (binding, buffer) in written {
            let size = buffer.element.size();
            let (Some(got), Some(expected)) = (got.get(binding), expected.get(binding)) else {
                return Err(format!("{}: binding {binding} was not read back", self.name));
            };
            let elements = buffer.bytes.len() / size;
            for i in 0..elements {
                let (Some(g), Some(e)) =
                    (got.get(i * size..(i + 1) * size), expected.get(i * size..(i + 1) * size))
                else {
                    return Err(format!(
                        "{}: binding {binding} has fewer than {elements} elements",
                        self.name
                    ));
                };
                if g == e || self.close(buffer.element, g, e) {
                    continue;
                }
                return Err(format!(
                    "{}: binding {binding}[{i}]{} is {}, expected {}",
                    self.name,
                    self.part(binding, i),
                    show(buffer.element, g),
                    show(buffer.element, e)
                ));
            }
        }
        Ok(())
    }

    /// The program of an element, and the element's number among its own.
    fn part(&self, binding: usize, element: usize) -> String {
        let mut parts = self.parts.iter().filter(|part| part.binding == binding);
        let part = parts.find(|part| (part.first..part.first + part.count).contains(&element));
        part.map(|part| format!(" (`{}`, {})", part.name, element - part.first)).unwrap_or_default()
    }

    fn close(&self, element: Element, got: &[u8], expected: &[u8]) -> bool {
        let (Some(got), Some(expected)) = (element.float(got), element.float(expected)) else { return false };
        if got.is_nan() || expected.is_nan() {
            return got.is_nan() && expected.is_nan();
        }
        match self.within {
            Some((absolute, relative)) => {
                got == expected || (got - expected).abs() <= absolute + relative * expected.abs()
            }
            None => false,
        }
    }
}

/// An element's value and bits.
fn show(element: Element, bytes: &[u8]) -> String {
    let mut word = [0; 8];
    word[..bytes.len()].copy_from_slice(bytes);
    let bits = u64::from_le_bytes(word);
    match (element, element.float(bytes)) {
        (_, Some(value)) => format!("{value:?} ({bits:#x})"),
        (Element::I32, _) => (bits as u32 as i32).to_string(),
        (Element::I64, _) => (bits as i64).to_string(),
        _ => bits.to_string(),
    }
}
