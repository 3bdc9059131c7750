//! Order, workers, resuming, errors and the end of threads.

use hadal_data::{
    BucketSampler, DataError, DataLoader, Dataset, PadSequence, Position, Random, Sample, TensorDataset,
    WeightedSampler,
};
use hadal_graph::{DType, HostTensor, Scalar};
use proptest::prelude::*;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

/// Samples whose field `x` is their index.
fn numbers(len: usize) -> TensorDataset {
    let values: Vec<i32> = (0..len as i32).collect();
    TensorDataset::new(Sample::new().with("x", HostTensor::new([len], &values).unwrap())).unwrap()
}

/// A data set of a function.
struct Made<F>(usize, F);

impl<F: Fn(usize) -> Result<Sample, DataError> + Send + Sync> Dataset for Made<F> {
    fn len(&self) -> usize {
        self.0
    }
    fn get(&self, index: usize, _epoch: u64) -> Result<Sample, DataError> {
        (self.1)(index)
    }
}

fn number(index: usize) -> Sample {
    Sample::new().with("x", HostTensor::scalar(DType::I32, Scalar::Int(index as i128)))
}

#[test]
fn the_order_does_not_depend_on_workers() {
    let dataset = Arc::new(numbers(103).augment(5, |sample, random| {
        // What is quick for some samples and slow for others mixes up the workers.
        std::thread::sleep(Duration::from_micros(random.below(300) as u64));
        Ok(sample.with("noise", HostTensor::scalar(DType::F32, Scalar::Float(random.f32().into()))))
    }));
    let run = |workers| {
        let loader = DataLoader::builder(dataset.clone())
            .batch_size(8)
            .shuffle(11)
            .workers(workers)
            .prefetch(3)
            .build()
            .unwrap();
        let epochs = [0u64, 1, 2];
        let batches: Vec<_> = epochs.iter().flat_map(|&e| loader.epoch(e)).map(Result::unwrap).collect();
        assert_eq!(loader.statistics().batches, 39);
        assert_eq!(loader.statistics().samples, 309);
        batches
    };
    let alone = run(0);
    assert_eq!(alone.len(), 39);
    for workers in [1, 4] {
        assert!(alone == run(workers), "{workers} workers");
    }
    // Each epoch has each sample once, in an order of its own, and augments it otherwise.
    let indices = |epoch: usize| -> Vec<usize> {
        alone[13 * epoch..13 * (epoch + 1)].iter().flat_map(|b| b.indices.clone()).collect()
    };
    let mut sorted = indices(0);
    sorted.sort_unstable();
    assert_eq!(sorted, (0..103).collect::<Vec<_>>());
    assert_ne!(indices(0), indices(1));
    let noise = |epoch: usize, sample: usize| {
        let at = indices(epoch).iter().position(|&i| i == sample).unwrap();
        alone[13 * epoch + at / 8].field("noise").unwrap().to_f64()[at % 8]
    };
    assert_ne!(noise(0, 7), noise(1, 7));
    // The first samples of seed 11, so that an order once trained with stays the same.
    assert_eq!(indices(0)[..6], [48, 47, 54, 55, 29, 41]);
}

#[test]
fn rows_stacked_at_once_equal_rows_stacked_one_by_one() {
    let images: Vec<u8> = (0..60).collect();
    let labels: Vec<i32> = (0..10).collect();
    let fields = Sample::new()
        .with("image", HostTensor::new([10, 2, 3], &images).unwrap())
        .with("label", HostTensor::new([10], &labels).unwrap());
    let fast = TensorDataset::new(fields).unwrap();
    // A map keeps the loader from stacking rows at once.
    let slow = fast.clone().map(Ok);
    let (rest, share) = fast.clone().split(0.3, 1).unwrap();
    assert_eq!((rest.len(), share.len()), (7, 3));
    let mut all: Vec<usize> = rest.indices().iter().chain(share.indices()).copied().collect();
    all.sort_unstable();
    assert_eq!(all, (0..10).collect::<Vec<_>>());
    let load = |dataset: Arc<dyn Dataset>| -> Vec<_> {
        let loader = DataLoader::builder(dataset).batch_size(4).shuffle(2).build().unwrap();
        loader.epoch(0).map(Result::unwrap).collect()
    };
    assert!(load(Arc::new(fast)) == load(Arc::new(slow.map(Ok))));
    let batches = load(Arc::new(rest));
    assert_eq!(batches[0].field("image").unwrap().shape(), [4, 2, 3]);
    assert_eq!(batches[1].field("image").unwrap().shape(), [3, 2, 3]);
}

