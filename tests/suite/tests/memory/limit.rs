//! What happens when memory runs out, and how it is given back.

use crate::devices;
use hadal::{DType, Device, Error, Result, Tensor, Variable, jit};
use hadal_device::{DeviceError, LiveTensor};

/// What an error of exhausted memory names.
fn named(error: Error) -> (Vec<LiveTensor>, String) {
    let text = error.to_string();
    match error {
        Error::Device(error) => match *error {
            DeviceError::OutOfMemory { largest, .. } => (largest, text),
            other => panic!("{other}"),
        },
        other => panic!("{other}"),
    }
}

/// Leaves room for `bytes` more.
fn limit(device: &Device, bytes: u64) -> Result<()> {
    device.synchronize()?;
    device.set_memory_limit(Some(device.memory_stats().in_use + bytes));
    Ok(())
}

#[test]
fn eager_errors_name_the_largest_tensors() -> Result<()> {
    for device in devices() {
        let weight = Variable::new("encoder.weight", &Tensor::zeros(&device, [256, 512], DType::F32)?)?;
        weight.get()?.to_host()?;
        let line = line!() + 1;
        let x = Tensor::rand(&device, [300, 256], 1)?;
        let small: Vec<Tensor> =
            (1..8).map(|n| Tensor::zeros(&device, [n], DType::F32)).collect::<Result<_>>()?;
        for tensor in small.iter().chain([&x]) {
            tensor.to_host()?;
        }
        limit(&device, 100_000)?;
        let product = x.matmul(&weight.get()?)?;
        let (largest, text) = named(product.to_host().unwrap_err());
        assert_eq!(largest.len(), LiveTensor::NAMED, "{text}");
        assert!(largest.is_sorted_by_key(|tensor| std::cmp::Reverse(tensor.bytes)), "{text}");
        // What the run was to compute, then what was there.
        let expected = [
            (300 * 512 * 4, "matmul"),
            (256 * 512 * 4, "the variable `encoder.weight`"),
            (300 * 256 * 4, "limit.rs"),
        ];
        for (tensor, (bytes, what)) in largest.iter().zip(expected) {
            assert!(tensor.bytes == bytes && tensor.what.contains(what), "{device}: {tensor} is not {what}");
            assert!(text.contains(&tensor.to_string()), "{text}");
        }
        assert!(text.contains("f32[256, 512]") && text.contains(&format!("limit.rs:{line}:")), "{text}");
        // An upload, too.
        let values = vec![1.0f32; 1 << 17];
        let (largest, text) =
            named(Tensor::new(&device, &values, [1 << 17]).and_then(|t| t.to_host()).unwrap_err());
        assert!(largest[0].what.contains("encoder.weight"), "{text}");
        device.set_memory_limit(None);
        assert_eq!(product.to_host()?.elements(), 300 * 512, "{device} goes on");
    }
    Ok(())
}

#[test]
fn traced_errors_name_the_variables_and_the_intermediates() -> Result<()> {
    for device in devices() {
        let weight = Variable::new("decoder.weight", &Tensor::rand(&device, [128, 128], 1)?)?;
        let x = Tensor::rand(&device, [1024, 128], 2)?;
        let step = jit(&device, |x: &[Tensor]| {
            let hidden = x[0].matmul(&weight.get()?)?.relu()?;
            Ok(vec![hidden.softmax(0)?.matmul(&weight.get()?)?.sum(&[])?])
        });
        step.call(&[&x])?[0].to_host()?;
        device.empty_cache();
        limit(&device, 100_000)?;
        let (largest, text) = named(step.call(&[&x]).unwrap_err());
        let whats: Vec<&str> = largest.iter().map(|tensor| tensor.what.as_str()).collect();
        assert!(whats[0].contains("of the run of `step`"), "{device}: {text}");
        assert_eq!(largest[0].bytes, 1024 * 128 * 4, "{device}: {text}");
        assert!(whats.contains(&"the variable `decoder.weight`"), "{device}: {text}");
        assert!(text.contains("(limit "), "{device}: {text}");
        device.set_memory_limit(None);
        // The run had taken the variable: what it is told about that names the reason.
        assert!(step.call(&[&x]).unwrap_err().to_string().contains("out of memory"));
        weight.set(&Tensor::rand(&device, [128, 128], 1)?)?;
        step.call(&[&x])?[0].to_host()?;
    }
    Ok(())
}

#[test]
fn an_emptied_cache_holds_nothing() -> Result<()> {
    for device in devices() {
        let x = Tensor::rand(&device, [512, 512], 1)?;
        x.to_host()?;
        device.synchronize()?;
        device.empty_cache();
        let held = device.memory_stats();
        // Temporaries and a plan's arena come and go.
        x.matmul(&x)?.softmax(1)?.matmul(&x)?.to_host()?;
        device.synchronize()?;
        let after = device.memory_stats();
        assert!(after.cached > 0 && after.peak >= held.in_use + (1 << 20), "{device}: {after:?}");
        device.empty_cache();
        let emptied = device.memory_stats();
        assert_eq!(emptied.cached, 0, "{device}");
        // What a plan of a recorded expression held is gone with it.
        assert!(emptied.in_use <= held.in_use, "{device}: {emptied:?}, but {held:?} before");
        assert_eq!(emptied.buffers, held.buffers, "{device}");
        assert_eq!(emptied.peak, after.peak, "{device}");
        x.matmul(&x)?.to_host()?;
    }
    Ok(())
}
