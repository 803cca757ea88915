//! AV1 aggregation header. Source: RTP payload format for AV1 1.0 §4.4. Layers are in the dependency descriptor.
use super::{Facts, Unreadable, byte};

/// Reads the aggregation header: whether a coded video sequence begins here, and whether the packet goes on with
/// an OBU of the one before.
pub(super) fn read(payload: &[u8]) -> Result<Facts, Unreadable> {
    let head = byte(payload, 0, "AV1 aggregation header")?;
    let (continues, new_sequence) = (head & 0x80 != 0, head & 0x08 != 0);
    if continues && new_sequence {
        return Err(Unreadable::Forbidden { part: "AV1 aggregation header", value: head.into() });
    }
    byte(payload, 1, "AV1 OBU")?;
    Ok(Facts { key_frame: new_sequence, starts_frame: !continues, ..Facts::default() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_new_coded_video_sequence_is_a_key_frame_and_cannot_continue_one() {
        assert!(read(&[0x18, 0x0a]).unwrap().key_frame);
        assert!(!read(&[0x10, 0x32]).unwrap().key_frame);
        assert!(!read(&[0x90, 0]).unwrap().starts_frame);
        assert!(read(&[0x88, 0]).is_err());
        assert!(read(&[]).is_err());
        assert!(read(&[0x18]).is_err());
    }
}
