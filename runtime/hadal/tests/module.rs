//! Modules: names, state dicts, training and evaluation, freezing, and what `jit` makes of them.

mod reference;

use hadal::nn::loss::{self, CrossEntropyOptions};
use hadal::nn::{
    AdaptiveAvgPool2d, AttentionMask, AttentionOptions, BatchNorm2d, BatchNormOptions, Buffer, Conv2d,
    Dropout, Flatten, Init, LayerNorm, Linear, MaxPool2d, MultiHeadAttention, Parameter, Scope, Sequential,
    Weights,
};
use hadal::tensor::{ConvOptions, PoolOptions};
use hadal::{DType, Device, HostTensor, Model, Module, Result, Tensor, TensorType, Variable, jit};
use reference::reference;
use std::collections::BTreeMap;

/// Every device that this build can open, and the reference.
fn devices() -> Vec<Device> {
    #[cfg(feature = "cpu")]
    return vec![reference(), Device::open("cpu").unwrap()];
    #[cfg(not(feature = "cpu"))]
    vec![reference()]
}

#[derive(Module)]
struct Net {
    width: usize,
    layers: Vec<Linear>,
    norm: Option<LayerNorm>,
    tail: Tail,
    #[module(skip)]
    labels: BTreeMap<u32, String>,
}

#[derive(Module)]
enum Tail {
    Scaled { scale: Parameter, seen: Buffer },
    Plain,
}

#[derive(Module)]
struct Pair<M>(M, Dropout);

impl Net {
    fn new(scope: &Scope) -> Result<Net> {
        let layers = (0..2).map(|i| Linear::new(&scope.at("layers").at(i), 3, 3));
        Ok(Net {
            width: 3,
            layers: layers.collect::<Result<_>>()?,
            norm: Some(LayerNorm::new(&scope.at("norm"), 3, 1e-5)?),
            tail: Tail::Scaled {
                scale: scope.parameter("scale", [3], Init::ONES)?,
                seen: scope.buffer("seen", [], DType::I64, 0.0)?,
            },
            labels: BTreeMap::from([(0, "none".to_string())]),
        })
    }

    fn forward(&self, x: &Tensor) -> Result<Tensor> {
        let mut x = x.clone();
        for layer in &self.layers {
            x = layer.forward(&x)?;
        }
        if let Some(norm) = &self.norm {
            x = norm.forward(&x)?;
        }
        match &self.tail {
            Tail::Scaled { scale, .. } => x.mul(&scale.get()?),
            Tail::Plain => Ok(x),
        }
    }
}

const NAMES: [&str; 7] = [
    "layers.0.weight",
    "layers.0.bias",
    "layers.1.weight",
    "layers.1.bias",
    "norm.weight",
    "norm.bias",
    "scale",
];

#[test]
fn members_have_the_names_of_their_scopes() -> Result<()> {
    let net = Net::new(&Scope::random(&Device::meta(), 0))?;
    let names: Vec<&str> = net.named_parameters().iter().map(|(name, _)| *name).collect();
    assert_eq!(names, NAMES);
    assert_eq!(net.named_buffers().iter().map(|(name, _)| *name).collect::<Vec<_>>(), ["seen"]);
    let variables: Vec<&str> = net.variables().iter().map(|v| v.name()).collect();
    assert_eq!(variables, NAMES);
    assert_eq!((net.width, net.labels.len()), (3, 1));
    assert!(Tail::Plain.named_parameters().is_empty());
    let nested = Net::new(&Scope::random(&Device::meta(), 0).at("model").at("body"))?;
    assert_eq!(nested.named_parameters()[0].0, "model.body.layers.0.weight");
    Ok(())
}

#[test]
fn values_depend_on_seed_and_name_alone() -> Result<()> {
    for device in devices() {
        let of = |seed: u64, name: &str| -> Result<Vec<f32>> {
            let scope = Scope::random(&device, seed);
            scope.parameter(name, [4], Init::Uniform { low: 0.0, high: 1.0 })?.get()?.to_vec()
        };
        let first = of(1, "a")?;
        assert_eq!(first, of(1, "a")?);
        assert_ne!(first, of(1, "b")?);
        assert_ne!(first, of(2, "a")?);
        assert_eq!(first, of_reference()?, "{device}");
    }
    Ok(())
}