#[test]
fn an_error_names_its_sample_and_the_rest_goes_on() {
    for workers in [0, 1, 4] {
        let dataset = Made(20, |index| match index {
            6 => Err(DataError::other("no such photo")),
            13 => panic!("a bug at {index}"),
            _ => Ok(number(index)),
        });
        let loader = DataLoader::builder(dataset).batch_size(4).workers(workers).prefetch(1).build().unwrap();
        let results: Vec<_> = loader.epoch(0).collect();
        assert_eq!(results.len(), 5);
        let message = |i: usize| results[i].as_ref().unwrap_err().to_string();
        assert_eq!(message(1), "sample 6: no such photo");
        assert!(matches!(&results[1], Err(DataError::Sample { index: 6, .. })));
        assert_eq!(message(3), "sample 13: the code that makes it panicked: a bug at 13");
        for good in [0, 2, 4] {
            let first = results[good].as_ref().unwrap().field("x").unwrap().to_f64()[0];
            assert_eq!(first, 4.0 * good as f64);
        }
    }
}

#[test]
fn samples_that_do_not_go_together_are_an_error() {
    let ragged = || {
        Made(4, |i| Ok(Sample::new().with("x", HostTensor::full(DType::F32, [i + 1], Scalar::Float(1.0)))))
    };
    let loader = DataLoader::builder(ragged()).batch_size(4).build().unwrap();
    let error = loader.epoch(0).next().unwrap().unwrap_err().to_string();
    assert!(error.contains("`x`") && error.contains("f32[2]") && error.contains("PadSequence"), "{error}");
    let pad = PadSequence::new().pad("x", -1.0).lengths("x", "length").mask("x", "mask").multiple_of(3);
    let loader = DataLoader::builder(ragged()).batch_size(4).collate(pad).build().unwrap();
    let batch = loader.epoch(0).next().unwrap().unwrap();
    assert_eq!(batch.field("x").unwrap().shape(), [4, 6]);
    assert_eq!(batch.field("x").unwrap().to_f64()[6..12], [1.0, 1.0, -1.0, -1.0, -1.0, -1.0]);
    assert_eq!(batch.field("length").unwrap().to_f64(), [1.0, 2.0, 3.0, 4.0]);
    assert_eq!(batch.field("mask").unwrap().to_f64()[..8], [1.0, 0.0, 0.0, 0.0, 0.0, 0.0, 1.0, 1.0]);
    let pad = PadSequence::new().pad("y", 0.0);
    let loader = DataLoader::builder(ragged()).batch_size(4).collate(pad).build().unwrap();
    assert!(matches!(loader.epoch(0).next().unwrap(), Err(DataError::Field { .. })));
    let mixed =
        Made(2, |i| Ok(if i == 0 { number(0) } else { number(1).with("extra", number(1).take("x")?) }));
    let loader = DataLoader::builder(mixed).batch_size(2).build().unwrap();
    let error = loader.epoch(0).next().unwrap().unwrap_err().to_string();
    assert!(error.contains("`extra`"), "{error}");
    assert!(DataLoader::builder(numbers(3)).batch_size(0).build().is_err());
}

#[test]
fn dropping_the_batches_ends_the_threads() {
    let dataset = Arc::new(Made(1000, |index| {
        std::thread::sleep(Duration::from_millis(1));
        Ok(number(index))
    }));
    let loader = DataLoader::builder(dataset.clone()).workers(4).prefetch(8).build().unwrap();
    let mut batches = loader.epoch(0);
    batches.next().unwrap().unwrap();
    drop((batches, loader));
    // Threads hold the data set; that this is the only owner proves that they have ended.
    assert_eq!(Arc::strong_count(&dataset), 1);
}

#[test]
fn workers_do_not_run_ahead_further_than_asked() {
    let made = Arc::new(AtomicUsize::new(0));
    let count = made.clone();
    let dataset = Made(100, move |index| {
        count.fetch_add(1, Ordering::SeqCst);
        Ok(number(index))
    });
    let loader = DataLoader::builder(dataset).workers(2).prefetch(5).build().unwrap();
    let mut batches = loader.epoch(0);
    for taken in 1..=4 {
        batches.next().unwrap().unwrap();
        for _ in 0..50 {
            std::thread::sleep(Duration::from_millis(1));
            assert!(made.load(Ordering::SeqCst) <= taken + 5);
        }
    }
    // They work in bursts, but never let what is ready fall below half for long.
    let patience = std::time::Instant::now();
    while made.load(Ordering::SeqCst) < 4 + 3 {
        assert!(patience.elapsed() < Duration::from_secs(20), "workers sleep while there is room");
        std::thread::sleep(Duration::from_millis(1));
    }
    assert_eq!(batches.len(), 96);
}

#[test]
fn waiting_is_measured() {
    let slow = || {
        Made(20, |index| {
            std::thread::sleep(Duration::from_millis(2));
            Ok(number(index))
        })
    };
    let loader = DataLoader::builder(slow()).build().unwrap();
    assert_eq!(loader.epoch(0).count(), 20);
    let statistics = loader.statistics();
    assert!(statistics.waited >= Duration::from_millis(40), "{statistics:?}");
    assert!(statistics.waited <= statistics.elapsed && statistics.longest_wait >= Duration::from_millis(2));
    // A consumer that is slower than the workers waits for the first batch alone.
    let loader = DataLoader::builder(slow()).workers(2).prefetch(8).build().unwrap();
    for batch in loader.epoch(0) {
        batch.unwrap();
        std::thread::sleep(Duration::from_millis(8));
    }
    let statistics = loader.statistics();
    assert!(statistics.elapsed >= Duration::from_millis(8 * 19), "{statistics:?}");
    assert!(statistics.waiting_share() < 0.5, "{statistics:?}");
}

