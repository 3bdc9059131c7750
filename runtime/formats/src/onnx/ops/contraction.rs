//! Matrix products and convolutions.

use super::{Operator, onnx};
use crate::onnx::call::Call;
use crate::onnx::importer::{Importer, Value};
use crate::onnx::refusal::Refusal;
use hadal_graph::op::{Conv, resolve_axis};
use hadal_graph::{DType, Dim, NodeId, Shape};

pub(super) const OPERATORS: &[Operator] = &[
    onnx("Conv", &[1, 11, 22], conv),
    onnx("ConvTranspose", &[1, 11, 22], conv_transpose),
    onnx("Gemm", &[7, 9, 11, 13], gemm),
    onnx("MatMul", &[1, 9, 13], matmul),
    onnx("MatMulInteger", &[10], matmul_integer),
];

fn matmul(cx: &mut Importer, call: &Call<'_>) -> Result<Vec<Value>, Refusal> {
    let (a, b) = (cx.operand(call, 0)?, cx.operand(call, 1)?);
    Ok(vec![Value::Node(product(cx, a, b)?)])
}

/// NumPy's `matmul`: vectors count as a row on the left and a column on the right, and that axis goes again.
fn product(cx: &mut Importer, mut a: NodeId, mut b: NodeId) -> Result<NodeId, Refusal> {
    let (row, column) = (cx.graph.shape(a).rank() == 1, cx.graph.shape(b).rank() == 1);
    if row {
        a = cx.graph.unsqueeze(a, 0)?;
    }
    if column {
        b = cx.graph.unsqueeze(b, 1)?;
    }
    let mut result = cx.graph.matmul(a, b)?;
    if column {
        let last = cx.graph.shape(result).rank() - 1;
        result = cx.graph.squeeze(result, last)?;
    }
    if row {
        let axis = cx.graph.shape(result).rank() - if column { 1 } else { 2 };
        result = cx.graph.squeeze(result, axis)?;
    }
    Ok(result)
}

fn gemm(cx: &mut Importer, call: &Call<'_>) -> Result<Vec<Value>, Refusal> {
    let (mut a, mut b) = (cx.operand(call, 0)?, cx.operand(call, 1)?);
    for x in [a, b] {
        let rank = cx.graph.shape(x).rank();
        if rank != 2 {
            return Err(Refusal::malformed(format!("a matrix of rank {rank}"), "rank 2"));
        }
    }
    if call.flag("transA", false)? {
        a = cx.graph.transpose_last(a)?;
    }
    if call.flag("transB", false)? {
        b = cx.graph.transpose_last(b)?;
    }
    let mut result = cx.graph.matmul(a, b)?;
    result = scaled(cx, result, call.float("alpha")?)?;
    let beta = call.float("beta")?;
    if let Some(c) = cx.optional(call, 2)? {
        let c = scaled(cx, c, beta)?;
        let shape = cx.graph.shape(result).clone();
        let c = cx.graph.broadcast_to(c, &shape)?;
        result = cx.graph.add(result, c)?;
    }
    Ok(vec![Value::Node(result)])
}

fn scaled(cx: &mut Importer, x: NodeId, factor: Option<f32>) -> Result<NodeId, Refusal> {
    match factor {
        None | Some(1.0) => Ok(x),
        Some(factor) => {
            let factor = cx.graph.scalar(factor.into(), cx.graph.dtype(x))?;
            Ok(cx.graph.mul(x, factor)?)
        }
    }
}

/// The product of 8-bit matrices less their zero points, in 32 bits.
fn matmul_integer(cx: &mut Importer, call: &Call<'_>) -> Result<Vec<Value>, Refusal> {
    let mut sides = Vec::new();
    for index in 0..2 {
        let x = cx.operand(call, index)?;
        if !matches!(cx.graph.dtype(x), DType::I8 | DType::U8) {
            return Err(Refusal::malformed(format!("{} operands", cx.graph.dtype(x)), "8-bit integers"));
        }
        let wide = cx.graph.cast(x, DType::I32)?;
        let shifted = match cx.optional(call, 2 + index)? {
            None => wide,
            Some(zero) => {
                let mut zero = cx.graph.cast(zero, DType::I32)?;
                // One for each row of the first operand, one for each column of the second.
                if index == 0 && cx.graph.shape(zero).rank() == 1 && !cx.graph.shape(zero)[0].is(1) {
                    zero = cx.graph.unsqueeze(zero, 1)?;
                }
                cx.graph.sub(wide, zero)?
            }
        };
        sides.push(shifted);
    }
    Ok(vec![Value::Node(product(cx, sides[0], sides[1])?)])
}

