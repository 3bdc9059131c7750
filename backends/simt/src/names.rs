//! Names of the program in C++.

use naga::FastHashMap;
use naga::proc::{CaseInsensitiveKeywordSet, EntryPointIndex, KeywordSet, NameKey, Namer};
use naga::{Function, GlobalVariable, Handle, LocalVariable, Type};
use std::cell::RefCell;
use std::collections::BTreeSet;
use std::sync::LazyLock;

/// Words that no name of the program may be: keywords, alternative tokens, and what the two languages and the prelude put outside of
/// namespaces. Functions of the languages' libraries are not among them, since the program lies in a namespace of its own.
const RESERVED: &[&str] = &[
    "alignas",
    "alignof",
    "and",
    "and_eq",
    "asm",
    "auto",
    "bitand",
    "bitor",
    "bool",
    "break",
    "case",
    "catch",
    "char",
    "char16_t",
    "char32_t",
    "char8_t",
    "class",
    "co_await",
    "co_return",
    "co_yield",
    "compl",
    "concept",
    "const",
    "const_cast",
    "consteval",
    "constexpr",
    "constinit",
    "continue",
    "decltype",
    "default",
    "delete",
    "do",
    "double",
    "dynamic_cast",
    "else",
    "enum",
    "explicit",
    "export",
    "extern",
    "false",
    "float",
    "for",
    "friend",
    "goto",
    "if",
    "inline",
    "int",
    "long",
    "main",
    "mutable",
    "namespace",
    "new",
    "noexcept",
    "not",
    "not_eq",
    "nullptr",
    "operator",
    "or",
    "or_eq",
    "private",
    "protected",
    "public",
    "register",
    "reinterpret_cast",
    "requires",
    "restrict",
    "return",
    "short",
    "signed",
    "sizeof",
    "static",
    "static_assert",
    "static_cast",
    "struct",
    "switch",
    "template",
    "this",
    "thread_local",
    "throw",
    "true",
    "try",
    "typedef",
    "typeid",
    "typename",
    "typeof",
    "union",
    "unsigned",
    "using",
    "virtual",
    "void",
    "volatile",
    "wchar_t",
    "while",
    "xor",
    "xor_eq",
    "NULL",
    "INFINITY",
    "NAN",
    "warpSize",
    "threadIdx",
    "blockIdx",
    "blockDim",
    "gridDim",
    "linux",
    "unix",
    "wgsl",
    "program",
    "lengths",
    "bool_",
    "i16",
    "u16",
    "i32",
    "u32",
    "i64",
    "u64",
    "f16",
    "f32",
    "f64",
    "vec2",
    "vec3",
    "vec4",
    "mat",
    "array",
    "unsized",
    "offsetof",
];

static KEYWORDS: LazyLock<KeywordSet> = LazyLock::new(|| RESERVED.iter().copied().collect());
static CASELESS: LazyLock<CaseInsensitiveKeywordSet> = LazyLock::new(CaseInsensitiveKeywordSet::new);

/// The names of a module's items, and a maker of further ones.
pub(crate) struct Names {
    namer: Namer,
    names: FastHashMap<NameKey, String>,
    constants: RefCell<BTreeSet<Handle<naga::Constant>>>,
}

impl Names {
    pub(crate) fn new(module: &naga::Module) -> Names {
        let mut namer = Namer::default();
        let mut names = FastHashMap::default();
        let prefixes = ["_e", "__", "WGSL_", "next_", "pad_"];
        namer.reset(module, &KEYWORDS, KeywordSet::empty(), &CASELESS, &prefixes, &mut names);
        Names { namer, names, constants: RefCell::default() }
    }

    /// A name like `label` that nothing else has.
    pub(crate) fn unique(&mut self, label: &str) -> String {
        self.namer.call(label)
    }

    fn get(&self, key: NameKey) -> &str {
        self.names.get(&key).map_or("unnamed", String::as_str)
    }

    pub(crate) fn ty(&self, ty: Handle<Type>) -> &str {
        self.get(NameKey::Type(ty))
    }

    pub(crate) fn member(&self, ty: Handle<Type>, index: u32) -> &str {
        self.get(NameKey::StructMember(ty, index))
    }

    /// The name of a constant, which is thereby used.
    pub(crate) fn constant(&self, constant: Handle<naga::Constant>) -> &str {
        self.constants.borrow_mut().insert(constant);
        self.get(NameKey::Constant(constant))
    }

    /// The constants whose names were asked for.
    pub(crate) fn used_constants(&self) -> Vec<Handle<naga::Constant>> {
        self.constants.borrow().iter().copied().collect()
    }

    pub(crate) fn global(&self, global: Handle<GlobalVariable>) -> &str {
        self.get(NameKey::GlobalVariable(global))
    }

    pub(crate) fn function(&self, owner: Owner) -> &str {
        match owner {
            Owner::Function(function) => self.get(NameKey::Function(function)),
            Owner::Entry(index) => self.get(NameKey::EntryPoint(index)),
        }
    }

    pub(crate) fn argument(&self, owner: Owner, index: u32) -> &str {
        match owner {
            Owner::Function(function) => self.get(NameKey::FunctionArgument(function, index)),
            Owner::Entry(entry) => self.get(NameKey::EntryPointArgument(entry, index)),
        }
    }

    pub(crate) fn local(&self, owner: Owner, local: Handle<LocalVariable>) -> &str {
        match owner {
            Owner::Function(function) => self.get(NameKey::FunctionLocal(function, local)),
            Owner::Entry(entry) => self.get(NameKey::EntryPointLocal(entry, local)),
        }
    }
}

/// Whose arguments and variables are meant.
#[derive(Clone, Copy)]
pub(crate) enum Owner {
    Function(Handle<Function>),
    Entry(EntryPointIndex),
}
