//! An opcode's modifiers, each of which must be taken by somebody.

use crate::ptx::{Space, Type};

/// `ld.global.v4.f32`, split at its dots.
pub(crate) struct Parts<'a> {
    pub(crate) name: &'a str,
    rest: Vec<(&'a str, bool)>,
}

impl<'a> Parts<'a> {
    pub(crate) fn new(opcode: &'a str) -> Parts<'a> {
        let mut parts = opcode.split('.');
        let name = parts.next().unwrap_or_default();
        Parts { name, rest: parts.map(|part| (part, false)).collect() }
    }

    /// Whether a modifier stands there; it is known from now on.
    pub(crate) fn take(&mut self, modifier: &str) -> bool {
        match self.rest.iter_mut().find(|(part, taken)| !taken && *part == modifier) {
            Some((_, taken)) => {
                *taken = true;
                true
            }
            None => false,
        }
    }

    /// The first of the modifiers that `meaning` knows.
    pub(crate) fn choose<T>(&mut self, meaning: impl Fn(&str) -> Option<T>) -> Option<T> {
        for (part, taken) in self.rest.iter_mut().filter(|(_, taken)| !taken) {
            if let Some(found) = meaning(part) {
                *taken = true;
                return Some(found);
            }
        }
        None
    }

    /// The next fundamental type.
    pub(crate) fn ty(&mut self) -> Result<Type, String> {
        self.choose(Type::named).ok_or_else(|| "no type that is known here".to_owned())
    }

    /// The state space; none is generic. The sub-qualifiers of shared memory name the block's own.
    pub(crate) fn space(&mut self) -> Space {
        self.choose(|part| match part {
            "global" => Some(Space::Global),
            "const" => Some(Space::Const),
            "shared" | "shared::cta" => Some(Space::Shared),
            "local" => Some(Space::Local),
            "param" | "param::entry" | "param::func" => Some(Space::Param),
            _ => None,
        })
        .unwrap_or(Space::Generic)
    }

    /// What nobody took is not known.
    pub(crate) fn finish(&self) -> Result<(), String> {
        match self.rest.iter().find(|(_, taken)| !taken) {
            Some((part, _)) => Err(format!("the modifier `.{part}` of `{}` is not known here", self.name)),
            None => Ok(()),
        }
    }
}
