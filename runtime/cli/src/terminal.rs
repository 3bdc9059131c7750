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

/// `2.9 G`: a number of things, with three digits.
pub(crate) fn count(number: u64) -> String {
    const UNITS: [&str; 6] = ["k", "M", "G", "T", "P", "E"];
    if number < 1000 {
        return number.to_string();
    }
    let mut value = number as f64 / 1000.0;
    let mut unit = 0;
    while value >= 999.5 && unit + 1 < UNITS.len() {
        value /= 1000.0;
        unit += 1;
    }
    let digits = if value < 9.995 { 2 } else { usize::from(value < 99.95) };
    format!("{value:.digits$} {}", UNITS[unit])
}

/// Rows with columns of equal width; `right` says which columns end flush.
pub(crate) fn table<const N: usize>(
    rows: &[[String; N]],
    right: &[bool; N],
    out: &mut dyn Write,
) -> std::io::Result<()> {
    let width = |column: usize| rows.iter().map(|row| row[column].chars().count()).max().unwrap_or(0);
    let widths: [usize; N] = std::array::from_fn(width);
    for row in rows {
        let mut line = String::new();
        for ((cell, width), right) in row.iter().zip(widths).zip(right) {
            let padding = " ".repeat(width - cell.chars().count());
            line += &if *right { format!("{padding}{cell}  ") } else { format!("{cell}{padding}  ") };
        }
        writeln!(out, "{}", line.trim_end())?;
    }
    Ok(())
}

/// A progress bar on standard error; silent where that is no terminal.
pub(crate) struct Progress {
    label: String,
    /// What is counted; `None` for bytes.
    unit: Option<&'static str>,
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
        let start = Instant::now();
        Progress { label: label.into(), unit: None, total, done, first: done, start, drawn: None, visible }
    }

    /// A bar of `total` things.
    pub(crate) fn items(label: &str, unit: &'static str, total: u64) -> Progress {
        let mut progress = Progress::bytes(label, Some(total), 0);
        progress.unit = Some(unit);
        progress
    }

    /// So much more is done.
    pub(crate) fn advance(&mut self, amount: u64) {
        self.done += amount;
        let due = self.drawn.is_none_or(|drawn| drawn.elapsed() > Duration::from_millis(100));
        if self.visible && due {
            self.drawn = Some(Instant::now());
            eprint!("\r\x1b[K{}", self.line());
            // A terminal that does not take the bar misses only the bar.
            let _ = std::io::stderr().flush();
        }
    }

    fn line(&self) -> String {
        let show = |amount: u64| match self.unit {
            None => size(amount),
            Some(_) => amount.to_string(),
        };
        let rate = (self.done - self.first) as f64 / self.start.elapsed().as_secs_f64().max(1e-3);
        let rate = match self.unit {
            None => format!("{}/s", size(rate as u64)),
            Some(unit) => format!("{rate:.1} {unit}/s"),
        };
        match self.total.filter(|&total| total > 0) {
            Some(total) => {
                let filled = (self.done.min(total) as f64 / total as f64 * 24.0) as usize;
                let bar = format!("{}{}", "█".repeat(filled), "░".repeat(24 - filled));
                format!("{} {bar} {} of {}, {rate}", self.label, show(self.done), show(total))
            }
            None => format!("{} {}, {rate}", self.label, show(self.done)),
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
    fn counts_have_three_digits() {
        let cases = [
            (999, "999"),
            (1000, "1.00 k"),
            (12_345, "12.3 k"),
            (2_900_000_000, "2.90 G"),
            (999_600, "1.00 M"),
        ];
        for (number, text) in cases {
            assert_eq!(count(number), text);
        }
    }

    #[test]
    fn columns_are_as_wide_as_their_widest_cell() {
        let rows = [["a", "10", "x"], ["bcd", "5", ""]].map(|row| row.map(String::from));
        let mut out = Vec::new();
        table(&rows, &[false, true, false], &mut out).unwrap();
        assert_eq!(String::from_utf8(out).unwrap(), "a    10  x\nbcd   5\n");
    }

    #[test]
    fn a_bar_is_never_longer_than_full() {
        let mut progress = Progress::bytes("x", Some(10), 8);
        progress.visible = false;
        progress.advance(20);
        assert!(progress.line().contains(&"█".repeat(24)), "{}", progress.line());
    }
}
