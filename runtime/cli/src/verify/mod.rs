//! `hadal verify MODEL`: every backend against the reference, on generated inputs.

mod blame;
mod compare;
#[cfg(test)]
mod faulty;
mod inputs;

pub(crate) use compare::compare;
pub(crate) use inputs::symbols;

use crate::arguments::{Global, Verify};
use crate::devices::describe;
use crate::failure::with_hint;
use crate::load::load;
use crate::session::{Session, Tensors};
use anyhow::{Context, Result};
use blame::{Blame, first_wrong};
use compare::Difference;
use hadal::Device;
use hadal::backend::{Backend, Weights};
use hadal::graph::reference::interpret;
use hadal::graph::{Bindings, Graph, HostTensor, Symbol};
use serde_json::json;
use std::io::Write;
use std::process::ExitCode;
use std::sync::Arc;

/// What the reference says.
struct Reference {
    sizes: Bindings,
    inputs: Tensors,
    outputs: Vec<HostTensor>,
}

/// What a device says.
struct Verdict {
    differences: Vec<Difference>,
    blame: Option<Blame>,
}

/// Runs the command.
pub(crate) fn command(given: &Verify, global: &Global, out: &mut dyn Write) -> Result<ExitCode> {
    let model = load(&given.model)?;
    check_sizes(&model.graph, &given.size)?;
    let devices = open(global)?;
    let reference = reference(&model.graph, &model.weights, &given.size, given.seed)?;
    if !global.json {
        let sizes: Vec<String> =
            reference.sizes.iter().map(|(symbol, size)| format!("{symbol}={size}")).collect();
        writeln!(out, "{} on generated inputs {}", model.graph.name, sizes.join(" "))?;
    }
    let mut agrees = true;
    let mut reports = Vec::new();
    for backend in &devices {
        let verdict = judge(backend, &model.graph, &model.weights, &reference)?;
        agrees &= verdict.blame.is_none();
        if global.json {
            reports.push(machine(backend, &model.graph, &reference, &verdict));
        } else {
            person(backend, &model.graph, &reference, &verdict, out)?;
        }
    }
    if global.json {
        let sizes: serde_json::Map<String, serde_json::Value> =
            reference.sizes.iter().map(|(symbol, size)| (symbol.to_string(), size.into())).collect();
        let report = json!({ "model": given.model, "sizes": sizes, "agrees": agrees, "devices": reports });
        writeln!(out, "{report}")?;
    }
    Ok(if agrees { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// The device asked for, or the best one of each backend; what is missing is said on standard error.
pub(crate) fn open(global: &Global) -> Result<Vec<Arc<dyn Backend>>> {
    if let Some(selector) = &global.backend {
        return Ok(vec![Device::open(&selector.to_string())?.backend()?.clone()]);
    }
    let mut devices = Vec::new();
    for listing in Device::list() {
        let opened = listing.devices.map_err(hadal::Error::from).and_then(|_| Device::open(&listing.backend));
        match opened {
            Ok(device) => devices.push(device.backend()?.clone()),
            // `hadal devices` tells of backends that the build lacks; here they are no news.
            Err(error) if error.to_string().contains("not part of this build") => {}
            Err(error) => {
                let error = error.to_string();
                eprintln!("without {}: {}", listing.backend, error.lines().next().unwrap_or_default());
            }
        }
    }
    if devices.is_empty() {
        return Err(with_hint("no device was found", "`hadal devices` says why"));
    }
    Ok(devices)
}

/// Errors: a size that the model does not have.
fn check_sizes(graph: &Graph, given: &[(String, usize)]) -> Result<()> {
    let symbols = symbols(graph);
    if let Some((name, _)) = given.iter().find(|(name, _)| !symbols.iter().any(|symbol| *symbol.0 == **name))
    {
        let names: Vec<String> = symbols.iter().map(Symbol::to_string).collect();
        return Err(with_hint(
            format!("the model has no size `{name}`"),
            format!(
                "its sizes are: {}",
                if names.is_empty() { "all known".into() } else { names.join(", ") }
            ),
        ));
    }
    Ok(())
}

fn reference(graph: &Graph, weights: &Weights, given: &[(String, usize)], seed: u64) -> Result<Reference> {
    let symbols = symbols(graph);
    // Sizes that differ tell axes apart; models that take only some sizes mostly take powers of two.
    let primes = [2usize, 5, 3, 7, 11, 13];
    let mut failure = None;
    for common in [None, Some(1), Some(8), Some(16), Some(32), Some(64), Some(128), Some(224), Some(256)] {
        let mut sizes = Bindings::new();
        for (position, symbol) in symbols.iter().enumerate() {
            let asked = given.iter().find(|(name, _)| *symbol.0 == **name).map(|(_, size)| *size);
            let size = asked.or(common).unwrap_or(primes[position % primes.len()]);
            if let Err(earlier) = sizes.bind(symbol.clone(), size) {
                anyhow::bail!("the size `{symbol}` is given twice: {earlier} and {size}");
            }
        }
        let inputs = inputs::generate(graph, &sizes, seed)?;
        let mut leaves = weights.clone();
        leaves.extend(inputs.clone());
        match interpret(graph, &leaves) {
            Ok(result) => return Ok(Reference { sizes, inputs, outputs: result.outputs }),
            Err(error) => failure = failure.or(Some(error)),
        }
        if symbols.is_empty() || given.len() >= symbols.len() {
            break;
        }
    }
    let error = failure.map_or(anyhow::anyhow!("no sizes were tried"), anyhow::Error::from);
    Err(error).context("the reference cannot compute the model")
}

fn judge(
    backend: &Arc<dyn Backend>,
    graph: &Graph,
    weights: &Weights,
    reference: &Reference,
) -> Result<Verdict> {
    let session = Session::new(backend, graph, weights)?;
    let outputs = session.run(&reference.inputs)?;
    let differences: Vec<Difference> =
        outputs.iter().zip(&reference.outputs).map(|(actual, expected)| compare(actual, expected)).collect();
    let blame = match differences.iter().position(|difference| !difference.agrees) {
        Some(output) => Some(first_wrong(backend, graph, weights, &reference.inputs, output)?),
        None => None,
    };
    Ok(Verdict { differences, blame })
}

fn person(
    backend: &Arc<dyn Backend>,
    graph: &Graph,
    reference: &Reference,
    verdict: &Verdict,
    out: &mut dyn Write,
) -> Result<()> {
    writeln!(out, "{}  {}", backend.info().id(), backend.info().name)?;
    for ((output, expected), difference) in
        graph.outputs.iter().zip(&reference.outputs).zip(&verdict.differences)
    {
        let word = if difference.agrees { "agrees" } else { "DISAGREES" };
        let ty = format!("{}{:?}", expected.dtype(), expected.shape());
        let error =
            format!("largest error {:.2e} (relative {:.2e})", difference.absolute, difference.relative);
        writeln!(out, "  {:<24} {ty:<16} {error}  {word}", output.name)?;
    }
    if let Some(blame) = &verdict.blame {
        writeln!(
            out,
            "  first wrong op: {} ({}), error {:.2e}",
            blame.op, blame.node, blame.difference.absolute
        )?;
        let how = if blame.fused { "right alone, wrong as fused into" } else { "computed by" };
        writeln!(out, "    {how} step {}", blame.step)?;
    }
    Ok(())
}

fn machine(
    backend: &Arc<dyn Backend>,
    graph: &Graph,
    reference: &Reference,
    verdict: &Verdict,
) -> serde_json::Value {
    let outputs: Vec<_> = graph
        .outputs
        .iter()
        .zip(&reference.outputs)
        .zip(&verdict.differences)
        .map(|((output, expected), difference)| {
            json!({
                "name": output.name, "dtype": expected.dtype().name(), "shape": expected.shape(),
                "error": finite(difference.absolute), "relative": finite(difference.relative),
                "element": difference.element, "agrees": difference.agrees,
            })
        })
        .collect();
    let first_wrong = verdict.blame.as_ref().map(|blame| {
        json!({
            "op": blame.op, "node": blame.node, "step": blame.step, "only_fused": blame.fused,
            "error": finite(blame.difference.absolute),
        })
    });
    json!({
        "device": describe(backend.info()), "agrees": verdict.blame.is_none(), "outputs": outputs,
        "first_wrong": first_wrong,
    })
}

/// JSON has no infinity: a text stands for it.
fn finite(value: f64) -> serde_json::Value {
    if value.is_finite() { value.into() } else { "infinite".into() }
}
