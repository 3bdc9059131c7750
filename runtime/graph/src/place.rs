//! Memory placement: lays values with known lifetimes into one arena.

/// A block of memory that is live from the step that first writes it to the one that last reads it, both included.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Block {
    /// Size in bytes.
    pub bytes: u64,
    /// First step that touches the block.
    pub first: usize,
    /// Last step that touches the block.
    pub last: usize,
}

/// Where each block lies.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Placement {
    /// Offset of each block, in the order given.
    pub offsets: Vec<u64>,
    /// Bytes of the arena.
    pub bytes: u64,
}

/// Places blocks so that no two that are live at one step overlap; every offset is a multiple of `alignment`.
///
/// Largest first, each into the tightest gap that is free over its lifetime ("greedy by size" of Pisarchyk and Lee, "Efficient memory
/// management for deep neural net inference", 2020).
pub fn place(blocks: &[Block], alignment: u64) -> Placement {
    let mut order: Vec<usize> = (0..blocks.len()).filter(|&b| blocks[b].bytes > 0).collect();
    order.sort_by_key(|&b| (std::cmp::Reverse(blocks[b].bytes), blocks[b].first));
    let mut placement = Placement { offsets: vec![0; blocks.len()], bytes: 0 };
    let mut placed: Vec<usize> = Vec::new(); // by offset
    for &block in &order {
        let size = blocks[block].bytes.next_multiple_of(alignment);
        let (mut best, mut best_gap, mut end) = (None, u64::MAX, 0);
        for &other in &placed {
            if blocks[other].last < blocks[block].first || blocks[block].last < blocks[other].first {
                continue;
            }
            let start = placement.offsets[other];
            if start >= end && start - end >= size && start - end < best_gap {
                best = Some(end);
                best_gap = start - end;
            }
            end = end.max(start + blocks[other].bytes.next_multiple_of(alignment));
        }
        let offset = best.unwrap_or(end);
        placement.offsets[block] = offset;
        placement.bytes = placement.bytes.max(offset + size);
        let position = placed.partition_point(|&p| placement.offsets[p] <= offset);
        placed.insert(position, block);
    }
    placement
}

/// The least arena that any placement could reach: the largest sum of blocks live at one step.
pub fn peak(blocks: &[Block], alignment: u64) -> u64 {
    let steps = blocks.iter().map(|b| b.last + 1).max().unwrap_or(0);
    (0..steps)
        .map(|step| {
            let live = blocks.iter().filter(|b| b.first <= step && step <= b.last);
            live.map(|b| b.bytes.next_multiple_of(alignment)).sum()
        })
        .max()
        .unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_chain_reuses_two_blocks() {
        let blocks: Vec<Block> = (0..10).map(|i| Block { bytes: 100, first: i, last: i + 1 }).collect();
        let placement = place(&blocks, 64);
        assert_eq!(placement.bytes, 256);
        assert_eq!(peak(&blocks, 64), 256);
        for (i, a) in blocks.iter().enumerate() {
            for (j, b) in blocks.iter().enumerate().skip(i + 1) {
                let alive_together = a.first <= b.last && b.first <= a.last;
                assert!(!alive_together || placement.offsets[i] != placement.offsets[j]);
            }
        }
    }
}
