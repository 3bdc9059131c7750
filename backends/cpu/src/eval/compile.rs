//! From pointwise programs to loops over blocks.

use super::map::{Bound, Map, merge, product};
use crate::ops::{self, Loop1, Loop2, Loop3};
use hadal_device::DeviceError;
use hadal_graph::program::{Affine, BinaryOp, Indirect, Instr, PointwiseProgram, Reg, Store};
use hadal_graph::{Bindings, DType};
use smallvec::SmallVec;

/// What a step reads and writes, as far as compilation needs it.
#[derive(Debug)]
pub(crate) struct Stepped<'a> {
    /// The step's label, for errors.
    pub(crate) label: &'a str,
    /// dtype and number of elements of each read.
    pub(crate) reads: Vec<(DType, usize)>,
    /// dtype and number of elements of each write.
    pub(crate) writes: Vec<(DType, usize)>,
    /// For each read, whether a write shares its storage.
    pub(crate) aliased: Vec<bool>,
    /// Sizes of the run.
    pub(crate) bindings: &'a Bindings,
}

/// What to compile.
pub(crate) struct Source<'a> {
    pub(crate) program: &'a PointwiseProgram,
    /// Registers whose values the caller reads.
    pub(crate) values: &'a [Reg],
    /// What is stored.
    pub(crate) stores: &'a [Store],
    /// Extents of the domain.
    pub(crate) domain: &'a [usize],
    /// The order in which axes are walked, outermost first; `None` is the domain's own.
    pub(crate) order: Option<&'a [usize]>,
    /// The dtype of each accumulator.
    pub(crate) accumulators: &'a [DType],
    /// How many accumulators, from the first, come as one number. Any other is a vector along the block.
    pub(crate) numbers: usize,
}

/// How often an instruction must be evaluated.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Class {
    /// Once.
    Uniform,
    /// Once for each row of the innermost axis.
    Row,
    /// At each position.
    Varying,
}

#[derive(Debug)]
pub(super) struct IndirectOp {
    pub(super) node: usize,
    pub(super) dtype: DType,
    pub(super) stride: i64,
    pub(super) limit: i64,
    pub(super) clamped: bool,
}

#[derive(Debug)]
pub(super) struct LoadOp {
    pub(super) operand: usize,
    pub(super) dtype: DType,
    pub(super) elements: usize,
    pub(super) map: Map,
    pub(super) bounds: Vec<Bound>,
    pub(super) indirect: Vec<IndirectOp>,
    /// Whether the register may point into the operand's memory.
    pub(super) borrow: bool,
    pub(super) convert: Loop1,
}

pub(super) enum Op {
    Load(LoadOp),
    Accumulator(usize),
    Const([u8; 8]),
    Index(Map),
    InBounds(Vec<Bound>),
    One(Loop1, usize),
    Two(Loop2, usize, usize),
    Three(Loop3, usize, usize, usize),
    Random { key: [usize; 2], counter: Map },
}

pub(super) struct Node {
    pub(super) op: Op,
    pub(super) dtype: DType,
    /// Bytes of a lane.
    pub(super) size: usize,
    pub(super) class: Class,
    /// Byte offset of the register block in the frame.
    pub(super) slot: usize,
    /// Whether somebody reads the register as a vector, so that one value must be repeated.
    pub(super) splat: bool,
    /// The store that may receive the register directly.
    pub(super) direct: Option<usize>,
    /// Whether it is the first of the values, and differs from position to position.
    pub(super) wanted: bool,
}

impl Node {
    fn new(op: Op, dtype: DType) -> Node {
        let size = ops::lane(dtype).size();
        Node { op, dtype, size, class: Class::Varying, slot: 0, splat: false, direct: None, wanted: false }
    }
}

pub(super) struct StoreOp {
    pub(super) node: usize,
    pub(super) target: usize,
    pub(super) dtype: DType,
    pub(super) map: Map,
    pub(super) indirect: Vec<IndirectOp>,
    pub(super) convert: Loop1,
}

/// The nodes of each class, in the order in which they are evaluated.
pub(super) struct Order {
    pub(super) uniform: Vec<usize>,
    pub(super) row: Vec<usize>,
    pub(super) varying: Vec<usize>,
    /// Those of rows and varying ones.
    pub(super) moving: Vec<usize>,
}

