//! One step for each way in which an archetype's kernels guard what they touch, with sizes that no tile divides.

use hadal_graph::op;
use hadal_graph::program::{
    Affine, Attention, BinaryOp, Body, CompareOp, Contract, Custom, Guard, IndexMap, Indirect, Instr, Kernel,
    Operand, Phase, Pointwise, PointwiseProgram, Program, Reduce, ReduceOp, Role, Scan, Scatter, ScatterOp,
    Sort, Step, Store, UnaryOp, Value, ValueId,
};
use hadal_graph::{Bindings, DType, Dim, HostTensor, Scalar, Shape, Symbol, TensorType};
use std::collections::BTreeMap;

/// A program of one step.
pub(crate) struct Case {
    pub(crate) name: &'static str,
    pub(crate) program: Program,
    /// The sizes for which kernels are chosen: large ones have all variants.
    pub(crate) chosen: Bindings,
    /// What they run on.
    pub(crate) runs: Vec<Run>,
}

/// Sizes and inputs.
pub(crate) struct Run {
    pub(crate) sizes: Bindings,
    pub(crate) leaves: BTreeMap<String, HostTensor>,
    /// An index is out of range: the kernel must say so and stay inside; what it writes counts for nothing.
    pub(crate) faults: bool,
}

/// All of them.
pub(crate) fn all() -> Vec<Case> {
    let mut cases = vec![elementwise(), gather(), padded(), softmax(), positions_of_maxima()];
    for transposed in [(false, false), (true, true)] {
        cases.push(product(transposed));
    }
    cases.extend([product_of_vectors(), thin_product(), convolution(), attention(true), attention(false)]);
    cases.extend([scatter(false), scatter(true), scan(), sort(), custom()]);
    cases
}

/// Numbers in -1..1 that are the same on every run.
fn noise(count: usize, seed: u64) -> impl Iterator<Item = f64> {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    (0..count).map(move |_| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state >> 40) as f64 / (1u64 << 23) as f64 - 1.0
    })
}

fn bind(sizes: &[(&str, usize)]) -> Bindings {
    let mut bindings = Bindings::new();
    for (name, size) in sizes {
        bindings.bind(Symbol((*name).into()), *size).expect("each name stands there once");
    }
    bindings
}

#[derive(Default)]
struct Builder {
    program: Program,
    reads: Vec<ValueId>,
    writes: Vec<ValueId>,
    /// Whether floats are multiples of a quarter, so that many are equal.
    coarse: bool,
}

impl Builder {
    fn read(&mut self, dtype: DType, shape: impl IntoIterator<Item = Dim>) -> usize {
        let n = self.reads.len();
        let (name, role) = (format!("in{n}"), Role::Input(n));
        let shape = Shape(shape.into_iter().collect());
        let value = Value { dtype, shape, role, alias: None, name };
        let id = self.program.values.push(value);
        self.program.inputs.push(id);
        self.reads.push(id);
        n
    }

    /// `taking`: the read whose storage it takes over.
    fn write(&mut self, dtype: DType, shape: impl IntoIterator<Item = Dim>, taking: Option<usize>) -> usize {
        let alias = taking.map(|read| self.reads[read]);
        let shape = Shape(shape.into_iter().collect());
        let value =
            Value { dtype, shape: shape.clone(), role: Role::Computed, alias, name: "written".into() };
        let id = self.program.values.push(value);
        self.program.outputs.push(id);
        self.program.output_shapes.push(shape);
        self.writes.push(id);
        self.writes.len() - 1
    }

    /// A read that is an operand as it is, in row-major order.
    fn operand(&mut self, dtype: DType, shape: &[Dim]) -> Operand {
        let position = self.read(dtype, shape.to_vec());
        let mut program = PointwiseProgram::default();
        let value = load(&mut program, position, IndexMap::contiguous(shape), dtype);
        Operand { program, value }
    }

    fn finish(
        mut self,
        name: &'static str,
        kernel: Kernel,
        chosen: &[(&str, usize)],
        runs: &[&[(&str, usize)]],
    ) -> Case {
        let step =
            Step { kernel, reads: self.reads.clone(), writes: self.writes.clone(), label: name.into() };
        self.program.steps.push(step);
        let mut case = Case { name, program: self.program, chosen: bind(chosen), runs: Vec::new() };
        for sizes in runs {
            let run = Run { sizes: bind(sizes), leaves: BTreeMap::new(), faults: false };
            case.runs.push(run);
        }
        case.fill(self.coarse);
        case
    }
}

