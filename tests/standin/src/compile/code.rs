//! The form that is run: a flat list of decoded instructions over rows of lanes.
//!
//! A *row* is one register of all 32 lanes of a warp. Constants and special registers are rows that are filled when a warp starts, so every operand is a row. Arithmetic is
//! a boxed closure over whole rows; the loop over lanes is inside it.

use crate::exec::LANES;
use crate::ptx::Space;
use std::sync::Arc;

/// A register of all lanes: 64 bits each, the high ones zero where the register has fewer.
pub(crate) type Row = [u64; LANES];
/// A row's number.
pub(crate) type Reg = usize;

pub(crate) type Map1 = Box<dyn Fn(&mut Row, &Row, u32) + Send + Sync>;
pub(crate) type Map2 = Box<dyn Fn(&mut Row, &Row, &Row, u32) + Send + Sync>;
pub(crate) type Map3 = Box<dyn Fn(&mut Row, &Row, &Row, &Row, u32) + Send + Sync>;
pub(crate) type General = Box<dyn Fn([u64; 4]) -> [u64; 2] + Send + Sync>;
pub(crate) type Combine = Box<dyn Fn(u64, u64) -> u64 + Send + Sync>;

const FULL: u32 = u32::MAX;

/// The lanes of a mask, lowest first.
pub(crate) fn lanes(mask: u32) -> impl Iterator<Item = usize> {
    let mut left = mask;
    std::iter::from_fn(move || {
        let lane = left.trailing_zeros();
        left &= left.wrapping_sub(1);
        (lane < 32).then_some(lane as usize)
    })
}

pub(crate) fn map1(f: impl Fn(u64) -> u64 + Send + Sync + 'static) -> Map1 {
    Box::new(move |d, a, mask| match mask {
        FULL => (0..LANES).for_each(|i| d[i] = f(a[i])),
        _ => lanes(mask).for_each(|i| d[i] = f(a[i])),
    })
}

pub(crate) fn map2(f: impl Fn(u64, u64) -> u64 + Send + Sync + 'static) -> Map2 {
    Box::new(move |d, a, b, mask| match mask {
        FULL => (0..LANES).for_each(|i| d[i] = f(a[i], b[i])),
        _ => lanes(mask).for_each(|i| d[i] = f(a[i], b[i])),
    })
}

pub(crate) fn map3(f: impl Fn(u64, u64, u64) -> u64 + Send + Sync + 'static) -> Map3 {
    Box::new(move |d, a, b, c, mask| match mask {
        FULL => (0..LANES).for_each(|i| d[i] = f(a[i], b[i], c[i])),
        _ => lanes(mask).for_each(|i| d[i] = f(a[i], b[i], c[i])),
    })
}

/// A kernel with every function that it calls.
pub(crate) struct Code {
    pub(crate) name: String,
    pub(crate) instructions: Vec<Inst>,
    pub(crate) rows: usize,
    pub(crate) constants: Vec<(Reg, u64)>,
    pub(crate) specials: Vec<(Reg, Special)>,
    /// The register that a row stands for, for messages.
    pub(crate) row_names: Vec<String>,
    /// Variables of shared memory, by offset, with gaps between them.
    pub(crate) shared: Vec<Span>,
    /// Where the launch's dynamic shared memory begins; static variables end before.
    pub(crate) shared_dynamic: usize,
    /// Static shared memory as a driver counts it: without gaps.
    pub(crate) shared_static: usize,
    /// Variables of local memory, by offset, with gaps between them.
    pub(crate) local: Vec<Span>,
    pub(crate) local_size: usize,
    /// The kernel's parameters: offset and size.
    pub(crate) params: Vec<(usize, usize)>,
    pub(crate) params_size: usize,
    pub(crate) max_threads: Option<u32>,
    pub(crate) required_block: Option<[u32; 3]>,
    pub(crate) lines: Arc<Vec<String>>,
}

/// A variable's place in shared or local memory.
#[derive(Clone, Debug)]
pub(crate) struct Span {
    pub(crate) name: String,
    pub(crate) start: usize,
    pub(crate) size: usize,
}

/// A decoded instruction.
pub(crate) struct Inst {
    pub(crate) op: Op,
    /// The predicate's row, and whether it is negated.
    pub(crate) guard: Option<(Reg, bool)>,
    pub(crate) line: u32,
}

/// Registers that a thread is born with, or that change by themselves.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Special {
    Tid(usize),
    Ntid(usize),
    Ctaid(usize),
    Nctaid(usize),
    Lane,
    Warp,
    Warps,
    Sm,
    Sms,
    Grid,
    /// `%lanemask_eq`, `_le`, `_lt`, `_ge`, `_gt`.
    LaneMask(Relation),
    DynamicShared,
    TotalShared,
    /// `%clock`, `%clock64`, `%globaltimer`: read anew each time.
    Clock,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Relation {
    Equal,
    LessEqual,
    Less,
    GreaterEqual,
    Greater,
}

