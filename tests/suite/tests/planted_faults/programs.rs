//! Programs that are not what their graph says.

use crate::plant::{Caught, caught, instruction, kernel, store, swap_strides};
use hadal_graph::op::*;
use hadal_graph::program::{
    BinaryOp, CompareOp, Instr, Kernel, Program, ReduceOp, Role, ScatterOp, TypedInstr, UnaryOp,
};
use hadal_graph::{DType, Dim, Graph, GraphError, HostTensor, NodeId, Scalar};
use hadal_suite::{Case, cases};
use std::sync::Arc;

fn case(name: &str, build: impl FnOnce(&mut Graph) -> Result<NodeId, GraphError>) -> Case {
    let build = |g: &mut Graph| {
        let result = build(g)?;
        g.output("y", result);
        Ok(())
    };
    Case::new(name, &[], build).unwrap()
}

/// A case of the library.
fn named(name: &str) -> Case {
    let all = cases::all(&[DType::F32]).unwrap();
    all.into_iter().find(|case| case.name == name).unwrap_or_else(|| panic!("there is no case `{name}`"))
}

/// `tanh(x - y)`.
fn difference() -> Case {
    case("difference", |g| {
        let (x, y) = (g.input("x", DType::F32, [4, 6])?, g.input("y", DType::F32, [6])?);
        let d = g.sub(x, y)?;
        g.unary(UnaryOp::Tanh, d)
    })
}

/// The exponentials of a row between two zeros: the only row, or the second of several.
fn border(rows: usize) -> Case {
    case("border", |g| {
        let x = g.input("x", DType::F32, [rows, 4])?;
        let row = if rows > 1 { g.narrow(x, 0, 1usize, 1usize)? } else { x };
        let low: Vec<Dim> = vec![0.into(), 1.into()];
        let padded = g.apply(Pad { high: low.clone(), low, value: Scalar::Float(0.0) }, &[row])?;
        g.unary(UnaryOp::Exp, padded)
    })
}

/// `tanh(a · b + c)`.
fn layer() -> Case {
    case("layer", |g| {
        let (a, b) = (g.input("a", DType::F32, [5, 7])?, g.parameter("b", DType::F32, [7, 6])?);
        let c = g.parameter("c", DType::F32, [6])?;
        let product = g.matmul(a, b)?;
        let sum = g.add(product, c)?;
        g.unary(UnaryOp::Tanh, sum)
    })
    .adding(7)
}

fn attention() -> Case {
    case("attention", |g| {
        let mut input = |name| g.input(name, DType::F32, [2, 6, 4]);
        let inputs = [input("q")?, input("k")?, input("v")?];
        let result = g.apply(Attention { scale: Scalar::Float(0.5), causal: true }, &inputs)?;
        g.project(result, 0)
    })
    .adding(6)
}

fn drop_guards(program: &mut Program) {
    instruction(program, |instr| match instr {
        Instr::Load { map, .. } if !map.guards.is_empty() => {
            map.guards.clear();
            true
        }
        _ => false,
    });
}

#[test]
fn a_fusion_that_swaps_the_operands_of_a_subtraction() {
    let plant = |program: &mut Program| {
        instruction(program, |instr| match instr {
            Instr::Binary(BinaryOp::Sub, a, b) => {
                std::mem::swap(a, b);
                true
            }
            _ => false,
        });
    };
    caught(&difference(), plant, Caught::ByNumbers);
}

#[test]
fn a_fusion_that_forgets_an_instruction_of_the_epilogue() {
    let plant = |program: &mut Program| {
        store(program, |body, store| match body.instrs[store.value].instr {
            Instr::Unary(UnaryOp::Tanh, x) => {
                store.value = x;
                true
            }
            _ => false,
        });
    };
    caught(&layer(), plant, Caught::ByNumbers);
}

#[test]
fn a_wrong_constant() {
    let case = case("scaled", |g| {
        let x = g.input("x", DType::F32, [9])?;
        let half = g.scalar(0.5, DType::F32)?;
        let scaled = g.mul(x, half)?;
        g.unary(UnaryOp::Exp, scaled)
    });
    let plant = |program: &mut Program| {
        instruction(program, |instr| {
            let half = matches!(instr, Instr::Const(Scalar::Float(0.5)));
            if half {
                *instr = Instr::Const(Scalar::Float(0.25));
            }
            half
        });
    };
    caught(&case, plant, Caught::ByNumbers);
}

#[test]
fn a_stride_that_is_swapped() {
    let case = case("with its transpose", |g| {
        let (a, b) = (g.input("a", DType::F32, [5, 5])?, g.input("b", DType::F32, [5, 5])?);
        let turned = g.transpose_last(b)?;
        g.add(a, turned)
    });
    let plant = |program: &mut Program| {
        instruction(program, |instr| match instr {
            Instr::Load { map, .. } => swap_strides(&mut map.address),
            _ => false,
        });
    };
    caught(&case, plant, Caught::ByNumbers);
}

