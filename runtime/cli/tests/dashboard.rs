//! `hadal train` in a terminal: the dashboard is drawn, ends with a checkpoint when it is asked to, and leaves the terminal as it was.
#![cfg(all(unix, feature = "dashboard"))]

mod command;
mod small_data;

use command::{Folder, hadal};
use nix::pty::{Winsize, openpty};
use small_data::{RECIPE, prepare};
use std::fs::File;
use std::io::{Read, Write};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

const ENTER: &str = "\x1b[?1049h";
const LEAVE: &str = "\x1b[?1049l";

/// A command in a terminal of its own.
struct Screen {
    child: Child,
    keys: File,
    output: Receiver<Vec<u8>>,
    seen: String,
}

impl Screen {
    fn new(folder: &Folder, arguments: &[&str], environment: &[(&str, &str)]) -> Screen {
        let size = Winsize { ws_row: 30, ws_col: 110, ws_xpixel: 0, ws_ypixel: 0 };
        let pair = openpty(Some(&size), None).unwrap();
        let mut command = Command::new(env!("CARGO_BIN_EXE_hadal"));
        command.current_dir(folder.path()).env("HADAL_DATA", folder.path()).args(arguments);
        command.env_remove("CI").env("TERM", "xterm-256color").envs(environment.iter().copied());
        let stream = || Stdio::from(pair.slave.try_clone().unwrap());
        let child = command.stdin(stream()).stdout(stream()).stderr(stream()).spawn().unwrap();
        drop(pair.slave);
        let keys = File::from(pair.master);
        let mut reader = keys.try_clone().unwrap();
        let (sender, output) = channel();
        std::thread::spawn(move || {
            let mut bytes = [0; 4096];
            // The end of a terminal is an error.
            while let Ok(count @ 1..) = reader.read(&mut bytes) {
                if sender.send(bytes[..count].to_vec()).is_err() {
                    break;
                }
            }
        });
        Screen { child, keys, output, seen: String::new() }
    }

    /// Reads until `enough` holds of what was seen, which it must within a minute.
    fn until(&mut self, enough: impl Fn(&str) -> bool) {
        let start = Instant::now();
        while !enough(&self.seen) {
            assert!(start.elapsed() < Duration::from_secs(60), "not seen in time:\n{}", self.seen);
            if let Ok(bytes) = self.output.recv_timeout(Duration::from_millis(100)) {
                self.seen += &String::from_utf8_lossy(&bytes);
            }
        }
    }

    fn press(&mut self, keys: &[u8]) {
        self.keys.write_all(keys).unwrap();
    }

    /// The exit code, and all that was seen.
    fn end(mut self) -> (Option<i32>, String) {
        let code = self.child.wait().unwrap().code();
        while let Ok(bytes) = self.output.recv_timeout(Duration::from_millis(300)) {
            self.seen += &String::from_utf8_lossy(&bytes);
        }
        (code, self.seen)
    }
}

const LONG: [&str; 10] =
    ["train", "small.toml", "--backend", "cpu", "--log-every", "4", "--epochs", "100000", "--output", "run"];

#[test]
fn a_key_ends_the_run_with_a_checkpoint_from_which_it_goes_on() {
    for (key, plot) in [(&b"q"[..], "training loss"), (&b"\x03"[..], "accuracy")] {
        let folder = prepare();
        let mut screen = Screen::new(&folder, &LONG, &[]);
        // Curves are there, and epochs go by.
        screen.until(|seen| seen.contains(ENTER) && seen.contains(plot) && seen.contains("best so far"));
        screen.press(key);
        let (code, seen) = screen.end();
        assert_eq!(code, Some(130), "{seen}");
        let (_, after) = seen.rsplit_once(LEAVE).unwrap();
        assert!(after.contains("epoch 1/100000") && after.contains("--resume goes on"), "{after}");
        let checkpoint = hadal_train::Checkpoint::open(folder.path().join("run/last.safetensors")).unwrap();
        let steps = checkpoint.step();
        assert!(after.contains(&format!("paused after {steps} steps")) || steps >= 1000, "{steps}: {after}");
        // It goes on as one that was not asked to stop.
        let epochs = (checkpoint.history().epochs.len() + 2).to_string();
        let run = |output: &str| {
            let mut command = Command::new(env!("CARGO_BIN_EXE_hadal"));
            command.current_dir(folder.path()).env("HADAL_DATA", folder.path()).stderr(Stdio::null());
            command.args([
                "train",
                "small.toml",
                "--backend",
                "cpu",
                "--log-every",
                "4",
                "--json",
                "--resume",
            ]);
            let output = command.args(["--epochs", &epochs, "--output", output]).output().unwrap();
            let text = String::from_utf8(output.stdout).unwrap();
            serde_json::from_str::<serde_json::Value>(text.lines().last().unwrap()).unwrap()["steps"].clone()
        };
        assert_eq!(run("run"), run("whole"));
    }
}

#[test]
fn a_run_that_fails_leaves_the_terminal_first() {
    let folder = prepare();
    let recipe = RECIPE.replace("1e-2", "1e30").replace("adamw", "sgd");
    std::fs::write(folder.path().join("small.toml"), recipe).unwrap();
    let (code, seen) = Screen::new(&folder, &LONG, &[]).end();
    assert_eq!(code, Some(1), "{seen}");
    let (_, after) = seen.rsplit_once(LEAVE).unwrap();
    assert!(seen.contains(ENTER) && after.contains("error: ") && after.contains("the loss is"), "{after}");
}

#[test]
fn a_signal_leaves_the_terminal_too() {
    let folder = prepare();
    let mut screen = Screen::new(&folder, &LONG, &[]);
    screen.until(|seen| seen.contains("training loss"));
    let id = screen.child.id().to_string();
    assert!(Command::new("kill").args(["-INT", &id]).status().unwrap().success());
    let (code, seen) = screen.end();
    assert_eq!(code, Some(130), "{seen}");
    assert!(seen.contains(LEAVE));
}

#[test]
fn there_is_none_where_it_is_not_wanted_or_not_possible() {
    let folder = prepare();
    let short = |more: &[&'static str]| -> Vec<&str> {
        let arguments = ["train", "small.toml", "--backend", "cpu", "--epochs", "1"];
        [&arguments[..], more].concat()
    };
    for (output, more, environment) in [
        ("a", &["--plain"][..], &[][..]),
        ("b", &["--json"], &[]),
        ("c", &[], &[("TERM", "dumb")]),
        ("d", &[], &[("CI", "1")]),
    ] {
        let arguments = [&short(more)[..], &["--output", output]].concat();
        let (code, seen) = Screen::new(&folder, &arguments, environment).end();
        assert_eq!(code, Some(0), "{seen}");
        assert!(!seen.contains(ENTER) && seen.contains("accuracy"), "{output}: {seen}");
    }
    assert!(hadal(&folder, &["train", "--help"], &[]).succeeds().contains("--plain"));
    hadal(&folder, &["train", "small.toml", "--plain=yes"], &[]).fails(2, "--plain");
}
