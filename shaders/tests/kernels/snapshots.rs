//! The text of every variant for one representative step.

use crate::case::{Case, load, store};
use hadal_graph::program::{
    Affine, Attention, BinaryOp, Body, CompareOp, Contract, IndexMap, Indirect, Instr, Kernel, Operand,
    Phase, Pointwise, PointwiseProgram, Reduce, ReduceOp, Role, Scan, Scatter, ScatterOp, Sort, UnaryOp,
};
use hadal_graph::{DType, Dim, Scalar, Shape};

/// Writes the launches of every distinct candidate to a snapshot, and checks that other sizes give the same text.
fn snapshot(name: &str, build: &dyn Fn(&mut Case, usize) -> Kernel) {
    let texts = |scale: usize| -> Vec<(String, String)> {
        let mut case = Case::new();
        let kernel = build(&mut case, scale);
        let mut texts: Vec<(String, String)> = Vec::new();
        for (set, _, candidate) in case.candidates(&kernel) {
            let text: String = candidate
                .launches
                .iter()
                .map(|l| format!("// {}\n// params: {}\n{}", l.variant, params(&l.params), l.source))
                .collect();
            let variant = candidate.variant.replace('/', "_");
            texts.push((format!("{name}__{variant}__{set}"), text));
        }
        texts
    };
    let small = texts(1);
    for (name, text) in texts(3) {
        if let Some((_, other)) = small.iter().find(|(n, _)| *n == name) {
            assert_eq!(text, *other, "the text of {name} depends on sizes");
        }
    }
    for (name, text) in small {
        insta::assert_snapshot!(name, text);
    }
}

fn params(params: &[Dim]) -> String {
    params.iter().map(|p| p.to_string()).collect::<Vec<_>>().join(", ")
}

fn zeros(count: usize) -> Vec<Scalar> {
    vec![Scalar::Int(0); count]
}

fn operand(case: &mut Case, dtype: DType, shape: &[Dim]) -> Operand {
    let count = Shape(shape.to_vec()).elements().eval(&case.sizes).unwrap() as usize;
    let position = case.read(dtype, Shape(shape.to_vec()), zeros(count));
    let mut program = PointwiseProgram::default();
    let value = load(&mut program, position, IndexMap::contiguous(shape), dtype);
    Operand { program, value }
}

/// A body that stores accumulator 0.
fn plain(dtype: DType, domain: &[Dim]) -> Body {
    let mut program = PointwiseProgram::default();
    let acc = program.push(Instr::Accumulator(0), dtype);
    Body { program, stores: vec![store(0, acc, domain)] }
}

#[test]
fn pointwise_embedding_with_mask() {
    snapshot("pointwise", &|case, scale| {
        let s = case.symbol("s", 10 * scale);
        let shape = [s.clone(), Dim::from(64)];
        let table = case.read_as(Role::Parameter(0), DType::F16, [100, 64], zeros(6400));
        let ids = case.read(DType::I64, [s.clone()], zeros(10 * scale));
        let bias = case.read_as(Role::Parameter(1), DType::F32, [64], zeros(64));
        case.write(DType::F32, shape.clone());
        let mut p = PointwiseProgram::default();
        let index = load(&mut p, ids, IndexMap::new(Affine::axis(0, 2)), DType::I64);
        let row = p.push(
            Instr::Load {
                operand: table,
                map: IndexMap::new(Affine::axis(1, 2)),
                indirect: vec![Indirect {
                    index,
                    stride: Dim::from(64),
                    limit: Dim::from(99),
                    clamped: false,
                }],
            },
            DType::F16,
        );
        let wide = p.push(Instr::Cast(row), DType::F32);
        let b = load(&mut p, bias, IndexMap::new(Affine::axis(1, 2)), DType::F32);
        let sum = p.push(Instr::Binary(BinaryOp::Add, wide, b), DType::F32);
        let zero = p.push(Instr::Const(Scalar::Int(0)), DType::I64);
        let padded = p.push(Instr::Compare(CompareOp::Eq, index, zero), DType::Bool);
        let nothing = p.push(Instr::Const(Scalar::Float(0.0)), DType::F32);
        let out = p.push(Instr::Select(padded, nothing, sum), DType::F32);
        let body = Body { program: p, stores: vec![store(0, out, &shape)] };
        Kernel::Pointwise(Pointwise { domain: Shape::of(shape), body })
    });
}

