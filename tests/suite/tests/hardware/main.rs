//! What a GPU shows, written into one report: every case, MiniLM, and how fast memory and matrix products are.
//!
//! `cargo xtask hardware cuda` runs it on a real device, named by `HADAL_HARDWARE`. Without that variable it runs a few cases and small sizes on the stand-in CUDA
//! driver, so that it is known to work.

mod measure;
mod report;

use hadal_device::{Backend, BackendFactory, Which};
use hadal_graph::DType;
use hadal_native::{NativeBackend, Platform, Settings};
use hadal_standin::Loaded;
use hadal_suite::{Case, cases, gradients, random};
use report::Report;
use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

/// What is run.
struct Extent {
    /// Every so many cases.
    step: usize,
    /// Tokens of MiniLM, and runs that are timed.
    tokens: &'static [usize],
    runs: usize,
    /// Rows, columns and depth of matrix products.
    products: &'static [usize],
    /// Elements of the copy that shows the bandwidth of memory.
    copied: usize,
}

const WHOLE: Extent = Extent {
    step: 1,
    tokens: &[8, 32, 128, 512],
    runs: 30,
    products: &[512, 1024, 2048, 4096],
    copied: 64 << 20,
};

const SMALL: Extent = Extent { step: 97, tokens: &[], runs: 1, products: &[32], copied: 1 << 12 };

#[test]
fn report() {
    let (backend, extent, _standin) = match std::env::var("HADAL_HARDWARE") {
        Ok(name) => (open(&name), WHOLE, None),
        Err(_) => match standin() {
            Some((backend, loaded)) => (backend, SMALL, Some(loaded)),
            None => return,
        },
    };
    let mut report = Report::new(backend.info());
    let everywhere = &cases::EVERYWHERE;
    suite(&mut report, &*backend, "op cases", extent.step, cases::all(everywhere).unwrap());
    let graphs = (0..500).map(|seed| random::graph(seed, 24, false).unwrap());
    suite(&mut report, &*backend, "random graphs", extent.step, graphs);
    let gradients = gradients::all(DType::F32).unwrap();
    let gradients = gradients.iter().map(|gradient| gradient.case().unwrap());
    suite(&mut report, &*backend, "gradients", extent.step, gradients);
    measure::copies(&mut report, &*backend, extent.copied);
    for &size in extent.products {
        for dtype in [DType::F32, DType::F16] {
            measure::product(&mut report, &*backend, size, dtype);
        }
    }
    measure::minilm(&mut report, backend, extent.tokens, extent.runs);
    let path = std::env::var_os("HADAL_REPORT").map(Into::into);
    let path = path.unwrap_or_else(|| Path::new(env!("CARGO_TARGET_TMPDIR")).join("hardware-report.md"));
    std::fs::write(&path, report.text()).unwrap();
    println!("{}\nwritten to {}", report.text(), path.display());
    assert!(report.right(), "see {}", path.display());
}

/// The best device of a backend.
fn open(name: &str) -> Arc<dyn Backend> {
    let opened = match name {
        "cuda" => pollster::block_on(hadal_cuda::factory().open(&Which::Any)),
        "rocm" => pollster::block_on(hadal_rocm::factory().open(&Which::Any)),
        "wgpu" => pollster::block_on(hadal_wgpu::WgpuFactory.open(&Which::Any)),
        other => panic!("HADAL_HARDWARE is cuda, rocm or wgpu, not {other}"),
    };
    opened.unwrap_or_else(|error| panic!("{error}"))
}

/// The stand-in; `None` at home where there is no NVRTC. In CI that is a failure.
fn standin() -> Option<(Arc<dyn Backend>, Loaded)> {
    let loaded = match Loaded::new() {
        Ok(loaded) => loaded,
        Err(error) => {
            assert!(std::env::var_os("CI").is_none(), "{error}");
            println!("not run: {error}");
            return None;
        }
    };
    let cache = Path::new(env!("CARGO_TARGET_TMPDIR")).join("kernels");
    let settings = Settings { cache: Some(cache), ..Settings::default() };
    let driver = hadal_cuda::Cuda.open(0).unwrap_or_else(|error| panic!("{error}"));
    Some((Arc::new(NativeBackend::new(driver, &settings).unwrap()), loaded))
}

/// Runs every `step`-th case.
fn suite(
    report: &mut Report,
    backend: &dyn Backend,
    name: &str,
    step: usize,
    all: impl IntoIterator<Item = Case>,
) {
    let (start, mut count, mut failures) = (Instant::now(), 0, Vec::new());
    for case in all.into_iter().step_by(step) {
        count += 1;
        if let Err(failure) = pollster::block_on(hadal_suite::run(&case, backend)) {
            failures.push(format!("{}: {failure}", case.name));
        }
    }
    report.suite(name, count, start.elapsed(), &failures);
}
