//! A transformer learns a verse by heart and says it: `cargo run --release --example transformer`.

use hadal::nn::{AttentionMask, AttentionOptions, Embedding, Linear, Module, Rope, Scope};
use hadal::nn::{TransformerEncoder, TransformerOptions};
use hadal::optim::{Adam, AdamOptions};
use hadal::{Device, Result, Tensor, jit};

const VERSE: &str = "In the beginning God created the heaven and the earth.";

fn main() -> Result<()> {
    let device = Device::open("auto")?;
    let scope = Scope::random(&device, 0);
    let attention = AttentionOptions { heads: 4, rope: Some(Rope::default()), ..AttentionOptions::default() };
    let sizes = TransformerOptions::new(32, 4);
    let options = TransformerOptions { inner: 64, dropout: 0.0, norm_first: true, attention, ..sizes };
    let embedding = Embedding::new(&scope.at("embedding"), 128, 32)?;
    let blocks = TransformerEncoder::new(&scope.at("blocks"), 2, &options, true)?;
    let model = (embedding, blocks, Linear::new(&scope.at("output"), 32, 128)?);
    let hidden = |codes: &Tensor| model.1.forward(&model.0.forward(codes)?, &AttentionMask::CAUSAL);
    let scores = |codes: &Tensor| model.2.forward(&hidden(codes)?);
    let adam = Adam::new(&model.variables(), 1e-2, AdamOptions::default())?;
    let codes: Vec<i64> = VERSE.bytes().map(i64::from).collect();
    let text = Tensor::new(&device, &codes, [1, codes.len()])?;
    let (input, next) = (text.slice(1, 0, -1, 1)?, text.slice(1, 1, codes.len() as i64, 1)?.squeeze(0)?);
    let step = jit(&device, |given: &[Tensor]| {
        adam.step(scores(&given[0])?.squeeze(0)?.cross_entropy(&given[1])?.mean(&[])?.backward()?)?;
        Ok(vec![])
    });
    (0..100).try_for_each(|_| step.call(&[&input, &next]).map(drop))?;
    let mut said = vec![codes[0]];
    while said.len() < codes.len() {
        let likeliest = scores(&Tensor::new(&device, &said, [1, said.len()])?)?.argmax(-1)?;
        said.extend(likeliest.to_vec::<i64>()?.last());
    }
    println!("{}", said.iter().map(|&code| code as u8 as char).collect::<String>());
    assert_eq!(said, codes);
    Ok(())
}
