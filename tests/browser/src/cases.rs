//! The graphs: small, and together they reach matrix products, reductions, attention, packed weights and 64-bit integers.

use hadal_graph::op::{Attention, Gelu, LayerNorm, Softmax};
use hadal_graph::program::UnaryOp;
use hadal_graph::{DType, Dim, Graph, GraphError, HostTensor, OpError, Scalar};
use hadal_suite::Case;

/// All of them.
///
/// Errors: a case whose graph is wrong.
pub fn all() -> Result<Vec<Case>, GraphError> {
    Ok(vec![block()?, softmax()?, attention()?, quantised()?, gather()?])
}

/// A layer as transformers have it: the gelu joins the matrix product, the residual and the normalisation become reductions.
fn block() -> Result<Case, GraphError> {
    let case = Case::new("linear, gelu, layer norm", &[("rows", 37)], |g| {
        let x = g.input("x", DType::F32, [Dim::symbol("rows"), 64.into()])?;
        let w = g.parameter("w", DType::F32, [64, 64])?;
        let b = g.parameter("b", DType::F32, [64])?;
        let y = g.matmul(x, w)?;
        let y = g.add(y, b)?;
        let y = g.apply(Gelu { tanh: false }, &[y])?;
        let y = g.add(y, x)?;
        let (scale, shift) =
            (g.parameter("scale", DType::F32, [64])?, g.parameter("shift", DType::F32, [64])?);
        let y = g.apply(LayerNorm { epsilon: Scalar::Float(1e-5) }, &[y, scale, shift])?;
        g.output("y", y);
        Ok(())
    })?;
    Ok(case.adding(64))
}

fn softmax() -> Result<Case, GraphError> {
    let case = Case::new("softmax", &[], |g| {
        let x = g.input("x", DType::F32, [5, 300])?;
        let ten = g.scalar(10.0, DType::F32)?;
        let x = g.mul(x, ten)?;
        let y = g.apply(Softmax { axis: 1 }, &[x])?;
        g.output("y", y);
        Ok(())
    })?;
    Ok(case.adding(300))
}

fn attention() -> Result<Case, GraphError> {
    let case = Case::new("causal attention", &[], |g| {
        let mut heads = |name: &str| g.input(name, DType::F32, [2, 3, 33, 16]);
        let (q, k, v) = (heads("q")?, heads("k")?, heads("v")?);
        let a = g.apply(Attention { scale: Scalar::Float(0.25), causal: true }, &[q, k, v])?;
        let result = g.project(a, 0)?;
        g.output("result", result);
        Ok(())
    })?;
    Ok(case.adding(33))
}

/// Weights of 8 bits, which stay so in memory, with a scale for each column.
fn quantised() -> Result<Case, GraphError> {
    let case = Case::new("matmul with int8 weights", &[], |g| {
        let x = g.input("x", DType::F32, [9, 48])?;
        let w = g.parameter("w", DType::I8, [48, 40])?;
        let scale = g.parameter("scale", DType::F32, [40])?;
        let w = g.cast(w, DType::F32)?;
        let w = g.mul(w, scale)?;
        let y = g.matmul(x, w)?;
        let y = g.unary(UnaryOp::Tanh, y)?;
        g.output("y", y);
        Ok(())
    })?;
    Ok(case.adding(48))
}

/// Rows of a table of 64-bit integers, by 64-bit indices. The sums carry from the low half into the high one.
fn gather() -> Result<Case, GraphError> {
    let case = Case::new("gather of i64", &[], |g: &mut Graph| {
        let table = g.input("table", DType::I64, [4, 3])?;
        let indices = g.input("indices", DType::I64, [6])?;
        let rows = g.gather(table, 0, indices)?;
        let sum = g.add(rows, rows)?;
        g.output("rows", rows);
        g.output("sum", sum);
        Ok(())
    })?;
    let far = (0..12).map(|i| Scalar::Int((i - 6) * 0x1_8000_0001)).collect();
    let indices = [3, 0, 0, 2, 1, 3].map(Scalar::Int).to_vec();
    let tensor = |shape: &[usize], values| {
        HostTensor::from_scalars(DType::I64, shape, values)
            .map_err(|error| GraphError::general("gather", OpError::Tensor(error)))
    };
    Ok(case.with("table", tensor(&[4, 3], far)?).with("indices", tensor(&[6], indices)?))
}
