//! Small graphs around each op, in `f64`, with fixed inputs.

use hadal_graph::op::*;
use hadal_graph::program::{BinaryOp, CompareOp, ReduceOp, ScatterOp, UnaryOp};
use hadal_graph::{DType, Dim, Element, Graph, GraphError, HostTensor, NodeId, Scalar, Shape};
use std::collections::BTreeMap;
use std::sync::Arc;

/// A graph around one op.
pub(crate) struct Case {
    pub(crate) name: String,
    pub(crate) graph: Graph,
    /// Float results that are differentiated.
    pub(crate) outputs: Vec<NodeId>,
    /// Inputs for which they are differentiated.
    pub(crate) wrt: Vec<NodeId>,
    /// Values of all inputs.
    pub(crate) inputs: BTreeMap<String, HostTensor>,
    /// Step of the central difference, and how far the gradient may be from it. Larger where the log-sum-exp of attention, an `f32`, is
    /// on the way: its rounding is noise in the difference.
    pub(crate) step: f64,
    pub(crate) tolerance: f64,
}

/// Builds a [`Case`].
pub(crate) struct Builder {
    pub(crate) g: Graph,
    wrt: Vec<NodeId>,
    inputs: BTreeMap<String, HostTensor>,
    state: u64,
}

impl Builder {
    fn new() -> Builder {
        Builder { g: Graph::default(), wrt: Vec::new(), inputs: BTreeMap::new(), state: 7 }
    }

    /// An input to differentiate for, uniform in `range`.
    fn x_in(&mut self, shape: &[usize], range: (f64, f64)) -> NodeId {
        self.symbolic(shape, Shape::from(shape), range)
    }

    fn x(&mut self, shape: &[usize]) -> NodeId {
        self.x_in(shape, (-1.0, 1.0))
    }

    /// An input that is declared with symbols.
    fn symbolic(&mut self, shape: &[usize], declared: Shape, (low, high): (f64, f64)) -> NodeId {
        let values: Vec<f64> =
            (0..shape.iter().product()).map(|_| low + (high - low) * uniform(&mut self.state)).collect();
        let x = self.given(shape, declared, &values);
        self.wrt.push(x);
        x
    }

    /// An input to differentiate for, with these values.
    fn x_of(&mut self, shape: &[usize], values: &[f64]) -> NodeId {
        let x = self.given(shape, Shape::from(shape), values);
        self.wrt.push(x);
        x
    }

    fn given<T: Element>(&mut self, shape: &[usize], declared: Shape, values: &[T]) -> NodeId {
        let name = format!("x{}", self.inputs.len());
        self.inputs.insert(name.clone(), HostTensor::new(shape, values).unwrap());
        self.g.input(&name, T::DTYPE, declared).unwrap()
    }

    /// An integer operand.
    fn ints(&mut self, shape: &[usize], values: &[i64]) -> NodeId {
        self.given(shape, Shape::from(shape), values)
    }

    fn done(self, name: String, output: NodeId) -> Case {
        let Builder { g, wrt, inputs, .. } = self;
        Case { name, graph: g, outputs: vec![output], wrt, inputs, step: 1e-5, tolerance: 1e-6 }
    }
}

/// The next number of a fixed sequence, in `0..1`.
pub(crate) fn uniform(state: &mut u64) -> f64 {
    *state = state.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
    (*state >> 40) as f64 / (1u64 << 24) as f64
}

fn case(
    cases: &mut Vec<Case>,
    name: impl Into<String>,
    build: impl FnOnce(&mut Builder) -> Result<NodeId, GraphError>,
) -> &mut Case {
    let name = name.into();
    let mut builder = Builder::new();
    let output = build(&mut builder).unwrap_or_else(|e| panic!("{name}: {e}"));
    let at = cases.len();
    cases.push(builder.done(name, output));
    &mut cases[at]
}

/// All cases.
pub(crate) fn cases() -> Vec<Case> {
    let mut cases = Vec::new();
    pointwise(&mut cases);
    movement(&mut cases);
    reduction(&mut cases);
    contraction(&mut cases);
    control(&mut cases);
    differentiation(&mut cases);
    composite(&mut cases);
    activation(&mut cases);
    normalisation(&mut cases);
    indexing(&mut cases);
    cases
}

