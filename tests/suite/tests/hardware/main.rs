//! What a GPU shows, written into one report: every case, MiniLM, and how fast memory and matrix products are, beside the vendor's library and the roofline.
//!
//! `cargo xtask hardware cuda` runs it on a real device, named by `HADAL_HARDWARE`. Without that variable it runs a few cases and small sizes on both stand-ins, so
//! that it is known to work; `cargo xtask hardware standin` adds MiniLM.

mod measure;
mod report;
mod vendor;

use hadal_cuda::Cuda;
use hadal_device::{Backend, BackendFactory, Which};
use hadal_graph::DType;
use hadal_native::{Driver, NativeBackend, Platform, Settings};
use hadal_rocm::Rocm;
use hadal_standin::{Loaded, place};
use hadal_suite::{Case, cases, gradients, random};
use report::Report;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Instant;
use vendor::Vendor;

/// What is run.
struct Extent {
    /// Every so many cases, from the first one on.
    first: usize,
    step: usize,
    /// Tokens of MiniLM, and runs that are timed.
    tokens: &'static [usize],
    runs: usize,
    /// Rows, columns and depth of matrix products.
    products: &'static [usize],
    /// Elements of the copy that shows the bandwidth of memory, and of what shows the rate of arithmetic.
    copied: usize,
    computed: usize,
}

const WHOLE: Extent = Extent {
    first: 0,
    step: 1,
    tokens: &[8, 32, 128, 512],
    runs: 30,
    products: &[512, 1024, 2048, 4096],
    copied: 64 << 20,
    computed: 16 << 20,
};

const SMALL: Extent =
    Extent { first: 0, step: 97, tokens: &[], runs: 1, products: &[32], copied: 1 << 12, computed: 1 << 7 };

/// A device, and the calls of its driver where it has one of its own.
struct Device {
    backend: Arc<dyn Backend>,
    driver: Option<Arc<dyn Driver>>,
    /// Where the vendor's library is, if not where it usually is.
    library: Option<PathBuf>,
}

#[test]
fn report() {
    let mut report = Report::new();
    match std::env::var("HADAL_HARDWARE") {
        Ok(name) if name != "standin" => measured(&mut report, real(&name), &WHOLE),
        named => {
            let Some(_loaded) = standin() else { return };
            let tokens: &[usize] = if named.is_ok() { &[3] } else { &[] };
            let folder = place::folder().unwrap();
            measured(&mut report, native(&Cuda, true), &Extent { tokens, ..SMALL });
            // Other cases than those of CUDA.
            measured(
                &mut report,
                native(&Rocm::in_folder(folder), true),
                &Extent { first: 1, tokens, ..SMALL },
            );
        }
    }
    let path = std::env::var_os("HADAL_REPORT").map(Into::into);
    let path = path.unwrap_or_else(|| Path::new(env!("CARGO_TARGET_TMPDIR")).join("hardware-report.md"));
    std::fs::write(&path, report.text()).unwrap();
    println!("{}\nwritten to {}", report.text(), path.display());
    assert!(report.right(), "see {}", path.display());
}

/// Everything about one device.
fn measured(report: &mut Report, device: Device, extent: &Extent) {
    let Device { backend, driver, library } = device;
    report.device(backend.info());
    let everywhere = &cases::EVERYWHERE;
    suite(report, &*backend, "op cases", extent, cases::all(everywhere).unwrap());
    let graphs = (0..500).map(|seed| random::graph(seed, 24, false).unwrap());
    suite(report, &*backend, "random graphs", extent, graphs);
    let gradients = gradients::all(DType::F32).unwrap();
    let gradients = gradients.iter().map(|gradient| gradient.case().unwrap());
    suite(report, &*backend, "gradients", extent, gradients);
    let roof = measure::Roof {
        bandwidth: measure::copies(report, &*backend, extent.copied),
        arithmetic: measure::arithmetic(report, &*backend, extent.computed),
    };
    let vendor = match &driver {
        Some(driver) => Vendor::open(&**driver, library.as_deref()),
        None => Err("wgpu has none".into()),
    };
    if let Err(missing) = &vendor {
        report.left_out("products by the vendor's library", missing);
    }
    for &size in extent.products {
        for dtype in [DType::F32, DType::F16] {
            measure::product(report, &*backend, vendor.as_ref().ok(), roof, size, dtype);
        }
    }
    measure::minilm(report, backend, extent.tokens, extent.runs);
}

/// The best device of a backend.
fn real(name: &str) -> Device {
    match name {
        "cuda" => native(&Cuda, false),
        "rocm" => native(&Rocm::default(), false),
        "wgpu" => {
            let opened = pollster::block_on(hadal_wgpu::WgpuFactory.open(&Which::Any));
            Device { backend: opened.unwrap_or_else(|error| panic!("{error}")), driver: None, library: None }
        }
        other => panic!("HADAL_HARDWARE is cuda, rocm, wgpu or standin, not {other}"),
    }
}

/// The first device of a platform.
fn native(platform: &dyn Platform, standin: bool) -> Device {
    let settings = match standin {
        true => Settings {
            cache: Some(Path::new(env!("CARGO_TARGET_TMPDIR")).join("kernels")),
            ..Settings::default()
        },
        false => Settings::from_environment(),
    };
    let driver = platform.open(0).unwrap_or_else(|error| panic!("{error}"));
    let backend = NativeBackend::new(driver.clone(), &settings).unwrap_or_else(|error| panic!("{error}"));
    let library = standin.then(|| place::folder().unwrap());
    Device { backend: Arc::new(backend), driver: Some(driver), library }
}

/// The stand-in; `None` at home where there is no NVRTC. In CI that is a failure.
fn standin() -> Option<Loaded> {
    match Loaded::new() {
        Ok(loaded) => Some(loaded),
        Err(error) => {
            assert!(std::env::var_os("CI").is_none(), "{error}");
            println!("not run: {error}");
            None
        }
    }
}

/// Runs a share of the cases.
fn suite(
    report: &mut Report,
    backend: &dyn Backend,
    name: &str,
    extent: &Extent,
    all: impl IntoIterator<Item = Case>,
) {
    let (start, mut count, mut failures) = (Instant::now(), 0, Vec::new());
    for case in all.into_iter().skip(extent.first).step_by(extent.step) {
        count += 1;
        if let Err(failure) = pollster::block_on(hadal_suite::run(&case, backend)) {
            failures.push(format!("{}: {failure}", case.name));
        }
    }
    report.suite(name, count, start.elapsed(), &failures);
}
