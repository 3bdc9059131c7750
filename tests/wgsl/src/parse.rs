//! The lines that say how to run a program.

use crate::{Access, Buffer, Element, Need, Program};
use half::f16;

impl Program {
    /// Reads a program's text.
    ///
    /// Errors: a line that cannot be understood, with its place.
    pub fn parse(name: &str, source: &str) -> Result<Program, String> {
        let mut program = Program {
            name: name.into(),
            source: source.into(),
            buffers: Vec::new(),
            groups: [1; 3],
            immediates: Vec::new(),
            needs: Vec::new(),
            within: None,
            parts: Vec::new(),
        };
        for (number, line) in source.lines().enumerate() {
            if let Some(line) = line.strip_prefix("//:") {
                program.line(line.trim()).map_err(|e| format!("{name}.wgsl:{}: {e}", number + 1))?;
            }
        }
        if !program.buffers.iter().any(|b| b.access == Access::Write) {
            return Err(format!("{name}.wgsl writes nothing that could be compared"));
        }
        Ok(program)
    }

    fn line(&mut self, line: &str) -> Result<(), String> {
        let (word, rest) = line.split_once(' ').ok_or_else(|| format!("`{line}` says nothing"))?;
        let rest = rest.trim();
        match word {
            "in" => self.buffer(Access::Read, rest),
            "inout" => self.buffer(Access::Write, rest),
            "uniform" => self.buffer(Access::Uniform, rest),
            "out" => {
                let (element, count) = rest.split_once(' ').ok_or("`out` needs a type and a count")?;
                let element = element_of(element)?;
                let count: usize = count.trim().parse().map_err(|_| format!("`{count}` is no count"))?;
                self.buffers.push(Buffer {
                    access: Access::Write,
                    element,
                    bytes: vec![0; count * element.size()],
                });
                Ok(())
            }
            "immediate" => {
                self.immediates = values(rest)?.1;
                Ok(())
            }
            "groups" => {
                for (axis, count) in rest.split(' ').enumerate() {
                    let slot = self.groups.get_mut(axis).ok_or("there are three axes")?;
                    *slot = count.parse().map_err(|_| format!("`{count}` is no count"))?;
                }
                Ok(())
            }
            "needs" => {
                for need in rest.split(' ') {
                    self.needs.push(match need {
                        "f16" => Need::F16,
                        "int64" => Need::Int64,
                        "subgroups" => Need::Subgroups,
                        "immediates" => Need::Immediates,
                        "f32_atomics" => Need::F32Atomics,
                        "int64_atomics" => Need::Int64Atomics,
                        other => return Err(format!("nobody knows the need `{other}`")),
                    });
                }
                Ok(())
            }
            "within" => {
                let (absolute, relative) = rest.split_once(' ').ok_or("`within` needs two numbers")?;
                let number =
                    |text: &str| text.trim().parse::<f64>().map_err(|_| format!("`{text}` is no number"));
                self.within = Some((number(absolute)?, number(relative)?));
                Ok(())
            }
            other => {
                Err(format!("`{other}` is none of in, inout, out, uniform, immediate, groups, needs, within"))
            }
        }
    }

    fn buffer(&mut self, access: Access, text: &str) -> Result<(), String> {
        let (element, bytes) = values(text)?;
        self.buffers.push(Buffer { access, element, bytes });
        Ok(())
    }
}

fn element_of(name: &str) -> Result<Element, String> {
    Ok(match name {
        "i32" => Element::I32,
        "u32" => Element::U32,
        "i64" => Element::I64,
        "u64" => Element::U64,
        "f16" => Element::F16,
        "f32" => Element::F32,
        other => return Err(format!("nobody knows the type `{other}`")),
    })
}

/// `TYPE: value, value, …`
fn values(text: &str) -> Result<(Element, Vec<u8>), String> {
    let (element, list) = text.split_once(':').ok_or("a type, a colon and values are needed")?;
    let element = element_of(element.trim())?;
    let mut bytes = Vec::new();
    for value in list.split(',').map(str::trim) {
        let wrong = || format!("`{value}` is no {element:?}");
        if let Some(bits) = value.strip_prefix("0x") {
            let bits = u64::from_str_radix(bits, 16).map_err(|_| wrong())?;
            bytes.extend_from_slice(&bits.to_le_bytes()[..element.size()]);
            continue;
        }
        match element {
            Element::F32 => bytes.extend(value.parse::<f32>().map_err(|_| wrong())?.to_le_bytes()),
            Element::F16 => {
                let number = value.parse::<f32>().map_err(|_| wrong())?;
                bytes.extend(f16::from_f32(number).to_le_bytes());
            }
            _ => {
                let number = value.parse::<i128>().map_err(|_| wrong())?;
                let fits = match element {
                    Element::I32 => i32::try_from(number).is_ok(),
                    Element::U32 => u32::try_from(number).is_ok(),
                    Element::I64 => i64::try_from(number).is_ok(),
                    _ => u64::try_from(number).is_ok(),
                };
                if !fits {
                    return Err(wrong());
                }
                bytes.extend_from_slice(&number.to_le_bytes()[..element.size()]);
            }
        }
    }
    Ok((element, bytes))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_understood() {
        let text = "//: in f32: 1.5, -inf, 0x7fc00000\n//: out i64 2\n//: groups 3 4\n//: needs f16 int64\n//: within 0.5 0\n";
        let program = Program::parse("p", text).unwrap();
        assert_eq!(program.buffers[0].bytes[..4], 1.5f32.to_le_bytes());
        assert_eq!(program.buffers[0].bytes[8..], 0x7fc00000u32.to_le_bytes());
        assert_eq!(program.buffers[1].bytes, [0; 16]);
        assert_eq!(program.groups, [3, 4, 1]);
        assert_eq!(program.needs, [Need::F16, Need::Int64]);
        assert_eq!(program.within, Some((0.5, 0.0)));
    }

    #[test]
    fn mistakes_are_told_with_their_place() {
        for (text, part) in [
            ("//: in f33: 1", "f33"),
            ("//: in i32: 3000000000", "3000000000"),
            ("//: out u32 many", "many"),
            ("//: needs luck", "luck"),
            ("//: outt u32 4", "outt"),
        ] {
            let error = Program::parse("p", text).unwrap_err();
            assert!(error.contains(part) && error.contains("p.wgsl:1"), "{error}");
        }
        assert!(Program::parse("p", "//: in u32: 1").unwrap_err().contains("writes nothing"));
    }

    #[test]
    fn differences_are_found() {
        let program = Program::parse("p", "//: in f32: 1\n//: out f32 2\n//: within 0.01 0").unwrap();
        let words = |a: f32, b: f32| vec![Vec::new(), [a.to_le_bytes(), b.to_le_bytes()].concat()];
        assert!(program.compare(&words(1.0, 2.0), &words(1.0, 2.005)).is_ok());
        assert!(program.compare(&words(f32::NAN, 2.0), &words(f32::NAN, 2.0)).is_ok());
        assert!(program.compare(&words(f32::INFINITY, 2.0), &words(f32::INFINITY, 2.0)).is_ok());
        let error = program.compare(&words(1.0, 2.0), &words(1.0, 2.02)).unwrap_err();
        assert!(error.contains("binding 1[1]"), "{error}");
        assert!(program.compare(&words(1.0, f32::NAN), &words(1.0, 2.0)).is_err());
        assert!(program.compare(&words(1.0, 2.0), &[Vec::new(), Vec::new()]).is_err());
    }
}
