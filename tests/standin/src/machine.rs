//! A device without a driver around it: memory, modules, launches. Tests of kernels talk to it directly; the driver is built on it.

use crate::compile::code::Code;
use crate::compile::{self, CompileError, Symbols};
use crate::exec::{Launch, Limits, Place};
use crate::memory::GlobalMemory;
use crate::ptx::{self, Module, ParseError, Space};
use crate::report::{Fault, Finding};
use std::collections::HashMap;
use std::sync::Arc;

/// What a device has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Settings {
    /// Compute capability: (8, 0) for sm_80.
    pub architecture: (u32, u32),
    /// Streaming multiprocessors.
    pub multiprocessors: u32,
    /// Bytes of device memory.
    pub memory: usize,
    /// Instructions of warps after which a launch counts as hanging.
    pub instructions: u64,
    /// Whether reading what nobody wrote is a finding.
    pub undefined: bool,
    /// Whether races are looked for.
    pub races: bool,
    /// Whether two writes of the same value to global memory, in no order, are a race like any other. No result depends on them.
    pub equal_writes: bool,
}

impl Default for Settings {
    fn default() -> Settings {
        Settings {
            architecture: (8, 0),
            multiprocessors: 4,
            memory: 4 << 30,
            instructions: 2_000_000_000,
            undefined: true,
            races: true,
            equal_writes: false,
        }
    }
}

impl Settings {
    /// The default, changed by `HADAL_STANDIN_ARCH` (`sm_90`), `HADAL_STANDIN_SMS`, `HADAL_STANDIN_MEMORY` (bytes), `HADAL_STANDIN_INSTRUCTIONS`, and
    /// `HADAL_STANDIN_CHECKS`, a list of what is *not* checked, and what is: `-undefined`, `-races`, `+equal-writes`.
    pub fn from_environment() -> Settings {
        let mut settings = Settings::default();
        let number = |name: &str| std::env::var(name).ok().and_then(|text| text.trim().parse::<u64>().ok());
        if let Ok(text) = std::env::var("HADAL_STANDIN_ARCH")
            && let Some(Ok(found)) = text.trim().strip_prefix("sm_").map(str::parse::<u32>)
        {
            settings.architecture = (found / 10, found % 10);
        }
        if let Some(count) = number("HADAL_STANDIN_SMS") {
            settings.multiprocessors = count.clamp(1, 1024) as u32;
        }
        if let Some(bytes) = number("HADAL_STANDIN_MEMORY") {
            settings.memory = bytes as usize;
        }
        if let Some(count) = number("HADAL_STANDIN_INSTRUCTIONS") {
            settings.instructions = count;
        }
        let checks = std::env::var("HADAL_STANDIN_CHECKS").unwrap_or_default();
        settings.undefined = !checks.contains("-undefined");
        settings.races = !checks.contains("-races");
        settings.equal_writes = checks.contains("+equal-writes");
        settings
    }
}

