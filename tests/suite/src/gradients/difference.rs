//! Gradients against central differences, in the reference.

use super::Gradient;
use hadal_graph::reference::interpret;
use hadal_graph::{GraphError, HostTensor, NodeId};

/// Compares every element of every gradient of a case in `f64` with the central difference of the loss.
///
/// Errors: the first element that differs, or what the graph says, as text.
pub fn check(case: &Gradient) -> Result<(), String> {
    let text = |e: GraphError| e.to_string();
    let computed = interpret(&case.case().map_err(text)?.graph, &case.leaves).map_err(text)?.outputs;
    for (&x, computed) in case.wrt.iter().zip(computed) {
        let leaf = case.graph.node(x).op.leaf_name().unwrap_or_default();
        let given = case.leaves.get(leaf).ok_or_else(|| format!("`{leaf}` has no value"))?;
        if computed.shape() != given.shape() {
            return Err(format!("the gradient of {leaf} is {:?}, not {:?}", computed.shape(), given.shape()));
        }
        for (element, d) in computed.to_f64().into_iter().enumerate() {
            let [above, below] = [case.step, -case.step].map(|step| moved(case, leaf, given, element, step));
            let difference = (above? - below?) / (2.0 * case.step);
            // A NaN fails, too.
            let close = (d - difference).abs() <= case.tolerance * (1.0 + difference.abs());
            if !close {
                return Err(format!(
                    "element {element} of {leaf}: gradient {d}, central difference {difference}"
                ));
            }
        }
    }
    Ok(())
}

/// The loss with one element of a leaf moved.
fn moved(case: &Gradient, leaf: &str, given: &HostTensor, element: usize, step: f64) -> Result<f64, String> {
    let mut values = given.to_f64();
    values[element] += step;
    let mut leaves = case.leaves.clone();
    leaves.insert(leaf.into(), HostTensor::new(given.shape(), &values).map_err(|e| e.to_string())?);
    let loss = interpret(&forward(case, case.loss), &leaves).map_err(|e| e.to_string())?;
    loss.outputs[0].to_f64().first().copied().ok_or_else(|| "the loss is empty".into())
}

fn forward(case: &Gradient, loss: NodeId) -> hadal_graph::Graph {
    let mut graph = case.graph.clone();
    graph.outputs.clear();
    graph.output("loss", loss);
    graph
}
