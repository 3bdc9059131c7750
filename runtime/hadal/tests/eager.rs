//! Lazy tensors: what they compute, what they keep, and what they refuse.

mod reference;

use hadal::{DType, Device, Error, NewAxis, Result, Tensor, Variable, flush, grad, no_grad};
use reference::reference;

/// Every device that this build can open, and the reference.
fn devices() -> Vec<Device> {
    #[cfg(feature = "cpu")]
    return vec![reference(), Device::open("cpu").unwrap()];
    #[cfg(not(feature = "cpu"))]
    vec![reference()]
}

#[test]
fn expressions_compute_when_they_are_asked_for() -> Result<()> {
    for device in devices() {
        let x = Tensor::new(&device, &[1.0f32, 2.0, 3.0, 4.0, 5.0, 6.0], [2, 3])?;
        let y = ((&x * 2.0)? + x.sum_keep(&[-1])?)?;
        assert!(!y.is_computed());
        assert_eq!(y.to_vec::<f32>()?, [8., 10., 12., 23., 25., 27.]);
        assert!(y.is_computed());
        assert_eq!(device.stats().plans_prepared, 1);
        let z = ((&x * 2.0)? + x.sum_keep(&[-1])?)?;
        z.to_vec::<f32>()?;
        assert_eq!((device.stats().plans_prepared, device.stats().cache_hits), (1, 1));
        let other = ((&x * 3.0)? + x.sum_keep(&[-1])?)?;
        other.to_vec::<f32>()?;
        assert_eq!(device.stats().plans_prepared, 2);
    }
    Ok(())
}

#[test]
fn runtime_scalars_plan_nothing_anew() -> Result<()> {
    for device in devices() {
        let x = Tensor::new(&device, &[1.0f32, 2.0], [2])?;
        for rate in 0..5 {
            let rate = rate as f32;
            let y = (&x * Tensor::scalar(&device, rate)?)?;
            assert_eq!(y.to_vec::<f32>()?, [rate, 2.0 * rate]);
        }
        assert_eq!(device.stats().plans_prepared, 1);
    }
    Ok(())
}

#[test]
fn what_others_hold_is_not_computed_twice() -> Result<()> {
    for device in devices() {
        let x = Tensor::new(&device, &[1.0f32, 2.0], [2])?;
        let held = x.exp()?;
        let passing = held.sqrt()?;
        let end = (&passing + 1.0)?;
        drop(passing);
        end.to_vec::<f32>()?;
        assert!(held.is_computed());
        let buffers = device.memory_stats().buffers;
        drop((held, end, x));
        assert_eq!(device.memory_stats().buffers, buffers - 3);
    }
    Ok(())
}

#[test]
fn long_chains_are_cut_and_dropped_without_recursion() -> Result<()> {
    let meta = Device::meta();
    let mut x = Tensor::zeros(&meta, [1], DType::F32)?;
    for _ in 0..200_000 {
        x = (&x + 1.0)?;
    }
    drop(x);
    #[cfg(feature = "cpu")]
    {
        let device = Device::open("cpu")?;
        let mut x = Tensor::new(&device, &[0.0f32], [1])?;
        for _ in 0..5_000 {
            x = (&x + 1.0)?;
        }
        assert_eq!(x.item::<f32>()?, 5_000.0);
        assert_eq!(device.stats().runs, 3);
    }
    Ok(())
}

