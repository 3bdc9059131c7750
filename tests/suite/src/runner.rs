//! Runs a case and compares it with the reference.

use crate::case::Case;
use crate::tolerance::{Tolerance, tolerance};
use hadal_device::{Arguments, Backend, DeviceError, Weights};
use hadal_graph::program::Program;
use hadal_graph::reference::{Interpretation, bind, interpret, interpret_program};
use hadal_graph::{Bytes, DType, GraphError, HostTensor, Target, compile};
use std::fmt;
use std::sync::Arc;

/// What went wrong with a case.
#[derive(Clone, Debug)]
pub enum Failure {
    /// The reference or the compiler refused the graph.
    Graph(GraphError),
    /// The device refused the program, or the run failed.
    Device(DeviceError),
    /// Numbers differ.
    Mismatch {
        /// The output or variable.
        name: String,
        /// The first element that differs.
        element: usize,
        /// What the device computed there.
        actual: f64,
        /// What the reference computed there.
        expected: f64,
        /// How many elements differ.
        count: usize,
    },
    /// A result has the wrong type.
    Type(String),
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Failure::Graph(error) => write!(f, "{error}"),
            Failure::Device(error) => write!(f, "{error}"),
            Failure::Mismatch { name, element, actual, expected, count } => {
                write!(f, "`{name}`: element {element} is {actual:?}, not {expected:?} ({count} differ)")
            }
            Failure::Type(what) => f.write_str(what),
        }
    }
}

impl From<GraphError> for Failure {
    fn from(error: GraphError) -> Failure {
        Failure::Graph(error)
    }
}

impl From<DeviceError> for Failure {
    fn from(error: DeviceError) -> Failure {
        Failure::Device(error)
    }
}

/// Compiles a case for a device, runs it there and compares all outputs and assigned variables with the reference. Returns the program.
pub async fn run(case: &Case, backend: &dyn Backend) -> Result<Arc<Program>, Failure> {
    let program = Arc::new(compile(&case.graph, backend.target())?);
    run_compiled(case, program.clone(), backend).await?;
    Ok(program)
}

/// Runs `program`, which should do what the graph of `case` says, on a device and compares as [`run`] does.
pub async fn run_compiled(case: &Case, program: Arc<Program>, backend: &dyn Backend) -> Result<(), Failure> {
    let expected = interpret(&case.graph, &case.leaves)?;
    let mut weights = Weights::new();
    for &parameter in &program.parameters {
        let name = &program.values[parameter].name;
        weights.insert(name.clone(), leaf(case, name)?.clone());
    }
    let executable = backend.prepare(program.clone(), &weights).await?;
    let upload = |values: &[hadal_graph::program::ValueId]| {
        let one = |&v: &_| Ok(backend.upload(leaf(case, &program.values[v].name)?)?);
        values.iter().map(one).collect::<Result<Vec<_>, Failure>>()
    };
    let bindings = bind(&case.graph, &case.leaves)?;
    let arguments =
        Arguments { bindings, inputs: upload(&program.inputs)?, variables: upload(&program.variables)? };
    let results = executable.run(arguments).await?;
    if results.outputs.len() != expected.outputs.len() {
        return Err(Failure::Type(format!(
            "{} results, not {}",
            results.outputs.len(),
            expected.outputs.len()
        )));
    }
    let narrowest = narrowest(case);
    for ((buffer, output), expected) in results.outputs.iter().zip(&case.graph.outputs).zip(&expected.outputs)
    {
        let bytes = backend.read(buffer).await?;
        let actual = typed(expected, buffer.dtype(), bytes)?;
        compare(&output.name, &actual, expected, limit(narrowest, expected.dtype(), case.terms))?;
    }
    for (name, expected) in &expected.assigns {
        let Some(index) = program.variables.iter().position(|&v| program.values[v].name == *name) else {
            return Err(Failure::Type(format!("the program has no variable `{name}`")));
        };
        let buffer = &results.variables[index];
        let bytes = backend.read(buffer).await?;
        let actual = typed(expected, buffer.dtype(), bytes)?;
        compare(name, &actual, expected, limit(narrowest, expected.dtype(), case.terms))?;
    }
    Ok(())
}

