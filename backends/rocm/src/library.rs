//! Finding HIP's runtime and hipRTC.

use crate::compiler;
use crate::table::{Hip, Hiprtc, Properties, properties};
use hadal_device::DeviceError;
use hadal_native::{Failure, Rtc};
use libloading::Library;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// The functions of both libraries, which stay loaded until the process ends.
#[derive(Debug)]
pub(crate) struct Libraries {
    pub(crate) hip: Hip,
    pub(crate) rtc: Rtc,
    /// Whose structure is that of ROCm 6 and 7, or that of ROCm 5.
    pub(crate) properties: Properties,
    /// The folder that was asked for.
    pub(crate) folder: Option<PathBuf>,
}

/// Endings of the libraries' names: that of the developers' package, then those of ROCm 7, 6 and 5. Hygon's DTK has the last one alone.
const ENDINGS: [&str; 4] = ["so", "so.7", "so.6", "so.5"];

impl Libraries {
    /// The libraries in `folder`; without one, on the library path, in `ROCM_PATH` and in `/opt/rocm`.
    ///
    /// Errors: `Unavailable`, which says what is missing and how to get it.
    pub(crate) fn find(folder: Option<&Path>) -> Result<Arc<Libraries>, DeviceError> {
        let asked = folder.map(Path::to_path_buf);
        let folders = match folder {
            Some(folder) => vec![folder.to_path_buf()],
            None => {
                let root = std::env::var_os("ROCM_PATH").filter(|root| !root.is_empty()).map(PathBuf::from);
                let roots = root.into_iter().chain([PathBuf::from("/opt/rocm")]);
                [PathBuf::new()].into_iter().chain(roots.map(|root| root.join("lib"))).collect()
            }
        };
        let hint = "install ROCm 5, 6 or 7 (on Debian: `apt-get install libamdhip64-5`), or use the wgpu or cpu backend";
        let Some(runtime) = open(&folders, "libamdhip64") else {
            return Err(missing("HIP's runtime (libamdhip64) is not installed", hint));
        };
        let lacks =
            |library: &str, name: &str| missing(&format!("{library} lacks the function {name}"), hint);
        let hip = Hip::load(&runtime).map_err(|name| lacks("libamdhip64", name))?;
        let properties = properties(&runtime).map_err(|name| lacks("libamdhip64", name))?;
        // Older releases have hipRTC in the runtime.
        let table = match open(&folders, "libhiprtc") {
            Some(compiler) => {
                let table = Hiprtc::load(&compiler).map_err(|name| lacks("libhiprtc", name));
                std::mem::forget(compiler);
                table?
            }
            None => Hiprtc::load(&runtime)
                .map_err(|_| missing("hipRTC (libhiprtc), which compiles kernels, is not installed", hint))?,
        };
        // The runtime has threads of its own: it is never unloaded.
        std::mem::forget(runtime);
        let rtc = compiler::compiler(&table);
        Ok(Arc::new(Libraries { hip, rtc, properties, folder: asked }))
    }
}

fn open(folders: &[PathBuf], name: &str) -> Option<Library> {
    let endings = ENDINGS.iter();
    let places =
        endings.flat_map(|ending| folders.iter().map(move |folder| folder.join(format!("{name}.{ending}"))));
    // SAFETY: loading them runs their own initialisation alone.
    places.into_iter().find_map(|place| unsafe { Library::new(place) }.ok())
}

/// What failed while devices were looked at or opened.
pub(crate) fn unavailable(failure: Failure) -> DeviceError {
    missing(&format!("HIP refuses: {failure}"), "check `rocminfo`, or use the wgpu or cpu backend")
}

fn missing(reason: &str, hint: &str) -> DeviceError {
    DeviceError::Unavailable { backend: "rocm".into(), reason: reason.into(), hint: hint.into() }
}
