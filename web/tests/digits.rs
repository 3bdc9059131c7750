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

/// Real digits, written by 43 people, as scikit-learn has them: 8 × 8 numbers of 0 to 16 and a label. `None` at home where they have not been fetched.
fn real_digits() -> Option<(Vec<f32>, Vec<i32>)> {
    let folder = std::env::var_os("HADAL_TEST_DATA").map(std::path::PathBuf::from);
    let file = folder.map(|folder| folder.join("sklearn/datasets/data/digits.csv.gz"));
    let Some(file) = file.filter(|file| file.is_file()) else {
        assert!(
            std::env::var_os("CI").is_none(),
            "the digits are not in HADAL_TEST_DATA: cargo xtask test browser-parts"
        );
        eprintln!("left out: the digits are not in HADAL_TEST_DATA");
        return None;
    };
    let mut text = String::new();
    let mut reader = flate2::read::GzDecoder::new(std::fs::File::open(file).unwrap());
    std::io::Read::read_to_string(&mut reader, &mut text).unwrap();
    let (mut images, mut labels) = (Vec::new(), Vec::new());
    for line in text.lines() {
        let numbers: Vec<f32> = line.split(',').map(|number| number.parse().unwrap()).collect();
        images.extend((0..PIXELS).map(|at| numbers[at / 28 * 8 / 28 * 8 + at % 28 * 8 / 28] / 16.0));
        labels.push(numbers[64] as i32);
    }
    Some((images, labels))
}

/// The losses that `tests/browser/training.mjs` compares with on both backends.
#[test]
fn the_first_losses_on_real_digits_are_those_of_the_golden_file() {
    let Some((images, labels)) = real_digits() else { return };
    let device = Device::open("cpu").unwrap();
    let digits = Digits::new(&device, 42).unwrap();
    let mut losses = Vec::new();
    for step in 0..20 {
        let batch = 32 * step..32 * (step + 1);
        let images = &images[PIXELS * batch.start..PIXELS * batch.end];
        losses.push(pollster::block_on(digits.step(images, &labels[batch])).unwrap());
    }
    let expected: Vec<f32> = serde_json::from_str(include_str!("golden/losses_on_digits.json")).unwrap();
    assert_eq!(losses.len(), expected.len(), "{losses:?}");
    for (a, b) in losses.iter().zip(&expected) {
        assert!((a - b).abs() <= 1e-4, "{losses:?}");
    }
    assert!(losses[19] < 0.6 * losses[0], "{losses:?}");
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
