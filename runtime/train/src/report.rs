//! A run as a page.

use crate::log::{Line, read};
use crate::{EpochRecord, Result, StepRecord};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;
use std::path::Path;

/// Makes a page of the records in `folder/log.jsonl`: curves of the loss, of the learning rate and of each metric, and a table of epochs. The page
/// is one file without scripts that needs nothing from a network.
///
/// Errors: `Io` when there is no log.
pub fn report(folder: &Path, title: &str) -> Result<String> {
    let lines = read(&folder.join("log.jsonl"))?;
    let steps: Vec<&StepRecord> =
        lines.iter().filter_map(|l| if let Line::Step(s) = l { Some(s) } else { None }).collect();
    let epochs: Vec<&EpochRecord> =
        lines.iter().filter_map(|l| if let Line::Epoch(e) = l { Some(e) } else { None }).collect();
    let names: BTreeSet<&String> = epochs.iter().flat_map(|epoch| epoch.metrics.keys()).collect();
    let of_metric = |name: &str| -> Vec<(f64, f64)> {
        epochs.iter().filter_map(|e| Some((e.step as f64, *e.metrics.get(name)?))).collect()
    };
    let mut charts: BTreeMap<String, Vec<Curve>> = BTreeMap::new();
    charts
        .entry("loss".into())
        .or_default()
        .push(Curve::new("training", steps.iter().map(|s| (s.step as f64, s.loss))));
    for name in &names {
        charts.entry((*name).clone()).or_default().push(Curve::new("validation", of_metric(name)));
    }
    let rate = Curve::new("learning rate", steps.iter().map(|s| (s.step as f64, s.learning_rate)));
    let mut body = String::new();
    // The loss first, the rest by name, the learning rate last.
    let mut order: Vec<(&String, &Vec<Curve>)> = charts.iter().collect();
    order.sort_by_key(|(name, _)| (*name != "loss", *name));
    for (name, curves) in order {
        body.push_str(&chart(name, curves));
    }
    body.push_str(&chart("learning rate", &[rate]));
    body.push_str(&table(&epochs, &names));
    Ok(PAGE.replace("{title}", &escape(title)).replace("{body}", &body))
}

struct Curve {
    name: &'static str,
    points: Vec<(f64, f64)>,
}

impl Curve {
    fn new(name: &'static str, points: impl IntoIterator<Item = (f64, f64)>) -> Curve {
        Curve { name, points: points.into_iter().filter(|(_, y)| y.is_finite()).collect() }
    }
}

/// Pixels of a drawing.
const WIDTH: f64 = 640.0;
const HEIGHT: f64 = 280.0;
/// Pixels of its margins, where the numbers stand.
const LEFT: f64 = 64.0;
const BOTTOM: f64 = 36.0;
const TOP: f64 = 12.0;
const RIGHT: f64 = 16.0;

