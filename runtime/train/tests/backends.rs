//! The recipe `fashion-mnist-cnn` on a part of its images: what it learns on wgpu is what it learns on cpu.

use hadal::Device;
use hadal_train::recipe::{DataSpec, Given, Trained, train};
use hadal_train::{Callback, Recipe};

/// Images that are used, and how many of them are held out.
const IMAGES: usize = 9000;
const HELD_OUT: usize = 500;

struct Unwatched;

impl Callback for Unwatched {}

fn run(device: &Device) -> hadal_train::Result<Trained> {
    let mut recipe = Recipe::builtin("fashion-mnist-cnn")?;
    recipe.data = DataSpec::FashionMnist { held_out: HELD_OUT, limit: Some(IMAGES) };
    recipe.training.epochs = 1;
    train(&recipe, device, &Given::default(), Unwatched)
}

/// Of all test images. Above 75 %, which these steps reach.
fn accuracy(trained: &Trained) -> f64 {
    let found = trained.test.iter().find(|(name, _)| *name == "accuracy").expect("a classifier's accuracy").1;
    assert!(found > 0.75, "nothing was learnt: {found}");
    found
}

#[test]
fn the_cnn_learns_on_wgpu_what_it_learns_on_cpu() -> hadal_train::Result<()> {
    let required = std::env::var_os("CI").is_some();
    if !required && hadal_data::fashion_mnist::folder().is_err() {
        println!("left out: Fashion-MNIST is not installed");
        return Ok(());
    }
    let wgpu = match Device::open("wgpu") {
        Err(error) if !required => {
            println!("left out: {error}");
            return Ok(());
        }
        device => device?,
    };
    let cpu = run(&Device::open("cpu")?)?;
    let wgpu = run(&wgpu)?;
    let [on_cpu, on_wgpu] = [accuracy(&cpu), accuracy(&wgpu)];
    println!("after {} steps: {on_cpu} on cpu, {on_wgpu} on wgpu", cpu.steps);
    assert_eq!(cpu.steps, wgpu.steps);
    assert!((on_cpu - on_wgpu).abs() <= 0.003, "{on_cpu} on cpu, {on_wgpu} on wgpu");
    Ok(())
}
