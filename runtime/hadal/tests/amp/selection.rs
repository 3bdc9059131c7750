//! Planted ranges of gradients flip the choice between `F16` and `BF16`.

use crate::counting::counting;
use crate::devices;
use hadal::amp::PrecisionSelector;
use hadal::optim::Stateful;
use hadal::{DType, Device, Gradients, Result, Tensor, Variable, jit};
use std::sync::atomic::Ordering;

fn variables(device: &Device) -> Result<[Variable; 2]> {
    let variable = |name: &str| Variable::new(name, &Tensor::ones(device, [4, 4], DType::F32)?);
    Ok([variable("narrow")?, variable("wide")?])
}

/// Gradients of `2^exponents[0]` to `2^exponents[1]`, spread evenly, and a zero.
fn gradient(device: &Device, exponents: [i32; 2]) -> Result<Tensor> {
    let [low, high] = exponents.map(f64::from);
    let mut data: Vec<f32> =
        (0..16).map(|i| 2f64.powf(low + (high - low) * i as f64 / 15.0) as f32).collect();
    data[5] = 0.0;
    data[7] = -data[7];
    Tensor::new(device, &data, [4, 4])
}

fn gradients(device: &Device, of: &[Variable; 2], exponents: [[i32; 2]; 2]) -> Result<Gradients> {
    let loss = Tensor::scalar(device, 0.0f32)?;
    let pairs = of.iter().zip(exponents).map(|(v, e)| Ok((v.clone(), gradient(device, e)?)));
    Gradients::of(loss, pairs.collect::<Result<Vec<_>>>()?)
}

#[test]
fn planted_ranges_flip_the_choice() -> Result<()> {
    for device in devices() {
        let (device, reads) = counting(&device);
        let of = variables(&device)?;
        let selector = PrecisionSelector::with_tolerance(&[&of[0], &of[1]], DType::F16, 0.1)?;
        let x = Tensor::ones(&device, [2, 4], DType::F32)?;
        let dtypes = || {
            let product = |v: &Variable| Ok::<_, hadal::Error>(x.matmul(&v.get()?)?.dtype());
            selector.autocast(|| Ok([product(&of[0])?, product(&of[1])?]))
        };
        let traced = jit(&device, |x: &[Tensor]| {
            selector.autocast(|| Ok(vec![x[0].matmul(&of[0].get()?.t()?)?, x[0].matmul(&of[1].get()?.t()?)?]))
        });
        let traced_dtypes =
            || Ok::<_, hadal::Error>([0, 1].map(|i| traced.call(&[&x]).map(|y| y[i].dtype())));
        let epochs = [
            ([[-10, 3], [-40, 2]], [DType::F16, DType::BF16]),
            // Few elements below the normal numbers are borne; one above all others is not.
            ([[-15, 4], [-5, 15]], [DType::F16, DType::BF16]),
            ([[-30, -10], [-12, 8]], [DType::BF16, DType::F16]),
        ];
        assert_eq!(dtypes()?, [DType::F16; 2]);
        for (epoch, (ranges, expected)) in epochs.into_iter().enumerate() {
            let before = dtypes()?;
            for _ in 0..3 {
                selector.observe(&gradients(&device, &of, ranges)?)?;
            }
            assert_eq!(reads.load(Ordering::Relaxed), 0, "observing reads nothing");
            let choices = selector.choose()?;
            assert_eq!(choices.iter().map(|c| c.to).collect::<Vec<_>>(), expected, "{device}: {choices:?}");
            assert_eq!(choices.iter().map(|c| c.from).collect::<Vec<_>>(), before);
            assert_eq!(choices[0].exponents, Some((ranges[0][1], ranges[0][0])), "{device}");
            assert_eq!((choices[1].epoch, choices[1].parameter.as_str()), (epoch, "wide"));
            assert_eq!(dtypes()?, expected);
            for (found, expected) in traced_dtypes()?.into_iter().zip(expected) {
                assert_eq!(found?, expected, "{device}: a traced function follows the choice");
            }
            reads.store(0, Ordering::Relaxed);
        }
        assert_eq!(traced.stats().traces, 2, "the second choice was that of the first");
        let log = selector.log();
        assert_eq!(log.len(), 6);
        let line = log[1].to_string();
        assert!(line.starts_with("epoch 0: wide from f16 to bf16: gradients from 2^-40 to 2^2"), "{line}");

        let resumed = PrecisionSelector::new(&[&of[0], &of[1]], DType::F16)?;
        resumed.resume(&log)?;
        assert_eq!(resumed.autocast(|| Ok(x.matmul(&of[0].get()?)?.dtype()))?, DType::BF16);
        assert_eq!(resumed.log(), log);
        resumed.load_state_dict(&selector.state_dict()?)?;
        assert!(PrecisionSelector::new(&[&of[0]], DType::F16)?.resume(&log).is_err());
        assert!(PrecisionSelector::new(&[&of[0]], DType::F32).is_err());
    }
    Ok(())
}

#[test]
fn infinities_and_missing_gradients_change_nothing() -> Result<()> {
    for device in devices() {
        let of = variables(&device)?;
        let selector = PrecisionSelector::new(&[&of[0], &of[1]], DType::F16)?;
        let data = [f32::INFINITY, f32::NAN, 1.0, 0.0].repeat(4);
        let planted = (of[0].clone(), Tensor::new(&device, &data, [4, 4])?);
        selector.observe(&Gradients::of(Tensor::scalar(&device, 0.0f32)?, [planted])?)?;
        let choices = selector.choose()?;
        assert_eq!((choices[0].exponents, choices[0].to), (Some((0, 0)), DType::F16), "{device}");
        assert_eq!((choices[1].exponents, choices[1].to), (None, DType::F16), "{device}");
        assert_eq!(selector.choose()?[0].exponents, None, "{device}: what was seen is forgotten");
    }
    Ok(())
}
