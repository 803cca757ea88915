//! The header of an MPEG audio frame: how long the frame is. Source: ISO/IEC 11172-3 §2.4.2.3, 13818-3 §2.4.2.3.

/// What the header says.
pub(super) struct MpegAudioHeader {
    pub(super) frame_bytes: usize,
    pub(super) samples: u32,
    pub(super) sample_rate: u32,
}

/// Bit rates in kbit/s: layers I, II, III of MPEG-1; layers I, II and III of MPEG-2.
#[rustfmt::skip]
const BIT_RATES: [[u16; 16]; 5] = [
    [0, 32, 64, 96, 128, 160, 192, 224, 256, 288, 320, 352, 384, 416, 448, 0],
    [0, 32, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320, 384, 0],
    [0, 32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320, 0],
    [0, 32, 48, 56, 64, 80, 96, 112, 128, 144, 160, 176, 192, 224, 256, 0],
    [0, 8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160, 0],
];

impl MpegAudioHeader {
    /// `None` for what is no header, or has the free format or a reserved value.
    pub(super) fn parse(data: &[u8]) -> Option<Self> {
        let &[0xff, second, third, _, ..] = data else { return None };
        let (version, layer) = (second >> 3 & 3, second >> 1 & 3);
        if second & 0xe0 != 0xe0 || version == 1 || layer == 0 {
            return None;
        }
        let mpeg1 = version == 3;
        let table = match (mpeg1, layer) {
            (true, _) => 3 - usize::from(layer),
            (false, 3) => 3,
            (false, _) => 4,
        };
        let bit_rate = u32::from(BIT_RATES[table][usize::from(third >> 4)]) * 1000;
        let rate_of_mpeg1 = [44_100, 48_000, 32_000].get(usize::from(third >> 2 & 3)).copied()?;
        // MPEG-2 halves the rates, MPEG-2.5 quarters them.
        let sample_rate = rate_of_mpeg1 >> [2, 0, 1, 0][usize::from(version)];
        let padding = u32::from(third >> 1 & 1);
        if bit_rate == 0 {
            return None;
        }
        let (samples, frame_bytes) = match layer {
            3 => (384, (12 * bit_rate / sample_rate + padding) * 4),
            1 if !mpeg1 => (576, 72 * bit_rate / sample_rate + padding),
            _ => (1152, 144 * bit_rate / sample_rate + padding),
        };
        Some(Self { frame_bytes: frame_bytes as usize, samples, sample_rate })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_of_well_known_frames_are_right() {
        // 128 kbit/s, 44.1 kHz, MPEG-1 layer III: 417 bytes, 418 with padding; 64 kbit/s, 22.05 kHz, MPEG-2: 208.
        for (bytes, frame_bytes, samples, sample_rate) in [
            ([0xff, 0xfb, 0x90, 0], 417, 1152, 44_100),
            ([0xff, 0xfb, 0x92, 0], 418, 1152, 44_100),
            ([0xff, 0xf3, 0x80, 0], 208, 576, 22_050),
            ([0xff, 0xfd, 0xa4, 0], 576, 1152, 48_000),
        ] {
            let header = MpegAudioHeader::parse(&bytes).unwrap();
            assert_eq!(
                (header.frame_bytes, header.samples, header.sample_rate),
                (frame_bytes, samples, sample_rate)
            );
        }
        assert!(MpegAudioHeader::parse(&[0xff, 0xfb, 0xf0, 0]).is_none());
    }
}
