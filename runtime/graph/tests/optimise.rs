//! Passes keep what a graph computes: random graphs, and hand-built ones with regions and composites, before and after.

use hadal_graph::op::{
    Attention, CrossEntropy, Cumulative, Dropout, Gather, Gelu, If, LayerNorm, LogSoftmax, Op, Operator, Pad,
    Slice, Softmax, Sort, While,
};
use hadal_graph::pass::{optimise, substitute};
use hadal_graph::program::{BinaryOp, CompareOp, ReduceOp, UnaryOp};
use hadal_graph::reference::{bind, interpret, interpret_program};
use hadal_graph::{DType, Dim, Graph, GraphError, HostTensor, NodeId, Scalar, Shape, Target, compile};
use std::collections::BTreeMap;
use std::sync::Arc;

/// SplitMix64 (Steele, Lea, Flood, 2014).
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    fn below(&mut self, n: usize) -> usize {
        (self.next() % n as u64) as usize
    }

    fn pick<T: Copy>(&mut self, from: &[T]) -> T {
        from[self.below(from.len())]
    }

    fn tensor(&mut self, dtype: DType, shape: &[usize]) -> HostTensor {
        let count = shape.iter().product();
        let values: Vec<Scalar> = (0..count)
            .map(|_| match self.below(8) {
                0 => Scalar::new(0.0, dtype),
                1 if dtype.is_float() => Scalar::Float(-0.0),
                2 => Scalar::new(1.0, dtype),
                _ => Scalar::new(self.below(4000) as f64 / 500.0 - 4.0, dtype),
            })
            .collect();
        HostTensor::from_scalars(dtype, shape, values).expect("as many values as the shape has elements")
    }
}

const DTYPES: [DType; 5] = [DType::F32, DType::F16, DType::I32, DType::U8, DType::Bool];

/// A graph of about `count` random primitives over small tensors, with constants and neutral elements that rules look for.
fn random_graph(random: &mut Random, count: usize) -> Result<Graph, GraphError> {
    let mut g = Graph::new("random");
    let mut nodes: Vec<NodeId> = Vec::new();
    for (i, shape) in [vec![2, 3], vec![2, 3], vec![3], vec![], vec![4, 1, 3]].into_iter().enumerate() {
        let dtype = random.pick(&DTYPES);
        nodes.push(g.input(&format!("x{i}"), dtype, Shape::of(shape))?);
    }
    // Half of the time the next op is of the same kind, on the last result: rules look for such pairs.
    let mut again = None;
    while g.nodes().len() < count {
        let (x, kind) = match again.take() {
            Some(last) if random.below(2) == 0 => last,
            _ => (random.pick(&nodes), random.below(12)),
        };
        let y = match kind {
            0 => other(&mut g, random, &nodes, x)?,
            1 => {
                let op =
                    random.pick(&[UnaryOp::Neg, UnaryOp::Abs, UnaryOp::Floor, UnaryOp::Exp, UnaryOp::Not]);
                g.unary(op, x).ok()
            }
            2..5 => {
                use BinaryOp::*;
                let op = random.pick(&[Add, Sub, Mul, Div, Pow, Max, Min, And, Or, Xor, Shl, Rem]);
                let y = other(&mut g, random, &nodes, x)?.unwrap_or(x);
                let (a, b) = if random.below(2) == 0 { (x, y) } else { (y, x) };
                g.binary(op, a, b).ok()
            }
            5 => {
                let y = other(&mut g, random, &nodes, x)?.unwrap_or(x);
                let c = g.compare(random.pick(&[CompareOp::Eq, CompareOp::Ne, CompareOp::Lt]), x, y)?;
                if random.below(2) == 0 { Some(c) } else { g.select(c, x, y).ok() }
            }
            6 => g.cast(x, random.pick(&DTYPES)).ok(),
            7 => {
                let rank = g.shape(x).rank();
                let mut permutation: Vec<usize> = (0..rank).collect();
                permutation.rotate_left(random.below(rank.max(1)).min(rank));
                g.transpose(x, &permutation).ok()
            }
            8 => {
                let elements = g.shape(x).elements();
                let shape = random.pick(&[[1, 6], [6, 1], [3, 2]]);
                let target = if elements.is(6) { Shape::of(shape) } else { Shape(vec![elements]) };
                g.reshape(x, target).ok()
            }
            9 => {
                let rank = g.shape(x).rank();
                let axes: Vec<usize> = (0..rank).filter(|_| random.below(2) == 0).collect();
                g.reduce(random.pick(&[ReduceOp::Sum, ReduceOp::Max, ReduceOp::Min]), x, &axes).ok()
            }
            10 => move_elements(&mut g, random, x)?,
            _ => {
                let rank = g.shape(x).rank();
                let shape = [vec![Dim::from(2)], g.shape(x).to_vec()].concat();
                if rank < 4 { g.broadcast_to(x, &Shape(shape)).ok() } else { None }
            }
        };
        if let Some(y) = y
            && g.shape(y).as_const().is_some_and(|s| s.iter().product::<usize>() <= 200)
        {
            nodes.push(y);
            again = Some((y, kind));
        }
    }
    for (i, &node) in nodes.iter().rev().take(4).enumerate() {
        g.output(format!("y{i}"), node);
    }
    Ok(g)
}

