//! Elementwise functions of one operand that the graph has as they are.

use super::{Operator, onnx};
use crate::onnx::call::Call;
use crate::onnx::importer::{Importer, Value};
use crate::onnx::refusal::Refusal;
use hadal_graph::program::{BinaryOp, CompareOp, UnaryOp};
use hadal_graph::{DType, Scalar};

macro_rules! unary {
    ($($function:ident $op:ident;)*) => {$(
        fn $function(cx: &mut Importer, call: &Call<'_>) -> Result<Vec<Value>, Refusal> {
            let x = cx.operand(call, 0)?;
            Ok(vec![Value::Node(cx.graph.unary(UnaryOp::$op, x)?)])
        }
    )*};
}

unary! {
    abs Abs; sign Sign; floor Floor; ceil Ceil; round Round; exp Exp; log Log; sqrt Sqrt; reciprocal Reciprocal; sin Sin; cos Cos; tan Tan;
    asin Asin; acos Acos; atan Atan; sinh Sinh; cosh Cosh; tanh Tanh; asinh Asinh; acosh Acosh; atanh Atanh; erf Erf; not Not; is_nan IsNan;
}

pub(super) const OPERATORS: &[Operator] = &[
    onnx("Abs", &[6, 13], abs),
    onnx("Acos", &[7, 22], acos),
    onnx("Acosh", &[9, 22], acosh),
    onnx("Asin", &[7, 22], asin),
    onnx("Asinh", &[9, 22], asinh),
    onnx("Atan", &[7, 22], atan),
    onnx("Atanh", &[9, 22], atanh),
    onnx("BitwiseNot", &[18], not),
    onnx("Ceil", &[6, 13], ceil),
    onnx("Cos", &[7, 22], cos),
    onnx("Cosh", &[9, 22], cosh),
    onnx("Erf", &[9, 13], erf),
    onnx("Exp", &[6, 13], exp),
    onnx("Floor", &[6, 13], floor),
    onnx("IsInf", &[10, 20], is_inf),
    onnx("IsNaN", &[9, 13, 20], is_nan),
    onnx("Log", &[6, 13], log),
    onnx("Neg", &[6, 13], neg),
    onnx("Not", &[1], not),
    onnx("Reciprocal", &[6, 13], reciprocal),
    onnx("Round", &[11, 22], round),
    onnx("Sign", &[9, 13], sign),
    onnx("Sin", &[7, 22], sin),
    onnx("Sinh", &[9, 22], sinh),
    onnx("Sqrt", &[6, 13], sqrt),
    onnx("Tan", &[7, 22], tan),
    onnx("Tanh", &[6, 13], tanh),
];

fn neg(cx: &mut Importer, call: &Call<'_>) -> Result<Vec<Value>, Refusal> {
    if let Some(known) = cx.known(call, 0).and_then(|k| k.map(|d| Some(d * -1))) {
        return Ok(vec![Value::Known(known)]);
    }
    let x = cx.operand(call, 0)?;
    Ok(vec![Value::Node(cx.graph.unary(UnaryOp::Neg, x)?)])
}

fn is_inf(cx: &mut Importer, call: &Call<'_>) -> Result<Vec<Value>, Refusal> {
    let (negative, positive) = (call.flag("detect_negative", true)?, call.flag("detect_positive", true)?);
    let x = cx.operand(call, 0)?;
    let infinite = cx.graph.unary(UnaryOp::IsInf, x)?;
    let node = match (negative, positive) {
        (true, true) => infinite,
        (false, false) => {
            let never = cx.graph.constant_scalar(Scalar::Bool(false), DType::Bool)?;
            cx.graph.binary(BinaryOp::And, infinite, never)?
        }
        (negative, _) => {
            let zero = cx.graph.scalar(0.0, cx.graph.dtype(x))?;
            let side = cx.graph.compare(if negative { CompareOp::Lt } else { CompareOp::Gt }, x, zero)?;
            cx.graph.binary(BinaryOp::And, infinite, side)?
        }
    };
    Ok(vec![Value::Node(node)])
}
