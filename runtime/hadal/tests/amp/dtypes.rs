//! Which dtype an op gets.

use crate::devices;
use crate::reference::reference;
use hadal::amp::autocast;
use hadal::{DType, Result, Tensor, Variable, jit};

const HALVES: [DType; 2] = [DType::F16, DType::BF16];

#[test]
fn ops_run_in_the_dtypes_of_the_list() -> Result<()> {
    let device = reference();
    let randn = |shape: &[usize], seed| Tensor::randn(&device, shape, seed);
    let (x, w) = (randn(&[4, 6], 1)?, Variable::new("w", &randn(&[6, 5], 2)?)?);
    let b = Variable::new("b", &randn(&[5], 3)?)?;
    let (image, kernel) = (randn(&[1, 2, 5, 5], 4)?, randn(&[3, 2, 3, 3], 5)?);
    let targets = Tensor::new(&device, &[0i64, 1, 2, 3], [4])?;
    for half in HALVES {
        autocast(half, || {
            let product = x.matmul(&w.get()?)?;
            assert_eq!(product.dtype(), half);
            assert_eq!(image.conv2d(&kernel, &Default::default())?.dtype(), half);
            assert_eq!(x.attention(&x, &x, None, false)?.dtype(), half);
            assert_eq!(randn(&[2, 4, 6], 6)?.matmul(&w.get()?)?.dtype(), half, "batch axes broadcast");
            // A parameter follows the activation that it is added to; an activation does not.
            let hidden = product.add(&b.get()?)?;
            assert_eq!(hidden.dtype(), half);
            assert_eq!(w.get()?.t()?.narrow(0, 0, 4)?.add(&x.to_dtype(half)?)?.dtype(), half);
            assert_eq!(hidden.add(&randn(&[4, 5], 7)?)?.dtype(), DType::F32);
            assert_eq!(randn(&[4, 5], 7)?.add(&hidden)?.dtype(), DType::F32);
            // Scalars and numbers follow too.
            assert_eq!((hidden.mul(&Tensor::scalar(&device, 2.0f32)?)? + 1.0)?.dtype(), half);
            for follows in [hidden.gelu()?, hidden.relu()?, hidden.max(&[0])?, hidden.t()?, (&hidden * 2.0)?]
            {
                assert_eq!(follows.dtype(), half);
            }
            let ones = Tensor::ones(&device, [5], DType::F32)?;
            for single in [
                hidden.softmax(-1)?,
                hidden.log_softmax(-1)?,
                hidden.layer_norm(&ones, &ones, 1e-5)?,
                hidden.cross_entropy(&targets)?,
                hidden.sum(&[])?,
                hidden.mean(&[0])?,
                hidden.var_keep(&[1], 0)?,
                hidden.exp()?,
                hidden.pow(3.0)?,
                hidden.sqr()?,
            ] {
                assert_eq!(single.dtype(), DType::F32);
            }
            // What is asked for by name is done.
            assert_eq!(hidden.to_dtype(DType::F32)?.dtype(), DType::F32);
            assert_eq!(x.to_dtype(half)?.dtype(), half);
            let doubles = x.to_dtype(DType::F64)?;
            assert_eq!(doubles.matmul(&doubles.t()?)?.dtype(), DType::F64);
            autocast(DType::F32, || {
                assert_eq!(x.matmul(&w.get()?)?.dtype(), DType::F32);
                assert!(product.add(&b.get()?).is_err(), "nothing is converted silently");
                Ok(())
            })
        })?;
    }
    assert_eq!(x.matmul(&w.get()?)?.dtype(), DType::F32);
    assert!(autocast(DType::I32, || Ok(())).unwrap_err().to_string().contains("f16, bf16 or f32"));
    let failed: Result<()> = autocast(DType::F16, || Err(hadal::Error::Gradient("planted".into())));
    assert!(failed.is_err());
    assert_eq!(x.matmul(&w.get()?)?.dtype(), DType::F32, "autocast ends where an error leaves it");
    Ok(())
}

#[test]
fn errors_name_the_callers_line() -> Result<()> {
    let device = reference();
    let (a, b) = (Tensor::zeros(&device, [2, 3], DType::F32)?, Tensor::zeros(&device, [4, 5], DType::F16)?);
    autocast(DType::F16, || {
        let line = line!() + 1;
        let error = a.matmul(&b).unwrap_err().to_string();
        assert!(error.contains("inner extents") && error.contains(&format!("dtypes.rs:{line}:")), "{error}");
        Ok(())
    })
}

/// What a half could not hold on the way is held: the sum, the number of elements, the squares.
#[test]
fn reductions_do_not_overflow() -> Result<()> {
    for device in devices() {
        let x = Tensor::full(&device, [65_536], 256.0, DType::F16)?;
        autocast(DType::F16, || {
            assert_eq!(x.mean(&[])?.item::<f32>()?, 256.0, "{device}");
            assert_eq!(x.sqr()?.mean(&[])?.item::<f32>()?, 65_536.0, "{device}");
            Ok(())
        })?;
    }
    Ok(())
}

#[test]
fn gradients_have_the_dtype_of_their_variables() -> Result<()> {
    for device in devices() {
        let x = Tensor::randn(&device, [16, 12], 1)?;
        let w = Variable::new("w", &Tensor::randn(&device, [12, 8], 2)?)?;
        let b = Variable::new("b", &Tensor::randn(&device, [8], 3)?)?;
        let loss = || (x.matmul(&w.get()?)? + b.get()?)?.gelu()?.sqr()?.mean(&[]);
        let exact = loss()?.backward()?;
        for (half, tolerance) in [(DType::F16, 2e-3), (DType::BF16, 2e-2)] {
            let mixed = autocast(half, loss)?;
            // Outside of autocast: the backward pass has the dtypes of the forward pass.
            let mixed = mixed.backward()?;
            for variable in [&w, &b] {
                let (a, e) =
                    (mixed.get(variable).expect("a gradient"), exact.get(variable).expect("a gradient"));
                assert_eq!(a.dtype(), DType::F32);
                let scale = e.abs()?.max(&[])?.item::<f32>()?;
                let gap = a.sub(e)?.abs()?.max(&[])?.item::<f32>()?;
                assert!(gap > 0.0, "{half} on {device}: nothing was rounded");
                assert!(gap <= tolerance * scale, "{half} on {device}: {gap} of {scale}");
            }
        }
    }
    Ok(())
}

#[test]
fn a_traced_function_is_traced_anew_for_another_precision() -> Result<()> {
    for device in devices() {
        let x = Tensor::randn(&device, [4, 4], 1)?;
        let product = jit(&device, |args: &[Tensor]| Ok(vec![args[0].matmul(&args[0])?]));
        let dtype = || Ok::<_, hadal::Error>(product.call(&[&x])?[0].dtype());
        assert_eq!(dtype()?, DType::F32);
        assert_eq!(autocast(DType::F16, dtype)?, DType::F16);
        assert_eq!(autocast(DType::BF16, dtype)?, DType::BF16);
        assert_eq!(dtype()?, DType::F32);
        assert_eq!(autocast(DType::F16, dtype)?, DType::F16);
        assert_eq!(product.stats().traces, 3);
    }
    Ok(())
}
