//! Every optimizer and every schedule has a trace: what the sources define is compared with the rows.

use crate::{schedules, traces};
use std::collections::BTreeSet;
use std::path::Path;

/// Types for which a file below `folder` has `impl … TRAIT for TYPE`.
fn implementors(folder: &Path, of: &str, into: &mut BTreeSet<String>) {
    for entry in std::fs::read_dir(folder).expect("the sources are there") {
        let path = entry.expect("a folder can be listed").path();
        if path.is_dir() {
            implementors(&path, of, into);
            continue;
        }
        let text = std::fs::read_to_string(&path).expect("a source is text");
        let lines = text.lines().filter(|l| l.starts_with("impl"));
        let names = lines.filter_map(|l| l.split_once(&format!(" {of} for ")));
        into.extend(
            names.map(|(_, name)| name.chars().take_while(|c| c.is_alphanumeric()).collect::<String>()),
        );
    }
}

fn optim() -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("src/optim")
}

#[test]
fn every_optimizer_has_a_row() {
    let mut rules = BTreeSet::new();
    implementors(&optim(), "Rule", &mut rules);
    assert!(rules.len() >= 9, "the sources were not understood: {rules:?}");
    for rule in rules {
        assert!(
            traces::rows().any(|row| row.rule == rule),
            "{rule} has no row in traces.rs: add one, and its trace to make.py"
        );
    }
}

#[test]
fn every_schedule_has_a_row() {
    let mut schedules = BTreeSet::from(["Plateau".to_string()]);
    implementors(&optim().join("schedule"), "Schedule", &mut schedules);
    schedules.remove("Box");
    assert!(schedules.len() >= 10, "the sources were not understood: {schedules:?}");
    for schedule in schedules {
        let known = schedules::ROWS.iter().any(|(_, covered, _)| *covered == schedule);
        assert!(known, "{schedule} has no row in schedules.rs: add one, and its trace to make.py");
    }
}
