//! Pooling.

use super::contraction::{Window, sizes};
use super::{Operator, onnx};
use crate::onnx::call::Call;
use crate::onnx::importer::{Importer, Value};
use crate::onnx::refusal::Refusal;
use hadal_graph::op;
use hadal_graph::program::ReduceOp;
use hadal_graph::{Dim, HostTensor, NodeId, Scalar};

pub(super) const OPERATORS: &[Operator] = &[
    onnx("AveragePool", &[7, 10, 11, 19, 22], average),
    onnx("GlobalAveragePool", &[1, 22], global_average),
    onnx("GlobalMaxPool", &[1, 22], global_max),
    onnx("MaxPool", &[1, 8, 10, 11, 12, 22], max),
];

/// The spatial axes of `[n, c, spatial..]`.
fn spatial(cx: &Importer, x: NodeId) -> Result<Vec<usize>, Refusal> {
    let rank = cx.graph.shape(x).rank();
    if rank < 3 {
        return Err(Refusal::malformed(format!("an input of rank {rank}"), "at least 3 ([n, c, spatial..])"));
    }
    Ok((2..rank).collect())
}

fn global_max(cx: &mut Importer, call: &Call<'_>) -> Result<Vec<Value>, Refusal> {
    let x = cx.operand(call, 0)?;
    let axes = spatial(cx, x)?;
    Ok(vec![Value::Node(cx.graph.reduce_keep(ReduceOp::Max, x, &axes)?)])
}

fn global_average(cx: &mut Importer, call: &Call<'_>) -> Result<Vec<Value>, Refusal> {
    let x = cx.operand(call, 0)?;
    let axes = spatial(cx, x)?;
    Ok(vec![Value::Node(cx.graph.mean_keep(x, &axes)?)])
}

/// The window of a pooling node over all axes.
fn window(cx: &Importer, call: &Call<'_>, x: NodeId, reduce: ReduceOp) -> Result<op::Window, Refusal> {
    let axes = spatial(cx, x)?;
    let shape = cx.graph.shape(x);
    let kernel = sizes(call, "kernel_shape", axes.len(), 1)?
        .ok_or_else(|| Refusal::malformed("no kernel_shape", "one"))?;
    let mut window = Window::read(call, &kernel, &shape[2..])?;
    if call.flag("ceil_mode", false)? {
        for axis in 0..axes.len() {
            window.high[axis] =
                window.high[axis].saturating_add(overhang(&shape[axis + 2], &window, &kernel, axis)?);
        }
    }
    let whole = |list: Vec<usize>, outer: usize| [outer; 2].into_iter().chain(list).collect();
    Ok(op::Window {
        op: reduce,
        size: whole(kernel, 1),
        stride: whole(window.stride, 1),
        dilation: whole(window.dilation, 1),
        low: whole(window.low, 0),
        high: whole(window.high, 0),
    })
}

/// The padding after an axis that lets a last window that hangs over count, unless it would start in the padding.
fn overhang(n: &Dim, window: &Window, kernel: &[usize], axis: usize) -> Result<usize, Refusal> {
    let Some(n) = n.as_usize() else {
        return Err(Refusal::unsupported(format!("`ceil_mode` for an axis of {n} elements"))
            .with_hint("export the model with that axis static"));
    };
    let (stride, low) = (window.stride[axis], window.low[axis]);
    let reach = window.dilation[axis].saturating_mul(kernel[axis] - 1).saturating_add(1);
    let padded = n.saturating_add(low).saturating_add(window.high[axis]);
    let Some(space) = padded.checked_sub(reach) else { return Ok(0) };
    let windows = space.div_ceil(stride) + 1;
    let starts_inside = (windows - 1).saturating_mul(stride) < n.saturating_add(low);
    let windows = if starts_inside { windows } else { windows - 1 };
    let needed = (windows.saturating_sub(1)).saturating_mul(stride).saturating_add(reach);
    Ok(needed.saturating_sub(padded))
}

fn max(cx: &mut Importer, call: &Call<'_>) -> Result<Vec<Value>, Refusal> {
    call.at_most_results(1)?;
    call.ignore(&["storage_order"]); // Only for positions.
    let x = cx.operand(call, 0)?;
    let window = window(cx, call, x, ReduceOp::Max)?;
    Ok(vec![Value::Node(cx.graph.apply(window, &[x])?)])
}

fn average(cx: &mut Importer, call: &Call<'_>) -> Result<Vec<Value>, Refusal> {
    let count_padding = call.flag("count_include_pad", false)?;
    let x = cx.operand(call, 0)?;
    let window = window(cx, call, x, ReduceOp::Sum)?;
    let sum = cx.graph.apply(window.clone(), &[x])?;
    let dtype = cx.graph.dtype(x);
    let plain = window.low.iter().chain(&window.high).all(|&p| p == 0);
    let count = if plain {
        let count: usize = window.size.iter().fold(1usize, |a, &b| a.saturating_mul(b));
        cx.graph.scalar(count as f64, dtype)?
    } else {
        // How many elements each window holds, from a sum over ones.
        let one = cx.graph.constant(HostTensor::scalar(dtype, Scalar::one(dtype)))?;
        let mut counted = window.clone();
        let mut shape = cx.graph.shape(x).clone();
        (shape.0[0], shape.0[1]) = (Dim::ONE, Dim::ONE);
        if count_padding {
            // Padding that was asked for counts; what `ceil_mode` adds does not.
            let pads = Window::read(call, &window.size[2..], &cx.graph.shape(x)[2..])?;
            for axis in 2..shape.rank() {
                let (low, high) = (pads.low[axis - 2], pads.high[axis - 2]);
                shape.0[axis] = &shape[axis] + low + high;
                counted.low[axis] = 0;
                counted.high[axis] = window.high[axis] - high.min(window.high[axis]);
            }
        }
        let ones = cx.graph.broadcast_to(one, &shape)?;
        cx.graph.apply(counted, &[ones])?
    };
    Ok(vec![Value::Node(cx.graph.div(sum, count)?)])
}