impl Case {
    /// Gives every input of every run its numbers: integers are small and not negative.
    fn fill(&mut self, coarse: bool) {
        for (number, run) in self.runs.iter_mut().enumerate() {
            for (position, &id) in self.program.inputs.iter().enumerate() {
                let value = &self.program.values[id];
                let shape: Vec<usize> = value.shape.eval(&run.sizes).expect("every size is bound");
                let count = shape.iter().product();
                let numbers = noise(count, (100 * number + position + 1) as u64);
                let scalars: Vec<Scalar> = match value.dtype.is_float() {
                    true => numbers
                        .map(|v| if coarse { (v * 4.0).round() / 4.0 } else { v })
                        .map(|v| Scalar::new(v, value.dtype))
                        .collect(),
                    false => numbers.map(|v| Scalar::Int(((v + 1.0) * 2.99) as i128)).collect(),
                };
                let tensor = HostTensor::from_scalars(value.dtype, shape, scalars).expect("one a place");
                run.leaves.insert(value.name.clone(), tensor);
            }
        }
    }

    /// One more run, as the first but with an index of `leaf` that lies `outside`.
    fn with_fault(mut self, leaf: &str, outside: i128) -> Case {
        let first = &self.runs[0];
        let mut leaves = first.leaves.clone();
        let good = &leaves[leaf];
        let mut scalars: Vec<Scalar> = good.scalars().collect();
        scalars[1] = Scalar::Int(outside);
        let bad = HostTensor::from_scalars(good.dtype(), good.shape(), scalars).expect("as many as before");
        leaves.insert(leaf.into(), bad);
        let sizes = first.sizes.clone();
        self.runs.push(Run { sizes, leaves, faults: true });
        self
    }
}

fn load(p: &mut PointwiseProgram, operand: usize, map: IndexMap, dtype: DType) -> usize {
    p.push(Instr::Load { operand, map, indirect: vec![] }, dtype)
}

fn store(target: usize, value: usize, domain: &[Dim]) -> Store {
    Store { target, value, address: IndexMap::contiguous(domain).address, indirect: vec![] }
}

/// A body that stores accumulator 0 in row-major order.
fn plain(target: usize, dtype: DType, domain: &[Dim]) -> Body {
    let mut program = PointwiseProgram::default();
    let value = program.push(Instr::Accumulator(0), dtype);
    Body { program, stores: vec![store(target, value, domain)] }
}

/// `tanh(x · y)`, contiguous.
fn elementwise() -> Case {
    let mut b = Builder::default();
    let domain = [Dim::symbol("n")];
    let (x, y) = (b.read(DType::F32, domain.to_vec()), b.read(DType::F32, domain.to_vec()));
    let target = b.write(DType::F32, domain.to_vec(), None);
    let mut p = PointwiseProgram::default();
    let x = load(&mut p, x, IndexMap::contiguous(&domain), DType::F32);
    let y = load(&mut p, y, IndexMap::contiguous(&domain), DType::F32);
    let product = p.push(Instr::Binary(BinaryOp::Mul, x, y), DType::F32);
    let out = p.push(Instr::Unary(UnaryOp::Tanh, product), DType::F32);
    let body = Body { program: p, stores: vec![store(target, out, &domain)] };
    let kernel = Kernel::Pointwise(Pointwise { domain: Shape::of(domain), body });
    b.finish("elementwise", kernel, &[("n", 1030)], &[&[("n", 1030)], &[("n", 3)]])
}

