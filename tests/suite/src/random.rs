//! Random graphs: chains with several consumers, mixed dtypes, movement between, reductions.

use crate::case::{Case, Random};
use hadal_graph::op::*;
use hadal_graph::program::{BinaryOp, CompareOp, ReduceOp, ScatterOp, UnaryOp};
use hadal_graph::{DType, Dim, Graph, GraphError, HostTensor, NodeId, Scalar, Shape};

/// What is known of a node beyond its type.
#[derive(Clone, Copy)]
struct Entry {
    node: NodeId,
    /// Computed without rounding, so a comparison or a position computed from it is the same on every device.
    exact: bool,
}

/// A graph of at least `nodes` nodes from a seed. `f64` allows that dtype.
///
/// Errors: none, if the generator is right.
pub fn graph(seed: u64, nodes: usize, f64: bool) -> Result<Case, GraphError> {
    let mut builder =
        Builder { random: Random::new(seed), pool: Vec::new(), f64, inputs: 0, indices: Vec::new() };
    let case = Case::new(format!("random {seed}"), &[], |g| builder.build(g, nodes))?;
    let indices = builder.indices;
    Ok(indices.into_iter().fold(case, |case, (name, tensor)| case.with(&name, tensor)).adding(64))
}

struct Builder {
    random: Random,
    pool: Vec<Entry>,
    f64: bool,
    inputs: usize,
    indices: Vec<(String, HostTensor)>,
}

impl Builder {
    fn build(&mut self, g: &mut Graph, nodes: usize) -> Result<(), GraphError> {
        for _ in 0..3 {
            let shape = self.shape();
            self.leaf(g, &shape)?;
        }
        while g.nodes().len() < nodes {
            self.step(g)?;
        }
        // Everything that nobody reads is a result, and a few nodes in the middle are too.
        let mut read = vec![false; g.nodes().len()];
        for (_, node) in g.nodes().iter() {
            node.inputs.iter().for_each(|i| read[i.index()] = true);
        }
        for (number, entry) in self.pool.clone().into_iter().enumerate() {
            if !read[entry.node.index()] || self.random.below(8) == 0 {
                g.output(format!("out{number}"), entry.node);
            }
        }
        Ok(())
    }

    fn shape(&mut self) -> Vec<usize> {
        let rank = self.random.below(4);
        (0..rank).map(|_| *self.random.pick(&[1, 2, 3, 4, 5, 7, 8])).collect()
    }

    fn leaf(&mut self, g: &mut Graph, shape: &[usize]) -> Result<NodeId, GraphError> {
        let mut dtypes = vec![
            DType::F32,
            DType::F32,
            DType::F32,
            DType::F16,
            DType::BF16,
            DType::I32,
            DType::I8,
            DType::U8,
            DType::I64,
        ];
        if self.f64 {
            dtypes.push(DType::F64);
        }
        let dtype = *self.random.pick(&dtypes);
        self.inputs += 1;
        let name = format!("x{}", self.inputs);
        let node = if self.random.below(3) == 0 {
            g.parameter(&name, dtype, shape)?
        } else {
            g.input(&name, dtype, shape)?
        };
        self.pool.push(Entry { node, exact: true });
        Ok(node)
    }

    fn any(&mut self) -> Entry {
        // Recent nodes are likelier, so that chains grow.
        let recent = self.pool.len().min(6);
        match self.random.below(2) {
            0 => self.pool[self.pool.len() - 1 - self.random.below(recent)],
            _ => *self.random.pick(&self.pool.clone()),
        }
    }

    fn push(&mut self, node: NodeId, exact: bool) {
        self.pool.push(Entry { node, exact });
    }

    fn step(&mut self, g: &mut Graph) -> Result<(), GraphError> {
        let x = self.any();
        let dtype = g.dtype(x.node);
        let rank = g.shape(x.node).rank();
        match self.random.below(24) {
            0..=3 => self.unary(g, x),
            4..=7 => self.binary(g, x),
            8 => {
                let to = *self.random.pick(&[DType::F32, DType::F32, DType::F16, DType::I32]);
                // A float is cut off to an integer: exact only where the float is.
                if to.is_int() && dtype.is_float() && !x.exact {
                    return Ok(());
                }
                let node = g.cast(x.node, to)?;
                self.push(node, x.exact && to.size() >= dtype.size());
                Ok(())
            }
            9 => self.select(g, x),
            10..=12 => self.movement(g, x),
            13..=15 if rank > 0 => self.reduce(g, x),
            16 if rank > 0 => self.indexed(g, x),
            17 if rank > 0 && dtype != DType::Bool => self.scan(g, x),
            18..=19 if dtype.is_float() && rank > 0 => self.composite(g, x),
            20..=21 if dtype.is_float() && rank >= 2 => self.contract(g, x),
            22 => {
                let shape = self.shape();
                let key = g.constant(
                    HostTensor::new([2], &[7u32, 9])
                        .unwrap_or_else(|_| HostTensor::full(DType::U32, [2], Scalar::Int(7))),
                )?;
                let bits = g.apply(RandomBits { shape: shape[..].into() }, &[key])?;
                let high = g.constant_scalar(Scalar::Int(20), DType::U32)?;
                let small = g.binary(BinaryOp::Shr, bits, high)?;
                self.push(small, true);
                Ok(())
            }
            _ => {
                let shape = self.shape();
                self.leaf(g, &shape).map(|_| ())
            }
        }
    }

