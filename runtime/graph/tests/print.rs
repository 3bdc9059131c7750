//! What people see of a graph.

use hadal_graph::op::{Gather, LayerNorm, Op, While};
use hadal_graph::program::{CompareOp, ReduceOp};
use hadal_graph::{DType, Dim, Graph, GraphError, Scalar, Shape, Target, compile};
use std::sync::Arc;

fn layer() -> Result<Graph, GraphError> {
    let mut g = Graph::new("layer");
    let ids = g.input("ids", DType::I64, ["batch", "seq"])?;
    let table = g.parameter("embedding.weight", DType::F32, [100, 8])?;
    let x = g.apply(Gather { axis: 0 }, &[table, ids])?;
    g.set_name(x, "embedding");
    let w = g.parameter("w", DType::F32, [8])?;
    let y = g.apply(LayerNorm { epsilon: Scalar::Float(1e-5) }, &[x, w, w])?;
    let y = g.transpose(y, &[0, 2, 1])?;
    let z = g.reduce(ReduceOp::Max, y, &[2])?;
    let half = g.scalar(0.5, DType::F32)?;
    let z = g.mul(z, half)?;
    let v = g.variable("count", DType::I32, Shape::scalar())?;
    let one = g.scalar(1.0, DType::I32)?;
    let next = g.add(v, one)?;
    g.assign(v, next)?;
    g.output("pooled", z);
    Ok(g)
}

fn counting() -> Result<Graph, GraphError> {
    let mut condition = Graph::new("condition");
    let n = condition.input("n", DType::I32, Shape::scalar())?;
    let limit = condition.scalar(3.0, DType::I32)?;
    let goes_on = condition.compare(CompareOp::Lt, n, limit)?;
    condition.output("goes_on", goes_on);
    let mut body = Graph::new("body");
    let n = body.input("n", DType::I32, Shape::scalar())?;
    let one = body.scalar(1.0, DType::I32)?;
    let next = body.add(n, one)?;
    body.output("n", next);
    let mut g = Graph::new("counting \"up\"");
    let n = g.input("n", DType::I32, Shape::scalar())?;
    let looped = g.apply_regions(Op::While(While), &[n], vec![Arc::new(condition), Arc::new(body)])?;
    g.output("n", looped);
    Ok(g)
}

#[test]
fn a_graph_as_text() -> Result<(), GraphError> {
    insta::assert_snapshot!("graph", layer()?);
    Ok(())
}

#[test]
fn regions_as_text() -> Result<(), GraphError> {
    insta::assert_snapshot!("regions", counting()?);
    Ok(())
}

#[test]
fn regions_as_a_picture() -> Result<(), GraphError> {
    insta::assert_snapshot!("dot", counting()?.to_dot());
    Ok(())
}

/// `y = max(x w, 0)`.
fn linear() -> Result<Graph, GraphError> {
    let mut g = Graph::new("linear");
    let x = g.input("x", DType::F32, [Dim::symbol("batch"), 3.into()])?;
    let w = g.parameter("w", DType::F32, [3, 2])?;
    let product = g.matmul(x, w)?;
    let zero = g.scalar(0.0, DType::F32)?;
    let y = g.maximum(product, zero)?;
    g.output("y", y);
    Ok(g)
}

#[test]
fn a_program_as_a_table() -> Result<(), GraphError> {
    let programs = [linear()?, counting()?].map(|g| compile(&g, &Target::unlimited("test")));
    let [linear, counting] = programs;
    insta::assert_snapshot!("table", format!("{}\n{}", linear?, counting?));
    Ok(())
}

#[test]
fn a_program_with_its_instructions() -> Result<(), GraphError> {
    insta::assert_snapshot!("listing", compile(&linear()?, &Target::unlimited("test"))?.listing());
    Ok(())
}
