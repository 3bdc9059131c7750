//! What a browser binary must not contain.

use std::process::Command;

/// Names of all crates that the package needs at run time in a browser.
fn crates(package: &str) -> Vec<String> {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let output = Command::new(cargo)
        .args([
            "tree",
            "-p",
            package,
            "--target",
            "wasm32-unknown-unknown",
            "-e",
            "normal",
            "--prefix",
            "none",
        ])
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let text = String::from_utf8(output.stdout).unwrap();
    text.lines().filter_map(|line| line.split_whitespace().next()).map(str::to_string).collect()
}

/// The browser compiles WGSL itself. (`naga-types` is a crate of definitions that wgpu's own types need.)
#[test]
fn no_shader_compiler_is_in_the_browser() {
    for package in ["hadal", "hadal-web"] {
        let crates = crates(package);
        for needed in ["wgpu", "hadal-wgpu", "hadal-cpu"] {
            assert!(crates.iter().any(|name| name == needed), "{package} lacks {needed}: {crates:?}");
        }
        for unwanted in ["naga", "wgpu-core", "wgpu-hal"] {
            assert!(
                !crates.iter().any(|name| name == unwanted),
                "{package} brings {unwanted} to the browser"
            );
        }
    }
}
