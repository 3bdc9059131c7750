//! What a training step holds from its forward pass for its backward pass, and in which order its steps run.

use hadal_graph::gradient::gradient;
use hadal_graph::op::{Dropout, Gelu};
use hadal_graph::program::{Program, ReduceOp, Role, UnaryOp, ValueId};
use hadal_graph::reference::{interpret, interpret_program};
use hadal_graph::{Bindings, DType, Graph, GraphError, HostTensor, NodeId, Scalar, Target, compile};
use std::collections::BTreeMap;

const ROWS: usize = 8;
const WIDTH: usize = 16;

/// The first step that writes each value, and the last that reads it; what outlives the run is left out.
fn lives(program: &Program) -> BTreeMap<ValueId, (usize, usize)> {
    let mut lives = BTreeMap::new();
    for (position, step) in program.steps.iter().enumerate() {
        for &id in step.reads.iter().chain(&step.writes) {
            let root = program.storage(id);
            if program.values[root].role == Role::Computed && !program.escapes(root) {
                lives.entry(root).or_insert((position, position)).1 = position;
            }
        }
    }
    lives
}

/// What is held over the step that computes the loss: bytes of each dtype.
fn held(program: &Program) -> BTreeMap<DType, usize> {
    let writes_loss = |step: &hadal_graph::program::Step| step.writes.contains(&program.outputs[0]);
    let loss = program.steps.iter().position(writes_loss).expect("a step computes the loss");
    let mut held = BTreeMap::new();
    for (id, (first, last)) in lives(program) {
        if first < loss && loss < last {
            let value = &program.values[id];
            *held.entry(value.dtype).or_default() += value.bytes().as_usize().expect("sizes are known");
        }
    }
    held
}

/// The program of a graph, which computes what the graph says.
fn checked(
    graph: &Graph,
    leaves: &BTreeMap<String, HostTensor>,
    tolerance: f64,
) -> Result<Program, GraphError> {
    let program = compile(graph, &Target::unlimited("test"))?;
    program.validate()?;
    let expected = interpret(graph, leaves)?;
    let actual = interpret_program(&program, &Bindings::new(), leaves).unwrap();
    for (a, e) in actual.outputs.iter().zip(&expected.outputs) {
        let (a, e) = (a.to_f64(), e.to_f64());
        let largest = e.iter().fold(0f64, |m, x| m.max(x.abs()));
        assert!(largest > 0.0);
        a.iter().zip(&e).for_each(|(a, e)| assert!((a - e).abs() <= tolerance * largest, "{a} is not {e}"));
    }
    Ok(program)
}

fn values(dtype: DType, shape: &[usize]) -> HostTensor {
    let numbers =
        (0..shape.iter().product::<usize>()).map(|i| Scalar::Float((i * 37 % 101) as f64 / 101.0 - 0.5));
    HostTensor::from_scalars(dtype, shape, numbers).unwrap()
}

/// Layers of a product and an activation, and the gradients of their weights.
fn layers(
    dtype: DType,
    activation: impl Fn(&mut Graph, NodeId, u32) -> Result<NodeId, GraphError>,
) -> Result<(Graph, BTreeMap<String, HostTensor>), GraphError> {
    let mut g = Graph::new("layers");
    let mut leaves = BTreeMap::new();
    let mut x = g.input("x", dtype, [ROWS, WIDTH])?;
    leaves.insert("x".to_string(), values(dtype, &[ROWS, WIDTH]));
    let mut weights = Vec::new();
    for layer in 0..3 {
        let name = format!("w{layer}");
        let w = g.input(&name, dtype, [WIDTH, WIDTH])?;
        leaves.insert(name, values(dtype, &[WIDTH, WIDTH]));
        weights.push(w);
        x = g.matmul(x, w)?;
        x = activation(&mut g, x, layer)?;
    }
    let wide = g.cast(x, DType::F32)?;
    let square = g.mul(wide, wide)?;
    let loss = g.reduce(ReduceOp::Sum, square, &[0, 1])?;
    let (mut g, gradients) = gradient(&g, loss, &weights)?;
    g.output("loss", loss);
    for (i, gradient) in gradients.into_iter().enumerate() {
        g.output(format!("d{i}"), gradient);
    }
    Ok((g, leaves))
}

