//! H.265: key frames by the types of NAL units, and the temporal layer. Source: RFC 7798 §4; H.265 table 7-1.
use super::{Facts, Unreadable, byte};

const AGGREGATE: u8 = 48;
const FRAGMENT: u8 = 49;

/// A picture that decoding may begin with, or the parameter sets before it.
const fn begins_key_frame(kind: u8) -> bool {
    matches!(kind, 16..=21 | 32 | 33)
}

/// A picture at which a receiver of the layers below may begin with its temporal layer (TSA, STSA).
const fn is_switching_point(kind: u8) -> bool {
    matches!(kind, 2..=5)
}

/// Reads NAL unit types of a single, aggregation or fragmentation packet.
pub(super) fn read(payload: &[u8]) -> Result<Facts, Unreadable> {
    let first = byte(payload, 0, "NAL unit header")?;
    let second = byte(payload, 1, "NAL unit header")?;
    let Some(temporal) = (second & 0x07).checked_sub(1) else {
        return Err(Unreadable::Forbidden { part: "temporal id plus one", value: 0 });
    };
    let mut facts = Facts { starts_frame: true, temporal, ..Facts::default() };
    let mut note = |kind: u8| {
        facts.key_frame |= begins_key_frame(kind);
        facts.switch_up |= is_switching_point(kind);
    };
    match first >> 1 & 0x3f {
        AGGREGATE => {
            let mut at = 2;
            while at < payload.len() {
                let size = usize::from(u16::from_be_bytes([
                    byte(payload, at, "size of an aggregated NAL unit")?,
                    byte(payload, at + 1, "size of an aggregated NAL unit")?,
                ]));
                note(byte(payload, at + 2, "aggregated NAL unit")? >> 1 & 0x3f);
                at += 2 + size;
                if size < 2 || at > payload.len() {
                    return Err(Unreadable::Truncated { part: "aggregated NAL unit", at });
                }
            }
        }
        FRAGMENT => {
            let head = byte(payload, 2, "fragment header")?;
            note(head & 0x3f);
            facts.starts_frame = head & 0x80 != 0;
        }
        kind => note(kind),
    }
    Ok(facts)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn key_frames_and_temporal_layers_are_seen_in_every_kind_of_packet() {
        assert!(read(&[19 << 1, 1, 0]).unwrap().key_frame);
        assert!(read(&[32 << 1, 1, 0]).unwrap().key_frame);
        let above = read(&[2 << 1, 3, 0]).unwrap();
        assert!(!above.key_frame && above.switch_up);
        assert_eq!(above.temporal, 2);
        assert!(read(&[48 << 1, 1, 0, 2, 33 << 1, 1, 0, 2, 20 << 1, 1]).unwrap().key_frame);
        let fragment = read(&[49 << 1, 1, 0x80 | 19]).unwrap();
        assert!(fragment.key_frame && fragment.starts_frame);
        assert!(!read(&[49 << 1, 1, 1]).unwrap().starts_frame);
    }

    #[test]
    fn a_header_without_temporal_id_and_cut_packets_are_unreadable() {
        assert!(read(&[2, 0]).is_err());
        assert!(read(&[2]).is_err());
        assert!(read(&[48 << 1, 1, 0, 9, 2]).is_err());
        assert!(read(&[49 << 1, 1]).is_err());
    }
}
