//! Loads PTX files into the stand-in device and says what it does not know: `cargo run -p hadal-standin --example load -- FILE…`

use hadal_standin::{Machine, Settings};
use std::process::ExitCode;

fn main() -> ExitCode {
    let mut failed = 0;
    for path in std::env::args().skip(1) {
        let mut machine = Machine::new(Settings::default());
        let loaded = std::fs::read_to_string(&path).map_err(|e| e.to_string());
        match loaded.and_then(|text| machine.load(&text).map_err(|e| e.to_string())) {
            Ok(module) => println!("{path}: {}", machine.kernels(module).join(", ")),
            Err(error) => {
                println!("{path}: {error}");
                failed += 1;
            }
        }
    }
    if failed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
