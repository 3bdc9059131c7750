//! Constants.

use super::{Operator, onnx};
use crate::onnx::call::Call;
use crate::onnx::importer::{Importer, Value};
use crate::onnx::known::{Known, MAX_KNOWN};
use crate::onnx::refusal::Refusal;
use crate::onnx::tensor;
use hadal_graph::{DType, HostTensor, Scalar, Shape};

pub(super) const OPERATORS: &[Operator] = &[
    onnx("Constant", &[1, 9, 11, 12, 13, 19, 21, 23, 24, 25], constant),
    onnx("ConstantOfShape", &[9, 20, 21, 23, 24, 25], constant_of_shape),
];

fn constant(cx: &mut Importer, call: &Call<'_>) -> Result<Vec<Value>, Refusal> {
    let floats = |shape: &[usize], values: Vec<f32>| HostTensor::new(shape, &values);
    let ints = |shape: &[usize], values: Vec<i64>| HostTensor::new(shape, &values);
    let tensor = if let Some(proto) = call.tensor("value")? {
        tensor::value(proto, &mut cx.external)?
    } else {
        let tensor = match (call.float("value_float")?, call.int("value_int")?) {
            (Some(value), _) => floats(&[], vec![value]),
            (_, Some(value)) => ints(&[], vec![value]),
            _ => match (call.floats("value_floats")?, call.ints("value_ints")?) {
                (Some(values), _) => floats(&[values.len()], values),
                (_, Some(values)) => ints(&[values.len()], values),
                _ => return Err(Refusal::unsupported("a constant that is no tensor or number")),
            },
        };
        tensor.map_err(|e| Refusal::malformed(e.to_string(), "a tensor"))?
    };
    Ok(vec![Value::Tensor(tensor)])
}

fn constant_of_shape(cx: &mut Importer, call: &Call<'_>) -> Result<Vec<Value>, Refusal> {
    let value = match call.tensor("value")? {
        None => HostTensor::scalar(DType::F32, Scalar::Float(0.0)),
        Some(proto) => tensor::value(proto, &mut cx.external)?,
    };
    let (Some(element), 1) = (value.scalars().next(), value.elements()) else {
        return Err(Refusal::malformed(format!("a value of {} elements", value.elements()), "one element"));
    };
    let dims = cx.dims(call, 0, "a shape")?.ok_or_else(|| Refusal::malformed("no shape", "one"))?;
    let known = match (dims.as_slice(), element) {
        ([], Scalar::Int(i)) => Some(Known::scalar(value.dtype(), i64::try_from(i).map_or(0, |i| i).into())),
        ([n], Scalar::Int(i)) => n
            .as_usize()
            .filter(|&n| n <= MAX_KNOWN)
            .zip(i64::try_from(i).ok())
            .map(|(n, i)| Known::vector(value.dtype(), vec![i.into(); n])),
        _ => None,
    };
    if let Some(known) = known.filter(
        |k| matches!(element, Scalar::Int(i) if k.dims.iter().all(|d| d.as_const() == i64::try_from(i).ok())),
    ) {
        return Ok(vec![Value::Known(known)]);
    }
    let scalar = cx.graph.constant(HostTensor::scalar(value.dtype(), element))?;
    let shape = Shape(dims);
    super::expand::check_target(&shape)?;
    Ok(vec![Value::Node(cx.graph.broadcast_to(scalar, &shape)?)])
}
