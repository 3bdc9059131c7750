//! The trace format of Chrome, which Perfetto opens.

use super::Profile;
use serde_json::{Value, json};

/// Process numbers of the tracks.
const HOST: u32 = 1;
const DEVICE: u32 = 2;

impl Profile {
    /// The profile as JSON that <https://ui.perfetto.dev> and `chrome://tracing` open: a track for each thread of the host, one for the device
    /// with its runs and the launches within them, and the curve of memory.
    pub fn trace_json(&self) -> String {
        let name = |pid: u32, tid: usize, kind: &str, name: &str| json!({ "ph": "M", "pid": pid, "tid": tid, "name": kind, "args": { "name": name } });
        let mut events = vec![
            name(HOST, 0, "process_name", "host"),
            name(DEVICE, 0, "process_name", &format!("device {}", self.device)),
            name(DEVICE, 0, "thread_name", "launches"),
        ];
        let threads = self.host.iter().map(|event| event.thread + 1).max().unwrap_or(0);
        events.extend((0..threads).map(|t| name(HOST, t, "thread_name", &format!("thread {t}"))));
        for event in &self.host {
            let mut value = span(HOST, event.thread, &event.name, event.start, event.nanoseconds);
            value["cat"] = event.work.name().into();
            if event.work != super::HostWork::Range {
                value["name"] = format!("{} {}", event.work.name(), event.name).into();
            }
            events.push(value);
        }
        for run in &self.runs {
            let mut value = span(DEVICE, 0, &run.name, run.start, run.nanoseconds);
            value["cat"] = "run".into();
            value["args"] = json!({ "launches": run.launches });
            events.push(value);
        }
        for launch in &self.launches {
            let mut value = span(DEVICE, 0, &launch.op, launch.start, launch.nanoseconds);
            value["cat"] = "launch".into();
            value["args"] = json!({
                "kernel": launch.kernel, "line": launch.location.as_deref(), "bytes": launch.bytes, "flops": launch.flops,
            });
            events.push(value);
        }
        let counter = |time: u64, bytes: u64| json!({ "ph": "C", "pid": DEVICE, "tid": 0, "name": "memory", "ts": micros(time), "args": { "bytes": bytes } });
        events.push(counter(0, self.memory.before));
        events.extend(self.memory.points.iter().map(|point| counter(point.time, point.bytes)));
        json!({ "displayTimeUnit": "ns", "otherData": { "device": self.device }, "traceEvents": events })
            .to_string()
    }
}

/// An event with a beginning and an end.
fn span(pid: u32, tid: usize, name: &str, start: u64, nanoseconds: u64) -> Value {
    json!({ "ph": "X", "pid": pid, "tid": tid, "name": name, "ts": micros(start), "dur": micros(nanoseconds) })
}

fn micros(nanoseconds: u64) -> f64 {
    nanoseconds as f64 / 1e3
}