fn of_reference() -> Result<Vec<f32>> {
    let scope = Scope::random(&reference(), 1);
    scope.parameter("a", [4], Init::Uniform { low: 0.0, high: 1.0 })?.get()?.to_vec()
}

#[test]
fn a_state_dict_travels_through_a_file() -> Result<()> {
    for device in devices() {
        let net = Net::new(&Scope::random(&device, 1))?;
        let x = Tensor::rand(&device, [2, 3], 7)?;
        let expected = net.forward(&x)?.to_vec::<f32>()?;
        let path = std::env::temp_dir().join(format!("hadal-{}-state.safetensors", std::process::id()));
        net.state_dict()?.save(&path)?;
        let weights = Weights::open(&path, &device)?;
        let other = Net::new(&Scope::random(&device, 2))?;
        assert_ne!(other.forward(&x)?.to_vec::<f32>()?, expected);
        other.load_state_dict(&weights)?;
        assert_eq!(other.forward(&x)?.to_vec::<f32>()?, expected);
        for scope in [Scope::weights(&weights), Scope::weights(&weights).trainable()] {
            assert_eq!(Net::new(&scope)?.forward(&x)?.to_vec::<f32>()?, expected);
        }
        assert!(Net::new(&Scope::weights(&weights))?.variables().is_empty());
        assert_eq!(Net::new(&Scope::weights(&weights).trainable())?.variables().len(), NAMES.len());
        drop(weights);
        std::fs::remove_file(&path).ok();
    }
    Ok(())
}

#[test]
fn what_does_not_fit_is_listed_and_nothing_is_set() -> Result<()> {
    let device = reference();
    let net = Net::new(&Scope::random(&device, 1))?;
    let before = net.state_dict()?;
    let mut tensors: BTreeMap<String, HostTensor> = BTreeMap::new();
    for name in before.names().filter(|name| !["norm.bias", "scale"].contains(name)) {
        tensors.insert(name.into(), before.value(name).unwrap().clone());
    }
    tensors.insert("layers.0.weight".into(), HostTensor::new([3, 3], &[5f32; 9])?);
    tensors.insert("layers.1.bias".into(), HostTensor::new([2], &[5f32; 2])?);
    tensors.insert("head.weight".into(), HostTensor::new([2], &[5f32; 2])?);
    let error = net.load_state_dict(&Weights::from_tensors(tensors, &device)).unwrap_err().to_string();
    assert!(error.contains("missing: norm.bias, scale"), "{error}");
    assert!(error.contains("not in the module: head.weight"), "{error}");
    assert!(error.contains("layers.1.bias (f32[3] here, f32[2] there)"), "{error}");
    let after = net.state_dict()?;
    assert_eq!(before.value("layers.0.weight"), after.value("layers.0.weight"));
    let frozen = Net::new(&Scope::weights(&before))?;
    let error = frozen.load_state_dict(&before).unwrap_err().to_string();
    assert!(error.contains("frozen") && error.contains("trainable()"), "{error}");
    let twins = (net, Net::new(&Scope::random(&device, 2))?);
    let error = twins.state_dict().unwrap_err().to_string();
    assert!(error.contains("two tensors of the module are called `layers.0.weight`"), "{error}");
    Ok(())
}

#[test]
fn shared_parameters_come_once() -> Result<()> {
    let device = reference();
    let scope = Scope::random(&device, 1);
    let table = hadal::nn::Embedding::new(&scope.at("table"), 5, 3)?;
    let head = Linear::from_parameters(table.weight().clone(), None);
    let tied = (table, head);
    assert_eq!(tied.variables().len(), 1);
    let weights = tied.state_dict()?;
    assert_eq!(weights.names().collect::<Vec<_>>(), ["table.weight"]);
    tied.load_state_dict(&weights)?;
    Ok(())
}

