//! Training in the tab, as the worker calls it.

use crate::digits::Digits;
use crate::engine::Engine;
use crate::error::thrown;
use wasm_bindgen::prelude::*;

/// A network of digits on a device: see [`Digits`].
#[wasm_bindgen]
pub struct DigitTrainer {
    digits: Digits,
}

#[wasm_bindgen]
impl DigitTrainer {
    /// A fresh network. Errors: `out_of_memory`.
    #[wasm_bindgen(constructor)]
    pub fn new(engine: &Engine, seed: u32) -> Result<DigitTrainer, JsValue> {
        Ok(DigitTrainer { digits: Digits::new(engine.device(), seed.into()).map_err(thrown)? })
    }

    /// One step; returns the loss. Errors: `input`.
    pub async fn step(&self, images: Vec<f32>, labels: Vec<i32>) -> Result<f32, JsValue> {
        self.digits.step(&images, &labels).await.map_err(thrown)
    }

    /// Ten probabilities for each image. Errors: `input`.
    pub async fn probabilities(&self, images: Vec<f32>) -> Result<Vec<f32>, JsValue> {
        self.digits.probabilities(&images).await.map_err(thrown)
    }

    /// The weights as a safetensors file.
    pub async fn save(&self) -> Result<Vec<u8>, JsValue> {
        self.digits.save().await.map_err(thrown)
    }
}
