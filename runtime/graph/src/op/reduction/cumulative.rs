//! Running sums, products and extremes along an axis.
//!
//! | | |
//! |---|---|
//! | inputs | `x` |
//! | output | like `x`: `x[0] ∘ … ∘ x[i]` |
//! | ONNX / PyTorch | `CumSum`, `CumProd` / `torch.cumsum`, `torch.cummax` |

use super::{combine_floats, combine_ints, identity};
use crate::error::OpError;
use crate::op::{Infer, Operator, Types, check_axis, one};
use crate::program::ReduceOp;
use crate::reference::{Array, Evaluate, Rows, Values};
use serde::{Deserialize, Serialize};

/// Running sums, products and extremes along an axis.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Cumulative {
    /// `Sum`, `Product`, `Max` or `Min`.
    pub op: ReduceOp,
    /// The axis.
    pub axis: usize,
    /// Leave element `i` itself out.
    pub exclusive: bool,
    /// From the end.
    pub reverse: bool,
}

impl Operator for Cumulative {
    fn infer(&self, cx: &Infer<'_>) -> Result<Types, OpError> {
        let [x] = cx.expect::<1>()?;
        check_axis(self.axis, x.rank())?;
        if matches!(self.op, ReduceOp::ArgMax | ReduceOp::ArgMin) {
            return Err(OpError::Attribute("there are no running positions".into()));
        }
        one((*x).clone())
    }

    fn evaluate(&self, cx: &Evaluate<'_>) -> Result<Vec<Array>, OpError> {
        let [x] = cx.expect::<1>()?;
        let rows = Rows::new(&x.shape, &[self.axis]);
        let start = identity(self.op, x.dtype);
        let mut result = x.clone();
        match &mut result.values {
            Values::Float(v) => self.run(&rows, v, start.to_f64(), |a, b| combine_floats(self.op, a, b)),
            Values::Int(v) => {
                self.run(&rows, v, start.to_i128(), |a, b| combine_ints(self.op, a, b, x.dtype))
            }
        }
        Ok(vec![result])
    }
}

impl Cumulative {
    fn run<T: Copy>(&self, rows: &Rows, values: &mut [T], start: T, combine: impl Fn(T, T) -> T) {
        let length = rows.inner.len();
        for &row in &rows.outer {
            let mut running = start;
            for i in 0..length {
                let element = row + rows.inner[if self.reverse { length - 1 - i } else { i }];
                let before = running;
                running = combine(running, values[element]);
                values[element] = if self.exclusive { before } else { running };
            }
        }
    }
}
