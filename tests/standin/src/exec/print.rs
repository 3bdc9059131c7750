//! `printf` and `assert`.

use super::step::{Context, Stop};
use crate::compile::code::lanes;
use crate::ptx::Space;
use crate::report::{Fault, FindingKind};

impl Context<'_, '_> {
    pub(crate) fn print(
        &mut self,
        mask: u32,
        format: usize,
        arguments: usize,
        result: usize,
    ) -> Result<(), Stop> {
        for lane in lanes(mask) {
            let text = self.print_lane(lane, format, arguments).map_err(|fault| (lane, fault))?;
            self.launch.printed.push_str(&text);
            let at = lane * self.launch.code.local_size + result;
            self.warp.local[at..at + 4].copy_from_slice(&1u32.to_le_bytes());
            self.warp.local_defined.set(at, 4);
        }
        Ok(())
    }

    /// The failed `assert` of the first lane.
    pub(crate) fn assertion(&mut self, mask: u32, [message, file, line]: [usize; 3]) -> Stop {
        let lane = mask.trailing_zeros() as usize;
        let text = |context: &mut Self, at| {
            let address = context.local_word(lane, at);
            context.text(lane, address).unwrap_or_else(|_| "?".to_owned())
        };
        let (message, file) = (text(self, message), text(self, file));
        let line = self.local_word(lane, line) as u32;
        (lane, Fault::new(FindingKind::Assertion, format!("`{message}` does not hold at {file}:{line}")))
    }

    fn local_word(&self, lane: usize, at: usize) -> u64 {
        let at = lane * self.launch.code.local_size + at;
        let mut word = [0; 8];
        let length = word.len().min(self.warp.local.len() - at);
        word[..length].copy_from_slice(&self.warp.local[at..at + length]);
        u64::from_le_bytes(word)
    }

    fn bytes<const N: usize>(&mut self, lane: usize, address: u64) -> Result<[u8; N], Fault> {
        let region = self.resolve(lane, Space::Generic, address, N, N)?;
        let mut out = [0; N];
        self.read(region, &mut out)?;
        Ok(out)
    }

    /// Text that ends with a zero.
    fn text(&mut self, lane: usize, address: u64) -> Result<String, Fault> {
        let mut out = String::new();
        for at in address.. {
            match self.bytes::<1>(lane, at)? {
                [0] => break,
                [byte] => out.push(byte as char),
            }
        }
        Ok(out)
    }

    fn print_lane(&mut self, lane: usize, format: usize, arguments: usize) -> Result<String, Fault> {
        let format = self.local_word(lane, format);
        let format = self.text(lane, format)?;
        let mut at = self.local_word(lane, arguments);
        let mut out = String::new();
        let mut rest = format.chars().peekable();
        while let Some(c) = rest.next() {
            if c != '%' {
                out.push(c);
                continue;
            }
            let mut spec = String::new();
            while let Some(&next) = rest.peek() {
                rest.next();
                spec.push(next);
                if next.is_ascii_alphabetic() && !matches!(next, 'l' | 'h' | 'z' | 'j' | 't') || next == '%' {
                    break;
                }
            }
            let kind = spec.chars().last().unwrap_or('%');
            if kind == '%' {
                out.push('%');
                continue;
            }
            let wide =
                spec.contains("ll") || spec.contains('l') || spec.contains('z') || "fFeEgGsp".contains(kind);
            let size: u64 = if wide { 8 } else { 4 };
            at = at.next_multiple_of(size);
            let bits = match wide {
                true => u64::from_le_bytes(self.bytes::<8>(lane, at)?),
                false => u32::from_le_bytes(self.bytes::<4>(lane, at)?).into(),
            };
            at += size;
            let piece = match kind {
                's' => self.text(lane, bits)?,
                _ => number(&spec, kind, bits, wide),
            };
            let width: usize = spec
                .trim_start_matches(['-', '+', ' ', '#', '0'])
                .split(|c: char| !c.is_ascii_digit())
                .next()
                .and_then(|w| w.parse().ok())
                .unwrap_or(0);
            match spec.starts_with('-') {
                true => out.push_str(&format!("{piece:<width$}")),
                false => out.push_str(&format!("{piece:>width$}")),
            }
        }
        Ok(out)
    }
}

/// A number as C prints it, as far as tests need: precision, and signs where they are asked for.
fn number(spec: &str, kind: char, bits: u64, wide: bool) -> String {
    let precision =
        spec.split_once('.').map(|(_, p)| p.chars().take_while(char::is_ascii_digit).collect::<String>());
    let precision = precision.and_then(|p| p.parse().ok()).unwrap_or(6);
    match kind {
        'd' | 'i' if wide => (bits as i64).to_string(),
        'd' | 'i' => (bits as u32 as i32).to_string(),
        'u' => bits.to_string(),
        'x' => format!("{bits:x}"),
        'X' => format!("{bits:X}"),
        'p' => format!("{bits:#x}"),
        'c' => (bits as u8 as char).to_string(),
        'e' | 'E' => format!("{:.precision$e}", f64::from_bits(bits)),
        'f' | 'F' => format!("{:.precision$}", f64::from_bits(bits)),
        _ => f64::from_bits(bits).to_string(),
    }
}
