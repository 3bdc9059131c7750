//! The model of the traces: two small layers, and the data in `optimizers.json`.

use crate::reference::reference;
use hadal::{Device, Result, Tensor, Variable};
use serde_json::Value;

/// `tanh(x w + b) v`.
pub(crate) struct Model {
    pub(crate) w: Variable,
    pub(crate) b: Variable,
    pub(crate) v: Variable,
    pub(crate) x: Tensor,
    pub(crate) y: Tensor,
}

impl Model {
    pub(crate) fn new(device: &Device) -> Result<Model> {
        let problem = &traces()["problem"];
        let tensor = |name: &str, shape: &[usize]| Tensor::new(device, &numbers(&problem[name]), shape);
        let variable = |name: &str, shape: &[usize]| Variable::new(name, &tensor(name, shape)?);
        Ok(Model {
            w: variable("w", &[3, 4])?,
            b: variable("b", &[4])?,
            v: variable("v", &[4, 2])?,
            x: tensor("x", &[8, 3])?,
            y: tensor("y", &[8, 2])?,
        })
    }

    pub(crate) fn variables(&self) -> Vec<&Variable> {
        vec![&self.w, &self.b, &self.v]
    }

    pub(crate) fn loss(&self, x: &Tensor, y: &Tensor) -> Result<Tensor> {
        let hidden = (x.matmul(&self.w.get()?)? + self.b.get()?)?.tanh()?;
        (hidden.matmul(&self.v.get()?)? - y)?.sqr()?.mean(&[])
    }
}

/// The reference, and every backend of this build with a device.
pub(crate) fn devices() -> Vec<Device> {
    let mut devices = vec![reference()];
    #[cfg(feature = "cpu")]
    devices.push(Device::open("cpu").expect("a machine has a cpu"));
    #[cfg(feature = "wgpu")]
    match Device::open("wgpu") {
        Ok(device) => devices.push(device),
        Err(error) if std::env::var_os("CI").is_some() => panic!("{error}"),
        Err(error) => eprintln!("wgpu is left out: {error}"),
    }
    devices
}

pub(crate) fn traces() -> Value {
    serde_json::from_str(include_str!("optimizers.json")).expect("make.py writes JSON")
}

pub(crate) fn numbers(value: &Value) -> Vec<f32> {
    let list = value.as_array().expect("a list of numbers");
    list.iter().map(|n| n.as_f64().expect("a number") as f32).collect()
}
