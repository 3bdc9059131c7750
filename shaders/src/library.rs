//! The WGSL function library: exact integer arithmetic that WGSL lacks, functions that it has with too little precision, and
//! conversions. Only the functions that a kernel uses are added to its text.

use std::collections::BTreeSet;

/// Library files; each is valid WGSL of its own.
pub(crate) const FILES: [(&str, &str); 5] = [
    ("float", include_str!("../library/float.wgsl")),
    ("convert", include_str!("../library/convert.wgsl")),
    ("integer", include_str!("../library/integer.wgsl")),
    ("integer64", include_str!("../library/integer64.wgsl")),
    ("random", include_str!("../library/random.wgsl")),
];

/// The library functions that `text` uses, directly or through others, in the order of the files.
pub(crate) fn functions_for(text: &str) -> String {
    let library: Vec<(&str, &str)> = FILES.iter().flat_map(|(_, file)| functions(file)).collect();
    let mut used: BTreeSet<usize> = BTreeSet::new();
    let mut pending: Vec<&str> = vec![text];
    while let Some(text) = pending.pop() {
        for word in identifiers(text) {
            if let Some(found) = library.iter().position(|(name, _)| *name == word)
                && used.insert(found)
            {
                pending.push(library[found].1);
            }
        }
    }
    let mut out = String::new();
    let mut seen: BTreeSet<&str> = BTreeSet::new();
    for index in used {
        let (name, function) = library[index];
        if seen.insert(name) {
            out.push_str(function);
            out.push('\n');
        }
    }
    out
}

/// Top-level functions of a file: from `fn name(` in the first column to `}` in the first column.
fn functions(file: &str) -> Vec<(&str, &str)> {
    let mut found = Vec::new();
    let mut rest = file;
    while let Some(start) = rest.find("\nfn ") {
        let body = &rest[start + 1..];
        let end = body.find("\n}\n").map_or(body.len(), |end| end + 3);
        let name = body[3..].split('(').next().unwrap_or_default();
        found.push((name, &body[..end]));
        rest = &body[end.saturating_sub(1)..];
    }
    found
}

fn identifiers(text: &str) -> impl Iterator<Item = &str> {
    text.split(|c: char| !(c.is_ascii_alphanumeric() || c == '_')).filter(|word| !word.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_function_brings_what_it_calls_and_nothing_else() {
        let text = functions_for("let x = max_f32(a, b);");
        assert!(text.contains("fn max_f32("), "{text}");
        assert!(text.contains("fn is_nan("), "{text}");
        assert!(!text.contains("fn erf("), "{text}");
    }
}
