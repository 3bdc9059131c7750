//! `hadal inspect MODEL`: ops, parameters, and the plan with shapes, bytes, FLOPs and the arena.

use crate::arguments::{Global, Inspect};
use crate::devices::describe;
use crate::failure::with_hint;
use crate::load::load;
use crate::session::Session;
use crate::terminal::{count, size};
use crate::verify::symbols;
use anyhow::Result;
use hadal::Device;
use hadal::backend::{DeviceInfo, PlanReport, Selector, Weights};
use hadal::graph::{Bindings, Graph, NodeId};
use serde_json::json;
use std::collections::BTreeMap;
use std::io::Write;
use std::process::ExitCode;

/// Runs the command.
pub(crate) fn command(given: &Inspect, global: &Global, out: &mut dyn Write) -> Result<ExitCode> {
    let model = load(&given.model)?;
    if given.dot {
        write!(out, "{}", model.graph.to_dot())?;
        return Ok(ExitCode::SUCCESS);
    }
    let sizes = sizes(&model.graph, &given.size)?;
    let selector = global.backend.clone().unwrap_or(Selector::Auto);
    let device = Device::open(&selector.to_string())?;
    let session = Session::new(device.backend()?, &model.graph, &model.weights)?;
    let plan = session.plan(&sizes)?;
    let info = device.backend()?.info();
    if global.json {
        writeln!(out, "{}", machine(&model.graph, &model.weights, &sizes, info, &plan))?;
    } else {
        contents(&model.graph, &model.weights, out)?;
        table(&sizes, info, &plan, out)?;
    }
    Ok(ExitCode::SUCCESS)
}

/// The sizes asked for; of the others, a batch is 1 and all else 128.
fn sizes(graph: &Graph, given: &[(String, usize)]) -> Result<Bindings> {
    let symbols = symbols(graph);
    let mut sizes = Bindings::new();
    for (name, size) in given {
        let Some(symbol) = symbols.iter().find(|symbol| *symbol.0 == **name) else {
            let names: Vec<String> = symbols.iter().map(ToString::to_string).collect();
            let names = if names.is_empty() { "none is open".into() } else { names.join(", ") };
            return Err(with_hint(format!("the model has no size `{name}`"), format!("its sizes: {names}")));
        };
        if let Err(earlier) = sizes.bind(symbol.clone(), *size) {
            anyhow::bail!("the size `{name}` is given twice: {earlier} and {size}");
        }
    }
    for symbol in symbols {
        if sizes.get(&symbol).is_none() {
            let usual = if symbol.0.to_lowercase().contains("batch") { 1 } else { 128 };
            // It was not bound before, so it cannot be bound to something else.
            let _ = sizes.bind(symbol, usual);
        }
    }
    Ok(sizes)
}

/// How often each op occurs, most frequent first; leaves are listed elsewhere.
fn ops(graph: &Graph) -> Vec<(String, usize)> {
    let mut counts: BTreeMap<String, usize> = BTreeMap::new();
    for (_, node) in graph.nodes().iter().filter(|(_, node)| node.op.leaf_name().is_none()) {
        *counts.entry(node.op.label()).or_default() += 1;
    }
    let mut counts: Vec<_> = counts.into_iter().collect();
    counts.sort_by(|a, b| b.1.cmp(&a.1).then_with(|| a.0.cmp(&b.0)));
    counts
}

/// Tensors, elements and bytes of each dtype.
fn parameters(weights: &Weights) -> BTreeMap<&'static str, (usize, u64, u64)> {
    let mut totals: BTreeMap<&'static str, (usize, u64, u64)> = BTreeMap::new();
    for tensor in weights.values() {
        let total = totals.entry(tensor.dtype().name()).or_default();
        total.0 += 1;
        total.1 += tensor.elements() as u64;
        total.2 += tensor.bytes().len() as u64;
    }
    totals
}

/// Values of a graph by name.
type Named = Vec<(String, NodeId)>;

/// The inputs and the outputs.
fn named(graph: &Graph) -> (Named, Named) {
    let name = |&id: &NodeId| (graph.node(id).op.leaf_name().unwrap_or_default().to_string(), id);
    let outputs = graph.outputs.iter().map(|output| (output.name.clone(), output.node));
    (graph.inputs().iter().map(name).collect(), outputs.collect())
}

