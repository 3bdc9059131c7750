//! Planting a fault in a compiled program, and showing that it is caught everywhere.

use hadal_cpu::CpuBackend;
use hadal_device::{Backend, DeviceError};
use hadal_graph::program::{Affine, Instr, Kernel, PointwiseProgram, Program, Step, Store};
use hadal_graph::{Target, compile};
use hadal_suite::{Case, Failure, check_compiled, run_compiled};
use hadal_wgpu::{Options, WgpuBackend};
use std::sync::{Arc, OnceLock};

/// What has to catch a fault.
pub(crate) enum Caught {
    /// `Program::validate`, with these words.
    ByRules(&'static str),
    /// Numbers that differ from the reference, in the program interpreter and on every device: the program breaks no rule.
    ByNumbers,
}

/// The cpu, and wgpu where there is an adapter; one has to be there in CI.
pub(crate) fn devices() -> &'static [Arc<dyn Backend>] {
    static DEVICES: OnceLock<Vec<Arc<dyn Backend>>> = OnceLock::new();
    DEVICES.get_or_init(|| {
        let mut devices: Vec<Arc<dyn Backend>> = vec![Arc::new(CpuBackend::new())];
        match pollster::block_on(WgpuBackend::open(Options::default())) {
            Ok(device) => devices.push(Arc::new(device)),
            Err(error @ DeviceError::Unavailable { .. }) if std::env::var_os("CI").is_none() => {
                println!("wgpu is not tested: {error}");
            }
            Err(error) => panic!("{error}"),
        }
        devices
    })
}

/// Asserts that `case` passes as it is, and that its program with the fault is caught, for the reference and for every device.
pub(crate) fn caught(case: &Case, plant: impl Fn(&mut Program), by: Caught) {
    let wide = Target::unlimited("wide");
    let targets = std::iter::once((None, &wide)).chain(devices().iter().map(|d| (Some(d), d.target())));
    for (device, target) in targets {
        let place = format!("{} on {}", case.name, target.name);
        let right = compile(&case.graph, target).unwrap();
        right.validate().unwrap();
        check_compiled(case, &right).unwrap_or_else(|failure| panic!("{place}, before the fault: {failure}"));
        let mut wrong = right.clone();
        plant(&mut wrong);
        assert_ne!(wrong, right, "{place}: nothing was planted");
        match (&by, wrong.validate()) {
            (Caught::ByRules(words), Err(error)) => {
                assert!(error.to_string().contains(words), "{place}: {error}");
                continue;
            }
            (Caught::ByRules(words), Ok(())) => {
                panic!("{place}: no rule says `{words}`\n{}", wrong.listing())
            }
            (Caught::ByNumbers, Err(error)) => panic!("{place}: the fault breaks a rule: {error}"),
            (Caught::ByNumbers, Ok(())) => {}
        }
        differs(&place, check_compiled(case, &wrong), &wrong);
        if let Some(device) = device {
            let run = |program: Program| pollster::block_on(run_compiled(case, Arc::new(program), &**device));
            run(right).unwrap_or_else(|failure| panic!("{place}, before the fault: {failure}"));
            differs(&place, run(wrong.clone()), &wrong);
        }
    }
}

fn differs(place: &str, outcome: Result<(), Failure>, wrong: &Program) {
    match outcome {
        Err(Failure::Mismatch { .. }) => {}
        Err(other) => panic!("{place}: {other}"),
        Ok(()) => panic!("{place}: the fault was not caught\n{}", wrong.listing()),
    }
}

/// Every step of a program, those of [`Program::once`] first.
pub(crate) fn steps(program: &mut Program) -> impl Iterator<Item = &mut Step> {
    program.once.iter_mut().chain(&mut program.steps)
}

/// The first kernel that `pick` wants.
pub(crate) fn kernel<'p, T>(
    program: &'p mut Program,
    pick: impl Fn(&'p mut Kernel) -> Option<&'p mut T>,
) -> &'p mut T {
    steps(program).find_map(|step| pick(&mut step.kernel)).expect("no step has the kernel of this fault")
}

/// The pointwise programs of a step.
fn hooks(step: &mut Step) -> Vec<&mut PointwiseProgram> {
    match &mut step.kernel {
        Kernel::Pointwise(k) => vec![&mut k.body.program],
        Kernel::Reduce(k) => {
            let phases = k.phases.iter_mut().map(|p| &mut p.operand.program);
            let bodies = k.per_row.iter_mut().chain(&mut k.per_element);
            phases.chain(bodies.map(|b| &mut b.program)).collect()
        }
        Kernel::Contract(k) => vec![&mut k.a.program, &mut k.b.program, &mut k.epilogue.program],
        Kernel::Attention(k) => {
            let mask = k.mask.iter_mut().map(|m| &mut m.program);
            let hooks = [&mut k.q.program, &mut k.k.program, &mut k.v.program, &mut k.epilogue.program];
            hooks.into_iter().chain(mask).collect()
        }
        Kernel::Scatter(k) => vec![&mut k.index.program, &mut k.update.program],
        Kernel::Scan(k) => vec![&mut k.operand.program, &mut k.epilogue.program],
        Kernel::Sort(k) => vec![&mut k.operand.program],
        Kernel::Custom(_) | Kernel::Loop(_) | Kernel::Branch(_) => Vec::new(),
    }
}

/// Changes the first instruction that `change` accepts.
pub(crate) fn instruction(program: &mut Program, mut change: impl FnMut(&mut Instr) -> bool) {
    let mut instructions = steps(program).flat_map(hooks).flat_map(|hook| &mut hook.instrs);
    assert!(instructions.any(|typed| change(&mut typed.instr)), "no step has the instruction of this fault");
}

/// Changes the first store that `change` accepts.
pub(crate) fn store(program: &mut Program, mut change: impl FnMut(&PointwiseProgram, &mut Store) -> bool) {
    let bodies = steps(program).flat_map(|step| match &mut step.kernel {
        Kernel::Pointwise(k) => vec![&mut k.body],
        Kernel::Reduce(k) => k.per_row.iter_mut().chain(&mut k.per_element).collect(),
        Kernel::Contract(k) => vec![&mut k.epilogue],
        Kernel::Attention(k) => vec![&mut k.epilogue],
        Kernel::Scan(k) => vec![&mut k.epilogue],
        _ => Vec::new(),
    });
    for body in bodies {
        if body.stores.iter_mut().any(|store| change(&body.program, store)) {
            return;
        }
    }
    panic!("no step has the store of this fault");
}

/// Exchanges the strides of an address that has several, if they differ.
pub(crate) fn swap_strides(address: &mut Affine) -> bool {
    let before = address.coefficients.clone();
    address.coefficients.reverse();
    address.coefficients != before && before.iter().all(|c| !c.is(0))
}
