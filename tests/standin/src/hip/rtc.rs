//! hipRTC: a program's text behind a prelude, compiled by NVRTC for sm_80.
#![allow(non_snake_case, reason = "names of C")]

use super::{architecture, lanes_of};
use crate::driver::{Code, put, text};
use libloading::{Library, Symbol};
use std::ffi::{CString, c_char, c_int, c_void};
use std::path::PathBuf;

/// `hiprtcResult`, whose numbers are NVRTC's.
type Status = u32;
const INVALID_INPUT: Status = 3;
const INVALID_PROGRAM: Status = 4;
const INVALID_OPTION: Status = 5;
const INTERNAL: Status = 11;

const PRELUDE: &str = include_str!("prelude.h");

/// A program: its text until it is compiled, then what came of it.
#[derive(Default)]
pub(crate) struct Program {
    source: String,
    name: CString,
    expressions: Vec<(CString, CString)>,
    log: String,
    code: Vec<u8>,
}

/// Where NVRTC is: by its name, or in the folder of the tests' packages.
fn nvrtc() -> Result<&'static Library, String> {
    static LIBRARY: std::sync::OnceLock<Result<Library, String>> = std::sync::OnceLock::new();
    let found = LIBRARY.get_or_init(|| {
        let mut places = vec![PathBuf::from("libnvrtc.so.12")];
        let folder = std::env::var_os("HADAL_CUDA").map(PathBuf::from);
        places.extend(folder.map(|folder| folder.join("nvidia/cuda_nvrtc/lib/libnvrtc.so.12")));
        // SAFETY: NVRTC's initialisation is sound.
        let mut tried = places.iter().map(|place| unsafe { Library::new(place) });
        let found = tried.find_map(Result::ok);
        found.ok_or_else(|| "libnvrtc.so.12 is neither on the library path nor in HADAL_CUDA".to_owned())
    });
    found.as_ref().map_err(Clone::clone)
}

fn symbol<T>(name: &str) -> Result<Symbol<'static, T>, String> {
    // SAFETY: the types below are those of NVRTC's manual.
    unsafe { nvrtc()?.get(name.as_bytes()) }.map_err(|e| e.to_string())
}

/// Options for NVRTC, and lanes of a wavefront; an option that is not known is the error.
fn translate(options: &[String], source: &str) -> Result<(Vec<CString>, u32), String> {
    let mut lanes = lanes_of(&architecture());
    let mut out = vec!["--gpu-architecture=compute_80".to_owned()];
    let mut contracts = !source.contains("clang fp contract(off)");
    for option in options {
        let value = |names: &[&str]| names.iter().find_map(|name| option.strip_prefix(name));
        if let Some(name) = value(&["--offload-arch=", "--gpu-architecture="]) {
            lanes = lanes_of(name);
        }
        match option.as_str() {
            "-ffp-contract=off" => contracts = false,
            "-ffp-contract=fast" | "-ffp-contract=on" | "-ffp-contract=fast-honor-pragmas" => {}
            "-ffast-math" => out.push("--use_fast_math".to_owned()),
            "-mwavefrontsize64" | "-mno-wavefrontsize64" => {}
            o if o.starts_with("--offload-arch=") || o.starts_with("--gpu-architecture=") => {}
            o if o.starts_with("-O")
                || o.starts_with("-W")
                || o == "-w"
                || o == "-g"
                || o.starts_with("-f") => {}
            o if o.starts_with("-D")
                || o.starts_with("-I")
                || o.starts_with("-std=")
                || o.starts_with("--std=") =>
            {
                out.push(o.to_owned());
            }
            other => return Err(format!("the option `{other}` is not known")),
        }
    }
    // The last word on the wavefront is an option of its own.
    for option in options {
        match option.as_str() {
            "-mwavefrontsize64" => lanes = 64,
            "-mno-wavefrontsize64" => lanes = 32,
            _ => {}
        }
    }
    if !out.iter().any(|o| o.contains("std=")) {
        out.push("--std=c++17".to_owned());
    }
    out.push(format!("--fmad={contracts}"));
    // Its optimiser is not hipRTC's anyway, and takes half of the time.
    if version().is_some_and(|version| version >= (12, 8)) {
        out.push("--Ofast-compile=min".to_owned());
    }
    let options = out.into_iter().map(CString::new).collect::<Result<_, _>>();
    Ok((options.map_err(|e| e.to_string())?, lanes))
}

fn version() -> Option<(c_int, c_int)> {
    let get: Symbol<'_, unsafe extern "C" fn(*mut c_int, *mut c_int) -> Status> =
        symbol("nvrtcVersion").ok()?;
    let (mut major, mut minor) = (0, 0);
    // SAFETY: both write one number each.
    (unsafe { get(&mut major, &mut minor) } == 0).then_some((major, minor))
}