#[test]
fn errors_say_where_and_what() -> Result<()> {
    let device = Device::meta();
    let a = Tensor::zeros(&device, [2, 3], DType::F32)?;
    let b = Tensor::zeros(&device, [4, 5], DType::F32)?;
    let line = line!() + 1;
    let error = a.matmul(&b).unwrap_err().to_string();
    assert!(error.contains("inner extents") && error.contains("f32[2, 3], f32[4, 5]"), "{error}");
    assert!(error.contains(&format!("eager.rs:{line}:")), "{error}");
    let line = line!() + 1;
    let error = (&a + &b).unwrap_err().to_string();
    assert!(error.contains("broadcast") && error.contains(&format!("eager.rs:{line}:")), "{error}");
    let line = line!() + 1;
    let error = a.sum(&[2]).unwrap_err().to_string();
    assert!(error.contains("axis 2") && error.contains(&format!("eager.rs:{line}:")), "{error}");
    let line = line!() + 1;
    let error = a.reshape([4, -1]).unwrap_err().to_string();
    assert!(error.contains("[4, -1]") && error.contains(&format!("eager.rs:{line}:")), "{error}");
    let integers = a.to_dtype(DType::I32)?;
    assert!((&integers * 0.5).unwrap_err().to_string().contains("0.5 is not a i32"));
    assert!((&a + &integers).unwrap_err().to_string().contains("cast"));
    assert!(matches!(a.to_vec::<f32>(), Err(Error::Meta)));
    let elsewhere = Tensor::zeros(&reference(), [2, 3], DType::F32)?;
    assert!(matches!(&a + &elsewhere, Err(Error::Devices { .. })));
    assert!(Device::open("nowhere:at:all").is_err());
    Ok(())
}

#[test]
fn indexing() -> Result<()> {
    for device in devices() {
        let x = Tensor::arange(&device, 24, DType::I32)?.reshape([2, 3, 4])?;
        assert_eq!(x.i(1)?.i((.., 2))?.to_vec::<i32>()?, [14, 18, 22]);
        assert_eq!(x.i((0, 1..=2, -1))?.to_vec::<i32>()?, [7, 11]);
        assert_eq!(x.i((hadal::Ellipsis, NewAxis, 0))?.shape().to_string(), "[2, 3, 1]");
        let rows = Tensor::new(&device, &[2i64, 0], [2])?;
        assert_eq!(x.i((0, &rows, 1..2))?.to_vec::<i32>()?, [9, 1]);
        assert_eq!(x.slice(2, -1, -5, -2)?.i((0, 0))?.to_vec::<i32>()?, [3, 1]);
        assert_eq!(x.flip(0)?.i((0, 0, 0))?.item::<i32>()?, 12);
        assert!(x.i((0, 0, 0, 0)).is_err() && x.i(2).is_err());
        let parts = x.chunk(2, 1)?;
        assert_eq!((parts[0].dims()?, parts[1].dims()?), (vec![2, 2, 4], vec![2, 1, 4]));
        let again = Tensor::cat(&parts.iter().collect::<Vec<_>>(), 1)?;
        assert!(again.eq(&x)?.all(&[])?.to_bools()?[0]);
    }
    Ok(())
}

#[test]
fn gradients_of_variables() -> Result<()> {
    for device in devices() {
        let w = Variable::new("w", &Tensor::new(&device, &[1.0f32, -2.0, 3.0], [3])?)?;
        let x = Tensor::new(&device, &[2.0f32, 5.0, 7.0], [3])?;
        let loss = (w.get()?.sqr()? * &x)?.sum(&[])?;
        let gradients = loss.backward()?;
        let g = gradients.get(&w).unwrap();
        assert_eq!(g.to_vec::<f32>()?, [4., -20., 42.]);
        assert_eq!(loss.item::<f32>()?, 2. + 20. + 63.);
        assert!(matches!(loss.backward(), Err(Error::Gradient(_))));

        // Asked for first, differentiated afterwards.
        let loss = (w.get()?.exp()? * &x)?.sum(&[])?;
        loss.item::<f32>()?;
        let g = grad(&loss, &[&w])?;
        let expected = [1f32.exp() * 2., (-2f32).exp() * 5., 3f32.exp() * 7.];
        for (a, b) in g[0].to_vec::<f32>()?.iter().zip(expected) {
            assert!((a - b).abs() <= 1e-5 * b.abs(), "{a} {b}");
        }
        assert!(no_grad(|| w.get()?.sum(&[]))?.backward().is_err());
        assert!((w.get()?.detach() * 2.0)?.sum(&[])?.backward().is_err());

        // The second derivative of w³ is 6 w.
        let loss = w.get()?.pow(3.0)?.sum(&[])?;
        let first = loss.backward_keeping_history()?;
        let second = first.get(&w).unwrap().sum(&[])?.backward()?;
        let second = second.get(&w).unwrap().to_vec::<f32>()?;
        for (a, b) in second.iter().zip([6., -12., 18.]) {
            assert!((a - b).abs() < 1e-3, "{a} {b}");
        }
    }
    Ok(())
}