/// `table[ids[i]] + x[i]`, and 0 where the index is 0.
fn gather() -> Case {
    let mut b = Builder::default();
    let domain = [Dim::symbol("n")];
    let table = b.read(DType::F16, [Dim::from(6)]);
    let ids = b.read(DType::I64, domain.clone());
    let x = b.read(DType::F32, domain.clone());
    let target = b.write(DType::F32, domain.clone(), None);
    let mut p = PointwiseProgram::default();
    let index = load(&mut p, ids, IndexMap::contiguous(&domain), DType::I64);
    let indirect = vec![Indirect { index, stride: Dim::ONE, limit: Dim::from(5), clamped: false }];
    let map = IndexMap::new(Affine::constant(0, 1));
    let row = p.push(Instr::Load { operand: table, map, indirect }, DType::F16);
    let wide = p.push(Instr::Cast(row), DType::F32);
    let x = load(&mut p, x, IndexMap::contiguous(&domain), DType::F32);
    let sum = p.push(Instr::Binary(BinaryOp::Add, wide, x), DType::F32);
    let zero = p.push(Instr::Const(Scalar::Int(0)), DType::I64);
    let padding = p.push(Instr::Compare(CompareOp::Eq, index, zero), DType::Bool);
    let nothing = p.push(Instr::Const(Scalar::Float(0.0)), DType::F32);
    let out = p.push(Instr::Select(padding, nothing, sum), DType::F32);
    let body = Body { program: p, stores: vec![store(target, out, &domain)] };
    let kernel = Kernel::Pointwise(Pointwise { domain: Shape::of(domain), body });
    b.finish("gather", kernel, &[("n", 1030)], &[&[("n", 1030)]]).with_fault("in1", 6).with_fault("in1", -1)
}

/// `x[i - 1, j] + x[i, j + 1]` where there is such an element, and 0 elsewhere.
fn padded() -> Case {
    let mut b = Builder::default();
    let (m, n) = (Dim::symbol("m"), Dim::symbol("n"));
    let domain = [m.clone(), n.clone()];
    let x = b.read(DType::F32, domain.to_vec());
    let target = b.write(DType::F32, domain.to_vec(), None);
    let contiguous = IndexMap::contiguous(&domain).address;
    let mut p = PointwiseProgram::default();
    let above = IndexMap {
        address: contiguous.shifted(&(&n * -1i64)),
        guards: vec![Guard { index: Affine::axis(0, 2).shifted(&Dim::from(-1i64)), extent: m }],
    };
    let right = IndexMap {
        address: contiguous.shifted(&Dim::ONE),
        guards: vec![Guard { index: Affine::axis(1, 2).shifted(&Dim::ONE), extent: n }],
    };
    let above = load(&mut p, x, above, DType::F32);
    let right = load(&mut p, x, right, DType::F32);
    let sum = p.push(Instr::Binary(BinaryOp::Add, above, right), DType::F32);
    let body = Body { program: p, stores: vec![store(target, sum, &domain)] };
    let kernel = Kernel::Pointwise(Pointwise { domain: Shape::of(domain), body });
    b.finish("padded", kernel, &[("m", 11), ("n", 27)], &[&[("m", 11), ("n", 27)]])
}

/// Softmax of rows in place, and each row's maximum.
fn softmax() -> Case {
    let mut b = Builder::default();
    let shape = [Dim::symbol("r"), Dim::symbol("n")];
    let x = b.operand(DType::F32, &shape);
    let target = b.write(DType::F32, shape.to_vec(), Some(0));
    let top = b.write(DType::F32, [shape[0].clone()], None);
    let mut p = x.program.clone();
    let maximum = p.push(Instr::Accumulator(0), DType::F32);
    let below = p.push(Instr::Binary(BinaryOp::Sub, x.value, maximum), DType::F32);
    let power = p.push(Instr::Unary(UnaryOp::Exp, below), DType::F32);
    let powers = Operand { program: p.clone(), value: power };
    let sum = p.push(Instr::Accumulator(1), DType::F32);
    let out = p.push(Instr::Binary(BinaryOp::Div, power, sum), DType::F32);
    let kernel = Kernel::Reduce(Reduce {
        outer: Shape::of([shape[0].clone()]),
        row: Shape::of([shape[1].clone()]),
        phases: vec![
            Phase { op: ReduceOp::Max, operand: x, dtype: DType::F32 },
            Phase { op: ReduceOp::Sum, operand: powers, dtype: DType::F32 },
        ],
        per_row: Some(plain(top, DType::F32, &shape[..1])),
        per_element: Some(Body { program: p, stores: vec![store(target, out, &shape)] }),
    });
    let runs: [&[(&str, usize)]; 2] = [&[("r", 3), ("n", 5)], &[("r", 70), ("n", 300)]];
    b.finish("softmax", kernel, &[("r", 20), ("n", 1500)], &runs)
}