    fn unary(&mut self, g: &mut Graph, x: Entry) -> Result<(), GraphError> {
        let dtype = g.dtype(x.node);
        let (op, exact) = if dtype.is_float() {
            let smooth = [
                UnaryOp::Tanh,
                UnaryOp::Sin,
                UnaryOp::Cos,
                UnaryOp::Erf,
                UnaryOp::Atan,
                UnaryOp::Neg,
                UnaryOp::Abs,
            ];
            let op = *self.random.pick(&smooth);
            (op, x.exact && matches!(op, UnaryOp::Neg | UnaryOp::Abs))
        } else if dtype == DType::Bool {
            (UnaryOp::Not, true)
        } else {
            (*self.random.pick(&[UnaryOp::Neg, UnaryOp::Abs, UnaryOp::Sign, UnaryOp::Not]), true)
        };
        let mut node = g.unary(op, x.node)?;
        if dtype.is_float() && !exact && self.random.below(3) == 0 {
            // exp of something bounded, and back into -1..1.
            let bounded = g.unary(UnaryOp::Tanh, node)?;
            let exp = g.unary(UnaryOp::Exp, bounded)?;
            node = g.unary(UnaryOp::Log, exp)?;
        }
        self.push(node, exact);
        Ok(())
    }

    /// Another node that broadcasts with `x`, cast to its dtype.
    fn partner(&mut self, g: &mut Graph, x: Entry) -> Result<Entry, GraphError> {
        let dtype = g.dtype(x.node);
        for _ in 0..6 {
            let y = self.any();
            let fits = broadcast_shapes(g.shape(x.node), g.shape(y.node)).is_ok();
            if fits && (g.dtype(y.node) == dtype || dtype.is_float()) && dtype != DType::Bool {
                let exact = y.exact && g.dtype(y.node) == dtype;
                return Ok(Entry { node: g.cast(y.node, dtype)?, exact });
            }
        }
        let scalar = if dtype == DType::Bool { Scalar::Bool(true) } else { Scalar::new(0.5, dtype) };
        Ok(Entry { node: g.constant_scalar(scalar, dtype)?, exact: true })
    }

    fn binary(&mut self, g: &mut Graph, x: Entry) -> Result<(), GraphError> {
        let y = self.partner(g, x)?;
        let dtype = g.dtype(x.node);
        let ops: &[BinaryOp] = match dtype {
            d if d.is_float() => &[BinaryOp::Add, BinaryOp::Sub, BinaryOp::Mul, BinaryOp::Max, BinaryOp::Min],
            DType::Bool => &[BinaryOp::And, BinaryOp::Or, BinaryOp::Xor],
            _ => &[
                BinaryOp::Add,
                BinaryOp::Sub,
                BinaryOp::Mul,
                BinaryOp::Max,
                BinaryOp::Div,
                BinaryOp::Rem,
                BinaryOp::Xor,
            ],
        };
        let op = *self.random.pick(ops);
        let mut node = g.binary(op, x.node, y.node)?;
        let exact = x.exact && y.exact && (!dtype.is_float() || matches!(op, BinaryOp::Max | BinaryOp::Min));
        if dtype.is_float() && !exact {
            let half = g.scalar(0.5, dtype)?;
            node = g.mul(node, half)?;
        }
        self.push(node, exact);
        Ok(())
    }

    fn select(&mut self, g: &mut Graph, x: Entry) -> Result<(), GraphError> {
        if !x.exact || g.dtype(x.node) == DType::Bool {
            return Ok(());
        }
        let y = self.partner(g, x)?;
        if !y.exact {
            return Ok(());
        }
        let op = *self.random.pick(&[CompareOp::Lt, CompareOp::Ge, CompareOp::Eq, CompareOp::Ne]);
        let condition = g.compare(op, x.node, y.node)?;
        self.push(condition, true);
        let node = g.select(condition, x.node, y.node)?;
        self.push(node, true);
        Ok(())
    }

