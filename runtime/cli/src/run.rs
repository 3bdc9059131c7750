//! `hadal run MODEL --input NAME=FILE.npy --output DIR`: one run, one `.npy` for each output.

use crate::arguments::{Global, Run};
use crate::devices::describe;
use crate::failure::with_hint;
use crate::load::load;
use crate::scratch::{self, cannot_write};
use crate::session::{Session, Tensors};
use anyhow::{Context, Result};
use hadal::Device;
use hadal::backend::Selector;
use hadal::graph::{Graph, HostTensor, NodeId};
use hadal::profiler::Profiler;
use hadal_formats::npy;
use serde_json::json;
use std::io::Write;
use std::process::ExitCode;
use std::time::Instant;

/// Runs the command.
pub(crate) fn command(given: &Run, global: &Global, out: &mut dyn Write) -> Result<ExitCode> {
    let model = load(&given.model)?;
    let inputs = inputs(&model.graph, &given.input)?;
    let names: Vec<&str> = model.graph.outputs.iter().map(|output| output.name.as_str()).collect();
    let files = file_names(&names);
    let selector = global.backend.clone().unwrap_or(Selector::Auto);
    let device = Device::open(&selector.to_string())?;
    let backend = device.backend()?;
    let session = Session::new(backend, &model.graph, &model.weights)?;
    let start = Instant::now();
    let profiler = given.profile.as_ref().map(|_| Profiler::start(session.device())).transpose()?;
    let outputs = session.run(&inputs)?;
    let took = start.elapsed();
    let profile = profiler.map(Profiler::stop);
    if let (Some(profile), Some(folder)) = (&profile, &given.profile) {
        profile.write(folder)?;
    }
    std::fs::create_dir_all(&given.output).with_context(|| cannot_write(&given.output))?;
    let mut written = Vec::new();
    for ((name, file), tensor) in names.iter().zip(&files).zip(&outputs) {
        let path = given.output.join(file);
        let bytes =
            npy::to_bytes(tensor).with_context(|| format!("the output `{name}` cannot be written"))?;
        scratch::write(&path, |to| Ok(to.write_all(&bytes)?))?;
        written.push((name, path, tensor));
    }
    let stats = session.stats();
    if global.json {
        let outputs: Vec<_> = written
            .iter()
            .map(|(name, path, tensor)| {
                let file = path.display().to_string();
                json!({ "name": name, "file": file, "dtype": tensor.dtype().name(), "shape": tensor.shape() })
            })
            .collect();
        let report = json!({
            "adapter": describe(backend.info()), "dispatches": stats.dispatches, "submits": stats.submits,
            "host_steps": stats.host_steps, "milliseconds": took.as_secs_f64() * 1e3, "outputs": outputs,
        });
        writeln!(out, "{report}")?;
    } else {
        for (name, path, tensor) in &written {
            writeln!(out, "{name}  {}{:?}  {}", tensor.dtype(), tensor.shape(), path.display())?;
        }
        eprintln!(
            "{} ({}): {} dispatches, {} host steps, {:.1} ms",
            backend.info().id(),
            backend.info().name,
            stats.dispatches,
            stats.host_steps,
            took.as_secs_f64() * 1e3
        );
        if let Some(profile) = &profile {
            write!(out, "\n{profile}")?;
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// Reads what was given for each input. Errors: an input that is missing, unknown, given twice, or of another dtype or rank.
fn inputs(graph: &Graph, given: &[(String, String)]) -> Result<Tensors> {
    let declared: Vec<(&str, NodeId)> = graph
        .inputs()
        .iter()
        .filter_map(|&id| graph.node(id).op.leaf_name().map(|name| (name, id)))
        .collect();
    let mut tensors = Tensors::new();
    for (name, file) in given {
        let Some(&(_, id)) = declared.iter().find(|(declared, _)| declared == name) else {
            let names: Vec<&str> = declared.iter().map(|(name, _)| *name).collect();
            let hint = match names.is_empty() {
                true => "it has none".into(),
                false => format!("its inputs are {}", names.join(", ")),
            };
            return Err(with_hint(format!("the model has no input `{name}`"), hint));
        };
        let tensor = npy::read(file)?;
        check(graph, name, id, file, &tensor)?;
        if tensors.insert(name.clone(), tensor).is_some() {
            return Err(with_hint(format!("the input `{name}` is given twice"), "give each input once"));
        }
    }
    for (name, id) in declared {
        if !tensors.contains_key(name) {
            return Err(with_hint(
                format!("the input `{name}` is missing: it takes {}", graph.ty(id)),
                format!("--input {name}=FILE.npy"),
            ));
        }
    }
    Ok(tensors)
}

fn check(graph: &Graph, name: &str, id: NodeId, file: &str, tensor: &HostTensor) -> Result<()> {
    let ty = graph.ty(id);
    let fixed = |(dim, &extent): (&hadal::Dim, &usize)| dim.as_usize().is_none_or(|known| known == extent);
    let fits = tensor.shape().len() == ty.rank() && ty.shape.iter().zip(tensor.shape()).all(fixed);
    if tensor.dtype() == ty.dtype && fits {
        return Ok(());
    }
    let hint = if fits {
        format!("in NumPy: numpy.save({file:?}, numpy.load({file:?}).astype({:?}))", numpy(ty.dtype))
    } else {
        "sizes in letters may have any value, numbers and the number of axes are fixed".into()
    };
    let found = format!("{}{:?}", tensor.dtype(), tensor.shape());
    Err(with_hint(format!("the input `{name}` takes {ty}, but `{file}` holds {found}"), hint))
}

fn numpy(dtype: hadal::DType) -> &'static str {
    use hadal::DType::{BF16, Bool, F16, F32, F64, I8, I16, I32, I64, U8, U16, U32, U64};
    match dtype {
        Bool => "bool",
        I8 => "int8",
        I16 => "int16",
        I32 => "int32",
        I64 => "int64",
        U8 => "uint8",
        U16 => "uint16",
        U32 => "uint32",
        U64 => "uint64",
        F16 => "float16",
        // NumPy has no bf16; nothing read from a file can be one.
        BF16 | F32 => "float32",
        F64 => "float64",
    }
}

/// A file for each output: every character outside `A-Za-z0-9_.-` becomes `_`, and a name that is taken gets a number.
fn file_names(outputs: &[&str]) -> Vec<String> {
    let mut taken: Vec<String> = Vec::new();
    for output in outputs {
        let plain = |c: char| if c.is_ascii_alphanumeric() || "_.-".contains(c) { c } else { '_' };
        let name: String = output.chars().map(plain).collect();
        let numbered = (2..).map(|number| format!("{name}_{number}.npy"));
        let file = std::iter::once(format!("{name}.npy")).chain(numbered).find(|file| !taken.contains(file));
        taken.extend(file);
    }
    taken
}

#[cfg(test)]
mod tests {
    use super::*;
    use hadal::DType;

    #[test]
    fn names_become_files() {
        let files = file_names(&["last_hidden_state", "a/b:c", "a_b_c", "../x", "é-1.0", ""]);
        assert_eq!(
            files,
            ["last_hidden_state.npy", "a_b_c.npy", "a_b_c_2.npy", ".._x.npy", "_-1.0.npy", ".npy"]
        );
    }

    #[test]
    fn what_does_not_fit_is_said_before_anything_runs() {
        let mut graph = Graph::new("g");
        let x = graph.input("x", DType::F32, [hadal::Dim::symbol("n"), 3.into()]).unwrap();
        graph.output("y", x);
        let fits = |tensor: HostTensor| check(&graph, "x", x, "x.npy", &tensor);
        assert!(fits(HostTensor::new([5, 3], &[0f32; 15]).unwrap()).is_ok());
        let wrong = fits(HostTensor::new([5, 3], &[0f64; 15]).unwrap()).unwrap_err().to_string();
        assert!(wrong.contains("takes f32[n, 3], but `x.npy` holds f64[5, 3]"), "{wrong}");
        assert!(wrong.contains("astype(\"float32\")"), "{wrong}");
        let wrong = fits(HostTensor::new([3, 5], &[0f32; 15]).unwrap()).unwrap_err().to_string();
        assert!(wrong.contains("numbers and the number of axes are fixed"), "{wrong}");
        assert!(inputs(&graph, &[]).unwrap_err().to_string().contains("--input x=FILE.npy"));
        assert!(
            inputs(&graph, &[("z".into(), "f".into())]).unwrap_err().to_string().contains("its inputs are x")
        );
    }
}
