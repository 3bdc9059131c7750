//! Every case on the wgpu backend, with all features of the adapter and with WebGPU's default limits and no features.

use hadal_device::Backend;
use hadal_suite::{Case, cases, random};
use hadal_wgpu::{Features, Options, WgpuBackend};

/// The backend; `None` at home where there is no adapter. In CI that is a failure.
fn open(options: Options) -> Option<WgpuBackend> {
    match pollster::block_on(WgpuBackend::open(options)) {
        Ok(backend) => Some(backend),
        Err(error) if std::env::var_os("CI").is_some() => panic!("{error}"),
        Err(error) => {
            eprintln!("not run: {error}");
            None
        }
    }
}

fn with(features: Features) -> Options {
    Options { features, ..Options::default() }
}

fn check(options: Options, all: impl IntoIterator<Item = Case>) {
    let Some(backend) = open(options) else { return };
    let mut failures = Vec::new();
    let mut count = 0;
    for case in all {
        count += 1;
        if let Err(failure) = pollster::block_on(hadal_suite::run(&case, &backend)) {
            failures.push(format!("{}: {failure}", case.name));
        }
    }
    println!("{count} cases on {}", backend.info().name);
    assert!(
        failures.is_empty(),
        "{} of {count} failed\n{}",
        failures.len(),
        failures[..failures.len().min(40)].join("\n")
    );
}

#[test]
fn op_cases_with_all_features() {
    check(with(Features::All), cases::all(&cases::EVERYWHERE).unwrap());
}

#[test]
fn op_cases_with_no_features() {
    check(with(Features::None), cases::all(&cases::EVERYWHERE).unwrap());
}

#[test]
fn random_graphs_with_all_features() {
    check(with(Features::All), (0..500).map(|seed| random::graph(seed, 24, false).unwrap()));
}

#[test]
fn random_graphs_with_no_features() {
    check(with(Features::None), (0..500).map(|seed| random::graph(seed, 24, false).unwrap()));
}

#[test]
fn tensors_above_one_binding() {
    for features in [Features::All, Features::None] {
        let options = Options { max_binding_bytes: Some(cases::large::BINDING), ..with(features) };
        check(options, cases::large::cases(&cases::EVERYWHERE).unwrap());
    }
}

#[test]
fn a_tensor_above_what_adapters_bind() {
    check(with(Features::All), [cases::large::above_most_adapters().unwrap()]);
}

#[test]
fn a_slice_past_the_end_at_run_time_is_an_error() {
    let Some(backend) = open(with(Features::All)) else { return };
    let case = |n: usize| {
        Case::new("slice to a symbolic length", &[("n", n)], |g| {
            let table = g.parameter("table", hadal_graph::DType::F32, [5, 2])?;
            let x = g.input("x", hadal_graph::DType::F32, [hadal_graph::Dim::symbol("n"), 2.into()])?;
            let rows = g.narrow(table, 0, 0usize, hadal_graph::Dim::symbol("n"))?;
            let sum = g.add(rows, x)?;
            g.output("sum", sum);
            Ok(())
        })
        .unwrap()
    };
    pollster::block_on(hadal_suite::run(&case(5), &backend)).unwrap();
    // The reference refuses the size, so the device is asked directly.
    let case = case(6);
    let program = std::sync::Arc::new(hadal_graph::compile(&case.graph, backend.target()).unwrap());
    let weights = [("table".to_string(), case.leaves["table"].clone())].into();
    let executable = pollster::block_on(backend.prepare(program, &weights)).unwrap();
    let mut bindings = hadal_graph::Bindings::new();
    bindings.bind(hadal_graph::Symbol("n".into()), 6).unwrap();
    let inputs = vec![backend.upload(&case.leaves["x"]).unwrap()];
    let arguments = hadal_device::Arguments { bindings, inputs, variables: Vec::new() };
    let error = pollster::block_on(executable.run(arguments)).unwrap_err();
    assert!(error.to_string().contains("of 10"), "{error}");
}