#[test]
fn a_version_keeps_its_value() -> Result<()> {
    for device in devices() {
        let w = Variable::new("w", &Tensor::new(&device, &[1.0f32], [1])?)?;
        let before = (w.get()? * 10.0)?;
        w.set(&(w.get()? + 1.0)?)?;
        assert_eq!(w.get()?.item::<f32>()?, 2.0);
        assert_eq!(before.item::<f32>()?, 10.0);
        assert!(w.set(&Tensor::zeros(&device, [2], DType::F32)?).is_err());
    }
    Ok(())
}

#[test]
fn a_loop_without_end_does_not_grow() -> Result<()> {
    for device in devices() {
        let w = Variable::new("w", &Tensor::new(&device, &[1.0f32, 2.0], [2])?)?;
        let mut buffers = Vec::new();
        for _ in 0..6 {
            let loss = w.get()?.sqr()?.sum(&[])?;
            let gradients = loss.backward()?;
            let step = (gradients.get(&w).unwrap() * 0.1)?;
            drop(gradients);
            w.set(&(w.get()?.detach() - step)?)?;
            flush(&[&w.get()?, &loss])?;
            buffers.push(device.memory_stats().buffers);
        }
        assert!(buffers[1..].windows(2).all(|w| w[0] == w[1]), "{buffers:?}");
        assert_eq!(device.stats().plans_prepared, 1);
    }
    Ok(())
}

#[test]
fn random_numbers_come_from_the_seed() -> Result<()> {
    for device in devices() {
        let a = Tensor::rand(&device, [1000], 7)?.to_vec::<f32>()?;
        assert_eq!(a, Tensor::rand(&device, [1000], 7)?.to_vec::<f32>()?);
        assert_ne!(a, Tensor::rand(&device, [1000], 8)?.to_vec::<f32>()?);
        assert!(a.iter().all(|x| (0.0..1.0).contains(x)));
        let n = Tensor::randn(&device, [4096], 1)?;
        let (mean, var) = (n.mean(&[])?.item::<f32>()?, n.var_keep(&[], 1)?.item::<f32>()?);
        assert!(mean.abs() < 0.05 && (var - 1.0).abs() < 0.1, "{mean} {var}");
    }
    Ok(())
}

#[test]
fn printing_shows_values_only_where_they_are() -> Result<()> {
    let device = reference();
    let x = Tensor::new(&device, &[1.0f32, 2.5, 3.0, 4.0], [2, 2])?;
    assert_eq!(x.to_string(), "[[  1, 2.5],\n [  3,   4]]");
    let y = (&x + 1.0)?;
    assert_eq!(y.to_string(), "Tensor(f32[2, 2] on reference:0, not computed)");
    Ok(())
}

/// Mesa's llvmpipe ends the loops of an invocation after 65,535 rounds: what needs more is right, or an error that says so.
#[test]
fn a_driver_that_ends_loops_gives_no_wrong_number() -> Result<()> {
    for name in ["cpu", "wgpu"] {
        let device = match Device::open(name) {
            Ok(device) => device,
            Err(error) if std::env::var_os("CI").is_some() => panic!("{error}"),
            Err(_) => continue,
        };
        for n in [60_000, 100_000, 200_000] {
            let ones = Tensor::new(&device, &vec![1.0f32; n], [1, n])?;
            match ones.cumsum(1)?.to_vec::<f32>() {
                Ok(sums) => assert_eq!(sums.last(), Some(&(n as f32)), "{device:?}"),
                Err(error) => {
                    let text = error.to_string();
                    assert!(
                        n > 65_535 && text.contains("ended its loops") && text.contains("hint"),
                        "{text}"
                    );
                }
            }
        }
        // The device works on.
        assert_eq!(Tensor::new(&device, &[1.0f32, 2.0], [2])?.cumsum(0)?.to_vec::<f32>()?, [1.0, 3.0]);
    }
    Ok(())
}
