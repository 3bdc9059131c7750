use super::*;
use crate::program::{
    Affine, Body, Contract, Guard, IndexMap, Operand, Pointwise, PointwiseProgram, Role, Value,
};
use crate::{DType, Shape};
use std::collections::BTreeSet;

/// Limits small enough that the programs here need pieces.
fn limits(element_bits: &dyn Fn(&Program, ValueId) -> u64) -> Limits<'_> {
    Limits { bytes: 1024, alignment: 256, element_bits }
}

fn value(program: &mut Program, shape: impl Into<Shape>) -> ValueId {
    let (dtype, role, alias) = (DType::F32, Role::Computed, None);
    program.values.push(Value { dtype, shape: shape.into(), role, alias, name: "x".into() })
}

fn load(map: IndexMap) -> (PointwiseProgram, usize) {
    let mut program = PointwiseProgram::default();
    let reg = program.push(Instr::Load { operand: 0, map, indirect: Vec::new() }, DType::F32);
    (program, reg)
}

fn affine(offset: i64, coefficients: &[i64]) -> Affine {
    Affine { offset: offset.into(), coefficients: coefficients.iter().map(|&c| c.into()).collect() }
}

fn at(affine: &Affine, coordinates: &[i64]) -> i64 {
    let number = |dim: &Dim| dim.as_const().unwrap();
    coordinates.iter().zip(&affine.coefficients).map(|(x, c)| x * number(c)).sum::<i64>()
        + number(&affine.offset)
}

fn coordinates(extents: &[i64]) -> Vec<Vec<i64>> {
    extents.iter().fold(vec![Vec::new()], |all, &extent| {
        all.iter().flat_map(|c| (0..extent).map(move |x| [c.as_slice(), &[x]].concat())).collect()
    })
}

/// Every (address read or none where the guard fails, address written) of a pointwise step, in elements of the whole values.
fn work(step: &Step, windows: &BTreeMap<ValueId, Window>) -> Vec<(Option<i64>, i64)> {
    let Kernel::Pointwise(kernel) = &step.kernel else { panic!("not pointwise") };
    let Instr::Load { map, .. } = &kernel.body.program.instrs[0].instr else { panic!("no load") };
    let window = |id| windows.get(&id).cloned().unwrap_or(0..u64::MAX);
    let (read, written) = (window(step.reads[0]), window(step.writes[0]));
    let extents: Vec<i64> = kernel.domain.as_const().unwrap().iter().map(|&e| e as i64).collect();
    let inside = |address: i64, window: &Window| {
        assert!(address >= 0 && (address as u64) < window.end - window.start, "{address} of {window:?}");
        address + window.start as i64
    };
    let element = |c: Vec<i64>| {
        let allowed =
            map.guards.iter().all(|g| (0..g.extent.as_const().unwrap()).contains(&at(&g.index, &c)));
        let read = allowed.then(|| inside(at(&map.address, &c), &read));
        (read, inside(at(&kernel.body.stores[0].address, &c), &written))
    };
    coordinates(&extents).into_iter().map(element).collect()
}

fn check(from: &[usize], to: &[usize], map: IndexMap) -> Vec<Piece> {
    let mut program = Program::default();
    let (x, y) = (value(&mut program, Shape::from(from)), value(&mut program, Shape::from(to)));
    let domain = Shape::from(to);
    let address = IndexMap::contiguous(&domain).address;
    let (body, reg) = load(map);
    let stores = vec![Store { target: 0, value: reg, address, indirect: Vec::new() }];
    let kernel = Kernel::Pointwise(Pointwise { domain, body: Body { program: body, stores } });
    let step = Step { kernel, reads: vec![x], writes: vec![y], label: "copy".into() };
    let bits = |_: &Program, _| 32;
    let pieces = split(&program, &step, &Bindings::new(), &limits(&bits)).unwrap().pieces;
    let together: Vec<_> = pieces.iter().flat_map(|piece| work(&piece.step, &piece.windows)).collect();
    let expected = work(&step, &BTreeMap::new());
    assert_eq!(together.len(), expected.len(), "nothing is computed twice");
    assert_eq!(together.into_iter().collect::<BTreeSet<_>>(), expected.into_iter().collect());
    for window in pieces.iter().flat_map(|piece| piece.windows.values()) {
        assert!((window.end - window.start) * 4 <= 1024 && (window.start * 4).is_multiple_of(256));
    }
    pieces
}

