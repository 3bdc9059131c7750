//! Models whose weights arrive piece by piece, against the same models from memory.

use hadal::backend::{Arriving, DeviceError, DeviceFuture, WeightStream};
use hadal::formats::safetensors::Outline;
use hadal::formats::{hadal_file, safetensors};
use hadal::graph::Graph;
use hadal::graph::op::Op;
use hadal::nn::Weights;
use hadal::{DType, Device, HostTensor, Model, PreparedModel, Result, Tensor, stream};
use std::collections::BTreeMap;

fn devices() -> Vec<Device> {
    let names = ["cpu", "wgpu"].into_iter();
    let open = |name: &str| match Device::open(name) {
        Err(error) if cfg!(feature = "wgpu") && std::env::var_os("CI").is_some() => panic!("{error}"),
        opened => opened.ok(),
    };
    names.filter_map(open).collect()
}

/// A file that arrives; asked for more than it has, it says that the connection broke.
struct Download {
    tensors: Vec<Arriving>,
    data: Vec<u8>,
    at: usize,
}

impl Download {
    fn new(outline: &Outline, file: &[u8]) -> Download {
        let start = Outline::length(file, file.len() as u64).unwrap() as usize;
        Download { tensors: stream::arriving(outline), data: file[start..].to_vec(), at: 0 }
    }
}

impl WeightStream for Download {
    fn tensors(&self) -> &[Arriving] {
        &self.tensors
    }

    fn next(&mut self, bytes: usize) -> DeviceFuture<'_, Vec<u8>> {
        let piece = self.data.get(self.at..self.at + bytes).map(<[u8]>::to_vec);
        self.at += bytes;
        Box::pin(async move { piece.ok_or_else(|| DeviceError::Weights("the connection broke".into())) })
    }
}

/// Weights of several pieces, of 8 bits, one that is only an output, and one that is read and an output.
fn model() -> Result<(Graph, BTreeMap<String, HostTensor>)> {
    let (rows, columns) = (1500, 1001);
    let mut g = Graph::new("streamed");
    let x = g.input("x", DType::F32, [1, rows])?;
    let large = g.parameter("large", DType::F32, [rows, columns])?;
    let small = g.parameter("small", DType::I8, [columns])?;
    let flags = g.parameter("flags", DType::Bool, [3])?;
    let y = g.matmul(x, large)?;
    let wide = g.cast(small, DType::F32)?;
    let y = g.add(y, wide)?;
    g.output("y", y);
    g.output("flags", flags);
    g.output("small", small);
    let values: Vec<f32> = (0..rows * columns).map(|i| ((i * 7919) % 1009) as f32 / 1009.0 - 0.5).collect();
    let bytes: Vec<i8> = (0..columns).map(|i| (i * 37) as i8).collect();
    let weights = BTreeMap::from([
        ("large".to_string(), HostTensor::new([rows, columns], &values)?),
        ("small".to_string(), HostTensor::new([columns], &bytes)?),
        ("flags".to_string(), HostTensor::from_bools([3], &[true, false, true])?),
    ]);
    Ok((g, weights))
}

#[test]
fn weights_that_arrive_give_the_same_numbers() -> Result<()> {
    let (graph, weights) = model()?;
    let file = hadal_file::to_bytes(&graph, &weights)?;
    // The beginning alone says what the model is.
    let start = Outline::length(&file[..8], file.len() as u64)? as usize;
    let outline = Outline::new(&file[..start], file.len() as u64, "a download")?;
    for device in devices() {
        let whole = Model::new(graph.clone(), weights.clone())?.to(&device)?;
        let mut download = Download::new(&outline, &file);
        let arrived = hadal_file::graph(&outline)?;
        assert!(stream::can_stream(&arrived));
        let streamed = pollster::block_on(PreparedModel::streamed_async(arrived, &device, &mut download))?;
        assert_eq!(download.at, download.data.len());
        let x: Vec<f32> = (0..1500).map(|i| (i % 13) as f32 - 6.0).collect();
        let x = Tensor::new(&device, &x, [1, 1500])?;
        let (a, b) = (whole.run(&[("x", &x)])?, streamed.run(&[("x", &x)])?);
        for ((name, a), (_, b)) in a.iter().zip(b.iter()) {
            assert_eq!(a.to_host()?, b.to_host()?, "{name} on {device}");
        }
    }
    Ok(())
}

#[test]
fn a_stream_that_ends_early_is_an_error() -> Result<()> {
    let (graph, weights) = model()?;
    let file = hadal_file::to_bytes(&graph, &weights)?;
    let outline = Outline::new(&file, file.len() as u64, "a download")?;
    for device in devices() {
        let mut download = Download::new(&outline, &file);
        download.data.truncate(5_000_000);
        let prepared = PreparedModel::streamed_async(graph.clone(), &device, &mut download);
        let error = pollster::block_on(prepared).unwrap_err();
        assert!(error.to_string().contains("the connection broke"), "{error}");
    }
    // A file that is shorter than its header promises is refused before anything arrives.
    let error = Outline::new(&file[..2000], 5_000_000, "a download").unwrap_err().to_string();
    assert!(error.contains("5000000") || error.contains("ends"), "{error}");
    Ok(())
}

#[test]
fn what_cannot_be_streamed_is_refused_by_name() -> Result<()> {
    let device = Device::open("cpu")?;
    let (graph, mut weights) = model()?;
    weights.remove("small");
    let file = safetensors::to_bytes(&weights, &BTreeMap::new())?;
    let outline = Outline::new(&file, file.len() as u64, "weights")?;
    let refused = |graph: Graph| {
        let mut download = Download::new(&outline, &file);
        let prepared = PreparedModel::streamed_async(graph, &device, &mut download);
        pollster::block_on(prepared).unwrap_err().to_string()
    };
    assert!(refused(graph).contains("`small`"));
    let mut state = Graph::new("state");
    let variable = state.variable("v", DType::F32, [1])?;
    state.output("v", variable);
    assert!(refused(state).contains("variables"));
    Ok(())
}

#[test]
fn an_outline_stands_for_weights_in_tracing() -> Result<()> {
    let (graph, weights) = model()?;
    let file = hadal_file::to_bytes(&graph, &weights)?;
    let outlined = Weights::from_outline(&Outline::new(&file, file.len() as u64, "weights")?)?;
    let types = |node: &Op| node.leaf_name().and_then(|name| outlined.value(name).cloned());
    for (_, node) in graph.nodes().iter().filter(|(_, node)| matches!(node.op, Op::Parameter(_))) {
        let value = types(&node.op).unwrap();
        assert_eq!(
            (value.dtype(), value.shape().to_vec()),
            (node.types[0].dtype, node.types[0].shape.as_const().unwrap())
        );
    }
    assert_eq!(outlined.names().count(), 3);
    Ok(())
}
