//! `hadal train`, `eval` and `report`, on a small data set that is made here.

mod command;

use command::{Folder, hadal};
use flate2::{Compression, write::GzEncoder};
use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

/// Numbers that look random and are the same everywhere.
struct Numbers(u64);

impl Numbers {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
        (self.0 >> 33) % bound
    }
}

fn idx(path: &Path, kind: &[u8], shape: &[u32], data: &[u8]) {
    let mut bytes = kind.to_vec();
    shape.iter().for_each(|n| bytes.extend(n.to_be_bytes()));
    bytes.extend(data);
    let mut out = GzEncoder::new(std::fs::File::create(path).unwrap(), Compression::fast());
    out.write_all(&bytes).unwrap();
    out.finish().unwrap();
}

/// Images of ten classes: a bright bar at a height that tells the class, over noise.
fn data(folder: &Path) {
    let mut numbers = Numbers(7);
    for (name, count) in [("train", 600u32), ("t10k", 100)] {
        let (mut images, mut labels) = (Vec::new(), Vec::new());
        for i in 0..count {
            let class = i % 10;
            labels.push(class as u8);
            for row in 0..28 {
                let bar = row / 2 == class + 2;
                images.extend((0..28).map(|_| numbers.below(120) as u8 + if bar { 100 } else { 0 }));
            }
        }
        idx(&folder.join(format!("{name}-images-idx3-ubyte.gz")), &[0, 0, 8, 3], &[count, 28, 28], &images);
        idx(&folder.join(format!("{name}-labels-idx1-ubyte.gz")), &[0, 0, 8, 1], &[count], &labels);
    }
}

const RECIPE: &str = r#"
name = "small"
[data]
name = "fashion-mnist"
held_out = 100
[model]
kind = "mlp"
hidden = [32]
dropout = 0.1
[optimizer]
kind = "adamw"
learning_rate = 1e-2
[schedule]
kind = "cosine"
warmup = 5
[training]
epochs = 4
batch_size = 25
"#;

/// `hadal train` on the small data set, into `output`.
fn train(folder: &Path, output: &str) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_hadal"));
    command.current_dir(folder).env("HADAL_DATA", folder).env("NODEVICE_SELECT", "1");
    command.args(["train", "small.toml", "--backend", "cpu", "--json", "--log-every", "4"]);
    command.args(["--checkpoint-every", "3", "--output", output]);
    command
}

fn prepare() -> Folder {
    let folder = Folder::new();
    data(folder.path());
    std::fs::write(folder.path().join("small.toml"), RECIPE).unwrap();
    folder
}

/// Runs a command to its end and returns its last line.
fn last_line(command: &mut Command) -> serde_json::Value {
    let output = command.output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_str(text.lines().last().unwrap()).unwrap()
}

/// Tensors of a checkpoint by name, and the metadata without times.
fn content(path: &Path) -> Vec<u8> {
    let file = hadal_formats::safetensors::SafeTensors::open(path).unwrap();
    let mut names: Vec<&str> = file.names().collect();
    names.sort_unstable();
    let tensors = names.into_iter().flat_map(|name| file.tensor(name).unwrap().bytes().to_vec());
    tensors.collect()
}

#[test]
fn it_learns_and_permuted_labels_do_not() {
    let folder = prepare();
    let learnt = last_line(&mut train(folder.path(), "run"));
    assert!(learnt["test_accuracy"].as_f64().unwrap() > 0.9, "{learnt}");
    let control = last_line(train(folder.path(), "control").arg("--shuffle-labels"));
    assert!(control["test_accuracy"].as_f64().unwrap() < 0.35, "{control}");

    let evaluated = last_line(
        Command::new(env!("CARGO_BIN_EXE_hadal"))
            .current_dir(folder.path())
            .env("HADAL_DATA", folder.path())
            .args(["eval", "run", "--backend", "cpu", "--json", "--predictions", "p.txt"]),
    );
    assert_eq!(evaluated["accuracy"], learnt["test_accuracy"]);
    let predictions = std::fs::read_to_string(folder.path().join("p.txt")).unwrap();
    let right = predictions.lines().enumerate().filter(|(i, line)| line.parse() == Ok(i % 10)).count();
    assert_eq!(predictions.lines().count(), 100);
    assert_eq!(right as f64 / 100.0, learnt["test_accuracy"].as_f64().unwrap());

    let page = std::fs::read_to_string(folder.path().join("run/report.html")).unwrap();
    assert!(page.contains("<polyline") && page.contains("accuracy"), "{page}");
    let events: Vec<_> = std::fs::read_dir(folder.path().join("run/tensorboard")).unwrap().collect();
    assert_eq!(events.len(), 1);
}

