//! Compiling in a process of its own, where hipRTC is known to end the one that it runs in.
//!
//! The process is a program that calls [`hiprtc_child`] first in its `main`: this one, if it has done so itself, or the one that `HADAL_HIPRTC_CHILD` names. The `hadal` command
//! does, and `hadal-hiprtc` does nothing else. A variable of the environment tells it what it is there for. It reads one request from standard input, and its answer is the
//! last thing on standard output, with its length behind it, so that whatever the compiler may print before is skipped.

use crate::compiler;
use crate::library::Libraries;
use hadal_native::Failure;
use std::ffi::OsStr;
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};

/// Set for the process that compiles.
const COMPILES: &str = "HADAL_HIPRTC_COMPILES";
/// A program that can be that process.
const PROGRAM: &str = "HADAL_HIPRTC_CHILD";
/// What an answer ends with.
const END: &[u8; 8] = b"hadalrtc";

/// Whether this program calls [`hiprtc_child`].
static OWN: AtomicBool = AtomicBool::new(false);

/// Call this first in `main`, before there are threads. In a process that was started to compile for another one, it compiles and ends the process; in any other it
/// returns at once, and the backend knows that it may start this program for that purpose.
pub fn hiprtc_child() {
    if std::env::var_os(COMPILES).is_none() {
        OWN.store(true, Ordering::Relaxed);
        return;
    }
    let served = Request::read(&mut io::stdin().lock())
        .and_then(|request| answer(&mut io::stdout().lock(), request.compile()));
    std::process::exit(if served.is_ok() { 0 } else { 1 });
}

/// What is to be compiled.
struct Request {
    /// The libraries' folder; empty where they are found as usual.
    folder: String,
    architecture: String,
    flags: Vec<String>,
    source: String,
}

impl Request {
    fn write(&self, to: &mut impl Write) -> io::Result<()> {
        let flags = self.flags.iter().map(String::as_str);
        let parts = [&*self.folder, &*self.architecture, &*self.source].into_iter().chain(flags);
        for part in parts {
            to.write_all(&(part.len() as u64).to_le_bytes())?;
            to.write_all(part.as_bytes())?;
        }
        to.flush()
    }

    fn read(from: &mut impl Read) -> io::Result<Request> {
        let mut bytes = Vec::new();
        from.read_to_end(&mut bytes)?;
        let broken = || io::Error::new(io::ErrorKind::InvalidData, "the request is broken");
        let mut rest = &bytes[..];
        let mut parts = Vec::new();
        while !rest.is_empty() {
            let (length, after) = rest.split_first_chunk::<8>().ok_or_else(broken)?;
            let length = usize::try_from(u64::from_le_bytes(*length)).map_err(|_| broken())?;
            let (part, after) = after.split_at_checked(length).ok_or_else(broken)?;
            parts.push(String::from_utf8(part.to_vec()).map_err(|_| broken())?);
            rest = after;
        }
        let mut parts = parts.into_iter();
        let mut next = || parts.next().ok_or_else(broken);
        let (folder, architecture, source) = (next()?, next()?, next()?);
        Ok(Request { folder, architecture, source, flags: parts.collect() })
    }

    fn compile(&self) -> Result<Vec<u8>, Failure> {
        let folder = (!self.folder.is_empty()).then(|| Path::new(&self.folder));
        let libraries = Libraries::find(folder).map_err(|error| Failure::Refused(error.to_string()))?;
        let flags: Vec<&str> = self.flags.iter().map(String::as_str).collect();
        compiler::compile(&libraries.rtc, &self.source, &self.architecture, &flags)
    }
}

fn answer(to: &mut impl Write, result: Result<Vec<u8>, Failure>) -> io::Result<()> {
    let (kind, bytes) = match result {
        Ok(code) => (b'c', code),
        Err(failure) => (b'e', failure.to_string().into_bytes()),
    };
    to.write_all(&bytes)?;
    to.write_all(&[kind])?;
    to.write_all(&(bytes.len() as u64).to_le_bytes())?;
    to.write_all(END)?;
    to.flush()
}

