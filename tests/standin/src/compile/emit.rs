//! One function's statements to instructions: operands to rows, opcodes to the file that knows them.

use super::Symbols;
use super::code::{Code, Inst, Map1, Map2, Map3, Op, Reg, Special};
use super::layout::Layout;
use super::parts::Parts;
use super::special;
use crate::exec::LANES;
use crate::memory::{LOCAL_WINDOW, SHARED_WINDOW};
use crate::ptx::{Function, Instruction, Operand, Space, Type};
use std::collections::HashMap;

/// Rows that hold the same in every function: constants and special registers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Pooled {
    Constant(u64),
    Special(Special),
    /// Where results go that nobody wants.
    Sink,
}

/// A function on its way.
pub(crate) struct Emitter<'a> {
    pub(crate) function: &'a Function,
    /// The kernel and everything it calls.
    pub(crate) functions: &'a [&'a Function],
    /// Its place among the kernel's functions.
    number: usize,
    layout: &'a Layout,
    symbols: &'a Symbols,
    code: &'a mut Code,
    pool: &'a mut HashMap<Pooled, Reg>,
    /// The row of this function's first register.
    first: Reg,
    guard: Option<(Reg, bool)>,
    line: u32,
}

/// What a file of this folder answers: `None` where the opcode is not its own.
pub(crate) type Emitted = Result<(), String>;

