//! Debug mode: a planted NaN is reported with its op and its line, forward and backward, eager and under `jit`.

use hadal::{Device, Error, Result, Tensor, Variable, checkpoint, grad, grad_of, jit};

fn devices() -> Vec<Device> {
    let devices: Vec<Device> =
        ["cpu", "wgpu"].into_iter().filter_map(|name| Device::open(name).ok()).collect();
    devices.iter().for_each(|device| device.set_debug(true));
    devices
}

/// Asserts that an error is about `op` and was caused at `line` of this file.
fn at<T: std::fmt::Debug>(result: Result<T>, parts: &[&str], line: u32) {
    let error = result.unwrap_err();
    assert!(matches!(error, Error::NotFinite { .. }), "{error}");
    let text = error.to_string();
    for part in parts {
        assert!(text.contains(part), "`{part}` is missing in: {text}");
    }
    assert!(text.contains(&format!("debug.rs:{line}:")), "line {line} is missing in: {text}");
}

#[test]
fn the_first_op_that_makes_nan_is_named() -> Result<()> {
    for device in devices() {
        let x = Tensor::new(&device, &[4.0f32, 1.0, -2.0], [3])?;
        let (log, line) = (x.log()?, line!());
        let later = (log * 2.0)?.exp()?;
        at(later.to_vec::<f32>(), &["`log` makes NaN at element 2", "f32[3]"], line);
        let (pole, line) = ((&x - 1.0)?.recip()?, line!());
        at(pole.sum(&[])?.item::<f32>(), &["`reciprocal` makes an infinity at element 1"], line);
        let line = line!() + 1;
        let step = jit(&device, |x: &[Tensor]| Ok(vec![x[0].sqrt()?.sum(&[])?]));
        at(step.call(&[&x]), &["`sqrt` makes NaN at element 2"], line);
        // What is right still works, and nothing is looked at when debug mode is off.
        assert_eq!(step.call(&[&x.abs()?])?[0].item::<f32>()?, 3.0 + 2f32.sqrt());
        device.set_debug(false);
        assert!(step.call(&[&x])?[0].item::<f32>()?.is_nan());
        assert_eq!(step.stats().traces, 2);
        later.to_vec::<f32>()?;
    }
    Ok(())
}

#[test]
fn gradients_are_named_after_the_forward_op() -> Result<()> {
    for device in devices() {
        let w = Variable::new("w", &Tensor::new(&device, &[4.0f32, 0.0], [2])?)?;
        let mut line = 0;
        let mut loss = || {
            let y = w.get()?.sqrt()?;
            line = line!() - 1;
            (&y * 3.0)?.sum(&[])
        };
        // The root of zero is zero; its slope is not finite.
        loss()?.item::<f32>()?;
        let gradients = || grad(&loss()?, &[&w]);
        let step = jit(&device, |_: &[Tensor]| {
            let y = w.get()?.sqrt()?;
            grad(&(&y * 3.0)?.sum(&[])?, &[&w])
        });
        let under_jit = line!() - 3;
        let mut gradients = gradients;
        let eager = gradients()?[0].to_vec::<f32>();
        at(eager, &["makes an infinity at element 1", "in the gradient"], line);
        at(step.call(&[]), &["makes an infinity at element 1", "in the gradient"], under_jit);
        // The run gave the variable back.
        assert_eq!(w.get()?.to_vec::<f32>()?, [4.0, 0.0]);
        let of = grad_of(&[&w.get()?], |w| w[0].sqrt()?.sum(&[]))?;
        at(of[0].to_vec::<f32>(), &["in the gradient"], line!() - 1);
        let inside = checkpoint(&[&w.get()?], |w| Ok(vec![w[0].sqrt()?]))?.remove(0);
        let at_checkpoint = line!() - 1;
        at(grad(&inside.sum(&[])?, &[&w])?[0].to_vec::<f32>(), &["in the gradient"], at_checkpoint);
    }
    Ok(())
}

#[test]
fn what_a_program_writes_down_is_no_fault() -> Result<()> {
    for device in devices() {
        let x = Tensor::new(&device, &[1.0f32, 2.0, 3.0], [3])?;
        let mask = x.gt(2.5)?;
        let masked = x.masked_fill(&mask, f64::NEG_INFINITY)?.softmax(-1)?;
        assert_eq!(masked.to_vec::<f32>()?[2], 0.0);
        let given = Tensor::new(&device, &[f32::INFINITY, 1.0], [2])?;
        assert_eq!((&given * 2.0)?.to_vec::<f32>()?, [f32::INFINITY, 2.0]);
    }
    // NaN made of an infinity is one. WGSL's compilers may take `x - x` for 0, so only the cpu can be asked.
    let device = Device::open("cpu")?;
    device.set_debug(true);
    let given = Tensor::new(&device, &[f32::INFINITY, 1.0], [2])?;
    let (nothing, line) = ((&given - &given)?, line!());
    at(nothing.to_vec::<f32>(), &["`sub` makes NaN at element 0"], line);
    Ok(())
}

#[test]
fn a_leaf_that_holds_nan_is_named() -> Result<()> {
    for device in devices() {
        let w = Variable::new("layer.weight", &Tensor::new(&device, &[1.0f32, f32::NAN], [2])?)?;
        let step = jit(&device, |x: &[Tensor]| Ok(vec![(w.get()? * &x[0])?]));
        let x = Tensor::new(&device, &[1.0f32, 2.0], [2])?;
        let text = step.call(&[&x]).unwrap_err().to_string();
        assert!(text.contains("the variable `layer.weight` holds NaN at element 1"), "{text}");
        let text = (w.get()? * 2.0)?.to_vec::<f32>().unwrap_err().to_string();
        assert!(text.contains("the variable `layer.weight` holds NaN at element 1"), "{text}");
        let nan = Tensor::new(&device, &[f32::NAN, 1.0], [2])?;
        let text = jit(&device, |x: &[Tensor]| Ok(vec![x[0].sin()?])).call(&[&nan]).unwrap_err().to_string();
        assert!(text.contains("argument 0 holds NaN at element 0"), "{text}");
    }
    Ok(())
}
