//! Activations: functions of each element that layers are joined by.
//!
//! Names and defaults are those of `torch.nn.functional`. At a kink the gradient is PyTorch's. All take floats, of any shape.

use super::Tensor;
use crate::{Error, Result};
use hadal_graph::Shape;
use hadal_graph::op::{Gelu, Relu, Sigmoid, Silu, Softplus};

impl Tensor {
    /// `max(x, 0)`; `relu`.
    #[track_caller]
    pub fn relu(&self) -> Result<Tensor> {
        Tensor::compose(&[self], |g, x| g.apply(Relu, x))
    }

    /// `min(max(x, 0), 6)`; `relu6`.
    #[track_caller]
    pub fn relu6(&self) -> Result<Tensor> {
        self.hardtanh(0.0, 6.0)
    }

    /// `x` where positive, else `slope · x`; `leaky_relu`, whose slope is 0.01 by default.
    #[track_caller]
    pub fn leaky_relu(&self, slope: f64) -> Result<Tensor> {
        self.gt(0.0)?.where_(self, &(self * slope)?)
    }

    /// As [`Tensor::leaky_relu`], with a slope for each channel of `[n, c, spatial..]`, or one for all; `prelu`. `slope` is `[c]` or `[1]`.
    ///
    /// Errors: another shape of the slope.
    #[track_caller]
    pub fn prelu(&self, slope: &Tensor) -> Result<Tensor> {
        let slopes = match (slope.dims()?.as_slice(), self.rank()) {
            ([_], 0 | 1) | ([1], _) => slope.clone(),
            ([channels], rank) => {
                let mut shape = vec![1; rank];
                shape[1] = *channels;
                slope.reshape(shape.as_slice())?
            }
            _ => {
                return Err(Error::argument(format!(
                    "the slopes of prelu are a vector, one for each channel, but these are {}",
                    slope.ty()
                )));
            }
        };
        self.gt(0.0)?.where_(self, &(self * slopes)?)
    }

    /// `x` where positive, else `alpha · (e^x - 1)`; `elu`, whose alpha is 1 by default.
    #[track_caller]
    pub fn elu(&self, alpha: f64) -> Result<Tensor> {
        self.check_float("elu")?;
        self.gt(0.0)?.where_(self, &(self.minimum(0.0)?.expm1()? * alpha)?)
    }

    /// `x` where positive, else `alpha · (e^(x / alpha) - 1)`; `celu`, whose alpha is 1 by default.
    #[track_caller]
    pub fn celu(&self, alpha: f64) -> Result<Tensor> {
        self.check_float("celu")?;
        self.gt(0.0)?.where_(self, &((self.minimum(0.0)? / alpha)?.expm1()? * alpha)?)
    }

    /// [`Tensor::elu`] scaled so that deep stacks keep mean 0 and variance 1 (Klambauer et al., 2017); `selu`.
    #[track_caller]
    pub fn selu(&self) -> Result<Tensor> {
        self.elu(1.673_263_242_354_377_2)? * 1.050_700_987_355_480_5
    }

    /// `1 / (1 + e^-x)`; `sigmoid`.
    #[track_caller]
    pub fn sigmoid(&self) -> Result<Tensor> {
        Tensor::compose(&[self], |g, x| g.apply(Sigmoid, x))
    }

    /// `log(sigmoid(x))`, without overflow; `logsigmoid`.
    #[track_caller]
    pub fn log_sigmoid(&self) -> Result<Tensor> {
        self.neg()?.softplus()?.neg()
    }

    /// `log(1 + e^x)`, without overflow; `softplus`.
    #[track_caller]
    pub fn softplus(&self) -> Result<Tensor> {
        Tensor::compose(&[self], |g, x| g.apply(Softplus, x))
    }

    /// `x / (1 + |x|)`; `softsign`.
    #[track_caller]
    pub fn softsign(&self) -> Result<Tensor> {
        self.check_float("softsign")?;
        self / (self.abs()? + 1.0)?
    }

