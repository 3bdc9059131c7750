//! What augmentation does, and that it depends on seed, epoch and index alone.

mod golden;

use hadal_data::augment::{self, IGNORED, MaskTokens, Mixup, Transform};
use hadal_data::{DataError, DataLoader, Dataset, Random, Sample, TensorDataset};
use hadal_graph::{DType, HostTensor, Scalar};

fn image(channels: usize, height: usize, width: usize) -> HostTensor {
    let count = channels * height * width;
    HostTensor::new([channels, height, width], &(1..=count).map(|v| v as u8).collect::<Vec<_>>()).unwrap()
}

fn apply(transform: &Transform, value: HostTensor, address: u64) -> Result<HostTensor, DataError> {
    transform(Sample::new().with("x", value), &mut Random::new(1).at(&[address]))?.take("x")
}

#[test]
fn crops_are_windows_of_the_padded_image() {
    let source = image(2, 4, 5);
    let padded = |channel: usize, y: i32, x: i32| match ((0..4).contains(&y), (0..5).contains(&x)) {
        (true, true) => source.to_vec::<u8>().unwrap()[channel * 20 + y as usize * 5 + x as usize],
        _ => 0,
    };
    let crop = augment::random_crop("x", 3, 5, 1);
    let mut seen = std::collections::BTreeSet::new();
    for address in 0..200 {
        let found = apply(&crop, source.clone(), address).unwrap();
        assert_eq!(found.shape(), [2, 3, 5]);
        let found = found.to_vec::<u8>().unwrap();
        let window = |top: i32, left: i32| -> Vec<u8> {
            let rows = (0..2).flat_map(|c| (0..3).map(move |y| (c, y)));
            rows.flat_map(|(c, y)| (0..5).map(move |x| (c, y, x)))
                .map(|(c, y, x)| padded(c, top + y, left + x))
                .collect()
        };
        let places = (-1..=2).flat_map(|top| (-1..=1).map(move |left| (top, left)));
        let place = places.into_iter().find(|&(top, left)| window(top, left) == found);
        seen.insert(place.expect("no window of the image"));
    }
    assert_eq!(seen.len(), 12);
    let error = apply(&augment::random_crop("x", 9, 9, 1), source, 0).unwrap_err().to_string();
    assert!(error.contains("`x`") && error.contains("at least 9 × 9 with 1"), "{error}");
}

#[test]
fn flips_mirror_half_of_the_images() {
    let source = image(1, 2, 3);
    assert_eq!(augment::flip(&source).unwrap().to_vec::<u8>().unwrap(), [3, 2, 1, 6, 5, 4]);
    let flip = augment::random_flip("x", 0.5);
    let flipped = (0..1000).filter(|&a| apply(&flip, source.clone(), a).unwrap() != source).count();
    assert!(flipped.abs_diff(500) < 60, "{flipped}");
    assert_eq!(augment::flip(&augment::flip(&source).unwrap()).unwrap(), source);
    assert!(augment::flip(&HostTensor::new([3], &[1u8; 3]).unwrap()).is_err());
}

#[test]
fn cutout_blackens_a_square() {
    let source = image(2, 8, 8);
    let cut = augment::cutout("x", 3);
    let mut counts = std::collections::BTreeSet::new();
    for address in 0..100 {
        let found = apply(&cut, source.clone(), address).unwrap().to_vec::<u8>().unwrap();
        let black = |channel: usize| {
            found[64 * channel..64 * (channel + 1)].iter().map(|&v| v == 0).collect::<Vec<_>>()
        };
        assert_eq!(black(0), black(1));
        counts.insert(black(0).iter().filter(|b| **b).count());
        let kept = found.iter().zip(1..).all(|(&v, at)| v == 0 || usize::from(v) == at);
        assert!(kept);
    }
    // Whole, cut off at one side, cut off at a corner.
    assert_eq!(counts.into_iter().collect::<Vec<_>>(), [4, 6, 9]);
}

