//! A function's body: scopes, registers, labels, statements.

use super::declare::{Parser, space_named};
use super::lexer::Kind;
use super::module::{Function, Instruction, Operand, Scope, Space, Type};
use super::{ParseError, error};

/// A body while it is read.
pub(crate) struct Body {
    function: Function,
    instructions: Vec<Instruction>,
    scopes: Vec<Scope>,
    /// The innermost scope of each instruction that names a label.
    branches: Vec<(usize, usize)>,
    current: usize,
}

impl Body {
    /// Reads up to the closing brace; the opening one is behind us.
    pub(crate) fn parse(parser: &mut Parser<'_>, function: Function) -> Result<Function, ParseError> {
        let mut outermost = Scope::default();
        let mut function = function;
        for param in function.params.iter().chain(&function.returns) {
            if !function.is_entry {
                outermost.variables.insert(param.name.clone(), function.variables.len());
                function.variables.push(param.clone());
            }
        }
        let mut body = Body {
            function,
            instructions: Vec::new(),
            scopes: vec![outermost],
            branches: Vec::new(),
            current: 0,
        };
        loop {
            if parser.take(b'{') {
                body.scopes.push(Scope { parent: Some(body.current), ..Scope::default() });
                body.current = body.scopes.len() - 1;
                continue;
            }
            if parser.take(b'}') {
                match body.scopes[body.current].parent {
                    Some(parent) => body.current = parent,
                    None => break,
                }
                continue;
            }
            body.statement(parser)?;
        }
        body.finish()
    }

    fn statement(&mut self, parser: &mut Parser<'_>) -> Result<(), ParseError> {
        let token = parser.peek();
        if parser.take(b';') {
            return Ok(());
        }
        if token.kind == Kind::Word && parser.peek_second().kind == Kind::Mark(b':') {
            parser.next();
            parser.next();
            self.scopes[self.current].labels.insert(token.text.to_owned(), self.instructions.len());
            return Ok(());
        }
        match token.text {
            ".reg" => {
                parser.next();
                self.registers(parser)
            }
            ".local" | ".shared" | ".param" | ".global" | ".const" => {
                parser.next();
                let space = space_named(token.text).unwrap_or(Space::Local);
                for variable in parser.variables(space)? {
                    let number = self.function.variables.len();
                    self.scopes[self.current].variables.insert(variable.name.clone(), number);
                    self.function.variables.push(variable);
                }
                Ok(())
            }
            ".loc" | ".file" => {
                parser.next();
                parser.rest_of_line(token.line);
                Ok(())
            }
            ".pragma" => parser.until_semicolon(),
            text if text.starts_with('.') => {
                error(token.line, format!("the directive `{text}` is not known"))
            }
            _ => self.instruction(parser),
        }
    }

    /// `.reg .f32 %f<40>, %x;`
    fn registers(&mut self, parser: &mut Parser<'_>) -> Result<(), ParseError> {
        let token = parser.word()?;
        let Some(ty) = token.text.strip_prefix('.').and_then(Type::named) else {
            return error(token.line, format!("registers of type `{}` are not known", token.text));
        };
        loop {
            let name = parser.word()?.text;
            if parser.take(b'<') {
                let count = parser.number()?;
                parser.expect(b'>')?;
                for i in 0..count {
                    self.declare(format!("{name}{i}"), ty);
                }
            } else {
                self.declare(name.to_owned(), ty);
            }
            if !parser.take(b',') {
                return parser.expect(b';');
            }
        }
    }

    fn declare(&mut self, name: String, ty: Type) {
        self.scopes[self.current].registers.insert(name.clone(), self.function.registers.len());
        self.function.registers.push(ty);
        self.function.register_names.push(name);
    }

    fn instruction(&mut self, parser: &mut Parser<'_>) -> Result<(), ParseError> {
        let mut guard = None;
        if parser.take(b'@') {
            let negated = parser.take(b'!');
            let name = parser.word()?;
            match self.register(name.text) {
                Some(register) => guard = Some((register, negated)),
                None => return error(name.line, format!("`{}` is not a register", name.text)),
            }
        }
        let opcode = parser.word()?;
        let mut operands = Vec::new();
        if !parser.is(b';') {
            loop {
                operands.push(self.operand(parser)?);
                if !parser.take(b',') {
                    break;
                }
            }
        }
        parser.expect(b';')?;
        let name = opcode.text.split('.').next().unwrap_or(opcode.text);
        if matches!(name, "bra" | "brx") {
            self.branches.push((self.instructions.len(), self.current));
        }
        let (line, opcode) = (opcode.line, opcode.text.to_owned());
        self.instructions.push(Instruction { line, guard, opcode, operands });
        Ok(())
    }

    fn lookup<T: Copy>(&self, find: impl Fn(&Scope) -> Option<T>) -> Option<T> {
        self.lookup_from(self.current, find)
    }

    fn lookup_from<T: Copy>(&self, scope: usize, find: impl Fn(&Scope) -> Option<T>) -> Option<T> {
        let mut at = Some(scope);
        while let Some(scope) = at {
            if let Some(found) = find(&self.scopes[scope]) {
                return Some(found);
            }
            at = self.scopes[scope].parent;
        }
        None
    }

    pub(crate) fn register(&self, name: &str) -> Option<usize> {
        self.lookup(|scope| scope.registers.get(name).copied())
    }

    pub(crate) fn variable(&self, name: &str) -> Option<usize> {
        self.lookup(|scope| scope.variables.get(name).copied())
    }

    fn finish(mut self) -> Result<Function, ParseError> {
        for (at, scope) in std::mem::take(&mut self.branches) {
            let line = self.instructions[at].line;
            let mut operands = std::mem::take(&mut self.instructions[at].operands);
            for operand in &mut operands {
                if let Operand::Symbol(name, _) = operand {
                    match self.lookup_from(scope, |s| s.labels.get(name.as_str()).copied()) {
                        Some(target) => *operand = Operand::Target(target),
                        None => return error(line, format!("no label `{name}`")),
                    }
                }
            }
            self.instructions[at].operands = operands;
        }
        self.function.body = Some(self.instructions);
        Ok(self.function)
    }
}
