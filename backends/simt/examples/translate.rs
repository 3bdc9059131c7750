//! Writes the kernel of a WGSL file to standard output: `translate FILE.wgsl [cuda|hip32|hip64] [ENTRY]`.

use hadal_simt::{Dialect, Options, Wave, translate};
use std::process::ExitCode;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let Some(path) = arguments.first() else {
        eprintln!("usage: translate FILE.wgsl [cuda|hip32|hip64] [ENTRY]");
        return ExitCode::FAILURE;
    };
    let dialect = match arguments.get(1).map_or("cuda", String::as_str) {
        "hip32" => Dialect::Hip { wave: Wave::Lanes32 },
        "hip64" => Dialect::Hip { wave: Wave::Lanes64 },
        _ => Dialect::Cuda,
    };
    let entry = arguments.get(2).map_or("main", String::as_str);
    let source = match std::fs::read_to_string(path) {
        Ok(source) => source,
        Err(error) => {
            eprintln!("{path}: {error}");
            return ExitCode::FAILURE;
        }
    };
    match translate(&source, entry, dialect, &Options::default()) {
        Ok(kernel) => {
            print!("{}", kernel.source);
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("{path}: {error}");
            ExitCode::FAILURE
        }
    }
}
