//! `hadal-browser-bindgen MODULE.wasm FOLDER`: writes the module and its JavaScript side into the folder, as ES modules for a browser.

use anyhow::{Result, bail};

fn main() -> Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [module, folder] = arguments.as_slice() else {
        bail!("usage: hadal-browser-bindgen MODULE.wasm FOLDER")
    };
    let mut bindgen = wasm_bindgen_cli_support::Bindgen::new();
    bindgen.input_path(module).web(true)?.typescript(false).generate(folder)
}