    /// `x · sigmoid(x)`; `silu`.
    #[track_caller]
    pub fn silu(&self) -> Result<Tensor> {
        Tensor::compose(&[self], |g, x| g.apply(Silu, x))
    }

    /// `x · tanh(softplus(x))` (Misra, 2019); `mish`.
    #[track_caller]
    pub fn mish(&self) -> Result<Tensor> {
        self * self.softplus()?.tanh()?
    }

    /// `x Φ(x)`; `gelu`.
    #[track_caller]
    pub fn gelu(&self) -> Result<Tensor> {
        Tensor::compose(&[self], |g, x| g.apply(Gelu { tanh: false }, x))
    }

    /// The tanh approximation of [`Tensor::gelu`]; `gelu(approximate="tanh")`.
    #[track_caller]
    pub fn gelu_tanh(&self) -> Result<Tensor> {
        Tensor::compose(&[self], |g, x| g.apply(Gelu { tanh: true }, x))
    }

    /// `min(max(x, low), high)`, whose gradient is 0 at the limits; `hardtanh`, with -1 and 1 by default.
    #[track_caller]
    pub fn hardtanh(&self, low: f64, high: f64) -> Result<Tensor> {
        self.check_float("hardtanh")?;
        let lows = Tensor::full(self.device(), Shape::scalar(), low, self.dtype())?;
        let highs = Tensor::full(self.device(), Shape::scalar(), high, self.dtype())?;
        let raised = self.le(low)?.where_(&lows, self)?;
        self.ge(high)?.where_(&highs, &raised)
    }

    /// `min(max(x + 3, 0), 6) / 6`; `hardsigmoid`.
    #[track_caller]
    pub fn hardsigmoid(&self) -> Result<Tensor> {
        (self + 3.0)?.relu6()? / 6.0
    }

    /// `x · hardsigmoid(x)` (Howard et al., 2019); `hardswish`.
    #[track_caller]
    pub fn hardswish(&self) -> Result<Tensor> {
        self * self.hardsigmoid()?
    }

    /// 0 where `|x| <= lambda`, else `x`; `hardshrink`, whose lambda is 0.5 by default.
    #[track_caller]
    pub fn hardshrink(&self, lambda: f64) -> Result<Tensor> {
        self.check_float("hardshrink")?;
        self.masked_fill(&self.abs()?.le(lambda)?, 0.0)
    }

    /// 0 where `|x| <= lambda`, else `x` moved towards 0 by lambda; `softshrink`, whose lambda is 0.5 by default.
    #[track_caller]
    pub fn softshrink(&self, lambda: f64) -> Result<Tensor> {
        self.check_float("softshrink")?;
        let moved = (self - (self.sign()? * lambda)?)?;
        moved.masked_fill(&self.abs()?.le(lambda)?, 0.0)
    }

    /// `x - tanh(x)`; `tanhshrink`.
    #[track_caller]
    pub fn tanhshrink(&self) -> Result<Tensor> {
        self - self.tanh()?
    }

    /// `x` where it is greater than `limit`, else `value`; `threshold`.
    #[track_caller]
    pub fn threshold(&self, limit: f64, value: f64) -> Result<Tensor> {
        self.check_float("threshold")?;
        self.masked_fill(&self.le(limit)?, value)
    }

    /// The first half along an axis times the sigmoid of the second; `glu`. Errors: an odd extent.
    #[track_caller]
    pub fn glu(&self, axis: i64) -> Result<Tensor> {
        let extent = self.dim(axis)?;
        let Some(half) = extent.exact_div(&2.into()) else {
            return Err(Error::argument(format!("glu halves an axis, but axis {axis} has extent {extent}")));
        };
        let values = self.narrow(axis, 0, half.clone())?;
        values.mul(self.narrow(axis, half.clone(), half)?.sigmoid()?)
    }
}
