//! Cases, random graphs, gradients and a whole model.

use super::{Open, open};
use hadal::nn::{Bert, BertConfig, Scope, Weights};
use hadal::{DType, Device, Tensor};
use hadal_native::Platform;
use hadal_suite::{Case, cases, gradients as library, random};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Instant;

/// Runs cases. A finding of the stand-in ends its context, so the device is opened anew for the next case.
fn check(platform: &dyn Platform, all: impl IntoIterator<Item = Case>) {
    let mut device = None;
    let mut failures = Vec::new();
    let mut count = 0;
    let start = Instant::now();
    for case in all {
        count += 1;
        if device.is_none() {
            device = open(platform);
        }
        let Some(Open { backend, standin }) = &device else { return };
        if let Err(failure) = pollster::block_on(hadal_suite::run(&case, backend)) {
            failures.push(format!("{}: {failure} {}", case.name, standin.report()));
            device = None;
        }
    }
    println!("{count} cases in {:.1?}", start.elapsed());
    assert!(
        failures.is_empty(),
        "{} of {count} failed\n{}",
        failures.len(),
        failures[..failures.len().min(40)].join("\n")
    );
}

/// Whether all is run that wgpu runs. Compiling kernels takes most of the time, so that without `HADAL_ALL_GRAPHS=1` it is a share of it, always the same one.
fn all_graphs() -> bool {
    std::env::var_os("HADAL_ALL_GRAPHS").is_some_and(|value| value == "1")
}

/// Every so many from the first one on, so that platforms with different first ones see more together than one does; or all.
fn share<T>(all: Vec<T>, (first, step): (usize, usize)) -> impl Iterator<Item = T> {
    let (first, step) = if all_graphs() { (0, 1) } else { (first, step) };
    all.into_iter().skip(first).step_by(step)
}

/// The cases of wgpu.
pub(crate) fn op_cases(platform: &dyn Platform, which: (usize, usize)) {
    check(platform, share(cases::all(&cases::EVERYWHERE).unwrap(), which));
}

/// Every fifth random graph.
pub(crate) fn random_graphs(platform: &dyn Platform) {
    let step = if all_graphs() { 1 } else { 5 };
    check(platform, (0..500).step_by(step).map(|seed| random::graph(seed, 24, false).unwrap()));
}

/// Gradients in `f32`; where all graphs are run, every second one, too.
pub(crate) fn gradients(platform: &dyn Platform, which: (usize, usize)) {
    let once = library::all(DType::F32).unwrap();
    let again = once.iter().filter(|_| all_graphs()).map(|case| case.again().unwrap());
    let all: Vec<library::Gradient> = again.chain(share(once.clone(), which)).collect();
    check(platform, all.iter().map(|gradient| gradient.case().unwrap()));
}

/// MiniLM on three tokens, against the cpu.
pub(crate) fn minilm(platform: &dyn Platform) {
    let home = std::env::var_os("HADAL_HOME").map(|home| PathBuf::from(home).join("minilm"));
    let Some(folder) = home.filter(|folder| folder.is_dir()) else {
        assert!(
            std::env::var_os("CI").is_none(),
            "the model minilm is not in HADAL_HOME: `hadal pull minilm`"
        );
        return println!("not run: the model minilm is not in HADAL_HOME");
    };
    let Some(Open { backend, standin }) = open(platform) else { return };
    let config = BertConfig::open(folder.join("config.json")).unwrap();
    let weights = Weights::open(folder.join("model.safetensors"), &Device::meta()).unwrap();
    let model = Bert::new(&Scope::weights(&weights), &config).unwrap().model().unwrap();
    let run = |device: &Device| -> Vec<f32> {
        let model = model.to(device).unwrap();
        let row = |values: [i64; 3]| Tensor::new(device, &values, [1, 3]).unwrap();
        // [CLS] hello [SEP]
        let inputs = [("input_ids", &row([101, 7592, 102])), ("attention_mask", &row([1; 3]))];
        let outputs = model.run(&inputs).unwrap_or_else(|error| panic!("{error}"));
        outputs.get("sentence_embedding").unwrap().to_vec().unwrap_or_else(|error| panic!("{error}"))
    };
    let expected = run(&Device::open("cpu").unwrap());
    let start = Instant::now();
    let actual = run(&Device::from_backend(Arc::new(backend)));
    let difference = actual.iter().zip(&expected).map(|(a, e)| (a - e).abs()).fold(0f32, f32::max);
    println!(
        "MiniLM in {:.1?}, {} instructions; difference {difference:e}",
        start.elapsed(),
        standin.instructions()
    );
    assert!(
        expected.len() == 384 && actual.len() == 384 && difference <= 1e-3,
        "{difference} {}",
        standin.report()
    );
}
