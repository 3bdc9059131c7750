//! `hadal report DIR`: the curves of a training run as a page.

use crate::arguments::{Global, Report};
use crate::train::write_report;
use anyhow::Result;
use std::io::Write;
use std::process::ExitCode;

/// Runs the command.
pub(crate) fn command(given: &Report, global: &Global, out: &mut dyn Write) -> Result<ExitCode> {
    let page = given.output.clone().unwrap_or_else(|| given.folder.join("report.html"));
    write_report(&given.folder, &page)?;
    match global.json {
        true => writeln!(out, "{}", serde_json::json!({ "page": page }))?,
        false => writeln!(out, "{}", page.display())?,
    }
    Ok(ExitCode::SUCCESS)
}