/// Where a function is smooth; `None` for those that do not take floats to floats. A new function does not compile until it is listed.
pub(crate) fn domain(op: UnaryOp) -> Option<(f64, f64)> {
    use UnaryOp::*;
    match op {
        Neg | Abs | Exp | Expm1 | Sin | Cos | Tan | Atan | Sinh | Cosh | Tanh | Asinh | Erf => {
            Some((-1.4, 1.4))
        }
        Sign | Floor | Ceil | Round | Trunc => Some((-2.7, 2.7)),
        Log | Sqrt | Rsqrt | Reciprocal => Some((0.3, 3.0)),
        Log1p => Some((-0.7, 2.0)),
        Asin | Acos | Atanh => Some((-0.9, 0.9)),
        Acosh => Some((1.2, 3.0)),
        Not | IsNan | IsInf => None,
    }
}

pub(crate) const UNARY: [UnaryOp; 30] = {
    use UnaryOp::*;
    [
        Neg, Abs, Sign, Floor, Ceil, Round, Trunc, Exp, Expm1, Log, Log1p, Sqrt, Rsqrt, Reciprocal, Sin, Cos,
        Tan, Asin, Acos, Atan, Sinh, Cosh, Tanh, Asinh, Acosh, Atanh, Erf, Not, IsNan, IsInf,
    ]
};

fn pointwise(cases: &mut Vec<Case>) {
    for op in UNARY {
        if let Some(range) = domain(op) {
            case(cases, format!("unary {op:?}"), |b| {
                let x = b.x_in(&[2, 3], range);
                b.g.unary(op, x)
            });
        }
    }
    use BinaryOp::*;
    for op in [Add, Sub, Mul, Div, Rem, Pow, Max, Min, Atan2] {
        case(cases, format!("binary {op:?}"), |b| {
            let (a, c) = (b.x_in(&[2, 3], (0.4, 2.0)), b.x_in(&[3], (0.5, 2.5)));
            b.g.binary(op, a, c)
        });
    }
    case(cases, "an operand used twice", |b| {
        let x = b.x(&[3]);
        b.g.mul(x, x)
    });
    case(cases, "select", |b| {
        let (x, y) = (b.x(&[4]), b.x(&[4]));
        let positive = b.g.compare(CompareOp::Gt, x, y)?;
        let product = b.g.mul(x, y)?;
        b.g.select(positive, product, y)
    });
    case(cases, "cast", |b| {
        let x = b.x(&[3]);
        b.g.apply(Cast { dtype: DType::F64 }, &[x])
    });
}