/// PTX that cannot be loaded.
#[derive(Clone, Debug, thiserror::Error, PartialEq, Eq)]
pub enum LoadError {
    /// It is not PTX as this crate knows it.
    #[error(transparent)]
    Parse(#[from] ParseError),
    /// An instruction is not known, or does not fit.
    #[error(transparent)]
    Compile(#[from] CompileError),
    /// A variable is declared here and defined elsewhere, or there is no memory for it.
    #[error("the variable `{0}` has no definition, or no memory is left for it")]
    Variable(String),
}

/// A launch that did not come to its end.
#[derive(Clone, Debug, thiserror::Error, PartialEq, Eq)]
pub enum LaunchError {
    /// A check failed.
    #[error(transparent)]
    Finding(Box<Finding>),
    /// Sizes or parameters that no device takes.
    #[error("launch of `{kernel}`: {message}")]
    Invalid {
        /// The kernel.
        kernel: String,
        /// What is wrong.
        message: String,
    },
}

/// A loaded module.
pub(crate) struct Loaded {
    pub(crate) module: Module,
    pub(crate) symbols: Symbols,
    /// Sizes of variables by name.
    pub(crate) sizes: HashMap<String, usize>,
    pub(crate) kernels: HashMap<String, Arc<Code>>,
}

/// A module's number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct ModuleId(pub(crate) usize);

/// A device.
pub struct Machine {
    pub(crate) settings: Settings,
    pub(crate) memory: GlobalMemory,
    pub(crate) modules: Vec<Option<Loaded>>,
    launches: u64,
    printed: String,
    executed: u64,
}

impl Machine {
    /// Nothing is allocated, nothing loaded.
    pub fn new(settings: Settings) -> Machine {
        Machine {
            settings,
            memory: GlobalMemory::new(settings.memory),
            modules: Vec::new(),
            launches: 0,
            printed: String::new(),
            executed: 0,
        }
    }

    /// Loads PTX text; every kernel in it is decoded, so an instruction that is not known is found here.
    pub fn load(&mut self, text: &str) -> Result<ModuleId, LoadError> {
        let module = ptx::parse(text)?;
        let mut loaded =
            Loaded { module, symbols: HashMap::new(), sizes: HashMap::new(), kernels: HashMap::new() };
        let variables = loaded.module.variables.clone();
        let inner = loaded.module.functions.iter().flat_map(|f| &f.variables).cloned();
        let variables: Vec<_> = variables
            .into_iter()
            .chain(inner)
            .filter(|v| matches!(v.space, Space::Global | Space::Const))
            .collect();
        for variable in &variables {
            let base = match variable.external {
                true => None,
                false => self.memory.allocate(variable.size, format!("the variable `{}`", variable.name)),
            };
            let base = base.ok_or_else(|| LoadError::Variable(variable.name.clone()))?;
            loaded.symbols.insert(variable.name.clone(), base);
            loaded.sizes.insert(variable.name.clone(), variable.size);
        }
        for variable in &variables {
            let mut bytes = variable.bytes.clone();
            bytes.resize(variable.size, 0);
            for relocation in &variable.relocations {
                let target = loaded.symbols.get(&relocation.symbol);
                let target = target.ok_or_else(|| LoadError::Variable(relocation.symbol.clone()))?;
                let value = target.wrapping_add(relocation.addend as u64).to_le_bytes();
                bytes[relocation.at..relocation.at + relocation.bytes]
                    .copy_from_slice(&value[..relocation.bytes]);
            }
            let base = loaded.symbols[&variable.name];
            if self.memory.write(base, &bytes).is_err() {
                return Err(LoadError::Variable(variable.name.clone()));
            }
            self.memory.mark_module(base, variable.space == Space::Const);
        }
        let names: Vec<String> =
            loaded.module.functions.iter().filter(|f| f.is_entry).map(|f| f.name.clone()).collect();
        for name in names {
            let code = compile::kernel(&loaded.module, &name, &loaded.symbols)?;
            loaded.kernels.insert(name, Arc::new(code));
        }
        self.modules.push(Some(loaded));
        Ok(ModuleId(self.modules.len() - 1))
    }

    /// Forgets a module; its variables are given back.
    pub fn unload(&mut self, module: ModuleId) {
        if let Some(loaded) = self.modules.get_mut(module.0).and_then(Option::take) {
            for base in loaded.symbols.values() {
                // They were allocated by `load` and are freed here alone.
                let _ = self.memory.free(*base);
            }
        }
    }

    /// Forgets every module and every allocation; what a program holds of them is found out when it is used.
    pub(crate) fn reset(&mut self) {
        for index in 0..self.modules.len() {
            self.unload(ModuleId(index));
        }
        self.memory.free_all();
    }

    /// The kernels of a module.
    pub fn kernels(&self, module: ModuleId) -> Vec<String> {
        let loaded = self.modules.get(module.0).and_then(Option::as_ref);
        let mut names: Vec<_> = loaded.into_iter().flat_map(|l| l.kernels.keys().cloned()).collect();
        names.sort();
        names
    }

    /// The address and size of a module's variable.
    pub fn variable(&self, module: ModuleId, name: &str) -> Option<(u64, usize)> {
        let loaded = self.modules.get(module.0)?.as_ref()?;
        Some((*loaded.symbols.get(name)?, *loaded.sizes.get(name)?))
    }

    /// Undefined bytes, or `None` where the device has no more.
    pub fn allocate(&mut self, bytes: usize) -> Option<u64> {
        self.memory.allocate(bytes, "an allocation")
    }

    /// Gives back what [`Machine::allocate`] returned; the error says what else it was.
    pub fn free(&mut self, address: u64) -> Result<(), String> {
        self.memory.free(address).map_err(told)
    }

    /// Writes bytes as a host does.
    pub fn write(&mut self, address: u64, bytes: &[u8]) -> Result<(), String> {
        self.memory.write(address, bytes).map_err(told)
    }

    /// Reads bytes as a host does, defined or not.
    pub fn read(&self, address: u64, bytes: usize) -> Result<Vec<u8>, String> {
        self.memory.read(address, bytes).map(<[u8]>::to_vec).map_err(told)
    }

    /// How many allocations are live.
    pub fn live(&self) -> usize {
        self.memory.live().count()
    }

    /// What kernels printed since the last call.
    pub fn printed(&mut self) -> String {
        std::mem::take(&mut self.printed)
    }

    /// Instructions of warps that all launches ran.
    pub fn executed(&self) -> u64 {
        self.executed
    }

    /// Runs a kernel to its end. `params` holds the bytes of each parameter.
    pub fn launch(
        &mut self,
        module: ModuleId,
        kernel: &str,
        grid: [u32; 3],
        block: [u32; 3],
        shared: usize,
        params: &[&[u8]],
    ) -> Result<(), LaunchError> {
        let invalid = |message: String| LaunchError::Invalid { kernel: kernel.to_owned(), message };
        let loaded = self.modules.get(module.0).and_then(Option::as_ref);
        let code = loaded.and_then(|l| l.kernels.get(kernel)).cloned();
        let code = code.ok_or_else(|| invalid("no kernel of this name is loaded".to_owned()))?;
        if params.len() != code.params.len() {
            return Err(invalid(format!(
                "{} parameters were given, it has {}",
                params.len(),
                code.params.len()
            )));
        }
        let mut bytes = vec![0; code.params_size];
        for (i, (given, &(at, size))) in params.iter().zip(&code.params).enumerate() {
            if given.len() != size {
                return Err(invalid(format!("parameter {i} has {size} bytes, {} were given", given.len())));
            }
            bytes[at..at + size].copy_from_slice(given);
        }
        self.run(&code, grid, block, shared, &bytes)
    }

    /// Runs decoded code with its parameters in place.
    pub(crate) fn run(
        &mut self,
        code: &Code,
        grid: [u32; 3],
        block: [u32; 3],
        shared: usize,
        params: &[u8],
    ) -> Result<(), LaunchError> {
        if let Err(message) = check_sizes(code, grid, block) {
            return Err(LaunchError::Invalid { kernel: code.name.clone(), message });
        }
        self.launches += 1;
        let threads = block[0] * block[1] * block[2];
        let place = Place {
            grid,
            block,
            index: [0; 3],
            linear: 0,
            multiprocessors: self.settings.multiprocessors,
            dynamic_shared: shared as u32,
            total_shared: (code.shared_static + shared) as u32,
            number: self.launches,
        };
        let per_multiprocessor = blocks_per_multiprocessor(code, threads, shared);
        let limits = Limits {
            resident: (per_multiprocessor.max(1) * self.settings.multiprocessors) as usize,
            instructions: self.settings.instructions,
            undefined: self.settings.undefined,
            races: self.settings.races,
            equal_writes: self.settings.equal_writes,
        };
        let mut launch = Launch::new(code, &mut self.memory, params, place, limits);
        let result = launch.run();
        self.executed += launch.executed;
        self.printed.push_str(&launch.printed);
        result.map_err(|finding| LaunchError::Finding(Box::new(finding)))
    }
}

fn check_sizes(code: &Code, grid: [u32; 3], block: [u32; 3]) -> Result<(), String> {
    let threads = block.iter().map(|&n| u64::from(n)).product::<u64>();
    let blocks = grid.iter().map(|&n| u64::from(n)).product::<u64>();
    if threads == 0 || threads > 1024 || block[2] > 64 {
        return Err(format!("blocks of {block:?} threads; 1 to 1024 are possible, 64 along z"));
    }
    if blocks == 0 || grid[0] > i32::MAX as u32 || grid[1] > 65_535 || grid[2] > 65_535 {
        return Err(format!("a grid of {grid:?} blocks"));
    }
    if blocks > u64::from(u32::MAX) {
        return Err(format!("a grid of {blocks} blocks is more than this stand-in counts"));
    }
    if code.required_block.is_some_and(|required| required != block) {
        return Err(format!("the kernel requires blocks of {:?}, not {block:?}", code.required_block));
    }
    match code.max_threads {
        Some(most) if threads > u64::from(most) => {
            Err(format!("the kernel is bounded to {most} threads a block, {threads} were given"))
        }
        _ => Ok(()),
    }
}

/// Occupancy, as far as threads, shared memory and the number of blocks bound it.
pub(crate) fn blocks_per_multiprocessor(code: &Code, threads: u32, shared: usize) -> u32 {
    let by_threads = 2048 / threads.next_multiple_of(32).max(32);
    let used = code.shared_static + shared;
    let by_shared = if used == 0 { 32 } else { ((164 << 10) / (used + 1024)) as u32 };
    by_threads.min(by_shared).min(32)
}

fn told(fault: Fault) -> String {
    format!("{}: {}", fault.kind.name(), fault.message)
}
