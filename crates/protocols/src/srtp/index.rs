//! From sequence number to index: which round of numbers a packet is of.
//!
//! Source: RFC 3711 §3.3.1 and appendix A. An index is the rollover counter (32 bits) before the sequence number (16 bits).

/// The last index: rollover counter and sequence number are all ones.
const INDEX_MAX: u64 = (1 << 48) - 1;

/// Why a number has no index.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum NoIndex {
    /// It would be of the round before the first.
    BeforeFirst,
    /// It would be of the round after the last.
    Exhausted,
}

/// The index with that sequence number that is nearest to the highest one so far.
pub(super) fn nearest(highest: u64, sequence_number: u16) -> Result<u64, NoIndex> {
    /// Half of a round.
    const HALF: u16 = 1 << 15;
    let of = highest as u16;
    let round = highest & !0xffff;
    let base = if of < HALF && sequence_number > of + HALF {
        round.checked_sub(1 << 16).ok_or(NoIndex::BeforeFirst)?
    } else if of >= HALF && sequence_number < of - HALF {
        round + (1 << 16)
    } else {
        round
    };
    let index = base | u64::from(sequence_number);
    if index > INDEX_MAX { Err(NoIndex::Exhausted) } else { Ok(index) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn numbers_near_a_wrap_are_of_the_round_that_is_nearer() {
        assert_eq!(nearest(65_535, 0), Ok(65_536));
        assert_eq!(nearest(65_536, 65_535), Ok(65_535));
        assert_eq!(nearest(0x2_0005, 0xfffa), Ok(0x1_fffa));
        assert_eq!(nearest(0x2_fffa, 5), Ok(0x3_0005));
    }

    #[test]
    fn exactly_half_a_round_away_is_the_same_round() {
        assert_eq!(nearest(0x1_0000, 0x8000), Ok(0x1_8000));
        assert_eq!(nearest(0x1_8000, 0), Ok(0x1_0000));
    }

    #[test]
    fn neither_end_wraps() {
        assert_eq!(nearest(5, 65_530), Err(NoIndex::BeforeFirst));
        assert_eq!(nearest(INDEX_MAX - 1, 65_535), Ok(INDEX_MAX));
        assert_eq!(nearest(INDEX_MAX, 0), Err(NoIndex::Exhausted));
    }

    proptest! {
        #[test]
        fn any_index_within_half_a_round_is_found_by_its_number(
            highest in (1_u64 << 16)..(1 << 40), away in -32_767_i64..32_768,
        ) {
            let index = highest.strict_add_signed(away);
            prop_assert_eq!(nearest(highest, index as u16), Ok(index));
        }
    }
}
