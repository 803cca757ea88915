//! Audio level of a packet. Source: RFC 6464 §3; header extensions: RFC 8285 §4.2 and §4.3.
use formats::rtp::Extension;

/// Profile of one-byte elements. Source: RFC 8285 §4.2.
const ONE_BYTE: u16 = 0xbede;
/// Profile of two-byte elements, the lower four bits of which are the application's. Source: RFC 8285 §4.3.
const TWO_BYTES: u16 = 0x1000;
/// The id that ends one-byte elements. Source: RFC 8285 §4.2.
const ID_END: u8 = 15;

/// How loud a packet is, as its sender says.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct AudioLevel {
    /// Loudness in dBov: −127, silence, to 0, as loud as can be.
    pub dbov: i8,
    /// Whether the sender takes it for voice. Senders that do not know say `false` or `true` always.
    pub voice: bool,
}

impl AudioLevel {
    /// Reads the element `ssrc-audio-level` with the negotiated id. `None` when there is none.
    pub fn read(extension: &Extension, id: u8) -> Option<Self> {
        let byte = *element(extension, id)?.first()?;
        Some(Self { dbov: -((byte & 0x7f) as i8), voice: byte & 0x80 != 0 })
    }
}

fn element(extension: &Extension, wanted: u8) -> Option<&[u8]> {
    let one_byte = match extension.profile {
        ONE_BYTE => true,
        profile if profile & 0xfff0 == TWO_BYTES => false,
        _ => return None,
    };
    let mut rest = extension.data.as_ref();
    while let [first, after @ ..] = rest {
        if *first == 0 {
            // padding
            rest = after;
            continue;
        }
        let (id, length, after) = if one_byte {
            (first >> 4, usize::from(first & 0x0f) + 1, after)
        } else {
            let [length, after @ ..] = after else { return None };
            (*first, usize::from(*length), after)
        };
        if one_byte && id == ID_END {
            return None;
        }
        let (data, after) = after.split_at_checked(length)?;
        if id == wanted {
            return Some(data);
        }
        rest = after;
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn read(profile: u16, data: &[u8], id: u8) -> Option<(i8, bool)> {
        let extension = Extension { profile, data: data.to_vec().into() };
        AudioLevel::read(&extension, id).map(|level| (level.dbov, level.voice))
    }

    #[test]
    fn the_level_is_found_among_elements_of_both_forms() {
        assert_eq!(read(0xbede, &[0x22, 9, 9, 9, 0, 0x10, 0x80 | 30], 1), Some((-30, true)));
        assert_eq!(read(0x1003, &[2, 0, 0, 1, 1, 127], 1), Some((-127, false)));
        assert_eq!(read(0xbede, &[0xf0, 0, 0x10, 5], 1), None);
        assert_eq!(read(0xbede, &[0x21, 5], 1), None);
        assert_eq!(read(0xabac, &[0x10, 5], 1), None);
    }

    proptest! {
        #[test]
        fn hostile_bytes_have_a_level_in_range_or_none(
            profile in prop_oneof![Just(0xbede), 0x1000u16..0x1010, any::<u16>()], data: Vec<u8>, id: u8,
        ) {
            if let Some((dbov, _)) = read(profile, &data, id) {
                prop_assert!((-127..=0).contains(&dbov));
            }
        }
    }
}
