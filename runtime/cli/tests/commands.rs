//! What each command prints, and how it fails.

mod command;

use command::{Folder, Ran, hadal};
use hadal::backend::Weights;
use hadal::graph::program::UnaryOp;
use hadal::graph::{DType, Graph, HostTensor};
use hadal_formats::{hadal_file, npy};
use serde_json::Value;

/// A folder with `model.safetensors`, which computes `y/1 = tanh(x·w + 0.5)` and `sum of ids`, and inputs for it.
fn model() -> Folder {
    let folder = Folder::new();
    let mut graph = Graph::new("small");
    let x = graph.input("x", DType::F32, [hadal::Dim::symbol("rows"), 3.into()]).unwrap();
    let ids = graph.input("ids", DType::I64, [hadal::Dim::symbol("rows")]).unwrap();
    let table = graph.parameter("table", DType::F32, [7i64, 4]).unwrap();
    let w = graph.parameter("w", DType::F32, [3i64, 4]).unwrap();
    let product = graph.matmul(x, w).unwrap();
    let half = graph.scalar(0.5, DType::F32).unwrap();
    let sum = graph.add(product, half).unwrap();
    let y = graph.unary(UnaryOp::Tanh, sum).unwrap();
    graph.output("y/1", y);
    let rows = graph.gather(table, 0, ids).unwrap();
    graph.output("rows of table", rows);
    let numbers = |count: usize| (0..count).map(|i| i as f32 / 10.0 - 0.5).collect::<Vec<f32>>();
    let tensor = |shape: [usize; 2]| HostTensor::new(shape, &numbers(shape[0] * shape[1])).unwrap();
    let weights: Weights = [("w".to_string(), tensor([3, 4])), ("table".to_string(), tensor([7, 4]))].into();
    hadal_file::write(folder.path().join("model.safetensors"), &graph, &weights).unwrap();
    npy::write(folder.path().join("x.npy"), &tensor([2, 3])).unwrap();
    npy::write(folder.path().join("x64.npy"), &HostTensor::new([2, 3], &[0f64; 6]).unwrap()).unwrap();
    npy::write(folder.path().join("ids.npy"), &HostTensor::new([2], &[6i64, 0]).unwrap()).unwrap();
    npy::write(folder.path().join("far.npy"), &HostTensor::new([2], &[6i64, 7]).unwrap()).unwrap();
    folder
}

fn run(folder: &Folder, arguments: &[&str]) -> Ran {
    hadal(folder, arguments, &[])
}

fn json(ran: &Ran) -> Value {
    serde_json::from_str(ran.succeeds()).unwrap()
}

const BACKENDS: [&str; 2] = ["cpu", "wgpu"];

#[test]
fn devices_are_listed_with_reasons() {
    let folder = Folder::new();
    let listed = run(&folder, &["devices"]);
    for line in ["cpu:0", "wgpu:0"] {
        assert!(listed.succeeds().contains(line), "{}", listed.out);
    }
    // A machine that has them lists them; any other says what is missing.
    for backend in ["cuda", "rocm"] {
        let of = |line: &&str| line.starts_with(backend);
        let line = listed.out.lines().find(of).unwrap_or_else(|| panic!("{}", listed.out));
        let reason = line.contains("is not installed") || line.contains("refuses");
        let known = line.contains(":0") || line.contains("missing: ") && reason;
        assert!(known, "{line}");
    }
    let report = json(&run(&folder, &["devices", "--json"]));
    let cpu = report["backends"].as_array().unwrap().iter().find(|b| b["backend"] == "cpu").unwrap();
    assert!(cpu["devices"][0]["memory"].as_u64().unwrap() > 1 << 28);
    assert!(!cpu["devices"][0]["name"].as_str().unwrap().is_empty());
}

#[test]
fn a_run_writes_one_file_for_each_output() {
    let folder = model();
    for backend in BACKENDS {
        let arguments = [
            "run",
            "model.safetensors",
            "-i",
            "x=x.npy",
            "-i",
            "ids=ids.npy",
            "-o",
            backend,
            "-b",
            backend,
            "--json",
        ];
        let report = json(&run(&folder, &arguments));
        assert_eq!(report["adapter"]["backend"], backend);
        assert_eq!(report["host_steps"], 0);
        assert!(report["dispatches"].as_u64().unwrap() >= 2);
        assert_eq!(report["outputs"][0]["name"], "y/1");
        let y = npy::read(folder.path().join(backend).join("y_1.npy")).unwrap();
        let rows = npy::read(folder.path().join(backend).join("rows_of_table.npy")).unwrap();
        assert_eq!(rows.to_vec::<f32>().unwrap()[..4], [24u8, 25, 26, 27].map(|i| f32::from(i) / 10.0 - 0.5));
        // x = [-0.5, -0.4, -0.3], w's first column = [-0.5, -0.1, 0.3].
        let expected = (0.25f64 + 0.04 - 0.09 + 0.5).tanh();
        assert!((y.to_f64()[0] - expected).abs() < 1e-5, "{:?}", y.to_f64());
        let names: Vec<_> = std::fs::read_dir(folder.path().join(backend)).unwrap().collect();
        assert_eq!(names.len(), 2);
    }
    let ran = run(&folder, &["run", ".", "-i", "x=x.npy", "-i", "ids=ids.npy", "-o", "a/b"]);
    assert!(ran.succeeds().contains("y/1  f32[2, 4]  a/b/y_1.npy"), "{}", ran.out);
}

