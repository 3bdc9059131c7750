//! The cheapest way to part the sources of a network from its sinks.

use std::collections::VecDeque;

/// A directed network whose edges have capacities.
pub(super) struct Network {
    /// Pairs of an edge and its reverse: where it leads, and how much more it can carry.
    edges: Vec<(usize, u64)>,
    /// By node: the edges that leave it.
    leaving: Vec<Vec<usize>>,
}

/// The capacity of an edge that is never cut.
pub(super) const UNBOUNDED: u64 = u64::MAX / 4;

impl Network {
    pub(super) fn new(nodes: usize) -> Network {
        Network { edges: Vec::new(), leaving: vec![Vec::new(); nodes] }
    }

    pub(super) fn edge(&mut self, from: usize, to: usize, capacity: u64) {
        self.leaving[from].push(self.edges.len());
        self.edges.push((to, capacity));
        self.leaving[to].push(self.edges.len());
        self.edges.push((from, 0));
    }

    /// Which nodes lie on the sink's side of a cut of least capacity; of several, of the one nearest to the sink.
    ///
    /// Dinic's algorithm: as long as there is a way from source to sink, flow is sent along all shortest ones.
    pub(super) fn sink_side(mut self, source: usize, sink: usize) -> Vec<bool> {
        loop {
            let level = self.levels(source);
            if level[sink] == usize::MAX {
                break;
            }
            let mut next = vec![0; self.leaving.len()];
            while self.send(source, sink, &level, &mut next) {}
        }
        let mut reaches = vec![false; self.leaving.len()];
        reaches[sink] = true;
        let mut open = vec![sink];
        while let Some(node) = open.pop() {
            for &edge in &self.leaving[node] {
                let from = self.edges[edge].0;
                if self.edges[edge ^ 1].1 > 0 && !reaches[from] {
                    reaches[from] = true;
                    open.push(from);
                }
            }
        }
        reaches
    }

    /// By node: the edges of the shortest way from the source that can carry more.
    fn levels(&self, source: usize) -> Vec<usize> {
        let mut level = vec![usize::MAX; self.leaving.len()];
        level[source] = 0;
        let mut open = VecDeque::from([source]);
        while let Some(node) = open.pop_front() {
            for &edge in &self.leaving[node] {
                let (to, capacity) = self.edges[edge];
                if capacity > 0 && level[to] == usize::MAX {
                    level[to] = level[node] + 1;
                    open.push_back(to);
                }
            }
        }
        level
    }

    /// Sends flow along one shortest way; `next` remembers edges that lead nowhere. Returns whether there was one.
    fn send(&mut self, source: usize, sink: usize, level: &[usize], next: &mut [usize]) -> bool {
        let mut way: Vec<usize> = Vec::new();
        let mut node = source;
        while node != sink {
            let onward = self.leaving[node].get(next[node]).copied();
            match onward {
                Some(edge) => {
                    let (to, capacity) = self.edges[edge];
                    if capacity > 0 && level[to] == level[node].saturating_add(1) {
                        way.push(edge);
                        node = to;
                    } else {
                        next[node] += 1;
                    }
                }
                None => {
                    let Some(edge) = way.pop() else { return false };
                    node = self.edges[edge ^ 1].0;
                    next[node] += 1;
                }
            }
        }
        let least = way.iter().map(|&edge| self.edges[edge].1).min().unwrap_or(0);
        for edge in way {
            self.edges[edge].1 -= least;
            self.edges[edge ^ 1].1 += least;
        }
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_cheapest_cut_nearest_to_the_sink() {
        let mut network = Network::new(6);
        for (from, to, capacity) in
            [(0, 1, UNBOUNDED), (1, 2, 7), (2, 3, 4), (3, 5, UNBOUNDED), (2, 4, 3), (4, 5, UNBOUNDED)]
        {
            network.edge(from, to, capacity);
        }
        assert_eq!(network.sink_side(0, 5), [false, false, false, true, true, true], "7 is 4 + 3");
        let mut network = Network::new(4);
        for (from, to, capacity) in [(0, 1, UNBOUNDED), (1, 2, 2), (2, 3, 5)] {
            network.edge(from, to, capacity);
        }
        assert_eq!(network.sink_side(0, 3), [false, false, true, true]);
    }
}
