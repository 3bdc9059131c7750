//! Gradients as programs ask for them: of functions, through regions, recomputed, of one's own, and none.

use hadal::nn::{Dropout, Scope};
use hadal::{
    CustomBackward, Device, Error, Result, Tensor, Variable, checkpoint, cond, custom_gradient, grad,
    grad_of, jit, no_grad, value_and_grad, value_and_grad_of, while_loop,
};

fn cpu() -> Device {
    Device::open("cpu").unwrap()
}

fn truth(device: &Device, value: bool) -> Result<Tensor> {
    Tensor::scalar(device, value as i32)?.to_dtype(hadal::DType::Bool)
}

fn close(a: &[f32], b: &[f32]) {
    assert_eq!(a.len(), b.len());
    for (a, b) in a.iter().zip(b) {
        assert!((a - b).abs() <= 1e-5 * (1.0 + b.abs()), "{a} is not {b}");
    }
}

/// A few residual layers with their weights.
struct Stack {
    device: Device,
    weights: Vec<Variable>,
}

impl Stack {
    fn new(layers: u64) -> Result<Stack> {
        let device = cpu();
        let weight = |i| Variable::new(&format!("w{i}"), &(Tensor::randn(&device, [6, 6], i)? * 0.4)?);
        let weights = (0..layers).map(weight).collect::<Result<_>>()?;
        Ok(Stack { device, weights })
    }

    fn layer(x: &Tensor, w: &Variable) -> Result<Tensor> {
        x + x.softmax(-1)?.matmul(&w.get()?)?.tanh()?
    }

    fn loss(&self, x: &Tensor, checkpoints: bool) -> Result<Tensor> {
        let mut x = x.clone();
        for w in &self.weights {
            x = if checkpoints {
                checkpoint(&[&x], |x| Ok(vec![Stack::layer(&x[0], w)?]))?.remove(0)
            } else {
                Stack::layer(&x, w)?
            };
        }
        (&x * &x)?.mean(&[])
    }

    fn input(&self) -> Result<Tensor> {
        Tensor::randn(&self.device, [4, 6], 99)
    }

    fn gradients(&self, loss: &Tensor) -> Result<Vec<Vec<f32>>> {
        let gradients = grad(loss, &self.weights.iter().collect::<Vec<_>>())?;
        gradients.iter().map(|g| g.to_vec::<f32>()).collect()
    }
}

#[test]
fn checkpoints_change_no_gradient() -> Result<()> {
    let stack = Stack::new(3)?;
    let x = stack.input()?;
    let expected = stack.gradients(&stack.loss(&x, false)?)?;
    assert_eq!(stack.gradients(&stack.loss(&x, true)?)?, expected);
    // When the loss has been read before, its layers are computed again from what was kept.
    let loss = stack.loss(&x, true)?;
    loss.item::<f32>()?;
    for (a, b) in stack.gradients(&loss)?.iter().zip(&expected) {
        close(a, b);
    }
    let step = jit(&stack.device, |x: &[Tensor]| {
        let loss = stack.loss(&x[0], true)?;
        grad(&loss, &stack.weights.iter().collect::<Vec<_>>())
    });
    for (a, b) in step.call(&[&x])?.iter().zip(&expected) {
        close(&a.to_vec::<f32>()?, b);
    }
    Ok(())
}

#[test]
fn a_checkpoint_sets_variables_once_and_drops_the_same_elements_again() -> Result<()> {
    let device = cpu();
    let w = Variable::new("w", &Tensor::ones(&device, [64], hadal::DType::F32)?)?;
    let count = Variable::state("count", &Tensor::scalar(&device, 0.0f32)?)?;
    let dropout = Dropout::new(&Scope::random(&device, 7), 0.5)?;
    let forward = || {
        let inside = |x: &[Tensor]| {
            count.set(&(count.get()? + 1.0)?)?;
            count.set(&(count.get()? + 1.0)?)?;
            let dropped = dropout.forward(&(&x[0] * 3.0)?)?;
            Ok(vec![(&dropped * &dropped)?])
        };
        checkpoint(&[&w.get()?], inside)
    };
    let eager = || {
        let y = forward()?.remove(0);
        let gradients = grad(&y.sum(&[])?, &[&w])?;
        Ok(vec![y, gradients[0].clone()])
    };
    let step = jit(&device, |_: &[Tensor]| eager());
    let mut seen = Vec::new();
    for results in [eager()?, step.call(&[])?, step.call(&[])?] {
        let (y, d) = (results[0].to_vec::<f32>()?, results[1].to_vec::<f32>()?);
        // y is (2 · 3 w)² or 0, so its gradient is 2 y or 0.
        for (y, d) in y.iter().zip(&d) {
            assert!([0.0, 36.0].contains(y) && *d == 2.0 * y, "{y} {d}");
        }
        assert!(!seen.contains(&y), "the key did not move on");
        seen.push(y);
    }
    assert_eq!(count.get()?.item::<f32>()?, 6.0);
    Ok(())
}

