//! Rows of activations.

use crate::row::{Row, function};
use hadal::Tensor;

type Activation = fn(&Tensor) -> hadal::Result<Tensor>;

pub(crate) fn rows() -> Vec<Row> {
    let simple: [(&'static str, Activation); 22] = [
        ("relu", |x| x.relu()),
        ("relu6", |x| x.relu6()),
        ("leaky_relu", |x| x.leaky_relu(0.1)),
        ("elu", |x| x.elu(0.7)),
        ("celu", |x| x.celu(1.5)),
        ("selu", |x| x.selu()),
        ("sigmoid", |x| x.sigmoid()),
        ("log_sigmoid", |x| x.log_sigmoid()),
        ("softplus", |x| x.softplus()),
        ("softsign", |x| x.softsign()),
        ("silu", |x| x.silu()),
        ("mish", |x| x.mish()),
        ("gelu", |x| x.gelu()),
        ("gelu_tanh", |x| x.gelu_tanh()),
        ("hardtanh", |x| x.hardtanh(-2.0, 0.5)),
        ("hardsigmoid", |x| x.hardsigmoid()),
        ("hardswish", |x| x.hardswish()),
        ("hardshrink", |x| x.hardshrink(0.5)),
        ("softshrink", |x| x.softshrink(0.5)),
        ("tanhshrink", |x| x.tanhshrink()),
        ("threshold", |x| x.threshold(0.5, -2.0)),
        ("glu", |x| x.glu(0)),
    ];
    let mut rows: Vec<Row> =
        simple.into_iter().map(|(name, f)| function(name, move |inputs| f(&inputs.get("x")?))).collect();
    rows.push(function("prelu", |inputs| inputs.get("x")?.prelu(&inputs.get("slope")?)));
    rows
}