/// A node of the dtype of `x` that broadcasts with it: an earlier one, or a constant.
fn other(
    g: &mut Graph,
    random: &mut Random,
    nodes: &[NodeId],
    x: NodeId,
) -> Result<Option<NodeId>, GraphError> {
    let y = random.pick(nodes);
    if random.below(2) == 0 && g.dtype(x) == g.dtype(y) && g.shape(x) == g.shape(y) {
        return Ok(Some(y));
    }
    let value = random.pick(&[0.0, -0.0, 1.0, 2.0, 4.0, 3.5, -1.0]);
    g.scalar(value, g.dtype(x)).map(Some)
}

fn move_elements(g: &mut Graph, random: &mut Random, x: NodeId) -> Result<Option<NodeId>, GraphError> {
    let shape = g.shape(x).clone();
    let (rank, Some(extents)) = (shape.rank(), shape.as_const()) else { return Ok(None) };
    if rank == 0 || extents.contains(&0) {
        return Ok(None);
    }
    let axis = random.below(rank);
    let result = match random.below(4) {
        0 => {
            let mut starts = vec![Dim::ZERO; rank];
            let mut steps = vec![1; rank];
            let mut shape = shape;
            let step = 1 + random.below(2);
            let start = random.below(extents[axis]);
            let backwards = random.below(2) == 0;
            starts[axis] = start.into();
            steps[axis] = if backwards { -(step as i64) } else { step as i64 };
            let reach = if backwards { start + 1 } else { extents[axis] - start };
            shape.0[axis] = reach.div_ceil(step).into();
            g.apply(Slice { starts, extents: shape.0, steps }, &[x])
        }
        1 => {
            let mut low = vec![Dim::ZERO; rank];
            low[axis] = random.below(2).into();
            let value = Scalar::new(random.below(3) as f64, g.dtype(x));
            g.apply(Pad { low, high: vec![Dim::ZERO; rank], value }, &[x])
        }
        2 => {
            let parts = vec![x; 1 + random.below(2)];
            g.concat(&parts, axis)
        }
        _ => {
            let index = g.constant_scalar(Scalar::Int(random.below(extents[axis]) as i128), DType::I32)?;
            g.apply(Gather { axis }, &[x, index])
        }
    };
    result.map(Some)
}

fn inputs(random: &mut Random, g: &Graph) -> BTreeMap<String, HostTensor> {
    let tensor = |&id: &NodeId| {
        let shape = g.shape(id).as_const().unwrap_or_default();
        let name = g.node(id).op.leaf_name().unwrap_or_default().to_string();
        (name, random.tensor(g.dtype(id), &shape))
    };
    g.inputs().iter().map(tensor).collect()
}

/// Largest difference that counts: of values above 1, relative. NaN equals NaN.
fn assert_close(a: &HostTensor, b: &HostTensor, tolerance: f64, what: &str) {
    assert_eq!((a.dtype(), a.shape()), (b.dtype(), b.shape()), "{what}");
    for (x, y) in a.to_f64().into_iter().zip(b.to_f64()) {
        let near = tolerance > 0.0 && (x - y).abs() <= tolerance * x.abs().max(1.0);
        let same = x.to_bits() == y.to_bits() || (x.is_nan() && y.is_nan()) || near;
        assert!(same, "{what}: {x} became {y}\n{a:?}\n{b:?}");
    }
}

fn assert_kept(g: &Graph, random: &mut Random, tolerance: f64, what: &str) -> Graph {
    let optimised = optimise(g, &Target::unlimited("test")).unwrap_or_else(|e| panic!("{what}: {e}"));
    optimised.validate().unwrap_or_else(|e| panic!("{what}: {e}"));
    let inputs = inputs(random, g);
    let before = interpret(g, &inputs).unwrap_or_else(|e| panic!("{what}: {e}"));
    let after = interpret(&optimised, &inputs).unwrap_or_else(|e| panic!("{what}: {e}"));
    assert_eq!(before.outputs.len(), after.outputs.len());
    for (a, b) in before.outputs.iter().zip(&after.outputs) {
        assert_close(a, b, tolerance, what);
    }
    optimised
}

