//! Models: traced, saved, loaded, prepared and run with free sizes; BERT against the reference.

mod reference;

use hadal::graph::reference::interpret;
use hadal::nn::{Bert, BertConfig, Linear, Scope, Weights};
use hadal::{DType, Device, HostTensor, Model, Result, Tensor, TensorType, Variable};
use reference::reference;
use std::collections::BTreeMap;

/// Every device that this build can open, and the reference.
fn devices() -> Vec<Device> {
    #[cfg(feature = "cpu")]
    return vec![reference(), Device::open("cpu").unwrap()];
    #[cfg(not(feature = "cpu"))]
    vec![reference()]
}

fn scratch(name: &str) -> std::path::PathBuf {
    std::env::temp_dir().join(format!("hadal-{}-{name}", std::process::id()))
}

#[test]
fn a_trained_layer_becomes_a_file_and_runs_again() -> Result<()> {
    for device in devices() {
        let layer = Linear::new(&Scope::random(&device, 1).at("layer"), 3, 2)?;
        let scale = Variable::new("scale", &Tensor::new(&device, &[10.0f32], [1])?)?;
        let forward = |x: &Tensor| layer.forward(x)?.mul(&scale.get()?)?.add(1.0);
        let ty = TensorType::new(DType::F32, [hadal::Dim::from("batch"), 3.into()]);
        let model = Model::trace("layer", &device, &[("x", ty)], |x| Ok(vec![("y", forward(&x[0])?)]))?;
        let names: Vec<&str> = model.weights().keys().map(String::as_str).collect();
        assert_eq!(names, ["layer.bias", "layer.weight", "scale"]);
        let path = scratch("layer.safetensors");
        model.save(&path)?;
        let again = Model::load(&path)?;
        std::fs::remove_file(&path).ok();
        assert_eq!(again.inputs().next().unwrap().1.to_string(), "f32[batch, 3]");
        let prepared = again.to(&device)?;
        for rows in [1usize, 4, 7] {
            let data: Vec<f32> = (0..rows * 3).map(|i| i as f32 * 0.25 - 1.0).collect();
            let x = Tensor::new(&device, &data, [rows, 3])?;
            let y = prepared.run(&[("x", &x)])?;
            let (y, expected) = (y.get("y")?.to_vec::<f32>()?, forward(&x)?.to_vec::<f32>()?);
            assert!(y.iter().zip(&expected).all(|(a, b)| (a - b).abs() < 1e-4), "{y:?} {expected:?}");
        }
        assert_eq!(prepared.stats().runs, 3);
    }
    Ok(())
}

#[test]
fn wrong_inputs_are_refused_by_name() -> Result<()> {
    let device = reference();
    let square = TensorType::new(DType::F32, ["n", "n"]);
    let row = TensorType::new(DType::F32, ["n"]);
    let model =
        Model::trace("sum", &device, &[("a", square), ("b", row)], |x| Ok(vec![("sum", x[0].add(&x[1])?)]))?;
    let model = model.to(&device)?;
    let zeros = |shape: &[usize]| Tensor::zeros(&device, hadal::Shape::from(shape), DType::F32);
    let refused = |inputs: &[(&str, &Tensor)], part: &str| {
        let error = model.run(inputs).unwrap_err().to_string();
        assert!(error.contains(part), "{error}");
    };
    let (a, b, c) = (zeros(&[2, 2])?, zeros(&[2])?, zeros(&[3])?);
    refused(&[("a", &a)], "`b` (f32[n]) was not given");
    refused(&[("a", &a), ("b", &b), ("c", &c)], "no input `c`; it has: a, b");
    refused(&[("a", &a), ("b", &c)], "the size `n` is 2 by one input, but 3 by `b`");
    refused(&[("a", &a), ("b", &a)], "the input `b` must be f32[n], but is f32[2, 2]");
    refused(&[("a", &a), ("b", &b.to_dtype(DType::F16)?)], "must be f32[n], but is f16[2]");
    assert!(model.run(&[("a", &a), ("b", &b)])?.get("mean").is_err());
    assert!(Model::load(scratch("missing.onnx")).unwrap_err().to_string().contains("missing.onnx"));
    Ok(())
}

const CONFIG: &str = r#"{"vocab_size": 50, "hidden_size": 16, "num_hidden_layers": 2, "num_attention_heads": 4,
    "intermediate_size": 24, "max_position_embeddings": 12, "type_vocab_size": 2, "layer_norm_eps": 1e-12, "hidden_act": "gelu"}"#;

