//! What a profile holds, and its sums.

use super::MemoryTimeline;
use super::table::{bytes, columns, short, time};
use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;

/// What was recorded: see the [module's page](super). Times are nanoseconds since the profile began.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Profile {
    pub(super) device: String,
    pub(super) nanoseconds: u64,
    pub(super) runs: Vec<RunEvent>,
    pub(super) launches: Vec<Launch>,
    pub(super) host: Vec<HostEvent>,
    pub(super) memory: MemoryTimeline,
}

/// A run of a plan on the device.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RunEvent {
    /// The plan: what was traced or recorded, and its number.
    pub name: String,
    /// When its first launch began.
    pub start: u64,
    /// Until its last launch was over.
    pub nanoseconds: u64,
    /// Number of launches.
    pub launches: usize,
}

/// A launch of a kernel.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Launch {
    /// Which of [`Profile::runs`] it belongs to.
    pub run: usize,
    /// The fused ops.
    pub op: String,
    /// Archetype and variant of the kernel.
    pub kernel: String,
    /// The line that asked for it.
    pub location: Option<Arc<str>>,
    /// When it began.
    pub start: u64,
    /// How long it took.
    pub nanoseconds: u64,
    /// Bytes read and written; 0 for the second and later launches of a step.
    pub bytes: u64,
    /// Arithmetic operations, counted as bytes are.
    pub flops: u64,
}

/// A kind of work of the host.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum HostWork {
    /// A part that the program named: [`range`](super::range).
    Range,
    /// Running a function to record it.
    Trace,
    /// From a graph to a program.
    Plan,
    /// Kernels are made ready, weights uploaded.
    Prepare,
    /// A run of a plan, while profiled with the time that the device takes.
    Run,
    /// A copy to the device.
    Upload,
    /// A copy back, and the wait for what comes before it.
    Read,
    /// Waiting for the device.
    Wait,
}

impl HostWork {
    /// One word.
    pub fn name(self) -> &'static str {
        match self {
            HostWork::Range => "range",
            HostWork::Trace => "trace",
            HostWork::Plan => "plan",
            HostWork::Prepare => "prepare",
            HostWork::Run => "run",
            HostWork::Upload => "upload",
            HostWork::Read => "read",
            HostWork::Wait => "wait",
        }
    }
}

/// A piece of the host's work; pieces of one thread nest.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HostEvent {
    /// Its kind.
    pub work: HostWork,
    /// What it was about.
    pub name: String,
    /// The thread, from 0 in the order in which they were first seen.
    pub thread: usize,
    /// When it began.
    pub start: u64,
    /// How long it took.
    pub nanoseconds: u64,
}

/// What launches are summed by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum By {
    /// The fused ops and the kernel.
    Op,
    /// The line of the program and the fused ops.
    Line,
    /// The kernel.
    Kernel,
}

/// The sum of some launches.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Row {
    /// The fused ops; empty in sums by kernel.
    pub op: String,
    /// Archetype and variant of the kernel; empty in sums by line.
    pub kernel: String,
    /// The line, and how many others there are.
    pub location: String,
    /// How many launches.
    pub count: usize,
    /// Nanoseconds of all of them.
    pub total: u64,
    /// Nanoseconds of the shortest one.
    pub least: u64,
    /// Share of all device time, from 0 to 1.
    pub share: f64,
    /// Bytes read and written.
    pub bytes: u64,
    /// Arithmetic operations.
    pub flops: u64,
}

impl Row {
    /// Nanoseconds of one launch, on average.
    pub fn mean(&self) -> f64 {
        self.total as f64 / self.count.max(1) as f64
    }

    /// Arithmetic operations a second.
    pub fn flops_per_second(&self) -> f64 {
        self.flops as f64 * 1e9 / self.total.max(1) as f64
    }

    /// Bytes read and written a second.
    pub fn bytes_per_second(&self) -> f64 {
        self.bytes as f64 * 1e9 / self.total.max(1) as f64
    }
}

impl Profile {
    /// The device.
    pub fn device(&self) -> &str {
        &self.device
    }

    /// How long it was taken.
    pub fn nanoseconds(&self) -> u64 {
        self.nanoseconds
    }

