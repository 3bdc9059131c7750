//! Rows of layers.

use crate::row::{Inputs, Row, evaluated, layer};
use hadal::nn::{
    AdaptiveAvgPool1d, AdaptiveAvgPool2d, AvgPool1d, AvgPool2d, BatchNorm1d, BatchNorm2d, BatchNorm3d,
    BatchNormOptions, Conv1d, Conv2d, Conv3d, ConvTranspose1d, ConvTranspose2d, ConvTranspose3d, Dropout,
    Embedding, Flatten, GroupNorm, InstanceNorm, Layer, LayerNorm, Linear, MaxPool1d, MaxPool2d, Prelu,
    RmsNorm, Scope, Sequential,
};
use hadal::tensor::{ConvOptions, ConvTransposeOptions, PoolOptions};
use hadal::{Result, Tensor};

/// A layer from `x` to one result.
fn of<L: Layer + 'static>(name: &'static str, build: impl Fn(&Scope) -> Result<L> + 'static) -> Row {
    layer(name, build, forward)
}

fn forward<L: Layer>(layer: &L, inputs: &Inputs) -> Result<Vec<Tensor>> {
    Ok(vec![layer.forward(&inputs.get("x")?)?])
}

pub(crate) fn rows() -> Vec<Row> {
    [dense(), convolutions(), norms(), pools()].concat()
}

fn dense() -> Vec<Row> {
    vec![
        of("Linear", |s| Linear::new(s, 4, 3)),
        of("Linear.without_bias", |s| Linear::without_bias(s, 4, 3)),
        of("Embedding", |s| Embedding::new(s, 5, 3)),
        of("Prelu", |s| Prelu::new(s, 3)),
        of("Flatten", |_| Ok(Flatten)),
        evaluated("Dropout", |s| Dropout::new(s, 0.5), forward),
        of("Sequential", |s| {
            let first = Linear::new(&s.at(0), 4, 5)?;
            Ok(Sequential::new().then(first).apply(Tensor::tanh).then(Linear::new(&s.at(2), 5, 2)?))
        }),
    ]
}

fn convolutions() -> Vec<Row> {
    vec![
        of("Conv1d", |s| {
            let (stride, padding, dilation) = (vec![2], vec![2], vec![2]);
            Conv1d::new(s, 4, 6, [3], ConvOptions { stride, padding, dilation, groups: 2 })
        }),
        of("Conv2d", |s| {
            let (stride, padding) = (vec![1, 2], vec![1, 0]);
            Conv2d::new(s, 2, 3, [3, 2], ConvOptions { stride, padding, ..ConvOptions::default() })
        }),
        of("Conv2d.depthwise", |s| {
            let (stride, padding, dilation) = (vec![2], vec![1], vec![1]);
            Conv2d::without_bias(s, 4, 4, [3, 3], ConvOptions { stride, padding, dilation, groups: 4 })
        }),
        of("Conv3d", |s| {
            let (stride, padding) = (vec![2, 1, 1], vec![1]);
            Conv3d::new(s, 2, 2, [2, 2, 2], ConvOptions { stride, padding, ..ConvOptions::default() })
        }),
        of("ConvTranspose1d", |s| {
            let options = ConvTransposeOptions {
                stride: vec![2],
                padding: vec![1],
                output_padding: vec![1],
                dilation: vec![1],
                groups: 2,
            };
            ConvTranspose1d::new(s, 4, 6, [3], options)
        }),
        of("ConvTranspose2d", |s| {
            let (stride, padding, dilation) = (vec![2, 3], vec![1, 0], vec![2, 1]);
            let options =
                ConvTransposeOptions { stride, padding, dilation, ..ConvTransposeOptions::default() };
            ConvTranspose2d::new(s, 3, 2, [3, 2], options)
        }),
        of("ConvTranspose3d", |s| {
            let (stride, padding) = (vec![1, 2, 1], vec![0, 1, 0]);
            let options = ConvTransposeOptions { stride, padding, ..ConvTransposeOptions::default() };
            ConvTranspose3d::without_bias(s, 2, 2, [2, 2, 2], options)
        }),
    ]
}

fn norms() -> Vec<Row> {
    let default = BatchNormOptions::default();
    vec![
        of("BatchNorm1d", move |s| BatchNorm1d::new(s, 3, default)),
        of("BatchNorm1d.cumulative", |s| {
            BatchNorm1d::new(s, 3, BatchNormOptions { epsilon: 1e-3, momentum: None })
        }),
        of("BatchNorm2d", move |s| BatchNorm2d::new(s, 3, default)),
        evaluated("BatchNorm2d.eval", move |s| BatchNorm2d::new(s, 3, default), forward),
        of("BatchNorm3d", |s| {
            BatchNorm3d::new(s, 2, BatchNormOptions { epsilon: 1e-5, momentum: Some(0.3) })
        }),
        of("GroupNorm", |s| GroupNorm::new(s, 2, 4, 1e-5)),
        of("InstanceNorm", |_| Ok(InstanceNorm::new(3, 1e-5))),
        of("InstanceNorm.affine", |s| InstanceNorm::affine(s, 3, 1e-5)),
        of("LayerNorm", |s| LayerNorm::new(s, 5, 1e-5)),
        of("RmsNorm", |s| RmsNorm::new(s, 5, 1e-6)),
    ]
}

fn pools() -> Vec<Row> {
    vec![
        of("MaxPool1d", |_| {
            let (stride, padding, dilation) = (vec![2], vec![1], vec![2]);
            let options =
                PoolOptions { stride, padding, dilation, ceil_mode: true, ..PoolOptions::default() };
            Ok(MaxPool1d::new([3], options))
        }),
        of("MaxPool2d", |_| Ok(MaxPool2d::new([2, 2], PoolOptions::default()))),
        of("MaxPool2d.overlapping", |_| {
            let (stride, padding) = (vec![2], vec![1]);
            Ok(MaxPool2d::new([3, 3], PoolOptions { stride, padding, ..PoolOptions::default() }))
        }),
        of("AvgPool1d", |_| {
            let (stride, padding) = (vec![2], vec![1]);
            let options = PoolOptions { stride, padding, ceil_mode: true, ..PoolOptions::default() };
            Ok(AvgPool1d::new([3], options))
        }),
        of("AvgPool2d", |_| Ok(AvgPool2d::new([2, 3], PoolOptions::default()))),
        of("AvgPool2d.without_padding", |_| {
            let (stride, padding, dilation) = (vec![2], vec![1], vec![1]);
            let (ceil_mode, count_include_pad) = (true, false);
            Ok(AvgPool2d::new(
                [3, 3],
                PoolOptions { stride, padding, dilation, ceil_mode, count_include_pad },
            ))
        }),
        of("AdaptiveAvgPool1d", |_| Ok(AdaptiveAvgPool1d::new([3]))),
        of("AdaptiveAvgPool2d", |_| Ok(AdaptiveAvgPool2d::new([1, 4]))),
    ]
}
