//! Declarations: variables with their first bytes, functions with their parameters.

use super::body::Body;
use super::lexer::{Kind, Token, tokens};
use super::module::{Function, Module, Relocation, Space, Type, Variable};
use super::{ParseError, error};

/// The module that a text holds.
pub(crate) fn parse(source: &str) -> Result<Module, ParseError> {
    let tokens = tokens(source)?;
    let mut parser = Parser { tokens: &tokens, at: 0 };
    let lines = source.lines().map(|line| line.trim_end_matches('\0').to_owned()).collect();
    let mut module = Module { lines, ..Module::default() };
    while !parser.is_at_end() {
        parser.declaration(&mut module)?;
    }
    Ok(module)
}

/// A place in the tokens.
#[derive(Debug)]
pub(crate) struct Parser<'a> {
    tokens: &'a [Token<'a>],
    at: usize,
}

/// The properties that stand before a name.
#[derive(Default)]
struct Linkage {
    external: bool,
    returns: Vec<Variable>,
}

impl<'a> Parser<'a> {
    fn declaration(&mut self, module: &mut Module) -> Result<(), ParseError> {
        let mut linkage = Linkage::default();
        loop {
            let token = self.next();
            match token.text {
                ".visible" | ".weak" | ".common" => {}
                ".extern" => linkage.external = true,
                ".version" | ".address_size" => {
                    let value = self.next();
                    if token.text == ".address_size" && value.text != "64" {
                        return error(value.line, format!("addresses of {} bits: 64 are known", value.text));
                    }
                    return Ok(());
                }
                ".target" => {
                    self.next();
                    while self.take(b',') {
                        self.next();
                    }
                    return Ok(());
                }
                ".file" | ".loc" => {
                    self.rest_of_line(token.line);
                    return Ok(());
                }
                ".section" => {
                    while !self.take(b'}') {
                        if self.is_at_end() {
                            return error(token.line, "a section without an end");
                        }
                        self.next();
                    }
                    return Ok(());
                }
                ".pragma" => return self.until_semicolon(),
                ".global" | ".const" | ".shared" => {
                    let space = space_named(token.text).unwrap_or(Space::Global);
                    let mut variables = self.variables(space)?;
                    for variable in &mut variables {
                        variable.external = linkage.external && space != Space::Shared;
                    }
                    module.variables.append(&mut variables);
                    return Ok(());
                }
                ".entry" | ".func" => {
                    let is_entry = token.text == ".entry";
                    if !is_entry && self.is(b'(') {
                        linkage.returns = self.parameters()?;
                    }
                    let function = self.function(is_entry, linkage.returns)?;
                    module.functions.push(function);
                    return Ok(());
                }
                other => {
                    return error(token.line, format!("a declaration was expected, `{other}` was found"));
                }
            }
        }
    }

    fn function(&mut self, is_entry: bool, returns: Vec<Variable>) -> Result<Function, ParseError> {
        let name = self.word()?;
        let mut function = Function {
            name: name.text.to_owned(),
            is_entry,
            line: name.line,
            returns,
            params: if self.is(b'(') { self.parameters()? } else { Vec::new() },
            registers: Vec::new(),
            register_names: Vec::new(),
            variables: Vec::new(),
            body: None,
            max_threads: None,
            required_block: None,
        };
        loop {
            let token = self.next();
            match (token.kind, token.text) {
                (Kind::Mark(b';'), _) => return Ok(function),
                (Kind::Mark(b'{'), _) => return Body::parse(self, function),
                (_, ".maxntid" | ".reqntid") => {
                    let sizes = self.numbers()?;
                    let size = |i: usize| sizes.get(i).copied().unwrap_or(1) as u32;
                    function.max_threads = Some(size(0).saturating_mul(size(1)).saturating_mul(size(2)));
                    if token.text == ".reqntid" {
                        function.required_block = Some([size(0), size(1), size(2)]);
                    }
                }
                (_, ".minnctapersm" | ".maxnreg" | ".maxnctapersm") => {
                    self.numbers()?;
                }
                (_, ".noreturn") => {}
                (_, ".pragma") => self.until_semicolon()?,
                (_, other) => return error(token.line, format!("`{other}` behind the head of a function")),
            }
        }
    }

