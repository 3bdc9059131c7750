//! Inputs that a model accepts, drawn from a seed.

use crate::session::Tensors;
use anyhow::{Context, Result};
use hadal::graph::op::Op;
use hadal::graph::{Bindings, DType, Graph, HostTensor, NodeId, Scalar, Symbol};

/// Every symbol in the shapes of the graph's inputs, in order of appearance.
pub(crate) fn symbols(graph: &Graph) -> Vec<Symbol> {
    let mut symbols = Vec::new();
    for &input in graph.inputs() {
        for dim in graph.shape(input).iter() {
            dim.symbols(&mut symbols);
        }
    }
    let mut unique = Vec::new();
    for symbol in symbols {
        if !unique.contains(&symbol) {
            unique.push(symbol);
        }
    }
    unique
}

/// Random tensors for all inputs: normal floats; integers within every extent that they index, else 0 or 1.
pub(crate) fn generate(graph: &Graph, sizes: &Bindings, seed: u64) -> Result<Tensors> {
    let mut random = Random(seed);
    let mut tensors = Tensors::new();
    for &input in graph.inputs() {
        let name = graph.node(input).op.leaf_name().context("an input has no name")?;
        let ty = graph.ty(input);
        let shape = ty.shape.eval(sizes).with_context(|| format!("the shape of `{name}` is not known"))?;
        let count: usize = shape.iter().product();
        let bound = indexed_extent(graph, input, sizes).unwrap_or(2).max(1) as u64;
        let draw = |random: &mut Random| match ty.dtype {
            dtype if dtype.is_float() => Scalar::new(random.normal(), dtype),
            DType::Bool => Scalar::Bool(random.next() & 1 == 1),
            dtype => Scalar::Int(dtype.wrap((random.next() % bound) as i128)),
        };
        let values: Vec<Scalar> = (0..count).map(|_| draw(&mut random)).collect();
        tensors.insert(name.to_string(), HostTensor::from_scalars(ty.dtype, shape, values)?);
    }
    Ok(tensors)
}

/// How many values may be told apart: the smallest extent that values derived from an integer input index, or the length of a table that
/// they are compared with; `None` if there is neither. Values are followed through integer results only.
fn indexed_extent(graph: &Graph, input: NodeId, sizes: &Bindings) -> Option<i64> {
    let mut derived = vec![false; graph.nodes().len()];
    derived[input.index()] = true;
    let mut least: Option<i64> = None;
    for (id, node) in graph.nodes().iter() {
        let axis = match &node.op {
            Op::Gather(gather) => Some(gather.axis),
            Op::Scatter(scatter) => Some(scatter.axis),
            _ => None,
        };
        if let Some(axis) = axis
            && node.inputs.get(1).is_some_and(|index| derived[index.index()])
            && let Ok(extent) = graph.shape(node.inputs[0])[axis].eval(sizes)
        {
            least = Some(least.map_or(extent, |least| least.min(extent)));
        }
        if let Op::Compare(_) = node.op
            && let Some(position) = node.inputs.iter().position(|operand| derived[operand.index()])
            && let Some(entries) = table_length(graph, node.inputs[1 - position])
        {
            least = Some(least.map_or(entries, |least| least.min(entries)));
        }
        // What is looked up is no index any more.
        let sources = if axis.is_some() { &node.inputs[..1] } else { &node.inputs[..] };
        let from_input = sources.iter().any(|source| derived[source.index()]);
        if from_input && graph.dtype(id).is_int() {
            derived[id.index()] = true;
        }
    }
    least
}

/// Number of elements of a table that was broadcast to `node`, if it is one.
fn table_length(graph: &Graph, mut node: NodeId) -> Option<i64> {
    while let Op::Broadcast(_) | Op::Reshape(_) | Op::Cast(_) = graph.node(node).op {
        node = *graph.node(node).inputs.first()?;
    }
    let is_table = matches!(graph.node(node).op, Op::Parameter(_) | Op::Constant(_) | Op::Iota(_));
    graph.shape(node).elements().as_const().filter(|&elements| is_table && elements > 1)
}

/// SplitMix64.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// In `(0, 1]`.
    fn uniform(&mut self) -> f64 {
        ((self.next() >> 11) + 1) as f64 / (1u64 << 53) as f64
    }

    /// By Box and Muller.
    fn normal(&mut self) -> f64 {
        (-2.0 * self.uniform().ln()).sqrt() * (std::f64::consts::TAU * self.uniform()).cos()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use hadal::graph::op::{Cast, Gather};

    #[test]
    fn indices_stay_within_what_they_index() {
        let mut graph = Graph::new("lookup");
        let ids = graph.input("ids", DType::I32, ["n"]).unwrap();
        let mask = graph.input("mask", DType::I64, ["n"]).unwrap();
        let x = graph.input("x", DType::F32, ["n"]).unwrap();
        let table = graph.parameter("table", DType::F32, [50i64, 3]).unwrap();
        let wide = graph.apply(Cast { dtype: DType::I64 }, &[ids]).unwrap();
        let rows = graph.apply(Gather { axis: 0 }, &[table, wide]).unwrap();
        graph.output("rows", rows);
        for node in [mask, x] {
            graph.output("other", node);
        }
        let mut sizes = Bindings::new();
        sizes.bind(symbols(&graph)[0].clone(), 1000).unwrap();
        let tensors = generate(&graph, &sizes, 1).unwrap();
        let ids = tensors["ids"].to_vec::<i32>().unwrap();
        assert!(ids.iter().all(|id| (0..50).contains(id)) && ids.contains(&49));
        assert!(tensors["mask"].to_vec::<i64>().unwrap().iter().all(|m| (0..2).contains(m)));
        let x = tensors["x"].to_vec::<f32>().unwrap();
        let variance = x.iter().map(|x| x * x).sum::<f32>() / 1000.0;
        assert!((0.8..1.2).contains(&variance), "{variance}");
        assert_eq!(generate(&graph, &sizes, 1).unwrap(), tensors);
        assert_ne!(generate(&graph, &sizes, 2).unwrap(), tensors);
    }
}
