//! hipRTC: HIP C++ to code objects.

use crate::table::{Handle, Rtc};
use hadal_native::Failure;
use std::ffi::{CString, c_char, c_int};

/// Families of architectures, and the first release of ROCm whose hipRTC compiles for them. Earlier ones end the process instead of returning an error.
const SINCE: [(&str, i32, i32); 4] = [("gfx94", 6, 0), ("gfx95", 7, 0), ("gfx11", 5, 5), ("gfx12", 6, 3)];

/// Errors: `Refused` where the hipRTC of the runtime `version` is known to end the process.
pub(crate) fn admit(architecture: &str, version: i32) -> Result<(), Failure> {
    let (major, minor) = (version / 10_000_000, version / 100_000 % 100);
    match SINCE.iter().find(|(family, ..)| architecture.starts_with(family)) {
        Some(&(_, first, second)) if (major, minor) < (first, second) => Err(Failure::Refused(format!(
            "hipRTC of ROCm {major}.{minor} cannot compile for {architecture}, which needs ROCm {first}.{second}"
        ))),
        _ => Ok(()),
    }
}

/// The compiler's name with its version.
pub(crate) fn describe(rtc: &Rtc) -> Result<String, Failure> {
    let (mut major, mut minor) = (0, 0);
    // SAFETY: both write one number each.
    rtc.check("hiprtcVersion", unsafe { (rtc.hiprtcVersion)(&mut major, &mut minor) })?;
    Ok(format!("hipRTC {major}.{minor}"))
}

/// A program, until it is dropped.
struct Program<'r> {
    rtc: &'r Rtc,
    program: Handle,
}

impl Drop for Program<'_> {
    fn drop(&mut self) {
        // SAFETY: made by `compile`, and destroyed once.
        unsafe { (self.rtc.hiprtcDestroyProgram)(&mut self.program) };
    }
}

/// A code object. Errors: `Refused` with the compiler's log.
pub(crate) fn compile(
    rtc: &Rtc,
    source: &str,
    architecture: &str,
    flags: &[&str],
) -> Result<Vec<u8>, Failure> {
    let text = |text: String| {
        CString::new(text).map_err(|_| Failure::Refused("the kernel's text has a zero".into()))
    };
    let source = text(source.into())?;
    let mut options = Vec::with_capacity(flags.len() + 1);
    for flag in flags {
        options.push(text(flag.to_string())?);
    }
    options.push(text(format!("--offload-arch={architecture}"))?);
    let options: Vec<*const c_char> = options.iter().map(|option| option.as_ptr()).collect();
    let (none, mut program) = (std::ptr::null(), std::ptr::null_mut());
    // SAFETY: a text that outlives the program, a name, and no headers.
    let created = unsafe {
        (rtc.hiprtcCreateProgram)(&mut program, source.as_ptr(), c"hadal.hip".as_ptr(), 0, none, none)
    };
    rtc.check("hiprtcCreateProgram", created)?;
    let program = Program { rtc, program };
    let count = options.len() as c_int;
    // SAFETY: the program is alive, and there are so many texts.
    let compiled = unsafe { (rtc.hiprtcCompileProgram)(program.program, count, options.as_ptr()) };
    if let Err(failure) = rtc.check("hiprtcCompileProgram", compiled) {
        let log = program.log().unwrap_or_default();
        return Err(Failure::Refused(format!("{failure}\n{}", String::from_utf8_lossy(&log).trim())));
    }
    program.code()
}

impl Program<'_> {
    fn log(&self) -> Result<Vec<u8>, Failure> {
        let mut bytes = 0;
        // SAFETY: the program is alive; writes one number.
        let sized = unsafe { (self.rtc.hiprtcGetProgramLogSize)(self.program, &mut bytes) };
        self.rtc.check("hiprtcGetProgramLogSize", sized)?;
        let mut log = vec![0u8; bytes];
        // SAFETY: as much room as it asked for.
        let got = unsafe { (self.rtc.hiprtcGetProgramLog)(self.program, log.as_mut_ptr().cast()) };
        self.rtc.check("hiprtcGetProgramLog", got)?;
        log.retain(|&byte| byte != 0);
        Ok(log)
    }

    fn code(&self) -> Result<Vec<u8>, Failure> {
        let mut bytes = 0;
        // SAFETY: the program is alive and compiled; writes one number.
        let sized = unsafe { (self.rtc.hiprtcGetCodeSize)(self.program, &mut bytes) };
        self.rtc.check("hiprtcGetCodeSize", sized)?;
        let mut code = vec![0u8; bytes];
        // SAFETY: as much room as it asked for.
        let got = unsafe { (self.rtc.hiprtcGetCode)(self.program, code.as_mut_ptr().cast()) };
        self.rtc.check("hiprtcGetCode", got)?;
        Ok(code)
    }
}

#[cfg(test)]
mod tests {
    use super::admit;

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
            assert_eq!(admit(architecture, version).is_ok(), admitted, "{architecture} {version}");
        }
    }
}
