//! Printing: values where there are some, else the type.

use super::Tensor;
use hadal_graph::{HostTensor, Scalar};
use std::fmt;

/// More elements than this are shortened to a few at either end of each axis.
const MAX_ELEMENTS: usize = 1000;
const EDGE: usize = 3;

impl fmt::Display for Tensor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.printable() {
            Some(value) => write_values(f, &value),
            None => fmt::Debug::fmt(self, f),
        }
    }
}

impl fmt::Debug for Tensor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let computed = if self.is_computed() { "" } else { ", not computed" };
        write!(f, "Tensor({} on {}{computed})", self.ty(), self.device())
    }
}

impl Tensor {
    /// The value for printing, if it is there and can be waited for. Printing computes nothing.
    #[cfg(not(target_arch = "wasm32"))]
    fn printable(&self) -> Option<HostTensor> {
        if self.is_computed() { self.to_host().ok() } else { None }
    }

    #[cfg(target_arch = "wasm32")]
    fn printable(&self) -> Option<HostTensor> {
        None
    }
}

fn write_values(f: &mut fmt::Formatter<'_>, value: &HostTensor) -> fmt::Result {
    let texts: Vec<String> = value.scalars().map(text).collect();
    let shorten = texts.len() > MAX_ELEMENTS;
    let width = texts.iter().map(String::len).max().unwrap_or(0);
    write_axis(f, value.shape(), &texts, 1, shorten, width)
}

fn text(value: Scalar) -> String {
    match value {
        Scalar::Float(x) => {
            let magnitude = x.abs();
            if x.is_finite() && magnitude != 0.0 && !(1e-4..1e6).contains(&magnitude) {
                format!("{x:.4e}")
            } else {
                let fixed = format!("{x:.4}");
                match fixed.contains('.') {
                    true => fixed.trim_end_matches('0').trim_end_matches('.').to_string(),
                    false => fixed,
                }
            }
        }
        other => other.to_string(),
    }
}

fn write_axis(
    f: &mut fmt::Formatter<'_>,
    shape: &[usize],
    texts: &[String],
    depth: usize,
    shorten: bool,
    width: usize,
) -> fmt::Result {
    let Some((&n, inner)) = shape.split_first() else {
        return f.write_str(texts.first().map_or("", String::as_str));
    };
    let step = inner.iter().product::<usize>();
    f.write_str("[")?;
    let mut i = 0;
    while i < n {
        if i > 0 {
            f.write_str(if inner.is_empty() { ", " } else { ",\n" })?;
            if !inner.is_empty() {
                write!(f, "{:depth$}", "")?;
            }
        }
        if shorten && n > 2 * EDGE && i == EDGE {
            f.write_str("…")?;
            i = n - EDGE;
            continue;
        }
        if inner.is_empty() {
            write!(f, "{:>width$}", texts[i])?;
        } else {
            write_axis(f, inner, &texts[i * step..(i + 1) * step], depth + 1, shorten, width)?;
        }
        i += 1;
    }
    f.write_str("]")
}