#[test]
fn random_graphs_of_primitives_keep_every_bit() {
    let (mut before, mut after) = (0, 0);
    for seed in 0..400 {
        let mut random = Random(seed);
        let g =
            random_graph(&mut random, 24 + seed as usize % 20).unwrap_or_else(|e| panic!("seed {seed}: {e}"));
        let optimised = assert_kept(&g, &mut random, 0.0, &format!("seed {seed}"));
        before += g.nodes().len();
        after += optimised.nodes().len();
    }
    assert!(after * 3 < before * 2, "{before} nodes became {after}");
}

#[test]
fn composites_keep_their_values() -> Result<(), GraphError> {
    let mut g = Graph::new("composites");
    let x = g.input("x", DType::F32, [4, 6])?;
    let w = g.input("w", DType::F32, [6])?;
    let normal = g.apply(LayerNorm { epsilon: Scalar::Float(1e-5) }, &[x, w, w])?;
    let soft = g.apply(Softmax { axis: 1 }, &[normal])?;
    let log = g.apply(LogSoftmax { axis: 0 }, &[normal])?;
    let gelu = g.apply(Gelu { tanh: true }, &[log])?;
    let q = g.reshape(gelu, [1, 4, 6])?;
    let attended = g.apply(Attention { scale: Scalar::Float(0.4), causal: true }, &[q, q, q])?;
    let lse = g.project(attended, 1)?;
    let key =
        g.constant(HostTensor::new([2], &[1u32, 2]).map_err(|e| GraphError::general("test", e.into()))?)?;
    let dropped = g.apply(Dropout { p: Scalar::Float(0.25) }, &[attended, key])?;
    let targets = g.iota([4], 0, DType::I32)?;
    let loss = g.apply(CrossEntropy, &[gelu, targets])?;
    for (name, node) in [("soft", soft), ("lse", lse), ("dropped", dropped), ("loss", loss)] {
        g.output(name, node);
    }
    let optimised = assert_kept(&g, &mut Random(1), 1e-6, "composites");
    for (_, node) in optimised.nodes().iter() {
        let mut scratch = optimised.clone();
        let composite = node.op.decompose(&mut scratch, &node.inputs)?.is_some();
        assert!(!composite || matches!(node.op, Op::Attention(_)), "{} is left", node.op.name());
    }
    Ok(())
}

/// `while n < limit { x = gelu(x · 1); n += 1 }`, and a branch that is not known before the run.
#[test]
fn regions_are_optimised_too() -> Result<(), GraphError> {
    let mut condition = Graph::new("condition");
    condition.input("x", DType::F32, [3])?;
    let n = condition.input("n", DType::I32, Shape::scalar())?;
    let limit = condition.scalar(3.0, DType::I32)?;
    let goes_on = condition.compare(CompareOp::Lt, n, limit)?;
    condition.output("goes_on", goes_on);

    let mut body = Graph::new("body");
    let x = body.input("x", DType::F32, [3])?;
    let n = body.input("n", DType::I32, Shape::scalar())?;
    let one = body.scalar(1.0, DType::F32)?;
    let same = body.mul(x, one)?;
    let x = body.apply(Gelu { tanh: false }, &[same])?;
    let step = body.scalar(1.0, DType::I32)?;
    let n = body.add(n, step)?;
    body.output("x", x);
    body.output("n", n);
    let body = Arc::new(body);

    let mut flip = Graph::new("flip");
    let x = flip.input("x", DType::F32, [3])?;
    let sorted = flip.apply(Sort { axis: 0, descending: true }, &[x])?;
    flip.output("x", sorted);
    let mut sum = Graph::new("sum");
    let x = sum.input("x", DType::F32, [3])?;
    let op = Cumulative { op: ReduceOp::Sum, axis: 0, exclusive: false, reverse: false };
    let summed = sum.apply(op, &[x])?;
    sum.output("x", summed);

    let mut g = Graph::new("outer");
    let x = g.input("x", DType::F32, [3])?;
    let n = g.input("n", DType::I32, Shape::scalar())?;
    let flag = g.input("flag", DType::Bool, Shape::scalar())?;
    let looped = g.apply_regions(Op::While(While), &[x, n], vec![Arc::new(condition), body.clone()])?;
    let count = g.project(looped, 1)?;
    let branch = g.apply_regions(Op::If(If), &[flag, looped], vec![Arc::new(flip), Arc::new(sum)])?;
    g.output("x", branch);
    g.output("n", count);

    for seed in 0..4 {
        let optimised = assert_kept(&g, &mut Random(seed), 1e-6, "regions");
        let (_, node) =
            optimised.nodes().iter().find(|(_, n)| matches!(n.op, Op::While(_))).expect("built above");
        let regions = &node.regions;
        assert!(regions[1].nodes().iter().all(|(_, n)| !matches!(n.op, Op::Gelu(_))));
        let products = |g: &Graph| g.nodes().iter().filter(|(_, n)| n.op.label() == "mul").count();
        assert_eq!(products(&regions[1]), 3, "gelu's own");
    }
    Ok(())
}

