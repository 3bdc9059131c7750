//! The picture.

use super::state::State;
use crate::terminal::{count, size};
use ratatui::Frame;
use ratatui::layout::{Constraint, Layout, Rect};
use ratatui::style::{Color, Style, Stylize};
use ratatui::symbols::Marker;
use ratatui::text::{Line, Span};
use ratatui::widgets::{Axis, Block, BorderType, Chart, Dataset, Gauge, GraphType, Paragraph, Wrap};
use std::time::Duration;

/// Draws a run.
pub(super) fn draw(frame: &mut Frame<'_>, state: &State) {
    draw_after(frame, state, state.started.elapsed());
}

fn draw_after(frame: &mut Frame<'_>, state: &State, elapsed: Duration) {
    let [head, curves, foot] =
        Layout::vertical([Constraint::Length(4), Constraint::Min(6), Constraint::Length(10)])
            .areas(frame.area());
    progress(frame, head, state, elapsed);
    let loss = Curve { name: "training loss".into(), points: &state.losses, colour: Color::Cyan };
    let colours = [Color::Green, Color::Magenta, Color::Yellow];
    let metrics = state.metrics.iter().zip(colours);
    let metrics =
        metrics.map(|((name, points), colour)| Curve { name: format!("validation {name}"), points, colour });
    let charts: Vec<Curve<'_>> = std::iter::once(loss).chain(metrics).collect();
    let areas = Layout::horizontal(charts.iter().map(|_| Constraint::Fill(1))).split(curves);
    for (chart, area) in charts.into_iter().zip(areas.iter()) {
        curve(frame, *area, chart);
    }
    let [left, right] = Layout::horizontal([Constraint::Length(46), Constraint::Fill(1)]).areas(foot);
    numbers(frame, left, state);
    messages(frame, right, state);
}

fn block(title: String) -> Block<'static> {
    let border = Style::new().dark_gray();
    Block::bordered().border_type(BorderType::Rounded).border_style(border).title(format!(" {title} "))
}

fn progress(frame: &mut Frame<'_>, area: Rect, state: &State, elapsed: Duration) {
    let hint = if state.pausing { " saving, then stopping " } else { " q: save and stop " };
    let name = format!("{} on {}", state.name, state.device);
    let outer = block(name).title_top(Line::from(hint).right_aligned().dark_gray());
    let inner = outer.inner(area);
    frame.render_widget(outer, area);
    let [line, bar] = Layout::vertical([Constraint::Length(1), Constraint::Length(1)]).areas(inner);
    let left = state.left(elapsed).map_or("-".into(), clock);
    let epoch = (state.done + 1).min(state.epochs);
    let text = format!(
        " epoch {epoch}/{}   batch {}/{}   step {}   {} so far, {left} left",
        state.epochs,
        state.batch,
        state.batches,
        state.step,
        clock(elapsed)
    );
    frame.render_widget(Paragraph::new(text), line);
    let gauge = Gauge::default()
        .ratio(state.share())
        .use_unicode(true)
        .gauge_style(Style::new().cyan().on_black())
        .label(format!("{:.1} %", 100.0 * state.share()));
    frame.render_widget(gauge, bar);
}

/// A number over steps.
struct Curve<'a> {
    name: String,
    points: &'a [(f64, f64)],
    colour: Color,
}

/// Draws a curve in dots of Braille.
fn curve(frame: &mut Frame<'_>, area: Rect, curve: Curve<'_>) {
    let Curve { name, points, colour } = curve;
    let latest = points.last().map_or(String::new(), |(_, value)| format!("{value:.4} "));
    let block = block(name).title_top(Line::from(latest).right_aligned().fg(colour));
    let range = |of: fn(&(f64, f64)) -> f64| {
        let values = points.iter().map(of);
        let [low, high] = values.fold([f64::INFINITY, f64::NEG_INFINITY], |[a, b], v| [a.min(v), b.max(v)]);
        match points.first().map(of) {
            Some(_) if low < high => [low, high],
            // All are the same: it is drawn in the middle.
            Some(only) => [only - 0.05 * only.abs().max(1e-3), only + 0.05 * only.abs().max(1e-3)],
            None => [0.0, 1.0],
        }
    };
    let (x, y) = (range(|p| p.0), range(|p| p.1));
    // A single point has no line.
    let kind = if points.len() > 1 { GraphType::Line } else { GraphType::Scatter };
    let data = Dataset::default()
        .marker(Marker::Braille)
        .graph_type(kind)
        .style(Style::new().fg(colour))
        .data(points);
    let ends = |ends: [f64; 2], show: fn(f64) -> String| ends.map(|end| Span::from(show(end)).dark_gray());
    let axis = |bounds: [f64; 2], labels: [Span<'static>; 2]| {
        Axis::default().bounds(bounds).labels(labels).style(Style::new().dark_gray())
    };
    let chart = Chart::new(vec![data])
        .block(block)
        .x_axis(axis(x, ends(x, |step| count(step as u64))))
        .y_axis(axis(y, ends(y, |value| format!("{value:.3}"))));
    frame.render_widget(chart, area);
}