/// How an access takes part in the order of accesses.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Order {
    /// Volatile, relaxed, acquire, release or atomic: does not race with its like.
    pub(crate) strong: bool,
    pub(crate) acquire: bool,
    pub(crate) release: bool,
}

/// An address: a row and a constant.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Address {
    pub(crate) space: Space,
    pub(crate) base: Reg,
    pub(crate) offset: u64,
}

/// Values that a memory instruction moves.
pub(crate) struct Access {
    pub(crate) address: Address,
    /// Bytes of one element.
    pub(crate) bytes: usize,
    pub(crate) rows: Vec<Reg>,
    pub(crate) order: Order,
    /// Loads only: bits that the sign fills from the element's width on.
    pub(crate) sign_to: Option<u32>,
}

/// An atomic operation.
pub(crate) struct Atomic {
    pub(crate) address: Address,
    pub(crate) bytes: usize,
    /// No destination: `red`.
    pub(crate) dest: Option<Reg>,
    pub(crate) value: Reg,
    /// `cas`: what is compared with; then `value` is what replaces it.
    pub(crate) compare: Option<Reg>,
    pub(crate) combine: Combine,
    pub(crate) order: Order,
}

/// `bar` and `barrier`.
pub(crate) struct Barrier {
    pub(crate) id: Reg,
    /// How many threads take part; all of the block where it does not say.
    pub(crate) count: Option<Reg>,
    pub(crate) aligned: bool,
    /// `bar.arrive` waits for nobody.
    pub(crate) waits: bool,
    /// `bar.red`: the operation, its predicate and whether it is negated, its destination.
    pub(crate) reduce: Option<(Reduction, Reg, bool, Reg)>,
}

/// Reductions of predicates and of `redux`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Reduction {
    Popc,
    And,
    Or,
    Xor,
    Add,
    Min,
    Max,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Shuffle {
    Up,
    Down,
    Butterfly,
    Index,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Vote {
    All,
    Any,
    Uniform,
    Ballot,
}

/// What lanes do together; all that `members` names must come.
pub(crate) enum Collective {
    /// `bar.warp.sync`.
    Sync,
    Shuffle {
        mode: Shuffle,
        dest: Reg,
        valid: Option<Reg>,
        value: Reg,
        lane: Reg,
        clamp: Reg,
    },
    Vote {
        mode: Vote,
        dest: Reg,
        value: Reg,
        negated: bool,
    },
    MatchAny {
        dest: Reg,
        value: Reg,
    },
    MatchAll {
        dest: Reg,
        all: Option<Reg>,
        value: Reg,
    },
    Redux {
        of: Reduction,
        signed: bool,
        dest: Reg,
        value: Reg,
    },
    Elect {
        lane: Reg,
        dest: Reg,
    },
}

/// Everything that can be run.
pub(crate) enum Op {
    Copy {
        d: Reg,
        a: Reg,
    },
    Map1 {
        f: Map1,
        d: Reg,
        a: Reg,
    },
    Map2 {
        f: Map2,
        d: Reg,
        a: Reg,
        b: Reg,
    },
    Map3 {
        f: Map3,
        d: Reg,
        a: Reg,
        b: Reg,
        c: Reg,
    },
    General {
        f: General,
        d: [Reg; 2],
        s: [Reg; 4],
    },
    Select {
        d: Reg,
        a: Reg,
        b: Reg,
        p: Reg,
    },
    Clock {
        d: Reg,
    },
    ActiveMask {
        d: Reg,
    },
    Jump {
        target: usize,
    },
    Call {
        target: usize,
    },
    Return,
    Exit,
    Trap,
    Load(Access),
    Store(Access),
    /// Bytes between variables of local memory, at calls.
    Move {
        to: usize,
        from: usize,
        bytes: usize,
    },
    Atomic(Atomic),
    /// The waiting is implied, what it orders is remembered.
    Fence,
    Barrier(Barrier),
    Collective {
        members: Reg,
        op: Collective,
    },
    IsSpace {
        d: Reg,
        a: Reg,
        space: Space,
    },
    AsyncCopy {
        to: Address,
        from: Address,
        bytes: usize,
        source_bytes: Option<Reg>,
    },
    AsyncCommit,
    /// Waits until at most so many groups are under way.
    AsyncWait {
        left: usize,
    },
    Matrix(crate::exec::matrix::Matrix),
    /// `vprintf`: the places of its two parameters and its result in local memory.
    Print {
        format: usize,
        arguments: usize,
        result: usize,
    },
    /// `__assertfail`: message, file, line.
    Assert {
        parameters: [usize; 3],
    },
    Nothing,
}