    /// `( .param .b32 a, .param .align 8 .b8 b[16] )`.
    fn parameters(&mut self) -> Result<Vec<Variable>, ParseError> {
        self.expect(b'(')?;
        let mut out = Vec::new();
        while !self.take(b')') {
            let token = self.next();
            if token.text != ".param" {
                return error(token.line, format!("`.param` was expected, `{}` was found", token.text));
            }
            out.push(self.variable_after(Space::Param)?);
            self.take(b',');
        }
        Ok(out)
    }

    /// What follows `.global`: one or more names, up to the semicolon.
    pub(crate) fn variables(&mut self, space: Space) -> Result<Vec<Variable>, ParseError> {
        let (element, align) = self.element(space)?;
        let mut out = vec![self.named_variable(space, element, align)?];
        while self.take(b',') {
            out.push(self.named_variable(space, element, align)?);
        }
        self.expect(b';')?;
        Ok(out)
    }

    fn variable_after(&mut self, space: Space) -> Result<Variable, ParseError> {
        let (element, align) = self.element(space)?;
        self.named_variable(space, element, align)
    }

    /// `.align 4 .v2 .f32`: the bytes of an element's type, how many make a vector, and the alignment.
    fn element(&mut self, space: Space) -> Result<((Type, usize), usize), ParseError> {
        let (mut align, mut width) = (0, 1);
        loop {
            let token = self.word()?;
            match token.text {
                ".align" => align = self.numbers()?[0] as usize,
                ".v2" => width = 2,
                ".v4" => width = 4,
                // Attributes of pointers among the parameters.
                ".ptr" | ".global" | ".const" | ".local" | ".shared" if space == Space::Param => {}
                ".attribute" => {
                    return error(token.line, "`.attribute` (managed memory) is not known");
                }
                name => match name.strip_prefix('.').and_then(Type::named) {
                    Some(ty) => return Ok(((ty, width), align)),
                    None => return error(token.line, format!("a type was expected, `{name}` was found")),
                },
            }
        }
    }

    fn named_variable(
        &mut self,
        space: Space,
        (ty, width): (Type, usize),
        mut align: usize,
    ) -> Result<Variable, ParseError> {
        // `.param .u64 .ptr .global .align 4 name`.
        while matches!(self.peek().text, ".ptr" | ".global" | ".const" | ".local" | ".shared" | ".align") {
            if self.next().text == ".align" {
                // The alignment of what a pointer points to says nothing of the pointer.
                let pointee = self.numbers()?[0] as usize;
                align = if space == Space::Param { align } else { pointee };
            }
        }
        let name = self.word()?;
        let element = ty.bytes() as usize * width;
        let mut count = 1usize;
        let mut unsized_array = false;
        while self.take(b'[') {
            if self.take(b']') {
                unsized_array = true;
                continue;
            }
            count = count.saturating_mul(self.number()? as usize);
            self.expect(b']')?;
        }
        let mut variable = Variable {
            name: name.text.to_owned(),
            space,
            align: align.max(if align == 0 { element } else { 1 }),
            size: if unsized_array { 0 } else { element * count },
            bytes: Vec::new(),
            relocations: Vec::new(),
            external: false,
        };
        if self.take(b'=') {
            self.initialiser(ty, &mut variable)?;
            if unsized_array {
                variable.size = variable.bytes.len();
            }
            if variable.bytes.len() > variable.size {
                return error(name.line, format!("`{}` has more initialisers than elements", name.text));
            }
        }
        Ok(variable)
    }