#[test]
fn buckets_hold_samples_of_similar_length() {
    let mut random = Random::new(1);
    let lengths: Vec<usize> = (0..1000).map(|_| 1 + random.below(200)).collect();
    let padding = |batches: &[Vec<usize>]| -> usize {
        let pad = |batch: &Vec<usize>| {
            let longest = batch.iter().map(|&i| lengths[i]).max().unwrap_or(0);
            batch.iter().map(|&i| longest - lengths[i]).sum::<usize>()
        };
        batches.iter().map(pad).sum()
    };
    let load = |bucketed: bool, epoch: u64, drop_last: bool| -> Vec<Vec<usize>> {
        let builder = DataLoader::builder(numbers(1000)).batch_size(16).drop_last(drop_last);
        let sampler = BucketSampler::new(lengths.clone(), 3).batches_per_pool(20);
        let loader = if bucketed { builder.sampler(sampler) } else { builder.shuffle(3) }.build().unwrap();
        let batches: Vec<_> = loader.epoch(epoch).map(|b| b.unwrap().indices).collect();
        assert_eq!(batches.len(), loader.batches_per_epoch());
        batches
    };
    let bucketed = load(true, 0, false);
    assert!(padding(&bucketed) * 5 < padding(&load(false, 0, false)));
    let mut all: Vec<usize> = bucketed.concat();
    all.sort_unstable();
    assert_eq!(all, (0..1000).collect::<Vec<_>>());
    assert_ne!(bucketed, load(true, 1, false));
    // Batches do not come in order of length.
    let longest: Vec<usize> = bucketed.iter().map(|b| b.iter().map(|&i| lengths[i]).max().unwrap()).collect();
    assert!(!longest.is_sorted());
    assert!(load(true, 0, true).iter().all(|batch| batch.len() == 16));
}

#[test]
fn weights_are_respected() {
    let sampler = WeightedSampler::new([1.0, 0.0, 3.0, 0.0], 8000, 2).unwrap();
    let loader = DataLoader::builder(numbers(4)).sampler(sampler).batch_size(8000).build().unwrap();
    let indices = loader.epoch(0).next().unwrap().unwrap().indices;
    let count = |which| indices.iter().filter(|&&i| i == which).count();
    assert_eq!(count(1) + count(3), 0);
    // Three standard deviations are 116.
    assert!(count(2).abs_diff(6000) < 116, "{}", count(2));
    let sampler = WeightedSampler::without_replacement([1.0, 0.0, 3.0, 9.0], 2, 2).unwrap();
    let mut first = [0usize; 4];
    for epoch in 0..4000 {
        let order = hadal_data::Sampler::order(&sampler, epoch);
        assert!(order.len() == 2 && order[0] != order[1] && !order.contains(&1));
        first[order[0]] += 1;
    }
    assert!(first[3].abs_diff(4000 * 9 / 13) < 90 && first[2].abs_diff(4000 * 3 / 13) < 80, "{first:?}");
    assert!(WeightedSampler::new([1.0, -1.0], 2, 0).is_err());
    assert!(WeightedSampler::new([0.0, 0.0], 2, 0).is_err());
    assert!(WeightedSampler::new([f64::NAN], 2, 0).is_err());
    assert!(WeightedSampler::without_replacement([1.0, 0.0], 2, 0).is_err());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn a_resumed_loader_goes_on_in_the_same_order(
        len in 0usize..60, size in 1usize..9, workers in 0usize..4, drop_last: bool, seed: u64, stop in 0usize..40,
    ) {
        let loader = DataLoader::builder(numbers(len))
            .batch_size(size).shuffle(seed).workers(workers).drop_last(drop_last).build().unwrap();
        let whole: Vec<_> = (0..4).flat_map(|e| loader.epoch(e)).map(Result::unwrap).collect();
        prop_assert_eq!(whole.len(), 4 * loader.batches_per_epoch());
        let stop = stop.min(whole.len() / 4 * 3);
        // Run until `stop`, keeping the position that a checkpoint would hold; then go on from it with a loader of its own.
        let mut position = Position::default();
        for batch in &whole[..stop] {
            position = loader.after(batch.position);
        }
        let fresh = DataLoader::builder(numbers(len))
            .batch_size(size).shuffle(seed).workers((workers + 1) % 3).drop_last(drop_last).build().unwrap();
        let mut rest: Vec<_> = fresh.resume(position).map(Result::unwrap).collect();
        rest.extend((position.epoch + 1..4).flat_map(|e| fresh.epoch(e)).map(Result::unwrap));
        prop_assert!(whole[stop..] == rest[..]);
    }
}