#[test]
fn dropout_drops_in_training_only_and_jit_follows() -> Result<()> {
    for device in devices() {
        let layer = Pair(3usize, Dropout::new(&Scope::random(&device, 1).at("dropout"), 0.5)?);
        let x = Tensor::ones(&device, [64], DType::F32)?;
        let traced = jit(&device, |x: &[Tensor]| Ok(vec![layer.1.forward(&x[0])?]));
        let run = || -> Result<Vec<f32>> { traced.call(&[&x])?[0].to_vec() };
        let (first, second) = (run()?, run()?);
        assert!(first.iter().all(|&v| v == 0.0 || v == 2.0), "{first:?}");
        assert_ne!(first, second, "keys come one after another");
        assert_eq!(traced.stats().traces, 1);
        layer.eval();
        assert_eq!(run()?, [1.0; 64], "a plan traced in training must not run in evaluation");
        assert_eq!(layer.1.forward(&x)?.to_vec::<f32>()?, [1.0; 64]);
        layer.train();
        assert_ne!(run()?, second);
        assert_eq!(traced.stats().traces, 2, "both plans are kept");
        let again = Dropout::new(&Scope::random(&device, 1).at("dropout"), 0.5)?;
        let eager: Vec<Vec<f32>> = (0..2).map(|_| again.forward(&x)?.to_vec()).collect::<Result<_>>()?;
        assert_eq!(eager, [first, second], "eagerly the same numbers come");
        assert_eq!(layer.random_state().iter().map(|v| v.name()).collect::<Vec<_>>(), ["dropout.key"]);
        assert!(layer.state_dict()?.names().next().is_none());
    }
    Ok(())
}

#[test]
fn what_is_frozen_gets_no_gradient_and_jit_follows() -> Result<()> {
    for device in devices() {
        let body = Linear::new(&Scope::random(&device, 1).at("body"), 3, 3)?;
        let head = Linear::new(&Scope::random(&device, 1).at("head"), 3, 1)?;
        let step = jit(&device, |x: &[Tensor]| {
            let loss = head.forward(&body.forward(&x[0])?)?.sum(&[])?;
            let gradients = loss.backward()?;
            let count = body.variables().iter().filter(|v| gradients.get(v).is_some()).count();
            Ok(vec![Tensor::full(&device, hadal::Shape::scalar(), count as f64, DType::F32)?])
        });
        let x = Tensor::ones(&device, [2, 3], DType::F32)?;
        let count = || -> Result<f32> { step.call(&[&x])?[0].item() };
        assert_eq!(count()?, 2.0);
        body.freeze()?;
        assert!(body.variables().is_empty());
        assert_eq!(count()?, 0.0);
        let loss = head.forward(&body.forward(&x)?)?.sum(&[])?;
        let gradients = loss.backward()?;
        assert!(body.named_parameters().iter().all(|(_, p)| gradients.get(p.variable().unwrap()).is_none()));
        assert!(head.variables().iter().all(|v| gradients.get(v).is_some()));
        body.unfreeze()?;
        assert_eq!((count()?, step.stats().traces), (2.0, 2));
    }
    let counter = Variable::state("counter", &Tensor::scalar(&reference(), 0i64)?)?;
    assert!(counter.set_trainable(true).unwrap_err().to_string().contains("only floats are trained"));
    Ok(())
}

/// Mean and standard deviation.
fn moments(values: &[f32]) -> (f64, f64) {
    let n = values.len() as f64;
    let mean = values.iter().map(|&v| f64::from(v)).sum::<f64>() / n;
    let variance = values.iter().map(|&v| (f64::from(v) - mean).powi(2)).sum::<f64>() / n;
    (mean, variance.sqrt())
}