#[test]
fn gradients_of_functions_nest() -> Result<()> {
    let device = cpu();
    let x = Tensor::scalar(&device, 0.7f32)?;
    let a = Variable::new("a", &Tensor::scalar(&device, 2.0f32)?)?;
    // a x³ has the derivatives 3 a x², 6 a x, 6 a.
    let f = |x: &[Tensor]| a.get()? * ((&x[0] * &x[0])? * &x[0])?;
    let first = |x: &[Tensor]| Ok(grad_of(&[&x[0]], f)?.remove(0));
    let second = |x: &[Tensor]| Ok(grad_of(&[&x[0]], first)?.remove(0));
    let (value, slope) = value_and_grad_of(&[&x], f)?;
    close(&[value.item()?, slope[0].item()?], &[2.0 * 0.343, 6.0 * 0.49]);
    close(&[grad_of(&[&x], first)?[0].item()?, grad_of(&[&x], second)?[0].item()?], &[8.4, 12.0]);
    // The variable is differentiated for outside.
    let by_a = grad(&second(std::slice::from_ref(&x))?, &[&a])?;
    close(&[by_a[0].item()?], &[6.0 * 0.7]);
    let step = jit(&device, |x: &[Tensor]| Ok(vec![second(x)?]));
    close(&[step.call(&[&x])?[0].item()?], &[8.4]);
    // Two arguments, of which one is not used.
    let y = Tensor::new(&device, &[1.0f32, 2.0], [2])?;
    let gradients = grad_of(&[&x, &y], |x| x[0].sin())?;
    assert_eq!(gradients[1].to_vec::<f32>()?, [0.0, 0.0]);
    let (value, gradients) = value_and_grad(&[&a], || a.get()? * &x)?;
    close(&[value.item()?, gradients[0].item()?], &[1.4, 0.7]);
    Ok(())
}

#[test]
fn what_has_no_gradient_as_a_function_says_so() -> Result<()> {
    let device = cpu();
    let x = Tensor::new(&device, &[1.0f32, 2.0], [2])?;
    let vector = grad_of(&[&x], |x| x[0].sin()).unwrap_err();
    assert!(vector.to_string().contains("only a float scalar has a gradient"), "{vector}");
    let whole = Tensor::scalar(&device, 3i32)?;
    let error = grad_of(&[&whole], |x| x[0].to_dtype(hadal::DType::F32)).unwrap_err();
    assert!(error.to_string().contains("only floats have gradients"), "{error}");
    let none = grad_of(&[], |_| Tensor::scalar(&device, 1.0f32)).unwrap_err();
    assert!(none.to_string().contains("needs arguments"), "{none}");
    let read = grad_of(&[&x], |x| {
        x[0].to_vec::<f32>()?;
        x[0].sum(&[])
    });
    assert!(matches!(read.unwrap_err(), Error::Traced { .. }));
    Ok(())
}

/// Gradients of `w` under every way of stopping them, each beside the factor that is left of `w · factor`.
fn stopped(w: &Tensor) -> Result<Vec<Tensor>> {
    let sine = w.sin()?;
    let held = no_grad(|| w.cos())?;
    Ok(vec![(&sine.detach() * w)?.sum(&[])?, (&held * w)?.sum(&[])?])
}

#[test]
fn detach_and_no_grad_stop_gradients_everywhere() -> Result<()> {
    let device = cpu();
    let values = [0.3f32, 1.2];
    let w = Variable::new("w", &Tensor::new(&device, &values, [2])?)?;
    let expected = [values.map(f32::sin).to_vec(), values.map(f32::cos).to_vec()];
    let yes = truth(&device, true)?;
    for (i, expected) in expected.iter().enumerate() {
        let plain = || Ok(stopped(&w.get()?)?.remove(i));
        let recomputed = || Ok(checkpoint(&[&w.get()?], |w| stopped(&w[0]))?.remove(i));
        let branched = || Ok(cond(&yes, &[&w.get()?], |w| stopped(&w[0]), |w| stopped(&w[0]))?.remove(i));
        let ways: [&dyn Fn() -> Result<Tensor>; 3] = [&plain, &recomputed, &branched];
        for way in ways {
            close(&grad(&way()?, &[&w])?[0].to_vec::<f32>()?, expected);
            let step = jit(&device, |_: &[Tensor]| grad(&way()?, &[&w]));
            close(&step.call(&[])?[0].to_vec::<f32>()?, expected);
        }
        let of = grad_of(&[&w.get()?], |w| Ok(stopped(&w[0])?.remove(i)))?;
        close(&of[0].to_vec::<f32>()?, expected);
    }
    // All of it within no_grad: there is nothing to differentiate.
    assert!(no_grad(|| stopped(&w.get()?))?[0].backward().is_err());
    Ok(())
}