/// Compiles a case for a target, runs the program in the reference and compares it with the graph there.
pub fn check_program(case: &Case, target: &Target) -> Result<Program, Failure> {
    let program = compile(&case.graph, target)?;
    check_compiled(case, &program)?;
    Ok(program)
}

/// Runs `program`, which should do what the graph of `case` says, in the reference and compares it with the graph there.
pub fn check_compiled(case: &Case, program: &Program) -> Result<(), Failure> {
    let expected = interpret(&case.graph, &case.leaves)?;
    let bindings = bind(&case.graph, &case.leaves)?;
    let Interpretation { outputs, assigns } = interpret_program(program, &bindings, &case.leaves)
        .map_err(|error| GraphError::general(&case.name, error))?;
    if outputs.len() != expected.outputs.len() {
        return Err(Failure::Type(format!("{} results, not {}", outputs.len(), expected.outputs.len())));
    }
    let narrowest = narrowest(case);
    for ((actual, output), expected) in outputs.iter().zip(&case.graph.outputs).zip(&expected.outputs) {
        compare(&output.name, actual, expected, limit(narrowest, expected.dtype(), case.terms))?;
    }
    for (name, expected) in &expected.assigns {
        // A variable that a program does not update keeps its value.
        let actual = match assigns.iter().find(|(n, _)| n == name) {
            Some((_, actual)) => actual,
            None => leaf(case, name)?,
        };
        compare(name, actual, expected, limit(narrowest, expected.dtype(), case.terms))?;
    }
    Ok(())
}

/// The tensor of a leaf.
fn leaf<'c>(case: &'c Case, name: &str) -> Result<&'c HostTensor, Failure> {
    let missing = || Failure::Type(format!("the case `{}` has no tensor for `{name}`", case.name));
    case.leaves.get(name).ok_or_else(missing)
}

/// The float dtype of a case with the fewest digits.
fn narrowest(case: &Case) -> Option<DType> {
    let digits = |d: &DType| match d {
        DType::BF16 => 0,
        DType::F16 => 1,
        DType::F32 => 2,
        _ => 3,
    };
    case.graph
        .nodes()
        .iter()
        .flat_map(|(_, n)| n.types.iter().map(|t| t.dtype))
        .filter(|d| d.is_float())
        .min_by_key(digits)
}

fn limit(narrowest: Option<DType>, result: DType, terms: usize) -> Tolerance {
    match narrowest {
        Some(dtype) if result.is_float() => tolerance(dtype, terms),
        _ => tolerance(result, terms),
    }
}

fn typed(expected: &HostTensor, dtype: DType, bytes: Vec<u8>) -> Result<HostTensor, Failure> {
    if dtype != expected.dtype() {
        return Err(Failure::Type(format!("a result is {dtype}, not {}", expected.dtype())));
    }
    HostTensor::from_bytes(dtype, expected.shape(), Bytes::new(bytes))
        .map_err(|e| Failure::Type(e.to_string()))
}

/// Compares element by element. NaN equals NaN, infinities equal themselves.
fn compare(
    name: &str,
    actual: &HostTensor,
    expected: &HostTensor,
    tolerance: Tolerance,
) -> Result<(), Failure> {
    if (actual.dtype(), actual.shape()) != (expected.dtype(), expected.shape()) {
        let what = format!(
            "`{name}` is {}{:?}, not {}{:?}",
            actual.dtype(),
            actual.shape(),
            expected.dtype(),
            expected.shape()
        );
        return Err(Failure::Type(what));
    }
    let mut first = None;
    let mut count = 0;
    let exact = !actual.dtype().is_float();
    for (element, (a, e)) in actual.scalars().zip(expected.scalars()).enumerate() {
        let equal = if exact {
            a == e
        } else {
            let (a, e) = (a.to_f64(), e.to_f64());
            a == e
                || (a.is_nan() && e.is_nan())
                || (a - e).abs() <= tolerance.absolute + tolerance.relative * e.abs()
        };
        if !equal {
            count += 1;
            first.get_or_insert((element, a.to_f64(), e.to_f64()));
        }
    }
    match first {
        None => Ok(()),
        Some((element, actual, expected)) => {
            Err(Failure::Mismatch { name: name.into(), element, actual, expected, count })
        }
    }
}