    /// Runs of plans that the device timed, in order.
    pub fn runs(&self) -> &[RunEvent] {
        &self.runs
    }

    /// Launches of kernels, in order.
    pub fn launches(&self) -> &[Launch] {
        &self.launches
    }

    /// The host's work, in the order in which it ended.
    pub fn host(&self) -> &[HostEvent] {
        &self.host
    }

    /// How memory went up and down.
    pub fn memory(&self) -> &MemoryTimeline {
        &self.memory
    }

    /// Nanoseconds of all launches.
    pub fn device_nanoseconds(&self) -> u64 {
        self.launches.iter().map(|launch| launch.nanoseconds).sum()
    }

    /// Sums of launches, what takes most time first.
    pub fn rows(&self, by: By) -> Vec<Row> {
        let all = self.device_nanoseconds().max(1) as f64;
        let mut places: HashMap<(&str, &str), usize> = HashMap::new();
        let mut rows: Vec<(Row, Vec<&str>)> = Vec::new();
        for launch in &self.launches {
            let location = launch.location.as_deref().unwrap_or("");
            let key = match by {
                By::Op => (launch.op.as_str(), launch.kernel.as_str()),
                By::Line => (launch.op.as_str(), location),
                By::Kernel => ("", launch.kernel.as_str()),
            };
            let place = *places.entry(key).or_insert_with(|| {
                let op = if by == By::Kernel { String::new() } else { launch.op.clone() };
                let kernel = if by == By::Line { String::new() } else { launch.kernel.clone() };
                rows.push((Row { op, kernel, least: u64::MAX, ..Row::default() }, Vec::new()));
                rows.len() - 1
            });
            let (row, lines) = &mut rows[place];
            row.count += 1;
            row.total += launch.nanoseconds;
            row.least = row.least.min(launch.nanoseconds);
            row.bytes += launch.bytes;
            row.flops += launch.flops;
            if !location.is_empty() && !lines.contains(&location) {
                lines.push(location);
            }
        }
        let mut rows: Vec<Row> = rows
            .into_iter()
            .map(|(row, lines)| {
                let location = match lines.as_slice() {
                    [] => String::new(),
                    [one] => one.to_string(),
                    [first, others @ ..] => format!("{first} and {} more", others.len()),
                };
                Row { location, share: row.total as f64 / all, ..row }
            })
            .collect();
        rows.sort_by_key(|row| std::cmp::Reverse(row.total));
        rows
    }

    /// A table of [`Profile::rows`], of which the first `most` are shown and the rest is one line, with the sum below.
    pub fn table(&self, by: By, most: usize) -> String {
        let rows = self.rows(by);
        let cells = |row: &Row| {
            let rate = |rate: f64| if rate > 0.0 { format!("{:.2}", rate / 1e9) } else { "-".into() };
            let mut cells = match by {
                By::Op => vec![short(&row.op, 48), short(&row.kernel, 28), shorter(&row.location)],
                By::Line => vec![shorter(&row.location), short(&row.op, 48)],
                By::Kernel => vec![short(&row.kernel, 40)],
            };
            cells.extend([
                row.count.to_string(),
                time(row.total as f64),
                time(row.mean()),
                time(row.least as f64),
                format!("{:.1} %", 100.0 * row.share),
                rate(row.flops_per_second()),
                rate(row.bytes_per_second()),
            ]);
            cells
        };
        let names: &[&str] = match by {
            By::Op => &["op", "kernel", "line"],
            By::Line => &["line", "op"],
            By::Kernel => &["kernel"],
        };
        let numbers = ["count", "total", "mean", "least", "share", "GFLOP/s", "GB/s"];
        let mut table: Vec<Vec<String>> =
            vec![names.iter().chain(&numbers).map(|name| name.to_string()).collect()];
        table.extend(rows.iter().take(most).map(cells));
        let sum = |rows: &[Row], op: String| {
            let least = rows.iter().map(|r| r.least).min().unwrap_or(0);
            let total = |of: fn(&Row) -> u64| rows.iter().map(of).sum::<u64>();
            Row {
                kernel: if by == By::Kernel { op.clone() } else { String::new() },
                location: if by == By::Line { op.clone() } else { String::new() },
                op: if by == By::Op { op } else { String::new() },
                count: rows.iter().map(|r| r.count).sum(),
                total: total(|r| r.total),
                least,
                share: rows.iter().map(|r| r.share).sum(),
                bytes: total(|r| r.bytes),
                flops: total(|r| r.flops),
            }
        };
        if rows.len() > most {
            table.push(cells(&sum(&rows[most..], format!("{} others", rows.len() - most))));
        }
        table.push(cells(&sum(&rows, "all".into())));
        columns(&table, names.len())
    }

