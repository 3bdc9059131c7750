//! In what CUDA C++ and HIP C++ differ.

use crate::Options;

/// The language of a kernel.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Dialect {
    /// CUDA C++ for NVRTC, which needs no header of a toolkit.
    Cuda,
    /// HIP C++ for hipRTC, which brings its own header; other compilers need `-include hip/hip_runtime.h`.
    Hip {
        /// Lanes of a wavefront of the device.
        wave: Wave,
    },
}

/// Lanes of an AMD wavefront.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Wave {
    /// 32: RDNA.
    Lanes32,
    /// 64: GCN and CDNA.
    Lanes64,
}

/// What the writer asks of a dialect.
pub(crate) struct Table {
    /// At the top of the text.
    pub(crate) head: &'static str,
    /// The prelude's file with `f16`.
    pub(crate) half: &'static str,
    /// The prelude's file with the lanes of a subgroup.
    pub(crate) lanes: &'static str,
    /// A literal of type `f16`, a constant expression.
    pub(crate) half_literal: fn(bits: u16, value: f32) -> String,
}

const CUDA: Table = Table {
    head: "",
    half: include_str!("../prelude/half_cuda.h"),
    lanes: include_str!("../prelude/lanes_cuda.h"),
    half_literal: |bits, _| format!("wgsl::f16{{{bits:#06x}}}"),
};

const HIP: Table = Table {
    head: "#pragma clang fp contract(off)\n",
    half: include_str!("../prelude/half_hip.h"),
    lanes: include_str!("../prelude/lanes_hip.h"),
    half_literal: |bits, value| match value.is_finite() {
        true => format!("f16({value:?}f)"),
        false => format!("wgsl::half_from_bits({bits:#06x})"),
    },
};

impl Dialect {
    /// Lanes of a subgroup.
    pub fn subgroup_size(self) -> u32 {
        match self {
            Dialect::Cuda | Dialect::Hip { wave: Wave::Lanes32 } => 32,
            Dialect::Hip { wave: Wave::Lanes64 } => 64,
        }
    }

    /// What the run-time compiler must be told so that the text means what it should; the architecture comes on top.
    pub fn compiler_flags(self, options: &Options) -> Vec<&'static str> {
        let mut flags = vec!["-std=c++17"];
        match self {
            Dialect::Cuda => {
                flags.push(if options.contract { "-fmad=true" } else { "-fmad=false" });
                if options.fast_math {
                    flags.push("-use_fast_math");
                }
            }
            Dialect::Hip { wave } => {
                flags.push(if options.contract { "-ffp-contract=fast" } else { "-ffp-contract=off" });
                flags.push(match wave {
                    Wave::Lanes32 => "-mno-wavefrontsize64",
                    Wave::Lanes64 => "-mwavefrontsize64",
                });
                if options.fast_math {
                    flags.push("-ffast-math");
                }
            }
        }
        flags
    }

    pub(crate) fn table(self) -> &'static Table {
        match self {
            Dialect::Cuda => &CUDA,
            Dialect::Hip { .. } => &HIP,
        }
    }

    /// Text at the top that says under which options the kernel was written.
    pub(crate) fn head(self, options: &Options) -> String {
        let mut head = match options.contract {
            true => String::new(),
            false => self.table().head.to_string(),
        };
        if let Dialect::Hip { .. } = self {
            head += &format!("#define WGSL_WAVE {}\n", self.subgroup_size());
        }
        head += &format!("#define WGSL_DIVERGED {}\n", options.diverged_subgroups as u32);
        head
    }
}
