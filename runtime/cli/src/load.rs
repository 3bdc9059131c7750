//! From what a person calls a model to its graph and weights.

use crate::failure::with_hint;
use crate::{home, pull};
use anyhow::Result;
use hadal::{Device, nn};
use hadal_formats::{Imported, Loaded, SafeTensors};
use std::path::{Path, PathBuf};

/// Files that may be the model in a folder, most telling first.
const NAMES: [&str; 2] = ["model.safetensors", "model.onnx"];

/// The file that `model` names: itself, the model in a folder, or a pulled model.
///
/// Errors: when there is none, with what to do.
pub(crate) fn locate(model: &str) -> Result<PathBuf> {
    let path = Path::new(model);
    if path.is_file() {
        return Ok(path.into());
    }
    if path.is_dir() {
        return inside(path);
    }
    let known = pull::find(model);
    let folder = known.map_or(model.replace('/', "--"), |known| known.name.into());
    let pulled = home::folder()?.join(folder);
    let plain = !model.contains('.') && !model.starts_with('/');
    if (known.is_some() || plain) && pulled.is_dir() {
        return inside(&pulled);
    }
    if known.is_some() {
        return Err(with_hint(format!("the model `{model}` is not here yet"), format!("hadal pull {model}")));
    }
    let names: Vec<&str> = pull::MODELS.iter().map(|model| model.name).collect();
    Err(with_hint(
        format!("there is no file and no model called `{model}`"),
        format!("check the path, or pull one of {}", names.join(", ")),
    ))
}

fn inside(folder: &Path) -> Result<PathBuf> {
    let named = NAMES.iter().map(|name| folder.join(name)).find(|path| path.is_file());
    let only = || {
        let files = folder.read_dir().ok()?.flatten().map(|entry| entry.path());
        let is_model = |path: &PathBuf| path.extension().is_some_and(|e| e == "safetensors" || e == "onnx");
        let mut models = files.filter(is_model);
        models.next().filter(|_| models.next().is_none())
    };
    named.or_else(only).ok_or_else(|| {
        with_hint(
            format!("`{}` has no file that is clearly the model", folder.display()),
            "name the .safetensors or .onnx file itself",
        )
    })
}

/// Reads the model that `model` names.
pub(crate) fn load(model: &str) -> Result<Imported> {
    let path = locate(model)?;
    read(&path)
}

fn read(path: &Path) -> Result<Imported> {
    match hadal_formats::load(path)? {
        Loaded::Hadal(model) | Loaded::Onnx(model) => Ok(model),
        Loaded::Weights(file) => bert(path, &file),
    }
}

/// Weights without a graph are those of a BERT, if the `config.json` beside them says so.
fn bert(path: &Path, file: &SafeTensors) -> Result<Imported> {
    let config = path.with_file_name("config.json");
    if !config.is_file() {
        return Err(with_hint(
            format!("`{}` holds weights without a graph", path.display()),
            "put the model's config.json beside it, or name a Hadal file or an ONNX file",
        ));
    }
    let device = Device::meta();
    let weights = nn::Weights::from_safetensors(file, &device)?;
    let model = nn::Bert::new(&nn::Scope::weights(&weights), &nn::BertConfig::open(config)?)?.model()?;
    Ok(Imported { graph: model.graph().clone(), weights: model.weights().clone() })
}
