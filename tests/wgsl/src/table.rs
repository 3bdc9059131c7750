//! Programs that are a line each: the files of `table/`.
//!
//! | line | meaning |
//! |---|---|
//! | `name: operands -> result: expression` | a program; operands are `a`, `b` and `c` |
//! | <code>&#124; text</code> | a declaration for the next program, line by line; `$` is a name of its own |
//! | `within ABSOLUTE RELATIVE` or `exact` | how far the floats of the programs that follow may be apart |
//! | `# text` | for people |
//!
//! An operand is the letter of a [`Kind`] and its width: `f2` is a `vec2<f32>`. Without a width the line stands for four programs, of scalars and of vectors with two
//! to four components; with `+` for the three of vectors. In such lines `{f32}` is `f32` or the vector of it that is as wide, and so for other types.

use crate::batch::{Operand, Row};
use crate::values::Kind;
use std::path::Path;

/// Every row of every table, wide ones once for each width.
///
/// Errors: a file that cannot be read, or a line that cannot be understood, with its place.
pub fn rows() -> Result<Vec<Row>, String> {
    let folder = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/table"));
    let entries = std::fs::read_dir(folder).map_err(|e| format!("{}: {e}", folder.display()))?;
    let mut paths = entries
        .map(|entry| entry.map(|e| e.path()))
        .collect::<Result<Vec<_>, _>>()
        .map_err(|e| e.to_string())?;
    paths.sort();
    let mut rows = Vec::new();
    for path in paths {
        let text = std::fs::read_to_string(&path).map_err(|e| format!("{}: {e}", path.display()))?;
        parse(&text, &mut rows).map_err(|e| format!("{}:{e}", path.display()))?;
    }
    Ok(rows)
}

/// Reads one table.
fn parse(text: &str, rows: &mut Vec<Row>) -> Result<(), String> {
    let (mut within, mut declarations) = (None, String::new());
    for (number, line) in text.lines().enumerate() {
        let told = |problem: String| format!("{}: {problem}", number + 1);
        let line = line.trim_end();
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        if let Some(declaration) = line.strip_prefix('|') {
            declarations += declaration.strip_prefix(' ').unwrap_or(declaration);
            declarations.push('\n');
        } else if line == "exact" {
            within = None;
        } else if let Some(accuracy) = line.strip_prefix("within ") {
            let (absolute, relative) =
                accuracy.split_once(' ').ok_or_else(|| told("`within` needs two numbers".into()))?;
            let parse = |n: &str| n.parse::<f64>().map_err(|_| told(format!("`{n}` is no number")));
            within = Some((parse(absolute)?, parse(relative)?));
        } else {
            let declarations = std::mem::take(&mut declarations);
            expand(line, within, &declarations, rows).map_err(told)?;
        }
    }
    Ok(())
}

/// The programs of one line.
fn expand(
    line: &str,
    within: Option<(f64, f64)>,
    declarations: &str,
    rows: &mut Vec<Row>,
) -> Result<(), String> {
    let parts: Vec<&str> = line.splitn(3, ": ").collect();
    let [name, signature, expression] = parts[..] else {
        return Err(format!("`{line}` is not `name: operands -> result: expression`"));
    };
    let (operands, result) = signature.split_once("->").ok_or("there is no `->`")?;
    let words: Vec<&str> = operands.split_whitespace().chain([result.trim()]).collect();
    let widths = match (words.iter().any(|w| w.ends_with('+')), words.iter().any(|w| w.len() == 1)) {
        (true, _) => 2..=4,
        (false, true) => 1..=4,
        (false, false) => 0..=0,
    };
    for width in widths {
        let mut all = words.iter().map(|word| operand(word, width)).collect::<Result<Vec<_>, _>>()?;
        let result = all.pop().ok_or("there is no result")?;
        let typed = |text: &str| {
            ["f32", "i32", "u32", "bool", "f16", "i64", "u64"].iter().fold(
                text.to_string(),
                |text, scalar| {
                    let ty = if width > 1 { format!("vec{width}<{scalar}>") } else { scalar.to_string() };
                    text.replace(&format!("{{{scalar}}}"), &ty)
                },
            )
        };
        rows.push(Row {
            name: if width > 0 { format!("{name} {width}") } else { name.into() },
            operands: all,
            result,
            declarations: typed(declarations),
            expression: typed(expression),
            within,
        });
    }
    Ok(())
}

/// `word` where the others have `width` components.
fn operand(word: &str, width: usize) -> Result<Operand, String> {
    let mut letters = word.chars();
    let letter = letters.next();
    let kind = Kind::ALL.into_iter().find(|kind| Some(kind.letter()) == letter);
    let kind = kind.ok_or_else(|| format!("nobody knows the operand `{word}`"))?;
    let width = match letters.as_str() {
        "" | "+" => width,
        digit => digit.parse().map_err(|_| format!("`{digit}` is no width"))?,
    };
    Ok(Operand { kind, width })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_without_widths_is_four_programs() {
        let mut rows = Vec::new();
        let text = "# x\n| fn $() -> i32 {\n| }\none: i1 n1 -> i1: $(a)\nwithin 0 0.5\nall: f f1 -> b: {f32}(b) < a\n";
        parse(text, &mut rows).unwrap();
        assert_eq!(rows.len(), 5);
        assert_eq!(rows[0].declarations, "fn $() -> i32 {\n}\n");
        assert_eq!((rows[0].name.as_str(), rows[0].within), ("one", None));
        assert_eq!(rows[3].expression, "vec3<f32>(b) < a");
        assert_eq!((rows[3].operands[0].ty(), rows[3].operands[1].ty()), ("vec3<f32>".into(), "f32".into()));
        assert_eq!((rows[3].result.ty(), rows[3].within), ("vec3<bool>".into(), Some((0.0, 0.5))));
    }

    #[test]
    fn mistakes_are_told_with_their_line() {
        for (text, part) in [("\nno sense", "no sense"), ("\nx: q -> i: a", "`q`"), ("\nx: i1: a", "->")] {
            let error = parse(text, &mut Vec::new()).unwrap_err();
            assert!(error.starts_with("2: ") && error.contains(part), "{error}");
        }
    }

    #[test]
    fn names_are_unique() {
        let mut names: Vec<String> = rows().unwrap().into_iter().map(|row| row.name).collect();
        let count = names.len();
        names.sort();
        names.dedup();
        assert_eq!(names.len(), count);
    }
}
