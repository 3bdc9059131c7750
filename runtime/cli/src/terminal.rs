//! Sizes, tables and progress for people.

use std::io::{IsTerminal, Write};
use std::time::{Duration, Instant};

/// `90.9 MB`: decimal units, as disks and hubs count.
pub(crate) fn size(bytes: u64) -> String {
    const UNITS: [&str; 5] = ["kB", "MB", "GB", "TB", "PB"];
    if bytes < 1000 {
        return format!("{bytes} B");
    }
    let mut value = bytes as f64 / 1000.0;
    let mut unit = 0;
    while value >= 999.95 && unit + 1 < UNITS.len() {
        value /= 1000.0;
        unit += 1;
    }
    format!("{value:.1} {}", UNITS[unit])
}

/// A progress bar on standard error; silent where that is no terminal.
pub(crate) struct Progress {
    label: String,
    total: Option<u64>,
    done: u64,
    /// Where this process started, for the rate.
    first: u64,
    start: Instant,
    drawn: Option<Instant>,
    visible: bool,
}

impl Progress {
    /// A bar of `total` bytes, of which `done` are there already.
    pub(crate) fn bytes(label: &str, total: Option<u64>, done: u64) -> Progress {
        let visible = std::io::stderr().is_terminal();
        Progress {
            label: label.into(),
            total,
            done,
            first: done,
            start: Instant::now(),
            drawn: None,
            visible,
        }
    }

    /// `count` more bytes are there.
    pub(crate) fn advance(&mut self, count: u64) {
        self.done += count;
        let due = self.drawn.is_none_or(|drawn| drawn.elapsed() > Duration::from_millis(100));
        if self.visible && due {
            self.drawn = Some(Instant::now());
            eprint!("\r\x1b[K{}", self.line());
            // A terminal that does not take the bar misses only the bar.
            let _ = std::io::stderr().flush();
        }
    }

    fn line(&self) -> String {
        let rate = (self.done - self.first) as f64 / self.start.elapsed().as_secs_f64().max(1e-3);
        let rate = format!("{}/s", size(rate as u64));
        match self.total.filter(|&total| total > 0) {
            Some(total) => {
                let filled = (self.done.min(total) as f64 / total as f64 * 24.0) as usize;
                let bar = format!("{}{}", "█".repeat(filled), "░".repeat(24 - filled));
                format!("{} {bar} {} of {}, {rate}", self.label, size(self.done), size(total))
            }
            None => format!("{} {}, {rate}", self.label, size(self.done)),
        }
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        if self.visible && self.drawn.is_some() {
            eprint!("\r\x1b[K");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_have_one_decimal() {
        let cases =
            [(0, "0 B"), (999, "999 B"), (1000, "1.0 kB"), (90_868_376, "90.9 MB"), (999_999, "1.0 MB")];
        for (bytes, text) in cases {
            assert_eq!(size(bytes), text);
        }
    }

    #[test]
    fn a_bar_is_never_longer_than_full() {
        let mut progress = Progress::bytes("x", Some(10), 8);
        progress.visible = false;
        progress.advance(20);
        assert!(progress.line().contains(&"█".repeat(24)), "{}", progress.line());
    }
}
