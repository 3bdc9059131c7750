//! Run-time compilers: NVRTC and hipRTC have the same functions under different names.

use crate::driver::Failure;
use crate::table::text_of;
use std::ffi::{CString, c_char, c_int, c_uint, c_void};

type Status = c_uint;
type Program = *mut c_void;
type Size = unsafe extern "C" fn(Program, *mut usize) -> Status;
type Copy = unsafe extern "C" fn(Program, *mut c_char) -> Status;

/// A compiler's functions, with the ends of their names.
#[derive(Clone, Debug)]
pub struct RtcCalls {
    /// What their names begin with: `nvrtc`, `hiprtc`.
    pub prefix: &'static str,
    /// `Version`.
    pub version: unsafe extern "C" fn(*mut c_int, *mut c_int) -> Status,
    /// `GetErrorString`.
    pub error_string: unsafe extern "C" fn(Status) -> *const c_char,
    /// `CreateProgram`.
    pub create: unsafe extern "C" fn(
        *mut Program,
        *const c_char,
        *const c_char,
        c_int,
        *const *const c_char,
        *const *const c_char,
    ) -> Status,
    /// `DestroyProgram`.
    pub destroy: unsafe extern "C" fn(*mut Program) -> Status,
    /// `CompileProgram`.
    pub compile: unsafe extern "C" fn(Program, c_int, *const *const c_char) -> Status,
    /// `GetProgramLogSize`.
    pub log_size: Size,
    /// `GetProgramLog`.
    pub log: Copy,
    /// `GetPTXSize`, `GetCodeSize`.
    pub code_size: Size,
    /// `GetPTX`, `GetCode`.
    pub code: Copy,
}

/// A compiler.
#[derive(Clone, Debug)]
pub struct Rtc(RtcCalls);

/// A program, until it is dropped.
struct Compiling<'r> {
    rtc: &'r Rtc,
    program: Program,
}

impl Drop for Compiling<'_> {
    fn drop(&mut self) {
        // SAFETY: made by `compile`, and destroyed once.
        unsafe { (self.rtc.0.destroy)(&mut self.program) };
    }
}

impl Rtc {
    /// # Safety
    ///
    /// The functions are those of a run-time compiler, and stay loaded.
    pub unsafe fn new(calls: RtcCalls) -> Rtc {
        Rtc(calls)
    }

    /// What the function whose name ends in `call` returned. Errors: `Refused`.
    pub fn check(&self, call: &str, status: u32) -> Result<(), Failure> {
        if status == 0 {
            return Ok(());
        }
        // SAFETY: it takes any number and gives a text that is never freed, or null.
        let text = unsafe { text_of((self.0.error_string)(status), status) };
        Err(Failure::Refused(format!("{}{call}: {text}", self.0.prefix)))
    }

    /// Its version. Errors: `Refused`.
    pub fn version(&self) -> Result<(i32, i32), Failure> {
        let (mut major, mut minor) = (0, 0);
        // SAFETY: writes one number each.
        self.check("Version", unsafe { (self.0.version)(&mut major, &mut minor) })?;
        Ok((major, minor))
    }

    /// Code for what the options say. Errors: `Refused` with the compiler's log.
    pub fn compile(&self, source: &str, options: &[&str]) -> Result<Vec<u8>, Failure> {
        let text = |text: &str| {
            CString::new(text).map_err(|_| Failure::Refused("the kernel's text has a zero".into()))
        };
        let source = text(source)?;
        let options = options.iter().map(|option| text(option)).collect::<Result<Vec<_>, _>>()?;
        let options: Vec<*const c_char> = options.iter().map(|option| option.as_ptr()).collect();
        let (none, mut program) = (std::ptr::null(), std::ptr::null_mut());
        let calls = &self.0;
        // SAFETY: a text that outlives the program, a name, and no headers.
        let created =
            unsafe { (calls.create)(&mut program, source.as_ptr(), c"hadal".as_ptr(), 0, none, none) };
        self.check("CreateProgram", created)?;
        let compiling = Compiling { rtc: self, program };
        // SAFETY: the program is alive, and there are so many texts.
        let compiled = unsafe { (calls.compile)(program, options.len() as c_int, options.as_ptr()) };
        if let Err(failure) = self.check("CompileProgram", compiled) {
            let mut log = compiling.part(calls.log_size, calls.log).unwrap_or_default();
            log.retain(|&byte| byte != 0);
            return Err(Failure::Refused(format!("{failure}\n{}", String::from_utf8_lossy(&log).trim())));
        }
        compiling.part(calls.code_size, calls.code)
    }
}

impl Compiling<'_> {
    fn part(&self, size: Size, copy: Copy) -> Result<Vec<u8>, Failure> {
        let mut bytes = 0;
        // SAFETY: the program is alive and compiled; writes one number.
        self.rtc.check("'s size of a result", unsafe { size(self.program, &mut bytes) })?;
        let mut part = vec![0u8; bytes];
        // SAFETY: as much room as it asked for.
        self.rtc.check("'s result", unsafe { copy(self.program, part.as_mut_ptr().cast()) })?;
        Ok(part)
    }
}