impl Program {
    fn compile(&mut self, options: &[String]) -> Result<Status, String> {
        if let Ok(fatal) = std::env::var("HADAL_STANDIN_ABORT")
            && options.iter().chain([&self.source]).any(|text| text.contains(&fatal))
        {
            eprintln!("LLVM ERROR: the stand-in hipRTC was told to end the process at `{fatal}`");
            std::process::abort();
        }
        let (options, lanes) = match translate(options, &self.source) {
            Ok(translated) => translated,
            Err(message) => {
                self.log = message;
                return Ok(INVALID_OPTION);
            }
        };
        let whole = format!("#define HADAL_WAVE {lanes}\n{PRELUDE}\n#line 1\n{}", self.source);
        let whole = CString::new(whole).map_err(|e| e.to_string())?;
        let (header, header_name) = (c"", c"hip/hip_runtime.h");
        let create: Symbol<'_, Create> = symbol("nvrtcCreateProgram")?;
        let expression: Symbol<'_, unsafe extern "C" fn(*mut c_void, *const c_char) -> Status> =
            symbol("nvrtcAddNameExpression")?;
        let compile: Symbol<'_, unsafe extern "C" fn(*mut c_void, c_int, *const *const c_char) -> Status> =
            symbol("nvrtcCompileProgram")?;
        let lowered: Symbol<
            '_,
            unsafe extern "C" fn(*mut c_void, *const c_char, *mut *const c_char) -> Status,
        > = symbol("nvrtcGetLoweredName")?;
        let destroy: Symbol<'_, unsafe extern "C" fn(*mut *mut c_void) -> Status> =
            symbol("nvrtcDestroyProgram")?;
        let options: Vec<*const c_char> = options.iter().map(|o| o.as_ptr()).collect();
        let mut program = std::ptr::null_mut();
        // SAFETY: every pointer outlives the calls, as NVRTC's manual demands; the program is destroyed once, at the end.
        unsafe {
            let (headers, names) = ([header.as_ptr()], [header_name.as_ptr()]);
            let made =
                create(&mut program, whole.as_ptr(), self.name.as_ptr(), 1, headers.as_ptr(), names.as_ptr());
            if made != 0 {
                return Ok(made);
            }
            for (name, _) in &self.expressions {
                expression(program, name.as_ptr());
            }
            let status = compile(program, options.len() as c_int, options.as_ptr());
            let log = piece(program, "nvrtcGetProgramLogSize", "nvrtcGetProgramLog")?;
            self.log = String::from_utf8_lossy(&log).trim_end_matches('\0').to_owned();
            if status == 0 {
                self.code = piece(program, "nvrtcGetPTXSize", "nvrtcGetPTX")?;
                for (name, found) in &mut self.expressions {
                    let mut at = std::ptr::null();
                    if lowered(program, name.as_ptr(), &mut at) == 0 && !at.is_null() {
                        *found = std::ffi::CStr::from_ptr(at).to_owned();
                    }
                }
            }
            destroy(&mut program);
            Ok(status)
        }
    }
}

type Create = unsafe extern "C" fn(
    *mut *mut c_void,
    *const c_char,
    *const c_char,
    c_int,
    *const *const c_char,
    *const *const c_char,
) -> Status;

/// The log or the code of a program of NVRTC.
///
/// # Safety
///
/// `program` is one.
unsafe fn piece(program: *mut c_void, size_name: &str, name: &str) -> Result<Vec<u8>, String> {
    let size: Symbol<'_, unsafe extern "C" fn(*mut c_void, *mut usize) -> Status> = symbol(size_name)?;
    let get: Symbol<'_, unsafe extern "C" fn(*mut c_void, *mut c_char) -> Status> = symbol(name)?;
    let mut bytes = 0;
    // SAFETY: a program, and room for its size.
    unsafe { size(program, &mut bytes) };
    let mut out = vec![0u8; bytes];
    // SAFETY: as many bytes as it asked for.
    unsafe { get(program, out.as_mut_ptr().cast::<c_char>()) };
    Ok(out)
}

/// # Safety
///
/// `program` is null, or came from `hiprtcCreateProgram` and was not destroyed.
unsafe fn with(program: *mut Program, body: impl FnOnce(&mut Program) -> Result<(), Status>) -> Status {
    // SAFETY: as the caller says.
    match unsafe { program.as_mut() } {
        Some(program) => body(program).err().unwrap_or(0),
        None => INVALID_PROGRAM,
    }
}

fn invalid(_: Code) -> Status {
    INVALID_INPUT
}

#[unsafe(no_mangle)]
unsafe extern "C" fn hiprtcVersion(major: *mut c_int, minor: *mut c_int) -> Status {
    // SAFETY: the caller's pointers, as the manual demands.
    let put = unsafe { put(major, 6).and_then(|()| put(minor, 3)) };
    put.map_err(invalid).err().unwrap_or(0)
}

