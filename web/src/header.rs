//! What a file says without its large weights, and those weights as they arrive.

use crate::error::{coded, thrown};
use hadal::backend::{Arriving, DeviceError, DeviceFuture, WeightStream};
use hadal::formats::hadal_file;
use hadal::formats::onnx::Sifted;
use hadal::formats::safetensors::Outline;
use hadal::graph::{Bytes, Graph};
use hadal::{nn, stream};
use js_sys::Uint8Array;
use wasm_bindgen::prelude::*;

/// What a file says of itself without its large weights.
#[wasm_bindgen]
pub struct Header {
    kind: Kind,
}

enum Kind {
    /// A Hadal file or a safetensors file, before its data; without a graph where there are weights alone.
    Outlined(Outline, Option<Graph>),
    /// An ONNX file without its large weights.
    Sifted(Sifted),
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
        Ok(Header { kind: Kind::Outlined(outline, graph) })
    }

    /// Whether the weights can go to a device as they arrive: a model with state has to be held first.
    #[wasm_bindgen(getter, js_name = canStream)]
    pub fn can_stream(&self) -> bool {
        match &self.kind {
            Kind::Outlined(_, graph) => graph.as_ref().is_none_or(stream::can_stream),
            Kind::Sifted(model) => stream::can_stream(&model.graph),
        }
    }

    /// Whether there are weights without a graph, so that a `config.json` has to say what they are.
    #[wasm_bindgen(getter, js_name = needsConfig)]
    pub fn needs_config(&self) -> bool {
        matches!(self.kind, Kind::Outlined(_, None))
    }

    /// Of an ONNX file: where its large weights begin and how many bytes they have, one after another, in the order in which they are wanted.
    #[wasm_bindgen(getter)]
    pub fn places(&self) -> Vec<f64> {
        let Kind::Sifted(model) = &self.kind else { return Vec::new() };
        let place = |tensor: &hadal::formats::onnx::Apart| {
            let bytes = tensor.shape.iter().product::<usize>() * tensor.dtype.size();
            [tensor.offset as f64, bytes as f64]
        };
        model.apart.iter().flat_map(place).collect()
    }
}

impl Header {
    /// An ONNX file without its large weights.
    pub(crate) fn sifted(model: Sifted) -> Header {
        Header { kind: Kind::Sifted(model) }
    }

    /// The graph, by `config` where the file has none, the tensors in their order, and the bytes of those of them that are here already, which are the first.
    ///
    /// Errors: `format`, `unsupported`.
    pub(crate) async fn into_parts(
        self,
        config: Option<&str>,
    ) -> Result<(Graph, Vec<Arriving>, Vec<Bytes>), JsValue> {
        match self.kind {
            Kind::Outlined(outline, graph) => {
                let tensors = stream::arriving(&outline);
                let graph = match graph {
                    Some(graph) => graph,
                    None => {
                        let weights = nn::Weights::from_outline(&outline).map_err(thrown)?;
                        described(&weights, config).await?.graph().clone()
                    }
                };
                Ok((graph, tensors, Vec::new()))
            }
            Kind::Sifted(Sifted { graph, weights, apart }) => {
                let (mut tensors, mut held) = (Vec::new(), Vec::new());
                for (name, value) in weights {
                    tensors.push(Arriving { name, dtype: value.dtype(), shape: value.shape().to_vec() });
                    held.push(value.bytes().clone());
                }
                tensors.extend(apart.into_iter().map(|t| Arriving {
                    name: t.name,
                    dtype: t.dtype,
                    shape: t.shape,
                }));
                Ok((graph, tensors, held))
            }
        }
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
    /// The bytes of the first tensors, which came before: all of them, one tensor after another.
    held: std::vec::IntoIter<Bytes>,
    /// The rest of one of them.
    rest: Bytes,
    pieces: Pieces,
    /// Why nothing more came, as the other half said it.
    pub(crate) failure: Option<JsValue>,
}

impl Arrival {
    pub(crate) fn new(tensors: Vec<Arriving>, held: Vec<Bytes>, pieces: Pieces) -> Arrival {
        Arrival { tensors, held: held.into_iter(), rest: Bytes::new(Vec::new()), pieces, failure: None }
    }

    /// The next bytes, where they came before. Nobody asks for bytes of two tensors at once.
    fn take(&mut self, bytes: usize) -> Option<Vec<u8>> {
        while self.rest.is_empty() {
            self.rest = self.held.next()?;
        }
        let taken = self.rest.get(..bytes)?.to_vec();
        self.rest = self.rest.slice(bytes..self.rest.len())?;
        Some(taken)
    }
}

impl WeightStream for Arrival {
    fn tensors(&self) -> &[Arriving] {
        &self.tensors
    }

    fn next(&mut self, bytes: usize) -> DeviceFuture<'_, Vec<u8>> {
        Box::pin(async move {
            if bytes == 0 {
                return Ok(Vec::new());
            }
            if let Some(taken) = self.take(bytes) {
                return Ok(taken);
            }
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
