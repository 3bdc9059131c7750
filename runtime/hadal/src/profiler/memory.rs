//! Memory over time, and who holds it at the peak.

use hadal_device::MemoryUse;
use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

/// How the memory of a device went up and down.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct MemoryTimeline {
    /// Bytes in use when the profile began.
    pub before: u64,
    /// Bytes in use after each allocation and each release.
    pub points: Vec<MemoryPoint>,
    /// The most bytes in use at one time.
    pub peak: u64,
    /// When that was, in nanoseconds since the profile began.
    pub peak_at: u64,
    /// What was in use then, largest first.
    pub live_at_peak: Vec<Live>,
    /// Number of allocations.
    pub allocations: usize,
}

impl MemoryTimeline {
    /// Bytes in use when the profile ended.
    pub fn after(&self) -> u64 {
        self.points.last().map_or(self.before, |point| point.bytes)
    }
}

/// Bytes in use from a moment on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MemoryPoint {
    /// Nanoseconds since the profile began.
    pub time: u64,
    /// Bytes in use.
    pub bytes: u64,
}

/// Blocks in use that were asked for by the same work.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Live {
    /// What went on when they were handed out.
    pub what: String,
    /// What they serve for: `tensor`, `plan`, `transfer`; empty where that is not known.
    pub purpose: &'static str,
    /// How many there are.
    pub blocks: usize,
    /// Bytes of all of them.
    pub bytes: u64,
}

/// A block handed out (for a purpose) or given back (without).
pub(super) struct MemoryEvent {
    pub(super) time: u64,
    pub(super) block: u64,
    pub(super) bytes: u64,
    pub(super) purpose: Option<MemoryUse>,
    pub(super) what: Option<Arc<str>>,
}

/// Plays the events once for the curve, and once more up to its peak.
pub(super) fn timeline(before: u64, events: &[MemoryEvent]) -> MemoryTimeline {
    let (mut bytes, mut peak, mut peak_at, mut until) = (before, before, 0, 0);
    let mut points = Vec::with_capacity(events.len());
    for (index, event) in events.iter().enumerate() {
        bytes = match event.purpose {
            Some(_) => bytes + event.bytes,
            None => bytes.saturating_sub(event.bytes),
        };
        points.push(MemoryPoint { time: event.time, bytes });
        if bytes > peak {
            (peak, peak_at, until) = (bytes, event.time, index + 1);
        }
    }
    let mut older = before;
    let mut blocks: HashMap<u64, &MemoryEvent> = HashMap::new();
    for event in &events[..until] {
        if event.purpose.is_some() {
            blocks.insert(event.block, event);
        } else if blocks.remove(&event.block).is_none() {
            older = older.saturating_sub(event.bytes);
        }
    }
    let mut groups: BTreeMap<(&str, &'static str), (usize, u64)> = BTreeMap::new();
    for event in blocks.values() {
        let what = event.what.as_deref().unwrap_or("nothing that is known");
        let purpose = event.purpose.map_or("", name);
        let group = groups.entry((what, purpose)).or_default();
        *group = (group.0 + 1, group.1 + event.bytes);
    }
    let mut live_at_peak: Vec<Live> = groups
        .into_iter()
        .map(|((what, purpose), (blocks, bytes))| Live { what: what.into(), purpose, blocks, bytes })
        .collect();
    if older > 0 {
        live_at_peak.push(Live { what: "before the profile".into(), purpose: "", blocks: 0, bytes: older });
    }
    live_at_peak.sort_by_key(|live| std::cmp::Reverse(live.bytes));
    let allocations = events.iter().filter(|event| event.purpose.is_some()).count();
    MemoryTimeline { before, points, peak, peak_at, live_at_peak, allocations }
}

fn name(purpose: MemoryUse) -> &'static str {
    match purpose {
        MemoryUse::Tensor => "tensor",
        MemoryUse::Plan => "plan",
        MemoryUse::Transfer => "transfer",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_peak_names_what_was_live_then() {
        let event = |time, block, bytes, purpose, what: &str| MemoryEvent {
            time,
            block,
            bytes,
            purpose,
            what: Some(what.into()),
        };
        let tensor = Some(MemoryUse::Tensor);
        let events = [
            event(1, 1, 100, tensor, "upload"),
            event(2, 9, 30, None, "upload"),
            event(3, 2, 50, Some(MemoryUse::Plan), "run"),
            event(4, 3, 60, tensor, "upload"),
            event(5, 1, 100, None, "run"),
            event(6, 1, 20, tensor, "run"),
        ];
        let timeline = timeline(40, &events);
        assert_eq!((timeline.peak, timeline.peak_at, timeline.after()), (220, 4, 140));
        assert_eq!((timeline.allocations, timeline.points.len()), (4, 6));
        let live: Vec<_> = timeline.live_at_peak.iter().map(|l| (&*l.what, l.blocks, l.bytes)).collect();
        assert_eq!(live, [("upload", 2, 160), ("run", 1, 50), ("before the profile", 0, 10)]);
    }
}