/// A pointwise program for one set of sizes.
pub(crate) struct Compiled {
    pub(super) extents: Vec<usize>,
    pub(super) total: usize,
    pub(super) order: Order,
    pub(super) nodes: Vec<Node>,
    pub(super) stores: Vec<StoreOp>,
    pub(super) block: usize,
    pub(super) scratch: usize,
    pub(super) values: Vec<usize>,
    pub(super) numbers: usize,
}

impl Compiled {
    /// Compiles `source`. Errors: `Dim`; `Unsupported` for an op that its dtype does not have; `Argument` for a program that
    /// addresses elements that do not exist.
    pub(crate) fn new(source: &Source<'_>, step: &Stepped<'_>) -> Result<Compiled, DeviceError> {
        Compiler { source, step, nodes: Vec::new(), position: vec![None; source.program.instrs.len()] }
            .compile()
    }

    /// Number of positions of the domain.
    pub(crate) fn total(&self) -> usize {
        self.total
    }

    /// Most positions that one evaluation covers.
    pub(crate) fn block(&self) -> usize {
        self.block
    }

    /// Whether rows are long enough that blocks are best cut at their ends: within a row, memory is used where it lies.
    pub(crate) fn is_by_rows(&self) -> bool {
        self.inner() >= self.block / 4
    }

    /// How many positions from `start` on are evaluated best at once.
    pub(crate) fn stretch(&self, start: usize) -> usize {
        let inner = self.inner();
        if self.is_by_rows() { self.block.min(inner - start % inner) } else { self.block }
    }

    /// Extent of the innermost axis after merging.
    pub(crate) fn inner(&self) -> usize {
        self.extents.last().copied().unwrap_or(1)
    }

    /// A rough price of one position, in units of a simple operation.
    pub(crate) fn cost(&self) -> usize {
        self.nodes.iter().filter(|n| n.class == Class::Varying).count() + self.stores.len() + 1
    }

    /// Arithmetic instructions at each position.
    pub(crate) fn arithmetic(&self) -> usize {
        let least = if self.extents.is_empty() { Class::Uniform } else { Class::Row };
        let counts =
            |n: &&Node| n.class >= least && matches!(n.op, Op::One(..) | Op::Two(..) | Op::Three(..));
        self.nodes.iter().filter(counts).count()
    }

    /// Bytes of a frame's registers.
    pub(crate) fn scratch(&self) -> usize {
        self.scratch
    }
}

/// A product of [`ops::scaled`] or [`ops::shifted`].
enum Dequantised {
    /// Weight and scale.
    Scaled(Loop2, Reg, Reg),
    /// Weight, zero point and scale.
    Shifted(Loop3, Reg, Reg, Reg),
}

impl Dequantised {
    fn operands(&self) -> SmallVec<[Reg; 3]> {
        match *self {
            Dequantised::Scaled(_, w, scale) => [w, scale].as_slice().into(),
            Dequantised::Shifted(_, w, zero, scale) => [w, zero, scale].as_slice().into(),
        }
    }
}

struct Compiler<'a> {
    source: &'a Source<'a>,
    step: &'a Stepped<'a>,
    nodes: Vec<Node>,
    position: Vec<Option<usize>>,
}

