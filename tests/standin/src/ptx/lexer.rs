//! Characters to tokens. A word keeps its dots (`ld.global.v4.f32`, `%tid.x`) and its double colons (`shared::cta`).

use super::{ParseError, error};

/// What a token is; its text says the rest.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// A name, an opcode, a directive, a register.
    Word,
    /// Starts with a digit.
    Number,
    /// Text between quotation marks, without them.
    Text,
    /// One character.
    Mark(u8),
    /// Behind the last token.
    End,
}

#[derive(Clone, Copy, Debug)]
pub(crate) struct Token<'a> {
    pub(crate) kind: Kind,
    pub(crate) text: &'a str,
    pub(crate) line: u32,
}

pub(crate) fn tokens(source: &str) -> Result<Vec<Token<'_>>, ParseError> {
    let bytes = source.as_bytes();
    let mut out = Vec::with_capacity(source.len() / 4);
    let (mut at, mut line) = (0, 1u32);
    while at < bytes.len() {
        let start = at;
        let byte = bytes[at];
        let kind = match byte {
            b'\n' => {
                line += 1;
                at += 1;
                continue;
            }
            // NVRTC hands out text with the terminating zero of C.
            b' ' | b'\t' | b'\r' | 0 => {
                at += 1;
                continue;
            }
            b'/' if bytes.get(at + 1) == Some(&b'/') => {
                at += bytes[at..].iter().position(|&b| b == b'\n').unwrap_or(bytes.len() - at);
                continue;
            }
            b'/' if bytes.get(at + 1) == Some(&b'*') => {
                let Some(length) = source[at + 2..].find("*/") else {
                    return error(line, "a comment without an end");
                };
                line += bytes[at..at + 2 + length].iter().filter(|&&b| b == b'\n').count() as u32;
                at += length + 4;
                continue;
            }
            b'"' => {
                let Some(length) = source[at + 1..].find('"') else {
                    return error(line, "a string without an end");
                };
                at += length + 2;
                out.push(Token { kind: Kind::Text, text: &source[start + 1..start + 1 + length], line });
                continue;
            }
            _ if byte.is_ascii_digit() => {
                at += run(bytes, at, |b| b.is_ascii_alphanumeric() || b == b'.');
                Kind::Number
            }
            _ if opens_word(byte) => {
                at += 1;
                loop {
                    // Directives may stand without a space between them: `.reg.b32`.
                    at += run(bytes, at, |b| {
                        b.is_ascii_digit() || opens_word(b) && !(byte == b'.' && b == b'.')
                    });
                    let colons = bytes[at..].starts_with(b"::");
                    if !(colons && bytes.get(at + 2).is_some_and(u8::is_ascii_alphanumeric)) {
                        break;
                    }
                    at += 2;
                }
                Kind::Word
            }
            _ if byte.is_ascii() => {
                at += 1;
                Kind::Mark(byte)
            }
            _ => return error(line, "a character that is not ASCII"),
        };
        out.push(Token { kind, text: &source[start..at], line });
    }
    out.push(Token { kind: Kind::End, text: "the end of the text", line });
    Ok(out)
}

fn opens_word(byte: u8) -> bool {
    byte.is_ascii_alphabetic() || matches!(byte, b'_' | b'$' | b'%' | b'.')
}

fn run(bytes: &[u8], at: usize, belongs: impl Fn(u8) -> bool) -> usize {
    bytes[at..].iter().position(|&b| !belongs(b)).unwrap_or(bytes.len() - at)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn directives_are_split() {
        let tokens = tokens("{.reg.b16 low;").expect("tokens");
        let texts: Vec<_> = tokens[..5].iter().map(|t| t.text).collect();
        assert_eq!(texts, ["{", ".reg", ".b16", "low", ";"]);
    }

    #[test]
    fn words_keep_dots_and_colons_and_lines_are_counted_through_comments() {
        let source = "ld.shared::cta.v2.f32 /* a\nb */ {%f1, %f2}, [%rd1+-4]; // x\nL1: bra L1;";
        let tokens = tokens(source).expect("tokens");
        let texts: Vec<_> = tokens.iter().map(|t| t.text).collect();
        let expected =
            ["ld.shared::cta.v2.f32", "{", "%f1", ",", "%f2", "}", ",", "[", "%rd1", "+", "-", "4", "]", ";"];
        assert_eq!(texts[..14], expected);
        assert_eq!((tokens[14].text, tokens[14].line), ("L1", 3));
        assert_eq!(texts[15], ":");
    }
}
