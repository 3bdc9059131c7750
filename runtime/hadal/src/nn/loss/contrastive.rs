//! Losses that tell pairs from strangers.

use crate::Result;
use crate::amp::single;
use crate::tensor::Tensor;
use hadal_graph::DType;

/// InfoNCE (van den Oord et al., 2018) of `[n, d]` queries and keys: the cross-entropy of cosines divided by `temperature`, where the key of
/// the same row is right; the mean over rows. Errors: shapes or dtypes that differ.
#[track_caller]
pub fn info_nce(queries: &Tensor, keys: &Tensor, temperature: f64) -> Result<Tensor> {
    let (_single, [queries, keys]) = single([queries, keys])?;
    let (queries, keys) = (&queries, &keys);
    let scores = (directions(queries)?.matmul(&directions(keys)?.t()?)? / temperature)?;
    let own = Tensor::arange(queries.device(), queries.dim(0)?, DType::I64)?;
    scores.cross_entropy(&own)?.mean(&[])
}

/// NT-Xent (Chen et al., "SimCLR", 2020) of two views `[n, d]` of the same samples: for each of the 2n rows, its other view is right among
/// the 2n - 1 others; the mean over rows. Errors: shapes or dtypes that differ.
#[track_caller]
pub fn nt_xent(a: &Tensor, b: &Tensor, temperature: f64) -> Result<Tensor> {
    let (_single, [a, b]) = single([a, b])?;
    let (a, b) = (&a, &b);
    let device = a.device();
    let both = directions(&Tensor::cat(&[a, b], 0)?)?;
    let scores = (both.matmul(&both.t()?)? / temperature)?;
    let (n, count) = (a.dim(0)?, both.dim(0)?);
    let rows = Tensor::arange(device, count, DType::I64)?;
    let itself = rows.unsqueeze(1)?.eq(&rows)?;
    let scores = scores.masked_fill(&itself, -1e9)?;
    let first = Tensor::arange(device, n.clone(), DType::I64)?;
    let second = rows.narrow(0, n.clone(), n)?;
    scores.cross_entropy(&Tensor::cat(&[&second, &first], 0)?)?.mean(&[])
}

/// Rows of length 1.
#[track_caller]
fn directions(x: &Tensor) -> Result<Tensor> {
    x / x.norm_keep(&[-1])?.maximum(1e-12)?
}