/// Curves over steps, as a drawing with axes and a legend.
fn chart(title: &str, curves: &[Curve]) -> String {
    let points = || curves.iter().flat_map(|curve| &curve.points);
    if points().count() == 0 {
        return String::new();
    }
    let (x_ticks, y_ticks) = (ticks(points().map(|p| p.0).chain([0.0])), ticks(points().map(|p| p.1)));
    let (x0, x1, y0, y1) = (x_ticks[0], x_ticks[x_ticks.len() - 1], y_ticks[0], y_ticks[y_ticks.len() - 1]);
    let x = |v: f64| LEFT + (v - x0) / (x1 - x0) * (WIDTH - LEFT - RIGHT);
    let y = |v: f64| TOP + (y1 - v) / (y1 - y0) * (HEIGHT - TOP - BOTTOM);
    let mut svg = String::new();
    for tick in &y_ticks {
        let at = y(*tick);
        let _ = write!(
            svg,
            r#"<line class="grid" x1="{LEFT}" x2="{}" y1="{at:.1}" y2="{at:.1}"/><text class="y" x="{}" y="{:.1}">{}</text>"#,
            WIDTH - RIGHT,
            LEFT - 8.0,
            at + 4.0,
            number(*tick)
        );
    }
    for tick in &x_ticks {
        let _ = write!(
            svg,
            r#"<text class="x" x="{:.1}" y="{:.1}">{}</text>"#,
            x(*tick),
            HEIGHT - BOTTOM + 18.0,
            number(*tick)
        );
    }
    for (i, curve) in curves.iter().enumerate() {
        let path: Vec<String> = curve.points.iter().map(|p| format!("{:.1},{:.1}", x(p.0), y(p.1))).collect();
        let _ = write!(svg, r#"<polyline class="curve c{i}" points="{}"/>"#, path.join(" "));
        // Few points are shown as such: a single one makes no line.
        for (px, py) in curve.points.iter().filter(|_| curve.points.len() <= 40) {
            let _ = write!(svg, r#"<circle class="dot c{i}" cx="{:.1}" cy="{:.1}" r="3"/>"#, x(*px), y(*py));
        }
    }
    let legend: String = curves
        .iter()
        .enumerate()
        .map(|(i, c)| format!(r#"<span class="key c{i}">{}</span>"#, c.name))
        .collect();
    let title = escape(title);
    format!(
        "<section><h2>{title}</h2><p class=\"legend\">{legend}</p>\n<svg viewBox=\"0 0 {WIDTH} {HEIGHT}\" role=\"img\" aria-label=\"{title} by step\">{svg}<text class=\"x\" x=\"{:.1}\" y=\"{:.1}\">step</text></svg></section>\n",
        (LEFT + WIDTH - RIGHT) / 2.0,
        HEIGHT - 4.0
    )
}

/// Four to eight round numbers that enclose all values.
fn ticks(values: impl Iterator<Item = f64>) -> Vec<f64> {
    let (low, high) = values.fold((f64::INFINITY, f64::NEG_INFINITY), |(l, h), v| (l.min(v), h.max(v)));
    // A flat curve lies in the middle.
    let (low, high) = if high > low { (low, high) } else { (low - 0.5, high + 0.5) };
    let power = 10f64.powf(((high - low) / 4.0).log10().floor());
    let step = [1.0, 2.0, 5.0, 10.0].map(|m| m * power).into_iter().find(|step| (high - low) / step <= 6.0);
    let step = step.unwrap_or(10.0 * power);
    let (first, last) = ((low / step).floor() as i64, (high / step).ceil() as i64);
    (first..=last.max(first + 1)).map(|i| i as f64 * step).collect()
}

/// A number with no more digits than it needs.
fn number(value: f64) -> String {
    if value != 0.0 && (value.abs() < 1e-3 || value.abs() >= 1e6) {
        return format!("{value:.0e}");
    }
    let text = format!("{value:.4}");
    text.trim_end_matches('0').trim_end_matches('.').to_string()
}

fn table(epochs: &[&EpochRecord], names: &BTreeSet<&String>) -> String {
    let mut rows = String::new();
    for epoch in epochs {
        let mut cells =
            format!("<td>{}</td><td>{}</td><td>{:.4}</td>", epoch.epoch + 1, epoch.step, epoch.train_loss);
        for name in names {
            let cell = epoch.metrics.get(*name).map_or("".into(), |value| format!("{value:.4}"));
            let _ = write!(cells, "<td>{cell}</td>");
        }
        let class = if epoch.best { r#" class="best" title="the best so far""# } else { "" };
        let _ = writeln!(
            rows,
            "<tr{class}>{cells}<td>{:.1}</td><td>{:.1} %</td></tr>",
            epoch.seconds,
            epoch.loader_wait_share * 100.0
        );
    }
    let names: String = names.iter().map(|name| format!("<th>{}</th>", escape(name))).collect();
    format!(
        "<section><h2>epochs</h2><table><thead><tr><th>epoch</th><th>step</th><th>training loss</th>{names}<th>seconds</th><th>waiting for data</th></tr></thead>\n<tbody>{rows}</tbody></table></section>\n"
    )
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

const PAGE: &str = include_str!("report.html");

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ticks_enclose_what_they_are_for() {
        for values in
            [vec![0.0, 1.0], vec![0.31, 0.93], vec![5.0], vec![1e-5, 3e-5], vec![-2.0, 1200.0], vec![0.0]]
        {
            let ticks = ticks(values.iter().copied());
            assert!((2..=9).contains(&ticks.len()), "{values:?}: {ticks:?}");
            assert!(
                values.iter().all(|v| ticks[0] <= *v && *v <= ticks[ticks.len() - 1]),
                "{values:?}: {ticks:?}"
            );
        }
    }
}
