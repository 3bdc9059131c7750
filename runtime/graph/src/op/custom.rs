//! An op whose kernel a program writes itself.
//!
//! | | |
//! |---|---|
//! | inputs | any number from 1 on, each `F32`, `I32` or `U32` |
//! | output | of the type that the program states: element by element |
//! | gradient | none of its own: wrap it in [`CustomGradient`](super::CustomGradient) |
//! | ONNX / PyTorch | a custom operator / a C++ or CUDA extension |
//!
//! For WGSL it is the text of `fn element(i: u32) -> f32` (or `i32`, `u32`), which may read any element of any operand: `x0(j)` is element `j`
//! of the first one in row-major order, `x0_extent(axis)` its extent. For hosts it is a closure that does the same. Where a backend runs only
//! the form that is missing, it refuses the op. Kernels in CUDA C++ and HIP C++ may stand beside the WGSL: a backend that takes them compares them with the host
//! function before it uses them.

use super::{Infer, Operator, Types, one};
use crate::error::{GraphError, OpError};
use crate::gradient::Backward;
use crate::graph::NodeId;
use crate::reference::{Array, Evaluate, Values};
use crate::{DType, TensorType};
use serde::{Deserialize, Serialize};
use std::fmt;
use std::hash::{Hash, Hasher};
use std::sync::Arc;

/// An op whose kernel a program writes itself.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Custom {
    /// For people.
    pub name: String,
    /// The type of the result.
    pub ty: TensorType,
    /// WGSL that declares `fn element(i: u32)`, and what that calls.
    pub wgsl: String,
    /// The same for hosts. Files do not keep it.
    #[serde(skip)]
    pub host: Option<HostElement>,
    /// The same in languages of vendors, at most one in each: tried where a backend takes the language, and used if they agree with `host`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub sources: Vec<KernelSource>,
}

/// A language of kernels beside WGSL.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum KernelLanguage {
    /// CUDA C++.
    Cuda,
    /// HIP C++.
    Hip,
}

impl fmt::Display for KernelLanguage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            KernelLanguage::Cuda => "CUDA C++",
            KernelLanguage::Hip => "HIP C++",
        })
    }
}

/// A whole kernel in a language of a vendor.
///
/// The text declares `extern "C" __global__ void entry(..)`. Its parameters are a pointer to each operand, in order, one to the result, and last a pointer to
/// `const unsigned` sizes: the number of the result's elements, then all extents of the first operand, of the second, and so on. Elements lie in row-major order, as
/// `float`, `int` or `unsigned`. Blocks have one dimension of threads; block number `blockIdx.x + blockIdx.y * gridDim.x` computes the results from that number times
/// [`KernelSource::results`] on, and does nothing where these lie behind the end. Headers of a toolkit are not there.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct KernelSource {
    /// What it is written in.
    pub language: KernelLanguage,
    /// The kernel's name.
    pub entry: String,
    /// The text.
    pub text: String,
    /// Threads of a block.
    pub threads: u32,
    /// Elements of the result that a block computes.
    pub results: u32,
}

impl KernelSource {
    /// A kernel with 256 threads in a block, each of which computes one element.
    pub fn new(language: KernelLanguage, entry: &str, text: &str) -> KernelSource {
        KernelSource { language, entry: entry.into(), text: text.into(), threads: 256, results: 256 }
    }

    /// The same with `threads` threads in a block, which computes `results` elements.
    pub fn blocks(self, threads: u32, results: u32) -> KernelSource {
        KernelSource { threads, results, ..self }
    }

    /// Errors: no block of a GPU is like that, or the name is none in C.
    fn check(&self) -> Result<(), OpError> {
        let name = self.entry.as_bytes();
        let letters = name.iter().all(|&c| c == b'_' || c.is_ascii_alphanumeric());
        if !letters || name.first().is_none_or(u8::is_ascii_digit) {
            return Err(OpError::Value(format!(
                "`{}` is no name of a kernel in {}",
                self.entry, self.language
            )));
        }
        if !(1..=1024).contains(&self.threads) || self.results == 0 {
            return Err(OpError::Value(format!(
                "`{}` has {} threads in a block, which compute {} elements\n  hint: 1 to 1024 threads, and 1 element or more",
                self.entry, self.threads, self.results
            )));
        }
        Ok(())
    }
}