    fn movement(&mut self, g: &mut Graph, x: Entry) -> Result<(), GraphError> {
        let Some(shape) = g.shape(x.node).as_const() else { return Ok(()) };
        let (rank, elements) = (shape.len(), shape.iter().product::<usize>());
        let axis = if rank > 0 { self.random.below(rank) } else { 0 };
        let node = match self.random.below(7) {
            0 => {
                let mut permutation: Vec<usize> = (0..rank).collect();
                for i in (1..rank).rev() {
                    permutation.swap(i, self.random.below(i + 1));
                }
                g.transpose(x.node, &permutation)?
            }
            1 => {
                // Factors of the number of elements, in any order.
                let mut rest = elements;
                let mut dims = Vec::new();
                for factor in [2, 3, 5, 2, 7, 4] {
                    if rest % factor == 0 && self.random.below(2) == 0 {
                        dims.push(factor);
                        rest /= factor;
                    }
                }
                dims.insert(self.random.below(dims.len() + 1), rest);
                g.reshape(x.node, &dims[..])?
            }
            2 if elements <= 512 && rank < 4 => {
                let mut wide = shape.clone();
                wide.insert(0, 1 + self.random.below(3));
                g.broadcast_to(x.node, &wide[..].into())?
            }
            3 if rank > 0 => {
                let mut slice = Slice {
                    starts: vec![Dim::ZERO; rank],
                    extents: Shape::from(&shape[..]).0,
                    steps: vec![1; rank],
                };
                let start = self.random.below(shape[axis]);
                if self.random.below(2) == 0 {
                    let left = shape[axis] - start;
                    slice.starts[axis] = start.into();
                    slice.steps[axis] = 1 + self.random.below(2) as i64;
                    slice.extents[axis] = left.div_ceil(slice.steps[axis] as usize).into();
                } else {
                    slice.starts[axis] = start.into();
                    slice.steps[axis] = -1;
                    slice.extents[axis] = (start + 1).into();
                }
                g.apply(slice, &[x.node])?
            }
            4 if rank > 0 && elements <= 512 => {
                let mut pad = Pad {
                    low: vec![Dim::ZERO; rank],
                    high: vec![Dim::ZERO; rank],
                    value: Scalar::zero(g.dtype(x.node)),
                };
                pad.low[axis] = self.random.below(3).into();
                pad.high[axis] = self.random.below(2).into();
                if g.dtype(x.node) != DType::Bool && self.random.below(2) == 0 {
                    pad.value = Scalar::new(1.0, g.dtype(x.node));
                }
                g.apply(pad, &[x.node])?
            }
            5 if rank > 0 && elements <= 512 => {
                let other = g.narrow(x.node, axis, 0usize, 1 + self.random.below(shape[axis]))?;
                g.concat(&[x.node, other], axis)?
            }
            _ if rank > 0 => {
                let start = g.iota([1usize], 0, DType::I32)?;
                let start = g.reshape(start, Shape::scalar())?;
                let update = g.narrow(x.node, axis, 0usize, 1usize)?;
                g.apply(DynamicUpdate { axis }, &[x.node, update, start])?
            }
            _ => return Ok(()),
        };
        self.push(node, x.exact);
        Ok(())
    }

    fn reduce(&mut self, g: &mut Graph, x: Entry) -> Result<(), GraphError> {
        let dtype = g.dtype(x.node);
        let rank = g.shape(x.node).rank();
        let axes: Vec<usize> = match self.random.below(3) {
            0 => vec![rank - 1],
            1 => vec![self.random.below(rank)],
            _ => (0..rank).filter(|_| self.random.below(2) == 0).collect(),
        };
        let ops: &[ReduceOp] = match dtype {
            DType::Bool => &[ReduceOp::Max, ReduceOp::Min],
            _ => &[ReduceOp::Sum, ReduceOp::Sum, ReduceOp::Max, ReduceOp::Min, ReduceOp::ArgMax],
        };
        let mut op = *self.random.pick(ops);
        if op == ReduceOp::ArgMax && !x.exact {
            op = ReduceOp::Max;
        }
        let exact = x.exact && (op != ReduceOp::Sum || !dtype.is_float());
        if op != ReduceOp::ArgMax && self.random.below(2) == 0 && dtype != DType::Bool {
            let kept = g.reduce_keep(op, x.node, &axes)?;
            let back = g.sub(x.node, kept)?;
            self.push(back, exact && !dtype.is_float());
            return Ok(());
        }
        let node = g.reduce(op, x.node, &axes)?;
        self.push(node, exact);
        Ok(())
    }