/// Attributes that convolution and pooling share, one entry for each spatial axis.
pub(super) struct Window {
    pub(super) stride: Vec<usize>,
    pub(super) dilation: Vec<usize>,
    pub(super) low: Vec<usize>,
    pub(super) high: Vec<usize>,
}

/// A list attribute of small positive numbers.
pub(super) fn sizes(
    call: &Call<'_>,
    name: &str,
    count: usize,
    least: i64,
) -> Result<Option<Vec<usize>>, Refusal> {
    let Some(list) = call.ints(name)? else { return Ok(None) };
    let sizes: Vec<usize> =
        list.iter().filter(|&&v| v >= least && v < 1 << 31).map(|&v| v as usize).collect();
    if sizes.len() == count && list.len() == count {
        return Ok(Some(sizes));
    }
    Err(Refusal::malformed(format!("`{name}` of {list:?}"), format!("{count} numbers of at least {least}")))
}

impl Window {
    /// Reads `strides`, `dilations`, `pads` and `auto_pad` for a kernel over an input with these spatial extents.
    pub(super) fn read(call: &Call<'_>, kernel: &[usize], input: &[Dim]) -> Result<Window, Refusal> {
        let count = kernel.len();
        let stride = sizes(call, "strides", count, 1)?.unwrap_or_else(|| vec![1; count]);
        let dilation = sizes(call, "dilations", count, 1)?.unwrap_or_else(|| vec![1; count]);
        let pads = sizes(call, "pads", 2 * count, 0)?;
        let (low, high) = match call.text("auto_pad")? {
            None | Some("NOTSET") => match pads {
                Some(pads) => (pads[..count].to_vec(), pads[count..].to_vec()),
                None => (vec![0; count], vec![0; count]),
            },
            Some("VALID") => (vec![0; count], vec![0; count]),
            Some(mode @ ("SAME_UPPER" | "SAME_LOWER")) => {
                let mut pads = (Vec::new(), Vec::new());
                for axis in 0..count {
                    let total = same(&input[axis], kernel[axis], stride[axis], dilation[axis])?;
                    let less = total / 2;
                    let (low, high) =
                        if mode == "SAME_UPPER" { (less, total - less) } else { (total - less, less) };
                    pads.0.push(low);
                    pads.1.push(high);
                }
                pads
            }
            Some(other) => {
                let expected = "NOTSET, VALID, SAME_UPPER or SAME_LOWER";
                return Err(Refusal::malformed(format!("auto_pad {other:?}"), expected));
            }
        };
        Ok(Window { stride, dilation, low, high })
    }
}

/// Padding for which the result has `ceil(n / stride)` elements.
fn same(n: &Dim, kernel: usize, stride: usize, dilation: usize) -> Result<usize, Refusal> {
    let reach = dilation.saturating_mul(kernel.saturating_sub(1)).saturating_add(1);
    let covered = match (n.as_usize(), stride) {
        (_, 1) => 0,
        // (ceil(n / stride) - 1) * stride - n
        (Some(n), stride) => {
            return Ok((n.div_ceil(stride).saturating_sub(1) * stride + reach).saturating_sub(n));
        }
        (None, _) => {
            let what = format!("`auto_pad` for an axis of {n} elements");
            return Err(Refusal::unsupported(what).with_hint("export the model with explicit `pads`"));
        }
    };
    Ok(reach - 1 + covered)
}

/// The spatial extents of a kernel, which must be known.
fn kernel_of(cx: &Importer, call: &Call<'_>, x: NodeId, w: NodeId) -> Result<Vec<usize>, Refusal> {
    let (x_rank, w_shape) = (cx.graph.shape(x).rank(), cx.graph.shape(w));
    if x_rank < 3 || w_shape.rank() != x_rank {
        let found = format!("an input of rank {x_rank} and a kernel of rank {}", w_shape.rank());
        return Err(Refusal::malformed(found, "equal ranks of at least 3"));
    }
    let kernel: Option<Vec<usize>> = w_shape[2..].iter().map(Dim::as_usize).collect();
    let kernel = kernel.ok_or_else(|| Refusal::unsupported(format!("a kernel of shape {w_shape}")))?;
    match sizes(call, "kernel_shape", kernel.len(), 1)? {
        Some(declared) if declared != kernel => Err(Refusal::malformed(
            format!("kernel_shape {declared:?}"),
            format!("{kernel:?}, as the kernel has it"),
        )),
        _ => Ok(kernel),
    }
}

