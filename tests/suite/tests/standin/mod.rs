//! Devices of the stand-in drivers, and what every such device must pass.

mod brought;
mod failures;
mod suites;
mod training;

pub(crate) use brought::brought;
pub(crate) use failures::each_call_fails_in_turn;
pub(crate) use suites::{gradients, minilm, op_cases, random_graphs};
pub(crate) use training::{a_loop_grows_its_cache, training};

use hadal_native::{NativeBackend, Platform, Settings};
use hadal_standin::Loaded;
use std::path::Path;
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};

/// An open device. The driver is one for a process, so devices take turns.
pub(crate) struct Open {
    pub(crate) backend: NativeBackend,
    pub(crate) standin: MutexGuard<'static, Loaded>,
}

/// The stand-in, as if the process had just begun; `None` at home where there is no NVRTC. In CI that is a failure.
pub(crate) fn turn() -> Option<MutexGuard<'static, Loaded>> {
    static LOADED: OnceLock<Result<Mutex<Loaded>, String>> = OnceLock::new();
    match LOADED.get_or_init(|| Loaded::new().map(Mutex::new).map_err(|error| error.to_string())) {
        Ok(loaded) => {
            let loaded = loaded.lock().unwrap_or_else(PoisonError::into_inner);
            loaded.clear();
            Some(loaded)
        }
        Err(error) => {
            assert!(std::env::var_os("CI").is_none(), "{error}");
            println!("not run: {error}");
            None
        }
    }
}

/// Compiled kernels of one run of the tests serve the next.
pub(crate) fn settings() -> Settings {
    let cache = Path::new(env!("CARGO_TARGET_TMPDIR")).join("kernels");
    Settings { cache: Some(cache), ..Settings::default() }
}

/// The device of a platform whose driver is the stand-in.
pub(crate) fn open(platform: &dyn Platform) -> Option<Open> {
    let standin = turn()?;
    let driver = platform.open(0).unwrap_or_else(|error| panic!("{error}"));
    let backend = NativeBackend::new(driver, &settings()).unwrap_or_else(|error| panic!("{error}"));
    Some(Open { backend, standin })
}
