//! RED: the present piece of sound and earlier ones again in one packet. Source: RFC 2198 §3.
//!
//! Of a stream with redundancy not every packet has it: libwebrtc sends a piece that is too large, or has none before
//! it, under the payload type of its codec.
use super::{Unreadable, byte};

/// Most blocks of a payload: 32, as many as libwebrtc's receiver takes. It sends two, at most ten.
pub const RED_BLOCKS_MAX: u8 = 32;

/// Bytes of the header of a block; the last block has no length and no time, and one byte.
pub(crate) const HEADER_BYTES: usize = 4;

/// Payload types of a stream that may have redundancy.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash)]
pub struct RedTypes {
    /// Of packets that have it.
    pub red: u8,
    /// Of the codec that is repeated: in the blocks, and of packets without redundancy.
    pub repeated: u8,
}

/// Where the blocks of a payload are.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Red {
    /// How many there are: one more than there are earlier pieces.
    pub blocks: u8,
    /// Where the present piece begins. It goes to the end.
    pub primary_at: u16,
    /// The present piece has no bytes: there is nothing but repetition in the packet.
    pub only_repeats: bool,
}

/// Reads the headers of the blocks, which must all be of one codec: so it is with all senders of Opus, and libwebrtc
/// takes nothing else.
pub(super) fn read(payload: &[u8], repeated: u8) -> Result<Red, Unreadable> {
    let (mut at, mut earlier) = (0, 0);
    for blocks in 1..=RED_BLOCKS_MAX {
        let first = byte(payload, at, "RED block header")?;
        if first & 0x7f != repeated {
            return Err(Unreadable::Forbidden {
                part: "RED block payload type",
                value: (first & 0x7f).into(),
            });
        }
        if first & 0x80 == 0 {
            let primary_at = at + 1 + earlier;
            if primary_at > payload.len() {
                return Err(Unreadable::Truncated { part: "RED block", at: payload.len() });
            }
            let only_repeats = primary_at == payload.len();
            return Ok(Red { blocks, primary_at: primary_at as u16, only_repeats });
        }
        // 14 bits of time stay as they are: all times of a consumer's stream are moved alike
        let high = byte(payload, at + 2, "RED block length")? & 0x03;
        let low = byte(payload, at + 3, "RED block length")?;
        earlier += usize::from(u16::from_be_bytes([high, low]));
        at += HEADER_BYTES;
    }
    Err(Unreadable::Forbidden { part: "number of RED blocks", value: u32::from(RED_BLOCKS_MAX) + 1 })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Earlier pieces, 960 ticks apart, and the present one.
    fn payload(earlier: &[&[u8]], primary: &[u8]) -> Vec<u8> {
        let mut headers = Vec::new();
        for (index, block) in earlier.iter().enumerate() {
            let ticks = 960 * (earlier.len() - index) as u32;
            let header = 0x80 << 24 | 111 << 24 | ticks << 10 | block.len() as u32;
            headers.extend(header.to_be_bytes());
        }
        headers.push(111);
        [headers, earlier.concat(), primary.to_vec()].concat()
    }

    #[test]
    fn the_present_piece_lies_behind_all_headers_and_all_earlier_pieces() {
        let red = Red { blocks: 3, primary_at: 4 + 4 + 1 + 5, only_repeats: false };
        assert_eq!(read(&payload(&[&[1, 2], &[3, 4, 5]], &[6, 7]), 111), Ok(red));
        let long = [7; 1023];
        assert_eq!(read(&payload(&[&long], &[6]), 111).unwrap().primary_at, 4 + 1 + 1023);
        let alone = Red { blocks: 1, primary_at: 1, only_repeats: false };
        assert_eq!(read(&payload(&[], &[6, 7]), 111), Ok(alone));
    }

    #[test]
    fn in_silence_a_payload_may_have_nothing_but_what_came_before() {
        let red = Red { blocks: 2, primary_at: 7, only_repeats: true };
        assert_eq!(read(&payload(&[&[1, 2]], &[]), 111), Ok(red));
        assert_eq!(
            read(&payload(&[&[], &[]], &[9]), 111).unwrap().primary_at,
            9,
            "empty pieces are none's harm"
        );
    }

    #[test]
    fn every_cut_within_headers_and_earlier_pieces_is_told() {
        let whole = payload(&[&[1, 2], &[3, 4, 5]], &[]);
        for length in 0..whole.len() {
            let error = read(&whole[..length], 111).unwrap_err();
            assert!(matches!(error, Unreadable::Truncated { at, .. } if at >= length), "{length}: {error}");
        }
    }

    #[test]
    fn blocks_of_another_codec_and_headers_without_end_are_forbidden() {
        let mut mixed = payload(&[&[1, 2]], &[3]);
        mixed[4] = 110;
        let error = Unreadable::Forbidden { part: "RED block payload type", value: 110 };
        assert_eq!(read(&mixed, 111), Err(error));
        let most = vec![&[][..]; 31];
        assert_eq!(read(&payload(&most, &[1]), 111).unwrap().blocks, RED_BLOCKS_MAX);
        let error = Unreadable::Forbidden { part: "number of RED blocks", value: 33 };
        assert_eq!(read(&payload(&vec![&[][..]; 32], &[1]), 111), Err(error));
    }

    proptest! {
        #[test]
        fn no_bytes_panic_and_the_present_piece_is_always_within(
            mut bytes in prop::collection::vec(any::<u8>(), 0..80), headers in 0_usize..34, right: bool,
        ) {
            // random bytes alone hardly ever look like headers
            for at in (0..headers).map(|header| header * HEADER_BYTES) {
                if let (true, Some(byte)) = (right, bytes.get_mut(at)) {
                    *byte = 0x80 | 111;
                }
            }
            if let Ok(red) = read(&bytes, 111) {
                prop_assert!(usize::from(red.primary_at) <= bytes.len());
                prop_assert!((usize::from(red.blocks) - 1) * HEADER_BYTES < usize::from(red.primary_at));
                prop_assert_eq!(red.only_repeats, usize::from(red.primary_at) == bytes.len());
            }
        }
    }
}
