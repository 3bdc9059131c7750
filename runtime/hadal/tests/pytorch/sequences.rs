//! Rows of recurrent layers, attention and transformers.

use crate::row::{Inputs, Row, function, layer};
use hadal::nn::{
    Activation, AttentionMask, AttentionOptions, Gru, Lstm, MultiHeadAttention, RecurrentOptions, Rnn, Rope,
    Scope, TransformerDecoder, TransformerDecoderLayer, TransformerEncoder, TransformerEncoderLayer,
    TransformerOptions,
};
use hadal::{Result, Tensor};

pub(crate) fn rows() -> Vec<Row> {
    [recurrent(), attention(), transformers()].concat()
}

fn pair((output, state): (Tensor, Tensor)) -> Vec<Tensor> {
    vec![output, state]
}

fn triple((output, (hidden, memory)): (Tensor, (Tensor, Tensor))) -> Vec<Tensor> {
    vec![output, hidden, memory]
}

fn recurrent() -> Vec<Row> {
    let deep = || RecurrentOptions { layers: 2, bidirectional: true, ..RecurrentOptions::default() };
    vec![
        layer(
            "Rnn",
            |s| Rnn::new(s, 3, 2, RecurrentOptions::default()),
            |l, i| Ok(pair(l.forward(&i.get("x")?, None)?)),
        ),
        layer(
            "Rnn.relu",
            |s| {
                let options = RecurrentOptions { bias: false, ..RecurrentOptions::default() };
                Ok(Rnn::new(s, 3, 2, options)?.with_relu())
            },
            |l, i| Ok(pair(l.forward(&i.get("x")?, None)?)),
        ),
        layer(
            "Lstm",
            |s| Lstm::new(s, 3, 2, RecurrentOptions::default()),
            |l, i| Ok(triple(l.forward(&i.get("x")?, None)?)),
        ),
        layer(
            "Lstm.deep",
            move |s| Lstm::new(s, 3, 2, RecurrentOptions { batch_first: true, ..deep() }),
            |l, i| Ok(triple(l.forward(&i.get("x")?, Some((&i.get("h")?, &i.get("c")?)))?)),
        ),
        layer(
            "Gru",
            |s| Gru::new(s, 3, 2, RecurrentOptions::default()),
            |l, i| Ok(pair(l.forward(&i.get("x")?, None)?)),
        ),
        layer(
            "Gru.deep",
            move |s| Gru::new(s, 3, 2, deep()),
            |l, i| Ok(pair(l.forward(&i.get("x")?, Some(&i.get("h")?))?)),
        ),
    ]
}

fn attention() -> Vec<Row> {
    let two = || AttentionOptions { heads: 2, ..AttentionOptions::default() };
    vec![
        function("Rope", |i| Rope::default().forward(&i.get("x")?, None)),
        function("Rope.interleaved", |i| Rope { base: 100.0, interleaved: true }.forward(&i.get("x")?, None)),
        layer(
            "MultiHeadAttention",
            move |s| MultiHeadAttention::new(s, 4, &two()),
            |l, i| Ok(vec![l.itself(&i.get("x")?, &AttentionMask::default())?]),
        ),
        layer(
            "MultiHeadAttention.causal",
            move |s| MultiHeadAttention::new(s, 4, &AttentionOptions { bias: false, ..two() }),
            |l, i| {
                let padding = i.get("padding")?;
                let mask = AttentionMask { key_padding: Some(&padding), ..AttentionMask::CAUSAL };
                Ok(vec![l.itself(&i.get("x")?, &mask)?])
            },
        ),
        layer(
            "MultiHeadAttention.cross",
            move |s| MultiHeadAttention::new(s, 4, &AttentionOptions { memory_width: Some(5), ..two() }),
            |l, i| {
                let (padding, scores, memory) = (i.get("padding")?, i.get("mask")?, i.get("memory")?);
                let mask =
                    AttentionMask { causal: false, key_padding: Some(&padding), scores: Some(&scores) };
                Ok(vec![l.forward(&i.get("x")?, &memory, &memory, &mask)?])
            },
        ),
        layer(
            "MultiHeadAttention.grouped",
            |s| {
                let options = AttentionOptions {
                    heads: 4,
                    kv_heads: Some(2),
                    bias: false,
                    rope: Some(Rope::default()),
                    ..AttentionOptions::default()
                };
                MultiHeadAttention::new(s, 8, &options)
            },
            |l, i| Ok(vec![l.itself(&i.get("x")?, &AttentionMask::CAUSAL)?]),
        ),
    ]
}

fn small(norm_first: bool) -> TransformerOptions {
    let attention = AttentionOptions { heads: 2, ..AttentionOptions::default() };
    TransformerOptions { inner: 6, attention, dropout: 0.0, norm_first, ..TransformerOptions::new(4, 2) }
}

/// Calls `f` with `x` and a mask of padding.
fn padded(i: &Inputs, f: impl Fn(&Tensor, &AttentionMask<'_>) -> Result<Tensor>) -> Result<Vec<Tensor>> {
    let padding = i.get("padding")?;
    let mask = AttentionMask { key_padding: Some(&padding), ..AttentionMask::default() };
    Ok(vec![f(&i.get("x")?, &mask)?])
}

fn transformers() -> Vec<Row> {
    vec![
        layer(
            "TransformerEncoderLayer",
            |s| TransformerEncoderLayer::new(s, &small(false)),
            |l, i| padded(i, |x, mask| l.forward(x, mask)),
        ),
        layer(
            "TransformerEncoderLayer.norm_first",
            |s: &Scope| {
                let options = TransformerOptions { activation: Activation::Gelu, ..small(true) };
                TransformerEncoderLayer::new(s, &options)
            },
            |l, i| Ok(vec![l.forward(&i.get("x")?, &AttentionMask::CAUSAL)?]),
        ),
        layer(
            "TransformerEncoder",
            |s| TransformerEncoder::new(s, 2, &small(true), true),
            |l, i| padded(i, |x, mask| l.forward(x, mask)),
        ),
        layer(
            "TransformerDecoderLayer",
            |s| TransformerDecoderLayer::new(s, &small(false)),
            |l, i| {
                let memory = i.get("memory")?;
                padded(i, |x, mask| l.forward(x, &memory, &AttentionMask::CAUSAL, mask))
            },
        ),
        layer(
            "TransformerDecoder",
            |s| TransformerDecoder::new(s, 2, &small(true), true),
            |l, i| {
                let memory = i.get("memory")?;
                padded(i, |x, mask| l.forward(x, &memory, &AttentionMask::CAUSAL, mask))
            },
        ),
    ]
}
