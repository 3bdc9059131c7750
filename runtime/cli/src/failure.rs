//! How an error looks and which exit code it gives.

use std::process::ExitCode;

/// What separates a message from its hint, here and in the errors of the crates below.
const HINT: &str = "\n  hint: ";

/// An error with a hint: what is wrong, and what to do.
pub(crate) fn with_hint(message: impl std::fmt::Display, hint: impl std::fmt::Display) -> anyhow::Error {
    anyhow::anyhow!("{message}{HINT}{hint}")
}

/// Writes `error` to standard error. A reader that went away (`hadal … | head`) is no error.
pub(crate) fn report(error: &anyhow::Error) -> ExitCode {
    let broken_pipe = |cause: &(dyn std::error::Error + 'static)| {
        cause.downcast_ref::<std::io::Error>().is_some_and(|e| e.kind() == std::io::ErrorKind::BrokenPipe)
    };
    if error.chain().any(broken_pipe) {
        return ExitCode::SUCCESS;
    }
    eprintln!("{}", describe(error));
    ExitCode::FAILURE
}

/// `error: outer: inner` and, on a line of its own, the innermost hint.
fn describe(error: &anyhow::Error) -> String {
    let mut message = String::new();
    let mut hint = None;
    for cause in error.chain() {
        let text = cause.to_string();
        let (text, said) = match text.split_once(HINT) {
            Some((text, said)) => (text, Some(said)),
            None => (text.as_str(), None),
        };
        let text = one_line(text);
        // An error that repeats its source adds nothing.
        if !message.ends_with(&text) {
            if !message.is_empty() {
                message += ": ";
            }
            message += &text;
        }
        hint = said.map(one_line).or(hint);
    }
    match hint {
        Some(hint) => format!("error: {message}{HINT}{hint}"),
        None => format!("error: {message}"),
    }
}

/// Locations in source code are for those who write programs.
fn one_line(text: &str) -> String {
    text.lines()
        .map(str::trim)
        .filter(|line| !line.is_empty() && !line.starts_with("at: "))
        .collect::<Vec<_>>()
        .join("; ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn causes_share_a_line_and_the_innermost_hint_comes_last() {
        let inner = with_hint("no such file", "check the path");
        let error = inner.context("`x.onnx` cannot be read");
        assert_eq!(describe(&error), "error: `x.onnx` cannot be read: no such file\n  hint: check the path");
        let error = anyhow::anyhow!("first\n second\n  at: x.rs:1:1").context("outer\n  hint: try again");
        assert_eq!(describe(&error), "error: outer: first; second\n  hint: try again");
    }
}