fn movement(cases: &mut Vec<Case>) {
    case(cases, "reshape", |b| {
        let x = b.x(&[2, 6]);
        b.g.reshape(x, [3, 4])
    });
    case(cases, "transpose", |b| {
        let x = b.x(&[2, 3, 4]);
        b.g.transpose(x, &[2, 0, 1])
    });
    case(cases, "broadcast", |b| {
        let x = b.x(&[3, 1]);
        b.g.broadcast_to(x, &Shape::of([2, 3, 4]))
    });
    case(cases, "broadcast to a symbol", |b| {
        let x = b.x(&[1, 3]);
        let like = b.symbolic(&[2, 3], Shape(vec!["batch".into(), 3.into()]), (-1.0, 1.0));
        b.g.mul(x, like)
    });
    for (name, starts, extents, steps) in [
        ("slice", [1, 0], [2, 3], [1, 1]),
        ("slice with steps", [1, 0], [2, 2], [3, 2]),
        ("slice backwards", [3, 2], [4, 2], [-1, -2]),
        ("slice backwards within", [4, 1], [2, 1], [-3, -1]),
        ("empty slice", [0, 0], [0, 3], [2, 1]),
    ] {
        case(cases, name, |b| {
            let x = b.x(&[5, 3]);
            let starts = starts.map(Dim::from).into();
            b.g.apply(Slice { starts, extents: extents.map(Dim::from).into(), steps: steps.into() }, &[x])
        });
    }
    case(cases, "slice of a symbol", |b| {
        let n = Dim::symbol("n");
        let x = b.symbolic(&[5], Shape(vec![n.clone()]), (-1.0, 1.0));
        let starts = vec![&n - 1];
        b.g.apply(Slice { starts, extents: vec![(&n + 1).floor_div(&2.into())], steps: vec![-2] }, &[x])
    });
    case(cases, "pad", |b| {
        let x = b.x(&[2, 3]);
        let (low, high) = (vec![1.into(), 0.into()], vec![0.into(), 2.into()]);
        b.g.apply(Pad { low, high, value: Scalar::Float(4.0) }, &[x])
    });
    case(cases, "concat", |b| {
        let (x, y) = (b.x(&[2, 1]), b.x(&[2, 3]));
        b.g.concat(&[x, y, x], 1)
    });
    case(cases, "gather", |b| {
        let (x, indices) = (b.x(&[2, 4, 2]), b.ints(&[2, 3], &[3, 0, 0, 1, 3, 3]));
        b.g.gather(x, 1, indices)
    });
    for op in [ScatterOp::Set, ScatterOp::Add, ScatterOp::Max, ScatterOp::Min] {
        case(cases, format!("scatter {op:?}"), |b| {
            let (x, indices) = (b.x(&[2, 4]), b.ints(&[5], &[2, 0, 2, 2, 0]));
            let updates = b.x(&[2, 5]);
            b.g.apply(Scatter { axis: 1, op }, &[x, indices, updates])
        });
    }
    for start in [1, 9] {
        case(cases, format!("dynamic slice at {start}"), |b| {
            let (x, start) = (b.x(&[2, 4]), b.ints(&[], &[start]));
            b.g.apply(DynamicSlice { axis: 1, extent: 2.into() }, &[x, start])
        });
        case(cases, format!("dynamic update at {start}"), |b| {
            let (x, update, start) = (b.x(&[2, 4]), b.x(&[2, 3]), b.ints(&[], &[start]));
            b.g.apply(DynamicUpdate { axis: 1 }, &[x, update, start])
        });
    }
}

fn reduction(cases: &mut Vec<Case>) {
    for op in [ReduceOp::Sum, ReduceOp::Product, ReduceOp::Max, ReduceOp::Min] {
        for axes in [[0, 2].as_slice(), &[1], &[]] {
            case(cases, format!("reduce {op:?} {axes:?}"), |b| {
                let x = b.x(&[2, 3, 2]);
                b.g.reduce(op, x, axes)
            });
        }
    }
    case(cases, "product with zeros", |b| {
        let x = b.x_of(&[3, 3], &[2.0, 3.0, 4.0, 2.0, 0.0, 4.0, 0.0, 0.0, 4.0]);
        b.g.reduce(ReduceOp::Product, x, &[1])
    });
    for op in [ReduceOp::Sum, ReduceOp::Product] {
        for (exclusive, reverse) in [(false, false), (true, false), (false, true), (true, true)] {
            case(cases, format!("cumulative {op:?} {exclusive} {reverse}"), |b| {
                let x = b.x(&[2, 4, 1]);
                b.g.apply(Cumulative { op, axis: 1, exclusive, reverse }, &[x])
            });
        }
    }
    for descending in [false, true] {
        case(cases, format!("sort {descending}"), |b| {
            let x = b.x(&[4, 3]);
            let sorted = b.g.apply(Sort { axis: 0, descending }, &[x])?;
            b.g.project(sorted, 0)
        });
    }
    for op in [ReduceOp::Sum, ReduceOp::Product, ReduceOp::Max, ReduceOp::Min] {
        case(cases, format!("window {op:?}"), |b| {
            let x = b.x(&[2, 6, 5]);
            let window = Window {
                op,
                size: vec![1, 3, 2],
                stride: vec![1, 2, 1],
                dilation: vec![1, 1, 2],
                low: vec![0, 1, 0],
                high: vec![0, 1, 1],
            };
            b.g.apply(window, &[x])
        });
        case(cases, format!("window {op:?} side by side"), |b| {
            let x = b.x(&[2, 7, 4]);
            let size = vec![1, 3, 2];
            let (stride, zeros) = (size.clone(), vec![0; 3]);
            let window = Window { op, size, stride, dilation: vec![1; 3], low: zeros.clone(), high: zeros };
            b.g.apply(window, &[x])
        });
    }
}

