//! What a translation gives.

/// A kernel in CUDA C++ or HIP C++, and what a host must know to launch it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Kernel {
    /// The whole text, ready for the compiler.
    pub source: String,
    /// Where the prelude ends in `source` and what belongs to this kernel begins, in bytes.
    pub body: usize,
    /// Name of the kernel in the compiled module; it has C linkage.
    pub entry: String,
    /// Invocations of a workgroup: the block's extents.
    pub workgroup_size: [u32; 3],
    /// The kernel's parameters, in order.
    pub parameters: Vec<Parameter>,
    /// Bytes of workgroup memory, allocated statically.
    pub shared_bytes: u32,
}

/// One parameter of a kernel.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Parameter {
    /// A device pointer to a buffer, aligned to 16 bytes at least.
    Buffer {
        /// `@group`.
        group: u32,
        /// `@binding`.
        binding: u32,
        /// Whether it is `var<uniform>`.
        uniform: bool,
        /// Whether the kernel may write it.
        writable: bool,
    },
    /// By value: for each of these buffers its size in bytes, a `u64`.
    Lengths {
        /// Group and binding of each.
        buffers: Vec<(u32, u32)>,
    },
    /// By value: `var<immediate>`, laid out as in WGSL.
    Immediates {
        /// Its size.
        bytes: u32,
    },
}
