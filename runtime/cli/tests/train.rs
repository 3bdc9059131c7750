//! `hadal train`, `eval` and `report`, on a small data set that is made here.

mod command;
mod small_data;

use command::{Folder, hadal};
use small_data::{Numbers, RECIPE};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

/// All that a recipe can ask for at once.
const EVERYTHING: &str = r#"
name = "everything"
[data]
name = "fashion-mnist"
held_out = 100
[model]
kind = "mlp"
hidden = [24]
dropout = 0.1
[optimizer]
kind = "adamw"
learning_rate = 1e-2
[schedule]
kind = "cosine"
warmup = 5
[precision]
amp = "dynamic"
[training]
epochs = 4
batch_size = 10
accumulate = 2
clip_value = 0.5
clip_norm = 1.0
ema = 0.9
[growth]
by = "noise"
every = 4
most = 80
rate = "linear"
"#;

/// `hadal train` on the small data set, into `output`.
fn train(folder: &Path, output: &str) -> Command {
    train_by(folder, "small.toml", output)
}

fn train_by(folder: &Path, recipe: &str, output: &str) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_hadal"));
    command.current_dir(folder).env("HADAL_DATA", folder).env("NODEVICE_SELECT", "1");
    command.args(["train", recipe, "--backend", "cpu", "--json", "--log-every", "4"]);
    command.args(["--checkpoint-every", "3", "--output", output]);
    command
}

fn prepare() -> Folder {
    let folder = small_data::prepare();
    std::fs::write(folder.path().join("everything.toml"), EVERYTHING).unwrap();
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
    killed("small.toml", 11);
}

#[test]
fn so_does_a_run_with_everything_that_a_recipe_can_ask_for() {
    let folder = killed("everything.toml", 13);
    let log = std::fs::read_to_string(folder.path().join("whole/log.jsonl")).unwrap();
    let lines: Vec<serde_json::Value> = log.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let of = |kind: &str| lines.iter().filter(|line| line["kind"] == kind).collect::<Vec<_>>();
    let sizes: Vec<u64> = of("step").iter().map(|line| line["batch_size"].as_u64().unwrap()).collect();
    assert!(sizes[0] == 20 && sizes.is_sorted() && sizes[sizes.len() - 1] > 20, "{sizes:?}");
    assert!(of("step").iter().all(|line| line["loss_scale"].as_f64().unwrap() >= 1.0));
    // A choice for each of four parameters after each of four epochs.
    let choices = of("precision");
    assert_eq!(choices.len(), 4);
    assert!(choices.iter().all(|line| line["choices"].as_array().unwrap().len() == 4), "{choices:?}");
}

