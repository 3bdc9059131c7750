//! A graph with its inputs.

use hadal_graph::op::Op;
use hadal_graph::{DType, Dim, Graph, GraphError, HostTensor, Scalar, Symbol};
use std::collections::BTreeMap;

/// A graph, and a tensor for each of its inputs, parameters and variables.
#[derive(Clone, Debug)]
pub struct Case {
    /// What is tested, unique in the library.
    pub name: String,
    /// The graph.
    pub graph: Graph,
    /// Tensors by leaf name.
    pub leaves: BTreeMap<String, HostTensor>,
    /// How often values are added up in a row, which scales the tolerance of floats.
    pub terms: usize,
}

impl Case {
    /// Builds a case; symbols get the given sizes, leaves get [`fill`]ed tensors.
    ///
    /// Errors: whatever the graph says.
    pub fn new(
        name: impl Into<String>,
        sizes: &[(&str, usize)],
        build: impl FnOnce(&mut Graph) -> Result<(), GraphError>,
    ) -> Result<Case, GraphError> {
        let name = name.into();
        let mut graph = Graph::new(name.clone());
        build(&mut graph)?;
        let size = |s: &Symbol| sizes.iter().find(|(n, _)| *n == &*s.0).map(|(_, v)| Dim::from(*v));
        let mut leaves = BTreeMap::new();
        for (id, node) in graph.nodes().iter() {
            if let (Some(leaf), true) = (node.op.leaf_name(), is_leaf(&node.op)) {
                let extent = |d: &Dim| d.substitute(&size).as_usize().unwrap_or(0);
                let shape: Vec<usize> = graph.shape(id).iter().map(extent).collect();
                leaves.insert(leaf.to_string(), fill(graph.dtype(id), &shape, id.index() as u64 + 1));
            }
        }
        Ok(Case { name, graph, leaves, terms: 1 })
    }

    /// This case with another tensor for a leaf.
    pub fn with(mut self, leaf: &str, tensor: HostTensor) -> Case {
        self.leaves.insert(leaf.into(), tensor);
        self
    }

    /// This case with the number of values that are added up in a row.
    pub fn adding(mut self, terms: usize) -> Case {
        self.terms = terms;
        self
    }
}

fn is_leaf(op: &Op) -> bool {
    matches!(op, Op::Input(_) | Op::Parameter(_) | Op::Variable(_))
}

/// Deterministic values: floats in -1..1 on a grid that every float dtype holds exactly, integers in -4..4 (0..4 if unsigned).
pub fn fill(dtype: DType, shape: &[usize], seed: u64) -> HostTensor {
    let mut random = Random::new(seed);
    let values: Vec<Scalar> = (0..shape.iter().product::<usize>())
        .map(|_| match dtype {
            DType::Bool => Scalar::Bool(random.below(2) == 1),
            d if d.is_float() => Scalar::Float(random.below(257) as f64 / 128.0 - 1.0),
            d if d.is_signed_int() => Scalar::Int(random.below(9) as i128 - 4),
            _ => Scalar::Int(random.below(5) as i128),
        })
        .collect();
    HostTensor::from_scalars(dtype, shape, values)
        .unwrap_or_else(|_| HostTensor::full(dtype, shape, Scalar::zero(dtype)))
}

/// A small generator with a fixed stream for each seed (xorshift64*).
#[derive(Clone, Debug)]
pub struct Random(u64);

impl Random {
    /// The stream of a seed.
    pub fn new(seed: u64) -> Random {
        Random((seed ^ 0x9e37_79b9_7f4a_7c15).wrapping_mul(0xbf58_476d_1ce4_e5b9) | 1)
    }

    /// The next 64 bits.
    pub fn bits(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d)
    }

    /// A number in `0..n`; `n` is not 0.
    pub fn below(&mut self, n: usize) -> usize {
        ((self.bits() >> 33) as usize) % n
    }

    /// One of a few.
    pub fn pick<'a, T>(&mut self, items: &'a [T]) -> &'a T {
        &items[self.below(items.len())]
    }
}
