//! Counter-based random bits.
//!
//! | | |
//! |---|---|
//! | inputs | `key: u32[2]` |
//! | output | `u32`, `shape`: element `i` (row-major) is word `i % 4` of Philox4x32-10 at counter `[i / 4, 0, 0, 0]` |
//! | paper | Salmon et al., "Parallel random numbers: as easy as 1, 2, 3", SC 2011 |

use crate::error::{GraphError, OpError};
use crate::gradient::Backward;
use crate::graph::NodeId;
use crate::op::{Infer, Operator, Types, one};
use crate::reference::{Array, Evaluate};
use crate::{DType, Shape, TensorType};
use serde::{Deserialize, Serialize};

/// Counter-based random bits: every backend draws the same ones from one key.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct RandomBits {
    /// Shape of the result.
    pub shape: Shape,
}

impl Operator for RandomBits {
    fn infer(&self, cx: &Infer<'_>) -> Result<Types, OpError> {
        let [key] = cx.expect::<1>()?;
        if key.shape != Shape::of([2]) || key.dtype != DType::U32 {
            return Err(OpError::Attribute(format!("the key must be u32[2], but is {key}")));
        }
        one(TensorType::new(DType::U32, self.shape.clone()))
    }

    fn evaluate(&self, cx: &Evaluate<'_>) -> Result<Vec<Array>, OpError> {
        let [key] = cx.expect::<1>()?;
        let [low, high] = key.as_ints()? else {
            return Err(OpError::Value(format!("the key must have 2 words, but has shape {:?}", key.shape)));
        };
        let shape = cx.extents(&self.shape)?;
        let values = random_words([*low as u32, *high as u32], shape.iter().product());
        Ok(vec![Array::ints(DType::U32, shape, values.into_iter().map(i128::from).collect())])
    }

    fn gradient(&self, _cx: &mut Backward<'_>) -> Result<Vec<Option<NodeId>>, GraphError> {
        Ok(vec![None])
    }
}

/// The first `count` random words of a key.
pub(crate) fn random_words(key: [u32; 2], count: usize) -> Vec<u32> {
    let blocks = (0..count.div_ceil(4)).flat_map(|block| philox([block as u32, 0, 0, 0], key));
    blocks.take(count).collect()
}

/// The random word of one element.
pub(crate) fn random_word(key: [u32; 2], element: usize) -> u32 {
    philox([(element / 4) as u32, 0, 0, 0], key)[element % 4]
}

/// One block of Philox4x32-10: four random words of a counter and a key. Whatever draws on the host draws with this function too.
pub fn philox(mut counter: [u32; 4], mut key: [u32; 2]) -> [u32; 4] {
    for _ in 0..10 {
        let first = u64::from(counter[0]) * 0xD251_1F53;
        let second = u64::from(counter[2]) * 0xCD9E_8D57;
        counter = [
            (second >> 32) as u32 ^ counter[1] ^ key[0],
            second as u32,
            (first >> 32) as u32 ^ counter[3] ^ key[1],
            first as u32,
        ];
        key = [key[0].wrapping_add(0x9E37_79B9), key[1].wrapping_add(0xBB67_AE85)];
    }
    counter
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Known answers of Random123, the authors' own implementation.
    #[test]
    fn philox_known_answers() {
        assert_eq!(philox([0; 4], [0; 2]), [0x6627_e8d5, 0xe169_c58d, 0xbc57_ac4c, 0x9b00_dbd8]);
        let ones = philox([u32::MAX; 4], [u32::MAX; 2]);
        assert_eq!(ones, [0x408f_276d, 0x41c8_3b0e, 0xa20b_c7c6, 0x6d54_51fd]);
        let pi = philox([0x243f_6a88, 0x85a3_08d3, 0x1319_8a2e, 0x0370_7344], [0xa409_3822, 0x299f_31d0]);
        assert_eq!(pi, [0xd16c_fe09, 0x94fd_cceb, 0x5001_e420, 0x2412_6ea1]);
        assert_eq!(random_words([0; 2], 3), [0x6627_e8d5, 0xe169_c58d, 0xbc57_ac4c]);
    }
}
