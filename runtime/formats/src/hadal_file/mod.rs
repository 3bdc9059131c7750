//! The Hadal model file: graph and weights in one safetensors file.
//!
//! Any safetensors reader can open it for its weights. Its metadata holds
//!
//! | key | value |
//! |---|---|
//! | `format` | `hadal` |
//! | `format_version` | `1` |
//! | `graph` | the graph as JSON, see below |
//!
//! and its tensors are exactly the parameters and variables of the graph and its regions, by name. The JSON form is
//!
//! ```json
//! {
//!   "name": "mlp",
//!   "nodes": [
//!     {"op": {"input": {"name": "x", "ty": {"dtype": "f32", "shape": [[[[{"Symbol": "n"}], 1]], 4]}}}, "version": 1},
//!     {"op": {"unary": {"op": "exp"}}, "version": 1, "inputs": [0], "name": "activation"}
//!   ],
//!   "outputs": [{"name": "y", "node": 1}],
//!   "assigns": []
//! }
//! ```
//!
//! where a node may also have `regions`, a list of graphs. `version` is [`Op::version`](hadal_graph::op::Op::version): a file whose op has
//! a version that this build does not know is refused rather than misread. Reading applies every op anew, so a file cannot bring types that
//! inference would not give.

mod portable;
mod rebuild;
mod weights;

use crate::FormatError;
use crate::imported::Imported;
use crate::safetensors::{self, Outline, SafeTensors};
use hadal_graph::{DType, Graph, HostTensor};
use portable::PortableGraph;
use std::collections::BTreeMap;
use std::path::Path;

pub(crate) const FORMAT: &str = "Hadal";
const VERSION: &str = "1";

/// Whether a safetensors file is a Hadal model file.
pub fn is_hadal_file(file: &Outline) -> bool {
    file.metadata().get("format").is_some_and(|f| f == "hadal")
}

/// Reads a model. Weights share the file's bytes.
///
/// Errors: `Io`, `Truncated`, `Malformed`, `Unsupported` for an op or version that this build does not know, `Graph` when an op
/// rejects its inputs, `Weight` when the tensors are not those that the graph declares.
pub fn read(path: impl AsRef<Path>) -> Result<Imported, FormatError> {
    from_safetensors(&SafeTensors::open(path)?)
}

/// Reads a model from an open file. Errors: as [`read`].
pub fn from_safetensors(file: &SafeTensors) -> Result<Imported, FormatError> {
    let import = || {
        let graph = read_graph(file.outline())?;
        weights::check(&graph, types(file.outline()))?;
        Ok(Imported { graph, weights: file.tensors()? })
    };
    import().map_err(|e: FormatError| e.in_file(file.source()))
}

/// The graph of a model whose weights need not be there yet; they will be those that it declares.
///
/// Errors: as [`read`], but for what only the weights' bytes tell.
pub fn graph(file: &Outline) -> Result<Graph, FormatError> {
    let import = || {
        let graph = read_graph(file)?;
        weights::check(&graph, types(file))?;
        Ok(graph)
    };
    import().map_err(|e: FormatError| e.in_file(file.source()))
}

fn types(file: &Outline) -> impl Iterator<Item = (&str, DType, &[usize])> {
    file.names().filter_map(|name| file.describe(name).map(|(dtype, shape)| (name, dtype, shape)))
}

/// Writes a model, atomically. Nothing is written when the graph could not be read back.
///
/// Errors: `Io`, `Malformed` when names are not unique, `Weight` when `weights` are not the graph's parameters and variables.
pub fn write(
    path: impl AsRef<Path>,
    graph: &Graph,
    weights: &BTreeMap<String, HostTensor>,
) -> Result<(), FormatError> {
    let path = path.as_ref();
    let metadata = metadata(graph, weights).map_err(|e| e.in_file(&path.display().to_string()))?;
    safetensors::write(path, weights, &metadata)
}

/// The bytes that [`write`] writes. Errors: as there.
pub fn to_bytes(graph: &Graph, weights: &BTreeMap<String, HostTensor>) -> Result<Vec<u8>, FormatError> {
    safetensors::to_bytes(weights, &metadata(graph, weights)?)
}

fn metadata(
    graph: &Graph,
    weights: &BTreeMap<String, HostTensor>,
) -> Result<BTreeMap<String, String>, FormatError> {
    weights::check(graph, weights.iter().map(|(name, t)| (name.as_str(), t.dtype(), t.shape())))?;
    let fail = |e: serde_json::Error| FormatError::malformed(FORMAT, "the graph", e.to_string(), "JSON");
    let portable = PortableGraph::new(graph).map_err(fail)?;
    let json = serde_json::to_string(&portable).map_err(fail)?;
    rebuild::rebuild(&serde_json::from_str(&json).map_err(fail)?)?;
    let pairs = [("format", "hadal"), ("format_version", VERSION), ("graph", &json)];
    Ok(pairs.into_iter().map(|(k, v)| (k.to_string(), v.to_string())).collect())
}

fn read_graph(file: &Outline) -> Result<Graph, FormatError> {
    let text = |key: &str| {
        file.metadata().get(key).map(String::as_str).ok_or_else(|| {
            FormatError::malformed(FORMAT, "the metadata", format!("no entry `{key}`"), format!("`{key}`"))
        })
    };
    if text("format")? != "hadal" {
        return Err(FormatError::malformed(FORMAT, "`format` in the metadata", text("format")?, "`hadal`")
            .with_hint("this is a file of weights without a graph"));
    }
    let version = text("format_version")?;
    if version != VERSION {
        let what = format!("version {} of the Hadal file", crate::error::quoted(version));
        return Err(FormatError::unsupported("the metadata", what)
            .with_hint(format!("this build reads version {VERSION}; use a newer one")));
    }
    let portable: PortableGraph = serde_json::from_str(text("graph")?).map_err(|e| {
        FormatError::malformed(FORMAT, "`graph` in the metadata", e.to_string(), "a graph as JSON")
    })?;
    rebuild::rebuild(&portable)
}