#[test]
fn a_run_time_index_with_the_stride_of_another_axis() {
    let case = case("rows", |g| {
        let (x, at) = (g.input("x", DType::F32, [4, 4])?, g.input("at", DType::I32, [3])?);
        let rows = g.gather(x, 0, at)?;
        g.unary(UnaryOp::Exp, rows)
    });
    let case = case.with("at", HostTensor::new([3], &[1i32, 3, 2]).unwrap());
    let plant = |program: &mut Program| {
        instruction(program, |instr| match instr {
            Instr::Load { indirect, .. } if !indirect.is_empty() => {
                indirect[0].stride = Dim::ONE;
                true
            }
            _ => false,
        });
    };
    caught(&case, plant, Caught::ByNumbers);
}

#[test]
fn a_guard_that_is_dropped_within_the_operand() {
    caught(&border(3), drop_guards, Caught::ByNumbers);
}

#[test]
fn a_guard_that_is_dropped_at_the_ends_of_the_operand() {
    caught(&border(1), drop_guards, Caught::ByRules("reaches elements -1..=4 of 4"));
}

#[test]
fn a_store_that_is_off_by_one() {
    let plant = |program: &mut Program| {
        store(program, |_, store| {
            store.address.offset = &store.address.offset + &Dim::ONE;
            true
        });
    };
    caught(&difference(), plant, Caught::ByRules("a store to"));
}

#[test]
fn a_store_in_reverse_order() {
    let case = case("exponentials", |g| {
        let x = g.input("x", DType::F32, [9])?;
        g.unary(UnaryOp::Exp, x)
    });
    let plant = |program: &mut Program| {
        store(program, |_, store| {
            store.address.offset = Dim::from(8);
            store.address.coefficients[0] = Dim::from(-1);
            true
        });
    };
    caught(&case, plant, Caught::ByNumbers);
}

#[test]
fn an_alias_to_a_value_that_is_still_needed() {
    let case = case("chain", |g| {
        let (x, w) = (g.input("x", DType::F32, [4, 4])?, g.parameter("w", DType::F32, [4, 4])?);
        let first = g.matmul(x, w)?;
        let second = g.matmul(first, w)?;
        g.matmul(second, first)
    });
    let plant = |program: &mut Program| {
        let [first, second] = [0, 1].map(|step| program.steps[step].writes[0]);
        program.values[second].alias = Some(first);
    };
    caught(&case.adding(4), plant, Caught::ByRules("after it was overwritten"));
}

#[test]
fn a_reduction_with_the_wrong_function() {
    let case = case("sums", |g| {
        let x = g.input("x", DType::F32, [5, 6])?;
        g.reduce(ReduceOp::Sum, x, &[1])
    });
    let plant = |program: &mut Program| {
        let reduce = kernel(program, |k| match k {
            Kernel::Reduce(reduce) => Some(reduce),
            _ => None,
        });
        reduce.phases[0].op = ReduceOp::Max;
    };
    caught(&case.adding(6), plant, Caught::ByNumbers);
}

#[test]
fn a_reduction_along_the_wrong_axis() {
    let case = case("sums", |g| {
        let x = g.input("x", DType::F32, [5, 5])?;
        g.reduce(ReduceOp::Sum, x, &[1])
    });
    let plant = |program: &mut Program| {
        instruction(program, |instr| match instr {
            Instr::Load { map, .. } => swap_strides(&mut map.address),
            _ => false,
        });
    };
    caught(&case.adding(5), plant, Caught::ByNumbers);
}

#[test]
fn a_sum_that_is_kept_in_too_few_bits() {
    let case = case("a wide sum of bytes", |g| {
        let x = g.input("x", DType::I8, [2, 100])?;
        let wide = g.cast(x, DType::I32)?;
        g.reduce(ReduceOp::Sum, wide, &[1])
    });
    let case = case.with("x", HostTensor::full(DType::I8, [2, 100], Scalar::Int(3)));
    let plant = |program: &mut Program| {
        let reduce = kernel(program, |k| match k {
            Kernel::Reduce(reduce) => Some(reduce),
            _ => None,
        });
        let phase = &mut reduce.phases[0];
        let Instr::Cast(narrow) = phase.operand.program.instrs[phase.operand.value].instr else {
            panic!("the operand is not widened")
        };
        phase.operand.value = narrow;
        phase.dtype = DType::I8;
        // The sum is widened too late.
        let body = reduce.per_row.as_mut().unwrap();
        let sum = body.program.instrs.iter().position(|i| i.instr == Instr::Accumulator(0)).unwrap();
        body.program.instrs[sum].dtype = DType::I8;
        body.program.instrs.push(TypedInstr { instr: Instr::Cast(sum), dtype: DType::I32 });
        let last = body.program.instrs.len() - 1;
        body.stores.iter_mut().filter(|s| s.value == sum).for_each(|s| s.value = last);
    };
    caught(&case, plant, Caught::ByNumbers);
}

