//! Kernel files with hooks.
//!
//! A kernel file is WGSL that compiles as it stands. Lines of the form `//: hook NAME`, `//: repeat NAME` and `//: end` mark regions:
//! a *hook* is replaced by the text that a specialiser prints; a *repeat* is copied once per item, with the suffix `_0` of its
//! identifiers (and of the hooks inside it) replaced by the item's number.

use std::collections::BTreeMap;

/// A parsed kernel file.
pub(crate) struct Template {
    parts: Vec<Part>,
}

enum Part {
    Text(String),
    Hook { name: String, default: String },
    Repeat { name: String, parts: Vec<Part> },
}

/// What a specialiser puts into a template.
#[derive(Default)]
pub(crate) struct Hooks {
    texts: BTreeMap<String, String>,
    repeats: BTreeMap<String, usize>,
}

impl Hooks {
    /// Replaces the hook `name`.
    pub(crate) fn set(&mut self, name: impl Into<String>, text: impl Into<String>) {
        self.texts.insert(name.into(), text.into());
    }

    /// Copies the region `name` `count` times.
    pub(crate) fn repeat(&mut self, name: &str, count: usize) {
        self.repeats.insert(name.into(), count);
    }
}

impl Template {
    /// Parses a kernel file. Kernel files are part of the crate, so a malformed one is a bug that its test finds: a region left open
    /// ends with the file.
    pub(crate) fn parse(text: &str) -> Template {
        let mut lines = text.lines();
        Template { parts: parse_parts(&mut lines) }
    }

    /// The file with its hooks filled; hooks that are not set keep their default.
    pub(crate) fn fill(&self, hooks: &Hooks) -> String {
        let mut out = String::new();
        fill_parts(&self.parts, hooks, None, &mut out);
        out
    }
}

fn parse_parts<'a>(lines: &mut impl Iterator<Item = &'a str>) -> Vec<Part> {
    let mut parts = Vec::new();
    let mut text = String::new();
    while let Some(line) = lines.next() {
        let Some(marker) = line.trim().strip_prefix("//: ") else {
            text.push_str(line);
            text.push('\n');
            continue;
        };
        if !text.is_empty() {
            parts.push(Part::Text(std::mem::take(&mut text)));
        }
        match marker.split_once(' ') {
            Some(("hook", name)) => {
                let mut default = String::new();
                for line in lines.by_ref().take_while(|line| line.trim() != "//: end") {
                    default.push_str(line);
                    default.push('\n');
                }
                parts.push(Part::Hook { name: name.into(), default });
            }
            Some((_, name)) => parts.push(Part::Repeat { name: name.into(), parts: parse_parts(lines) }),
            None => return parts,
        }
    }
    if !text.is_empty() {
        parts.push(Part::Text(text));
    }
    parts
}

fn fill_parts(parts: &[Part], hooks: &Hooks, item: Option<usize>, out: &mut String) {
    let numbered = |text: &str| match item {
        Some(item) => text.replace("_0", &format!("_{item}")),
        None => text.to_string(),
    };
    for part in parts {
        match part {
            Part::Text(text) => out.push_str(&numbered(text)),
            Part::Hook { name, default } => {
                let text = hooks.texts.get(&numbered(name)).cloned().unwrap_or_else(|| numbered(default));
                out.push_str(&text);
                if !text.is_empty() && !text.ends_with('\n') {
                    out.push('\n');
                }
            }
            Part::Repeat { name, parts } => {
                for item in 0..hooks.repeats.get(name).copied().unwrap_or(1) {
                    fill_parts(parts, hooks, Some(item), out);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str =
        "a\n//: repeat phase\nlet x_0 = 1;\n  //: hook load_0\n  default_0\n  //: end\n//: end\nb\n";

    #[test]
    fn defaults_give_the_file_without_markers() {
        assert_eq!(Template::parse(TEXT).fill(&Hooks::default()), "a\nlet x_0 = 1;\n  default_0\nb\n");
    }

    #[test]
    fn repeats_number_their_hooks() {
        let mut hooks = Hooks::default();
        hooks.repeat("phase", 2);
        hooks.set("load_1", "loaded");
        assert_eq!(
            Template::parse(TEXT).fill(&hooks),
            "a\nlet x_0 = 1;\n  default_0\nlet x_1 = 1;\nloaded\nb\n"
        );
    }
}