/// Weights of a small BERT, pseudo-random.
fn bert_weights(config: &BertConfig) -> BTreeMap<String, HostTensor> {
    let mut state = 1u64;
    let mut tensors = BTreeMap::new();
    let mut add = |name: String, shape: &[usize]| {
        let n = shape.iter().product();
        let data: Vec<f32> = (0..n)
            .map(|_| {
                state = state.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
                (state >> 40) as f32 / (1 << 24) as f32 - 0.5
            })
            .collect();
        tensors.insert(name, HostTensor::new(shape, &data).unwrap());
    };
    let (width, inner) = (config.hidden_size, config.intermediate_size);
    add("embeddings.word_embeddings.weight".into(), &[config.vocab_size, width]);
    add("embeddings.position_embeddings.weight".into(), &[config.max_position_embeddings, width]);
    add("embeddings.token_type_embeddings.weight".into(), &[config.type_vocab_size, width]);
    let norm = |name: &str, add: &mut dyn FnMut(String, &[usize])| {
        add(format!("{name}.weight"), &[width]);
        add(format!("{name}.bias"), &[width]);
    };
    norm("embeddings.LayerNorm", &mut add);
    for layer in 0..config.num_hidden_layers {
        let prefix = format!("encoder.layer.{layer}");
        for (name, out, from) in [
            ("attention.self.query", width, width),
            ("attention.self.key", width, width),
            ("attention.self.value", width, width),
            ("attention.output.dense", width, width),
            ("intermediate.dense", inner, width),
            ("output.dense", width, inner),
        ] {
            add(format!("{prefix}.{name}.weight"), &[out, from]);
            add(format!("{prefix}.{name}.bias"), &[out]);
        }
        norm(&format!("{prefix}.attention.output.LayerNorm"), &mut add);
        norm(&format!("{prefix}.output.LayerNorm"), &mut add);
    }
    tensors
}

#[test]
fn bert_agrees_with_the_reference_at_every_length() -> Result<()> {
    let config = BertConfig::from_json(CONFIG)?;
    let meta = Device::meta();
    let weights = Weights::from_tensors(bert_weights(&config), &meta);
    let model = Bert::new(&Scope::weights(&weights), &config)?.model()?;
    for device in devices() {
        let prepared = model.to(&device)?;
        for (batch, seq) in [(1usize, 1usize), (1, 7), (3, 12)] {
            let ids: Vec<i64> = (0..batch * seq).map(|i| (i * 7 % 50) as i64).collect();
            // The last sentence is padded to half its length.
            let real = |i: usize| i / seq + 1 < batch || i % seq < seq.div_ceil(2);
            let mask: Vec<i64> = (0..batch * seq).map(|i| real(i) as i64).collect();
            let mut leaves = model.weights().clone();
            leaves.insert("input_ids".into(), HostTensor::new([batch, seq], &ids)?);
            leaves.insert("attention_mask".into(), HostTensor::new([batch, seq], &mask)?);
            let expected = interpret(model.graph(), &leaves)?;
            let ids = Tensor::new(&device, &ids, [batch, seq])?;
            let mask = Tensor::new(&device, &mask, [batch, seq])?;
            let outputs = prepared.run(&[("input_ids", &ids), ("attention_mask", &mask)])?;
            for ((name, output), expected) in outputs.iter().zip(&expected.outputs) {
                assert_eq!(output.dims()?, expected.shape(), "{name}");
                let pairs = output.to_vec::<f32>()?.into_iter().zip(expected.to_vec::<f32>()?);
                let worst = pairs.map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
                assert!(worst < 1e-5, "{name} on {device}, {batch} x {seq}: {worst}");
            }
            let embedding = outputs.get("sentence_embedding")?;
            let length = embedding.sqr()?.sum(&[1])?.to_vec::<f32>()?;
            assert!(length.iter().all(|l| (l - 1.0).abs() < 1e-5), "{length:?}");
        }
        // A token that the table does not have, and a sequence longer than it.
        for (ids, seq) in [(vec![50i64], 1usize), (vec![1; 13], 13)] {
            let mask = Tensor::ones(&device, [1, seq], DType::I64)?;
            let ids = Tensor::new(&device, &ids, [1, seq])?;
            let run = prepared.run(&[("input_ids", &ids), ("attention_mask", &mask)]);
            let error =
                run.and_then(|o| o.get("sentence_embedding")?.to_vec::<f32>()).unwrap_err().to_string();
            assert!(error.contains("out of range") || error.contains("index"), "{device}: {error}");
        }
    }
    Ok(())
}

#[test]
fn missing_weights_are_named_with_what_is_near() -> Result<()> {
    let config = BertConfig::from_json(CONFIG)?;
    let mut tensors = bert_weights(&config);
    let moved = tensors.remove("encoder.layer.1.attention.self.key.bias").unwrap();
    let meta = Device::meta();
    let load = |tensors: &BTreeMap<String, HostTensor>| {
        let weights = Weights::from_tensors(tensors.clone(), &meta);
        Bert::new(&Scope::weights(&weights), &config).unwrap_err().to_string()
    };
    let error = load(&tensors);
    assert!(error.contains("no tensor `encoder.layer.1.attention.self.key.bias`"), "{error}");
    assert!(error.contains("hint") && error.contains("encoder.layer.1.attention.self"), "{error}");
    tensors.insert("encoder.layer.1.attention.self.key.bias".into(), moved);
    tensors.insert("embeddings.LayerNorm.bias".into(), HostTensor::new([3], &[0f32; 3])?);
    assert!(load(&tensors).contains("has shape [3], but [16] was expected"));
    assert!(BertConfig::from_json("{}").is_err());
    assert!(
        BertConfig::from_json(&CONFIG.replace("\"num_attention_heads\": 4", "\"num_attention_heads\": 3"))
            .is_err()
    );
    Ok(())
}
