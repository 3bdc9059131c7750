//! Kernels of a program's own: on every device, under `jit`, with gradients, and what is refused.

use hadal::{
    CustomBackward, CustomKernel, DType, Device, Result, Tensor, Variable, custom_gradient, grad, jit,
};

fn devices() -> Vec<Device> {
    ["cpu", "wgpu"].into_iter().filter_map(|name| Device::open(name).ok()).collect()
}

/// Element `[r, c]` of the result is `a[c, r] + b[c mod extent]`: it reads other elements than its own, and a second operand.
fn transposed_sum() -> CustomKernel {
    let text = "
        const SCALE: f32 = 2.0;
        fn element(i: u32) -> f32 {
            let rows = x0_extent(1u);
            let columns = x0_extent(0u);
            let r = i / columns;
            let c = i % columns;
            return SCALE * x0(c * rows + r) + f32(x1(c % x1_extent(0u)));
        }";
    CustomKernel::new("transposed sum", text).on_host(|x, i| {
        let (rows, columns) = (x[0].shape[1], x[0].shape[0]);
        let (r, c) = (i / columns, i % columns);
        2.0 * x[0].values[c * rows + r] + x[1].values[c % x[1].shape[0]]
    })
}

#[test]
fn a_kernel_reads_what_it_wants() -> Result<()> {
    let kernel = transposed_sum();
    for device in devices() {
        let values: Vec<f32> = (0..6).map(|i| i as f32).collect();
        let a = Tensor::new(&device, &values, [2, 3])?;
        let b = Tensor::new(&device, &[100i32, -7], [2])?;
        let expected = [100.0f32, -1.0, 102.0, 1.0, 104.0, 3.0];
        assert_eq!(kernel.apply(&[&a, &b], DType::F32, [3, 2])?.to_vec::<f32>()?, expected, "{device}");
        // Between other ops, views included, eager and as a part of a plan.
        let f = |x: &[Tensor]| {
            let x = (&x[0] * 0.5)?.t()?.t()?;
            (kernel.apply(&[&x, &b], DType::F32, [3, 2])? + 1.0)?.t()
        };
        // Half of a, transposed twice: 2 · a/2 + b + 1, transposed.
        let expected = [101.0f32, 102.0, 103.0, -3.0, -2.0, -1.0];
        let step = jit(&device, |x: &[Tensor]| Ok(vec![f(x)?]));
        assert_eq!(f(std::slice::from_ref(&a))?.to_vec::<f32>()?, expected, "{device}");
        assert_eq!(step.call(&[&a])?[0].to_vec::<f32>()?, expected, "{device}");
        // One operand given twice, integers, and an empty result.
        let whole = CustomKernel::new("whole", "fn element(i: u32) -> i32 { return x0(i) - 2 * x1(i); }")
            .on_host(|x, i| x[0].values[i] - 2.0 * x[1].values[i]);
        assert_eq!(whole.apply(&[&b, &b], DType::I32, [2])?.to_vec::<i32>()?, [-100, 7], "{device}");
        assert_eq!(whole.apply(&[&b, &b], DType::I32, [0])?.to_vec::<i32>()?, [0i32; 0], "{device}");
        // The same kernel is the same plan.
        let before = device.stats().plans_prepared;
        kernel.apply(&[&a, &b], DType::F32, [3, 2])?.to_vec::<f32>()?;
        assert_eq!(device.stats().plans_prepared, before, "{device}");
    }
    Ok(())
}

#[test]
fn a_kernel_with_a_gradient_of_its_own_trains() -> Result<()> {
    let cube = CustomKernel::new("cube", "fn element(i: u32) -> f32 { return x0(i) * x0(i) * x0(i); }")
        .on_host(|x, i| x[0].values[i].powi(3));
    for device in devices() {
        let w = Variable::new("w", &Tensor::new(&device, &[1.0f32, -2.0], [2])?)?;
        let f = || {
            let forward = |x: &[Tensor]| Ok(vec![cube.apply(&[&x[0]], DType::F32, [2])?]);
            let backward = |b: &CustomBackward| {
                let square = (&b.arguments[0] * &b.arguments[0])?;
                Ok(vec![Some((&b.gradients[0] * &(square * 3.0)?)?)])
            };
            Ok::<_, hadal::Error>(custom_gradient(&[&w.get()?], forward, backward)?.remove(0))
        };
        let loss = || (f()? * 2.0)?.sum(&[]);
        assert_eq!(grad(&loss()?, &[&w])?[0].to_vec::<f32>()?, [6.0, 24.0], "{device}");
        let step = jit(&device, |_: &[Tensor]| grad(&loss()?, &[&w]));
        assert_eq!(step.call(&[])?[0].to_vec::<f32>()?, [6.0, 24.0], "{device}");
        let bare = cube.apply(&[&w.get()?], DType::F32, [2])?.sum(&[])?.backward().unwrap_err();
        assert!(bare.to_string().contains("custom_gradient"), "{bare}");
    }
    Ok(())
}

#[test]
fn what_cannot_run_says_why() -> Result<()> {
    let cpu = Device::open("cpu")?;
    let x = Tensor::new(&cpu, &[1.0f32], [1])?;
    let text = "fn element(i: u32) -> f32 { return x0(i); }";
    let error =
        CustomKernel::new("gpu only", text).apply(&[&x], DType::F32, [1])?.to_vec::<f32>().unwrap_err();
    assert!(error.to_string().contains("`gpu only`") && error.to_string().contains("on_host"), "{error}");
    let half = x.to_dtype(DType::F16)?;
    let error = CustomKernel::new("half", text).apply(&[&half], DType::F32, [1]).unwrap_err();
    assert!(
        error.to_string().contains("f32, i32 or u32") && error.to_string().contains("custom_op.rs"),
        "{error}"
    );
    let Ok(wgpu) = Device::open("wgpu") else { return Ok(()) };
    let x = Tensor::new(&wgpu, &[1.0f32], [1])?;
    let kernel = CustomKernel::new("broken", "fn element(i: u32) -> f32 { return nothing; }");
    let error = kernel.apply(&[&x], DType::F32, [1])?.to_vec::<f32>().unwrap_err().to_string();
    println!("{error}");
    assert!(error.contains("nothing"), "{error}");
    // The device works on.
    let kernel = CustomKernel::new("identity", text);
    assert_eq!(kernel.apply(&[&x], DType::F32, [1])?.to_vec::<f32>()?, [1.0]);
    Ok(())
}