#[test]
fn small_steps_stay_whole() {
    let pieces = check(&[16, 16], &[16, 16], IndexMap::contiguous(&Shape::from([16usize, 16])));
    assert!(pieces.len() == 1 && pieces[0].windows.is_empty());
}

#[test]
fn pieces_do_the_work_of_the_step_within_the_limit() {
    let contiguous = |shape: &[usize]| IndexMap::contiguous(&Shape::from(shape));
    assert_eq!(check(&[1000], &[1000], contiguous(&[1000])).len(), 4);
    check(&[3, 501], &[3, 501], contiguous(&[3, 501]));
    check(&[7, 11, 13], &[7, 11, 13], contiguous(&[7, 11, 13]));
    // A transposed read: both sides stay within the limit.
    check(&[40, 30], &[30, 40], IndexMap::new(affine(0, &[1, 30])));
    // Backwards.
    check(&[900], &[900], IndexMap::new(affine(899, &[-1])));
    // Broadcast of a small operand.
    check(&[5], &[300, 5], IndexMap::new(affine(0, &[0, 1])));
    // A large operand of which each piece needs another row.
    check(&[600, 2], &[600], IndexMap::new(affine(1, &[2])));
}

#[test]
fn guarded_addresses_outside_the_value_need_no_window() {
    let mut map = IndexMap::new(affine(-10, &[1]));
    map.guards.push(Guard { index: affine(-10, &[1]), extent: Dim::from(700) });
    check(&[700], &[720], map);
}

#[test]
fn pieces_that_end_within_a_group_store_singly() {
    let pieces = check(&[3, 255], &[3, 255], IndexMap::contiguous(&Shape::from([3usize, 255])));
    for piece in &pieces {
        let Kernel::Pointwise(kernel) = &piece.step.kernel else { panic!("not pointwise") };
        let whole_groups = kernel.domain.elements().as_const().unwrap() % 4 == 0;
        assert_eq!(whole_groups, kernel.body.stores[0].indirect.is_empty());
    }
}

#[test]
fn a_contraction_is_cut_where_its_operands_are_large() {
    let mut program = Program::default();
    let (m, n, k) = (100usize, 90usize, 8usize);
    let (a, b, c) = (value(&mut program, [m, k]), value(&mut program, [k, n]), value(&mut program, [m, n]));
    let operand = |position, map| {
        let mut program = PointwiseProgram::default();
        let value = program.push(Instr::Load { operand: position, map, indirect: Vec::new() }, DType::F32);
        Operand { program, value }
    };
    let mut epilogue = PointwiseProgram::default();
    let sum = epilogue.push(Instr::Accumulator(0), DType::F32);
    let address = IndexMap::contiguous(&Shape::from([m, n])).address;
    let stores = vec![Store { target: 0, value: sum, address, indirect: Vec::new() }];
    let kernel = Kernel::Contract(Contract {
        batch: Shape::scalar(),
        m: Shape::from([m]),
        n: Shape::from([n]),
        k: Shape::from([k]),
        a: operand(0, IndexMap::contiguous(&Shape::from([m, k]))),
        b: operand(1, IndexMap::contiguous(&Shape::from([k, n]))),
        dtype: DType::F32,
        epilogue: Body { program: epilogue, stores },
    });
    let step = Step { kernel, reads: vec![a, b], writes: vec![c], label: "matmul".into() };
    let bits = |_: &Program, _| 32;
    // A row of B's window is as long as B's, so B has to fit while C is cut along both axes.
    let limits = Limits { bytes: 3072, ..limits(&bits) };
    let pieces = split(&program, &step, &Bindings::new(), &limits).unwrap().pieces;
    let mut cells = 0;
    for piece in &pieces {
        let Kernel::Contract(kernel) = &piece.step.kernel else { panic!("not a contraction") };
        cells += kernel.m.elements().as_const().unwrap() * kernel.n.elements().as_const().unwrap();
        assert!(piece.windows.values().all(|w| (w.end - w.start) * 4 <= 3072));
        assert!(piece.windows.contains_key(&c) && !piece.windows.contains_key(&b));
    }
    assert_eq!(cells as usize, m * n);
}

