//! What has no kernel is an error that says why.

use crate::case::{Case, load, store};
use crate::device::capability_sets;
use hadal_graph::program::{
    BinaryOp, Body, Branch, IndexMap, Instr, Kernel, Pointwise, PointwiseProgram, Program,
};
use hadal_graph::{DType, Scalar, Shape};
use hadal_shaders::{ShaderError, candidates};
use std::sync::Arc;

fn error(case: &Case, kernel: Kernel) -> ShaderError {
    let capabilities = &capability_sets()[3].1;
    candidates(&case.program, &case.step(kernel), &case.sizes, capabilities).unwrap_err()
}

/// The sum of `count` reads of `dtype`.
fn sum(case: &mut Case, dtype: DType, count: usize) -> Kernel {
    let domain = Shape::of([4]);
    let mut program = PointwiseProgram::default();
    let mut total = None;
    for _ in 0..count {
        let position = case.read(dtype, [4], vec![Scalar::zero(dtype); 4]);
        let value = load(&mut program, position, IndexMap::contiguous(&domain), dtype);
        total = Some(match total {
            Some(total) => program.push(Instr::Binary(BinaryOp::Add, total, value), dtype),
            None => value,
        });
    }
    case.write(dtype, [4]);
    let value = total.unwrap();
    Kernel::Pointwise(Pointwise { body: Body { program, stores: vec![store(0, value, &domain)] }, domain })
}

#[test]
fn double_precision() {
    let mut case = Case::new();
    let kernel = sum(&mut case, DType::F64, 1);
    assert_eq!(error(&case, kernel), ShaderError::DType { op: "case".into(), dtype: DType::F64 });
}

#[test]
fn more_bindings_than_the_device_has() {
    let mut case = Case::new();
    let kernel = sum(&mut case, DType::F32, 8);
    assert_eq!(error(&case, kernel), ShaderError::Bindings { op: "case".into(), needed: 9, limit: 7 });
}

#[test]
fn control_steps() {
    let program = Arc::new(Program::default());
    let kernel = Kernel::Branch(Branch { then: program.clone(), otherwise: program });
    assert!(matches!(error(&Case::new(), kernel), ShaderError::Control { .. }));
}

#[test]
fn in_place_with_another_element_size() {
    let mut case = Case::new();
    let mut kernel = sum(&mut case, DType::F32, 1);
    case.program.values.push(case.program.values[case.step(kernel.clone()).writes[0]].clone());
    let write = case.write(DType::I64, [4]);
    case.alias(write, 0);
    if let Kernel::Pointwise(Pointwise { body, domain }) = &mut kernel {
        let wide = body.program.push(Instr::Cast(0), DType::I64);
        body.stores.push(store(write, wide, domain));
    }
    let expected = ShaderError::Alias { op: "case".into(), read: DType::F32, written: DType::I64 };
    assert_eq!(error(&case, kernel), expected);
}
