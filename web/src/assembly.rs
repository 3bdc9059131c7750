//! A file that arrives in pieces.

use crate::error::{coded, thrown};
use hadal::formats::{Loaded, SafeTensors, hadal_file, load_named};
use hadal::graph::Bytes;
use wasm_bindgen::prelude::*;

/// Most bytes of a file that are reserved before any arrived: what a server declares is not believed without end.
const RESERVED: usize = 1 << 30;

/// A model file in wasm memory, held once.
#[wasm_bindgen]
pub struct Assembly {
    name: String,
    bytes: Vec<u8>,
    /// All bytes, once no more come.
    sealed: Option<Bytes>,
}

#[wasm_bindgen]
impl Assembly {
    /// Room for `total` bytes, or 0 where that is not known, of a file that messages call `name`.
    ///
    /// Errors: `out_of_memory`.
    #[wasm_bindgen(constructor)]
    pub fn new(name: String, total: f64) -> Result<Assembly, JsValue> {
        let mut bytes = Vec::new();
        reserve(&mut bytes, (total as usize).min(RESERVED))?;
        Ok(Assembly { name, bytes, sealed: None })
    }

    /// Adds the next piece. Errors: `out_of_memory`.
    pub fn push(&mut self, piece: &[u8]) -> Result<(), JsValue> {
        reserve(&mut self.bytes, piece.len())?;
        self.bytes.extend_from_slice(piece);
        Ok(())
    }

    /// Bytes so far.
    #[wasm_bindgen(getter)]
    pub fn length(&self) -> f64 {
        self.bytes.len() as f64
    }

    /// Whether the complete file holds weights without a graph, so that a `config.json` has to say what they are. No piece may follow.
    #[wasm_bindgen(js_name = needsConfig)]
    pub fn needs_config(&mut self) -> bool {
        SafeTensors::from_bytes(self.seal()).is_ok_and(|file| !hadal_file::is_hadal_file(file.outline()))
    }
}

impl Assembly {
    /// What the file holds. Errors: `truncated`, `format`, `unsupported`.
    pub(crate) fn load(mut self) -> Result<Loaded, JsValue> {
        load_named(self.seal(), &self.name).map_err(thrown)
    }

    fn seal(&mut self) -> Bytes {
        self.sealed.get_or_insert_with(|| Bytes::new(std::mem::take(&mut self.bytes))).clone()
    }
}

fn reserve(bytes: &mut Vec<u8>, more: usize) -> Result<(), JsValue> {
    let reserved =
        if bytes.capacity() == 0 { bytes.try_reserve_exact(more) } else { bytes.try_reserve(more) };
    reserved.map_err(|_| {
        let message = format!(
            "the file does not fit in this page's memory: {} bytes are there and {more} more do not fit\n  hint: use a smaller model, or \
             the backend wgpu",
            bytes.len()
        );
        coded("out_of_memory", &message)
    })
}
