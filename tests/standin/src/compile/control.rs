//! Branches, calls, barriers, the ends of threads.

use super::code::{Barrier, Op, Reduction};
use super::emit::{Emitted, Emitter};
use super::parts::Parts;
use crate::ptx::{Function, Operand, Type};

/// The functions that a body calls by name, and where.
pub(crate) fn callees(function: &Function) -> Vec<(u32, &str)> {
    let body = function.body.iter().flatten();
    body.filter(|i| i.opcode == "call" || i.opcode == "call.uni")
        .filter_map(|i| {
            i.operands.iter().find_map(|operand| match operand {
                Operand::Symbol(name, _) => Some((i.line, name.as_str())),
                _ => None,
            })
        })
        .collect()
}

impl Emitter<'_> {
    pub(crate) fn control(&mut self, parts: &mut Parts<'_>, operands: &[Operand]) -> Emitted {
        match parts.name {
            "bra" => {
                parts.take("uni");
                let [Operand::Target(target)] = self.expect(operands)? else {
                    return Err("a branch needs a label".to_owned());
                };
                self.push(Op::Jump { target: *target });
            }
            "brx" => return Err("`brx.idx` is not known".to_owned()),
            "call" => {
                parts.take("uni");
                self.call(operands)?;
            }
            "ret" if self.function.is_entry => {
                parts.take("uni");
                self.push(Op::Exit);
            }
            "ret" => {
                parts.take("uni");
                self.push(Op::Return);
            }
            "exit" => self.push(Op::Exit),
            "trap" | "brkpt" => self.push(Op::Trap),
            "nanosleep" | "pmevent" => {
                parts.take("u32");
                self.push(Op::Nothing);
            }
            "bar" | "barrier" => self.barrier(parts, operands)?,
            other => return Err(format!("the opcode `{other}` is not known")),
        }
        Ok(())
    }

    fn call(&mut self, operands: &[Operand]) -> Emitted {
        let (returned, rest) = match operands {
            [Operand::List(returned), rest @ ..] => (returned.as_slice(), rest),
            rest => (&[][..], rest),
        };
        let (name, given) = match rest {
            [Operand::Symbol(name, _)] => (name, &[][..]),
            [Operand::Symbol(name, _), Operand::List(given)] => (name, given.as_slice()),
            _ => return Err("calls of addresses of functions are not known".to_owned()),
        };
        let given = self.places(given)?;
        let returned = self.places(returned)?;
        match (name.as_str(), given.as_slice(), returned.as_slice()) {
            ("vprintf", &[format, arguments], &[result]) => {
                self.push(Op::Print { format: format.0, arguments: arguments.0, result: result.0 });
                return Ok(());
            }
            ("__assertfail", &[message, file, line, ..], _) => {
                self.push(Op::Assert { parameters: [message.0, file.0, line.0] });
                return Ok(());
            }
            _ => {}
        }
        let Some(number) = self.functions.iter().position(|f| f.name == *name) else {
            return Err(format!("`{name}` is called, whose body is not in this module"));
        };
        let callee = self.functions[number];
        if callee.params.len() != given.len() || callee.returns.len() != returned.len() {
            return Err(format!("`{name}` has another number of parameters or results"));
        }
        for (i, &(from, bytes)) in given.iter().enumerate() {
            let to = self.local_of(number, i)?;
            self.push(Op::Move { to, from, bytes });
        }
        self.push(Op::Call { target: number });
        for (i, &(to, bytes)) in returned.iter().enumerate() {
            let from = self.local_of(number, callee.params.len() + i)?;
            self.push(Op::Move { to, from, bytes });
        }
        Ok(())
    }

    /// The places and sizes of parameters of a call.
    fn places(&self, operands: &[Operand]) -> Result<Vec<(usize, usize)>, String> {
        let place = |operand: &Operand| match operand {
            Operand::BodyVariable(variable, 0) => {
                let at = self.local_of(self.own_number(), *variable)?;
                Ok((at, self.function.variables[*variable].size))
            }
            other => Err(format!("{other:?} as a parameter of a call is not known")),
        };
        operands.iter().map(place).collect()
    }

    fn barrier(&mut self, parts: &mut Parts<'_>, operands: &[Operand]) -> Emitted {
        if parts.take("warp") {
            return self.warp_sync(parts, operands);
        }
        if parts.take("cluster") {
            return Err("`barrier.cluster` is not known".to_owned());
        }
        parts.take("cta");
        let arrives = parts.take("arrive");
        let reduces = parts.take("red");
        if !arrives && !reduces && !parts.take("sync") {
            return Err("a barrier syncs, arrives or reduces".to_owned());
        }
        // `bar` is `barrier…aligned`.
        let aligned = parts.take("aligned") || parts.name == "bar";
        let word = Type::U(32);
        let mut sources = operands;
        let mut reduce = None;
        if reduces {
            let Some(of) = parts.choose(|part| match part {
                "popc" => Some(Reduction::Popc),
                "and" => Some(Reduction::And),
                "or" => Some(Reduction::Or),
                _ => None,
            }) else {
                return Err("`bar.red` needs `popc`, `and` or `or`".to_owned());
            };
            parts.ty()?;
            let [dest, middle @ .., predicate] = operands else {
                return Err("operands are missing".to_owned());
            };
            let (predicate, negated) = self.predicate(predicate)?;
            reduce = Some((of, predicate, negated, self.dest(dest)?));
            sources = middle;
        }
        let id = match sources.first() {
            Some(id) => self.source(id, word)?,
            None => return Err("a barrier has a number".to_owned()),
        };
        let count = match sources.get(1) {
            Some(count) => Some(self.source(count, word)?),
            None => None,
        };
        self.push(Op::Barrier(Barrier { id, count, aligned, waits: !arrives, reduce }));
        Ok(())
    }
}
