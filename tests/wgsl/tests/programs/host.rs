//! Programs as HIP C++, compiled by clang for the host and run as a process.

use hadal_simt::{Dialect, Options, Parameter, Wave, translate};
use hadal_wgsl_programs::Program;
use std::fmt::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::OnceLock;

/// Whether clang and its sanitizers are there.
pub(crate) fn present() -> bool {
    let output = Command::new("clang-19").args(["-print-file-name=libclang_rt.asan-x86_64.a"]).output();
    output.is_ok_and(|o| {
        o.status.success() && Path::new(String::from_utf8_lossy(&o.stdout).trim()).is_absolute()
    })
}

/// What the buffers hold after the program ran on the host.
pub(crate) fn run(program: &Program) -> Result<Vec<Vec<u8>>, String> {
    let dialect = Dialect::Hip { wave: Wave::Lanes32 };
    let options = Options::default();
    let kernel = translate(&program.source, "main", dialect, &options).map_err(|e| e.to_string())?;
    let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(&program.name);
    std::fs::create_dir_all(&folder).map_err(|e| e.to_string())?;
    let (source, binary) = (folder.join("program.cpp"), folder.join("program"));
    let (before, after) = (folder.join("before"), folder.join("after"));
    let text = format!(
        "{}{}",
        kernel.source,
        main_function(program, &kernel.entry, kernel.workgroup_size, &kernel.parameters)?
    );
    std::fs::write(&source, text).map_err(|e| e.to_string())?;
    let mut bytes: Vec<u8> = program.buffers.iter().flat_map(|b| b.bytes.iter().copied()).collect();
    bytes.extend(&program.immediates);
    std::fs::write(&before, bytes).map_err(|e| e.to_string())?;

    let runtime = runtime()?;
    execute(
        compiler().arg(&source).arg(runtime).arg("-o").arg(&binary).args(["-lstdc++", "-lm", "-lpthread"]),
        "compiling",
    )?;
    // A program that never ends is a mistake, too.
    execute(Command::new("timeout").arg("60").arg(&binary).arg(&before).arg(&after), "running")?;
    let bytes = std::fs::read(&after).map_err(|e| e.to_string())?;
    let mut rest = bytes.as_slice();
    let mut buffers = Vec::new();
    for buffer in &program.buffers {
        let (own, others) = rest.split_at_checked(buffer.bytes.len()).ok_or("the run wrote too little")?;
        buffers.push(own.to_vec());
        rest = others;
    }
    Ok(buffers)
}

fn compiler() -> Command {
    let mut compiler = Command::new("clang-19");
    compiler
        .args(["-std=c++20", "-O1", "-ffp-contract=off", "-Xclang", "-ffloat16-excess-precision=none"])
        .args(["-fsanitize=address,undefined,float-cast-overflow", "-fno-sanitize-recover=all"])
        // Infinity and NaN are results here.
        .args(["-fno-sanitize=float-divide-by-zero,vptr", "-include"])
        .arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/programs/host.h"));
    compiler
}

/// The compiled run time, made once.
fn runtime() -> Result<&'static Path, String> {
    static RUNTIME: OnceLock<Result<PathBuf, String>> = OnceLock::new();
    let made = RUNTIME.get_or_init(|| {
        let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/programs/host.cpp");
        let object = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("host.o");
        execute(compiler().arg("-c").arg(source).arg("-o").arg(&object), "compiling the run time")?;
        Ok(object)
    });
    made.as_deref().map_err(String::clone)
}

/// Runs a command; what it said where it fails.
fn execute(command: &mut Command, what: &str) -> Result<(), String> {
    let output = command.stdin(Stdio::null()).output().map_err(|e| format!("{what}: {e}"))?;
    match output.status.success() {
        true => Ok(()),
        false => {
            let said = String::from_utf8_lossy(&output.stderr);
            let said: Vec<&str> = said.lines().take(25).collect();
            Err(format!("{what} on the host: {}\n{}", output.status, said.join("\n")))
        }
    }
}

/// The `main` that reads the buffers, launches the kernel and writes them.
fn main_function(
    program: &Program,
    entry: &str,
    size: [u32; 3],
    parameters: &[Parameter],
) -> Result<String, String> {
    let mut text =
        String::from("int main(int count, char** arguments) {\n    host::open(count, arguments);\n");
    for (binding, buffer) in program.buffers.iter().enumerate() {
        let _ = writeln!(text, "    const host::pointer b{binding} = host::buffer({});", buffer.bytes.len());
    }
    if !program.immediates.is_empty() {
        let _ =
            writeln!(text, "    const host::value immediates = host::given({});", program.immediates.len());
    }
    let mut arguments = Vec::new();
    for parameter in parameters {
        arguments.push(match parameter {
            Parameter::Buffer { group: 0, binding, .. } => format!("b{binding}"),
            Parameter::Buffer { group, .. } => return Err(format!("a buffer of group {group}")),
            Parameter::Lengths { buffers } => {
                let lengths: Vec<String> = buffers
                    .iter()
                    .map(|(_, b)| program.buffers.get(*b as usize).map_or(0, |b| b.bytes.len()).to_string())
                    .collect();
                let _ = writeln!(text, "    unsigned long long lengths[] = {{{}}};", lengths.join(", "));
                "host::value{lengths}".into()
            }
            Parameter::Immediates { .. } => "immediates".into(),
        });
    }
    let list = |v: [u32; 3]| v.map(|n| n.to_string()).join(", ");
    let _ = writeln!(
        text,
        "    auto run = [&] {{ program::{entry}({}); }};\n    \
             host::launch({{{}}}, {{{}}}, [](void* run_) {{ (*static_cast<decltype(run)*>(run_))(); }}, &run);\n    \
             return host::close();\n}}",
        arguments.join(", "),
        list(program.groups),
        list(size),
    );
    Ok(text)
}