/// Positions of the maxima of rows.
fn positions_of_maxima() -> Case {
    let mut b = Builder { coarse: true, ..Builder::default() };
    let shape = [Dim::symbol("r"), Dim::symbol("n")];
    let x = b.operand(DType::F32, &shape);
    let target = b.write(DType::I64, [shape[0].clone()], None);
    let kernel = Kernel::Reduce(Reduce {
        outer: Shape::of([shape[0].clone()]),
        row: Shape::of([shape[1].clone()]),
        phases: vec![Phase { op: ReduceOp::ArgMax, operand: x, dtype: DType::I64 }],
        per_row: Some(plain(target, DType::I64, &shape[..1])),
        per_element: None,
    });
    let runs: [&[(&str, usize)]; 2] = [&[("r", 3), ("n", 5)], &[("r", 66), ("n", 290)]];
    b.finish("positions of maxima", kernel, &[("r", 20), ("n", 1500)], &runs)
}

fn contraction(b: &mut Builder, [batch, m, n, k]: [Dim; 4], transposed: (bool, bool)) -> Kernel {
    let matrix = |first: Dim, second: Dim, size: &Dim| {
        IndexMap::new(Affine { offset: Dim::ZERO, coefficients: vec![size.clone(), first, second] })
    };
    let (size_a, size_b) = (&m * &k, &k * &n);
    let map_a = match transposed.0 {
        false => matrix(k.clone(), Dim::ONE, &size_a),
        true => matrix(Dim::ONE, m.clone(), &size_a),
    };
    let map_b = match transposed.1 {
        false => matrix(n.clone(), Dim::ONE, &size_b),
        true => matrix(Dim::ONE, k.clone(), &size_b),
    };
    let mut operand = |map: IndexMap, size: &Dim| {
        let position = b.read(DType::F32, [&batch * size]);
        let mut program = PointwiseProgram::default();
        let value = load(&mut program, position, map, DType::F32);
        Operand { program, value }
    };
    let (a, second) = (operand(map_a, &size_a), operand(map_b, &size_b));
    let domain = [batch.clone(), m.clone(), n.clone()];
    let target = b.write(DType::F32, domain.to_vec(), None);
    Kernel::Contract(Contract {
        batch: Shape::of([batch]),
        m: Shape::of([m]),
        n: Shape::of([n]),
        k: Shape::of([k]),
        a,
        b: second,
        dtype: DType::F32,
        epilogue: plain(target, DType::F32, &domain),
    })
}

/// Two products of matrices that lie along their rows or along their columns.
fn product(transposed: (bool, bool)) -> Case {
    let mut b = Builder::default();
    let kernel = contraction(&mut b, ["b", "m", "n", "k"].map(Dim::symbol), transposed);
    let name = if transposed.0 { "product of transposed matrices" } else { "product" };
    let chosen = [("b", 2), ("m", 300), ("n", 300), ("k", 80)];
    // The last tile ends inside of a vector or behind one; the last step along k is short, or whole. Buffers end where an element too many
    // would be read.
    let runs: [&[(&str, usize)]; 3] = [
        &[("b", 2), ("m", 9), ("n", 3), ("k", 5)],
        &[("b", 1), ("m", 68), ("n", 68), ("k", 34)],
        &[("b", 1), ("m", 67), ("n", 67), ("k", 32)],
    ];
    b.finish(name, kernel, &chosen, &runs)
}

/// A product whose operands are read in whole vectors: k is a constant, and the second matrix lies along it.
fn product_of_vectors() -> Case {
    let mut b = Builder::default();
    let dims = [Dim::symbol("b"), Dim::symbol("m"), Dim::symbol("n"), Dim::from(68)];
    let kernel = contraction(&mut b, dims, (false, true));
    let chosen = [("b", 2), ("m", 300), ("n", 300)];
    let runs: [&[(&str, usize)]; 2] = [&[("b", 2), ("m", 9), ("n", 3)], &[("b", 1), ("m", 67), ("n", 67)]];
    b.finish("product of whole vectors", kernel, &chosen, &runs)
}

