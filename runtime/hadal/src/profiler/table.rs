//! Numbers and columns for people.

/// Lines of cells as wide as the widest of their column: the first `texts` columns to the left, the others to the right.
pub(super) fn columns(rows: &[Vec<String>], texts: usize) -> String {
    let count = rows.iter().map(Vec::len).max().unwrap_or(0);
    let width = |column: usize| rows.iter().filter_map(|r| r.get(column)).map(|c| c.chars().count()).max();
    let widths: Vec<usize> = (0..count).map(|column| width(column).unwrap_or(0)).collect();
    let mut text = String::new();
    for (number, row) in rows.iter().enumerate() {
        let cells =
            row.iter().zip(&widths).enumerate().map(|(column, (cell, &width))| match column < texts {
                true => format!("{cell:<width$}"),
                false => format!("{cell:>width$}"),
            });
        let line = cells.collect::<Vec<_>>().join("  ");
        text.push_str(line.trim_end());
        text.push('\n');
        if number == 0 {
            let rules: Vec<String> = widths.iter().map(|&width| "─".repeat(width)).collect();
            text.push_str(&rules.join("  "));
            text.push('\n');
        }
    }
    text
}

/// A time in nanoseconds, with its unit.
pub(super) fn time(nanoseconds: f64) -> String {
    match nanoseconds {
        n if n < 1e3 => format!("{n:.0} ns"),
        n if n < 1e6 => format!("{:.1} µs", n / 1e3),
        n if n < 1e9 => format!("{:.2} ms", n / 1e6),
        n => format!("{:.2} s", n / 1e9),
    }
}

/// Bytes, with their unit.
pub(super) fn bytes(bytes: u64) -> String {
    match bytes as f64 {
        b if b < 1e3 => format!("{bytes} B"),
        b if b < 1e6 => format!("{:.1} kB", b / 1e3),
        b if b < 1e9 => format!("{:.1} MB", b / 1e6),
        b => format!("{:.2} GB", b / 1e9),
    }
}

/// The beginning of a text that is too long.
pub(super) fn short(text: &str, most: usize) -> String {
    if text.chars().count() <= most {
        return text.into();
    }
    let kept: String = text.chars().take(most.saturating_sub(1)).collect();
    kept + "…"
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cells_line_up_and_numbers_have_units() {
        let rows = [["op", "total"], ["matmul", "1"], ["é", "23"]].map(|row| row.map(String::from).to_vec());
        assert_eq!(columns(&rows, 1), "op      total\n──────  ─────\nmatmul      1\né          23\n");
        assert_eq!([999.0, 1500.0, 2.5e6, 3e9].map(time), ["999 ns", "1.5 µs", "2.50 ms", "3.00 s"]);
        assert_eq!([12, 1500, 2_500_000].map(bytes), ["12 B", "1.5 kB", "2.5 MB"]);
        assert_eq!((short("matmul", 6), short("matmul+add", 6)), ("matmul".into(), "matmu…".into()));
    }
}