/// Convolutions with every attribute: input, kernel, then stride, low, high, dilation, input dilation, groups.
pub(crate) type ConvCase = (&'static str, Vec<usize>, Vec<usize>, [Vec<usize>; 5], usize);

pub(crate) fn convolutions() -> Vec<ConvCase> {
    let v = |x: &[usize]| x.to_vec();
    let plain = [v(&[1, 1]), v(&[0, 0]), v(&[0, 0]), v(&[1, 1]), v(&[1, 1])];
    vec![
        ("plain", v(&[2, 2, 3, 4]), v(&[3, 2, 2, 2]), plain.clone(), 1),
        ("pointwise", v(&[1, 2]), v(&[3, 2]), Default::default(), 1),
        ("strided", v(&[1, 1, 7]), v(&[2, 1, 3]), [v(&[3]), v(&[1]), v(&[0]), v(&[1]), v(&[1])], 1),
        (
            "stride leaves a rest",
            v(&[1, 1, 8]),
            v(&[1, 1, 2]),
            [v(&[3]), v(&[0]), v(&[0]), v(&[1]), v(&[1])],
            1,
        ),
        ("dilated", v(&[1, 1, 7]), v(&[1, 1, 3]), [v(&[1]), v(&[2]), v(&[1]), v(&[2]), v(&[1])], 1),
        ("transposed", v(&[1, 2, 3]), v(&[2, 2, 3]), [v(&[1]), v(&[2]), v(&[1]), v(&[1]), v(&[2])], 1),
        (
            "padding beyond the kernel",
            v(&[1, 1, 3]),
            v(&[1, 1, 2]),
            [v(&[2]), v(&[4]), v(&[3]), v(&[1]), v(&[1])],
            1,
        ),
        ("grouped", v(&[2, 4, 4]), v(&[6, 2, 2]), [v(&[1]), v(&[1]), v(&[0]), v(&[1]), v(&[1])], 2),
        ("depthwise", v(&[1, 3, 4, 3]), v(&[3, 1, 2, 3]), plain, 3),
        (
            "everything",
            v(&[2, 4, 4, 3]),
            v(&[4, 2, 2, 3]),
            [v(&[2, 3]), v(&[1, 2]), v(&[2, 4]), v(&[2, 1]), v(&[2, 3])],
            2,
        ),
    ]
}

pub(crate) fn conv(attributes: &[Vec<usize>; 5], groups: usize) -> Conv {
    let [stride, low, high, dilation, input_dilation] = attributes.clone();
    Conv { stride, low, high, dilation, input_dilation, groups }
}

fn contraction(cases: &mut Vec<Case>) {
    case(cases, "matmul", |b| {
        let (x, y) = (b.x(&[2, 3]), b.x(&[3, 4]));
        b.g.matmul(x, y)
    });
    case(cases, "batched matmul", |b| {
        let (x, y) = (b.x(&[3, 2, 1, 2]), b.x(&[2, 2, 3]));
        b.g.matmul(x, y)
    });
    for (name, x, w, attributes, groups) in convolutions() {
        case(cases, format!("conv {name}"), |b| {
            let (x, w) = (b.x(&x), b.x(&w));
            b.g.apply(conv(&attributes, groups), &[x, w])
        });
    }
    case(cases, "conv of a symbol", |b| {
        let declared = Shape(vec!["n".into(), 1.into(), "s".into()]);
        let x = b.symbolic(&[2, 1, 8], declared, (-1.0, 1.0));
        let w = b.g.constant(HostTensor::new([2, 1, 3], &[1.0, 2.0, 3.0, -1.0, 0.5, 2.0]).unwrap())?;
        b.g.apply(conv(&[vec![3], vec![1], vec![1], vec![1], vec![1]], 1), &[x, w])
    });
}

fn control(cases: &mut Vec<Case>) {
    let region = |name: &str, product: bool| -> Result<Arc<Graph>, GraphError> {
        let mut g = Graph::new(name);
        let x = g.input("x", DType::F64, [3])?;
        let y = g.input("y", DType::F64, [3])?;
        let first = if product { g.mul(x, y)? } else { g.unary(UnaryOp::Sin, x)? };
        let second = g.unary(UnaryOp::Exp, x)?;
        g.output("first", first);
        g.output("second", second);
        Ok(Arc::new(g))
    };
    for taken in [true, false] {
        case(cases, format!("if {taken}"), |b| {
            let (x, y) = (b.x(&[3]), b.x(&[3]));
            let predicate = b.g.constant(HostTensor::from_bools([], &[taken]).unwrap())?;
            let regions = vec![region("then", true)?, region("else", false)?];
            let node = b.g.apply_regions(If.into(), &[predicate, x, y], regions)?;
            let first = b.g.project(node, 0)?;
            let second = b.g.project(node, 1)?;
            b.g.mul(first, second)
        });
    }
}

/// Regions that say how they are differentiated.
fn differentiation(cases: &mut Vec<Case>) {
    let waves = |name: &str| -> Result<Graph, GraphError> {
        let mut g = Graph::new(name);
        let (x, y) = (g.input("x", DType::F64, [3])?, g.input("y", DType::F64, [3])?);
        let product = g.mul(x, y)?;
        let sine = g.unary(UnaryOp::Sin, product)?;
        g.output("sine", sine);
        Ok(g)
    };
    case(cases, "barrier", |b| {
        let (x, y) = (b.x(&[3]), b.x(&[3]));
        let later = b.g.apply(Barrier, &[x, y])?;
        let sine = b.g.unary(UnaryOp::Sin, later)?;
        b.g.mul(sine, y)
    });
    case(cases, "checkpoint", |b| {
        let (x, y) = (b.x(&[3]), b.x(&[3]));
        let inside = Arc::new(waves("inside")?);
        let once = b.g.apply_regions(Checkpoint.into(), &[x, y], vec![inside.clone()])?;
        b.g.apply_regions(Checkpoint.into(), &[once, once], vec![inside])
    });
    case(cases, "custom gradient", |b| {
        let (x, y) = (b.x(&[3]), b.x(&[3]));
        let mut backward = Graph::new("backward");
        let names = ["sine", "d", "x", "y"];
        let [_, d, x_in, y_in] = names.map(|name| backward.input(name, DType::F64, [3]).unwrap());
        let product = backward.mul(x_in, y_in)?;
        let cosine = backward.unary(UnaryOp::Cos, product)?;
        let slope = backward.mul(d, cosine)?;
        for (name, factor) in [("d_x", y_in), ("d_y", x_in)] {
            let gradient = backward.mul(slope, factor)?;
            backward.output(name, gradient);
        }
        let regions = vec![Arc::new(waves("forward")?), Arc::new(backward)];
        b.g.apply_regions(CustomGradient { wrt: vec![0, 1] }.into(), &[x, y], regions)
    });
}

fn composite(cases: &mut Vec<Case>) {
    for axis in [0, 1] {
        case(cases, format!("softmax {axis}"), |b| {
            let x = b.x(&[2, 3, 2]);
            b.g.apply(Softmax { axis }, &[x])
        });
        case(cases, format!("log softmax {axis}"), |b| {
            let x = b.x(&[2, 3, 2]);
            b.g.apply(LogSoftmax { axis }, &[x])
        });
    }
    for tanh in [false, true] {
        case(cases, format!("gelu {tanh}"), |b| {
            let x = b.x_in(&[5], (-3.0, 3.0));
            b.g.apply(Gelu { tanh }, &[x])
        });
    }
    case(cases, "layer norm", |b| {
        let (x, weight, bias) = (b.x(&[2, 2, 4]), b.x(&[4]), b.x(&[4]));
        b.g.apply(LayerNorm { epsilon: Scalar::Float(1e-2) }, &[x, weight, bias])
    });
    case(cases, "cross entropy", |b| {
        let (logits, targets) = (b.x_in(&[3, 4], (-2.0, 2.0)), b.ints(&[3], &[2, 0, 2]));
        b.g.apply(CrossEntropy, &[logits, targets])
    });
    case(cases, "dropout", |b| {
        let x = b.x(&[4, 5]);
        let key = b.given(&[2], Shape::of([2]), &[3u32, 4]);
        b.g.apply(Dropout { p: Scalar::Float(0.4) }, &[x, key])
    });
    for (name, causal, masked, queries, keys) in [
        ("attention", false, false, 3, 4),
        ("causal attention", true, false, 3, 4),
        ("causal attention with queries that see nothing", true, false, 4, 2),
        ("masked attention", false, true, 2, 3),
        ("masked causal attention", true, true, 3, 3),
    ] {
        let case = case(cases, name, |b| {
            let mut inputs = vec![b.x(&[2, queries, 3]), b.x(&[2, keys, 3]), b.x(&[2, keys, 2])];
            if masked {
                inputs.push(b.x(&[2, queries, keys]));
            }
            let node = b.g.apply(Attention { scale: Scalar::Float(0.7), causal }, &inputs)?;
            b.g.project(node, 0)
        });
        (case.step, case.tolerance) = (3e-3, 3e-4);
    }
    let hidden = case(cases, "attention with hidden keys and a query that sees none", |b| {
        let low = f64::NEG_INFINITY;
        let mut inputs = vec![b.x(&[2, 3]), b.x(&[3, 3]), b.x(&[3, 2])];
        inputs.push(b.g.constant(HostTensor::new([2, 3], &[0.5, low, 0.0, low, low, low]).unwrap())?);
        let node = b.g.apply(Attention { scale: Scalar::Float(0.7), causal: false }, &inputs)?;
        b.g.project(node, 0)
    });
    (hidden.step, hidden.tolerance) = (3e-3, 3e-4);
    let log_sum_exp = case(cases, "log-sum-exp of attention", |b| {
        let inputs = [b.x(&[2, 3]), b.x(&[3, 3]), b.x(&[3, 2])];
        let node = b.g.apply(Attention { scale: Scalar::Float(0.7), causal: false }, &inputs)?;
        let lse = b.g.project(node, 1)?;
        b.g.cast(lse, DType::F64)
    });
    (log_sum_exp.step, log_sum_exp.tolerance) = (3e-3, 3e-4);
    let backward = case(cases, "attention backward", |b| {
        let mut inputs = vec![b.x(&[2, 3]), b.x(&[3, 3]), b.x(&[3, 2]), b.x(&[2, 2])];
        let lse = b.x(&[2]);
        inputs.push(b.g.cast(lse, DType::F32)?);
        inputs.extend([b.x(&[2, 2]), b.x(&[2, 3])]);
        let node = b.g.apply(AttentionBackward { scale: Scalar::Float(0.7), causal: false }, &inputs)?;
        let [q, k, v] = [b.g.project(node, 0)?, b.g.project(node, 1)?, b.g.project(node, 2)?];
        let q = b.g.reduce(ReduceOp::Sum, q, &[0])?;
        let v = b.g.reduce(ReduceOp::Sum, v, &[1])?;
        let sum = b.g.mul(k, q)?;
        b.g.add(sum, v)
    });
    (backward.step, backward.tolerance) = (3e-3, 3e-4);
}

fn activation(cases: &mut Vec<Case>) {
    let ops: [(&str, Op); 4] = [
        ("relu", Relu.into()),
        ("sigmoid", Sigmoid.into()),
        ("silu", Silu.into()),
        ("softplus", Softplus.into()),
    ];
    for (name, op) in ops {
        case(cases, name, |b| {
            let x = b.x_of(&[2, 3], &[-3.0, -0.4, 0.2, 0.7, 2.5, 4.0]);
            b.g.apply(op, &[x])
        });
    }
    for axes in [[1].as_slice(), &[0, 2], &[]] {
        case(cases, format!("log-sum-exp {axes:?}"), |b| {
            let x = b.x_in(&[2, 3, 2], (-2.0, 2.0));
            b.g.apply(LogSumExp { axes: axes.into() }, &[x])
        });
    }
}

fn normalisation(cases: &mut Vec<Case>) {
    let epsilon = Scalar::Float(1e-2);
    case(cases, "rms norm", |b| {
        let (x, weight) = (b.x(&[2, 2, 4]), b.x(&[4]));
        b.g.apply(RmsNorm { epsilon }, &[x, weight])
    });
    case(cases, "batch norm", |b| {
        let (x, weight, bias, mean) = (b.x(&[2, 3, 2, 2]), b.x(&[3]), b.x(&[3]), b.x(&[3]));
        let variance = b.x_in(&[3], (0.5, 2.0));
        b.g.apply(BatchNorm { epsilon }, &[x, weight, bias, mean, variance])
    });
    for groups in [1, 2, 4] {
        case(cases, format!("group norm {groups}"), |b| {
            let (x, weight, bias) = (b.x(&[2, 4, 3]), b.x(&[4]), b.x(&[4]));
            b.g.apply(GroupNorm { groups, epsilon }, &[x, weight, bias])
        });
    }
    for interleaved in [false, true] {
        case(cases, format!("rope {interleaved}"), |b| {
            let (x, cos, sin) = (b.x(&[2, 2, 3, 4]), b.x(&[3, 2]), b.x(&[3, 2]));
            b.g.apply(Rope { interleaved }, &[x, cos, sin])
        });
    }
    case(cases, "dequantize", |b| {
        let x = b.given(&[2, 3], Shape::of([2, 3]), &[0u8, 3, 255, 128, 127, 9]);
        let zero_point = b.given(&[3], Shape::of([3]), &[0u8, 128, 255]);
        let scale = b.x_in(&[3], (0.1, 2.0));
        b.g.apply(DequantizeLinear { axis: 1 }, &[x, scale, zero_point])
    });
    case(cases, "dequantize with one scale", |b| {
        let x = b.given(&[4], Shape::of([4]), &[-128i8, -1, 0, 127]);
        let scale = b.x_in(&[], (0.1, 2.0));
        b.g.apply(DequantizeLinear { axis: 0 }, &[x, scale])
    });
    case(cases, "quantize", |b| {
        let x = b.x_of(&[2, 3], &[-7.3, 0.24, 0.76, 3.1, -0.62, 99.0]);
        let scale = b.x_of(&[2], &[0.5, 0.25]);
        let zero_point = b.given(&[2], Shape::of([2]), &[3i8, -4]);
        let whole = b.g.apply(QuantizeLinear { axis: 0, dtype: DType::I8 }, &[x, scale, zero_point])?;
        // The scale has a gradient through the second op.
        b.g.apply(DequantizeLinear { axis: 0 }, &[whole, scale, zero_point])
    });
}

fn indexing(cases: &mut Vec<Case>) {
    case(cases, "take along", |b| {
        let (x, indices) = (b.x(&[2, 4, 2]), b.ints(&[2, 3, 2], &[3, 0, 0, 1, 3, 3, 2, 2, 0, 1, 1, 1]));
        b.g.apply(TakeAlong { axis: 1 }, &[x, indices])
    });
    case(cases, "one hot", |b| {
        let (x, indices) = (b.x(&[2, 3, 3]), b.ints(&[2, 3], &[1, 0, 2, -1, 3, 2]));
        let chosen = b.g.apply(OneHot { axis: 1, depth: 3.into(), dtype: DType::F64 }, &[indices])?;
        b.g.mul(x, chosen)
    });
    for largest in [true, false] {
        case(cases, format!("top k {largest}"), |b| {
            let x = b.x(&[2, 5, 2]);
            let best = b.g.apply(TopK { axis: 1, k: 3, largest }, &[x])?;
            b.g.project(best, 0)
        });
    }
    case(cases, "random numbers", |b| {
        let x = b.x(&[2, 5]);
        let key = b.given(&[2], Shape::of([2]), &[3u32, 4]);
        let mut product = x;
        for dtype in [DType::F64, DType::F32, DType::F16, DType::BF16] {
            let uniform = b.g.apply(Uniform { shape: Shape::of([2, 5]), dtype }, &[key])?;
            let normal = b.g.apply(Normal { shape: Shape::of([2, 5]), dtype }, &[key])?;
            let sum = b.g.add(uniform, normal)?;
            let sum = b.g.cast(sum, DType::F64)?;
            product = b.g.mul(product, sum)?;
        }
        Ok(product)
    });
}
