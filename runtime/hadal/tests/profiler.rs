//! Profiles: what they say of time and memory is true, and taking one changes no number.

use hadal::optim::{Adam, AdamOptions};
use hadal::profiler::{By, HostWork, Profile, Profiler, profile, range};
use hadal::{Device, Result, Tensor, Variable, jit};
use serde_json::Value;

/// The processor and the first adapter. Where tests must not pass without one, `CI` is set.
fn devices() -> Vec<Device> {
    let names = [("cpu", cfg!(feature = "cpu")), ("wgpu", cfg!(feature = "wgpu"))];
    let open = |name: &str| match Device::open(name) {
        Ok(device) => Some(device),
        Err(error) if std::env::var_os("CI").is_some() => panic!("{error}"),
        Err(_) => None,
    };
    names.into_iter().filter(|(_, built)| *built).filter_map(|(name, _)| open(name)).collect()
}

/// Whether the device times launches one by one.
fn timed(device: &Device) -> bool {
    let info = device.info().unwrap();
    info.backend == "cpu" || info.features.iter().any(|feature| feature == "timestamps")
}

/// Five steps of a small network, with everything that a step has; the losses.
fn learn(device: &Device) -> Result<Vec<f32>> {
    let w = Variable::new("w", &Tensor::randn(device, [32, 16], 1)?)?;
    let v = Variable::new("v", &Tensor::randn(device, [16, 1], 2)?)?;
    let adam = Adam::new(&[&w, &v], 1e-2, AdamOptions::default())?;
    let step = jit(device, |x: &[Tensor]| {
        let loss = x[0].matmul(&w.get()?)?.relu()?.matmul(&v.get()?)?.sqr()?.mean(&[])?;
        adam.step(loss.backward()?)?;
        Ok(vec![loss])
    });
    let mut losses = Vec::new();
    for seed in 0..5 {
        let x = Tensor::randn(device, [8, 32], 10 + seed)?;
        losses.push(step.call(&[&x])?[0].item::<f32>()?);
    }
    Ok(losses)
}

/// Events of a track by their beginning, longest first.
fn track(events: &[Value], pid: u64, tid: u64) -> Vec<(f64, f64, &str)> {
    let number = |event: &Value, key: &str| event[key].as_f64().unwrap();
    let mut found: Vec<(f64, f64, &str)> = events
        .iter()
        .filter(|event| event["ph"] == "X" && event["pid"] == pid && event["tid"] == tid)
        .map(|event| {
            let start = number(event, "ts");
            (start, start + number(event, "dur"), event["name"].as_str().unwrap())
        })
        .collect();
    found.sort_by(|a, b| a.0.total_cmp(&b.0).then(b.1.total_cmp(&a.1)));
    found
}

/// Asserts that of two events of a track one holds the other, or they are apart.
fn nests(events: &[(f64, f64, &str)]) {
    // Times are whole nanoseconds in microseconds.
    let slack = 2e-3;
    let mut open: Vec<(f64, f64, &str)> = Vec::new();
    for event in events {
        while open.last().is_some_and(|outer| outer.1 <= event.0 + slack) {
            open.pop();
        }
        if let Some(outer) = open.last() {
            assert!(event.1 <= outer.1 + slack, "{event:?} leaves {outer:?}");
        }
        open.push(*event);
    }
}

fn check(device: &Device, profile: &Profile) {
    let json: Value = serde_json::from_str(&profile.trace_json()).unwrap();
    let events = json["traceEvents"].as_array().unwrap();
    nests(&track(events, 1, 0));
    let launches = track(events, 2, 0);
    nests(&launches);
    assert_eq!(launches.len(), profile.launches().len() + profile.runs().len());
    let counters = events.iter().filter(|event| event["ph"] == "C").count();
    assert_eq!(counters, profile.memory().points.len() + 1);

    for by in [By::Op, By::Line, By::Kernel] {
        let rows = profile.rows(by);
        assert_eq!(rows.iter().map(|row| row.total).sum::<u64>(), profile.device_nanoseconds(), "{by:?}");
        assert_eq!(rows.iter().map(|row| row.count).sum::<usize>(), profile.launches().len(), "{by:?}");
        assert!(rows.is_sorted_by_key(|row| std::cmp::Reverse(row.total)), "{by:?}");
    }
    // What runs take together is no less than what is in them, and no more than the whole.
    let runs: u64 = profile.runs().iter().map(|run| run.nanoseconds).sum();
    assert!(profile.device_nanoseconds() <= runs && runs <= profile.nanoseconds());
    if timed(device) {
        let shares: f64 = profile.rows(By::Op).iter().map(|row| row.share).sum();
        assert!((shares - 1.0).abs() < 1e-6, "{shares}");
    }
}

