//! Einstein summation against loops.

mod reference;

use hadal::{Result, Tensor};
use reference::reference;

#[test]
fn sums_of_products() -> Result<()> {
    let device = reference();
    let ramp = |shape: &[usize], from: f32| {
        let n: usize = shape.iter().product();
        let data: Vec<f32> = (0..n).map(|i| from + i as f32).collect();
        Tensor::new(&device, &data, shape.to_vec())
    };
    let (a, b) = (ramp(&[2, 3, 4], 1.0)?, ramp(&[2, 4, 5], -3.0)?);
    let product = Tensor::einsum("bij,bjk->bik", &[&a, &b])?;
    assert_eq!(product.to_vec::<f32>()?, a.matmul(&b)?.to_vec::<f32>()?);
    let swapped = Tensor::einsum("bij,bjk->kbi", &[&a, &b])?;
    assert_eq!(swapped.to_vec::<f32>()?, a.matmul(&b)?.permute(&[2, 0, 1])?.to_vec::<f32>()?);
    let outer = Tensor::einsum("i,j", &[&ramp(&[3], 1.0)?, &ramp(&[2], 1.0)?])?;
    assert_eq!(outer.to_vec::<f32>()?, [1., 2., 2., 4., 3., 6.]);
    let square = ramp(&[3, 3], 0.0)?;
    assert_eq!(Tensor::einsum("ii", &[&square])?.item::<f32>()?, 12.0);
    assert_eq!(Tensor::einsum("ii->i", &[&square])?.to_vec::<f32>()?, [0., 4., 8.]);
    assert_eq!(Tensor::einsum("ij->ji", &[&square])?.to_vec::<f32>()?, square.t()?.to_vec::<f32>()?);
    let (x, y, z) = (ramp(&[2, 3], 1.0)?, ramp(&[3, 4], 1.0)?, ramp(&[4, 2], 1.0)?);
    let chain = Tensor::einsum("ij,jk,kl->il", &[&x, &y, &z])?;
    assert_eq!(chain.to_vec::<f32>()?, x.matmul(&y)?.matmul(&z)?.to_vec::<f32>()?);
    for wrong in ["ij,jk", "ij->ik", "i->i", "i1->i", "ij->ii"] {
        assert!(Tensor::einsum(wrong, &[&square]).is_err(), "{wrong}");
    }
    assert!(Tensor::einsum("ij,ji->i", &[&x, &y]).is_err());
    Ok(())
}