#[test]
fn what_is_needed_whole_is_refused() {
    let mut program = Program::default();
    let (table, y) = (value(&mut program, [1000usize]), value(&mut program, [4usize]));
    let mut body = PointwiseProgram::default();
    let index = body.push(Instr::Index(affine(0, &[1])), DType::I32);
    let indirect = vec![Indirect { index, stride: Dim::ONE, limit: Dim::from(999), clamped: false }];
    let map = IndexMap::new(affine(0, &[0]));
    let picked = body.push(Instr::Load { operand: 0, map, indirect }, DType::F32);
    let stores = vec![Store { target: 0, value: picked, address: affine(0, &[1]), indirect: Vec::new() }];
    let kernel =
        Kernel::Pointwise(Pointwise { domain: Shape::from([4usize]), body: Body { program: body, stores } });
    let step = Step { kernel, reads: vec![table], writes: vec![y], label: "gather".into() };
    let bits = |_: &Program, _| 32;
    let error = split(&program, &step, &Bindings::new(), &limits(&bits)).unwrap_err();
    assert!(matches!(&error, SplitError::TooLarge { bytes: 4000, limit: 1024, .. }), "{error}");
}

#[test]
fn samples_are_corners_with_the_addresses_they_write() {
    let mut program = Program::default();
    let (x, y) = (value(&mut program, [100usize, 50]), value(&mut program, [100usize, 50]));
    let domain = Shape::from([100usize, 50]);
    let map = IndexMap::contiguous(&domain);
    let address = map.address.clone();
    let (body, reg) = load(map);
    let stores = vec![Store { target: 0, value: reg, address, indirect: Vec::new() }];
    let kernel = Kernel::Pointwise(Pointwise { domain, body: Body { program: body, stores } });
    let step = Step { kernel, reads: vec![x], writes: vec![y], label: "copy".into() };
    let samples = sample(&program, &step, &Bindings::new(), 8).unwrap();
    assert_eq!(samples.len(), 3);
    assert!(samples.iter().all(|s| s.written[0].len() == 64));
    assert_eq!(samples[0].written[0].first(), Some(&0));
    assert_eq!(samples[1].written[0].last(), Some(&4999));
    for sample in &samples {
        let addresses = work(&sample.step, &BTreeMap::new()).into_iter().map(|(_, written)| written as u64);
        assert_eq!(addresses.collect::<BTreeSet<_>>(), sample.written[0]);
    }
    // One tile holds everything.
    assert_eq!(sample(&program, &step, &Bindings::new(), 100).unwrap().len(), 1);
}

