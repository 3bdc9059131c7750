//! The report's text.

use hadal_device::DeviceInfo;
use std::fmt::Write;
use std::time::Duration;

/// What was found so far.
pub(crate) struct Report {
    text: String,
    right: bool,
}

impl Report {
    /// A report on no device yet.
    pub(crate) fn new() -> Report {
        let text = format!("# Hadal {} on hardware\n", env!("CARGO_PKG_VERSION"));
        Report { text, right: true }
    }

    /// What follows is about this device.
    pub(crate) fn device(&mut self, info: &DeviceInfo) {
        let memory = info
            .memory
            .map_or("unknown".into(), |bytes| format!("{:.1} GiB", bytes as f64 / (1u64 << 30) as f64));
        let _ = writeln!(
            self.text,
            "\n## {}\n\n| | |\n|---|---|\n| device | {} |\n| driver | {} |\n| memory | {memory} |\n| features | {} |\n",
            info.name,
            info.id(),
            info.driver,
            info.features.join(" ")
        );
        if info.name.contains("stand-in") {
            self.text.push_str(
                "This device is an interpreter on the CPU: results count here, times say nothing about a GPU.\n\n",
            );
        }
    }

    /// A suite's result, with its first failures.
    pub(crate) fn suite(&mut self, name: &str, count: usize, took: Duration, failures: &[String]) {
        let passed = count - failures.len();
        let _ =
            writeln!(self.text, "- **{name}**: {passed} of {count} passed in {:.1} s", took.as_secs_f64());
        for failure in failures.iter().take(50) {
            let _ = writeln!(self.text, "  - {}", failure.replace('\n', " "));
        }
        self.right &= failures.is_empty();
    }

    /// A number with its unit.
    pub(crate) fn number(&mut self, name: &str, value: f64, unit: &str) {
        let _ = writeln!(self.text, "- {name}: {} {unit}", significant(value));
    }

    /// Something that must hold.
    pub(crate) fn must(&mut self, name: &str, holds: bool, what: &str) {
        let _ =
            writeln!(self.text, "- **{name}**: {} ({what})", if holds { "holds" } else { "DOES NOT HOLD" });
        self.right &= holds;
    }

    /// Something that was not done.
    pub(crate) fn left_out(&mut self, name: &str, why: &str) {
        let _ = writeln!(self.text, "- {name}: left out, {why}");
    }

    /// Whether all that must hold does.
    pub(crate) fn right(&self) -> bool {
        self.right
    }

    /// Markdown.
    pub(crate) fn text(&self) -> &str {
        &self.text
    }
}

/// A positive number with three digits that count at least.
pub(crate) fn significant(value: f64) -> String {
    let magnitude = value.abs().max(1e-12).log10().floor() as i32;
    format!("{value:.*}", usize::try_from(2 - magnitude).unwrap_or(0))
}