#[test]
fn a_substituted_graph_computes_the_same() -> Result<(), GraphError> {
    let mut g = Graph::new("mean");
    let x = g.input("x", DType::F32, ["batch", "seq"])?;
    let mean = g.mean_keep(x, &[1])?;
    let y = g.sub(x, mean)?;
    g.output("y", y);
    let fixed = substitute(&g, &|symbol| Some(Dim::from(if &*symbol.0 == "seq" { 4 } else { 2 })))?;
    let inputs = BTreeMap::from([("x".to_string(), Random(3).tensor(DType::F32, &[2, 4]))]);
    let optimised = optimise(&fixed, &Target::unlimited("test"))?;
    assert_eq!(interpret(&g, &inputs)?, interpret(&optimised, &inputs)?);
    Ok(())
}

/// Composites that no target runs itself, down to programs.
#[test]
fn composites_become_programs() -> Result<(), GraphError> {
    use hadal_graph::op::*;
    let epsilon = Scalar::Float(1e-3);
    for dtype in [DType::F32, DType::F16] {
        let mut g = Graph::new("composites");
        let x = g.input("x", dtype, Shape(vec!["n".into(), 4.into(), 6.into()]))?;
        let w = g.input("w", dtype, [6])?;
        let c = g.input("c", dtype, [4])?;
        let table = g.input("table", dtype, [4, 3])?;
        let scale = g.scalar(0.5, dtype)?;
        let mut results = Vec::new();
        let unary: [Op; 5] = [
            Relu.into(),
            Sigmoid.into(),
            Silu.into(),
            Softplus.into(),
            LogSumExp { axes: vec![1, 2] }.into(),
        ];
        for op in unary {
            results.push(g.apply(op, &[x])?);
        }
        results.push(g.apply(RmsNorm { epsilon }, &[x, w])?);
        let positive = g.unary(UnaryOp::Abs, c)?;
        results.push(g.apply(BatchNorm { epsilon }, &[x, c, c, c, positive])?);
        results.push(g.apply(GroupNorm { groups: 2, epsilon }, &[x, c, c])?);
        results.push(g.apply(Rope { interleaved: true }, &[x, table, table])?);
        results.push(g.apply(Rope { interleaved: false }, &[x, table, table])?);
        let best = g.apply(TopK { axis: 2, k: 2, largest: true }, &[x])?;
        let positions = g.project(best, 1)?;
        results.push(g.apply(TakeAlong { axis: 2 }, &[x, positions])?);
        results.push(g.apply(OneHot { axis: 3, depth: 6.into(), dtype }, &[positions])?);
        let key = g.input("key", DType::U32, [2])?;
        results.push(g.apply(Uniform { shape: Shape::of([9]), dtype }, &[key])?);
        results.push(g.apply(Normal { shape: Shape::of([9]), dtype }, &[key])?);
        let whole = g.apply(QuantizeLinear { axis: 0, dtype: DType::I8 }, &[x, scale])?;
        results.push(g.apply(DequantizeLinear { axis: 0 }, &[whole, scale])?);
        results.push(g.einsum("nab,mab->nm", &[x, x])?);
        for (i, result) in results.into_iter().enumerate() {
            g.output(format!("y{i}"), result);
        }
        let mut random = Random(5);
        let mut given: BTreeMap<String, HostTensor> = BTreeMap::new();
        for (name, dtype, shape) in [
            ("x", dtype, vec![2, 4, 6]),
            ("w", dtype, vec![6]),
            ("c", dtype, vec![4]),
            ("table", dtype, vec![4, 3]),
            ("key", DType::U32, vec![2]),
        ] {
            given.insert(name.into(), random.tensor(dtype, &shape));
        }
        let program = compile(&g, &Target::unlimited("test"))?;
        let before = interpret(&g, &given)?.outputs;
        let after = interpret_program(&program, &bind(&g, &given)?, &given)
            .map_err(|e| GraphError::general("run", e))?
            .outputs;
        let tolerance = if dtype == DType::F16 { 2e-3 } else { 2e-6 };
        for (i, (a, b)) in before.iter().zip(&after).enumerate() {
            assert_close(a, b, tolerance, &format!("{dtype} result {i}"));
        }
    }
    Ok(())
}