impl<'a> Emitter<'a> {
    pub(crate) fn new(
        functions: &'a [&'a Function],
        number: usize,
        layout: &'a Layout,
        symbols: &'a Symbols,
        code: &'a mut Code,
        pool: &'a mut HashMap<Pooled, Reg>,
    ) -> Emitter<'a> {
        let function = functions[number];
        let first = code.rows;
        code.rows += function.registers.len();
        code.row_names.extend(function.register_names.iter().cloned());
        Emitter {
            function,
            functions,
            number,
            layout,
            symbols,
            code,
            pool,
            first,
            guard: None,
            line: function.line,
        }
    }

    pub(crate) fn function(&mut self) -> Result<(), (u32, String)> {
        let Some(body) = &self.function.body else {
            return Err((self.function.line, format!("`{}` has no body", self.function.name)));
        };
        let mut starts = Vec::with_capacity(body.len() + 1);
        let first = self.code.instructions.len();
        for instruction in body {
            starts.push(self.code.instructions.len());
            self.line = instruction.line;
            self.guard = instruction.guard.map(|(register, negated)| (self.first + register, negated));
            self.instruction(instruction).map_err(|message| (instruction.line, message))?;
        }
        starts.push(self.code.instructions.len());
        self.guard = None;
        self.push(if self.function.is_entry { Op::Exit } else { Op::Return });
        for instruction in &mut self.code.instructions[first..] {
            if let Op::Jump { target } = &mut instruction.op {
                *target = starts[*target];
            }
        }
        Ok(())
    }

    fn instruction(&mut self, instruction: &Instruction) -> Emitted {
        let mut parts = Parts::new(&instruction.opcode);
        let operands = &instruction.operands;
        let name = parts.name;
        match name {
            "mov" | "cvta" | "isspacep" | "selp" | "slct" | "getctarank" | "mapa" => {
                self.movement(&mut parts, operands)?;
            }
            "setp" | "set" | "testp" => self.comparison(&mut parts, operands)?,
            "cvt" => self.conversion(&mut parts, operands)?,
            "ld" | "ldu" | "st" | "atom" | "red" | "fence" | "membar" | "prefetch" | "prefetchu"
            | "discard" | "applypriority" | "cp" => self.memory(&mut parts, operands)?,
            "bra" | "brx" | "call" | "ret" | "exit" | "trap" | "brkpt" | "nanosleep" | "pmevent" | "bar"
            | "barrier" => self.control(&mut parts, operands)?,
            "shfl" | "vote" | "match" | "redux" | "activemask" | "elect" => {
                self.collective(&mut parts, operands)?
            }
            "wmma" | "mma" | "ldmatrix" | "stmatrix" | "movmatrix" => self.matrix(&mut parts, operands)?,
            _ => self.arithmetic(&mut parts, operands)?,
        }
        parts.finish()
    }

    pub(crate) fn push(&mut self, op: Op) {
        self.code.instructions.push(Inst { op, guard: self.guard, line: self.line });
    }

    pub(crate) fn push1(&mut self, f: Map1, d: Reg, a: Reg) {
        self.push(Op::Map1 { f, d, a });
    }

    pub(crate) fn push2(&mut self, f: Map2, d: Reg, [a, b]: [Reg; 2]) {
        self.push(Op::Map2 { f, d, a, b });
    }

    pub(crate) fn push3(&mut self, f: Map3, d: Reg, [a, b, c]: [Reg; 3]) {
        self.push(Op::Map3 { f, d, a, b, c });
    }

    fn pooled(&mut self, what: Pooled) -> Reg {
        if let Some(&row) = self.pool.get(&what) {
            return row;
        }
        let row = self.fresh(match what {
            Pooled::Constant(value) => format!("{value:#x}"),
            Pooled::Special(special) => format!("{special:?}"),
            Pooled::Sink => "_".to_owned(),
        });
        match what {
            Pooled::Constant(value) => self.code.constants.push((row, value)),
            Pooled::Special(special) => self.code.specials.push((row, special)),
            Pooled::Sink => {}
        }
        self.pool.insert(what, row);
        row
    }

    /// A row of its own.
    pub(crate) fn fresh(&mut self, name: String) -> Reg {
        self.code.rows += 1;
        self.code.row_names.push(name);
        self.code.rows - 1
    }

    pub(crate) fn constant(&mut self, value: u64) -> Reg {
        self.pooled(Pooled::Constant(value))
    }

    pub(crate) fn sink(&mut self) -> Reg {
        self.pooled(Pooled::Sink)
    }

    /// The row of the carry flag.
    pub(crate) fn carry(&mut self) -> Reg {
        match self.code.row_names.iter().position(|name| name == "CC.CF") {
            Some(row) => row,
            None => self.fresh("CC.CF".to_owned()),
        }
    }

    pub(crate) fn row(&self, register: usize) -> Reg {
        self.first + register
    }

    /// The type that an operand's register was declared with.
    pub(crate) fn declared(&self, operand: &Operand) -> Option<Type> {
        match operand {
            Operand::Register(register) | Operand::Not(register) => Some(self.function.registers[*register]),
            _ => None,
        }
    }

    pub(crate) fn dest(&mut self, operand: &Operand) -> Result<Reg, String> {
        match operand {
            Operand::Register(register) => Ok(self.row(*register)),
            Operand::Sink => Ok(self.sink()),
            other => Err(format!("a destination must be a register, not {other:?}")),
        }
    }

    /// A destination that may be left out.
    pub(crate) fn wanted(&mut self, operand: &Operand) -> Result<Option<Reg>, String> {
        match operand {
            Operand::Sink => Ok(None),
            other => self.dest(other).map(Some),
        }
    }

    /// The row of an operand that is read as `ty`.
    pub(crate) fn source(&mut self, operand: &Operand, ty: Type) -> Result<Reg, String> {
        let bits = |value: u64| match ty.bits() {
            64.. => value,
            bits => value & ((1 << bits) - 1),
        };
        Ok(match operand {
            Operand::Register(register) => self.row(*register),
            Operand::Integer(value) if ty == Type::F(32) => {
                self.constant((*value as i64 as f32).to_bits().into())
            }
            Operand::Integer(value) if ty == Type::F(64) => self.constant((*value as i64 as f64).to_bits()),
            Operand::Integer(value) => self.constant(bits(*value)),
            Operand::Single(value) if ty == Type::F(64) => {
                self.constant(f64::from(f32::from_bits(*value)).to_bits())
            }
            Operand::Single(value) => self.constant(u64::from(*value)),
            Operand::Double(value) if ty.bits() == 64 => self.constant(*value),
            Operand::Double(value) => self.constant(u64::from((f64::from_bits(*value) as f32).to_bits())),
            Operand::Special(name) => {
                let special = special::named(name)?;
                if special == Special::Clock {
                    let row = self.fresh(name.clone());
                    self.push(Op::Clock { d: row });
                    return Ok(row);
                }
                self.pooled(Pooled::Special(special))
            }
            Operand::Symbol(name, addend) => {
                let (_, address) = self.symbol(name)?;
                self.constant(address.wrapping_add(*addend as u64))
            }
            Operand::BodyVariable(variable, addend) => {
                let (_, address) = self.body_variable(*variable)?;
                self.constant(address.wrapping_add(*addend as u64))
            }
            other => return Err(format!("{other:?} cannot be read")),
        })
    }

    /// A predicate and whether it is negated.
    pub(crate) fn predicate(&mut self, operand: &Operand) -> Result<(Reg, bool), String> {
        match operand {
            Operand::Not(register) => Ok((self.row(*register), true)),
            Operand::Integer(value) => Ok((self.constant(u64::from(*value != 0)), false)),
            other => Ok((self.source(other, Type::Pred)?, false)),
        }
    }

    /// A name of file scope: its space and its address there.
    pub(crate) fn symbol(&self, name: &str) -> Result<(Space, u64), String> {
        if let Some(at) = self.layout.shared(name) {
            return Ok((Space::Shared, at));
        }
        if self.function.is_entry
            && let Some(at) = self.layout.param(name)
        {
            return Ok((Space::Param, at));
        }
        match self.symbols.get(name) {
            Some(&at) => Ok((Space::Global, at)),
            None => Err(format!("no variable is called `{name}` (addresses of functions are not known)")),
        }
    }

    pub(crate) fn body_variable(&self, variable: usize) -> Result<(Space, u64), String> {
        if let Some(found) = self.layout.body(self.number, variable) {
            return Ok(found);
        }
        Err(format!("`{}` has no place in memory", self.function.variables[variable].name))
    }

    /// The place in local memory of a function's variable, by the function's name.
    pub(crate) fn local_of(&self, function: usize, variable: usize) -> Result<usize, String> {
        match self.layout.body(function, variable) {
            Some((Space::Local, at)) => Ok(at as usize),
            _ => Err("a parameter of a call must be declared `.param`".to_owned()),
        }
    }

    pub(crate) fn own_number(&self) -> usize {
        self.number
    }

    /// Operands by count, or what is missing.
    pub(crate) fn expect<'o, const N: usize>(
        &self,
        operands: &'o [Operand],
    ) -> Result<&'o [Operand; N], String> {
        operands.try_into().map_err(|_| format!("{N} operands were expected, {} are there", operands.len()))
    }
}

/// What turns an address of a space into a generic one.
pub(crate) fn window(space: Space) -> u64 {
    match space {
        Space::Shared => SHARED_WINDOW,
        Space::Local => LOCAL_WINDOW,
        Space::Param => crate::memory::PARAM_WINDOW,
        Space::Generic | Space::Global | Space::Const => 0,
    }
}

const _: () = assert!(LANES == 32);
