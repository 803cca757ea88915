//! VP8 payload descriptor. Source: RFC 7741 §4.2, §4.3.
use super::{Detail, Facts, Unreadable, byte};

/// Where the descriptor has the numbers that a consumer's stream needs continuous.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Vp8 {
    /// Picture id of 7 or 15 bits.
    pub picture_id: Option<u16>,
    /// The picture id has 15 bits.
    pub long_picture_id: bool,
    /// Running index of the base temporal layer's frames.
    pub tl0_picture: Option<u8>,
    /// Where the picture id is in the payload, or would be; the base layer index follows it.
    pub at: u8,
}

/// Reads the descriptor and, in a frame's first packet, whether it is a key frame.
pub(super) fn read(payload: &[u8]) -> Result<Facts, Unreadable> {
    let first = byte(payload, 0, "VP8 descriptor")?;
    let starts_frame = first & 0x10 != 0 && first & 0x07 == 0;
    let mut facts = Facts { starts_frame, ..Facts::default() };
    let mut vp8 = Vp8::default();
    let mut at = 1;
    if first & 0x80 != 0 {
        let flags = byte(payload, at, "VP8 extension flags")?;
        at += 1;
        vp8.at = 2;
        if flags & 0x80 != 0 {
            let high = byte(payload, at, "VP8 picture id")?;
            at += 1;
            vp8.picture_id = Some(u16::from(high & 0x7f));
            if high & 0x80 != 0 {
                let low = byte(payload, at, "VP8 picture id")?;
                at += 1;
                vp8.picture_id = Some(u16::from(high & 0x7f) << 8 | u16::from(low));
                vp8.long_picture_id = true;
            }
        }
        if flags & 0x40 != 0 {
            vp8.tl0_picture = Some(byte(payload, at, "VP8 base layer index")?);
            at += 1;
        }
        if flags & 0x30 != 0 {
            let layers = byte(payload, at, "VP8 temporal layer")?;
            at += 1;
            if flags & 0x20 != 0 {
                facts.temporal = layers >> 6;
                facts.switch_up = layers & 0x20 != 0;
            }
        }
    }
    let frame_header = byte(payload, at, "VP8 frame header")?;
    facts.key_frame = starts_frame && frame_header & 0x01 == 0;
    facts.detail = Detail::Vp8(vp8);
    Ok(facts)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_descriptor_with_everything_is_read_to_its_last_bit() {
        let payload = [0x90, 0xf0, 0x92, 0x34, 0x56, 0xa0, 0x00];
        let facts = read(&payload).unwrap();
        assert!(facts.key_frame && facts.starts_frame && facts.switch_up);
        assert_eq!(facts.temporal, 2);
        let vp8 = Vp8 { picture_id: Some(0x1234), long_picture_id: true, tl0_picture: Some(0x56), at: 2 };
        assert_eq!(facts.detail, Detail::Vp8(vp8));
    }

    #[test]
    fn only_the_first_packet_of_a_frame_says_key_frame() {
        assert!(read(&[0x10, 0x00]).unwrap().key_frame);
        assert!(!read(&[0x10, 0x01]).unwrap().key_frame);
        assert!(!read(&[0x00, 0x00]).unwrap().key_frame);
        assert!(!read(&[0x11, 0x00]).unwrap().starts_frame, "a later partition is no start");
    }

    #[test]
    fn every_cut_says_where() {
        let payload = [0x90, 0xf0, 0x92, 0x34, 0x56, 0xa0, 0x00];
        for length in 0..payload.len() {
            let error = read(&payload[..length]).unwrap_err();
            assert!(matches!(error, Unreadable::Truncated { at, .. } if at == length), "{error}");
        }
    }
}
