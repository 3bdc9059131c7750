//! The Hugging Face hub: which files a repository has, and where they lie.
//!
//! `HF_ENDPOINT` names another hub with the same protocol.

use super::download::{self, DownloadError};
use crate::failure::with_hint;
use crate::scratch::cannot_write;
use anyhow::{Context, Result, bail};
use std::cell::Cell;
use std::path::{Component, Path};
use std::time::Duration;

/// Longest answer to a question about a repository.
const LARGEST_LISTING: u64 = 32 << 20;

/// A file to fetch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Wanted {
    /// Path in the repository.
    pub(super) path: String,
    pub(super) bytes: Option<u64>,
    /// In hexadecimal; the hub states it for large files only.
    pub(super) sha256: Option<String>,
}

/// Talks to the hub.
pub(super) struct Client {
    agent: ureq::Agent,
    endpoint: String,
    unreachable: Cell<bool>,
}

/// `OWNER/NAME` or `OWNER/NAME@REVISION`. Errors: anything else.
pub(super) fn parse(name: &str) -> Result<(&str, &str)> {
    let (repository, revision) = name.split_once('@').unwrap_or((name, "main"));
    let plain = |part: &str| {
        let allowed = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
        !part.is_empty() && part.chars().all(allowed) && part.chars().any(|c| c != '.')
    };
    let parts: Vec<&str> = repository.split('/').collect();
    match parts.as_slice() {
        [owner, model] if plain(owner) && plain(model) && revision.split('/').all(plain) => {
            Ok((repository, revision))
        }
        _ => Err(with_hint(
            format!("`{name}` does not name a repository on the hub"),
            "write OWNER/NAME or OWNER/NAME@REVISION",
        )),
    }
}

impl Client {
    pub(super) fn new() -> Client {
        let config = ureq::Agent::config_builder()
            .user_agent(concat!("hadal/", env!("CARGO_PKG_VERSION")))
            .http_status_as_error(false)
            .timeout_resolve(Some(Duration::from_secs(10)))
            .timeout_connect(Some(Duration::from_secs(10)))
            .timeout_recv_response(Some(Duration::from_secs(30)))
            .timeout_per_read(Some(Duration::from_secs(60)))
            .build();
        let endpoint = std::env::var("HF_ENDPOINT").ok().filter(|endpoint| !endpoint.is_empty());
        let endpoint = endpoint.unwrap_or_else(|| "https://huggingface.co".into());
        let endpoint = endpoint.trim_end_matches('/').into();
        Client { agent: config.into(), endpoint, unreachable: Cell::new(false) }
    }

    /// Whether an earlier request met nobody.
    pub(super) fn is_unreachable(&self) -> bool {
        self.unreachable.get()
    }

    /// The files of a repository that make a model, or those in `only`.
    pub(super) fn list(&self, repository: &str, revision: &str, only: &[String]) -> Result<Vec<Wanted>> {
        let url = format!("{}/api/models/{repository}/revision/{revision}?blobs=true", self.endpoint);
        let mut response = self
            .agent
            .get(&url)
            .call()
            .map_err(|error| self.failed(error))
            .with_context(|| format!("the files of `{repository}` cannot be listed"))?;
        match response.status().as_u16() {
            200 => {}
            401 | 403 | 404 => {
                return Err(with_hint(
                    format!("the hub has no public repository `{repository}` with a revision `{revision}`"),
                    "check the name; repositories that need a login cannot be fetched",
                ));
            }
            status => {
                bail!("the files of `{repository}` cannot be listed: {} answered {status}", self.endpoint)
            }
        }
        let body = response.body_mut().with_config().limit(LARGEST_LISTING).read_to_vec();
        let body = body.map_err(|error| self.failed(error))?;
        let listing = serde_json::from_slice(&body).context("the hub's answer cannot be understood")?;
        choose(repository, siblings(&listing)?, only)
    }

    /// Fetches a file to `path`; returns its length and checksum. A file that is there and whole is kept.
    pub(super) fn fetch(
        &self,
        repository: &str,
        revision: &str,
        wanted: &Wanted,
        path: &Path,
    ) -> Result<(u64, String)> {
        if let Some(parent) = path.parent() {
            std::fs::create_dir_all(parent).with_context(|| cannot_write(parent))?;
        }
        let url = format!("{}/{repository}/resolve/{revision}/{}", self.endpoint, escape(&wanted.path));
        download::download(&self.agent, &url, wanted, path).map_err(|error| {
            self.unreachable.set(matches!(&error, DownloadError::Transport { .. }));
            error.into()
        })
    }

    fn failed(&self, error: ureq::Error) -> anyhow::Error {
        self.unreachable.set(true);
        with_hint(
            format!("{} cannot be reached: {error}", self.endpoint),
            "check the network; HF_ENDPOINT names another hub",
        )
    }
}

fn siblings(listing: &serde_json::Value) -> Result<Vec<Wanted>> {
    let entries = listing.get("siblings").and_then(|s| s.as_array()).context("the hub named no files")?;
    let read = |entry: &serde_json::Value| {
        let path = entry.get("rfilename")?.as_str()?.to_string();
        let large = entry.get("lfs").filter(|lfs| lfs.is_object());
        let bytes = entry.get("size").or_else(|| large?.get("size")).and_then(|size| size.as_u64());
        let sha256 = large.and_then(|lfs| lfs.get("sha256")?.as_str()).map(str::to_lowercase);
        Some(Wanted { path, bytes, sha256 })
    };
    Ok(entries.iter().filter_map(read).collect())
}

