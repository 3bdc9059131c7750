//! Whether the instruments would notice: every kernel archetype with one barrier or one bounds check taken out, run on the stand-in.
//!
//! **Operators.** They work on naga's IR, where a kernel's own barriers and checks are one statement or one expression each, so that a mutant is well-formed by
//! construction; text of C++ would need a parser. Three things are taken out, one a mutant:
//!
//! * a barrier;
//! * a comparison of integers by order (`index < n`, `strip >= strips`): it then says that all is well. Comparisons that alone end a loop stay, since nobody would miss
//!   the mutant that never ends, and so does the library's arithmetic of 64-bit integers;
//! * a limit: `min(a, b)` and `clamp(a, b, c)` of integers become `a`.
//!
//! The writer's own clamps are off ([`Bounds::Unchecked`](hadal_simt::Bounds)): with them a missing check reads or writes another element of the array, as WGSL allows,
//! and without them it leaves the array. That every kernel passes in this state, with buffers that end where their last vector ends, shows that none relies on them.
//! The barrier that the writer adds, behind the zeroing of workgroup memory, is taken out of the text, where it is one line.
//!
//! **Killed** is a mutant whose numbers are not the reference's, or where the stand-in finds a race, a divergent barrier, an address out of bounds, a read of what
//! nobody wrote, or no end. Two groups that write the same value to one place are a race here, too: a surplus group that repeats another's work was not stopped. Behind the last element of each buffer, up to whole vectors, there are NaNs.
//!
//! **Equivalent** mutants count neither as killed nor as alive where the compiler proves them so: its code is the same without the check. Others that change nothing
//! are listed in `survivors`, each with its reason.
//!
//! CI runs a fixed sample; `HADAL_ALL_MUTANTS=1` runs all, `HADAL_MUTANTS_OF=TEXT` those of kernels whose name has it, and `HADAL_MUTANTS_SAY=1` tells how each died.

mod cases;
mod places;
mod subject;
mod survivors;

use crate::{standin, there};
use places::{Place, places};
use std::collections::HashSet;
use std::path::Path;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use subject::{Compiled, Subject, compile};

/// Of the mutants, every how many-th CI runs.
const SAMPLE: usize = 48;

/// What became of the mutants.
#[derive(Default)]
struct Tally {
    killed: usize,
    equivalent: usize,
    /// Those that the list explains.
    explained: Vec<String>,
    alive: Vec<String>,
}

#[test]
fn a_missing_barrier_or_bounds_check_is_noticed() {
    if !there(standin::present(), "libnvrtc.so.12 in a folder of LD_LIBRARY_PATH") {
        return;
    }
    let every = if std::env::var_os("HADAL_ALL_MUTANTS").is_some() { 1 } else { SAMPLE };
    let only = std::env::var("HADAL_MUTANTS_OF").unwrap_or_default();
    let cases = cases::all();
    let expected: Vec<_> = cases.iter().map(subject::expected).collect();
    let subjects: Vec<Subject> =
        cases.iter().zip(&expected).flat_map(|(case, e)| subject::subjects(case, e)).collect();
    let (next, tally) = (AtomicUsize::new(0), Mutex::new(Tally::default()));
    std::thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                while let Some(subject) = subjects.get(next.fetch_add(1, Ordering::Relaxed)) {
                    if subject.name().contains(&only) {
                        examine(subject, every, &tally);
                    }
                }
            });
        }
    });
    let Tally { killed, equivalent, explained, mut alive } = tally.into_inner().expect("no thread panicked");
    let all = killed + explained.len() + alive.len();
    println!(
        "{killed} of {all} mutants killed; {} survivors are explained; {equivalent} more have the same code as the kernel",
        explained.len()
    );
    alive.sort();
    assert!(alive.is_empty(), "{} mutants lived:\n{}", alive.len(), alive.join("\n"));
    if every == 1 && only.is_empty() {
        assert!(killed > 300 && killed * 100 >= all * 95, "only {killed} of {all} mutants were killed");
        let unused = survivors::unused(&explained);
        assert!(unused.is_empty(), "these are said to survive, and do not:\n{}", unused.join("\n"));
    }
}

/// The mutants of one candidate: each `every`-th of all candidates' together.
fn examine(subject: &Subject, every: usize, tally: &Mutex<Tally>) {
    let library = library();
    let modules: Vec<naga::Module> = subject
        .candidate
        .launches
        .iter()
        .map(|launch| {
            let parsed = naga::front::wgsl::parse_str(&launch.source);
            parsed.unwrap_or_else(|e| panic!("{}: {}", subject.name(), e.emit_to_string(&launch.source)))
        })
        .collect();
    let mut mutants: Vec<(usize, Option<Place>)> = Vec::new();
    for (number, launch) in subject.candidate.launches.iter().enumerate() {
        let found = places(&modules[number], &launch.source, &library);
        mutants.extend(found.into_iter().map(|place| (number, Some(place))));
        if launch.source.contains("var<workgroup>") {
            mutants.push((number, None));
        }
    }
    // By position in each kernel, so that the sample does not depend on which thread is faster.
    let first = subject.name().bytes().map(usize::from).sum::<usize>();
    let chosen: Vec<_> = mutants.into_iter().enumerate().filter(|(i, _)| (first + i) % every == 0).collect();
    if chosen.is_empty() {
        return;
    }
    let kernels: Vec<Compiled> = modules
        .iter()
        .map(|module| compile(module).unwrap_or_else(|e| panic!("{}: {e}", subject.name())))
        .collect();
    let whole: Vec<&Compiled> = kernels.iter().collect();
    subject.check(&whole).unwrap_or_else(|e| panic!("{} as it is: {e}", subject.name()));
    for (_, (number, place)) in chosen {
        let (label, mutant) = match &place {
            Some(place) => (place.label.clone(), compile(&place.without(&modules[number]))),
            None => ("main: barrier behind zeroed memory".into(), kernels[number].without_zeroing_barrier()),
        };
        let variant = subject.candidate.launches[number].variant;
        let key = format!("{}: {variant} | {label}", subject.case.name);
        let mutant = mutant.unwrap_or_else(|e| panic!("{key}: {e}"));
        let same = mutant.ptx == kernels[number].ptx;
        let mut launches = whole.clone();
        launches[number] = &mutant;
        let outcome = if same { Ok(()) } else { subject.check(&launches) };
        let mut tally = tally.lock().expect("no thread panicked");
        let say = |what: &str, why: &str| {
            if std::env::var_os("HADAL_MUTANTS_SAY").is_some() {
                println!("{what}: {key}: {why}");
            }
        };
        match (outcome, survivors::reason(&key)) {
            (Err(why), _) => {
                say("killed", &why);
                tally.killed += 1;
            }
            (Ok(()), _) if same => tally.equivalent += 1,
            (Ok(()), Some(why)) => {
                say("lives", why);
                tally.explained.push(key);
            }
            (Ok(()), None) => tally.alive.push(key),
        }
    }
}

/// The functions of the kernels' library: arithmetic, which checks no bounds.
fn library() -> HashSet<String> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shaders/library");
    let mut names = HashSet::new();
    for entry in std::fs::read_dir(&folder).unwrap_or_else(|e| panic!("{}: {e}", folder.display())) {
        let text = std::fs::read_to_string(entry.expect("a readable folder").path()).expect("readable text");
        let functions = text.lines().filter_map(|line| line.strip_prefix("fn ")?.split_once('('));
        names.extend(functions.map(|(name, _)| name.to_string()));
    }
    names
}
