//! Data sets made of others.

use hadal_data::{ConcatDataset, DataError, Dataset, Sample, Subset, TensorDataset};
use hadal_graph::{DType, HostTensor, Scalar};

fn numbers(from: i32, len: usize) -> TensorDataset {
    let values: Vec<i32> = (from..).take(len).collect();
    TensorDataset::new(Sample::new().with("x", HostTensor::new([len], &values).unwrap())).unwrap()
}

fn value(dataset: &dyn Dataset, index: usize) -> f64 {
    dataset.get(index, 0).unwrap().field("x").unwrap().to_f64()[0]
}

#[test]
fn parts_one_after_another() {
    let parts: Vec<Box<dyn Dataset>> =
        vec![Box::new(numbers(0, 3)), Box::new(numbers(3, 0)), Box::new(numbers(3, 2))];
    let all = ConcatDataset::new(parts).unwrap();
    assert_eq!(all.len(), 5);
    assert_eq!((0..5).map(|i| value(&all, i)).collect::<Vec<_>>(), [0.0, 1.0, 2.0, 3.0, 4.0]);
    assert!(matches!(all.get(5, 0), Err(DataError::Index { index: 5, len: 5 })));
    assert!(ConcatDataset::new(Vec::new()).unwrap().is_empty());
}

#[test]
fn samples_in_a_list() {
    let samples: Vec<Sample> = (0..3).map(|i| numbers(i, 3).get(0, 0).unwrap()).collect();
    assert_eq!(Dataset::len(&samples), 3);
    assert_eq!(value(&samples, 2), 2.0);
    assert!(samples.get(3, 0).is_err());
}

#[test]
fn subsets_and_maps() {
    let subset = Subset::new(numbers(10, 5), vec![4, 0, 4]).unwrap();
    assert_eq!((0..3).map(|i| value(&subset, i)).collect::<Vec<_>>(), [14.0, 10.0, 14.0]);
    assert!(matches!(Subset::new(numbers(0, 5), vec![5]), Err(DataError::Index { index: 5, len: 5 })));
    assert_eq!(Subset::first(numbers(0, 5), 9).len(), 5);
    let doubled = subset.map(|mut sample| {
        let x = sample.take("x")?.to_f64()[0];
        Ok(sample.with("x", HostTensor::scalar(DType::I32, Scalar::Int(2 * x as i128))))
    });
    assert_eq!(value(&doubled, 1), 20.0);
    assert!(doubled.get(3, 0).is_err());
}

#[test]
fn a_split_depends_on_its_seed_alone() {
    let indices = |seed| numbers(0, 100).split(0.25, seed).unwrap().1.indices().to_vec();
    assert_eq!(indices(1).len(), 25);
    assert_eq!(indices(1), indices(1));
    assert_ne!(indices(1), indices(2));
    assert!(numbers(0, 3).split(1.5, 0).is_err());
    assert!(numbers(0, 3).split(f64::NAN, 0).is_err());
    let (rest, share) = numbers(0, 3).split(1.0, 0).unwrap();
    assert_eq!((rest.len(), share.len()), (0, 3));
}

#[test]
fn augmentation_follows_the_sample_into_subsets() {
    let augmented = numbers(0, 10).augment(3, |sample, random| {
        Ok(sample.with("x", HostTensor::scalar(DType::I32, Scalar::Int(random.below(1 << 20) as i128))))
    });
    let eighth = value(&augmented, 8);
    assert_ne!(augmented.get(8, 0).unwrap(), augmented.get(8, 1).unwrap());
    let subset = Subset::new(augmented, vec![8]).unwrap();
    assert_eq!(value(&subset, 0), eighth);
}

#[test]
fn tensors_must_have_equally_many_rows() {
    let two = |a: &[usize], b: &[usize]| {
        let fields = Sample::new()
            .with("a", HostTensor::full(DType::F32, a, Scalar::Float(0.0)))
            .with("b", HostTensor::full(DType::F32, b, Scalar::Float(0.0)));
        TensorDataset::new(fields)
    };
    assert!(two(&[3, 2], &[3]).is_ok());
    let error = two(&[3, 2], &[2]).unwrap_err().to_string();
    assert!(error.contains("`b`") && error.contains("2 rows") && error.contains('3'), "{error}");
    assert!(two(&[3], &[]).unwrap_err().to_string().contains("scalar"));
    assert_eq!(two(&[0, 2], &[0]).unwrap().len(), 0);
    assert_eq!(two(&[4, 0], &[4]).unwrap().get(3, 0).unwrap().field("a").unwrap().shape(), [0]);
}