#[test]
fn reduce_softmax() {
    snapshot("reduce", &|case, scale| {
        let s = case.symbol("s", 1500 * scale);
        let shape = [Dim::from(20), s.clone()];
        let x = operand(case, DType::F32, &shape);
        case.write(DType::F32, shape.clone());
        let mut p = x.program.clone();
        let top = p.push(Instr::Accumulator(0), DType::F32);
        let d = p.push(Instr::Binary(BinaryOp::Sub, x.value, top), DType::F32);
        let e = p.push(Instr::Unary(UnaryOp::Exp, d), DType::F32);
        let sum = Operand { program: p.clone(), value: e };
        let total = p.push(Instr::Accumulator(1), DType::F32);
        let out = p.push(Instr::Binary(BinaryOp::Div, e, total), DType::F32);
        Kernel::Reduce(Reduce {
            outer: Shape::of([20]),
            row: Shape::of([s]),
            phases: vec![
                Phase { op: ReduceOp::Max, operand: x, dtype: DType::F32 },
                Phase { op: ReduceOp::Sum, operand: sum, dtype: DType::F32 },
            ],
            per_row: None,
            per_element: Some(Body { program: p, stores: vec![store(0, out, &shape)] }),
        })
    });
}

#[test]
fn contract_linear() {
    snapshot("contract", &|case, scale| {
        let s = case.symbol("s", 64 * scale);
        let (x, w) = (operand(case, DType::F32, &[s.clone(), Dim::from(96)]), {
            let mut weight = operand(case, DType::F32, &[Dim::from(384), Dim::from(96)]);
            // Stored [n, k], read as [k, n].
            if let Instr::Load { map, .. } = &mut weight.program.instrs[0].instr {
                map.address.coefficients.reverse();
            }
            weight
        });
        case.write(DType::F32, [s.clone(), Dim::from(384)]);
        Kernel::Contract(Contract {
            batch: Shape::scalar(),
            m: Shape::of([s.clone()]),
            n: Shape::of([384]),
            k: Shape::of([96]),
            a: x,
            b: w,
            dtype: DType::F32,
            epilogue: plain(DType::F32, &[s, Dim::from(384)]),
        })
    });
}

#[test]
fn contract_vector_by_matrix() {
    snapshot("gemv", &|case, scale| {
        let k = case.symbol("k", 128 * scale);
        let (x, w) = (
            operand(case, DType::I64, &[Dim::ONE, k.clone()]),
            operand(case, DType::I64, &[k.clone(), Dim::from(40)]),
        );
        case.write(DType::I64, [40]);
        Kernel::Contract(Contract {
            batch: Shape::scalar(),
            m: Shape::of([1]),
            n: Shape::of([40]),
            k: Shape::of([k]),
            a: x,
            b: w,
            dtype: DType::I64,
            epilogue: plain(DType::I64, &[Dim::ONE, Dim::from(40)]),
        })
    });
}

#[test]
fn attention() {
    snapshot("attention", &|case, scale| {
        let s = case.symbol("s", 70 * scale);
        let shape = [Dim::from(2), s.clone(), Dim::from(32)];
        let (q, k, v) = (
            operand(case, DType::F16, &shape),
            operand(case, DType::F16, &shape),
            operand(case, DType::F16, &shape),
        );
        case.write(DType::F16, shape.clone());
        Kernel::Attention(Attention {
            batch: Shape::of([2]),
            queries: s.clone(),
            keys: s,
            head_dim: Dim::from(32),
            value_dim: Dim::from(32),
            scale: Scalar::Float(0.125),
            causal: true,
            q,
            k,
            v,
            mask: None,
            dtype: DType::F16,
            epilogue: plain(DType::F16, &shape),
            log_sum_exp: None,
        })
    });
}

#[test]
fn scatter_add() {
    snapshot("scatter", &|case, scale| {
        let u = case.symbol("u", 9 * scale);
        let shape = [Dim::from(10), Dim::from(70)];
        let init = operand(case, DType::F32, &shape);
        let index = operand(case, DType::I32, std::slice::from_ref(&u));
        let update = operand(case, DType::F32, &[u.clone(), Dim::from(70)]);
        case.write(DType::F32, shape);
        Kernel::Scatter(Scatter {
            outer: Shape::scalar(),
            updates: u,
            extent: Dim::from(10),
            inner: Shape::of([70]),
            op: ScatterOp::Add,
            init: Some(init),
            index,
            update,
        })
    });
}

#[test]
fn scan_sum() {
    snapshot("scan", &|case, scale| {
        let s = case.symbol("s", 9 * scale);
        let shape = [Dim::from(4), s.clone()];
        let operand = operand(case, DType::I32, &shape);
        case.write(DType::I32, shape.clone());
        Kernel::Scan(Scan {
            outer: Shape::of([4]),
            length: s,
            op: ReduceOp::Sum,
            exclusive: true,
            reverse: false,
            operand,
            dtype: DType::I32,
            epilogue: plain(DType::I32, &shape),
        })
    });
}

#[test]
fn sort_descending() {
    snapshot("sort", &|case, scale| {
        let s = case.symbol("s", 9 * scale);
        let shape = [Dim::from(4), s.clone()];
        let operand = operand(case, DType::F32, &shape);
        case.write(DType::F32, shape.clone());
        case.write(DType::I64, shape.clone());
        let address = IndexMap::contiguous(&shape).address;
        Kernel::Sort(Sort {
            outer: Shape::of([4]),
            length: s,
            descending: true,
            operand,
            values: address.clone(),
            indices: address,
        })
    });
}
