//! `hadal-browser-bindgen MODULE.wasm FOLDER NAME`: writes the module and its JavaScript side into the folder, as ES modules for a browser, as
//! `NAME_bg.wasm`, `NAME.js` and `NAME.d.ts`.

use anyhow::{Result, bail};

fn main() -> Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [module, folder, name] = arguments.as_slice() else {
        bail!("usage: hadal-browser-bindgen MODULE.wasm FOLDER NAME")
    };
    let mut bindgen = wasm_bindgen_cli_support::Bindgen::new();
    bindgen.input_path(module).out_name(name).web(true)?.typescript(true).generate(folder)
}
