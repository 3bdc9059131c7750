//! The text of every archetype in both dialects, without the prelude.

use crate::kernels;
use hadal_simt::{Dialect, Kernel, Options, Wave, translate};

const HIP32: Dialect = Dialect::Hip { wave: Wave::Lanes32 };
const HIP64: Dialect = Dialect::Hip { wave: Wave::Lanes64 };

fn kernel(source: &str, dialect: Dialect) -> Kernel {
    translate(source, "main", dialect, &Options::default()).unwrap_or_else(|e| panic!("{e}\n{source}"))
}

/// What belongs to the kernel, and what a host must know.
fn describe(kernel: &Kernel) -> String {
    let mut text = format!(
        "// {} with a workgroup of {:?} and {} bytes shared\n",
        kernel.entry, kernel.workgroup_size, kernel.shared_bytes
    );
    for parameter in &kernel.parameters {
        text += &format!("// {parameter:?}\n");
    }
    text + &kernel.source[kernel.body..]
}

/// The kernel files, each the plainest step of its kind. For both dialects: see `dialects_share_the_text_of_a_kernel`.
#[test]
fn archetypes() {
    for text in kernels::all().iter().filter(|text| !text.name.contains("__")) {
        insta::assert_snapshot!(text.name.clone(), describe(&kernel(&text.source, Dialect::Cuda)));
    }
}

/// Every kernel that the shaders' own snapshots have.
#[test]
fn every_kernel_translates_in_every_dialect() {
    for text in kernels::all() {
        for dialect in [Dialect::Cuda, HIP32, HIP64] {
            let kernel = kernel(&text.source, dialect);
            assert!(kernel.source.contains(&format!("{}(", kernel.entry)), "{}", text.name);
        }
    }
}

/// The dialects differ in the prelude alone, apart from literals of `f16`.
#[test]
fn dialects_share_the_text_of_a_kernel() {
    for text in kernels::all().iter().filter(|text| !text.source.contains("f16")) {
        let cuda = kernel(&text.source, Dialect::Cuda);
        let hip = kernel(&text.source, HIP32);
        assert_eq!(cuda.source[cuda.body..], hip.source[hip.body..], "{}", text.name);
        assert_ne!(cuda.source, hip.source, "{}", text.name);
    }
}

/// `docs/kernels.md` has a row for each kernel and card maker, and no other.
#[test]
fn the_table_of_kernels_lists_all() {
    let page = include_str!("../../../../docs/kernels.md");
    let mut listed: Vec<&str> = page
        .lines()
        .filter_map(|line| line.strip_prefix("| ")?.split_once(" |"))
        .map(|(name, _)| name)
        .filter(|name| *name != "kernel")
        .collect();
    let mut expected: Vec<String> =
        kernels::all().into_iter().flat_map(|t| [t.name.clone(), t.name]).collect();
    listed.sort();
    expected.sort();
    assert_eq!(listed, expected, "`cargo xtask kernels` writes the table anew");
}
