//! Weights are borrowed from the mapped file, not copied. A file of its own, so that no other test runs in the process.
#![cfg(all(target_os = "linux", feature = "cpu"))]

use hadal::nn::{Bert, BertConfig, Scope, Weights};
use hadal::{Device, Result};
use std::path::PathBuf;

/// Bytes of this process that no file backs.
fn anonymous() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with("RssAnon:")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse::<u64>().unwrap() * 1024
}

#[test]
fn loading_minilm_adds_a_fifth_of_the_file_at_most() -> Result<()> {
    let home = std::env::var_os("HADAL_HOME").map(|home| PathBuf::from(home).join("minilm"));
    let Some(folder) = home.filter(|folder| folder.is_dir()) else {
        assert!(
            std::env::var_os("CI").is_none(),
            "the model minilm is not in HADAL_HOME: run `hadal pull minilm`"
        );
        eprintln!("left out: the model minilm is not in HADAL_HOME");
        return Ok(());
    };
    let path = folder.join("model.safetensors");
    let file = std::fs::metadata(&path).unwrap().len();
    let device = Device::open("cpu")?;
    let before = anonymous();
    let weights = Weights::open(&path, &device)?;
    let model =
        Bert::new(&Scope::weights(&weights), &BertConfig::open(folder.join("config.json"))?)?.model()?;
    let prepared = model.to(&device)?;
    let added = anonymous().saturating_sub(before);
    println!("{added} bytes were added for a file of {file}: {:.3}", added as f64 / file as f64);
    assert!(added as f64 <= 0.2 * file as f64, "{added} bytes were added for a file of {file}");
    drop(prepared);
    Ok(())
}
