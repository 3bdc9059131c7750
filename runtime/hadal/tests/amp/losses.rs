//! Losses are computed in `F32`, whatever their operands are.

use crate::reference::reference;
use hadal::amp::autocast;
use hadal::nn::loss::*;
use hadal::{DType, Result, Tensor, Variable};
use std::collections::BTreeSet;
use std::path::Path;

/// A prediction, a target and a third operand, each `[4, 5]`, and class numbers.
struct Operands {
    x: Tensor,
    y: Tensor,
    z: Tensor,
    classes: Tensor,
}

type Loss = fn(&Operands) -> Result<Tensor>;

const MEAN: Reduction = Reduction::Mean;

const LOSSES: &[(&str, Loss)] = &[
    ("bce", |o| bce(&o.x.sigmoid()?, &o.y, None, MEAN)),
    ("bce_with_logits", |o| bce_with_logits(&o.x, &o.y, None, None, MEAN)),
    ("soft_margin", |o| soft_margin(&o.x, &o.y, MEAN)),
    ("multilabel_soft_margin", |o| multilabel_soft_margin(&o.x, &o.y, None, MEAN)),
    ("cross_entropy", |o| cross_entropy(&o.x, &o.classes, &Default::default())),
    ("nll", |o| nll(&o.x, &o.classes, &Default::default())),
    ("cross_entropy_of_probabilities", |o| cross_entropy_of_probabilities(&o.x, &o.y, MEAN)),
    ("kl_div", |o| kl_div(&o.x, &o.y, false, MEAN)),
    ("info_nce", |o| info_nce(&o.x, &o.z, 0.1)),
    ("nt_xent", |o| nt_xent(&o.x, &o.z, 0.1)),
    ("ctc", |o| {
        let lengths = |n: i64| Tensor::full(o.x.device(), [1], n as f64, DType::I64);
        let targets = Tensor::new(o.x.device(), &[1i64, 2], [1, 2])?;
        ctc(&o.x.unsqueeze(1)?, &targets, &lengths(4)?, &lengths(2)?, &Default::default())
    }),
    ("margin_ranking", |o| margin_ranking(&o.x, &o.z, &o.y, 0.5, MEAN)),
    ("hinge_embedding", |o| hinge_embedding(&o.x, &o.y, 1.0, MEAN)),
    ("cosine_embedding", |o| cosine_embedding(&o.x, &o.z, &o.y.select(1, 0)?, 0.1, MEAN)),
    ("triplet_margin", |o| triplet_margin(&o.x, &o.y, &o.z, &Default::default())),
    ("multi_margin", |o| multi_margin(&o.x, &o.classes, 1.0, 1.0, None, MEAN)),
    ("mse", |o| mse(&o.x, &o.y, MEAN)),
    ("l1", |o| l1(&o.x, &o.y, MEAN)),
    ("smooth_l1", |o| smooth_l1(&o.x, &o.y, 1.0, MEAN)),
    ("huber", |o| huber(&o.x, &o.y, 1.0, MEAN)),
    ("poisson_nll", |o| poisson_nll(&o.z.sqr()?, &o.y, false, MEAN)),
    ("gaussian_nll", |o| gaussian_nll(&o.x, &o.y, &o.z, 1e-6, MEAN)),
    ("dice", |o| dice(&o.x, &o.y, 1.0, MEAN)),
    ("focal", |o| focal(&o.x, &o.y, &Default::default())),
];

#[test]
fn losses_of_halves_are_those_of_the_same_numbers_in_single_precision() -> Result<()> {
    let device = reference();
    let x = Variable::new("x", &Tensor::randn(&device, [4, 5], 1)?)?;
    for half in [DType::F16, DType::BF16] {
        let operands = |wide: bool| {
            let operand = |tensor: Tensor| match wide {
                true => tensor.to_dtype(half)?.to_dtype(DType::F32),
                false => tensor.to_dtype(half),
            };
            Ok::<Operands, hadal::Error>(Operands {
                x: operand(x.get()?)?,
                y: operand(Tensor::rand(&device, [4, 5], 2)?)?,
                z: operand(Tensor::randn(&device, [4, 5], 3)?)?,
                classes: Tensor::new(&device, &[0i64, 4, 2, 1], [4])?,
            })
        };
        for (name, loss) in LOSSES {
            let what = format!("{name} in {half}");
            let exact = match *name {
                // Functions of the halves before the loss are in half precision under autocast.
                "bce" | "poisson_nll" => None,
                _ => Some(loss(&operands(true)?)?),
            };
            let mixed = autocast(half, || loss(&operands(false)?))?;
            assert_eq!(mixed.dtype(), DType::F32, "{what}");
            let value = mixed.item::<f32>()?;
            assert!(value.is_finite(), "{what}: {value}");
            if let Some(exact) = exact {
                assert_eq!(value.to_bits(), exact.item::<f32>()?.to_bits(), "{what}: {value}");
            }
        }
        // Elsewhere a loss has its operands' dtype.
        assert_eq!(l1(&operands(false)?.x, &operands(false)?.y, MEAN)?.dtype(), half);
    }
    Ok(())
}

#[test]
fn every_loss_has_a_row() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/nn/loss");
    let mut public = BTreeSet::new();
    for entry in std::fs::read_dir(folder).expect("the sources are there") {
        let text = std::fs::read_to_string(entry.expect("a file").path()).expect("a source is text");
        for line in text.lines().filter_map(|line| line.strip_prefix("pub fn ")) {
            public.insert(line.split('(').next().unwrap_or_default().to_string());
        }
    }
    let rows: BTreeSet<String> = LOSSES.iter().map(|(name, _)| name.to_string()).collect();
    assert_eq!(public, rows, "each public loss has one row");
}
