//! Which op runs in which precision under autocast.

use hadal_graph::op::{Binary, Cumulative, Op, Reduce, Unary};
use hadal_graph::program::{BinaryOp, ReduceOp, UnaryOp};

/// What autocast does with the float operands of an op.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Precision {
    /// Cast to the half precision asked for: products of many terms, which are accumulated in `F32` anyway.
    Half,
    /// Cast to `F32`: what overflows, cancels, or adds up many terms into a stored value.
    Single,
    /// Left as they are. Where they differ, the widest wins; parameters and scalars follow the others.
    Follow,
}

/// The op list. Every op of the graph has a line here: a new one does not compile without.
///
/// Two things are `Single` without being one op: the square of a tensor, recorded as its product with itself (256² is beyond `F16`), and all
/// that the functions of [`nn::loss`](crate::nn::loss) do.
pub fn precision(op: &Op) -> Precision {
    use Precision::{Follow, Half, Single};
    match op {
        Op::MatMul(_) | Op::Conv(_) | Op::Attention(_) | Op::AttentionBackward(_) => Half,

        Op::Softmax(_) | Op::LogSoftmax(_) | Op::LogSumExp(_) | Op::Softplus(_) | Op::CrossEntropy(_) => {
            Single
        }
        Op::LayerNorm(_) | Op::RmsNorm(_) | Op::BatchNorm(_) | Op::GroupNorm(_) => Single,
        Op::Reduce(Reduce { op, .. }) | Op::Cumulative(Cumulative { op, .. }) => match op {
            ReduceOp::Sum | ReduceOp::Product => Single,
            ReduceOp::Max | ReduceOp::Min | ReduceOp::ArgMax | ReduceOp::ArgMin => Follow,
        },
        Op::Binary(Binary { op: BinaryOp::Pow }) => Single,
        Op::Unary(Unary { op }) => match op {
            UnaryOp::Exp
            | UnaryOp::Expm1
            | UnaryOp::Log
            | UnaryOp::Log1p
            | UnaryOp::Rsqrt
            | UnaryOp::Reciprocal
            | UnaryOp::Tan
            | UnaryOp::Asin
            | UnaryOp::Acos
            | UnaryOp::Sinh
            | UnaryOp::Cosh
            | UnaryOp::Asinh
            | UnaryOp::Acosh
            | UnaryOp::Atanh => Single,
            _ => Follow,
        },

        Op::Input(_) | Op::Parameter(_) | Op::Variable(_) | Op::Constant(_) => Follow,
        Op::Iota(_) | Op::Size(_) | Op::RandomBits(_) | Op::Uniform(_) | Op::Normal(_) => Follow,
        Op::Binary(_) | Op::Compare(_) | Op::Select(_) | Op::Cast(_) => Follow,
        Op::Reshape(_) | Op::Transpose(_) | Op::Broadcast(_) | Op::Slice(_) | Op::Pad(_) => Follow,
        Op::Concat(_) | Op::Gather(_) | Op::Scatter(_) | Op::TakeAlong(_) | Op::OneHot(_) => Follow,
        Op::DynamicSlice(_) | Op::DynamicUpdate(_) | Op::Sort(_) | Op::TopK(_) | Op::Window(_) => Follow,
        Op::Project(_) | Op::While(_) | Op::If(_) | Op::Checkpoint(_) | Op::CustomGradient(_) => Follow,
        Op::Barrier(_) | Op::Detach(_) => Follow,
        Op::Custom(_) => Single,
        Op::Relu(_) | Op::Gelu(_) | Op::Sigmoid(_) | Op::Silu(_) | Op::Dropout(_) | Op::Rope(_) => Follow,
        Op::QuantizeLinear(_) | Op::DequantizeLinear(_) => Follow,
    }
}
