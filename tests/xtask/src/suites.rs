//! The suites of `cargo xtask test`, in the order in which they run: cheap ones first.

/// What runs a suite.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Runner {
    /// A cargo command as it stands.
    Cargo(&'static [&'static str]),
    /// Test programs of these packages, by nextest where there is one.
    Tests(&'static [&'static str]),
}

/// What a suite needs of the machine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Need {
    /// A Vulkan driver, hardware or software.
    Driver,
    /// rustc's browser target.
    Wasm,
    /// The models.
    Models,
    /// The data sets that packages of the system bring.
    Data,
    /// NVRTC and `ptxas`.
    Cuda,
    /// clang with AMD's back end.
    Clang,
    /// HIP's headers.
    Hip,
}

/// A named part of the tests.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Suite {
    /// What a person types.
    pub(crate) name: &'static str,
    /// One line.
    pub(crate) purpose: &'static str,
    pub(crate) runner: Runner,
    pub(crate) needs: &'static [Need],
    pub(crate) environment: &'static [(&'static str, &'static str)],
}

const fn suite(name: &'static str, purpose: &'static str, runner: Runner) -> Suite {
    Suite { name, purpose, runner, needs: &[], environment: &[] }
}

impl Suite {
    const fn needs(self, needs: &'static [Need]) -> Suite {
        Suite { needs, ..self }
    }

    const fn with(self, environment: &'static [(&'static str, &'static str)]) -> Suite {
        Suite { environment, ..self }
    }
}

macro_rules! features {
    () => {
        "hadal-data/parquet,hadal-data/zstd,hadal-data/tokenizers,hadal-cli/dashboard"
    };
}

/// Features beside the default ones that all tests are built with.
pub(crate) const FEATURES: &str = features!();

/// lavapipe without LLVM's optimisations. Of suites that make thousands of kernels and run each once, compiling them is most of the time: all op cases take
/// 65 s so, and 101 s otherwise.
const LAVAPIPE: &[(&str, &str)] = &[("GALLIVM_PERF", "nopt")];

/// Those, and the one that compares our table of HIP's functions with the crate `hip-sys`: it takes HIP's headers to compile and its library to link, so it is for
/// lints alone.
pub(crate) const LINTED: &str = concat!(features!(), ",hadal-rocm/hip-sys");

/// Every suite.
pub(crate) fn all() -> &'static [Suite] {
    use Need::{Clang, Cuda, Data, Driver, Hip, Models, Wasm};
    use Runner::{Cargo, Tests};
    const {
        &[
            suite("format", "rustfmt finds nothing to change", Cargo(&["fmt", "--all", "--check"])),
            suite(
                "clippy",
                "no warning anywhere, and HIP's functions as hip-sys has them",
                Cargo(&[
                    "clippy",
                    "--workspace",
                    "--all-targets",
                    "--features",
                    LINTED,
                    "--",
                    "-D",
                    "warnings",
                ]),
            )
            .needs(&[Hip]),
            suite("graph", "ops, gradients, passes, reference", Tests(&["hadal-graph"])),
            suite("device", "selectors and the registry", Tests(&["hadal-device"])),
            suite("shaders", "every kernel is valid WGSL and as it was", Tests(&["hadal-shaders"])),
            suite(
                "simt",
                "every kernel in CUDA and HIP C++, by real compilers; small programs against lavapipe",
                Tests(&["hadal-simt", "hadal-wgsl-programs"]),
            )
            .needs(&[Cuda, Clang, Driver]),
            suite(
                "standin",
                "the stand-in CUDA driver and HIP runtime: PTX on the CPU",
                Tests(&["hadal-standin"]),
            )
            .needs(&[Cuda]),
            suite("formats", "readers and writers, damaged files", Tests(&["hadal-formats"]))
                .needs(&[Models]),
            suite("data", "data sets, loaders, every reader, augmentation", Tests(&["hadal-data"]))
                .needs(&[Data]),
            suite("cpu", "the cpu backend", Tests(&["hadal-cpu"])),
            suite("wgpu", "the wgpu backend with all features", Tests(&["hadal-launch", "hadal-wgpu"]))
                .needs(&[Driver]),
            suite(
                "native",
                "what CUDA and ROCm share, and their calls",
                Tests(&["hadal-native", "hadal-cuda", "hadal-rocm"]),
            )
            .needs(&[Cuda]),
            suite("wgpu-limits", "the same with WebGPU's default limits", Tests(&["hadal-wgpu"]))
                .needs(&[Driver])
                .with(&[("HADAL_WGPU_FEATURES", "none")]),
            suite("hadal", "tensors, models, layers", Tests(&["hadal"]))
                .needs(&[Driver, Models])
                .with(LAVAPIPE),
            suite(
                "cross",
                "every op case on every backend, on wgpu with all features and with WebGPU's default limits",
                Tests(&["hadal-suite"]),
            )
            .needs(&[Driver, Models, Cuda])
            .with(LAVAPIPE),
            suite("train", "metrics, records, recipes, losses beside PyTorch's", Tests(&["hadal-train"]))
                .needs(&[Driver, Data]),
            suite("cli", "the hadal command and these tasks", Tests(&["hadal-cli", "xtask"]))
                .needs(&[Driver, Models]),
            suite(
                "doc",
                "examples in the documentation",
                Cargo(&["test", "--quiet", "--workspace", "--features", FEATURES, "--doc"]),
            ),
            suite("wasm", "hadal, hadal-data and hadal-web compile for browsers", Cargo(crate::wasm::BUILD))
                .needs(&[Wasm]),
            suite(
                "browser-parts",
                "its graphs, and what it must not contain",
                Tests(&["hadal-browser", "hadal-web"]),
            )
            .needs(&[Data]),
            suite("browser", "the npm package in a headless Chromium", Cargo(&["xtask", "browser"]))
                .needs(&[Wasm]),
        ]
    }
}