#[test]
fn an_accumulator_of_another_dtype_than_the_epilogue_expects() {
    let plant = |program: &mut Program| {
        kernel(program, |k| match k {
            Kernel::Contract(contract) => Some(contract),
            _ => None,
        })
        .dtype = DType::F16;
    };
    caught(&layer(), plant, Caught::ByRules("is f32, but gives f16"));
}

#[test]
fn attention_that_looks_ahead() {
    let plant = |program: &mut Program| {
        kernel(program, |k| match k {
            Kernel::Attention(attention) => Some(attention),
            _ => None,
        })
        .causal = false;
    };
    caught(&attention(), plant, Caught::ByNumbers);
}

#[test]
fn attention_with_another_scale() {
    let plant = |program: &mut Program| {
        kernel(program, |k| match k {
            Kernel::Attention(attention) => Some(attention),
            _ => None,
        })
        .scale = Scalar::Float(0.25);
    };
    caught(&attention(), plant, Caught::ByNumbers);
}

#[test]
fn a_once_step_that_reads_a_stale_parameter() {
    let case = case("new weights", |g| {
        let x = g.input("x", DType::F32, [3, 6])?;
        let new = g.parameter("new", DType::F32, [6, 6])?;
        let old = g.parameter("old", DType::F32, [6, 6])?;
        let weights = g.apply(Softmax { axis: 1 }, &[new])?;
        let now = g.matmul(x, weights)?;
        let then = g.matmul(x, old)?;
        g.add(now, then)
    });
    let plant = |program: &mut Program| {
        let parameter = |name: &str| {
            let found =
                program.values.iter().find(|(_, v)| v.name == name && matches!(v.role, Role::Parameter(_)));
            found.unwrap().0
        };
        let (new, old) = (parameter("new"), parameter("old"));
        let read = program.once.iter_mut().flat_map(|s| &mut s.reads).find(|read| **read == new);
        *read.expect("nothing is computed once") = old;
    };
    caught(&case.adding(6), plant, Caught::ByNumbers);
}

#[test]
fn a_scatter_that_replaces_instead_of_adding() {
    let case = case("counted", |g| {
        let x = g.input("x", DType::F32, [4, 3])?;
        let at = g.input("at", DType::I32, [5])?;
        let rows = g.input("rows", DType::F32, [5, 3])?;
        g.apply(Scatter { axis: 0, op: ScatterOp::Add }, &[x, at, rows])
    });
    let case = case.with("at", HostTensor::new([5], &[1i32, 3, 1, 0, 3]).unwrap());
    let plant = |program: &mut Program| {
        kernel(program, |k| match k {
            Kernel::Scatter(scatter) => Some(scatter),
            _ => None,
        })
        .op = ScatterOp::Set;
    };
    caught(&case, plant, Caught::ByNumbers);
}

#[test]
fn a_scan_in_the_wrong_direction() {
    let case = case("running sums", |g| {
        let x = g.input("x", DType::F32, [3, 7])?;
        g.apply(Cumulative { op: ReduceOp::Sum, axis: 1, exclusive: false, reverse: false }, &[x])
    });
    let plant = |program: &mut Program| {
        kernel(program, |k| match k {
            Kernel::Scan(scan) => Some(scan),
            _ => None,
        })
        .reverse = true;
    };
    caught(&case.adding(7), plant, Caught::ByNumbers);
}

#[test]
fn a_loop_that_runs_once_too_often() {
    let plant = |program: &mut Program| {
        let control = kernel(program, |k| match k {
            Kernel::Loop(control) => Some(control),
            _ => None,
        });
        instruction(Arc::make_mut(&mut control.condition), |instr| match instr {
            Instr::Compare(op @ CompareOp::Lt, ..) => {
                *op = CompareOp::Le;
                true
            }
            _ => false,
        });
    };
    caught(&named("a loop of 4 steps over a growing cache"), plant, Caught::ByNumbers);
}

#[test]
fn a_variable_that_is_not_updated() {
    let plant = |program: &mut Program| {
        program.updates.remove(0);
    };
    caught(&named("variables exchanged"), plant, Caught::ByNumbers);
}

#[test]
fn results_in_the_wrong_order() {
    let case = Case::new("two results", &[], |g| {
        let x = g.input("x", DType::F32, [8])?;
        for (name, op) in [("exp", UnaryOp::Exp), ("tanh", UnaryOp::Tanh)] {
            let y = g.unary(op, x)?;
            g.output(name, y);
        }
        Ok(())
    });
    caught(&case.unwrap(), |program| program.outputs.swap(0, 1), Caught::ByNumbers);
}
