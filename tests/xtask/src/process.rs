//! Running other programs.

use anyhow::{Context, Result};
use std::io::{BufRead, BufReader, Read, Write};
use std::process::{Command, Stdio};

/// A `cargo` command in the repository's root, with the cargo that runs this program.
pub(crate) fn cargo(arguments: &[&str]) -> Command {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut command = Command::new(cargo);
    command.args(arguments).current_dir(crate::workspace::root());
    command
}

/// Whether the command starts and succeeds; its output is dropped.
pub(crate) fn succeeds(program: &str, arguments: &[&str]) -> bool {
    let mut command = Command::new(program);
    command.args(arguments).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    command.status().is_ok_and(|status| status.success())
}

/// Standard output of a command that succeeds.
pub(crate) fn output(program: &str, arguments: &[&str]) -> Option<String> {
    let output =
        Command::new(program).args(arguments).stdin(Stdio::null()).stderr(Stdio::null()).output().ok()?;
    output.status.success().then(|| String::from_utf8_lossy(&output.stdout).into_owned())
}

/// Runs a command to its end, showing all it prints, and keeps the lines for which `keep` says so.
///
/// Returns whether it succeeded. Errors: when it cannot be started.
pub(crate) fn watch(command: &mut Command, keep: fn(&str) -> bool) -> Result<(bool, Vec<String>)> {
    let shown = describe(command);
    let mut child = command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .with_context(|| format!("`{shown}` cannot be started"))?;
    let stdout = child.stdout.take();
    let stderr = child.stderr.take();
    let kept = std::thread::scope(|scope| {
        let errors = scope.spawn(|| stderr.map(|pipe| pass_on(pipe, std::io::stderr(), keep)));
        let mut kept = stdout.map(|pipe| pass_on(pipe, std::io::stdout(), keep)).unwrap_or_default();
        kept.extend(errors.join().ok().flatten().unwrap_or_default());
        kept
    });
    let status = child.wait().with_context(|| format!("`{shown}` got lost"))?;
    Ok((status.success(), kept))
}

fn pass_on(pipe: impl Read, mut to: impl Write, keep: fn(&str) -> bool) -> Vec<String> {
    let mut kept = Vec::new();
    for line in BufReader::new(pipe).split(b'\n') {
        let Ok(line) = line else { break };
        let line = String::from_utf8_lossy(&line);
        // The reader of our own output may have gone away; the tests go on.
        let _ = writeln!(to, "{line}");
        if keep(&line) {
            kept.push(line.into_owned());
        }
    }
    kept
}

/// The command as a person would type it.
pub(crate) fn describe(command: &Command) -> String {
    let program = std::path::Path::new(command.get_program());
    let mut text = program.file_name().unwrap_or_default().to_string_lossy().into_owned();
    for (name, value) in command.get_envs() {
        if let Some(value) = value {
            text = format!("{}={} {text}", name.to_string_lossy(), value.to_string_lossy());
        }
    }
    for argument in command.get_args() {
        let argument = argument.to_string_lossy();
        let plain = argument.chars().all(|c| c.is_ascii_alphanumeric() || "-_=./:,".contains(c));
        text.push(' ');
        text += &if plain { argument.into_owned() } else { format!("'{argument}'") };
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_kept_and_failure_is_seen() {
        let mut command = Command::new("sh");
        command.args(["-c", "echo one; echo two >&2; exit 3"]);
        let (success, mut kept) = watch(&mut command, |line| line.contains('o')).unwrap();
        kept.sort();
        assert!(!success);
        assert_eq!(kept, ["one", "two"]);
        assert!(watch(&mut Command::new("/no/such/program"), |_| false).is_err());
    }

    #[test]
    fn commands_read_as_typed() {
        let mut command = Command::new("/usr/bin/env");
        command.args(["-E", "package(a b)"]).env("X", "1");
        assert_eq!(describe(&command), "X=1 env -E 'package(a b)'");
    }
}
