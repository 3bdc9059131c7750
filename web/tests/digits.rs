//! Training of digits on the native cpu backend: its losses are what a browser has to reach.

use hadal::Device;
use hadal_web::digits::{Digits, PIXELS, losses_on_bars};

/// The losses that `tests/browser/training.mjs` compares with, too.
#[test]
fn the_first_losses_are_those_of_the_golden_file() {
    let device = Device::open("cpu").unwrap();
    let losses = pollster::block_on(losses_on_bars(&device, 20)).unwrap();
    let expected: Vec<f32> = serde_json::from_str(include_str!("golden/losses_on_bars.json")).unwrap();
    assert_eq!(losses.len(), expected.len(), "{losses:?}");
    for (a, b) in losses.iter().zip(&expected) {
        assert!((a - b).abs() <= 1e-4, "{losses:?}");
    }
    assert!(losses[19] < 0.5 * losses[0], "{losses:?}");
}

#[test]
fn probabilities_sum_to_one_and_weights_are_a_file() {
    let device = Device::open("cpu").unwrap();
    let digits = Digits::new(&device, 7).unwrap();
    let probabilities = pollster::block_on(digits.probabilities(&[0.5; 3 * PIXELS])).unwrap();
    assert_eq!(probabilities.len(), 30);
    assert!((probabilities.iter().sum::<f32>() - 3.0).abs() < 1e-4);
    let file = pollster::block_on(digits.save()).unwrap();
    let hadal::formats::Loaded::Weights(file) =
        hadal::formats::load_bytes(hadal::graph::Bytes::new(file)).unwrap()
    else {
        panic!("the file is no safetensors file");
    };
    assert_eq!(
        file.names().collect::<Vec<_>>(),
        ["classes.bias", "classes.weight", "hidden.bias", "hidden.weight"]
    );
}

#[test]
fn images_that_do_not_fit_are_refused() {
    let device = Device::open("cpu").unwrap();
    let digits = Digits::new(&device, 7).unwrap();
    assert!(pollster::block_on(digits.step(&[0.0; PIXELS + 1], &[1])).is_err());
    assert!(pollster::block_on(digits.probabilities(&[0.0; 5])).is_err());
}
