//! Images against Pillow's reading of them.
#![cfg(feature = "image")]

mod golden;

use hadal_data::images::{self, Colour, ImageFolder};
use hadal_data::{DataError, DataLoader, Dataset};
use hadal_graph::{DType, HostTensor};

#[test]
fn images_are_what_pillow_reads() {
    let expected = golden::json("images.json");
    for (name, expected) in expected.as_object().unwrap().iter().filter(|(name, _)| name.contains('/')) {
        for (colour, mode) in [(Colour::Grey, "L"), (Colour::Rgb, "RGB")] {
            let image = images::read(golden::path(&format!("images/{name}")), colour).unwrap();
            assert_eq!((image.dtype(), image.shape()), (DType::U8, &[colour.channels(), 13, 17][..]));
            let (found, expected) = (image.to_f64(), golden::floats(&expected[mode]));
            let difference = found.iter().zip(&expected).map(|(a, b)| (a - b).abs()).fold(0.0, f64::max);
            // PNG is exact. Decoders of JPEG round the cosine transform and the colours in their own ways.
            let allowed = if name.ends_with("jpg") { 2.0 } else { 0.0 };
            assert!(difference <= allowed, "{name} as {mode}: {difference}");
        }
    }
    let rgba = images::read(golden::path("images/coats/alpha.PNG"), Colour::Rgba).unwrap();
    assert_eq!(rgba.shape(), [4, 13, 17]);
}

#[test]
fn resizing_is_what_pillow_does() {
    let expected = golden::json("images.json");
    let image = images::read(golden::path("images/bags/rgb.png"), Colour::Rgb).unwrap();
    let floats =
        HostTensor::new([3, 13, 17], &image.to_f64().iter().map(|&v| v as f32 - 100.0).collect::<Vec<_>>());
    let floats = floats.unwrap();
    for (height, width) in [(5, 7), (40, 30), (13, 17)] {
        let expected = golden::floats(&expected[format!("{height}x{width}")]);
        let resized = images::resize(&image, height, width).unwrap();
        assert_eq!(resized.shape(), [3, height, width]);
        let of_floats = images::resize(&floats, height, width).unwrap().to_f64();
        for ((a, b), c) in resized.to_f64().iter().zip(&expected).zip(of_floats) {
            // Pillow rounds after each of its two passes.
            assert!((a - b).abs() <= 1.0, "{height} × {width}: {a} for {b}");
            assert!((c + 100.0 - b).abs() <= 1.01, "{height} × {width}: {c} for {b}");
        }
    }
    assert!(images::resize(&image, 0, 3).is_err());
    assert!(images::resize(&HostTensor::new([4], &[1u8; 4]).unwrap(), 2, 2).is_err());
}

#[test]
fn folders_are_classes() {
    let folder = ImageFolder::open(golden::path("images"), Colour::Rgb).unwrap();
    assert_eq!(folder.classes(), ["bags", "coats"]);
    let names: Vec<String> = (0..folder.len())
        .map(|i| folder.path(i).unwrap().file_name().unwrap().to_string_lossy().into_owned())
        .collect();
    assert_eq!(names, ["grey.png", "palette.png", "rgb.png", "alpha.PNG", "bits.png", "photo.jpg"]);
    let loader = DataLoader::builder(folder.clone()).batch_size(6).workers(2).build().unwrap();
    let batch = loader.epoch(0).next().unwrap().unwrap();
    assert_eq!(batch.field("image").unwrap().shape(), [6, 3, 13, 17]);
    assert_eq!(batch.field("label").unwrap().to_vec::<i32>().unwrap(), [0, 0, 0, 1, 1, 1]);
    assert!(matches!(folder.get(6, 0), Err(DataError::Index { .. })));
    let error = ImageFolder::open(golden::path("images/coats/winter"), Colour::Rgb).unwrap_err().to_string();
    assert!(error.contains("a folder for each class"), "{error}");
    assert!(ImageFolder::open("no such folder", Colour::Rgb).is_err());
}

#[test]
fn broken_images_are_errors() {
    let good = std::fs::read(golden::path("images/bags/rgb.png")).unwrap();
    assert!(images::from_bytes(&good[..good.len() / 2], Colour::Rgb).is_err());
    // A header that claims 2^30 × 2^30 pixels is not believed.
    let mut huge = good.clone();
    huge[16] = 0x40;
    huge[20] = 0x40;
    assert!(images::from_bytes(&huge, Colour::Rgb).is_err());
    assert!(images::from_bytes(b"no image", Colour::Rgb).is_err());
}
