//! Small ONNX models, built from messages.

use hadal_formats::onnx::proto::*;
use hadal_graph::{Bytes, DType, HostTensor};
use prost::Message;

/// A value for an attribute.
pub(crate) enum Attr {
    Int(i64),
    Float(f32),
    Text(&'static str),
    Ints(Vec<i64>),
    Tensor(Box<TensorProto>),
}

/// A node with attributes.
pub(crate) fn node(op: &str, inputs: &[&str], outputs: &[&str], attributes: Vec<(&str, Attr)>) -> NodeProto {
    let attribute = attributes.into_iter().map(|(name, value)| {
        let mut proto = AttributeProto { name: name.into(), ..Default::default() };
        match value {
            Attr::Float(f) => (proto.r#type, proto.f) = (1, Some(f)),
            Attr::Int(i) => (proto.r#type, proto.i) = (2, Some(i)),
            Attr::Text(s) => (proto.r#type, proto.s) = (3, Some(s.as_bytes().to_vec().into())),
            Attr::Tensor(t) => (proto.r#type, proto.t) = (4, Some(t)),
            Attr::Ints(ints) => (proto.r#type, proto.ints) = (7, ints),
        }
        proto
    });
    let list = |names: &[&str]| names.iter().map(|n| n.to_string()).collect();
    NodeProto {
        input: list(inputs),
        output: list(outputs),
        op_type: op.into(),
        attribute: attribute.collect(),
        ..Default::default()
    }
}

/// ONNX's number of a dtype.
pub(crate) fn element_type(dtype: DType) -> i32 {
    match dtype {
        DType::F32 => 1,
        DType::U8 => 2,
        DType::I8 => 3,
        DType::I32 => 6,
        DType::I64 => 7,
        DType::Bool => 9,
        DType::F64 => 11,
        other => panic!("no test uses {other}"),
    }
}

/// A tensor with raw data.
pub(crate) fn tensor(name: &str, value: &HostTensor) -> TensorProto {
    TensorProto {
        name: name.into(),
        dims: value.shape().iter().map(|&n| n as i64).collect(),
        data_type: element_type(value.dtype()),
        raw_data: Some(value.bytes().to_vec().into()),
        ..Default::default()
    }
}

/// An `i64` vector.
pub(crate) fn ints(name: &str, values: &[i64]) -> TensorProto {
    tensor(name, &HostTensor::new([values.len()], values).expect("as many"))
}

/// An `f32` tensor.
pub(crate) fn floats(name: &str, shape: &[usize], values: &[f32]) -> TensorProto {
    tensor(name, &HostTensor::new(shape, values).expect("as many"))
}

/// A typed value; digits are extents, `?` is unknown, all else names.
pub(crate) fn value(name: &str, dtype: DType, dims: &[&str]) -> ValueInfoProto {
    let dim = |dim: &&str| match dim.parse() {
        Ok(n) => DimensionProto { dim_value: Some(n), dim_param: None },
        Err(_) if *dim == "?" => DimensionProto::default(),
        Err(_) => DimensionProto { dim_value: None, dim_param: Some(dim.to_string()) },
    };
    let shape = Some(TensorShapeProto { dim: dims.iter().map(dim).collect() });
    let tensor_type = Some(TensorTypeProto { elem_type: element_type(dtype), shape });
    ValueInfoProto { name: name.into(), r#type: Some(TypeProto { tensor_type }) }
}

/// An output whose type is left open.
pub(crate) fn output(name: &str) -> ValueInfoProto {
    ValueInfoProto { name: name.into(), r#type: None }
}

/// A model of the operators' version `opset`.
pub(crate) fn model(
    opset: i64,
    node: Vec<NodeProto>,
    initializer: Vec<TensorProto>,
    input: Vec<ValueInfoProto>,
    output: Vec<ValueInfoProto>,
) -> ModelProto {
    ModelProto {
        ir_version: 8,
        opset_import: vec![OperatorSetIdProto { domain: String::new(), version: opset }],
        graph: Some(GraphProto {
            node,
            name: "test".into(),
            initializer,
            input,
            output,
            ..Default::default()
        }),
        ..Default::default()
    }
}

/// The file.
pub(crate) fn bytes(model: &ModelProto) -> Bytes {
    Bytes::new(model.encode_to_vec())
}
