//! Schedules beside PyTorch's.

use hadal::optim::*;
use serde_json::Value;

type Rates = fn() -> Vec<f64>;

/// The traces in `schedules.json`, the schedule that each covers, and its rates.
pub(crate) const ROWS: &[(&str, &str, Rates)] = &[
    ("constant", "Constant", || rates(Constant { rate: 0.1 })),
    ("step", "Step", || rates(Step { base: 0.1, size: 7, gamma: 0.5 })),
    ("multi_step", "MultiStep", || rates(MultiStep { base: 0.1, milestones: vec![5, 6, 15], gamma: 0.3 })),
    ("exponential", "Exponential", || rates(Exponential { base: 0.1, gamma: 0.9 })),
    ("polynomial", "Polynomial", || rates(Polynomial { base: 0.1, last: 0.0, steps: 18, power: 2.0 })),
    ("cosine", "Cosine", || rates(Cosine { base: 0.1, last: 0.01, steps: STEPS })),
    ("cosine_restarts", "CosineRestarts", || {
        rates(CosineRestarts { base: 0.1, last: 0.01, period: 4, factor: 2 })
    }),
    ("cosine_restarts_equal", "CosineRestarts", || {
        rates(CosineRestarts { base: 0.1, last: 0.0, period: 5, factor: 1 })
    }),
    ("one_cycle", "OneCycle", || rates(OneCycle::new(0.5, STEPS + 1))),
    ("one_cycle_linear_three_phases", "OneCycle", || {
        let (rise, first_ratio, last_ratio) = (0.25, 10.0, 100.0);
        let base = OneCycle::new(0.5, STEPS + 1);
        rates(OneCycle { rise, first_ratio, last_ratio, linear: true, three_phases: true, ..base })
    }),
    ("warmup_cosine", "Warmup", || {
        rates(Warmup { steps: 8, from: 0.25, then: Cosine { base: 0.1, last: 0.0, steps: 16 } })
    }),
    ("warmup_step", "Warmup", || {
        let then: Box<dyn Schedule> = Box::new(Step { base: 0.1, size: 5, gamma: 0.1 });
        rates(Warmup { steps: 6, from: 0.25, then })
    }),
    ("plateau", "Plateau", || {
        let plateau = Plateau {
            factor: 0.5,
            patience: 2,
            threshold: 0.01,
            cooldown: 1,
            least: 0.02,
            ..Plateau::new(0.1)
        };
        let bump = |step: usize| if step % 5 == 4 { 0.1 } else { 0.0 };
        observed(plateau, |step| (2.0 - 0.3 * step as f64).max(0.5) + bump(step))
    }),
    ("plateau_of_accuracy", "Plateau", || {
        let plateau = Plateau { patience: 1, threshold: 0.9, absolute: true, ..Plateau::new(0.1) };
        observed(Plateau { larger_is_better: true, ..plateau }, |step| (step as f64).sqrt())
    }),
];

const STEPS: usize = 24;

fn rates(schedule: impl Schedule) -> Vec<f64> {
    (0..STEPS).map(|step| schedule.at(step)).collect()
}

fn observed(mut plateau: Plateau, metric: impl Fn(usize) -> f64) -> Vec<f64> {
    let mut rates = Vec::new();
    for step in 0..STEPS {
        rates.push(plateau.rate);
        plateau.observe(metric(step));
        // Saved and restored at every step.
        let saved = serde_json::to_string(&plateau).expect("a plateau is plain data");
        plateau = serde_json::from_str(&saved).expect("what was written is read");
    }
    rates
}

#[test]
fn every_schedule_follows_its_trace() {
    let traces: Value = serde_json::from_str(include_str!("schedules.json")).expect("make.py writes JSON");
    for (name, _, rates) in ROWS {
        let expected: Vec<f64> =
            traces[name].as_array().expect("rates").iter().filter_map(Value::as_f64).collect();
        let found = rates();
        assert_eq!(found.len(), expected.len(), "{name}");
        for (step, (a, b)) in found.iter().zip(&expected).enumerate() {
            assert!((a - b).abs() <= 1e-9, "{name}, step {step}: {a}, but PyTorch has {b}");
        }
    }
}