    /// A table of the host's work by kind. A run counts with the time that the device takes, and a part with all within it.
    pub fn host_table(&self) -> String {
        let mut sums: std::collections::BTreeMap<(HostWork, &str), (usize, u64)> = Default::default();
        for event in &self.host {
            let name = if event.work == HostWork::Range { event.name.as_str() } else { "" };
            let sum = sums.entry((event.work, name)).or_default();
            *sum = (sum.0 + 1, sum.1 + event.nanoseconds);
        }
        let mut table = vec![["host", "count", "total", "mean", "share"].map(String::from).to_vec()];
        for ((work, name), (count, total)) in sums {
            let name = if name.is_empty() { work.name().to_string() } else { short(name, 40) };
            let share = 100.0 * total as f64 / self.nanoseconds.max(1) as f64;
            let mean = time(total as f64 / count as f64);
            table.push(vec![name, count.to_string(), time(total as f64), mean, format!("{share:.1} %")]);
        }
        columns(&table, 1)
    }

    /// What was in use at the peak, as a table.
    pub fn memory_table(&self) -> String {
        let memory = &self.memory;
        let mut table = vec![["in use at the peak", "for", "blocks", "bytes"].map(String::from).to_vec()];
        for live in &memory.live_at_peak {
            let blocks = if live.blocks == 0 { "-".into() } else { live.blocks.to_string() };
            table.push(vec![short(&live.what, 60), live.purpose.into(), blocks, bytes(live.bytes)]);
        }
        format!(
            "{} before, {} at the peak after {}, {} at the end; {} allocations\n\n{}",
            bytes(memory.before),
            bytes(memory.peak),
            time(memory.peak_at as f64),
            bytes(memory.after()),
            memory.allocations,
            columns(&table, 2)
        )
    }

    /// Writes `trace.json` ([`Profile::trace_json`]), `ops.txt` (the tables) and `memory.txt` (the peak, then the curve) into a folder, which is made
    /// if it is missing. Errors: files that cannot be written.
    #[cfg(not(target_arch = "wasm32"))]
    pub fn write(&self, folder: impl AsRef<std::path::Path>) -> crate::Result<()> {
        let folder = folder.as_ref();
        let write = |name: &str, text: String| {
            let path = folder.join(name);
            std::fs::write(&path, text).map_err(|error| {
                crate::Error::argument(format!("{} cannot be written: {error}", path.display()))
            })
        };
        std::fs::create_dir_all(folder).map_err(|error| {
            crate::Error::argument(format!("the folder {} cannot be made: {error}", folder.display()))
        })?;
        write("trace.json", self.trace_json())?;
        write("ops.txt", format!("{self}\n{}\n{}", self.table(By::Line, 100), self.table(By::Kernel, 100)))?;
        let curve: String =
            self.memory.points.iter().map(|p| format!("{:.3}\t{}\n", p.time as f64 / 1e3, p.bytes)).collect();
        write("memory.txt", format!("{}\nmicroseconds\tbytes in use\n{curve}", self.memory_table()))
    }
}

/// The table by op, the host's work and the memory: what fits a screen.
impl fmt::Display for Profile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "{}: {} in {} runs with {} launches, {} of it on the device",
            self.device,
            time(self.nanoseconds as f64),
            self.runs.len(),
            self.launches.len(),
            time(self.device_nanoseconds() as f64)
        )?;
        write!(f, "\n{}\n{}\n{}", self.table(By::Op, 30), self.host_table(), self.memory_table())
    }
}

/// The end of a location, which has the file's name and the line.
fn shorter(location: &str) -> String {
    match location.rsplit_once('/') {
        Some((_, end)) => short(end, 36),
        None => short(location, 36),
    }
}
