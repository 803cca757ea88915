//! VP8 frame headers.
//!
//! Source: RFC 6386 §9.1.

/// True for a key frame. Empty frames are none.
pub fn is_keyframe(frame: &[u8]) -> bool {
    frame.first().is_some_and(|byte| byte & 1 == 0)
}

/// Width and height in samples, which only key frames tell.
pub fn size(frame: &[u8]) -> Option<(u32, u32)> {
    let &[first, _, _, 0x9d, 0x01, 0x2a, w0, w1, h0, h1, ..] = frame else { return None };
    if first & 1 != 0 {
        return None;
    }
    // The two highest bits are a scaling hint.
    let side = |low, high| u32::from(u16::from_le_bytes([low, high]) & 0x3fff);
    Some((side(w0, w1), side(h0, h1)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_frame_of_libvpx_tells_its_size() {
        let frame = [0x70, 0x3e, 0x00, 0x9d, 0x01, 0x2a, 0x80, 0x00, 0x60, 0x40, 0x07];
        assert!(is_keyframe(&frame));
        assert_eq!(size(&frame), Some((128, 96)));
        assert_eq!(size(&frame[..9]), None);
        assert!(!is_keyframe(&[0x11]) && !is_keyframe(&[]));
    }
}