#[test]
fn a_custom_gradient_is_taken_as_it_is() -> Result<()> {
    let device = cpu();
    let values = [0.4f32, -1.3];
    let w = Variable::new("w", &Tensor::new(&device, &values, [2])?)?;
    let scale = Tensor::scalar(&device, 10.0f32)?;
    // exp(x), whose gradient is said to be 10 · y · d: not the true one, so that it shows which is used.
    let f = |x: &Tensor| -> Result<Tensor> {
        let backward = |b: &CustomBackward| {
            let slope = (&b.results[0] * &b.gradients[0])?;
            Ok(vec![Some((&slope * &scale)?)])
        };
        Ok(custom_gradient(&[x], |x| Ok(vec![x[0].exp()?]), backward)?.remove(0))
    };
    let exp = values.map(f32::exp).to_vec();
    let ten = |x: &[f32]| x.iter().map(|x| 10.0 * x).collect::<Vec<f32>>();
    close(&f(&w.get()?)?.to_vec::<f32>()?, &exp);
    close(&grad(&f(&w.get()?)?.sum(&[])?, &[&w])?[0].to_vec::<f32>()?, &ten(&exp));
    let step = jit(&device, |_: &[Tensor]| grad(&f(&w.get()?)?.sum(&[])?, &[&w]));
    close(&step.call(&[])?[0].to_vec::<f32>()?, &ten(&exp));
    // Within a checkpoint, and differentiated twice: the gradient of 10 y is 10 · 10 y.
    let inside = checkpoint(&[&w.get()?], |x| Ok(vec![f(&x[0])?]))?.remove(0);
    close(&grad(&inside.sum(&[])?, &[&w])?[0].to_vec::<f32>()?, &ten(&exp));
    let twice = |x: &[Tensor]| grad_of(&[&x[0]], |x| f(&x[0])?.sum(&[]))?.remove(0).sum(&[]);
    close(&grad_of(&[&w.get()?], twice)?[0].to_vec::<f32>()?, &ten(&ten(&exp)));

    let wrong = custom_gradient(&[&w.get()?], |x| Ok(vec![x[0].exp()?]), |_| Ok(Vec::new())).unwrap_err();
    assert!(wrong.to_string().contains("0 gradients for 1 arguments"), "{wrong}");
    let shape = custom_gradient(
        &[&w.get()?],
        |x| Ok(vec![x[0].exp()?]),
        |b| Ok(vec![Some(b.gradients[0].sum(&[])?)]),
    );
    assert!(shape.unwrap_err().to_string().contains("the backward region returns"));
    Ok(())
}

#[test]
fn branches_have_gradients_and_loops_say_what_to_do() -> Result<()> {
    let device = cpu();
    let w = Variable::new("w", &Tensor::scalar(&device, 3.0f32)?)?;
    for (taken, expected) in [(true, 6.0), (false, 27.0)] {
        let predicate = truth(&device, taken)?;
        let branch = |p: &Tensor| {
            let w = w.get()?;
            let cube = |w: &Tensor| (w * w)? * w;
            Ok::<_, Error>(cond(p, &[], |_| Ok(vec![(&w * &w)?]), |_| Ok(vec![cube(&w)?]))?.remove(0))
        };
        assert_eq!(grad(&branch(&predicate)?, &[&w])?[0].item::<f32>()?, expected);
        let step = jit(&device, |p: &[Tensor]| grad(&branch(&p[0])?, &[&w]));
        assert_eq!(step.call(&[&predicate])?[0].item::<f32>()?, expected);
    }
    let state = while_loop(
        &[&w.get()?],
        |s| s[0].lt(&Tensor::scalar(&device, 100.0f32)?),
        |s| Ok(vec![(&s[0] * 2.0)?]),
    )?;
    let error = state[0].backward().unwrap_err().to_string();
    assert!(error.contains("while") && error.contains("`for`") && error.contains("gradients.rs"), "{error}");
    let mut x = w.get()?;
    for _ in 0..3 {
        x = (&x * &x)?;
    }
    assert_eq!(grad(&x, &[&w])?[0].item::<f32>()?, 8.0 * 3f32.powi(7));
    Ok(())
}