/// A vector times a matrix.
fn thin_product() -> Case {
    let mut b = Builder::default();
    let dims = [Dim::ONE, Dim::ONE, Dim::symbol("n"), Dim::symbol("k")];
    let kernel = contraction(&mut b, dims, (false, false));
    let runs: [&[(&str, usize)]; 3] =
        [&[("n", 3), ("k", 9)], &[("n", 68), ("k", 131)], &[("n", 67), ("k", 64)]];
    b.finish("thin product", kernel, &[("n", 100), ("k", 300)], &runs)
}

/// `x[b, c, h, w] * f[o, c, 3, 3]`, stride 2, padding 1.
fn convolution() -> Case {
    let mut builder = Builder::default();
    let (b, c, h, w, o) = (3i64, 3i64, 9i64, 11i64, 9i64);
    let (oh, ow) = (5i64, 6i64);
    let dims = |sizes: &[i64]| sizes.iter().map(|&s| Dim::from(s)).collect::<Vec<_>>();
    let affine = |offset: i64, strides: &[i64]| Affine {
        offset: Dim::from(offset),
        coefficients: strides.iter().map(|&s| Dim::from(s)).collect(),
    };
    let x = builder.read(DType::F32, dims(&[b, c, h, w]));
    let f = builder.read(DType::F32, dims(&[o, c, 3, 3]));
    let target = builder.write(DType::F32, dims(&[b, o, oh, ow]), None);
    let mut p = PointwiseProgram::default();
    let filter = load(&mut p, f, IndexMap::new(affine(0, &[c * 9, 9, 3, 1])), DType::F32);
    let mut q = PointwiseProgram::default();
    let window = IndexMap {
        address: affine(-w - 1, &[h * w, w, 1, c * h * w, 2 * w, 2]),
        guards: vec![
            Guard { index: affine(-1, &[0, 1, 0, 0, 2, 0]), extent: Dim::from(h) },
            Guard { index: affine(-1, &[0, 0, 1, 0, 0, 2]), extent: Dim::from(w) },
        ],
    };
    let value = load(&mut q, x, window, DType::F32);
    let mut e = PointwiseProgram::default();
    let sum = e.push(Instr::Accumulator(0), DType::F32);
    let out = e.push(Instr::Unary(UnaryOp::Tanh, sum), DType::F32);
    let address = affine(0, &[oh * ow, o * oh * ow, ow, 1]);
    let kernel = Kernel::Contract(Contract {
        batch: Shape::scalar(),
        m: Shape::of([Dim::from(o)]),
        n: Shape::of(dims(&[b, oh, ow])),
        k: Shape::of(dims(&[c, 3, 3])),
        a: Operand { program: p, value: filter },
        b: Operand { program: q, value },
        dtype: DType::F32,
        epilogue: Body { program: e, stores: vec![Store { target, value: out, address, indirect: vec![] }] },
    });
    builder.finish("convolution", kernel, &[], &[&[]])
}

/// Attention; `uneven`: causal, with a mask, and with heads that no vector divides.
fn attention(uneven: bool) -> Case {
    let mut b = Builder::default();
    let (batch, queries, keys) = (Dim::symbol("b"), Dim::symbol("q"), Dim::symbol("k"));
    let (head, value) = if uneven { (6, 5) } else { (8, 8) };
    let shape = |rows: &Dim, width: usize| [batch.clone(), rows.clone(), Dim::from(width)];
    let (q, k, v) = (
        b.operand(DType::F32, &shape(&queries, head)),
        b.operand(DType::F32, &shape(&keys, head)),
        b.operand(DType::F32, &shape(&keys, value)),
    );
    let mask = uneven.then(|| {
        let position = b.read(DType::F32, [queries.clone(), keys.clone()]);
        let address = Affine { offset: Dim::ZERO, coefficients: vec![Dim::ZERO, keys.clone(), Dim::ONE] };
        let mut program = PointwiseProgram::default();
        let value = load(&mut program, position, IndexMap::new(address), DType::F32);
        Operand { program, value }
    });
    let domain = shape(&queries, value);
    let target = b.write(DType::F32, domain.to_vec(), None);
    let sums = b.write(DType::F32, [batch.clone(), queries.clone()], None);
    let kernel = Kernel::Attention(Attention {
        batch: Shape::of([batch]),
        queries,
        keys,
        head_dim: Dim::from(head),
        value_dim: Dim::from(value),
        scale: Scalar::Float(0.5),
        causal: uneven,
        q,
        k,
        v,
        mask,
        dtype: DType::F32,
        epilogue: plain(target, DType::F32, &domain),
        log_sum_exp: Some(sums),
    });
    let name = if uneven { "causal attention" } else { "attention" };
    let chosen = [("b", 2), ("q", 70), ("k", 70)];
    let runs: [&[(&str, usize)]; 4] = [
        &[("b", 2), ("q", 4), ("k", 5)],
        &[("b", 1), ("q", 6), ("k", 3)],
        &[("b", 3), ("q", 5), ("k", 131)],
        &[("b", 1), ("q", 67), ("k", 67)],
    ];
    b.finish(name, kernel, &chosen, &runs)
}

