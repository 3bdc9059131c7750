//! Rows of losses.

use crate::row::{Inputs, Row, function};
use hadal::nn::loss::{self, CrossEntropyOptions, CtcOptions, FocalOptions, Reduction, TripletOptions};
use hadal::{Device, Result, Tensor};

type OfTarget = fn(&Tensor, &Tensor) -> Result<Tensor>;

pub(crate) fn rows() -> Vec<Row> {
    let rows = of_target()
        .into_iter()
        .map(|(name, f)| function(name, move |inputs| f(&inputs.get("x")?, &inputs.get("target")?)));
    rows.chain(of_several()).collect()
}

/// The weights of five classes in `make.py`.
fn weight(device: &Device) -> Result<Tensor> {
    Tensor::new(device, &[0.5f32, 1.5, 1.0, 2.0, 0.25], [5])
}

fn all_options(x: &Tensor, y: &Tensor, reduction: Reduction) -> Result<Tensor> {
    let weight = Some(weight(x.device())?);
    let options = CrossEntropyOptions { weight, ignore_index: Some(2), label_smoothing: 0.2, reduction };
    loss::cross_entropy(x, y, &options)
}

fn of_target() -> Vec<(&'static str, OfTarget)> {
    use Reduction::{Mean, None as Each, Sum};
    fn reduced(reduction: Reduction) -> CrossEntropyOptions {
        CrossEntropyOptions { reduction, ..CrossEntropyOptions::default() }
    }
    vec![
        ("loss.mse.none", |x, y| loss::mse(x, y, Each)),
        ("loss.mse.mean", |x, y| loss::mse(x, y, Mean)),
        ("loss.mse.sum", |x, y| loss::mse(x, y, Sum)),
        ("loss.cross_entropy.none", |x, y| loss::cross_entropy(x, y, &reduced(Each))),
        ("loss.cross_entropy.mean", |x, y| loss::cross_entropy(x, y, &reduced(Mean))),
        ("loss.cross_entropy.sum", |x, y| loss::cross_entropy(x, y, &reduced(Sum))),
        ("loss.cross_entropy.all_options_none", |x, y| all_options(x, y, Each)),
        ("loss.cross_entropy.all_options_mean", |x, y| all_options(x, y, Mean)),
        ("loss.cross_entropy.all_options_sum", |x, y| all_options(x, y, Sum)),
        ("loss.cross_entropy.smoothing", |x, y| {
            let options = CrossEntropyOptions { label_smoothing: 0.1, ..CrossEntropyOptions::default() };
            loss::cross_entropy(x, y, &options)
        }),
        ("loss.cross_entropy_of_probabilities", |x, y| loss::cross_entropy_of_probabilities(x, y, Each)),
        ("loss.nll", |x, y| {
            let weight = Some(weight(x.device())?);
            loss::nll(x, y, &CrossEntropyOptions { weight, ..CrossEntropyOptions::default() })
        }),
        ("loss.l1", |x, y| loss::l1(x, y, Mean)),
        ("loss.smooth_l1", |x, y| loss::smooth_l1(x, y, 0.7, Mean)),
        ("loss.huber", |x, y| loss::huber(x, y, 0.7, Mean)),
        ("loss.poisson_nll", |x, y| loss::poisson_nll(x, y, true, Mean)),
        ("loss.poisson_nll.rate", |x, y| loss::poisson_nll(x, y, false, Mean)),
        ("loss.bce", |x, y| loss::bce(x, y, None, Mean)),
        ("loss.bce_with_logits", |x, y| {
            let weight = weight(x.device())?;
            let (first, last) = (weight.narrow(0, 0, 4)?, weight.narrow(0, 1, 4)?);
            loss::bce_with_logits(x, y, Some(&first), Some(&last), Each)
        }),
        ("loss.bce_with_logits.large", |x, y| loss::bce_with_logits(x, y, None, None, Mean)),
        ("loss.soft_margin", |x, y| loss::soft_margin(x, y, Mean)),
        ("loss.multilabel_soft_margin", |x, y| {
            loss::multilabel_soft_margin(x, y, Some(&weight(x.device())?), Mean)
        }),
        ("loss.kl_div", |x, y| loss::kl_div(x, y, false, Sum)),
        ("loss.kl_div.log_target", |x, y| loss::kl_div(x, y, true, Each)),
        ("loss.hinge_embedding", |x, y| loss::hinge_embedding(x, y, 1.0, Mean)),
        ("loss.multi_margin", |x, y| loss::multi_margin(x, y, 1.0, 1.0, None, Mean)),
        ("loss.multi_margin.squared", |x, y| {
            loss::multi_margin(x, y, 2.0, 0.7, Some(&weight(x.device())?), Mean)
        }),
        ("loss.dice", |x, y| loss::dice(x, y, 1.0, Mean)),
        ("loss.focal", |x, y| loss::focal(x, y, &FocalOptions::default())),
    ]
}

fn of_several() -> Vec<Row> {
    fn triplet(inputs: &Inputs, options: &TripletOptions) -> Result<Tensor> {
        loss::triplet_margin(&inputs.get("a")?, &inputs.get("p")?, &inputs.get("n")?, options)
    }
    fn ctc(inputs: &Inputs, reduction: Reduction) -> Result<Tensor> {
        let log = inputs.get("x")?.log_softmax(2)?;
        let (lengths, targets) = (inputs.get("lengths")?, inputs.get("target_lengths")?);
        let options = CtcOptions { blank: 0, zero_infinity: true, reduction };
        loss::ctc(&log, &inputs.get("target")?, &lengths, &targets, &options)
    }
    vec![
        function("loss.gaussian_nll", |i| {
            loss::gaussian_nll(&i.get("x")?, &i.get("target")?, &i.get("variance")?, 1e-6, Reduction::Mean)
        }),
        function("loss.margin_ranking", |i| {
            loss::margin_ranking(&i.get("a")?, &i.get("b")?, &i.get("target")?, 0.3, Reduction::Mean)
        }),
        function("loss.cosine_embedding", |i| {
            loss::cosine_embedding(&i.get("a")?, &i.get("b")?, &i.get("target")?, -0.2, Reduction::Mean)
        }),
        function("loss.triplet_margin", |i| triplet(i, &TripletOptions::default())),
        function("loss.triplet_margin.swap", |i| {
            triplet(i, &TripletOptions { margin: 0.5, p: 3.0, swap: true, reduction: Reduction::Sum })
        }),
        function("loss.info_nce", |i| loss::info_nce(&i.get("q")?, &i.get("k")?, 0.2)),
        function("loss.nt_xent", |i| loss::nt_xent(&i.get("a")?, &i.get("b")?, 0.5)),
        function("loss.ctc.none", |i| ctc(i, Reduction::None)),
        function("loss.ctc.mean", |i| ctc(i, Reduction::Mean)),
    ]
}
