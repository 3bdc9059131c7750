//! What `hadal-shaders` hands to a backend.

use hadal_graph::op::KernelLanguage;
use hadal_graph::program::ValueId;
use hadal_graph::{DType, Dim, DimError};

/// The facts about a device that decide which kernels it can run and which it should.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Capabilities {
    /// WGSL `enable f16;`.
    pub f16: bool,
    /// Native 64-bit integers in shaders. Kernels emulate them on two words everywhere, so that there is one arithmetic to trust.
    pub int64: bool,
    /// Subgroup operations, with the least and largest subgroup size.
    pub subgroups: Option<(u32, u32)>,
    /// Largest number of invocations in a workgroup.
    pub max_invocations: u32,
    /// Bytes of workgroup memory.
    pub workgroup_memory: u32,
    /// Storage buffers that one kernel may bind for values. A kernel that reports faults binds one more.
    pub max_storage_buffers: u32,
    /// Workgroups in one dimension of a dispatch.
    pub max_workgroups: u32,
    /// Whether a CPU emulates the device: fewer, fatter threads win.
    pub software: bool,
    /// Whether the driver ends loops, without a word, once an invocation made so many rounds of them in all. Kernels then report it ([`LOOPS_ENDED`]).
    pub ends_loops: bool,
    /// The language in which it takes kernels of a program's own beside WGSL.
    pub language: Option<KernelLanguage>,
}

/// Set in what a kernel reports in the word of faults where its loops were ended ([`Capabilities::ends_loops`]).
pub const LOOPS_ENDED: u32 = 1 << 31;

/// How the elements of a dtype lie in a storage buffer.
///
/// Types that WGSL cannot store alone are held wide, so that no two invocations ever write one word: `bool`, `i8`, `i16`
/// as `i32`; `u8`, `u16` as `u32`; `bf16`, and `f16` where the device lacks it, as an `f32` that was rounded. Frozen
/// parameters are only read, so they stay packed (`packed`), four or two elements to a word.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Storage {
    /// `array<f32>`.
    F32,
    /// `array<f16>`.
    F16,
    /// `array<i32>`.
    I32,
    /// `array<u32>`.
    U32,
    /// `array<vec2<u32>>`, low word first.
    Wide64,
    /// `array<u32>` of packed elements in canonical layout.
    Packed,
}

impl Storage {
    /// How a value of `dtype` is stored. `frozen`: it is a parameter or constant. `None`: the device cannot hold the dtype.
    pub fn of(dtype: DType, frozen: bool, capabilities: &Capabilities) -> Option<Storage> {
        Some(match dtype {
            DType::F32 => Storage::F32,
            DType::I32 => Storage::I32,
            DType::U32 => Storage::U32,
            DType::I64 | DType::U64 => Storage::Wide64,
            DType::F64 => return None,
            DType::F16 if capabilities.f16 => Storage::F16,
            _ if frozen => Storage::Packed,
            DType::F16 | DType::BF16 => Storage::F32,
            DType::Bool | DType::I8 | DType::I16 => Storage::I32,
            DType::U8 | DType::U16 => Storage::U32,
        })
    }

    /// Bytes of `elements` elements, rounded up to 16: kernels may read and write whole `vec4`s, so the allocation and the
    /// binding both have this size. What lies behind the last element is unspecified.
    pub fn bytes(self, dtype: DType, elements: u64) -> u64 {
        let bytes = match self {
            Storage::F32 | Storage::I32 | Storage::U32 => elements * 4,
            Storage::F16 => elements * 2,
            Storage::Wide64 => elements * 8,
            Storage::Packed => elements * dtype.size() as u64,
        };
        bytes.next_multiple_of(16)
    }
}

/// One way to run a step.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Candidate {
    /// Archetype and variant: `contract/register_8x8`.
    pub variant: &'static str,
    /// Kernels, to be run in order; each sees what the one before wrote.
    pub launches: Vec<Launch>,
    /// Sizes in bytes of buffers that live as long as the step and that bindings name by position.
    pub scratch: Vec<Dim>,
}

/// One specialised kernel, ready to compile and dispatch.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Launch {
    /// Name of the kernel: `contract/register_8x8`.
    pub variant: &'static str,
    /// The WGSL module; its entry point is `main`. Equal steps give equal text whatever their extents, so it is the key of pipeline caches.
    pub source: String,
    /// `@group(0) @binding(i)` is the storage of `bindings[i]`, and whether the kernel writes it. Values that may lie in
    /// the arena are declared `read_write` even where they are only read, since WebGPU tracks usage per buffer.
    pub bindings: Vec<Binding>,
    /// Uniform buffer at `@binding(bindings.len())`: `array<vec4<u32>, N>` of these sizes, each as the low 32 bits of its value, in order.
    /// It is always declared, with `N` at least 1.
    pub params: Vec<Dim>,
    /// Whether the kernel can meet an index out of range, or a driver that ends its loops: it then has `fault: array<atomic<u32>>` at `@binding(bindings.len() + 1)` and does
    /// `atomicMax(&fault[0], code)`, where `code` is one more parameter that the backend appends after [`Launch::params`].
    pub faults: bool,
    /// Number of workgroups. Kernels derive the linear workgroup number as `id.x + id.y * num_workgroups.x`, so a backend is free to
    /// fold a large number into two dimensions; surplus workgroups do nothing.
    pub workgroups: Dim,
    /// Present where `source` is no WGSL, but a kernel in the device's [`Capabilities::language`].
    pub native: Option<NativeEntry>,
}

/// What a host must know of a kernel that is no WGSL.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct NativeEntry {
    /// The kernel's name.
    pub name: String,
    /// Threads of a block.
    pub threads: u32,
    /// The binding whose address each of the kernel's parameters is.
    pub arguments: Vec<u32>,
}

/// What a binding names.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Source {
    /// A value, already resolved by [`hadal_graph::program::Program::storage`].
    Value(ValueId),
    /// The n-th of [`Candidate::scratch`].
    Scratch(usize),
}

/// One storage binding of a [`Launch`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Binding {
    /// What is bound.
    pub source: Source,
    /// Whether the WGSL declares it `read_write` (true) or `read` (false).
    pub read_write: bool,
    /// Whether the kernel writes it.
    pub written: bool,
}

/// Why a step has no kernel.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ShaderError {
    /// The dtype cannot be stored or computed.
    #[error("`{op}` cannot run on {dtype} in WGSL")]
    DType {
        /// The step's label.
        op: String,
        /// The dtype.
        dtype: DType,
    },
    /// More values than the device can bind to one kernel.
    #[error("`{op}` binds {needed} values, but the device allows {limit}")]
    Bindings {
        /// The step's label.
        op: String,
        /// Values the step needs.
        needed: usize,
        /// What the device allows.
        limit: usize,
    },
    /// Two values of one storage whose elements differ in size.
    #[error("`{op}` writes {written} in place of {read}, which lies differently in memory")]
    Alias {
        /// The step's label.
        op: String,
        /// The dtype of the value that is read.
        read: DType,
        /// The dtype of the value that takes its place.
        written: DType,
    },
    /// The device's limits leave no variant.
    #[error("`{op}` has no kernel within the limits of the device: {reason}")]
    Limits {
        /// The step's label.
        op: String,
        /// Which limit.
        reason: String,
    },
    /// A size is unknown or does not fit.
    #[error(transparent)]
    Dim(#[from] DimError),
    /// The step is driven by the host and has no kernel.
    #[error("`{op}` is a control step, which has no kernel of its own")]
    Control {
        /// The step's label.
        op: String,
    },
}