/// Rows added to rows of a matrix, in place or to a copy.
fn scatter(in_place: bool) -> Case {
    let mut b = Builder::default();
    let (updates, inner) = (Dim::symbol("u"), Dim::symbol("i"));
    let shape = [Dim::from(2), Dim::from(6), inner.clone()];
    let init = b.operand(DType::F32, &shape);
    let index = b.operand(DType::I32, std::slice::from_ref(&updates));
    let update = b.operand(DType::F32, &[Dim::from(2), updates.clone(), inner.clone()]);
    b.write(DType::F32, shape.to_vec(), in_place.then_some(0));
    let kernel = Kernel::Scatter(Scatter {
        outer: Shape::of([Dim::from(2)]),
        updates,
        extent: Dim::from(6),
        inner: Shape::of([inner]),
        op: ScatterOp::Add,
        init: (!in_place).then_some(init),
        index,
        update,
    });
    let name = if in_place { "scatter in place" } else { "scatter" };
    let sizes = [("u", 9), ("i", 35)];
    b.finish(name, kernel, &sizes, &[&sizes]).with_fault("in1", 6).with_fault("in1", -1)
}

/// Running sums from the end.
fn scan() -> Case {
    let mut b = Builder::default();
    let shape = [Dim::symbol("r"), Dim::symbol("n")];
    let operand = b.operand(DType::F32, &shape);
    let target = b.write(DType::F32, shape.to_vec(), None);
    let kernel = Kernel::Scan(Scan {
        outer: Shape::of([shape[0].clone()]),
        length: shape[1].clone(),
        op: ReduceOp::Sum,
        exclusive: false,
        reverse: true,
        operand,
        dtype: DType::F32,
        epilogue: plain(target, DType::F32, &shape),
    });
    let sizes = [("r", 70), ("n", 6)];
    b.finish("scan", kernel, &sizes, &[&sizes])
}

/// Rows in falling order, and where their elements were.
fn sort() -> Case {
    let mut b = Builder::default();
    let shape = [Dim::symbol("r"), Dim::symbol("n")];
    let operand = b.operand(DType::F32, &shape);
    b.write(DType::F32, shape.to_vec(), None);
    b.write(DType::I64, shape.to_vec(), None);
    let address = IndexMap::contiguous(&shape).address;
    let kernel = Kernel::Sort(Sort {
        outer: Shape::of([shape[0].clone()]),
        length: shape[1].clone(),
        descending: true,
        operand,
        values: address.clone(),
        indices: address,
    });
    let sizes = [("r", 3), ("n", 50)];
    b.finish("sort", kernel, &sizes, &[&sizes])
}

/// An op of a program's own: the operand backwards, doubled.
fn custom() -> Case {
    let mut b = Builder::default();
    let n = Dim::symbol("n");
    b.read(DType::F32, [n.clone()]);
    b.write(DType::F32, [n.clone()], None);
    let host = |operands: &[op::CustomOperand<'_>], i: usize| {
        let values = operands[0].values;
        2.0 * values[values.len() - 1 - i]
    };
    let custom = op::Custom {
        name: "backwards".into(),
        ty: TensorType::new(DType::F32, [n.clone()]),
        wgsl: "fn element(i: u32) -> f32 {\n    return 2.0 * x0(x0_extent(0u) - 1u - i);\n}".into(),
        host: Some(op::HostElement::new(host)),
        sources: Vec::new(),
    };
    let kernel = Kernel::Custom(Custom { op: custom, operands: vec![(0, Shape::of([n]))] });
    b.finish("custom", kernel, &[("n", 130)], &[&[("n", 130)]])
}
