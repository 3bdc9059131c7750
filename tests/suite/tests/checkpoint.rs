//! What checkpoints save: the arena of a training step through twelve transformer layers, with and without.

mod fresh_devices;

use fresh_devices::devices;
use hadal::{Device, Result, Tensor, Variable, checkpoint, grad, jit};

const LAYERS: usize = 12;
const WIDTH: usize = 64;
const HEADS: usize = 4;
const BATCH: usize = 4;
const SEQ: usize = 64;

/// One layer: causal attention and a feed-forward network, each behind a layer norm and beside the residual stream.
struct Layer {
    qkv: Variable,
    out: Variable,
    up: Variable,
    down: Variable,
    scale: Variable,
    shift: Variable,
}

impl Layer {
    fn new(device: &Device, seed: u64) -> Result<Layer> {
        let weight = |name: &str, shape: [usize; 2], seed: u64| {
            Variable::new(name, &(Tensor::randn(device, shape, seed)? * 0.1)?)
        };
        Ok(Layer {
            qkv: weight("qkv", [WIDTH, 3 * WIDTH], seed)?,
            out: weight("out", [WIDTH, WIDTH], seed + 1)?,
            up: weight("up", [WIDTH, 4 * WIDTH], seed + 2)?,
            down: weight("down", [4 * WIDTH, WIDTH], seed + 3)?,
            scale: Variable::new("scale", &Tensor::ones(device, [WIDTH], hadal::DType::F32)?)?,
            shift: Variable::new("shift", &Tensor::zeros(device, [WIDTH], hadal::DType::F32)?)?,
        })
    }

    fn variables(&self) -> [&Variable; 6] {
        [&self.qkv, &self.out, &self.up, &self.down, &self.scale, &self.shift]
    }

    fn norm(&self, x: &Tensor) -> Result<Tensor> {
        x.layer_norm(&self.scale.get()?, &self.shift.get()?, 1e-5)
    }

    fn forward(&self, x: &Tensor) -> Result<Tensor> {
        let qkv = self.norm(x)?.matmul(&self.qkv.get()?)?;
        let heads = |i: usize| {
            let part = qkv.narrow(-1, i * WIDTH, WIDTH)?;
            part.reshape([BATCH, SEQ, HEADS, WIDTH / HEADS])?.permute(&[0, 2, 1, 3])
        };
        let attended = heads(0)?.attention(&heads(1)?, &heads(2)?, None, true)?;
        let merged = attended.permute(&[0, 2, 1, 3])?.reshape([BATCH, SEQ, WIDTH])?;
        let x = (x + merged.matmul(&self.out.get()?)?)?;
        let hidden = self.norm(&x)?.matmul(&self.up.get()?)?.gelu()?;
        &x + hidden.matmul(&self.down.get()?)?
    }
}

/// The bytes of the arena of a step, and its gradients.
fn step(device: &Device, layers: &[Layer], checkpoints: bool) -> Result<(u64, Vec<Vec<f32>>)> {
    let step = jit(device, |x: &[Tensor]| {
        let mut x = x[0].clone();
        for layer in layers {
            x = match checkpoints {
                true => checkpoint(&[&x], |x| Ok(vec![layer.forward(&x[0])?]))?.remove(0),
                false => layer.forward(&x)?,
            };
        }
        let loss = (&x * &x)?.mean(&[])?;
        let variables: Vec<&Variable> = layers.iter().flat_map(Layer::variables).collect();
        grad(&loss, &variables)
    });
    let x = Tensor::randn(device, [BATCH, SEQ, WIDTH], 1)?;
    let gradients = step.call(&[&x])?.iter().map(|g| g.to_vec::<f32>()).collect::<Result<_>>()?;
    Ok((step.plan().unwrap()?.arena_bytes, gradients))
}

#[test]
fn twelve_checkpointed_layers_need_at_most_three_fifths_of_the_arena() -> Result<()> {
    for device in devices() {
        let layers: Vec<Layer> =
            (0..LAYERS).map(|i| Layer::new(&device, 10 * i as u64)).collect::<Result<_>>()?;
        let (kept, expected) = step(&device, &layers, false)?;
        let (recomputed, gradients) = step(&device, &layers, true)?;
        let share = recomputed as f64 / kept as f64;
        println!("{device}: arena {kept} bytes, with checkpoints {recomputed}: {:.0} %", 100.0 * share);
        assert!(share <= 0.6, "{device}: {share}");
        for (a, b) in gradients.iter().zip(&expected) {
            let largest = b.iter().fold(0f32, |m, x| m.max(x.abs()));
            for (a, b) in a.iter().zip(b) {
                assert!((a - b).abs() <= 2e-5 * largest, "{device}: {a} is not {b}");
            }
        }
        assert!(expected.iter().all(|g| g.iter().any(|x| x.abs() > 1e-8)), "a gradient is zero");
    }
    Ok(())
}
