//! What the driver remembers between calls.

use super::codes::Code;
use super::{Handle, Status};
use crate::compile::code::Code as Kernel;
use crate::machine::{LaunchError, Machine, ModuleId, Settings};
use crate::report::FindingKind;
use std::cell::RefCell;
use std::collections::HashMap;
use std::ffi::CString;
use std::sync::Arc;
use std::time::Instant;

/// Something that a handle stands for.
pub(crate) enum Object {
    Context,
    Stream { priority: i32, flags: u32 },
    Event { recorded: Option<Instant>, timed: bool },
    Module(ModuleId),
    Function { kernel: Arc<Kernel>, module: usize, dynamic_shared: usize },
    Pool { attributes: HashMap<u32, u64>, is_default: bool },
}

/// The driver of one device.
pub(crate) struct Driver {
    pub(crate) initialised: bool,
    pub(crate) machine: Machine,
    objects: HashMap<usize, Object>,
    next: usize,
    /// The device's primary context, and how often it is retained.
    pub(crate) primary: Option<usize>,
    pub(crate) retained: u32,
    pub(crate) flags: u32,
    pub(crate) default_pool: Option<usize>,
    pub(crate) current_pool: Option<usize>,
    /// Page-locked memory of the host, by address.
    pub(crate) pinned: HashMap<usize, Box<[u8]>>,
    fault: Option<Code>,
    /// A call has told of the fault.
    fault_told: bool,
    calls: u64,
    /// The call that fails, and how.
    failing: Option<(u64, Status)>,
    /// Everything that was found, the last one with its zero for C.
    pub(crate) findings: u64,
    pub(crate) report: CString,
}

thread_local! {
    static CURRENT: RefCell<Vec<usize>> = const { RefCell::new(Vec::new()) };
}

impl Driver {
    pub(crate) fn new() -> Driver {
        let failing = std::env::var("HADAL_STANDIN_FAIL").ok().and_then(|text| {
            let (call, code) = text.split_once(':')?;
            Some((call.trim().parse().ok()?, code.trim().parse().ok()?))
        });
        Driver {
            initialised: false,
            machine: Machine::new(Settings::from_environment()),
            objects: HashMap::new(),
            next: 0x1000,
            primary: None,
            retained: 0,
            flags: 0,
            default_pool: None,
            current_pool: None,
            pinned: HashMap::new(),
            fault: None,
            fault_told: false,
            calls: 0,
            failing,
            findings: 0,
            report: CString::default(),
        }
    }

    /// As HIP begins: initialised, with the primary context current where this thread has none.
    pub(crate) fn attach(&mut self) {
        self.initialised = true;
        let primary = match self.primary {
            Some(primary) => primary,
            None => {
                let primary = self.add(Object::Context) as usize;
                self.retained += 1;
                self.primary = Some(primary);
                primary
            }
        };
        if self.context().is_err() {
            CURRENT.with_borrow_mut(|stack| *stack = vec![primary]);
        }
    }

    /// Counts a call; the code of one that is to fail.
    pub(crate) fn count_call(&mut self) -> Option<Status> {
        self.calls += 1;
        self.failing.filter(|&(call, _)| call == self.calls).map(|(_, code)| code)
    }

    pub(crate) fn calls(&self) -> u64 {
        self.calls
    }

    /// Orders the failure of the `n`-th call from now; none for zero.
    pub(crate) fn order_failure(&mut self, n: u64, code: Status) {
        self.failing = (n > 0).then_some((self.calls + n, code));
    }

    pub(crate) fn told_fault(&self) -> Option<Code> {
        self.fault.filter(|_| self.fault_told)
    }

    pub(crate) fn learn_fault(&mut self) -> Option<Code> {
        self.fault_told |= self.fault.is_some();
        self.fault
    }

    /// Work that is queued behind a fault is not done.
    pub(crate) fn is_broken(&self) -> bool {
        self.fault.is_some()
    }

    pub(crate) fn tell(&mut self, text: &str) {
        eprintln!("hadal-standin: {text}");
        self.findings += 1;
        self.report = CString::new(text.replace('\0', " ")).unwrap_or_default();
    }

