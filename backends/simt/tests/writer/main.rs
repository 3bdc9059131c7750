//! The writer's text: what it looks like, what real compilers say of it, and what it refuses.

mod clang;
mod kernels;
mod nvrtc;
mod refused;
mod snapshots;

/// `docs/kernels.md` has a row for each kernel in both of its tables, and a column for each architecture.
#[test]
fn the_page_of_compilers_figures_knows_every_kernel() {
    let page = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/kernels.md");
    let page = std::fs::read_to_string(page).unwrap();
    let rows: Vec<Vec<&str>> = page
        .lines()
        .filter(|line| line.starts_with('|'))
        .map(|line| line.split('|').map(str::trim).filter(|cell| !cell.is_empty()).collect())
        .collect();
    let heads: Vec<&str> =
        rows.iter().filter(|row| row[0] == "kernel").flat_map(|row| row[3..].iter().copied()).collect();
    let architectures =
        ["sm_75", "sm_80", "sm_86", "sm_89", "sm_90", "gfx90a", "gfx942", "gfx1030", "gfx1100", "gfx1201"];
    assert_eq!(heads, architectures);
    for kernel in kernels::all() {
        let found: Vec<usize> = rows.iter().filter(|row| row[0] == kernel.name).map(Vec::len).collect();
        assert_eq!(found, [8, 8], "{}: `cargo xtask kernels` writes the page", kernel.name);
    }
}