/// A softmax-like reduction of `rows` rows: the pieces, run by the reference one after the other, give what the step gives.
#[test]
fn rows_that_are_too_large_are_reduced_in_parts() {
    use crate::program::{BinaryOp, Phase, Reduce, ReduceOp, UnaryOp};
    use crate::reference::interpret_program;
    use crate::{HostTensor, Scalar};
    for (rows, length) in [(1usize, 1000usize), (3, 500), (2, 700)] {
        let mut program = Program::default();
        let shape = Shape::from([rows, length]);
        let x = value(&mut program, shape.clone());
        program.values[x].role = Role::Input(0);
        let (y, sums) = (value(&mut program, shape.clone()), value(&mut program, [rows]));
        let map = || IndexMap::contiguous(&Shape::from([rows, length]));
        let (plain, reg) = load(map());
        let mut shifted = plain.clone();
        let largest = shifted.push(Instr::Accumulator(0), DType::F32);
        let less = shifted.push(Instr::Binary(BinaryOp::Sub, reg, largest), DType::F32);
        let exp = shifted.push(Instr::Unary(UnaryOp::Exp, less), DType::F32);
        let mut element = shifted.clone();
        let sum = element.push(Instr::Accumulator(1), DType::F32);
        let quotient = element.push(Instr::Binary(BinaryOp::Div, exp, sum), DType::F32);
        let mut row = PointwiseProgram::default();
        let total = row.push(Instr::Accumulator(1), DType::F32);
        let phase = |op, program, value| Phase { op, operand: Operand { program, value }, dtype: DType::F32 };
        let store = |target, value, address| Store { target, value, address, indirect: Vec::new() };
        let contiguous = IndexMap::contiguous(&Shape::from([rows])).address;
        let kernel = Kernel::Reduce(Reduce {
            outer: Shape::from([rows]),
            row: Shape::from([length]),
            phases: vec![phase(ReduceOp::Max, plain, reg), phase(ReduceOp::Sum, shifted, exp)],
            per_row: Some(Body { program: row, stores: vec![store(1, total, contiguous)] }),
            per_element: Some(Body { program: element, stores: vec![store(0, quotient, map().address)] }),
        });
        let step = Step { kernel, reads: vec![x], writes: vec![y, sums], label: "softmax".into() };
        program.inputs = vec![x];
        program.outputs = vec![y, sums];
        program.output_shapes = vec![shape, Shape::from([rows])];
        program.steps = vec![step.clone()];
        let bits = |_: &Program, _| 32;
        let Pieces { pieces, values } = split(&program, &step, &Bindings::new(), &limits(&bits)).unwrap();
        assert!(pieces.len() > 4 && !values.is_empty());
        for window in pieces.iter().flat_map(|piece| piece.windows.values()) {
            assert!((window.end - window.start) * 4 <= 1024);
        }
        // The reference knows no windows: shifts of addresses are undone by cutting without a limit on bytes of windows.
        let data = (0..rows * length).map(|i| Scalar::new((i * 7919 % 1013) as f64 / 200.0, DType::F32));
        let data = HostTensor::from_scalars(DType::F32, [rows, length], data).unwrap();
        let leaves = [("x".to_string(), data)].into();
        let expected = interpret_program(&program, &Bindings::new(), &leaves).unwrap().outputs;
        let limits = limits(&bits);
        let mut splitter =
            Splitter { program: Cow::Borrowed(&program), sizes: &Bindings::new(), limits: &limits };
        let mut steps = Vec::new();
        splitter.cut(step, &mut steps).unwrap();
        let mut in_parts = splitter.program.into_owned();
        in_parts.steps = steps;
        // To the reference, a step that does not share storage writes all of a value.
        let mut seen = BTreeSet::new();
        for number in 0..in_parts.steps.len() {
            for position in 0..in_parts.steps[number].writes.len() {
                let id = in_parts.steps[number].writes[position];
                if !seen.insert(id) {
                    let again = Value { alias: Some(id), ..in_parts.values[id].clone() };
                    in_parts.steps[number].writes[position] = in_parts.values.push(again);
                }
            }
        }
        let actual = interpret_program(&in_parts, &Bindings::new(), &leaves).unwrap().outputs;
        for (actual, expected) in actual.iter().zip(&expected) {
            for (a, e) in actual.to_f64().iter().zip(expected.to_f64()) {
                assert!((a - e).abs() <= 1e-5 * e.abs(), "{a} {e}");
            }
        }
    }
}
