//! Kernels of a program's own: WGSL, and whole ones in the device's language, which are used if they agree with the host function.

use super::{Open, open};
use hadal_device::{Arguments, Backend, DeviceError, Weights};
use hadal_graph::op::{Custom, CustomOperand, HostElement, KernelLanguage, KernelSource};
use hadal_graph::{Bindings, DType, Dim, Graph, GraphError, HostTensor, Symbol, compile};
use hadal_native::Platform;
use hadal_suite::cases;
use std::sync::Arc;

/// Element `i` of a row plus twice the mirror image of a row of integers, as WGSL.
const WGSL: &str = "fn element(i: u32) -> f32 {
    let columns = x0_extent(1u);
    return x0(i) + 2.0 * f32(x1(columns - 1u - i % columns));
}";

/// Each thread computes two elements, so that blocks and elements are told apart. `LAST` is what a wrong kernel gets wrong.
const RIGHT: &str = r#"extern "C" __global__ void mirror(const float* x, const int* row, float* y, const unsigned* sizes) {
    unsigned block = blockIdx.x + blockIdx.y * gridDim.x, columns = sizes[2];
    for (unsigned k = 0; k < 2; ++k) {
        unsigned i = (block * 2 + k) * blockDim.x + threadIdx.x;
        if (i < sizes[0]) y[i] = x[i] + 2 * row[columns - 1 - i % columns];
    }
}"#;

/// What the kernel gets, and which of it should be used.
struct Trial {
    sources: Vec<KernelSource>,
    host: bool,
    /// The kernel that runs.
    kernel: &'static str,
    /// Part of the reason for which the candidate is not used; empty where it is.
    reason: &'static str,
}

/// A kernel for each platform, and what is wrong with it.
fn trials(own: KernelLanguage, other: KernelLanguage) -> Vec<Trial> {
    let source = |language, text: &str| vec![KernelSource::new(language, "mirror", text).blocks(64, 128)];
    let used = if own == KernelLanguage::Cuda { "custom/cuda" } else { "custom/hip" };
    let wgsl = "custom/element";
    // It is right but for the last element.
    let short = RIGHT.replace("i < sizes[0]", "i + 1 < sizes[0]");
    let broken = RIGHT.replace("sizes[2]", "nothing");
    let misnamed = RIGHT.replace("mirror", "image");
    vec![
        Trial { sources: Vec::new(), host: true, kernel: wgsl, reason: "" },
        Trial { sources: source(own, RIGHT), host: true, kernel: used, reason: "" },
        Trial { sources: source(other, "no C++"), host: true, kernel: wgsl, reason: "" },
        Trial {
            sources: source(own, &short),
            host: true,
            kernel: wgsl,
            reason: "it differs from the reference",
        },
        Trial { sources: source(own, &broken), host: true, kernel: wgsl, reason: "nothing" },
        Trial { sources: source(own, &misnamed), host: true, kernel: wgsl, reason: "mirror" },
        Trial {
            sources: source(own, RIGHT),
            host: false,
            kernel: wgsl,
            reason: "hint: give the op a host function",
        },
    ]
}

fn graph(trial: &Trial) -> Result<Graph, GraphError> {
    let mut g = Graph::new("brought");
    let rows = Dim::symbol("rows");
    let x = g.input("x", DType::F32, [rows, Dim::from(50)])?;
    let row = g.input("row", DType::I32, [50])?;
    let host = HostElement::new(|x: &[CustomOperand<'_>], i: usize| {
        let columns = x[0].shape[1];
        x[0].values[i] + 2.0 * x[1].values[columns - 1 - i % columns]
    });
    let op = Custom {
        name: "mirror".into(),
        ty: g.ty(x).clone(),
        wgsl: WGSL.into(),
        host: trial.host.then_some(host),
        sources: trial.sources.clone(),
    };
    let y = g.apply(op, &[x, row])?;
    g.output("y", y);
    Ok(g)
}

/// The result, and the kernel that computed it.
fn run(backend: &dyn Backend, graph: &Graph, rows: usize) -> Result<(Vec<f32>, String), DeviceError> {
    let program = Arc::new(compile(graph, backend.target()).unwrap());
    let x: Vec<f32> = (0..rows * 50).map(|i| i as f32 / 8.0).collect();
    let row: Vec<i32> = (0..50).collect();
    pollster::block_on(async {
        let executable = backend.prepare(program, &Weights::new()).await?;
        let inputs = vec![
            backend.upload(&HostTensor::new([rows, 50], &x).unwrap())?,
            backend.upload(&HostTensor::new([50], &row).unwrap())?,
        ];
        let mut bindings = Bindings::new();
        bindings.bind(Symbol("rows".into()), rows).unwrap();
        let (results, times) =
            executable.profile(Arguments { bindings, inputs, variables: Vec::new() }).await?;
        let bytes = backend.read(&results.outputs[0]).await?;
        let values = bytes.chunks_exact(4).map(|b| f32::from_le_bytes([b[0], b[1], b[2], b[3]])).collect();
        Ok((values, times[0].kernel.clone()))
    })
}

/// The library's own cases, then kernels of which some are right, some are wrong, and one cannot be judged.
pub(crate) fn brought(platform: &dyn Platform, own: KernelLanguage, other: KernelLanguage) {
    let Some(Open { backend, standin }) = open(platform) else { return };
    let library = cases::all(&cases::EVERYWHERE).unwrap();
    let custom: Vec<_> = library.iter().filter(|case| case.name.contains("kernel of one's own")).collect();
    assert!(custom.len() >= 2);
    for case in custom {
        pollster::block_on(hadal_suite::run(case, &backend)).unwrap_or_else(|error| panic!("{error}"));
    }
    for trial in trials(own, other) {
        let graph = graph(&trial).unwrap();
        let before = backend.rejections().len();
        // Sizes of two classes, so that the candidate is judged twice.
        for rows in [7, 70] {
            let (actual, kernel) = run(&backend, &graph, rows)
                .unwrap_or_else(|error| panic!("{}: {error} {}", trial.reason, standin.report()));
            let expected = (0..rows * 50).map(|i| i as f32 / 8.0 + 2.0 * (49 - i % 50) as f32);
            assert!(actual.iter().copied().eq(expected), "{}", trial.reason);
            assert_eq!(kernel, trial.kernel, "{}", trial.reason);
        }
        let rejections = &backend.rejections()[before..];
        assert_eq!(rejections.len(), if trial.reason.is_empty() { 0 } else { 2 }, "{rejections:?}");
        for rejection in rejections {
            assert!(rejection.reason.contains(trial.reason), "{rejection:?}");
            assert!(rejection.key.contains("mirror"), "{rejection:?}");
        }
    }
    assert_eq!(standin.report(), "");
}