/// Kills runs of a recipe until enough have died, and compares each with one that was not killed.
fn killed(recipe: &str, seed: u64) -> Folder {
    let folder = prepare();
    let whole = last_line(&mut train_by(folder.path(), recipe, "whole"));
    // How many kills: more with HADAL_KILLS, of which the acceptance run takes 200.
    let kills = std::env::var("HADAL_KILLS").ok().and_then(|n| n.parse().ok()).unwrap_or(12);
    let mut numbers = Numbers(seed);
    let (mut done, mut runs) = (0, 0);
    while done < kills {
        runs += 1;
        let output = format!("killed{runs}");
        let path = folder.path().join(&output);
        for start in 0.. {
            let mut command = train_by(folder.path(), recipe, &output);
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
        let resumed = last_line(train_by(folder.path(), recipe, &output).arg("--resume"));
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
    folder
}

#[test]
fn every_precision_learns() {
    let folder = prepare();
    for precision in ["f16", "bf16", "dynamic"] {
        let learnt = last_line(train(folder.path(), precision).args(["--precision", precision]));
        assert!(learnt["test_accuracy"].as_f64().unwrap() > 0.9, "{precision}: {learnt}");
    }
    let other = train(folder.path(), "f16").args(["--resume", "--precision", "bf16"]).output().unwrap();
    assert!(String::from_utf8_lossy(&other.stderr).contains("another recipe"));
    hadal(&folder, &["train", "small.toml", "--precision", "f8"], &[]).fails(2, "f32, f16, bf16, dynamic");
}

#[test]
fn accumulated_batches_are_one_larger_batch() {
    let folder = prepare();
    let losses = |batch: usize, accumulate: usize| -> Vec<f64> {
        let recipe = RECIPE.replace("dropout = 0.1", "").replace(
            "batch_size = 25",
            &format!("batch_size = {batch}\naccumulate = {accumulate}\nclip_norm = 0.5"),
        );
        std::fs::write(folder.path().join("small.toml"), recipe).unwrap();
        last_line(&mut train(folder.path(), &format!("run{accumulate}")));
        let log = std::fs::read_to_string(folder.path().join(format!("run{accumulate}/log.jsonl"))).unwrap();
        let lines = log.lines().map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap());
        lines.filter(|line| line["kind"] == "step").map(|line| line["loss"].as_f64().unwrap()).collect()
    };
    // The same 500 images in the same order: 20 steps of 25 images in each epoch, either way.
    let (whole, parts) = (losses(25, 1), losses(5, 5));
    assert_eq!(whole.len(), parts.len());
    for (a, b) in whole.iter().zip(&parts) {
        assert!((a - b).abs() < 1e-3 * a.abs().max(0.1), "{whole:?}\n{parts:?}");
    }
}

#[test]
fn a_schedule_makes_batches_grow() {
    let folder = prepare();
    let recipe = RECIPE.to_string()
        + "[growth]\nby = \"schedule\"\nevery = 10\nfactor = 2\nmost = 100\nrate = \"keep\"\n";
    std::fs::write(folder.path().join("small.toml"), recipe).unwrap();
    let trained = last_line(&mut train(folder.path(), "run"));
    // Epochs of 20 batches of 25: ten steps of one, then ten of two, the last of which ends the second epoch short, then five of four in each.
    assert!(trained["test_accuracy"].as_f64().unwrap() > 0.8, "{trained}");
    assert!(trained["steps"].as_u64().unwrap() < 4 * 20, "{trained}");
    for (wrong, said) in [
        ("[growth]\nby = \"noise\"\nevery = 5\nmost = 100\n", "training.accumulate to 2"),
        ("[growth]\nby = \"schedule\"\nevery = 0\nfactor = 2\nmost = 100\n", "every 0 steps"),
        ("[growth]\nby = \"moon\"\n", "moon"),
        ("[precision]\namp = \"f8\"\n", "f8"),
    ] {
        std::fs::write(folder.path().join("wrong.toml"), RECIPE.to_string() + wrong).unwrap();
        hadal(&folder, &["train", "wrong.toml"], &[]).fails(1, said);
    }
}

#[test]
fn a_step_hardly_waits_for_the_loader() {
    let folder = prepare();
    let model = "kind = \"cnn\"\nchannels = [8, 8]\nhidden = 32";
    let recipe = RECIPE.replace("kind = \"mlp\"\nhidden = [32]", model).replace("epochs = 4", "epochs = 1");
    std::fs::write(folder.path().join("small.toml"), recipe).unwrap();
    let trained = last_line(&mut train(folder.path(), "run"));
    // Both sides of the ratio slow down together when the machine is busy.
    let share = trained["loader_wait_share"].as_f64().unwrap();
    assert!(share > 0.0 && share <= 0.02, "{trained}");
    let log = std::fs::read_to_string(folder.path().join("run/log.jsonl")).unwrap();
    for line in log.lines().map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap()) {
        assert!((0.0..=1.0).contains(&line["loader_wait_share"].as_f64().unwrap()), "{line}");
    }
}

#[test]
fn a_profile_of_the_first_steps_is_written_and_changes_nothing() {
    let folder = prepare();
    let plain = last_line(&mut train(folder.path(), "plain"));
    let profiled =
        last_line(train(folder.path(), "run").args(["--profile", "profile", "--profile-steps", "3"]));
    assert_eq!(plain["loss"], profiled["loss"]);
    let read = |name: &str| std::fs::read_to_string(folder.path().join("profile").join(name)).unwrap();
    let trace: serde_json::Value = serde_json::from_str(&read("trace.json")).unwrap();
    let events = trace["traceEvents"].as_array().unwrap();
    let runs = |name: &str| {
        let of = |event: &&serde_json::Value| {
            event["pid"] == 2 && event["name"].as_str().unwrap().starts_with(name)
        };
        events.iter().filter(of).count()
    };
    assert_eq!(runs("step #"), 3);
    assert!(read("ops.txt").contains("matmul") && read("memory.txt").contains("peak"));
    hadal(&folder, &["train", "small.toml", "--profile-steps", "3"], &[]).fails(2, "--profile");
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
