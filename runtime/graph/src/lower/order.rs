//! The order of steps: each after those that it reads, and so that little memory is held at a time.
//!
//! Two orders are tried, and the one whose values need less memory at their worst moment is taken.
//!
//! - *As written*: of the groups that are ready, the one whose newest node is oldest.
//! - *On demand*: results are asked for, those that few steps lie before first. What a result needs runs when it is asked for, so what a
//!   backward pass computes from values of the forward pass does not lie in memory from then on, and what is computed again behind a
//!   barrier is computed just before it is read. In between, whatever frees more than it writes runs as soon as it can: the gradient of a
//!   weight, after which an activation is not needed any more.
//!
//! Finding the best order is NP-hard; both of these are linear but for a logarithm.

use std::collections::BTreeSet;

/// A value that a group writes to memory.
pub(super) struct Stored {
    /// 0 for what outlives the run: it has memory of its own in any order.
    pub(super) bytes: u64,
    /// Groups that read it, each once.
    pub(super) readers: Vec<usize>,
}

/// What the groups of a graph write, read, and wait for.
#[derive(Default)]
pub(super) struct Flow {
    pub(super) values: Vec<Stored>,
    /// By group: the values that it writes.
    pub(super) writes: Vec<Vec<usize>>,
    /// By group: the values of other groups that it reads, each once.
    pub(super) reads: Vec<Vec<usize>>,
    /// By group: the groups that come before it.
    pub(super) needs: Vec<BTreeSet<usize>>,
    /// By group: a number such that "as written" is by rising numbers; `None` for groups that are empty.
    pub(super) rank: Vec<Option<usize>>,
}

/// Indices of groups, in the order in which they run. `sized` says whether the sizes of values are known.
pub(super) fn order(flow: &Flow, sized: bool) -> Vec<usize> {
    let users = users(flow);
    let written = as_written(flow, &users);
    if !sized {
        return written;
    }
    let demanded = OnDemand::new(flow, &users).run(&written);
    if peak(flow, &demanded).0 < peak(flow, &written).0 { demanded } else { written }
}

/// The most bytes that values need at a time, and the position in `order` where they do.
pub(super) fn peak(flow: &Flow, order: &[usize]) -> (u64, usize) {
    let mut left: Vec<usize> = flow.values.iter().map(|v| v.readers.len()).collect();
    let (mut live, mut worst) = (0, (0, 0));
    for (position, &group) in order.iter().enumerate() {
        live += flow.writes[group].iter().map(|&v| flow.values[v].bytes).sum::<u64>();
        if live > worst.0 {
            worst = (live, position);
        }
        for &value in &flow.reads[group] {
            left[value] -= 1;
            if left[value] == 0 {
                live -= flow.values[value].bytes;
            }
        }
        let unread = flow.writes[group].iter().filter(|&&v| flow.values[v].readers.is_empty());
        live -= unread.map(|&v| flow.values[v].bytes).sum::<u64>();
    }
    worst
}

fn users(flow: &Flow) -> Vec<Vec<usize>> {
    let mut users = vec![Vec::new(); flow.needs.len()];
    for (group, needs) in flow.needs.iter().enumerate() {
        needs.iter().for_each(|&need| users[need].push(group));
    }
    users
}

fn as_written(flow: &Flow, users: &[Vec<usize>]) -> Vec<usize> {
    let mut missing: Vec<usize> = flow.needs.iter().map(BTreeSet::len).collect();
    let ranked = flow.rank.iter().enumerate().filter_map(|(group, rank)| Some(((*rank)?, group)));
    let mut ready: BTreeSet<(usize, usize)> = ranked.filter(|&(_, group)| missing[group] == 0).collect();
    let mut order = Vec::new();
    while let Some((_, group)) = ready.pop_first() {
        order.push(group);
        for &user in &users[group] {
            missing[user] -= 1;
            if let (0, Some(rank)) = (missing[user], flow.rank[user]) {
                ready.insert((rank, user));
            }
        }
    }
    order
}

/// Of a value that more groups than this still read, no one group is what frees it.
const MANY: usize = 8;