    /// A kernel's fault: kept until a call waits.
    pub(crate) fn launch_failed(&mut self, error: &LaunchError) -> Code {
        self.tell(&error.to_string());
        match error {
            LaunchError::Finding(finding) => {
                self.fault = Some(Code::of(finding.kind));
                Code::of(finding.kind)
            }
            LaunchError::Invalid { .. } => Code::InvalidValue,
        }
    }

    /// What a host does wrong with memory: its call fails, and the text can be got.
    pub(crate) fn host_fault(&mut self, message: &str, code: Code) -> Code {
        self.tell(message);
        code
    }

    pub(crate) fn add(&mut self, object: Object) -> Handle {
        self.next += 16;
        self.objects.insert(self.next, object);
        self.next as Handle
    }

    pub(crate) fn object(&self, handle: Handle) -> Result<&Object, Code> {
        self.objects.get(&(handle as usize)).ok_or(Code::InvalidHandle)
    }

    pub(crate) fn object_mut(&mut self, handle: Handle) -> Result<&mut Object, Code> {
        self.objects.get_mut(&(handle as usize)).ok_or(Code::InvalidHandle)
    }

    pub(crate) fn remove(&mut self, handle: Handle) -> Result<Object, Code> {
        self.objects.remove(&(handle as usize)).ok_or(Code::InvalidHandle)
    }

    /// Streams 0, 1 and 2 are the default ones.
    pub(crate) fn stream(&self, handle: Handle) -> Result<(), Code> {
        if handle as usize <= 2 {
            return self.context().map(drop);
        }
        match self.object(handle)? {
            Object::Stream { .. } => Ok(()),
            _ => Err(Code::InvalidHandle),
        }
    }

    /// The context of this thread.
    pub(crate) fn context(&self) -> Result<Handle, Code> {
        let current = CURRENT.with_borrow(|stack| stack.last().copied());
        match current.filter(|c| matches!(self.objects.get(c), Some(Object::Context))) {
            Some(context) => Ok(context as Handle),
            None => Err(Code::InvalidContext),
        }
    }

    pub(crate) fn set_current(&mut self, context: Handle) -> Result<(), Code> {
        if !context.is_null() && !matches!(self.object(context), Ok(Object::Context)) {
            return Err(Code::InvalidContext);
        }
        CURRENT.with_borrow_mut(|stack| {
            stack.pop();
            if !context.is_null() {
                stack.push(context as usize);
            }
        });
        Ok(())
    }

    pub(crate) fn push_current(&mut self, context: Handle) -> Result<(), Code> {
        match self.object(context) {
            Ok(Object::Context) => CURRENT.with_borrow_mut(|stack| stack.push(context as usize)),
            _ => return Err(Code::InvalidContext),
        }
        Ok(())
    }

    pub(crate) fn pop_current(&mut self) -> Result<Handle, Code> {
        let popped = CURRENT.with_borrow_mut(Vec::pop);
        popped.map(|context| context as Handle).ok_or(Code::InvalidContext)
    }

    /// Ends a context. With the last one, everything on the device ends, and what a program did not give back is told.
    pub(crate) fn destroy_context(&mut self, context: Handle) -> Result<(), Code> {
        match self.remove(context)? {
            Object::Context => {}
            other => {
                self.objects.insert(context as usize, other);
                return Err(Code::InvalidContext);
            }
        }
        if self.objects.values().any(|object| matches!(object, Object::Context)) {
            return Ok(());
        }
        let leaks: Vec<String> = self.machine.memory.live().map(|a| a.describe()).collect();
        if let Some(first) = leaks.first() {
            let kind = FindingKind::Leak.name();
            let text = format!(
                "{kind}: {} allocations are left when the context ends, the first is {first}",
                leaks.len()
            );
            self.tell(&text);
        }
        let counts = |of: fn(&Object) -> bool| self.objects.values().filter(|o| of(o)).count();
        let (streams, events) =
            (counts(|o| matches!(o, Object::Stream { .. })), counts(|o| matches!(o, Object::Event { .. })));
        if streams + events > 0 {
            self.tell(&format!("leak: {streams} streams and {events} events are left when the context ends"));
        }
        self.objects.clear();
        (self.default_pool, self.current_pool) = (None, None);
        (self.fault, self.fault_told) = (None, false);
        self.machine.reset();
        Ok(())
    }
}