    fn initialiser(&mut self, ty: Type, variable: &mut Variable) -> Result<(), ParseError> {
        if self.take(b'{') {
            while !self.take(b'}') {
                self.initialiser(ty, variable)?;
                self.take(b',');
            }
            return Ok(());
        }
        let bytes = ty.bytes() as usize;
        let token = self.peek();
        if token.kind == Kind::Word {
            self.next();
            let mut symbol = token.text;
            if symbol == "generic" {
                self.expect(b'(')?;
                symbol = self.word()?.text;
                self.expect(b')')?;
            }
            let addend = if self.is(b'+') || self.is(b'-') { self.signed()? } else { 0 };
            let at = variable.bytes.len();
            variable.relocations.push(Relocation { at, bytes, symbol: symbol.to_owned(), addend });
            variable.bytes.resize(at + bytes, 0);
            return Ok(());
        }
        let value = self.literal()?.bits_for(ty);
        variable.bytes.extend_from_slice(&value.to_le_bytes()[..bytes.min(8)]);
        Ok(())
    }
}

/// `.global` and the like.
pub(crate) fn space_named(text: &str) -> Option<Space> {
    Some(match text {
        ".global" => Space::Global,
        ".const" => Space::Const,
        ".shared" => Space::Shared,
        ".local" => Space::Local,
        ".param" => Space::Param,
        _ => return None,
    })
}

impl<'a> Parser<'a> {
    pub(crate) fn peek(&self) -> Token<'a> {
        self.tokens[self.at.min(self.tokens.len() - 1)]
    }

    pub(crate) fn peek_second(&self) -> Token<'a> {
        self.tokens[(self.at + 1).min(self.tokens.len() - 1)]
    }

    pub(crate) fn next(&mut self) -> Token<'a> {
        let token = self.peek();
        self.at += 1;
        token
    }

    pub(crate) fn is_at_end(&self) -> bool {
        self.peek().kind == Kind::End
    }

    pub(crate) fn is(&self, mark: u8) -> bool {
        self.peek().kind == Kind::Mark(mark)
    }

    pub(crate) fn take(&mut self, mark: u8) -> bool {
        let found = self.is(mark);
        self.at += usize::from(found);
        found
    }

    pub(crate) fn expect(&mut self, mark: u8) -> Result<(), ParseError> {
        let token = self.next();
        if token.kind == Kind::Mark(mark) {
            return Ok(());
        }
        error(token.line, format!("`{}` was expected, `{}` was found", mark as char, token.text))
    }

    pub(crate) fn word(&mut self) -> Result<Token<'a>, ParseError> {
        let token = self.next();
        if token.kind == Kind::Word {
            return Ok(token);
        }
        error(token.line, format!("a name was expected, `{}` was found", token.text))
    }

    pub(crate) fn until_semicolon(&mut self) -> Result<(), ParseError> {
        let line = self.peek().line;
        while !self.take(b';') {
            if self.is_at_end() {
                return error(line, "a statement without a semicolon");
            }
            self.next();
        }
        Ok(())
    }

    /// `.loc` and `.file` end where their line ends.
    pub(crate) fn rest_of_line(&mut self, line: u32) {
        while !self.is_at_end() && self.peek().line == line {
            self.next();
        }
    }

    /// `128, 1, 1`.
    fn numbers(&mut self) -> Result<Vec<u64>, ParseError> {
        let mut out = vec![self.number()?];
        while self.take(b',') {
            out.push(self.number()?);
        }
        Ok(out)
    }

    pub(crate) fn number(&mut self) -> Result<u64, ParseError> {
        let line = self.peek().line;
        match self.literal()? {
            super::operand::Literal::Integer(value) => Ok(value),
            other => error(line, format!("an integer was expected, {other:?} was found")),
        }
    }

    /// `+4`, `-4`, `+-4`.
    pub(crate) fn signed(&mut self) -> Result<i64, ParseError> {
        self.take(b'+');
        Ok(self.number()? as i64)
    }
}