/// An operand as a host function sees it.
#[derive(Clone, Copy, Debug)]
pub struct CustomOperand<'a> {
    /// Elements in row-major order; `f64` holds those of every dtype that custom ops take.
    pub values: &'a [f64],
    /// Extents.
    pub shape: &'a [usize],
}

/// One element of the result from its number and the operands.
type Element = dyn Fn(&[CustomOperand<'_>], usize) -> f64 + Send + Sync;

/// A host function; two are equal if they are the same one.
#[derive(Clone)]
pub struct HostElement(Arc<Element>);

impl HostElement {
    /// Wraps a closure. Clones of the result are equal to it, another wrapping of the same closure is not.
    pub fn new(f: impl Fn(&[CustomOperand<'_>], usize) -> f64 + Send + Sync + 'static) -> HostElement {
        HostElement(Arc::new(f))
    }

    /// Element number `index` of the result.
    pub fn call(&self, operands: &[CustomOperand<'_>], index: usize) -> f64 {
        (self.0)(operands, index)
    }

    fn address(&self) -> usize {
        Arc::as_ptr(&self.0).cast::<()>().addr()
    }
}

impl PartialEq for HostElement {
    fn eq(&self, other: &HostElement) -> bool {
        self.address() == other.address()
    }
}
impl Eq for HostElement {}

impl Hash for HostElement {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.address().hash(state);
    }
}

impl fmt::Debug for HostElement {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a host function")
    }
}

/// Whether custom ops take a dtype: those that every device holds as they are.
pub(crate) fn is_plain(dtype: DType) -> bool {
    matches!(dtype, DType::F32 | DType::I32 | DType::U32)
}

impl Operator for Custom {
    fn infer(&self, cx: &Infer<'_>) -> Result<Types, OpError> {
        if cx.inputs.is_empty() {
            return Err(OpError::Arity { expected: "at least 1".into(), given: 0 });
        }
        let types = cx.inputs.iter().copied().enumerate().map(|(i, ty)| (format!("operand {i}"), ty));
        for (what, ty) in types.chain([("the result".to_string(), &self.ty)]) {
            if !is_plain(ty.dtype) {
                let (expected, given) = ("f32, i32 or u32".into(), ty.dtype);
                return Err(OpError::DType { what: format!("{what} of `{}`", self.name), expected, given });
            }
        }
        for (number, source) in self.sources.iter().enumerate() {
            source.check()?;
            if self.sources[..number].iter().any(|earlier| earlier.language == source.language) {
                let language = source.language;
                return Err(OpError::Value(format!("`{}` has two kernels in {language}", self.name)));
            }
        }
        one(self.ty.clone())
    }

    fn evaluate(&self, cx: &Evaluate<'_>) -> Result<Vec<Array>, OpError> {
        let Some(host) = &self.host else {
            return Err(OpError::Value(format!(
                "the custom op `{}` has a WGSL kernel, but no host function\n  hint: give it one with `on_host`, or run it on wgpu",
                self.name
            )));
        };
        let wide: Vec<Vec<f64>> = cx
            .inputs
            .iter()
            .map(|x| match &x.values {
                Values::Float(values) => values.clone(),
                Values::Int(values) => values.iter().map(|&v| v as f64).collect(),
            })
            .collect();
        let operands: Vec<CustomOperand<'_>> =
            wide.iter().zip(cx.inputs).map(|(values, x)| CustomOperand { values, shape: &x.shape }).collect();
        let shape = cx.shape()?;
        let values = (0..shape.iter().product()).map(|i| host.call(&operands, i));
        Ok(vec![match self.ty.dtype.is_float() {
            true => Array::floats(self.ty.dtype, shape, values.collect()),
            false => Array::ints(self.ty.dtype, shape, values.map(|v| v as i128).collect()),
        }])
    }

    fn gradient(&self, cx: &mut Backward<'_>) -> Result<Vec<Option<NodeId>>, GraphError> {
        Err(cx.no_gradient(
            "nobody can tell what its kernel computes: state its gradient with `custom_gradient`",
        ))
    }
}
