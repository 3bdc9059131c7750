//! Pooling as layers.

use super::conv::check_rank;
use super::{Member, Module};
use crate::Result;
use crate::tensor::{PoolOptions, Tensor};

/// The maximum of each window over `N` spatial axes; `torch.nn.MaxPool1d`, `MaxPool2d`, `MaxPool3d`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MaxPool<const N: usize> {
    size: [usize; N],
    options: PoolOptions,
}

/// The mean of each window over `N` spatial axes; `torch.nn.AvgPool1d`, `AvgPool2d`, `AvgPool3d`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AvgPool<const N: usize> {
    size: [usize; N],
    options: PoolOptions,
}

/// Means over as many windows as the result has elements; `torch.nn.AdaptiveAvgPool1d`, `AdaptiveAvgPool2d`, `AdaptiveAvgPool3d`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AdaptiveAvgPool<const N: usize> {
    extents: [usize; N],
}

/// Maxima over `[n, c, l]`.
pub type MaxPool1d = MaxPool<1>;
/// Maxima over `[n, c, h, w]`.
pub type MaxPool2d = MaxPool<2>;
/// Means over `[n, c, l]`.
pub type AvgPool1d = AvgPool<1>;
/// Means over `[n, c, h, w]`.
pub type AvgPool2d = AvgPool<2>;
/// Adaptive means over `[n, c, l]`.
pub type AdaptiveAvgPool1d = AdaptiveAvgPool<1>;
/// Adaptive means over `[n, c, h, w]`.
pub type AdaptiveAvgPool2d = AdaptiveAvgPool<2>;

macro_rules! windows {
    ($($name:ident $method:ident),*) => {$(
        impl<const N: usize> $name<N> {
            /// Windows of `size` elements.
            pub fn new(size: [usize; N], options: PoolOptions) -> $name<N> {
                $name { size, options }
            }

            #[doc = concat!("`[n, c, spatial..]` to `[n, c, windows..]`. Errors: as [`Tensor::", stringify!($method), "`]; another rank.")]
            #[track_caller]
            pub fn forward(&self, x: &Tensor) -> Result<Tensor> {
                check_rank("pooling", N, x)?;
                x.$method(&self.size, &self.options)
            }
        }
    )*};
}
windows!(MaxPool max_pool, AvgPool avg_pool);

impl<const N: usize> AdaptiveAvgPool<N> {
    /// Results of `extents` elements.
    pub fn new(extents: [usize; N]) -> AdaptiveAvgPool<N> {
        AdaptiveAvgPool { extents }
    }

    /// `[n, c, spatial..]` to `[n, c, extents..]`. Errors: as [`Tensor::adaptive_avg_pool`]; another rank.
    #[track_caller]
    pub fn forward(&self, x: &Tensor) -> Result<Tensor> {
        check_rank("pooling", N, x)?;
        x.adaptive_avg_pool(&self.extents)
    }
}

macro_rules! without_members {
    ($($name:ident),*) => {$(
        impl<const N: usize> Module for $name<N> {
            fn members<'a>(&'a self, _: &mut dyn FnMut(Member<'a>)) {}
        }
    )*};
}
without_members!(MaxPool, AvgPool, AdaptiveAvgPool);
