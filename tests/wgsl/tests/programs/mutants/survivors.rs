//! Mutants that do no harm, and why. What the compiler proves to be the same code is not among them.

/// Mutants that live.
struct Survivor {
    /// The case; empty for every one.
    case: &'static str,
    /// How the kernel's variant begins.
    variant: &'static str,
    /// The function, and what is taken out of it.
    place: &'static str,
    /// Why nothing is lost.
    why: &'static str,
}

const fn survivor(
    case: &'static str,
    variant: &'static str,
    place: &'static str,
    why: &'static str,
) -> Survivor {
    Survivor { case, variant, place, why }
}

const OWN_WORD: &str =
    "each thread zeroes the word that it alone writes first, so nobody else could be too early";
const FROM_THE_START: &str = "without an axis of batches the number of what is behind the end wraps: it is computed from the start of the matrix again, and not stored";
const ONE_ROW: &str =
    "the product has one row, on which addresses do not depend: rows behind it write the same numbers again";
const ROW_IS_INSIDE: &str = "a strip is of one row, which lies inside";
const WHOLE_HEADS: &str =
    "the head is made of whole vectors: the fourth neighbour is inside wherever the first is";

const SURVIVORS: &[Survivor] = &[
    survivor("softmax", "reduce/row_per_workgroup", "main: barrier behind zeroed memory", OWN_WORD),
    survivor("", "contract/gemv", "main: barrier behind zeroed memory", OWN_WORD),
    survivor("thin product", "contract/gemv", "main: min(first + element, total - 1u)", FROM_THE_START),
    survivor("convolution", "contract/gemv_k", "main: min(first + element, total - 1u)", FROM_THE_START),
    survivor("", "contract/register_1x8", "load_a4: min(m, rows() - 1u)", ROW_IS_INSIDE),
    survivor("thin product", "contract/register_8x8", "main: min(TILE, rows() - m)", ONE_ROW),
    survivor("attention", "attention/register", "edge_q4: d + 4u <= head_dim()", WHOLE_HEADS),
    survivor("attention", "attention/register", "edge_k4: d + 4u <= head_dim()", WHOLE_HEADS),
    survivor("attention", "attention/register", "edge_v4: d + 4u <= value_dim()", WHOLE_HEADS),
    survivor(
        "",
        "attention/tiled",
        "main: e < 4u",
        "what is stored too far belongs to the next vector of the same thread, which stores it afterwards",
    ),
    survivor(
        "causal attention",
        "attention/tiled",
        "main: min(first + WORKGROUP, queries())",
        "it saves work alone: tiles that no query sees are fetched, as far as there are keys, and passed over",
    ),
];

/// Why a mutant, `case: variant | function: text`, does no harm, if the list says so.
pub(crate) fn reason(key: &str) -> Option<&'static str> {
    SURVIVORS.iter().find(|survivor| survivor.is(key)).map(|survivor| survivor.why)
}

/// What the list explains, and what was killed in every kernel.
pub(crate) fn unused(explained: &[String]) -> Vec<String> {
    let idle = SURVIVORS.iter().filter(|survivor| !explained.iter().any(|key| survivor.is(key)));
    idle.map(|Survivor { case, variant, place, .. }| format!("{case}: {variant} | {place}")).collect()
}

impl Survivor {
    fn is(&self, key: &str) -> bool {
        let parts = key.split_once(" | ").and_then(|(kernel, place)| Some((kernel.split_once(": ")?, place)));
        parts.is_some_and(|((case, variant), place)| {
            (self.case.is_empty() || self.case == case)
                && variant.starts_with(self.variant)
                && place == self.place
        })
    }
}
