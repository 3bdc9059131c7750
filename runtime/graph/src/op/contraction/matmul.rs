//! Batched matrix multiplication.
//!
//! | | |
//! |---|---|
//! | inputs | `a: [batch.., m, k]`, `b: [batch.., k, n]`, one dtype, equal batch axes |
//! | output | `[batch.., m, n]` of `dtype`, by default the operands' |
//! | accumulation | `f32` for `f16` and `bf16`; integers are widened to the result's dtype first and wrap |
//! | ONNX / PyTorch | `MatMul`, `Gemm`, `MatMulInteger` / `torch.matmul` |

use crate::error::{GraphError, OpError};
use crate::gradient::Backward;
use crate::graph::NodeId;
use crate::op::{Infer, Operator, Types, check_equal, one};
use crate::reference::{Array, Evaluate, Values};
use crate::{DType, Shape};
use serde::{Deserialize, Serialize};

/// Batched matrix multiplication. [`Graph`](crate::Graph)'s builder method broadcasts batch axes first.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct MatMul {
    /// The dtype of the result, if it is not the operands'.
    pub dtype: Option<DType>,
}

impl Operator for MatMul {
    fn infer(&self, cx: &Infer<'_>) -> Result<Types, OpError> {
        let [a, b] = cx.expect::<2>()?;
        for (what, x) in [("the first operand", a), ("the second operand", b)] {
            if x.rank() < 2 {
                return Err(OpError::Rank {
                    what: what.into(),
                    expected: "at least 2".into(),
                    given: x.rank(),
                });
            }
            if x.dtype == DType::Bool {
                return Err(OpError::DType {
                    what: what.into(),
                    expected: "a number".into(),
                    given: x.dtype,
                });
            }
        }
        if a.dtype != b.dtype {
            return Err(OpError::DType {
                what: "the second operand".into(),
                expected: a.dtype.to_string(),
                given: b.dtype,
            });
        }
        check_equal("ranks", &a.rank().into(), &b.rank().into())?;
        let batch = a.rank() - 2;
        for axis in 0..batch {
            check_equal(&format!("extents of batch axis {axis}"), &a.shape[axis], &b.shape[axis])?;
        }
        check_equal(
            "the inner extents (columns of the first, rows of the second)",
            &a.shape[batch + 1],
            &b.shape[batch],
        )?;
        let shape: Shape = a.shape[..=batch].iter().chain([&b.shape[batch + 1]]).cloned().collect();
        one(a.with_shape(shape).with_dtype(self.dtype.unwrap_or(a.dtype)))
    }

    fn evaluate(&self, cx: &Evaluate<'_>) -> Result<Vec<Array>, OpError> {
        let [a, b] = cx.expect::<2>()?;
        let shape = cx.shape()?;
        let rank = shape.len();
        let (m, n, k) = (shape[rank - 2], shape[rank - 1], a.shape[rank - 1]);
        let batch = shape[..rank - 2].iter().product();
        let sizes = [batch, m, n, k];
        let values = match (&a.values, &b.values, cx.dtype().is_float()) {
            (Values::Float(a), Values::Float(b), true) => {
                Values::Float(product(a, b, sizes, 0.0, |sum, a, b| sum + a * b))
            }
            (Values::Int(a), Values::Int(b), float) => {
                let exact =
                    product(a, b, sizes, 0, |sum: i128, a: i128, b| sum.wrapping_add(a.wrapping_mul(b)));
                if float {
                    Values::Float(exact.into_iter().map(|x| x as f64).collect())
                } else {
                    Values::Int(exact)
                }
            }
            _ => return Err(OpError::Value("a product of floats has no integer dtype".into())),
        };
        Ok(vec![Array { dtype: cx.dtype(), shape, values }])
    }

    fn gradient(&self, cx: &mut Backward<'_>) -> Result<Vec<Option<NodeId>>, GraphError> {
        let (a, b, d) = (cx.input(0), cx.input(1), cx.gradient()?);
        let (dtype, of_a, of_b) = (cx.graph.dtype(d), cx.needs[0], cx.needs[1]);
        let g = &mut *cx.graph;
        let operand_dtype = g.dtype(a);
        let (mut d_a, mut d_b) = (None, None);
        if of_a {
            let b = g.cast(b, dtype)?;
            let b = g.transpose_last(b)?;
            let product = g.apply(MatMul { dtype: None }, &[d, b])?;
            d_a = Some(g.cast(product, operand_dtype)?);
        }
        if of_b {
            let a = g.cast(a, dtype)?;
            let a = g.transpose_last(a)?;
            let product = g.apply(MatMul { dtype: None }, &[a, d])?;
            d_b = Some(g.cast(product, operand_dtype)?);
        }
        Ok(vec![d_a, d_b])
    }
}

/// `[batch, m, n]` from `[batch, m, k]` and `[batch, k, n]`, whose columns are laid out as rows first.
fn product<T: Copy>(
    a: &[T],
    b: &[T],
    [batch, m, n, k]: [usize; 4],
    zero: T,
    add: impl Fn(T, T, T) -> T,
) -> Vec<T> {
    let mut result = Vec::with_capacity(batch * m * n);
    let mut columns = vec![zero; k * n];
    for index in 0..batch {
        for (position, &x) in b[index * k * n..(index + 1) * k * n].iter().enumerate() {
            columns[position % n * k + position / n] = x;
        }
        for row in 0..m {
            let row = &a[(index * m + row) * k..][..k];
            for column in 0..n {
                let column = &columns[column * k..][..k];
                result.push(row.iter().zip(column).fold(zero, |sum, (&a, &b)| add(sum, a, b)));
            }
        }
    }
    result
}
