//! H.264: key frames by the types of NAL units. Source: RFC 6184 §5.
use super::{Facts, Unreadable, byte};

const IDR: u8 = 5;
const SPS: u8 = 7;
const STAP_A: u8 = 24;
const FU_A: u8 = 28;

/// Reads NAL unit types of a single, aggregation or fragmentation packet. Parameter sets begin a key frame as well
/// as its first slice does: browsers send them before each.
pub(super) fn read(payload: &[u8]) -> Result<Facts, Unreadable> {
    let mut facts = Facts { starts_frame: true, ..Facts::default() };
    match byte(payload, 0, "NAL unit header")? & 0x1f {
        IDR | SPS => facts.key_frame = true,
        STAP_A => {
            let mut at = 1;
            while at < payload.len() {
                let size = usize::from(u16::from_be_bytes([
                    byte(payload, at, "size of an aggregated NAL unit")?,
                    byte(payload, at + 1, "size of an aggregated NAL unit")?,
                ]));
                let kind = byte(payload, at + 2, "aggregated NAL unit")? & 0x1f;
                at += 2 + size;
                if size == 0 || at > payload.len() {
                    return Err(Unreadable::Truncated { part: "aggregated NAL unit", at });
                }
                facts.key_frame |= matches!(kind, IDR | SPS);
            }
        }
        FU_A => {
            let head = byte(payload, 1, "fragment header")?;
            facts.starts_frame = head & 0x80 != 0;
            facts.key_frame = matches!(head & 0x1f, IDR | SPS);
        }
        _ => {}
    }
    Ok(facts)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn key_frames_are_seen_alone_aggregated_and_in_fragments() {
        assert!(read(&[0x65, 1]).unwrap().key_frame);
        assert!(read(&[0x67, 1]).unwrap().key_frame);
        assert!(!read(&[0x61, 1]).unwrap().key_frame);
        assert!(read(&[0x78, 0, 1, 0x06, 0, 2, 0x67, 0]).unwrap().key_frame);
        assert!(!read(&[0x78, 0, 1, 0x06, 0, 2, 0x61, 0]).unwrap().key_frame);
        let fragment = read(&[0x7c, 0x85, 0]).unwrap();
        assert!(fragment.key_frame && fragment.starts_frame);
        let fragment = read(&[0x7c, 0x05, 0]).unwrap();
        assert!(fragment.key_frame && !fragment.starts_frame);
    }

    #[test]
    fn an_aggregate_that_promises_more_than_it_has_is_unreadable() {
        assert!(read(&[]).is_err());
        assert!(read(&[0x78, 0]).is_err());
        assert!(read(&[0x78, 0, 9, 0x67]).is_err());
        assert!(read(&[0x7c]).is_err());
    }
}