#[test]
fn initialisers_have_the_moments_that_they_promise() -> Result<()> {
    // A truncated standard normal distribution within ±1 has deviation 0.5396.
    let cases: [(Init, [usize; 3], f64, f64); 8] = [
        (Init::Constant(0.5), [64, 8, 4], 0.5, 0.0),
        (Init::Uniform { low: 1.0, high: 3.0 }, [64, 8, 4], 2.0, 2.0 / 12f64.sqrt()),
        (Init::Normal { mean: -1.0, deviation: 0.5 }, [64, 8, 4], -1.0, 0.5),
        (
            Init::TruncatedNormal { mean: 0.0, deviation: 2.0, low: -2.0, high: 2.0 },
            [64, 8, 4],
            0.0,
            2.0 * 0.5396,
        ),
        (Init::XavierUniform { gain: 1.0 }, [64, 8, 4], 0.0, (2.0f64 / (32.0 + 256.0)).sqrt()),
        (Init::XavierNormal { gain: 2.0 }, [64, 8, 4], 0.0, 2.0 * (2.0f64 / (32.0 + 256.0)).sqrt()),
        (Init::KaimingUniform { gain: 2f64.sqrt() }, [64, 8, 4], 0.0, (2.0f64 / 32.0).sqrt()),
        (Init::KaimingNormal { gain: 2f64.sqrt() }, [64, 8, 4], 0.0, (2.0f64 / 32.0).sqrt()),
    ];
    for device in devices() {
        for (init, shape, mean, deviation) in cases {
            let values = init.tensor(&device, shape, 5)?.to_vec::<f32>()?;
            let (m, d) = moments(&values);
            // Four standard errors of 2048 values.
            let spread = 4.0 / (2048f64).sqrt() * deviation.max(1e-9);
            assert!((m - mean).abs() <= spread && (d - deviation).abs() <= spread, "{init:?}: {m} {d}");
            if let Init::TruncatedNormal { low, high, .. } = init {
                assert!(values.iter().all(|v| (low..=high).contains(&f64::from(*v))));
            }
        }
        for shape in [[6, 2, 2], [3, 4, 2]] {
            let q = Init::Orthogonal { gain: 2.0 }.tensor(&device, shape, 3)?;
            let (rows, columns) = (shape[0], shape[1] * shape[2]);
            let q = q.reshape([rows as i64, columns as i64])?;
            let q = if rows > columns { q.t()? } else { q };
            let gram = q.matmul(&q.t()?)?.to_vec::<f32>()?;
            let n = rows.min(columns);
            for (i, value) in gram.iter().enumerate() {
                let expected = if i % (n + 1) == 0 { 4.0 } else { 0.0 };
                assert!((value - expected).abs() < 1e-5, "{gram:?}");
            }
        }
        assert!(Init::LINEAR.tensor(&device, [3], 0).unwrap_err().to_string().contains("fans"));
    }
    Ok(())
}

#[test]
fn attention_with_dropout_is_the_same_attention() -> Result<()> {
    for device in devices() {
        let scope = Scope::random(&device, 1);
        // So rare that nothing is dropped: but in training the scores are there.
        let options = AttentionOptions { heads: 2, dropout: 1e-12, ..AttentionOptions::default() };
        let attention = MultiHeadAttention::new(&scope.at("attention"), 4, &options)?;
        let x = Tensor::randn(&device, [2, 3, 4], 5)?;
        let padding = Tensor::from_bools(&device, &[false, false, false, false, true, false], [2, 3])?;
        let mask = AttentionMask { key_padding: Some(&padding), ..AttentionMask::CAUSAL };
        let training = attention.itself(&x, &mask)?.to_vec::<f32>()?;
        attention.eval();
        let evaluation = attention.itself(&x, &mask)?.to_vec::<f32>()?;
        let near = |(a, b): (&f32, &f32)| (a - b).abs() < 1e-6;
        assert!(training.iter().zip(&evaluation).all(near), "{training:?} {evaluation:?}");
        assert_eq!(attention.random_state().len(), 1);
    }
    Ok(())
}

