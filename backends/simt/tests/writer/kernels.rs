//! WGSL to translate: the kernels of `hadal-shaders`, as their files stand and as its snapshots have them specialised.

use std::fs;
use std::path::Path;

/// A kernel's WGSL and its name.
pub(crate) struct Text {
    pub(crate) name: String,
    pub(crate) source: String,
}

/// All of them, sorted by name.
pub(crate) fn all() -> Vec<Text> {
    let shaders = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shaders");
    let mut texts = Vec::new();
    for (name, source) in files(&shaders.join("kernels"), "wgsl") {
        texts.push(Text { name, source });
    }
    for (name, snapshot) in files(&shaders.join("tests/kernels/snapshots"), "snap") {
        let name = name.trim_start_matches("kernels__snapshots__");
        for (number, source) in launches(&snapshot).into_iter().enumerate() {
            texts.push(Text { name: format!("{name}__{number}"), source });
        }
    }
    texts.sort_by(|a, b| a.name.cmp(&b.name));
    assert!(texts.len() > 40, "only {} kernels were found in {}", texts.len(), shaders.display());
    texts
}

fn files(folder: &Path, extension: &str) -> Vec<(String, String)> {
    let entries = fs::read_dir(folder).unwrap_or_else(|e| panic!("{}: {e}", folder.display()));
    entries
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|e| e == extension))
        .map(|path| (path.file_stem().unwrap().to_str().unwrap().into(), fs::read_to_string(&path).unwrap()))
        .collect()
}

/// The modules in a snapshot: each stands behind a line that names its parameters.
fn launches(snapshot: &str) -> Vec<String> {
    let mut modules: Vec<String> = Vec::new();
    for line in snapshot.lines() {
        if line.starts_with("// params:") {
            modules.push(String::new());
        } else if let Some(module) = modules.last_mut() {
            *module += line;
            module.push('\n');
        }
    }
    modules
}