/// What writes no more than this runs as soon as it can: what waits for a scalar may be what frees most.
const SMALL: u64 = 256;

struct OnDemand<'a> {
    flow: &'a Flow,
    users: &'a [Vec<usize>],
    /// By group: the longest chain of groups that come before it.
    level: Vec<usize>,
    missing: Vec<usize>,
    /// By value: readers that have not run.
    left: Vec<usize>,
    done: Vec<bool>,
    /// Groups that are ready and free more than they write, or write next to nothing, by rank.
    shrinking: BTreeSet<(usize, usize)>,
    order: Vec<usize>,
}

impl<'a> OnDemand<'a> {
    fn new(flow: &'a Flow, users: &'a [Vec<usize>]) -> OnDemand<'a> {
        OnDemand {
            flow,
            users,
            level: vec![0; flow.needs.len()],
            missing: flow.needs.iter().map(BTreeSet::len).collect(),
            left: flow.values.iter().map(|v| v.readers.len()).collect(),
            done: vec![false; flow.needs.len()],
            shrinking: BTreeSet::new(),
            order: Vec::new(),
        }
    }

    fn run(mut self, written: &[usize]) -> Vec<usize> {
        let ready = |&group: &usize| self.missing[group] == 0 && self.shrinks(group);
        let ranked = |group: usize| Some((self.flow.rank[group]?, group));
        self.shrinking = written.iter().copied().filter(ready).filter_map(ranked).collect();
        for &group in written {
            let levels = self.flow.needs[group].iter().map(|&need| self.level[need] + 1);
            self.level[group] = levels.max().unwrap_or(0);
        }
        let mut results: Vec<usize> =
            written.iter().copied().filter(|&group| self.users[group].is_empty()).collect();
        results.sort_by_key(|&group| self.level[group]);
        for result in results {
            self.demand(result);
        }
        self.order
    }

    /// Runs a group, after all that it needs.
    fn demand(&mut self, group: usize) {
        let mut stack = vec![(group, false)];
        while let Some((group, entered)) = stack.pop() {
            if self.done[group] {
                continue;
            }
            if entered {
                self.finish(group);
                while let Some((_, next)) = self.shrinking.pop_first() {
                    if !self.done[next] {
                        self.finish(next);
                    }
                }
                continue;
            }
            stack.push((group, true));
            let mut needs: Vec<usize> =
                self.flow.needs[group].iter().copied().filter(|&need| !self.done[need]).collect();
            // What most steps lie before comes first, so that what is quickly had does not wait for it.
            needs.sort_by_key(|&need| (self.level[need], std::cmp::Reverse(self.flow.rank[need])));
            stack.extend(needs.into_iter().map(|need| (need, false)));
        }
    }

    fn finish(&mut self, group: usize) {
        self.done[group] = true;
        self.order.push(group);
        let flow = self.flow;
        let mut touched: Vec<usize> = Vec::new();
        for &value in &flow.reads[group] {
            self.left[value] -= 1;
            if self.left[value] <= MANY {
                touched.extend(flow.values[value].readers.iter().copied().filter(|&r| !self.done[r]));
            }
        }
        for &user in &self.users[group] {
            self.missing[user] -= 1;
            touched.push(user);
        }
        for group in touched {
            if let (0, Some(rank), true) = (self.missing[group], flow.rank[group], self.shrinks(group)) {
                self.shrinking.insert((rank, group));
            }
        }
    }

    fn written(&self, group: usize) -> u64 {
        self.flow.writes[group].iter().map(|&v| self.flow.values[v].bytes).sum()
    }

    /// Whether a group frees more than it writes, or writes next to nothing. What several groups will free together counts for each by its
    /// share.
    fn shrinks(&self, group: usize) -> bool {
        let share = |&value: &usize| match self.left[value] {
            left if left > MANY => 0,
            left => self.flow.values[value].bytes / left.max(1) as u64,
        };
        let freed: u64 = self.flow.reads[group].iter().map(share).sum();
        let written = self.written(group);
        freed > written || (0 < written && written <= SMALL)
    }
}