fn contents(graph: &Graph, weights: &Weights, out: &mut dyn Write) -> Result<()> {
    let (inputs, outputs) = named(graph);
    writeln!(out, "model       {}, {} nodes", graph.name, graph.nodes().len())?;
    for (title, values) in [("input", inputs), ("output", outputs)] {
        for (name, id) in values {
            writeln!(out, "{title:<11} {name}  {}", graph.ty(id))?;
        }
    }
    for (dtype, (tensors, elements, bytes)) in parameters(weights) {
        let elements = count(elements);
        writeln!(out, "parameters  {tensors} tensors of {dtype}, {elements} elements, {}", size(bytes))?;
    }
    let ops: Vec<String> = ops(graph).into_iter().map(|(name, count)| format!("{name} ×{count}")).collect();
    writeln!(out, "ops         {}", ops.join(", "))?;
    Ok(())
}

fn table(sizes: &Bindings, info: &DeviceInfo, plan: &PlanReport, out: &mut dyn Write) -> Result<()> {
    let sizes: Vec<String> = sizes.iter().map(|(symbol, size)| format!("{symbol}={size}")).collect();
    writeln!(out, "\nplan on {} ({}) {}", info.id(), info.name, sizes.join(" "))?;
    let header = ["", "step", "kernel", "shape", "bytes", "FLOPs", "scratch"].map(String::from);
    let mut rows = vec![header];
    for (number, step) in plan.steps.iter().enumerate() {
        rows.push([
            (number + 1).to_string(),
            shorten(&step.label, 48),
            if step.host { format!("{} (host)", step.kernel) } else { step.kernel.clone() },
            format!("{:?}", step.shape),
            size(step.bytes),
            count(step.flops),
            if step.scratch_bytes == 0 { String::new() } else { size(step.scratch_bytes) },
        ]);
    }
    crate::terminal::table(&rows, &[true, false, false, false, true, true, true], out)?;
    let host = plan.steps.iter().filter(|step| step.host).count();
    let flops: u64 = plan.steps.iter().map(|step| step.flops).sum();
    let bytes: u64 = plan.steps.iter().map(|step| step.bytes).sum();
    writeln!(
        out,
        "\n{} steps, {host} with the host; {} operations, {} read and written",
        plan.steps.len(),
        count(flops),
        size(bytes)
    )?;
    writeln!(
        out,
        "arena {} (at least {} are live at once), weights {}",
        size(plan.arena_bytes),
        size(plan.peak_live_bytes),
        size(plan.weight_bytes)
    )?;
    Ok(())
}

fn shorten(text: &str, longest: usize) -> String {
    match text.char_indices().nth(longest) {
        Some(_) => format!("{}…", text.chars().take(longest - 1).collect::<String>()),
        None => text.into(),
    }
}

fn machine(
    graph: &Graph,
    weights: &Weights,
    sizes: &Bindings,
    info: &DeviceInfo,
    plan: &PlanReport,
) -> serde_json::Value {
    let (inputs, outputs) = named(graph);
    let values = |values: Named| -> Vec<serde_json::Value> {
        let describe = |(name, id): (String, NodeId)| {
            let shape: Vec<String> = graph.shape(id).iter().map(ToString::to_string).collect();
            json!({ "name": name, "dtype": graph.dtype(id).name(), "shape": shape })
        };
        values.into_iter().map(describe).collect()
    };
    let parameters: Vec<_> = weights
        .iter()
        .map(|(name, tensor)| {
            let bytes = tensor.bytes().len();
            json!({ "name": name, "dtype": tensor.dtype().name(), "shape": tensor.shape(), "bytes": bytes })
        })
        .collect();
    let steps: Vec<_> = plan
        .steps
        .iter()
        .map(|step| {
            json!({
                "label": step.label, "kernel": step.kernel, "shape": step.shape, "bytes": step.bytes,
                "flops": step.flops, "scratch_bytes": step.scratch_bytes, "host": step.host,
            })
        })
        .collect();
    let sizes: BTreeMap<String, i64> =
        sizes.iter().map(|(symbol, size)| (symbol.to_string(), size)).collect();
    json!({
        "name": graph.name, "nodes": graph.nodes().len(), "inputs": values(inputs), "outputs": values(outputs),
        "ops": ops(graph).into_iter().collect::<BTreeMap<_, _>>(), "parameters": parameters,
        "plan": {
            "device": describe(info), "sizes": sizes, "steps": steps, "arena_bytes": plan.arena_bytes,
            "peak_live_bytes": plan.peak_live_bytes, "weight_bytes": plan.weight_bytes,
        },
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_labels_are_cut() {
        assert_eq!(shorten("matmul+add", 10), "matmul+add");
        assert_eq!(shorten("matmul+gelu", 10), "matmul+ge…");
    }
}
