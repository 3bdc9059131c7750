//! Where the variables of a kernel and of the functions it calls lie. Gaps stand between the arrays of shared and local memory, so that an index beyond one array's end
//! does not hit the next unnoticed.

use super::code::Span;
use crate::ptx::{Function, Module, Operand, Space, Variable};
use std::collections::{HashMap, HashSet};

const SHARED_GAP: usize = 64;
const LOCAL_GAP: usize = 16;

/// Offsets of everything but global memory.
pub(crate) struct Layout {
    shared: Vec<Span>,
    /// Variables of file scope by name, those of a body by function and number.
    shared_names: HashMap<String, u64>,
    shared_bodies: HashMap<(usize, usize), u64>,
    pub(crate) shared_dynamic: usize,
    pub(crate) shared_static: usize,
    local: Vec<Span>,
    local_bodies: HashMap<(usize, usize), u64>,
    pub(crate) local_size: usize,
    pub(crate) params: Vec<(usize, usize)>,
    pub(crate) params_size: usize,
    param_names: HashMap<String, u64>,
}

impl Layout {
    pub(crate) fn new(module: &Module, functions: &[&Function]) -> Layout {
        let mut layout = Layout {
            shared: Vec::new(),
            shared_names: HashMap::new(),
            shared_bodies: HashMap::new(),
            shared_dynamic: 0,
            shared_static: 0,
            local: Vec::new(),
            local_bodies: HashMap::new(),
            local_size: 0,
            params: Vec::new(),
            params_size: 0,
            param_names: HashMap::new(),
        };
        layout.kernel_parameters(functions[0]);
        let used = used_symbols(functions);
        let mut dynamic = Vec::new();
        let mut end = 0;
        for variable in
            module.variables.iter().filter(|v| v.space == Space::Shared && used.contains(v.name.as_str()))
        {
            match variable.size {
                0 => dynamic.push(variable.name.clone()),
                _ => {
                    let at = place(&mut layout.shared, &mut end, variable, SHARED_GAP);
                    layout.shared_names.insert(variable.name.clone(), at);
                    layout.shared_static =
                        layout.shared_static.next_multiple_of(variable.align) + variable.size;
                }
            }
        }
        let mut local_end = 0;
        for (number, function) in functions.iter().enumerate() {
            for (i, variable) in function.variables.iter().enumerate() {
                match variable.space {
                    Space::Shared if variable.size > 0 => {
                        let at = place(&mut layout.shared, &mut end, variable, SHARED_GAP);
                        layout.shared_bodies.insert((number, i), at);
                        layout.shared_static =
                            layout.shared_static.next_multiple_of(variable.align) + variable.size;
                    }
                    Space::Local | Space::Param => {
                        let at = place(&mut layout.local, &mut local_end, variable, LOCAL_GAP);
                        layout.local_bodies.insert((number, i), at);
                    }
                    _ => {}
                }
            }
        }
        layout.local_size = local_end.next_multiple_of(16);
        layout.shared_dynamic = end.next_multiple_of(128);
        for name in dynamic {
            layout.shared_names.insert(name, layout.shared_dynamic as u64);
        }
        layout
    }

    fn kernel_parameters(&mut self, entry: &Function) {
        for param in &entry.params {
            let at = self.params_size.next_multiple_of(param.align.max(1));
            self.params.push((at, param.size));
            self.param_names.insert(param.name.clone(), at as u64);
            self.params_size = at + param.size;
        }
    }

    pub(crate) fn shared_spans(&self) -> Vec<Span> {
        self.shared.clone()
    }

    pub(crate) fn local_spans(&self) -> Vec<Span> {
        self.local.clone()
    }

    /// A name of file scope: in shared memory, or a parameter of the kernel.
    pub(crate) fn shared(&self, name: &str) -> Option<u64> {
        self.shared_names.get(name).copied()
    }

    pub(crate) fn param(&self, name: &str) -> Option<u64> {
        self.param_names.get(name).copied()
    }

    /// A variable of a body, and the space it lies in here: parameters of functions lie in local memory.
    pub(crate) fn body(&self, function: usize, variable: usize) -> Option<(Space, u64)> {
        let key = (function, variable);
        let local = self.local_bodies.get(&key).map(|&at| (Space::Local, at));
        local.or_else(|| self.shared_bodies.get(&key).map(|&at| (Space::Shared, at)))
    }
}

fn place(spans: &mut Vec<Span>, end: &mut usize, variable: &Variable, gap: usize) -> u64 {
    let start = end.next_multiple_of(variable.align.max(1));
    spans.push(Span { name: variable.name.clone(), start, size: variable.size });
    *end = start + variable.size + gap;
    start as u64
}

fn used_symbols<'a>(functions: &[&'a Function]) -> HashSet<&'a str> {
    fn visit<'a>(operand: &'a Operand, out: &mut HashSet<&'a str>) {
        match operand {
            Operand::Symbol(name, _) => {
                out.insert(name);
            }
            Operand::Address(Some(base), _) => visit(base, out),
            Operand::Vector(list) | Operand::List(list) => list.iter().for_each(|o| visit(o, out)),
            Operand::Pair(a, b) => {
                visit(a, out);
                visit(b, out);
            }
            _ => {}
        }
    }
    let mut out = HashSet::new();
    for instruction in functions.iter().filter_map(|f| f.body.as_ref()).flatten() {
        instruction.operands.iter().for_each(|operand| visit(operand, &mut out));
    }
    out
}
