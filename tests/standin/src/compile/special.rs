//! Special registers by name.

use super::code::{Relation, Special};

/// `%tid.x` and the like.
pub(crate) fn named(name: &str) -> Result<Special, String> {
    let axis = |rest: &str| match rest {
        "x" => Some(0),
        "y" => Some(1),
        "z" => Some(2),
        _ => None,
    };
    let found = match name.split_once('.') {
        Some(("%tid", rest)) => axis(rest).map(Special::Tid),
        Some(("%ntid", rest)) => axis(rest).map(Special::Ntid),
        Some(("%ctaid", rest)) => axis(rest).map(Special::Ctaid),
        Some(("%nctaid", rest)) => axis(rest).map(Special::Nctaid),
        Some(_) => None,
        None => match name {
            "%laneid" => Some(Special::Lane),
            "%warpid" => Some(Special::Warp),
            "%nwarpid" => Some(Special::Warps),
            "%smid" => Some(Special::Sm),
            "%nsmid" => Some(Special::Sms),
            "%gridid" => Some(Special::Grid),
            "%lanemask_eq" => Some(Special::LaneMask(Relation::Equal)),
            "%lanemask_le" => Some(Special::LaneMask(Relation::LessEqual)),
            "%lanemask_lt" => Some(Special::LaneMask(Relation::Less)),
            "%lanemask_ge" => Some(Special::LaneMask(Relation::GreaterEqual)),
            "%lanemask_gt" => Some(Special::LaneMask(Relation::Greater)),
            "%dynamic_smem_size" => Some(Special::DynamicShared),
            "%total_smem_size" => Some(Special::TotalShared),
            "%clock" | "%clock64" | "%clock_hi" | "%globaltimer" | "%globaltimer_lo" => Some(Special::Clock),
            _ => None,
        },
    };
    found.ok_or_else(|| format!("the special register `{name}` is not known"))
}