    fn indexed(&mut self, g: &mut Graph, x: Entry) -> Result<(), GraphError> {
        let Some(shape) = g.shape(x.node).as_const() else { return Ok(()) };
        let axis = self.random.below(shape.len());
        let count = 1 + self.random.below(4);
        let (dtype, name) =
            (*self.random.pick(&[DType::I32, DType::I64]), format!("index{}", g.nodes().len()));
        let values =
            (0..count).map(|_| Scalar::Int(self.random.below(shape[axis]) as i128)).collect::<Vec<_>>();
        if let Ok(tensor) = HostTensor::from_scalars(dtype, [count], values) {
            self.indices.push((name.clone(), tensor));
        }
        let index = g.input(&name, dtype, [count])?;
        let rows = g.gather(x.node, axis, index)?;
        self.push(rows, x.exact);
        if self.random.below(2) == 0 && g.dtype(x.node) != DType::Bool {
            let op = *self.random.pick(&[ScatterOp::Add, ScatterOp::Set, ScatterOp::Max]);
            let node = g.apply(Scatter { axis, op }, &[x.node, index, rows])?;
            self.push(node, x.exact && (op != ScatterOp::Add || !g.dtype(x.node).is_float()));
        }
        Ok(())
    }

    fn scan(&mut self, g: &mut Graph, x: Entry) -> Result<(), GraphError> {
        let axis = self.random.below(g.shape(x.node).rank());
        if self.random.below(2) == 0 && x.exact {
            let sort = g.apply(Sort { axis, descending: self.random.below(2) == 0 }, &[x.node])?;
            let (values, positions) = (g.project(sort, 0)?, g.project(sort, 1)?);
            self.push(values, true);
            self.push(positions, true);
            return Ok(());
        }
        let op = Cumulative {
            op: *self.random.pick(&[ReduceOp::Sum, ReduceOp::Max]),
            axis,
            exclusive: false,
            reverse: self.random.below(2) == 0,
        };
        let exact = x.exact && (op.op == ReduceOp::Max || !g.dtype(x.node).is_float());
        let node = g.apply(op, &[x.node])?;
        self.push(node, exact);
        Ok(())
    }

    fn composite(&mut self, g: &mut Graph, x: Entry) -> Result<(), GraphError> {
        let dtype = g.dtype(x.node);
        let rank = g.shape(x.node).rank();
        let node = match self.random.below(3) {
            0 => g.apply(Softmax { axis: self.random.below(rank) }, &[x.node])?,
            1 => g.apply(Gelu { tanh: self.random.below(2) == 0 }, &[x.node])?,
            _ => {
                let width = g.shape(x.node)[rank - 1].clone();
                let one = g.scalar(1.0, dtype)?;
                let weight = g.broadcast_to(one, &Shape(vec![width.clone()]))?;
                let half = g.scalar(0.5, dtype)?;
                let bias = g.broadcast_to(half, &Shape(vec![width]))?;
                let epsilon = Scalar::Float(0.1);
                g.apply(LayerNorm { epsilon }, &[x.node, weight, bias])?
            }
        };
        self.push(node, false);
        Ok(())
    }

    fn contract(&mut self, g: &mut Graph, x: Entry) -> Result<(), GraphError> {
        let dtype = g.dtype(x.node);
        let rank = g.shape(x.node).rank();
        let inner = g.shape(x.node)[rank - 1].clone();
        let scale = g.scalar(0.25, dtype)?;
        if self.random.below(3) == 0 {
            let scaled = g.mul(x.node, scale)?;
            let attention = Attention { scale: Scalar::Float(0.5), causal: self.random.below(2) == 0 };
            let inputs = match self.random.below(2) {
                0 => vec![scaled, x.node, scaled],
                _ => {
                    let transposed = g.transpose_last(scaled)?;
                    let mask = g.matmul(scaled, transposed)?;
                    vec![scaled, x.node, scaled, mask]
                }
            };
            let node = g.apply(attention, &inputs)?;
            let mut node = g.project(node, 0)?;
            if self.random.below(2) == 0 {
                node = g.unary(UnaryOp::Tanh, node)?;
            }
            self.push(node, false);
            return Ok(());
        }
        let width = *self.random.pick(&[1usize, 3, 4, 9]);
        self.inputs += 1;
        let name = format!("w{}", self.inputs);
        let narrow = dtype == DType::F32 && self.random.below(3) == 0;
        let weight = g.parameter(&name, if narrow { DType::I8 } else { dtype }, [inner, width.into()])?;
        let weight = g.cast(weight, dtype)?;
        let weight = if narrow { g.mul(weight, scale)? } else { weight };
        let mut node = g.matmul(x.node, weight)?;
        if self.random.below(2) == 0 {
            node = g.unary(UnaryOp::Tanh, node)?;
        }
        self.push(node, false);
        Ok(())
    }
}