#[test]
fn normalising_is_that_of_torchvision() {
    let normalise = augment::normalise("x", &[0.5, 0.25], &[0.5, 2.0]);
    let bytes = HostTensor::new([2, 1, 2], &[0u8, 255, 51, 102]).unwrap();
    let found = apply(&normalise, bytes, 0).unwrap().to_vec::<f32>().unwrap();
    for (found, expected) in found.iter().zip([-1.0, 1.0, -0.025, 0.075]) {
        assert!((found - expected).abs() < 1e-6, "{found} for {expected}");
    }
    assert!(apply(&normalise, image(3, 1, 1), 0).unwrap_err().to_string().contains("3 channels"));
    assert!(apply(&augment::normalise("x", &[0.0], &[0.0]), image(1, 1, 1), 0).is_err());
}

#[cfg(feature = "image")]
#[test]
fn colours_change_as_in_pillow() {
    use hadal_data::images::{Colour, read};
    let expected = golden::json("images.json");
    let source = read(golden::path("images/bags/rgb.png"), Colour::Rgb).unwrap();
    type Adjust = fn(&HostTensor, f32) -> Result<HostTensor, DataError>;
    let kinds: [(&str, Adjust); 3] = [
        ("Brightness", augment::adjust_brightness),
        ("Contrast", augment::adjust_contrast),
        ("Color", augment::adjust_saturation),
    ];
    for (name, adjust) in kinds {
        for factor in [0.4, 1.7] {
            let found = adjust(&source, factor).unwrap().to_f64();
            let expected = golden::floats(&expected[format!("{name} {factor}")]);
            let difference = found.iter().zip(&expected).map(|(a, b)| (a - b).abs()).fold(0.0, f64::max);
            // Pillow truncates, rounds its grey to a byte, and multiplies that by up to 0.7.
            assert!(difference <= 1.5, "{name} {factor}: {difference}");
            assert_ne!(found, source.to_f64());
        }
    }
    let jitter = augment::colour_jitter("x", 0.5, 0.5, 0.5);
    assert_ne!(apply(&jitter, source.clone(), 0).unwrap(), apply(&jitter, source.clone(), 1).unwrap());
    assert_eq!(apply(&augment::colour_jitter("x", 0.0, 0.0, 0.0), source.clone(), 0).unwrap(), source);
    assert!(apply(&augment::colour_jitter("x", -1.0, 0.0, 0.0), source, 0).is_err());
}

#[test]
fn mixup_mixes_images_and_labels_alike() {
    let images: Vec<f32> = (0..8).map(|i| if i % 2 == 0 { 0.0 } else { 1.0 }).collect();
    let labels: Vec<i32> = (0..8).map(|i| i % 2).collect();
    let fields = Sample::new()
        .with("image", HostTensor::new([8, 1, 1, 1], &images).unwrap())
        .with("label", HostTensor::new([8], &labels).unwrap());
    let dataset = TensorDataset::new(fields).unwrap();
    let mixed = Mixup::new(dataset.clone(), "image", "label", 2, 1.0, 5).unwrap();
    let mut between = 0;
    for epoch in 0..20 {
        for index in 0..8 {
            let sample = mixed.get(index, epoch).unwrap();
            let (image, label) =
                (sample.field("image").unwrap().to_f64(), sample.field("label").unwrap().to_f64());
            // The image is the probability of class 1.
            assert!((image[0] - label[1]).abs() < 1e-6 && (label[0] + label[1] - 1.0).abs() < 1e-6);
            between += usize::from(label[0] > 0.01 && label[1] > 0.01);
        }
    }
    assert!((40..120).contains(&between), "{between}");
    assert!(Mixup::new(dataset.clone(), "image", "label", 2, 0.0, 5).is_err());
    let narrow = Mixup::new(dataset, "image", "label", 1, 1.0, 5).unwrap();
    assert!((0..8).any(|i| narrow.get(i, 0).is_err()));
}