#[test]
fn a_profile_changes_no_number_and_adds_up() -> Result<()> {
    for device in devices() {
        let plain = learn(&device)?;
        let (profiled, profile) = profile(&device, || range(&device, "learning", || learn(&device)))?;
        assert_eq!(plain.map_bits(), profiled.map_bits(), "{device}");
        check(&device, &profile);
        let host = |work| profile.host().iter().filter(|event| event.work == work).count();
        assert_eq!((host(HostWork::Range), host(HostWork::Trace)), (1, 1), "{device}");
        assert_eq!(host(HostWork::Read), 5, "{device}");
        assert!(host(HostWork::Plan) >= 1 && host(HostWork::Prepare) >= 1, "{device}");
        assert!(host(HostWork::Run) >= 5, "{device}");
        if timed(&device) {
            let steps = profile.runs().iter().filter(|run| run.name.starts_with("step ")).count();
            assert_eq!(steps, 5, "{device}");
            // Launches of the backward pass have the lines of the forward pass, not one within the framework.
            let lost = |location: &str| location.contains("autograd.rs") || location.contains("region.rs");
            assert!(!profile.launches().iter().filter_map(|l| l.location.as_deref()).any(lost), "{device}");
            let text = profile.to_string();
            for part in ["matmul", "profiler.rs:", "GFLOP/s", "learning", "at the peak"] {
                assert!(text.contains(part), "`{part}` is missing in:\n{text}");
            }
        }
    }
    Ok(())
}

trait Bits {
    fn map_bits(&self) -> Vec<u32>;
}

impl Bits for Vec<f32> {
    fn map_bits(&self) -> Vec<u32> {
        self.iter().map(|x| x.to_bits()).collect()
    }
}

#[test]
fn arithmetic_and_lines_are_those_of_the_program() -> Result<()> {
    for device in devices().into_iter().filter(timed) {
        let (a, b) = (Tensor::randn(&device, [20, 30], 1)?, Tensor::randn(&device, [30, 40], 2)?);
        hadal::flush(&[&a, &b])?;
        let line = line!() + 1;
        let (_, profile) = profile(&device, || a.matmul(&b)?.to_vec::<f32>())?;
        let rows = profile.rows(By::Line);
        let row = rows.iter().find(|row| row.op == "matmul").unwrap();
        assert_eq!((row.flops, row.bytes), (2 * 20 * 30 * 40, 4 * (600 + 1200 + 800)), "{device}");
        assert!(row.location.contains(&format!("profiler.rs:{line}:")), "{device}: {}", row.location);
        assert!(row.flops_per_second() > 0.0 && row.least as f64 <= row.mean());
    }
    Ok(())
}

#[test]
fn memory_goes_up_and_comes_back() -> Result<()> {
    for device in devices() {
        let work = || -> Result<Vec<f32>> {
            let x = Tensor::full(&device, [256, 256], 0.5, hadal::DType::F32)?;
            hadal::flush(&[&x])?;
            x.matmul(&x)?.softmax(-1)?.to_vec()
        };
        // Plans and arenas stay.
        work()?;
        let before = device.memory_stats().in_use;
        let (_, profile) = profile(&device, work)?;
        let memory = profile.memory();
        assert_eq!((memory.before, memory.after()), (before, before), "{device}");
        assert_eq!(device.memory_stats().in_use, before);
        assert!(memory.peak >= before + 2 * 256 * 256 * 4, "{device}: {} {before}", memory.peak);
        assert_eq!(memory.live_at_peak.iter().map(|live| live.bytes).sum::<u64>(), memory.peak, "{device}");
        assert_eq!(memory.points.iter().map(|point| point.bytes).max(), Some(memory.peak));
        assert!(memory.live_at_peak.iter().any(|live| live.what.starts_with("run tensors #")), "{memory:?}");
    }
    Ok(())
}

#[test]
fn a_profile_ends_when_it_is_stopped_or_dropped() -> Result<()> {
    for device in devices() {
        let profiler = Profiler::start(&device)?;
        let second = Profiler::start(&device).unwrap_err().to_string();
        assert!(second.contains("profiled already"), "{second}");
        drop(profiler);
        let profiler = Profiler::start(&device)?;
        let profile = profiler.stop();
        Tensor::randn(&device, [4], 1)?.to_vec::<f32>()?;
        assert_eq!((profile.launches().len(), profile.host().len()), (0, 0));
        assert_eq!(profile.rows(By::Op), []);
        assert!(profile.table(By::Op, 10).contains("all"));
    }
    assert!(Profiler::start(&Device::meta()).is_err());
    Ok(())
}

#[test]
fn files_are_written_into_a_folder_that_is_made() -> Result<()> {
    let Some(device) = devices().into_iter().next() else { return Ok(()) };
    let folder = std::env::temp_dir().join(format!("hadal-profile-{}", std::process::id()));
    let (_, profile) = profile(&device, || learn(&device))?;
    profile.write(folder.join("within"))?;
    let read = |name: &str| std::fs::read_to_string(folder.join("within").join(name)).unwrap();
    serde_json::from_str::<Value>(&read("trace.json")).unwrap();
    assert!(read("ops.txt").contains("share") && read("memory.txt").contains("microseconds"));
    assert!(profile.write(folder.join("within/ops.txt")).is_err());
    std::fs::remove_dir_all(&folder).unwrap();
    Ok(())
}
