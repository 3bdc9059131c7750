//! Cross-entropy of logits and class numbers, one loss for each row.
//!
//! | | |
//! |---|---|
//! | inputs | `logits: [n, c]`, any float dtype; `targets: [n]`, an integer dtype, each in `0..c` |
//! | output | `[n]` of the logits' dtype: `-log_softmax(logits)[i, targets[i]]` |
//! | ONNX / PyTorch | `SoftmaxCrossEntropyLoss` / `torch.nn.functional.cross_entropy(reduction="none")` |

use crate::Shape;
use crate::error::{GraphError, OpError};
use crate::gradient::Backward;
use crate::graph::{Graph, NodeId};
use crate::op::LogSoftmax;
use crate::op::Softmax;
use crate::op::movement::check_index;
use crate::op::movement::in_range;
use crate::op::reduction::reduce_floats;
use crate::op::{Infer, Operator, Types, check_equal, one};
use crate::program::{CompareOp, ReduceOp, UnaryOp};
use crate::reference::{Array, Evaluate};
use serde::{Deserialize, Serialize};

/// Cross-entropy of logits and class numbers, one loss for each row.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct CrossEntropy;

impl Operator for CrossEntropy {
    fn infer(&self, cx: &Infer<'_>) -> Result<Types, OpError> {
        let [x, targets] = cx.expect::<2>()?;
        if !x.dtype.is_float() {
            return Err(OpError::DType {
                what: "the operand".into(),
                expected: "a float".into(),
                given: x.dtype,
            });
        }
        check_index("targets", targets)?;
        if x.rank() != 2 || targets.rank() != 1 {
            return Err(OpError::Rank {
                what: "logits and targets".into(),
                expected: "2 and 1".into(),
                given: x.rank(),
            });
        }
        check_equal("rows of logits and targets", &x.shape[0], &targets.shape[0])?;
        one(x.with_shape(Shape(vec![x.shape[0].clone()])))
    }

    fn decompose(&self, graph: &mut Graph, inputs: &[NodeId]) -> Result<Option<Vec<NodeId>>, GraphError> {
        let [logits, targets] = [inputs[0], inputs[1]];
        let log = graph.apply(LogSoftmax { axis: 1 }, &[logits])?;
        let shape = graph.shape(logits).clone();
        let classes = graph.iota(shape, 1, graph.dtype(targets))?;
        let targets = graph.unsqueeze(targets, 1)?;
        let chosen = graph.compare(CompareOp::Eq, classes, targets)?;
        let zero = graph.scalar(0.0, graph.dtype(log))?;
        let picked = graph.select(chosen, log, zero)?;
        let sum = graph.reduce(ReduceOp::Sum, picked, &[1])?;
        Ok(Some(vec![graph.unary(UnaryOp::Neg, sum)?]))
    }

    fn evaluate(&self, cx: &Evaluate<'_>) -> Result<Vec<Array>, OpError> {
        let [logits, targets] = cx.expect::<2>()?;
        let [rows, classes] = [logits.shape[0], logits.shape[1]];
        let targets = in_range("target", targets.as_ints()?, classes)?;
        let mut losses = Vec::with_capacity(rows);
        for (row, target) in logits.as_floats()?.chunks(classes.max(1)).zip(targets) {
            let max = reduce_floats(ReduceOp::Max, row.iter().copied());
            let sum: f64 = row.iter().map(|x| libm::exp(x - max)).sum();
            losses.push(libm::log(sum) + max - row[target]);
        }
        Ok(vec![Array::floats(logits.dtype, [rows], losses)])
    }

    fn gradient(&self, cx: &mut Backward<'_>) -> Result<Vec<Option<NodeId>>, GraphError> {
        let (logits, targets, d, ty) = (cx.input(0), cx.input(1), cx.gradient()?, cx.input_type(0));
        let inner = ty.dtype.accumulator();
        let g = &mut *cx.graph;
        let (logits, d) = (g.cast(logits, inner)?, g.cast(d, inner)?);
        let softmax = g.apply(Softmax { axis: 1 }, &[logits])?;
        let classes = g.iota(ty.shape.clone(), 1, g.dtype(targets))?;
        let targets = g.unsqueeze(targets, 1)?;
        let chosen = g.compare(CompareOp::Eq, classes, targets)?;
        let one_hot = g.cast(chosen, inner)?;
        let excess = g.sub(softmax, one_hot)?;
        let d = g.unsqueeze(d, 1)?;
        let gradient = g.mul(excess, d)?;
        Ok(vec![Some(g.cast(gradient, ty.dtype)?), None])
    }
}
