//! JPEG: the size of a picture.
//!
//! Source: ITU-T T.81 §B.1, §B.2.2.

/// Width and height in samples, from the start of frame segment; `None` where none comes before the scan.
pub fn size(file: &[u8]) -> Option<(u32, u32)> {
    let mut rest = file.strip_prefix(&[0xff, 0xd8])?;
    loop {
        let (&marker, after) = rest.strip_prefix(&[0xff])?.split_first()?;
        match marker {
            // Fill bytes before a marker; the next one may be it.
            0xff => rest = &rest[1..],
            // TEM, RSTn: no length
            0x01 | 0xd0..=0xd7 => rest = after,
            // SOF0 to SOF15 but for DHT, JPG and DAC
            0xc0..=0xc3 | 0xc5..=0xc7 | 0xc9..=0xcb | 0xcd..=0xcf => {
                let &[_, _, _precision, h0, h1, w0, w1, ..] = after else { return None };
                let side = |high, low| u32::from(u16::from_be_bytes([high, low]));
                return Some((side(w0, w1), side(h0, h1)));
            }
            // SOS, EOI
            0xd9 | 0xda => return None,
            0..=255 => {
                let length = usize::from(u16::from_be_bytes([*after.first()?, *after.get(1)?]));
                rest = after.get(length.max(2)..)?;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_size_is_found_behind_other_segments_and_fill_bytes() {
        let file = [
            0xff, 0xd8, 0xff, 0xfe, 0x00, 0x04, 0x61, 0x62, 0xff, 0xff, 0xc0, 0x00, 0x11, 0x08, 0x00, 0x60,
            0x00, 0x80, 0x03,
        ];
        assert_eq!(size(&file), Some((128, 96)));
        assert_eq!(size(&file[..17]), None);
        assert_eq!(size(&[0xff, 0xd8, 0xff, 0xda]), None);
        assert_eq!(size(b"GIF"), None);
    }
}