#[test]
fn masking_follows_bert() {
    let tokens: Vec<i32> = (0..20_000).map(|i| if i % 100 == 0 { 1 } else { 10 + i % 50 }).collect();
    let source = HostTensor::new([tokens.len()], &tokens).unwrap();
    let transform = MaskTokens::new("x", 3, 1000).keep([1]).transform();
    let sample = transform(Sample::new().with("x", source), &mut Random::new(1)).unwrap();
    let masked = sample.field("x").unwrap().to_vec::<i32>().unwrap();
    let labels = sample.field("labels").unwrap().to_vec::<i32>().unwrap();
    let [mut chosen, mut hidden, mut same] = [0usize; 3];
    for ((&before, &after), &label) in tokens.iter().zip(&masked).zip(&labels) {
        if label == IGNORED {
            assert_eq!(before, after);
            continue;
        }
        assert!(label == before && before != 1);
        chosen += 1;
        hidden += usize::from(after == 3);
        same += usize::from(after == before);
    }
    // Within four standard deviations.
    assert!(chosen.abs_diff(19_800 * 15 / 100) < 202, "{chosen}");
    assert!(
        hidden.abs_diff(chosen * 8 / 10) < 88 && same.abs_diff(chosen / 10) < 66,
        "{chosen} {hidden} {same}"
    );
}

#[test]
fn dropout_of_tokens() {
    let source = HostTensor::new([1000], &(0..1000i64).collect::<Vec<_>>()).unwrap();
    let taken = apply(&augment::token_dropout("x", 0.2, None), source.clone(), 0).unwrap();
    assert_eq!(taken.dtype(), DType::I64);
    assert!(taken.elements().abs_diff(800) < 52, "{}", taken.elements());
    assert!(taken.to_vec::<i64>().unwrap().is_sorted());
    let replaced = apply(&augment::token_dropout("x", 0.2, Some(-7)), source.clone(), 0).unwrap();
    assert_eq!(replaced.elements(), 1000);
    let count = replaced.to_vec::<i64>().unwrap().iter().filter(|t| **t == -7).count();
    assert!(count.abs_diff(200) < 52, "{count}");
    assert_eq!(apply(&augment::token_dropout("x", 1.0, None), source, 0).unwrap().elements(), 1);
    assert!(apply(&augment::token_dropout("x", 0.5, None), image(1, 1, 1), 0).is_err());
}

#[test]
fn augmentation_does_not_depend_on_workers_or_order() {
    let images =
        HostTensor::from_scalars(DType::U8, [32, 1, 6, 6], (0..1152).map(|v| Scalar::Int(v % 251))).unwrap();
    let dataset = TensorDataset::new(Sample::new().with("x", images)).unwrap();
    let augmented = std::sync::Arc::new(dataset.augment(
        3,
        augment::chain([
            augment::random_crop("x", 6, 6, 2),
            augment::random_flip("x", 0.5),
            augment::cutout("x", 2),
            augment::colour_jitter("x", 0.2, 0.2, 0.0),
            augment::normalise("x", &[0.3], &[0.4]),
        ]),
    ));
    let load = |workers: usize, shuffle: Option<u64>| {
        let builder = DataLoader::builder(augmented.clone()).batch_size(5).workers(workers);
        let builder = match shuffle {
            Some(seed) => builder.shuffle(seed),
            None => builder,
        };
        let loader = builder.build().unwrap();
        let mut rows = std::collections::BTreeMap::new();
        for batch in (0..2).flat_map(|epoch| loader.epoch(epoch)) {
            let batch = batch.unwrap();
            let values = batch.field("x").unwrap().to_vec::<f32>().unwrap();
            for (index, row) in batch.indices.iter().zip(values.chunks(36)) {
                let bits: Vec<u32> = row.iter().map(|v| v.to_bits()).collect();
                rows.insert((batch.position.epoch, *index), bits);
            }
        }
        rows
    };
    let alone = load(0, None);
    assert_eq!(alone.len(), 64);
    assert_ne!(alone[&(0, 5)], alone[&(1, 5)]);
    assert_eq!(alone, load(4, None));
    assert_eq!(alone, load(2, Some(9)));
}