#[test]
fn a_trained_batch_norm_becomes_a_model_in_evaluation() -> Result<()> {
    for device in devices() {
        let scope = Scope::random(&device, 1);
        let options = ConvOptions { padding: vec![1], ..ConvOptions::default() };
        let net = Sequential::new()
            .then(Conv2d::without_bias(&scope.at(0), 1, 4, [3, 3], options)?)
            .then(BatchNorm2d::new(&scope.at(1), 4, BatchNormOptions::default())?)
            .apply(Tensor::relu)
            .then(MaxPool2d::new([2, 2], PoolOptions::default()))
            .then(AdaptiveAvgPool2d::new([1, 1]))
            .then(Flatten);
        let step = jit(&device, |x: &[Tensor]| {
            let loss = net.forward(&x[0])?.sqr()?.mean(&[])?;
            let gradients = loss.backward()?;
            assert_eq!(net.variables().iter().filter(|v| gradients.get(v).is_some()).count(), 3);
            Ok(vec![loss])
        });
        for seed in 0..3 {
            step.call(&[&Tensor::randn(&device, [4, 1, 6, 6], seed)?])?;
        }
        assert_eq!(step.stats().traces, 1);
        let state = net.state_dict()?;
        assert_eq!(state.value("1.num_batches_tracked").unwrap().to_vec::<i64>()?, [3]);
        assert_ne!(state.value("1.running_mean").unwrap().to_vec::<f32>()?, [0.0; 4]);
        let image = TensorType::new(DType::F32, [hadal::Dim::from("n"), 1.into(), 6.into(), 6.into()]);
        let trace = |net: &Sequential| {
            Model::trace("net", &device, &[("x", image.clone())], |x| Ok(vec![("y", net.forward(&x[0])?)]))
        };
        let error = trace(&net).unwrap_err().to_string();
        assert!(error.contains("eval()"), "{error}");
        net.eval();
        let model = trace(&net)?.to(&device)?;
        let x = Tensor::randn(&device, [5, 1, 6, 6], 9)?;
        let (found, expected) = (model.run(&[("x", &x)])?, net.forward(&x)?.to_vec::<f32>()?);
        let found = found.get("y")?.to_vec::<f32>()?;
        assert!(found.iter().zip(&expected).all(|(a, b)| (a - b).abs() < 1e-5), "{found:?} {expected:?}");
        let frozen = BatchNorm2d::new(&Scope::weights(&state).at(1), 4, BatchNormOptions::default())?;
        frozen.train();
        let y = frozen.forward(&Tensor::randn(&device, [2, 4, 3, 3], 0)?);
        assert!(y.unwrap_err().to_string().contains("frozen"));
    }
    Ok(())
}

#[test]
fn layers_say_what_they_take() -> Result<()> {
    let device = Device::meta();
    let scope = Scope::random(&device, 0);
    let zeros = |shape: &[usize]| Tensor::zeros(&device, hadal::Shape::from(shape), DType::F32);
    let says = |result: Result<Tensor>, parts: &[&str]| {
        let error = result.unwrap_err().to_string();
        for part in parts {
            assert!(error.contains(part), "`{error}` does not say `{part}`");
        }
        assert!(error.contains("module.rs"), "`{error}` does not name the caller's file");
    };
    let conv = Conv2d::new(&scope, 3, 4, [3, 3], ConvOptions::default())?;
    says(conv.forward(&zeros(&[2, 3, 8])?), &["2 axes", "rank 4", "f32[2, 3, 8]"]);
    says(conv.forward(&zeros(&[2, 2, 8, 8])?), &["channels"]);
    let grouped = ConvOptions { groups: 2, ..ConvOptions::default() };
    assert!(Conv2d::new(&scope, 3, 4, [3, 3], grouped).unwrap_err().to_string().contains("2 groups"));
    let pool = MaxPool2d::new([9, 9], PoolOptions::default());
    says(pool.forward(&zeros(&[2, 3, 8, 8])?), &["9 elements", "does not fit 8"]);
    let norm = BatchNorm2d::new(&scope, 3, BatchNormOptions::default())?;
    says(norm.forward(&zeros(&[1, 3, 1, 1])?), &["more than one value per channel"]);
    let three = AttentionOptions { heads: 3, ..AttentionOptions::default() };
    let error = MultiHeadAttention::new(&scope, 4, &three).unwrap_err().to_string();
    assert!(error.contains("a width of 4 must be a multiple of 3 query heads"), "{error}");
    let targets = Tensor::zeros(&device, [3], DType::I64)?;
    let options = CrossEntropyOptions::default();
    says(loss::cross_entropy(&zeros(&[2, 5])?, &targets, &options), &["f32[2, 5]", "i64[3]"]);
    assert!(Dropout::new(&scope, 1.0).unwrap_err().to_string().contains("0..1"));
    Ok(())
}
