//! An ONNX file as it arrives, without its large weights.

use crate::error::thrown;
use crate::header::Header;
use hadal::formats::{may_be_onnx, onnx};
use wasm_bindgen::prelude::*;

/// Takes an ONNX file and keeps all but its large weights.
#[wasm_bindgen]
pub struct Sieve {
    sieve: onnx::Sieve,
}

#[wasm_bindgen]
impl Sieve {
    /// Whether a file that begins with these 9 bytes may be an ONNX file.
    pub fn takes(start: &[u8]) -> bool {
        may_be_onnx(start)
    }

    /// For the file `name` of `total` bytes.
    #[wasm_bindgen(constructor)]
    pub fn new(name: String, total: f64) -> Sieve {
        Sieve { sieve: onnx::Sieve::new(&name, total as u64) }
    }

    /// Takes the next piece. Errors: `truncated`, `format`.
    pub fn push(&mut self, piece: &[u8]) -> Result<(), JsValue> {
        self.sieve.push(piece).map_err(thrown)
    }

    /// What the file is, after its last piece. Errors: `truncated`, `format`, `unsupported`.
    pub fn finish(self) -> Result<Header, JsValue> {
        self.sieve.finish().map(Header::sifted).map_err(thrown)
    }
}