/// The answer at the end of what a process printed; `None` where there is none.
fn answered(printed: &[u8]) -> Option<Result<Vec<u8>, Failure>> {
    let rest = printed.strip_suffix(END)?;
    let (rest, length) = rest.split_last_chunk::<8>()?;
    let (&kind, rest) = rest.split_last()?;
    let start = rest.len().checked_sub(usize::try_from(u64::from_le_bytes(*length)).ok()?)?;
    let bytes = rest[start..].to_vec();
    match kind {
        b'c' => Some(Ok(bytes)),
        b'e' => Some(Err(Failure::Refused(String::from_utf8_lossy(&bytes).into_owned()))),
        _ => None,
    }
}

/// Compiles in processes of their own.
#[derive(Clone, Debug)]
pub(crate) struct Child {
    program: PathBuf,
    folder: String,
}

impl Child {
    /// Where there is a program that can be the process. `folder` is that of the libraries, if they are in one.
    pub(crate) fn find(folder: Option<&Path>) -> Option<Child> {
        let named = std::env::var_os(PROGRAM).filter(|name| !name.is_empty()).map(PathBuf::from);
        let own = || OWN.load(Ordering::Relaxed).then(std::env::current_exe).and_then(Result::ok);
        let folder = folder.and_then(Path::to_str).unwrap_or_default().to_string();
        named.or_else(own).map(|program| Child { program, folder })
    }

    /// A code object, as [`compiler::compile`] gives it. Errors: `Refused` with the compiler's log, or with what became of the process.
    pub(crate) fn compile(
        &self,
        source: &str,
        architecture: &str,
        flags: &[&str],
    ) -> Result<Vec<u8>, Failure> {
        let request = Request {
            folder: self.folder.clone(),
            architecture: architecture.into(),
            flags: flags.iter().map(|flag| flag.to_string()).collect(),
            source: source.into(),
        };
        let failed = |error: io::Error| {
            Failure::Refused(format!("{} cannot be started to compile: {error}", self.program.display()))
        };
        let mut command = Command::new(&self.program);
        command.env(COMPILES, OsStr::new("1"));
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut process = command.spawn().map_err(failed)?;
        if let Some(mut input) = process.stdin.take() {
            // One that is gone already says so by its status.
            let _ = request.write(&mut input);
        }
        let output = process.wait_with_output().map_err(failed)?;
        answered(&output.stdout).unwrap_or_else(|| {
            let said = String::from_utf8_lossy(&output.stderr);
            let said = said.lines().rev().find(|line| !line.trim().is_empty()).unwrap_or("it said nothing");
            Err(Failure::Refused(format!(
                "the process that compiled for {architecture} ended without code ({}): {said}",
                ending(output.status)
            )))
        })
    }
}

fn ending(status: ExitStatus) -> String {
    #[cfg(unix)]
    if let Some(signal) = std::os::unix::process::ExitStatusExt::signal(&status) {
        return format!("signal {signal}");
    }
    status.to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_and_answers_arrive_as_they_were() {
        let (folder, architecture) = ("/a b".to_string(), "gfx942".to_string());
        let flags = vec!["-O3".to_string(), String::new()];
        let request = Request { folder, architecture, flags, source: "line\nanother ü".into() };
        let mut bytes = Vec::new();
        request.write(&mut bytes).unwrap();
        let read = Request::read(&mut &bytes[..]).unwrap();
        assert_eq!(
            (&read.folder, &read.architecture, &read.flags, &read.source),
            (&request.folder, &request.architecture, &request.flags, &request.source)
        );
        for length in 1..bytes.len() {
            // What was cut off is never taken for something else that is whole.
            if let Ok(part) = Request::read(&mut &bytes[..length]) {
                assert!(part.source == request.source && part.flags.len() < request.flags.len());
            }
        }
        for result in [Ok(vec![0, 1, 255]), Ok(Vec::new()), Err(Failure::Refused("a log".into()))] {
            let mut printed = b"what the compiler says".to_vec();
            answer(&mut printed, result.clone()).unwrap();
            assert_eq!(answered(&printed), Some(result));
            assert_eq!(answered(&printed[..printed.len() - 1]), None);
        }
        assert_eq!(answered(b""), None);
    }
}