impl Compiler<'_> {
    fn compile(mut self) -> Result<Compiled, DeviceError> {
        let total = product(self.source.domain)?;
        for reg in self.live()? {
            let node = self.node(reg)?;
            self.position[reg] = Some(self.nodes.len());
            self.nodes.push(node);
        }
        let mut stores = Vec::new();
        for store in self.source.stores {
            stores.push(self.store(store)?);
        }
        let values = self.source.values.iter().map(|&v| self.at(v)).collect::<Result<Vec<_>, _>>()?;
        let mut extents = match self.source.order {
            Some(order) => order.iter().map(|&axis| self.source.domain[axis]).collect(),
            None => self.source.domain.to_vec(),
        };
        if total > 0 {
            self.check(&extents, &stores)?;
            let mut maps: Vec<&mut Map> = Vec::new();
            for node in &mut self.nodes {
                match &mut node.op {
                    Op::Load(load) => {
                        maps.push(&mut load.map);
                        maps.extend(load.bounds.iter_mut().map(|b| &mut b.index));
                    }
                    Op::InBounds(bounds) => maps.extend(bounds.iter_mut().map(|b| &mut b.index)),
                    Op::Index(map) | Op::Random { counter: map, .. } => maps.push(map),
                    _ => {}
                }
            }
            maps.extend(stores.iter_mut().map(|s| &mut s.map));
            merge(&mut extents, &mut maps);
        }
        self.classify(&stores, &values);
        self.choose_direct(&stores);
        let (block, scratch) = self.allocate(&stores, &values);
        let of = |wanted: &dyn Fn(Class) -> bool| {
            (0..self.nodes.len()).filter(|&n| wanted(self.nodes[n].class)).collect()
        };
        let order = Order {
            uniform: of(&|class| class == Class::Uniform),
            row: of(&|class| class == Class::Row),
            varying: of(&|class| class == Class::Varying),
            moving: of(&|class| class != Class::Uniform),
        };
        Ok(Compiled {
            extents,
            total,
            order,
            nodes: self.nodes,
            stores,
            block,
            scratch,
            values,
            numbers: self.source.numbers,
        })
    }

    /// Registers that a store or a value needs, in order. Errors: `Argument` for a reference to a later register.
    fn live(&self) -> Result<Vec<Reg>, DeviceError> {
        let instrs = &self.source.program.instrs;
        let mut live = vec![false; instrs.len()];
        let roots = self.source.values.iter().copied();
        let stored =
            self.source.stores.iter().flat_map(|s| s.indirect.iter().map(|i| i.index).chain([s.value]));
        for root in roots.chain(stored) {
            *live.get_mut(root).ok_or_else(|| self.malformed("a register that does not exist"))? = true;
        }
        for reg in (0..instrs.len()).rev() {
            if live[reg] {
                let operands = match self.dequantised(reg) {
                    Some(found) => found.operands(),
                    None => instrs[reg].instr.operands(),
                };
                for operand in operands {
                    if operand >= reg {
                        return Err(self.malformed("a register that is defined later"));
                    }
                    live[operand] = true;
                }
            }
        }
        Ok((0..instrs.len()).filter(|&r| live[r]).collect())
    }

    fn malformed(&self, what: &str) -> DeviceError {
        DeviceError::Argument(format!("`{}` uses {what}: the program is malformed", self.step.label))
    }

    fn unsupported(&self, dtype: DType) -> DeviceError {
        DeviceError::Unsupported { backend: "cpu".into(), op: self.step.label.into(), dtype }
    }

    fn at(&self, reg: Reg) -> Result<usize, DeviceError> {
        self.position.get(reg).copied().flatten().ok_or_else(|| self.malformed("an unknown register"))
    }

    fn map(&self, affine: &Affine) -> Result<Map, DeviceError> {
        let map = Map::new(affine, self.source.domain.len(), self.step.bindings)?;
        Ok(match self.source.order {
            Some(order) => map.permuted(order),
            None => map,
        })
    }

    fn bounds(&self, guards: &[hadal_graph::program::Guard]) -> Result<Vec<Bound>, DeviceError> {
        let extents: Vec<usize> = match self.source.order {
            Some(order) => order.iter().map(|&axis| self.source.domain[axis]).collect(),
            None => self.source.domain.to_vec(),
        };
        let mut bounds = Vec::new();
        for guard in guards {
            let mut bound = Bound::new(guard, self.source.domain.len(), self.step.bindings)?;
            if let Some(order) = self.source.order {
                bound.index = bound.index.permuted(order);
            }
            if extents.contains(&0) {
                continue;
            }
            let (low, high) = bound.index.range(&extents)?;
            if low < 0 || high >= bound.extent {
                bounds.push(bound);
            }
        }
        Ok(bounds)
    }

    fn indirect(&self, indirect: &[Indirect]) -> Result<Vec<IndirectOp>, DeviceError> {
        indirect
            .iter()
            .map(|i| {
                let node = self.at(i.index)?;
                let dtype = self.nodes[node].dtype;
                if !dtype.is_int() {
                    return Err(self.unsupported(dtype));
                }
                let (stride, limit) = (i.stride.eval(self.step.bindings)?, i.limit.eval(self.step.bindings)?);
                Ok(IndirectOp { node, dtype, stride, limit, clamped: i.clamped })
            })
            .collect()
    }

    fn node(&self, reg: Reg) -> Result<Node, DeviceError> {
        let typed = &self.source.program.instrs[reg];
        let dtype = typed.dtype;
        let of = |r: Reg| self.source.program.dtype(r);
        if let Some(found) = self.dequantised(reg) {
            let op = match found {
                Dequantised::Scaled(f, w, scale) => Op::Two(f, self.at(w)?, self.at(scale)?),
                Dequantised::Shifted(f, w, zero, scale) => {
                    Op::Three(f, self.at(w)?, self.at(zero)?, self.at(scale)?)
                }
            };
            return Ok(Node::new(op, dtype));
        }
        let op = match &typed.instr {
            Instr::Load { operand, map, indirect } => {
                let &(stored, elements) = self
                    .step
                    .reads
                    .get(*operand)
                    .ok_or_else(|| self.malformed("an operand that the step does not read"))?;
                if stored != dtype {
                    return Err(self.malformed(&format!("a {stored} operand as {dtype}")));
                }
                Op::Load(LoadOp {
                    operand: *operand,
                    dtype,
                    elements,
                    map: self.map(&map.address)?,
                    bounds: self.bounds(&map.guards)?,
                    indirect: self.indirect(indirect)?,
                    borrow: ops::lane(dtype) == dtype && !self.step.aliased[*operand],
                    convert: ops::load(dtype),
                })
            }
            Instr::Accumulator(n) => {
                let &held = self
                    .source
                    .accumulators
                    .get(*n)
                    .ok_or_else(|| self.malformed("an unknown accumulator"))?;
                if ops::lane(held) != ops::lane(dtype) {
                    return Err(self.malformed(&format!("a {held} accumulator as {dtype}")));
                }
                Op::Accumulator(*n)
            }
            Instr::Const(value) => Op::Const(ops::lane_bits(*value, dtype)),
            Instr::Index(affine) if dtype.is_int() => Op::Index(self.map(affine)?),
            Instr::Index(_) => return Err(self.unsupported(dtype)),
            Instr::InBounds(guards) if dtype == DType::Bool => Op::InBounds(self.bounds(guards)?),
            Instr::InBounds(_) => return Err(self.unsupported(dtype)),
            Instr::Unary(op, x) => {
                Op::One(ops::unary(*op, of(*x)).ok_or_else(|| self.unsupported(of(*x)))?, self.at(*x)?)
            }
            Instr::Binary(op, a, b) => {
                if ops::lane(of(*a)) != ops::lane(dtype) || ops::lane(of(*b)) != ops::lane(dtype) {
                    return Err(self.malformed("operands of different dtypes"));
                }
                Op::Two(
                    ops::binary(*op, dtype).ok_or_else(|| self.unsupported(dtype))?,
                    self.at(*a)?,
                    self.at(*b)?,
                )
            }
            Instr::Compare(op, a, b) => {
                if ops::lane(of(*a)) != ops::lane(of(*b)) || dtype != DType::Bool {
                    return Err(self.malformed("a comparison of different dtypes"));
                }
                Op::Two(ops::compare(*op, of(*a)), self.at(*a)?, self.at(*b)?)
            }
            Instr::Select(c, a, b) => {
                let same = ops::lane(of(*a)) == ops::lane(dtype) && ops::lane(of(*b)) == ops::lane(dtype);
                if !same || of(*c) != DType::Bool {
                    return Err(self.malformed("a selection between different dtypes"));
                }
                Op::Three(ops::select(dtype), self.at(*c)?, self.at(*a)?, self.at(*b)?)
            }
            Instr::Cast(x) => Op::One(ops::cast(of(*x), dtype), self.at(*x)?),
            Instr::Random { key, counter } => {
                if dtype != DType::U32 || key.iter().any(|&k| of(k) != DType::U32) {
                    return Err(self.unsupported(dtype));
                }
                Op::Random { key: [self.at(key[0])?, self.at(key[1])?], counter: self.map(counter)? }
            }
        };
        Ok(Node::new(op, dtype))
    }

    /// If a register is a byte times a scale in `f32`, with or without a zero point: what it is made of. Instead of one pass for each
    /// instruction there is one in all.
    fn dequantised(&self, reg: Reg) -> Option<Dequantised> {
        let program = self.source.program;
        // A register of that dtype. Malformed programs refer to later ones.
        let instr = |r: Reg, before: Reg, dtype: DType| {
            let typed = program.instrs.get(r).filter(|typed| r < before && typed.dtype == dtype)?;
            Some(&typed.instr)
        };
        let Instr::Binary(BinaryOp::Mul, a, b) = *instr(reg, usize::MAX, DType::F32)? else { return None };
        let from = |cast: Reg, scale: Reg| {
            let Instr::Cast(whole) = *instr(cast, reg, DType::F32)? else { return None };
            instr(scale, reg, DType::F32)?;
            let dtype = program.instrs.get(whole).filter(|_| whole < cast)?.dtype;
            if let Some(f) = ops::scaled(dtype) {
                return Some(Dequantised::Scaled(f, whole, scale));
            }
            let Instr::Binary(BinaryOp::Sub, wide, zero) = *instr(whole, cast, DType::I32)? else {
                return None;
            };
            instr(zero, whole, DType::I32)?;
            let Instr::Cast(w) = *instr(wide, whole, DType::I32)? else { return None };
            let dtype = program.instrs.get(w).filter(|_| w < wide)?.dtype;
            Some(Dequantised::Shifted(ops::shifted(dtype)?, w, zero, scale))
        };
        from(a, b).or_else(|| from(b, a))
    }

    fn store(&self, store: &Store) -> Result<StoreOp, DeviceError> {
        let &(dtype, _) = self
            .step
            .writes
            .get(store.target)
            .ok_or_else(|| self.malformed("a target that it does not write"))?;
        let node = self.at(store.value)?;
        if self.nodes[node].dtype != dtype {
            return Err(
                self.malformed(&format!("a {} register for a {dtype} result", self.nodes[node].dtype))
            );
        }
        let (map, indirect) = (self.map(&store.address)?, self.indirect(&store.indirect)?);
        Ok(StoreOp { node, target: store.target, dtype, map, indirect, convert: ops::store(dtype) })
    }

    /// Proves every unguarded address in range.
    fn check(&self, extents: &[usize], stores: &[StoreOp]) -> Result<(), DeviceError> {
        let within = |map: &Map, indirect: &[IndirectOp], elements: usize| -> Result<bool, DeviceError> {
            let (low, high) = map.range(extents)?;
            let (mut low, mut high) = (low as i128, high as i128);
            for i in indirect {
                let span = i.stride as i128 * i.limit.max(0) as i128;
                low += span.min(0);
                high += span.max(0);
            }
            Ok(low >= 0 && high < elements as i128)
        };
        let out_of_range = |what: &str, elements| {
            self.malformed(&format!("an address outside of a {what} of {elements} elements"))
        };
        for node in &self.nodes {
            match &node.op {
                // An empty index range is a fault at run time, and guards are tested then.
                Op::Load(l) => {
                    let proven = l.bounds.is_empty() && l.indirect.iter().all(|i| i.limit >= 0);
                    if !within(&l.map, &l.indirect, l.elements)? && proven {
                        return Err(out_of_range("operand", l.elements));
                    }
                }
                Op::Index(map) | Op::Random { counter: map, .. } => {
                    map.range(extents)?;
                }
                _ => {}
            }
        }
        for s in stores {
            let elements = self.step.writes[s.target].1;
            if s.indirect.iter().all(|i| i.limit >= 0) && !within(&s.map, &s.indirect, elements)? {
                return Err(out_of_range("result", elements));
            }
        }
        Ok(())
    }

    fn classify(&mut self, stores: &[StoreOp], values: &[usize]) {
        let of_map = |m: &Map| {
            if m.is_constant() {
                Class::Uniform
            } else if m.is_row_constant() {
                Class::Row
            } else {
                Class::Varying
            }
        };
        let of_bounds = |b: &[Bound]| b.iter().map(|b| of_map(&b.index)).max().unwrap_or(Class::Uniform);
        for n in 0..self.nodes.len() {
            let class = |i: usize| self.nodes[i].class;
            let class = match &self.nodes[n].op {
                Op::Load(l) => {
                    let indices = l.indirect.iter().map(|i| class(i.node)).max().unwrap_or(Class::Uniform);
                    of_map(&l.map).max(of_bounds(&l.bounds)).max(indices)
                }
                Op::Accumulator(a) if *a < self.source.numbers => Class::Row,
                Op::Accumulator(_) => Class::Varying,
                Op::Const(_) => Class::Uniform,
                Op::Index(m) => of_map(m),
                Op::InBounds(b) => of_bounds(b),
                Op::One(_, a) => class(*a),
                Op::Two(_, a, b) => class(*a).max(class(*b)),
                Op::Three(_, a, b, c) => class(*a).max(class(*b)).max(class(*c)),
                Op::Random { key, counter } => of_map(counter).max(class(key[0])).max(class(key[1])),
            };
            self.nodes[n].class = class;
        }
        for n in 0..self.nodes.len() {
            // In a block that spans rows, row registers are vectors, and so are the uniform ones they read.
            if self.nodes[n].class != Class::Uniform {
                for operand in self.operands(n) {
                    self.nodes[operand].splat = true;
                }
            }
        }
        for s in stores {
            self.nodes[s.node].splat = true;
            s.indirect.iter().for_each(|i| self.nodes[i.node].splat = true);
        }
        values.iter().for_each(|&v| self.nodes[v].splat = true);
        if let Some(&first) = values.first() {
            self.nodes[first].wanted = self.nodes[first].class == Class::Varying;
        }
    }

    fn operands(&self, n: usize) -> Vec<usize> {
        match &self.nodes[n].op {
            Op::Load(l) => l.indirect.iter().map(|i| i.node).collect(),
            Op::One(_, a) => vec![*a],
            Op::Two(_, a, b) => vec![*a, *b],
            Op::Three(_, a, b, c) => vec![*a, *b, *c],
            Op::Random { key, .. } => key.to_vec(),
            Op::Accumulator(_) | Op::Const(_) | Op::Index(_) | Op::InBounds(_) => Vec::new(),
        }
    }

    /// A register may be computed where it is stored if that memory is not read by this step and needs no conversion.
    fn choose_direct(&mut self, stores: &[StoreOp]) {
        if self.step.aliased.iter().any(|&a| a) {
            return;
        }
        for (s, store) in stores.iter().enumerate() {
            let node = &mut self.nodes[store.node];
            let computed = matches!(node.op, Op::One(..) | Op::Two(..) | Op::Three(..) | Op::Random { .. });
            let plain =
                store.indirect.is_empty() && store.map.inner() == 1 && ops::lane(store.dtype) == store.dtype;
            if computed && plain && node.class == Class::Varying && node.direct.is_none() {
                node.direct = Some(s);
            }
        }
    }

    /// Gives each register a slot. Varying registers share slots once their last reader is done. Returns the block length and the bytes of
    /// all slots.
    fn allocate(&mut self, stores: &[StoreOp], values: &[usize]) -> (usize, usize) {
        let mut last: Vec<usize> = (0..self.nodes.len()).collect();
        for n in 0..self.nodes.len() {
            for operand in self.operands(n) {
                last[operand] = n;
            }
        }
        let kept = stores
            .iter()
            .flat_map(|s| s.indirect.iter().map(|i| i.node).chain([s.node]))
            .chain(values.iter().copied());
        for n in kept {
            last[n] = usize::MAX;
        }
        // Slots are counted in lanes of their size first: (size, index within that size).
        let mut free: [Vec<usize>; 9] = Default::default();
        let mut count = [0usize; 9];
        let mut index = vec![0usize; self.nodes.len()];
        for n in 0..self.nodes.len() {
            let (size, shared) = (self.nodes[n].size, self.nodes[n].class == Class::Varying);
            index[n] = match if shared { free[size].pop() } else { None } {
                Some(slot) => slot,
                None => {
                    count[size] += 1;
                    count[size] - 1
                }
            };
            let mut operands = self.operands(n);
            operands.sort_unstable();
            operands.dedup();
            for operand in operands {
                if last[operand] == n && self.nodes[operand].class == Class::Varying {
                    free[self.nodes[operand].size].push(index[operand]);
                }
            }
        }
        let lanes: usize = (1..9).map(|size| size * count[size]).sum();
        let block = match lanes {
            0..=48 => 1024,
            49..=128 => 512,
            _ => 256,
        };
        let mut starts = [0usize; 9];
        let mut end = 0;
        for size in [8, 4, 2, 1] {
            starts[size] = end;
            end += count[size] * size * block;
        }
        for (node, index) in self.nodes.iter_mut().zip(index) {
            node.slot = starts[node.size] + index * node.size * block;
        }
        (block, end)
    }
}
