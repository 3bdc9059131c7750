//! The beginning of a file whose weights go to a GPU as they arrive.

use crate::error::{coded, thrown};
use hadal::backend::{Arriving, DeviceError, DeviceFuture, WeightStream};
use hadal::formats::hadal_file;
use hadal::formats::safetensors::Outline;
use hadal::graph::Graph;
use hadal::{nn, stream};
use js_sys::Uint8Array;
use wasm_bindgen::prelude::*;

/// What a Hadal file or a safetensors file says of itself before its data.
#[wasm_bindgen]
pub struct Header {
    outline: Outline,
    /// The graph of a Hadal file; `None` for weights alone.
    graph: Option<Graph>,
}

#[wasm_bindgen]
impl Header {
    /// Bytes before the data of a file of `total` bytes, from its first 9: 0 for a file of another kind.
    ///
    /// Errors: `truncated`, `format`.
    #[wasm_bindgen(js_name = bytesOf)]
    pub fn bytes_of(start: &[u8], total: f64) -> Result<f64, JsValue> {
        // The eighth byte of a length that any file has, and the first character of the header.
        if start.get(7) != Some(&0) || start.get(8) != Some(&b'{') {
            return Ok(0.0);
        }
        Outline::length(start, total as u64).map(|length| length as f64).map_err(thrown)
    }

    /// Reads the `start` of the file `name`, which has `total` bytes. Errors: `truncated`, `format`, `unsupported`.
    #[wasm_bindgen(constructor)]
    pub fn new(name: String, start: &[u8], total: f64) -> Result<Header, JsValue> {
        let outline = Outline::new(start, total as u64, &name).map_err(thrown)?;
        let graph = match hadal_file::is_hadal_file(&outline) {
            true => Some(hadal_file::graph(&outline).map_err(thrown)?),
            false => None,
        };
        Ok(Header { outline, graph })
    }

    /// Whether the weights can go to a device as they arrive: a model with state has to be held first.
    #[wasm_bindgen(getter, js_name = canStream)]
    pub fn can_stream(&self) -> bool {
        self.graph.as_ref().is_none_or(stream::can_stream)
    }

    /// Whether there are weights without a graph, so that a `config.json` has to say what they are.
    #[wasm_bindgen(getter, js_name = needsConfig)]
    pub fn needs_config(&self) -> bool {
        self.graph.is_none()
    }
}

impl Header {
    /// The graph, by `config` where the file has none, and the tensors in their order. Errors: `format`, `unsupported`.
    pub(crate) async fn into_parts(self, config: Option<&str>) -> Result<(Graph, Vec<Arriving>), JsValue> {
        let tensors = stream::arriving(&self.outline);
        let graph = match self.graph {
            Some(graph) => graph,
            None => {
                let weights = nn::Weights::from_outline(&self.outline).map_err(thrown)?;
                described(&weights, config).await?.graph().clone()
            }
        };
        Ok((graph, tensors))
    }
}

/// The model that a `config.json` makes of weights without a graph. Errors: `format`, `unsupported`.
pub(crate) async fn described(weights: &nn::Weights, config: Option<&str>) -> Result<hadal::Model, JsValue> {
    let Some(config) = config else {
        return Err(coded(
            "format",
            "the file holds weights without a graph, and there is no config.json beside it\n  hint: put the model's config.json there, \
             pass `config`, or load a Hadal file or an ONNX file",
        ));
    };
    let config = nn::BertConfig::from_json(config).map_err(thrown)?;
    let bert = nn::Bert::new(&nn::Scope::weights(weights), &config).map_err(thrown)?;
    bert.model_async().await.map_err(thrown)
}

#[wasm_bindgen]
extern "C" {
    /// `Pieces` of the other half: bytes in order.
    pub type Pieces;

    #[wasm_bindgen(method, catch)]
    async fn next(this: &Pieces, bytes: f64) -> Result<JsValue, JsValue>;
}

/// What arrives, for a backend.
pub(crate) struct Arrival {
    tensors: Vec<Arriving>,
    pieces: Pieces,
    /// Why nothing more came, as the other half said it.
    pub(crate) failure: Option<JsValue>,
}

impl Arrival {
    pub(crate) fn new(tensors: Vec<Arriving>, pieces: Pieces) -> Arrival {
        Arrival { tensors, pieces, failure: None }
    }
}

impl WeightStream for Arrival {
    fn tensors(&self) -> &[Arriving] {
        &self.tensors
    }

    fn next(&mut self, bytes: usize) -> DeviceFuture<'_, Vec<u8>> {
        Box::pin(async move {
            match self.pieces.next(bytes as f64).await {
                Ok(piece) => Ok(Uint8Array::new(&piece).to_vec()),
                Err(error) => {
                    self.failure = Some(error);
                    Err(DeviceError::Weights("the file did not arrive".into()))
                }
            }
        })
    }
}
