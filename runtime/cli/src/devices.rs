//! `hadal devices`: every backend, its devices, and why one is missing.

use crate::arguments::Global;
use crate::terminal::size;
use anyhow::Result;
use hadal::Device;
use hadal::backend::{DeviceError, DeviceInfo, DeviceKind, Listing};
use serde_json::json;
use std::io::Write;
use std::process::ExitCode;

/// Runs the command.
pub(crate) fn command(global: &Global, out: &mut dyn Write) -> Result<ExitCode> {
    let listings = Device::list();
    if global.json {
        let backends: Vec<_> = listings.iter().map(machine).collect();
        writeln!(out, "{}", json!({ "backends": backends }))?;
    } else {
        for listing in &listings {
            person(listing, out)?;
        }
    }
    Ok(ExitCode::SUCCESS)
}

fn person(listing: &Listing, out: &mut dyn Write) -> Result<()> {
    match &listing.devices {
        Ok(devices) => {
            for info in devices {
                writeln!(out, "{:<8} {}", info.id(), info.name)?;
                let memory =
                    info.memory.map_or("memory unknown".into(), |bytes| format!("{} memory", size(bytes)));
                let facts = [kind(info.kind), memory.as_str(), info.driver.as_str()];
                let facts: Vec<&str> = facts.into_iter().filter(|fact| !fact.is_empty()).collect();
                writeln!(out, "         {}", facts.join(", "))?;
                if !info.features.is_empty() {
                    writeln!(out, "         {}", info.features.join(" "))?;
                }
            }
        }
        Err(error) => {
            let (reason, hint) = reason(error);
            writeln!(out, "{:<8} missing: {reason}", listing.backend)?;
            if let Some(hint) = hint {
                writeln!(out, "         hint: {hint}")?;
            }
        }
    }
    Ok(())
}

fn machine(listing: &Listing) -> serde_json::Value {
    match &listing.devices {
        Ok(devices) => json!({
            "backend": listing.backend, "available": true,
            "devices": devices.iter().map(describe).collect::<Vec<_>>(),
        }),
        Err(error) => {
            let (reason, hint) = reason(error);
            json!({ "backend": listing.backend, "available": false, "reason": reason, "hint": hint })
        }
    }
}

/// A device for `--json`.
pub(crate) fn describe(info: &DeviceInfo) -> serde_json::Value {
    json!({
        "id": info.id(), "backend": info.backend, "index": info.index, "name": info.name, "driver": info.driver,
        "kind": kind(info.kind), "memory": info.memory, "features": info.features,
    })
}

fn kind(kind: DeviceKind) -> &'static str {
    match kind {
        DeviceKind::Cpu => "cpu",
        DeviceKind::DiscreteGpu => "discrete gpu",
        DeviceKind::IntegratedGpu => "integrated gpu",
        DeviceKind::VirtualGpu => "virtual gpu",
        DeviceKind::Software => "software gpu",
        DeviceKind::Other => "other",
    }
}

fn reason(error: &DeviceError) -> (String, Option<String>) {
    match error {
        DeviceError::Unavailable { reason, hint, .. } => (reason.clone(), Some(hint.clone())),
        other => (other.to_string(), None),
    }
}
