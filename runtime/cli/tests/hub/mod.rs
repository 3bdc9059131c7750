//! A hub on the loopback interface, with the repository `some/model`, that misbehaves on demand.

use ring::digest::{SHA256, digest};
use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

/// How files are served.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Serve {
    /// As asked for.
    Whole,
    /// The connection ends after so many bytes.
    BreaksAfter(usize),
    /// Always from the start.
    IgnoresRanges,
    /// One bit is wrong.
    FlipsABit,
    /// There is more than was said.
    AddsBytes,
}

/// Served until the test ends.
pub(crate) struct Hub {
    endpoint: String,
    log: Arc<Mutex<Vec<(String, usize)>>>,
}

pub(crate) fn sha256(bytes: &[u8]) -> String {
    digest(&SHA256, bytes).as_ref().iter().map(|byte| format!("{byte:02x}")).collect()
}

impl Hub {
    pub(crate) fn start(files: Vec<(&'static str, Vec<u8>)>, serve: Serve) -> Hub {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let endpoint = format!("http://{}", listener.local_addr().unwrap());
        let log = Arc::new(Mutex::new(Vec::new()));
        let shared = log.clone();
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                // A client that hangs up early is part of the tests.
                let _ = answer(stream, &files, serve, &shared);
            }
        });
        Hub { endpoint, log }
    }

    pub(crate) fn endpoint(&self) -> &str {
        &self.endpoint
    }

    /// The first byte of each request for a file.
    pub(crate) fn ranges(&self, file: &str) -> Vec<usize> {
        self.log.lock().unwrap().iter().filter(|(name, _)| name == file).map(|(_, first)| *first).collect()
    }

    pub(crate) fn requests(&self, file: &str) -> usize {
        self.ranges(file).len()
    }
}

fn answer(
    mut stream: TcpStream,
    files: &[(&str, Vec<u8>)],
    serve: Serve,
    log: &Mutex<Vec<(String, usize)>>,
) -> std::io::Result<()> {
    let mut lines = BufReader::new(stream.try_clone()?).lines();
    let request = lines.next().transpose()?.unwrap_or_default();
    let mut first = 0;
    for line in lines {
        let line = line?.to_lowercase();
        if line.is_empty() {
            break;
        }
        if let Some(range) = line.strip_prefix("range: bytes=") {
            first = range.trim_end_matches('-').parse().unwrap();
        }
    }
    let path = request.split(' ').nth(1).unwrap_or_default();
    if path.starts_with("/api/models/some/model/revision/main") {
        let siblings: Vec<_> = files.iter().map(|(name, bytes)| sibling(name, bytes)).collect();
        let body = serde_json::json!({ "siblings": siblings }).to_string();
        return respond(&mut stream, "200 OK", "", body.len(), body.as_bytes());
    }
    let name = path.strip_prefix("/some/model/resolve/main/");
    let Some((name, bytes)) = files.iter().find(|(file, _)| Some(*file) == name) else {
        return respond(&mut stream, "404 Not Found", "", 0, b"");
    };
    log.lock().unwrap().push((name.to_string(), first));
    let mut bytes = bytes.clone();
    let total = bytes.len();
    match serve {
        Serve::FlipsABit => bytes[total / 2] ^= 4,
        Serve::AddsBytes => bytes.extend([0; 100]),
        Serve::IgnoresRanges => first = 0,
        Serve::Whole | Serve::BreaksAfter(_) => {}
    }
    let rest = &bytes[first..];
    let sent = match serve {
        Serve::BreaksAfter(count) => &rest[..rest.len().min(count)],
        _ => rest,
    };
    match first {
        0 => respond(&mut stream, "200 OK", "", rest.len(), sent),
        _ => {
            let range = format!("Content-Range: bytes {first}-{}/{total}\r\n", total - 1);
            respond(&mut stream, "206 Partial Content", &range, rest.len(), sent)
        }
    }
}

fn sibling(name: &str, bytes: &[u8]) -> serde_json::Value {
    match name.ends_with(".json") {
        true => serde_json::json!({ "rfilename": name, "size": bytes.len() }),
        false => serde_json::json!({
            "rfilename": name, "size": bytes.len(), "lfs": { "sha256": sha256(bytes), "size": bytes.len() },
        }),
    }
}

fn respond(
    stream: &mut TcpStream,
    status: &str,
    headers: &str,
    length: usize,
    body: &[u8],
) -> std::io::Result<()> {
    write!(stream, "HTTP/1.1 {status}\r\nContent-Length: {length}\r\n{headers}Connection: close\r\n\r\n")?;
    stream.write_all(body)?;
    stream.flush()
}