/// What to fetch: the files in `only`, else the weights in the first format that is there, and the small files beside them.
fn choose(repository: &str, files: Vec<Wanted>, only: &[String]) -> Result<Vec<Wanted>> {
    // A hub is not trusted with names: none may lead out of the model's folder.
    let safe = |path: &str| {
        let inside = Path::new(path).components().all(|part| matches!(part, Component::Normal(_)));
        inside && !path.is_empty() && !path.contains(['\\', ':'])
    };
    let files: Vec<Wanted> = files.into_iter().filter(|file| safe(&file.path)).collect();
    if !only.is_empty() {
        let find = |path: &String| {
            files.iter().find(|file| file.path == *path).cloned().with_context(|| {
                let url = format!("hadal pull {repository} takes all that belongs to the model");
                with_hint(format!("`{repository}` has no file `{path}`"), url)
            })
        };
        return only.iter().map(find).collect();
    }
    let weights = [".safetensors", ".onnx", ".gguf"];
    let Some(format) = weights.iter().find(|format| files.iter().any(|file| file.path.ends_with(**format)))
    else {
        return Err(with_hint(
            format!("`{repository}` has no safetensors, ONNX or GGUF file"),
            "choose a repository that offers the model in one of these formats",
        ));
    };
    // In other folders lie other versions of the same weights.
    let folder = |path: &str| path.rsplit_once('/').map_or("", |(folder, _)| folder).to_string();
    let depth = |folder: &String| (folder.split('/').filter(|part| !part.is_empty()).count(), folder.clone());
    let place = files.iter().filter(|f| f.path.ends_with(format)).map(|f| folder(&f.path)).min_by_key(depth);
    let belongs = |file: &Wanted| {
        let weight = file.path.ends_with(format) && Some(folder(&file.path)) == place;
        let shallow = file.path.matches('/').count() <= 1;
        weight || (shallow && (file.path.ends_with(".json") || file.path.ends_with("vocab.txt")))
    };
    Ok(files.iter().filter(|file| belongs(file)).cloned().collect())
}

/// A path for a URL.
fn escape(path: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.~/".contains(&byte);
    path.bytes()
        .map(|byte| if plain(byte) { (byte as char).to_string() } else { format!("%{byte:02X}") })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn files(paths: &[&str]) -> Vec<Wanted> {
        paths.iter().map(|&path| Wanted { path: path.into(), bytes: None, sha256: None }).collect()
    }

    #[test]
    fn names_of_repositories() {
        assert_eq!(parse("a/b.c-d_e").unwrap(), ("a/b.c-d_e", "main"));
        assert_eq!(parse("a/b@refs/pr/1").unwrap(), ("a/b", "refs/pr/1"));
        for bad in ["a", "a/b/c", "/b", "a/", "a/..", "a/b@", "a/b@../x", "a /b"] {
            assert!(parse(bad).unwrap_err().to_string().contains("hint"), "{bad}");
        }
    }

    #[test]
    fn the_model_and_what_belongs_to_it() {
        let all =
            ["config.json", "model.safetensors", "onnx/model.onnx", "1_Pooling/config.json", "README.md"];
        let chosen = choose("a/b", files(&all), &[]).unwrap();
        assert_eq!(chosen, files(&["config.json", "model.safetensors", "1_Pooling/config.json"]));
        let chosen = choose("a/b", files(&["onnx/model.onnx", "x/y/z.onnx"]), &[]).unwrap();
        assert_eq!(chosen, files(&["onnx/model.onnx"]));
        assert_eq!(choose("a/b", files(&all), &["README.md".into()]).unwrap(), files(&["README.md"]));
        assert!(choose("a/b", files(&all), &["x".into()]).is_err());
        assert!(choose("a/b", files(&["README.md"]), &[]).is_err());
    }

    #[test]
    fn no_name_leads_out_of_the_folder() {
        let hostile = ["../a.safetensors", "/a.safetensors", "b/../../a.safetensors", "c:a.safetensors", ""];
        assert!(choose("a/b", files(&hostile), &[]).is_err());
        assert!(choose("a/b", files(&hostile), &["../a.safetensors".into()]).is_err());
    }

    #[test]
    fn listings_are_read() {
        let listing = serde_json::json!({ "siblings": [
            { "rfilename": "m.safetensors", "size": 7, "lfs": { "sha256": "AB", "size": 7 } },
            { "rfilename": "config.json", "size": 3, "lfs": null }, { "other": 1 },
        ] });
        let read = siblings(&listing).unwrap();
        assert_eq!(
            read[0],
            Wanted { path: "m.safetensors".into(), bytes: Some(7), sha256: Some("ab".into()) }
        );
        assert_eq!(read[1], Wanted { path: "config.json".into(), bytes: Some(3), sha256: None });
        assert!(siblings(&serde_json::json!({})).is_err());
    }

    #[test]
    fn urls_are_escaped() {
        assert_eq!(escape("a b/ü?.json"), "a%20b/%C3%BC%3F.json");
    }
}