#[test]
fn gelu_of_halves_keeps_halves() -> Result<(), GraphError> {
    let (g, leaves) = layers(DType::F16, |g, x, _| g.apply(Gelu { tanh: false }, &[x]))?;
    let held = held(&checked(&g, &leaves, 2e-2)?);
    assert!(!held.contains_key(&DType::F32), "{held:?}");
    // Operand and result of each layer but the last, whose own step is the loss.
    assert!(held[&DType::F16] <= 3 * 2 * ROWS * WIDTH * 2, "{held:?}");
    Ok(())
}

#[test]
fn dropout_draws_its_mask_again() -> Result<(), GraphError> {
    let (g, leaves) = layers(DType::F32, |g, x, layer| {
        let key = g.constant(HostTensor::new([2], &[7, layer]).unwrap())?;
        let dropped = g.apply(Dropout { p: Scalar::Float(0.25) }, &[x, key])?;
        g.unary(UnaryOp::Tanh, dropped)
    })?;
    let held = held(&checked(&g, &leaves, 1e-5)?);
    assert!(!held.contains_key(&DType::Bool), "{held:?}");
    assert!(held[&DType::F32] <= 3 * ROWS * WIDTH * 4, "what tanh returned: {held:?}");
    Ok(())
}

#[test]
fn the_gradient_of_a_weight_that_batches_share_is_one_product() -> Result<(), GraphError> {
    let mut g = Graph::new("shared");
    let (x, w) = (g.input("x", DType::F32, [4, ROWS, WIDTH])?, g.input("w", DType::F32, [WIDTH, 3])?);
    let y = g.matmul(x, w)?;
    let square = g.mul(y, y)?;
    let loss = g.reduce(ReduceOp::Sum, square, &[0, 1, 2])?;
    let (mut g, gradients) = gradient(&g, loss, &[w])?;
    g.output("loss", loss);
    g.output("d", gradients[0]);
    let leaves = BTreeMap::from([
        ("x".to_string(), values(DType::F32, &[4, ROWS, WIDTH])),
        ("w".to_string(), values(DType::F32, &[WIDTH, 3])),
    ]);
    let program = checked(&g, &leaves, 1e-5)?;
    let of_batches = |v: &hadal_graph::program::Value| v.elements().is(4 * WIDTH as i64 * 3);
    assert!(!program.values.iter().any(|(_, value)| of_batches(value)), "{program}");
    Ok(())
}

/// Branches off a chain that are written down before it and needed after it do not lie in memory meanwhile.
#[test]
fn what_is_needed_late_is_computed_late() -> Result<(), GraphError> {
    let mut g = Graph::new("late");
    let x = g.input("x", DType::F32, [WIDTH, WIDTH])?;
    let mut early = Vec::new();
    for layer in 0..6 {
        let factor = g.scalar(1.0 + f64::from(layer), DType::F32)?;
        let scaled = g.mul(x, factor)?;
        early.push(g.matmul(scaled, x)?);
    }
    let mut chain = g.matmul(x, x)?;
    for &branch in &early {
        let next = g.matmul(chain, branch)?;
        chain = g.unary(UnaryOp::Tanh, next)?;
    }
    g.output("y", chain);
    let leaves = BTreeMap::from([("x".to_string(), values(DType::F32, &[WIDTH, WIDTH]))]);
    let program = checked(&g, &leaves, 1e-4)?;
    let lives = lives(&program);
    let most =
        (0..program.steps.len()).map(|s| lives.values().filter(|l| l.0 <= s && s <= l.1).count()).max();
    assert!(most <= Some(4), "{most:?} values at a time\n{program}");
    Ok(())
}