#[test]
fn a_run_that_is_killed_again_and_again_ends_as_one_that_is_not() {
    let folder = prepare();
    let whole = last_line(&mut train(folder.path(), "whole"));
    // How many kills: more with HADAL_KILLS, of which the acceptance run takes 200.
    let kills = std::env::var("HADAL_KILLS").ok().and_then(|n| n.parse().ok()).unwrap_or(12);
    let mut numbers = Numbers(11);
    let (mut done, mut runs) = (0, 0);
    while done < kills {
        runs += 1;
        let output = format!("killed{runs}");
        let path = folder.path().join(&output);
        for start in 0.. {
            let mut command = train(folder.path(), &output);
            command.arg("--resume").stdout(Stdio::null()).stderr(Stdio::null());
            let mut child = command.spawn().unwrap();
            // Short lives at first, so that some end before the first checkpoint; longer ones later, so that it ends.
            std::thread::sleep(Duration::from_millis(numbers.below(60 + 20 * start)));
            if child.try_wait().unwrap().is_some() {
                break;
            }
            child.kill().unwrap();
            child.wait().unwrap();
            done += 1;
            for name in ["last", "best"] {
                let file = path.join(format!("{name}.safetensors"));
                if file.exists() {
                    hadal_train::Checkpoint::open(&file).unwrap();
                }
            }
        }
        let resumed = last_line(train(folder.path(), &output).arg("--resume"));
        assert_eq!(resumed["loss"], whole["loss"], "after {done} kills");
        for name in ["last.safetensors", "best.safetensors"] {
            let same = content(&path.join(name)) == content(&folder.path().join("whole").join(name));
            assert!(same, "{name} differs after {done} kills");
        }
        let losses = |run: &str| -> Vec<String> {
            let log = std::fs::read_to_string(folder.path().join(run).join("log.jsonl")).unwrap();
            let lines = log.lines().map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap());
            lines
                .filter(|line| line["kind"] == "step")
                .map(|l| format!("{} {}", l["step"], l["loss"]))
                .collect()
        };
        assert_eq!(losses(&output), losses("whole"));
    }
}

#[test]
fn mistakes_are_told() {
    let folder = prepare();
    let listed = hadal(&folder, &["train"], &[]);
    assert!(listed.succeeds().contains("fashion-mnist-mlp"), "{}", listed.out);
    hadal(&folder, &["train", "nonsense"], &[]).fails(1, "fashion-mnist-mlp");
    std::fs::write(folder.path().join("wrong.toml"), RECIPE.replace("batch_size = 25", "batch_size = 0"))
        .unwrap();
    hadal(&folder, &["train", "wrong.toml"], &[]).fails(1, "batch_size is 0");
    std::fs::write(folder.path().join("typo.toml"), RECIPE.replace("hidden", "hiden")).unwrap();
    hadal(&folder, &["train", "typo.toml"], &[]).fails(1, "hiden");
    hadal(&folder, &["eval", "small.toml"], &[]).fails(1, "small.toml");
    hadal(&folder, &["eval", "."], &[]).fails(1, "holds no checkpoint");
    hadal(&folder, &["report", "."], &[]).fails(1, "log.jsonl");
    last_line(&mut train(folder.path(), "run"));
    let again = train(folder.path(), "run").output().unwrap();
    assert!(String::from_utf8_lossy(&again.stderr).contains("--resume"));
    let shuffled = train(folder.path(), "run").args(["--resume", "--shuffle-labels"]).output().unwrap();
    assert!(String::from_utf8_lossy(&shuffled.stderr).contains("another recipe"));
    std::fs::write(folder.path().join("small.toml"), RECIPE.replace("hidden = [32]", "hidden = [16]"))
        .unwrap();
    let other = train(folder.path(), "run").arg("--resume").output().unwrap();
    assert!(String::from_utf8_lossy(&other.stderr).contains("another recipe"));
}

#[test]
fn metrics_without_a_value_do_not_spoil_a_checkpoint() {
    let folder = prepare();
    // Nothing is held out, so there is nothing to validate on.
    let recipe = RECIPE.replace("held_out = 100", "held_out = 0");
    std::fs::write(folder.path().join("small.toml"), recipe).unwrap();
    last_line(&mut train(folder.path(), "run"));
    hadal_train::Checkpoint::open(folder.path().join("run/last.safetensors")).unwrap();
    last_line(train(folder.path(), "run").args(["--resume", "--epochs", "5"]));
    let large = RECIPE.replace("batch_size = 25", "batch_size = 5000");
    std::fs::write(folder.path().join("large.toml"), large).unwrap();
    let data = folder.path().display().to_string();
    let refused = hadal(&folder, &["train", "large.toml", "--backend", "cpu"], &[("HADAL_DATA", &data)]);
    assert!(refused.code == 1 && refused.err.contains("too little"), "{}", refused.err);
}