#[unsafe(no_mangle)]
extern "C" fn hiprtcGetErrorString(status: Status) -> *const c_char {
    let text = match status {
        0 => c"HIPRTC_SUCCESS",
        INVALID_INPUT => c"HIPRTC_ERROR_INVALID_INPUT",
        INVALID_PROGRAM => c"HIPRTC_ERROR_INVALID_PROGRAM",
        INVALID_OPTION => c"HIPRTC_ERROR_INVALID_OPTION",
        6 => c"HIPRTC_ERROR_COMPILATION",
        _ => c"HIPRTC_ERROR_INTERNAL_ERROR",
    };
    text.as_ptr()
}

#[unsafe(no_mangle)]
unsafe extern "C" fn hiprtcCreateProgram(
    program: *mut *mut Program,
    source: *const c_char,
    name: *const c_char,
    headers: c_int,
    _texts: *const *const c_char,
    _names: *const *const c_char,
) -> Status {
    if headers != 0 {
        return INVALID_INPUT;
    }
    // SAFETY: the caller's texts and pointer, as the manual demands; a name may be left out.
    let created = unsafe {
        text(source).and_then(|source| {
            let name = text(name).unwrap_or("program.hip");
            let new = Program {
                source: source.to_owned(),
                name: CString::new(name).unwrap_or_default(),
                ..Program::default()
            };
            put(program, Box::into_raw(Box::new(new)))
        })
    };
    created.map_err(invalid).err().unwrap_or(0)
}

#[unsafe(no_mangle)]
unsafe extern "C" fn hiprtcDestroyProgram(program: *mut *mut Program) -> Status {
    // SAFETY: the caller's pointer to a program that was created here, which is not used again.
    unsafe {
        if program.is_null() || (*program).is_null() {
            return INVALID_PROGRAM;
        }
        drop(Box::from_raw(*program));
        *program = std::ptr::null_mut();
    }
    0
}

#[unsafe(no_mangle)]
unsafe extern "C" fn hiprtcAddNameExpression(program: *mut Program, name: *const c_char) -> Status {
    // SAFETY: the caller's program and text, as the manual demands.
    unsafe {
        with(program, |program| {
            let name = CString::new(text(name).map_err(invalid)?).map_err(|_| INVALID_INPUT)?;
            program.expressions.push((name, CString::default()));
            Ok(())
        })
    }
}

#[unsafe(no_mangle)]
unsafe extern "C" fn hiprtcCompileProgram(
    program: *mut Program,
    count: c_int,
    options: *const *const c_char,
) -> Status {
    // SAFETY: the caller's program and as many texts as it says.
    unsafe {
        with(program, |program| {
            let count = usize::try_from(count).map_err(|_| INVALID_INPUT)?;
            let options: Result<Vec<String>, Code> =
                (0..count).map(|i| text(options.add(i).read()).map(str::to_owned)).collect();
            match program.compile(&options.map_err(invalid)?) {
                Ok(0) => Ok(()),
                Ok(status) => Err(status),
                Err(message) => {
                    program.log = message;
                    Err(INTERNAL)
                }
            }
        })
    }
}

#[unsafe(no_mangle)]
unsafe extern "C" fn hiprtcGetLoweredName(
    program: *mut Program,
    name: *const c_char,
    lowered: *mut *const c_char,
) -> Status {
    // SAFETY: the caller's program, text and pointer, as the manual demands.
    unsafe {
        with(program, |program| {
            let name = text(name).map_err(invalid)?;
            let found =
                program.expressions.iter().find(|(n, l)| n.to_bytes() == name.as_bytes() && !l.is_empty());
            put(lowered, found.ok_or(INVALID_INPUT)?.1.as_ptr()).map_err(invalid)
        })
    }
}

macro_rules! piece_of {
    ($size:ident, $get:ident, $field:ident, $end:literal) => {
        #[unsafe(no_mangle)]
        unsafe extern "C" fn $size(program: *mut Program, bytes: *mut usize) -> Status {
            // SAFETY: the caller's program and pointer, as the manual demands.
            unsafe { with(program, |program| put(bytes, program.$field.len() + $end).map_err(invalid)) }
        }

        #[unsafe(no_mangle)]
        unsafe extern "C" fn $get(program: *mut Program, to: *mut u8) -> Status {
            // SAFETY: the caller's program, and as much room as the size says.
            unsafe {
                with(program, |program| {
                    if to.is_null() {
                        return Err(INVALID_INPUT);
                    }
                    to.copy_from_nonoverlapping(program.$field.as_ptr(), program.$field.len());
                    (0..$end).for_each(|i| to.add(program.$field.len() + i).write(0));
                    Ok(())
                })
            }
        }
    };
}

piece_of!(hiprtcGetProgramLogSize, hiprtcGetProgramLog, log, 1);
// NVRTC's text has its terminating zero.
piece_of!(hiprtcGetCodeSize, hiprtcGetCode, code, 0);
