//! hipRTC: HIP C++ to code objects.

use crate::child::Child;
use crate::table::Hiprtc;
use hadal_native::{Failure, Rtc, RtcCalls};

/// Families of architectures, and the first release of ROCm whose hipRTC compiles for them. Earlier ones end the process instead of returning an error.
const SINCE: [(&str, i32, i32); 4] = [("gfx94", 6, 0), ("gfx95", 7, 0), ("gfx11", 5, 5), ("gfx12", 6, 3)];

/// A kernel that any hipRTC compiles, if it compiles at all.
const PROBE: &str = "extern \"C\" __global__ void probe() {}";

/// Where to compile for an architecture with the hipRTC of the runtime `version`: here, or in a process of its own where it is known to end the one that it runs in.
/// Releases of distributions may know more than AMD's, so that is tried.
///
/// Errors: `Refused` where it is known to, and there is no such process or it cannot either.
pub(crate) fn place(
    architecture: &str,
    version: i32,
    child: Option<Child>,
) -> Result<Option<Child>, Failure> {
    let (major, minor) = (version / 10_000_000, version / 100_000 % 100);
    let since = SINCE.iter().find(|(family, ..)| architecture.starts_with(family));
    let Some(&(_, first, second)) = since.filter(|&&(_, first, second)| (major, minor) < (first, second))
    else {
        return Ok(None);
    };
    let refused = |why: String| {
        Failure::Refused(format!(
            "hipRTC of ROCm {major}.{minor} cannot compile for {architecture}, which needs ROCm {first}.{second}; {why}"
        ))
    };
    let Some(child) = child else {
        return Err(refused(
            "to try it in a process of its own, set HADAL_HIPRTC_CHILD to the path of `hadal`".into(),
        ));
    };
    child.compile(PROBE, architecture, &[]).map_err(|failure| refused(failure.to_string()))?;
    Ok(Some(child))
}

/// hipRTC.
pub(crate) fn compiler(table: &Hiprtc) -> Rtc {
    let calls = RtcCalls {
        prefix: "hiprtc",
        version: table.hiprtcVersion,
        error_string: table.hiprtcGetErrorString,
        create: table.hiprtcCreateProgram,
        destroy: table.hiprtcDestroyProgram,
        compile: table.hiprtcCompileProgram,
        log_size: table.hiprtcGetProgramLogSize,
        log: table.hiprtcGetProgramLog,
        code_size: table.hiprtcGetCodeSize,
        code: table.hiprtcGetCode,
    };
    // SAFETY: hipRTC's functions, and it is never unloaded.
    unsafe { Rtc::new(calls) }
}

/// A code object. Errors: `Refused` with the compiler's log.
pub(crate) fn compile(
    rtc: &Rtc,
    source: &str,
    architecture: &str,
    flags: &[&str],
) -> Result<Vec<u8>, Failure> {
    let architecture = format!("--offload-arch={architecture}");
    rtc.compile(source, &[flags, &[&*architecture]].concat())
}

#[cfg(test)]
mod tests {
    use super::place;

    #[test]
    fn releases_that_would_end_the_process_are_refused() {
        for (architecture, version, admitted) in [
            ("gfx90a:sramecc+:xnack-", 50_220_730, true),
            ("gfx1030", 50_220_730, true),
            ("gfx1100", 50_220_730, false),
            ("gfx1100", 50_500_000, true),
            ("gfx942", 50_700_000, false),
            ("gfx942", 60_000_000, true),
            ("gfx1201", 60_200_000, false),
            ("gfx1201", 70_000_000, true),
            ("gfx928", 50_200_000, true),
        ] {
            match place(architecture, version, None) {
                Ok(child) => assert!(admitted && child.is_none(), "{architecture} {version}"),
                Err(refused) => {
                    let refused = refused.to_string();
                    assert!(
                        !admitted && refused.contains(architecture),
                        "{architecture} {version}: {refused}"
                    );
                }
            }
        }
    }
}