fn numbers(frame: &mut Frame<'_>, area: Rect, state: &State) {
    let mut rows: Vec<(&str, String)> = Vec::new();
    if let Some(last) = &state.last {
        rows.push(("loss", format!("{:.4}", last.loss)));
        rows.push(("learning rate", format!("{:.2e}", last.learning_rate)));
        rows.push(("rate", format!("{:.1} steps/s", last.steps_per_second)));
        rows.push(("throughput", format!("{} examples/s", count(last.examples_per_second as u64))));
        let scale = last.loss_scale.map_or(String::new(), |scale| format!(", loss scale {scale}"));
        rows.push(("batch", format!("{}{scale}", last.batch_size)));
        rows.push(("waiting for data", format!("{:.1} %", 100.0 * last.loader_wait_share)));
    }
    rows.push(("memory", format!("{}, peak {}", size(state.memory.0), size(state.memory.1))));
    let line = |(name, value): (&str, String)| {
        Line::from(vec![Span::from(format!(" {name:<17}")).dark_gray(), Span::from(value)])
    };
    let lines: Vec<Line<'_>> = rows.into_iter().map(line).collect();
    frame.render_widget(Paragraph::new(lines).block(block("now".into())), area);
}

fn messages(frame: &mut Frame<'_>, area: Rect, state: &State) {
    let room = usize::from(area.height.saturating_sub(2));
    let first = state.messages.len().saturating_sub(room);
    let lines: Vec<Line<'_>> =
        state.messages.iter().skip(first).map(|text| Line::from(format!(" {text}"))).collect();
    frame.render_widget(
        Paragraph::new(lines).wrap(Wrap { trim: false }).block(block("messages".into())),
        area,
    );
}

/// `1 h 02 min`, `3 min 05 s`, `12 s`.
fn clock(time: Duration) -> String {
    match time.as_secs() {
        s if s >= 3600 => format!("{} h {:02} min", s / 3600, s / 60 % 60),
        s if s >= 60 => format!("{} min {:02} s", s / 60, s % 60),
        s => format!("{s} s"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use hadal_train::{EpochRecord, StepRecord};
    use ratatui::Terminal;
    use ratatui::backend::TestBackend;

    fn run() -> State {
        let mut state = State::new("fashion-mnist-cnn", "cpu:0", 5);
        for i in 1..=40u64 {
            state.progress(i * 10, (i as usize * 10 - 1) % 200 + 1, 200);
            state.step(&StepRecord {
                step: i * 10,
                epoch: i / 20,
                loss: 2.3 * (-(i as f64) / 12.0).exp() + 0.2,
                learning_rate: 1.5e-3,
                steps_per_second: 12.34,
                examples_per_second: 1580.0,
                batch_size: 128,
                loss_scale: Some(65536.0),
                loader_wait_share: 0.004,
            });
            if i == 20 {
                let metrics =
                    [("accuracy".to_string(), 0.81), ("loss".to_string(), 0.52)].into_iter().collect();
                let train_loss = 0.8;
                let (best, seconds, loader_wait_share) = (true, 17.3, 0.004);
                state.epoch(&EpochRecord {
                    epoch: 0,
                    step: 200,
                    train_loss,
                    metrics,
                    best,
                    seconds,
                    loader_wait_share,
                });
            }
        }
        state.memory = (120_000_000, 310_000_000);
        state.message("the batch grows to 256 examples after step 400");
        state
    }

    fn picture(state: &State, width: u16, height: u16) -> String {
        let mut terminal = Terminal::new(TestBackend::new(width, height)).unwrap();
        terminal.draw(|frame| draw_after(frame, state, Duration::from_secs(35))).unwrap();
        terminal.backend().to_string()
    }

    #[test]
    fn a_run_in_the_middle() {
        insta::assert_snapshot!(picture(&run(), 110, 30));
    }

    #[test]
    fn a_run_that_has_just_begun_and_one_that_pauses() {
        insta::assert_snapshot!(picture(&State::new("char-transformer", "wgpu:0", 4), 80, 24));
        let mut state = run();
        state.pausing = true;
        assert!(picture(&state, 80, 24).contains("saving, then stopping"));
    }

    #[test]
    fn no_size_is_too_small() {
        let state = run();
        for (width, height) in [(1, 1), (2, 50), (10, 3), (20, 8), (39, 12), (200, 5)] {
            picture(&state, width, height);
        }
    }

    #[test]
    fn times_are_short() {
        let times = [7, 65, 3725].map(|seconds| clock(Duration::from_secs(seconds)));
        assert_eq!(times, ["7 s", "1 min 05 s", "1 h 02 min"]);
    }
}