fn groups(call: &Call<'_>) -> Result<usize, Refusal> {
    match call.int("group")?.unwrap_or(1) {
        groups @ 1..=0x7fff_ffff => Ok(groups as usize),
        other => Err(Refusal::malformed(format!("group {other}"), "a positive number")),
    }
}

/// Adds a bias for each channel.
fn biased(cx: &mut Importer, call: &Call<'_>, result: NodeId) -> Result<Vec<Value>, Refusal> {
    let Some(bias) = cx.optional(call, 2)? else { return Ok(vec![Value::Node(result)]) };
    let bias = channels(cx, bias, cx.graph.shape(result).rank())?;
    Ok(vec![Value::Node(cx.graph.add(result, bias)?)])
}

/// A vector over channels as `[1, c, 1, ..]`.
pub(super) fn channels(cx: &mut Importer, vector: NodeId, rank: usize) -> Result<NodeId, Refusal> {
    let shape = cx.graph.shape(vector);
    let [c] = &shape[..] else {
        return Err(Refusal::malformed(format!("a vector over channels of shape {shape}"), "rank 1"));
    };
    let mut wide = vec![Dim::ONE; rank];
    let axis = resolve_axis(1, rank)?;
    wide[axis] = c.clone();
    Ok(cx.graph.reshape(vector, Shape(wide))?)
}

fn conv(cx: &mut Importer, call: &Call<'_>) -> Result<Vec<Value>, Refusal> {
    let (x, w) = (cx.operand(call, 0)?, cx.operand(call, 1)?);
    let kernel = kernel_of(cx, call, x, w)?;
    let window = Window::read(call, &kernel, &cx.graph.shape(x)[2..])?;
    let op = Conv {
        input_dilation: vec![1; kernel.len()],
        groups: groups(call)?,
        stride: window.stride,
        low: window.low,
        high: window.high,
        dilation: window.dilation,
    };
    let result = cx.graph.apply(op, &[x, w])?;
    biased(cx, call, result)
}

/// Transposed convolution: a convolution over the input with zeros between its elements, with the kernel mirrored and its channel axes
/// exchanged.
fn conv_transpose(cx: &mut Importer, call: &Call<'_>) -> Result<Vec<Value>, Refusal> {
    let (x, w) = (cx.operand(call, 0)?, cx.operand(call, 1)?);
    let kernel = kernel_of(cx, call, x, w)?;
    let count = kernel.len();
    if !matches!(call.text("auto_pad")?, None | Some("NOTSET" | "VALID"))
        || call.ints("output_shape")?.is_some()
    {
        return Err(Refusal::unsupported("`auto_pad` or `output_shape` of a transposed convolution")
            .with_hint("export the model with explicit `pads`"));
    }
    let stride = sizes(call, "strides", count, 1)?.unwrap_or_else(|| vec![1; count]);
    let dilation = sizes(call, "dilations", count, 1)?.unwrap_or_else(|| vec![1; count]);
    let pads = sizes(call, "pads", 2 * count, 0)?.unwrap_or_else(|| vec![0; 2 * count]);
    let extra = sizes(call, "output_padding", count, 0)?.unwrap_or_else(|| vec![0; count]);
    let groups = groups(call)?;
    let channels = &cx.graph.shape(w)[0];
    if channels.exact_div(&groups.into()).is_none() {
        return Err(Refusal::malformed(format!("{channels} channels in {groups} groups"), "a multiple"));
    }
    let turned = cx.graph.transposed_kernel(w, groups)?;
    let (mut low, mut high) = (Vec::new(), Vec::new());
    for axis in 0..count {
        let reach = dilation[axis].saturating_mul(kernel[axis] - 1);
        let below = reach.checked_sub(pads[axis]);
        let above = reach.saturating_add(extra[axis]).checked_sub(pads[count + axis]);
        let (Some(below), Some(above)) = (below, above) else {
            return Err(Refusal::unsupported(
                "a transposed convolution with more padding than its kernel reaches",
            ));
        };
        low.push(below);
        high.push(above);
    }
    let op = Conv { stride: vec![1; count], low, high, dilation, input_dilation: stride, groups };
    let result = cx.graph.apply(op, &[x, turned])?;
    biased(cx, call, result)
}