#[test]
fn a_run_says_where_its_time_goes() {
    let folder = model();
    let inputs = ["run", ".", "-i", "x=x.npy", "-i", "ids=ids.npy", "-o", "out"];
    for backend in BACKENDS {
        let ran = run(&folder, &[&inputs[..], &["-b", backend, "--profile", backend]].concat());
        assert!(ran.succeeds().contains("GFLOP/s") && ran.out.contains("in use at the peak"), "{}", ran.out);
        let trace = std::fs::read_to_string(folder.path().join(backend).join("trace.json")).unwrap();
        let trace: serde_json::Value = serde_json::from_str(&trace).unwrap();
        let events = trace["traceEvents"].as_array().unwrap();
        assert!(events.iter().any(|event| event["cat"] == "launch"), "{trace}");
    }
    let ran = run(&folder, &[&inputs[..], &["--profile", "x.npy"]].concat());
    ran.fails(1, "x.npy cannot be made");
}

#[test]
fn a_run_that_cannot_be_says_why_in_one_line() {
    let folder = model();
    let run = |arguments: &[&str]| run(&folder, &[&["run"], arguments, &["-o", "out"]].concat());
    let (x, ids) = (["-i", "x=x.npy"], ["-i", "ids=ids.npy"]);
    run(&["no.onnx"]).fails(1, "no file and no model called `no.onnx`");
    run(&["minilm"]).fails(1, "hint: hadal pull minilm");
    run(&["x.npy"]).fails(1, "x.npy");
    run(&[&["model.safetensors"], &x[..]].concat())
        .fails(1, "the input `ids` is missing: it takes i64[rows]");
    run(&["model.safetensors", "-i", "z=x.npy"]).fails(1, "has no input `z`\n  hint: its inputs are x, ids");
    run(&["model.safetensors", "-i", "x=x64.npy"])
        .fails(1, "takes f32[rows, 3], but `x64.npy` holds f64[2, 3]");
    run(&["model.safetensors", "-i", "x=none.npy"]).fails(1, "none.npy");
    run(&["model.safetensors", "-i", "x"]).fails(2, "NAME=VALUE");
    let whole = [&["model.safetensors"], &x[..], &ids[..]].concat();
    run(&[&whole[..], &["-b", "cuda:99"]].concat()).fails(1, "no cuda device");
    run(&[&whole[..], &["-b", "tpu"]].concat()).fails(1, "no backend of that name\n  hint: this build has: ");
    run(&[&whole[..], &["-b", "w gpu"]].concat()).fails(2, "does not name a device");
    run(&[&whole[..], &["-b", "wgpu:99"]].concat()).fails(1, "no wgpu device");
    for backend in BACKENDS {
        let far = [&["model.safetensors"], &x[..], &["-i", "ids=far.npy", "-b", backend]].concat();
        run(&far).fails(1, "out of range");
    }
    assert!(!folder.path().join("out").exists());
}

#[test]
fn verify_compares_every_backend_with_the_reference() {
    let folder = model();
    let ran = run(&folder, &["verify", "model.safetensors"]);
    assert!(ran.succeeds().matches("agrees").count() >= 4, "{}", ran.out);
    let report = json(&run(&folder, &["verify", "model.safetensors", "--size", "rows=9", "--json"]));
    assert_eq!(report["agrees"], true);
    assert_eq!(report["sizes"]["rows"], 9);
    let devices = report["devices"].as_array().unwrap();
    assert_eq!(devices.len(), 2);
    for device in devices {
        assert_eq!(device["outputs"][0]["shape"], serde_json::json!([9, 4]));
        assert!(device["outputs"][0]["error"].as_f64().unwrap() < 1e-5);
    }
    run(&folder, &["verify", "model.safetensors", "--size", "cols=9"]).fails(1, "its sizes are: rows");
}

#[test]
fn inspect_shows_ops_parameters_and_the_plan() {
    let folder = model();
    for backend in BACKENDS {
        let ran = run(&folder, &["inspect", "model.safetensors", "-b", backend, "--size", "rows=10"]);
        for part in
            ["f32[rows, 3]", "2 tensors of f32, 40 elements, 160 B", "rows=10", "[10, 4]", "arena", "tanh"]
        {
            assert!(ran.succeeds().contains(part), "{part} in {}", ran.out);
        }
        let report = json(&run(&folder, &["inspect", "model.safetensors", "-b", backend, "--json"]));
        assert_eq!(report["plan"]["sizes"]["rows"], 128);
        let flops: u64 =
            report["plan"]["steps"].as_array().unwrap().iter().map(|s| s["flops"].as_u64().unwrap()).sum();
        assert!(flops >= 2 * 128 * 3 * 4, "{flops}");
    }
    let dot = run(&folder, &["inspect", "model.safetensors", "--dot"]);
    assert!(dot.succeeds().starts_with("digraph") && dot.out.contains("tanh"), "{}", dot.out);
}

#[test]
fn damaged_models_are_refused() {
    let folder = model();
    let whole = std::fs::read(folder.path().join("model.safetensors")).unwrap();
    for (name, bytes) in
        [("empty", &whole[..0]), ("short", &whole[..100]), ("text", b"hello, world, I am no model")]
    {
        let path = folder.path().join(name);
        std::fs::write(&path, bytes).unwrap();
        run(&folder, &["inspect", name]).fails(1, name);
    }
}

#[test]
fn a_reader_that_goes_away_is_no_error() {
    use std::io::Read;
    use std::process::{Command, Stdio};
    let folder = model();
    let mut child = Command::new(env!("CARGO_BIN_EXE_hadal"))
        .args(["inspect", "model.safetensors", "--dot"])
        .current_dir(folder.path())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    drop(child.stdout.take());
    let mut said = String::new();
    child.stderr.take().unwrap().read_to_string(&mut said).unwrap();
    assert!(child.wait().unwrap().success(), "{said}");
    assert_eq!(said, "");
}
