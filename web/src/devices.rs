//! What this page's machine offers.

use hadal::Device;
use serde_json::{Value, json};
use wasm_bindgen::prelude::*;

/// Every backend of a browser as JSON: `[{backend, available, devices: [{id, name, kind, features}], reason}]`.
#[wasm_bindgen]
pub async fn devices() -> String {
    let mut listings = Vec::new();
    for listing in Device::list_async().await {
        if !["cpu", "wgpu"].contains(&listing.backend.as_str()) {
            continue;
        }
        listings.push(match &listing.devices {
            Ok(devices) => {
                let devices: Vec<Value> = devices
                    .iter()
                    .map(|d| {
                        json!({ "id": d.id(), "name": d.name, "kind": format!("{:?}", d.kind), "features": d.features })
                    })
                    .collect();
                json!({ "backend": listing.backend, "available": true, "devices": devices, "reason": null })
            }
            Err(error) => {
                json!({ "backend": listing.backend, "available": false, "devices": [], "reason": error.to_string() })
            }
        });
    }
    Value::from(listings).to_string()
}
