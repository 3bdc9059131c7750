//! How a gradient case is written down.

use super::Gradient;
use crate::Random;
use hadal_graph::program::ReduceOp;
use hadal_graph::reference::interpret;
use hadal_graph::{DType, Dim, Element, Graph, GraphError, HostTensor, NodeId, OpError, Scalar, Shape};
use std::collections::BTreeMap;

/// A graph under construction, and the values of its leaves.
pub struct Builder {
    /// The graph.
    pub g: Graph,
    /// The dtype of what is differentiated.
    pub dtype: DType,
    wrt: Vec<NodeId>,
    leaves: BTreeMap<String, HostTensor>,
    random: Random,
}

impl Builder {
    /// A case whose results are those of `build`. Errors: those of `build`; results that the reference cannot compute.
    pub fn build(
        name: String,
        dtype: DType,
        build: impl FnOnce(&mut Builder) -> Result<Vec<NodeId>, GraphError>,
    ) -> Result<Gradient, GraphError> {
        let g = Graph::new(name.clone());
        let mut b = Builder { g, dtype, wrt: Vec::new(), leaves: BTreeMap::new(), random: Random::new(7) };
        let results = build(&mut b)?;
        let Builder { g, wrt, leaves, .. } = b;
        let loss = NodeId::new(0);
        let mut case = Gradient { name, graph: g, loss, wrt, leaves, terms: 16, step: 1e-5, tolerance: 1e-6 };
        sum_up(&mut case, &results)?;
        Ok(case)
    }

    /// A leaf to differentiate for, with values in -1..1 that are all different.
    pub fn x(&mut self, shape: &[usize]) -> Result<NodeId, GraphError> {
        self.x_in(shape, (-1.0, 1.0))
    }

    /// A leaf to differentiate for, with values in `range` that are all different.
    pub fn x_in(&mut self, shape: &[usize], range: (f64, f64)) -> Result<NodeId, GraphError> {
        let declared: Vec<Dim> = shape.iter().map(|&n| Dim::from(n)).collect();
        self.symbolic(shape, Shape(declared), range)
    }

    /// A leaf to differentiate for that is declared with symbols.
    pub fn symbolic(
        &mut self,
        shape: &[usize],
        declared: Shape,
        (low, high): (f64, f64),
    ) -> Result<NodeId, GraphError> {
        // Numbers that `f32` holds exactly, so that both dtypes see the same.
        let unit = |bits: u64| (bits >> 44) as f64 / (1u64 << 20) as f64;
        let values: Vec<f64> = (0..shape.iter().product::<usize>())
            .map(|_| f64::from((low + (high - low) * unit(self.random.bits())) as f32))
            .collect();
        self.declare(shape, declared, &values)
    }

    /// A leaf to differentiate for, with these values.
    pub fn x_of(&mut self, shape: &[usize], values: &[f64]) -> Result<NodeId, GraphError> {
        let declared: Vec<Dim> = shape.iter().map(|&n| Dim::from(n)).collect();
        self.declare(shape, Shape(declared), values)
    }

    fn declare(&mut self, shape: &[usize], declared: Shape, values: &[f64]) -> Result<NodeId, GraphError> {
        let name = format!("x{}", self.leaves.len());
        let scalars: Vec<Scalar> = values.iter().map(|&v| Scalar::Float(v)).collect();
        let tensor = HostTensor::from_scalars(self.dtype, shape, scalars).map_err(host)?;
        self.leaves.insert(name.clone(), tensor);
        let x = self.g.input(&name, self.dtype, declared)?;
        self.wrt.push(x);
        Ok(x)
    }

    /// A leaf that is not differentiated for.
    pub fn given<T: Element>(&mut self, shape: &[usize], values: &[T]) -> Result<NodeId, GraphError> {
        let name = format!("given{}", self.leaves.len());
        self.leaves.insert(name.clone(), HostTensor::new(shape, values).map_err(host)?);
        self.g.input(&name, T::DTYPE, shape)
    }

    /// A constant of the case's dtype.
    pub fn constant(&mut self, shape: &[usize], values: &[f64]) -> Result<NodeId, GraphError> {
        let scalars: Vec<Scalar> = values.iter().map(|&v| Scalar::Float(v)).collect();
        self.g.constant(HostTensor::from_scalars(self.dtype, shape, scalars).map_err(host)?)
    }
}

fn host(error: hadal_graph::HostTensorError) -> GraphError {
    GraphError::general("gradient case", OpError::from(error))
}

/// Makes the sum of all elements of `outputs`, each with a fixed weight in 0.5..1.5, the loss and the only output of a case.
pub(super) fn sum_up(case: &mut Gradient, outputs: &[NodeId]) -> Result<(), GraphError> {
    let mut graph = case.graph.clone();
    graph.outputs.clear();
    for &output in outputs {
        graph.output("y", output);
    }
    let values = interpret(&graph, &case.leaves)?.outputs;
    let mut random = Random::new(11 + case.leaves.len() as u64);
    let mut sum: Option<NodeId> = None;
    for (&output, value) in outputs.iter().zip(&values) {
        let (ty, g) = (case.graph.ty(output).clone(), &mut case.graph);
        let weights: Vec<Scalar> =
            (0..value.elements()).map(|_| Scalar::Float(0.5 + random.below(129) as f64 / 128.0)).collect();
        let name = format!("weights{}", case.leaves.len());
        let tensor = HostTensor::from_scalars(ty.dtype, value.shape(), weights).map_err(host)?;
        case.leaves.insert(name.clone(), tensor);
        let weights = g.input(&name, ty.dtype, ty.shape.clone())?;
        let product = g.mul(output, weights)?;
        let axes: Vec<usize> = (0..ty.rank()).collect();
        let term = g.reduce(ReduceOp::Sum, product, &axes)?;
        sum = Some(match sum {
            None => term,
            Some(sum) => g.add(sum, term)?,
        });
    }
    let nothing = || GraphError::general("gradient case", OpError::Attribute("it has no result".into()));
    case.loss = sum.ok_or_else(nothing)?;
    case.graph.output("loss", case.loss);
    Ok(())
}
