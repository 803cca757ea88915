//! MPEG-1/2/2.5 audio frame headers, layers I to III.
//!
//! Source: ISO/IEC 11172-3 §2.4.1.3, ISO/IEC 13818-3 §2.4.1.3; MPEG-2.5 as LAME writes it.
use super::BitstreamError;

const WHAT: &str = "MPEG audio header";

/// Bytes of a header.
pub const HEADER_BYTES: usize = 4;

/// Kilobits a second by index 1 to 14.
#[rustfmt::skip]
const RATES: [[u32; 14]; 5] = [
    [32, 64, 96, 128, 160, 192, 224, 256, 288, 320, 352, 384, 416, 448], // MPEG-1 layer I
    [32, 48, 56,  64,  80,  96, 112, 128, 160, 192, 224, 256, 320, 384], // MPEG-1 layer II
    [32, 40, 48,  56,  64,  80,  96, 112, 128, 160, 192, 224, 256, 320], // MPEG-1 layer III
    [32, 48, 56,  64,  80,  96, 112, 128, 144, 160, 176, 192, 224, 256], // MPEG-2 layer I
    [ 8, 16, 24,  32,  40,  48,  56,  64,  80,  96, 112, 128, 144, 160], // MPEG-2 layers II, III
];

/// What a frame header says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FrameHeader {
    /// Layer 1 to 3.
    pub layer: u8,
    /// Samples a second.
    pub sample_rate: u32,
    /// 1 or 2.
    pub channels: u8,
    /// Bits a second.
    pub bit_rate: u32,
    /// Bytes of the whole frame, header included.
    pub frame_bytes: usize,
    /// Samples of the frame, for each channel.
    pub samples: u32,
}

/// Reads the header at the start of `data`. The "free" bit rate, whose frames have no known length, is refused.
pub fn parse_header(data: &[u8]) -> Result<FrameHeader, BitstreamError> {
    let Some(&[sync, b1, b2, b3]) = data.first_chunk::<HEADER_BYTES>() else {
        return Err(BitstreamError::Truncated { what: WHAT, at: data.len() });
    };
    let invalid =
        |field, value: u8, at| BitstreamError::Invalid { what: WHAT, field, value: value.into(), at };
    if sync != 0xff || b1 & 0xe0 != 0xe0 {
        return Err(invalid("syncword", sync, 0));
    }
    let version = (b1 >> 3) & 3;
    let divisor = match version {
        3 => 1,
        2 => 2,
        0 => 4,
        _ => return Err(invalid("version", version, 1)),
    };
    let layer = match (b1 >> 1) & 3 {
        0 => return Err(invalid("layer", 0, 1)),
        code => 4 - code,
    };
    let rate_index = (b2 >> 2) & 3;
    let Some(&base) = [44_100, 48_000, 32_000_u32].get(usize::from(rate_index)) else {
        return Err(invalid("sampling_frequency", rate_index, 2));
    };
    let sample_rate = base / divisor;
    let table = match (divisor, layer) {
        (1, 1) => 0,
        (1, 2) => 1,
        (1, _) => 2,
        (_, 1) => 3,
        (_, _) => 4,
    };
    let bit_rate_index = b2 >> 4;
    let kilobits = usize::from(bit_rate_index).checked_sub(1).and_then(|index| RATES[table].get(index));
    let bit_rate = 1_000 * *kilobits.ok_or(invalid("bitrate_index", bit_rate_index, 2))?;
    let padding = u32::from((b2 >> 1) & 1);
    let samples = match (layer, divisor) {
        (1, _) => 384,
        (3, 2 | 4) => 576,
        (_, _) => 1_152,
    };
    let slot = if layer == 1 { 4 } else { 1 };
    let frame_bytes = ((samples / 8 / slot * bit_rate / sample_rate + padding) * slot) as usize;
    let channels = if b3 >> 6 == 3 { 1 } else { 2 };
    Ok(FrameHeader { layer, sample_rate, channels, bit_rate, frame_bytes, samples })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headers_of_lame_give_the_length_that_the_next_frame_confirms() {
        // 48 kHz, 128 kbit/s, stereo
        let header = parse_header(&[0xff, 0xfb, 0x94, 0x44]).unwrap();
        let expected = FrameHeader {
            layer: 3,
            sample_rate: 48_000,
            channels: 2,
            bit_rate: 128_000,
            frame_bytes: 384,
            samples: 1_152,
        };
        assert_eq!(header, expected);
        // 22.05 kHz, 64 kbit/s, mono, padded
        let header = parse_header(&[0xff, 0xf3, 0x82, 0xc4]).unwrap();
        assert_eq!((header.sample_rate, header.samples, header.frame_bytes), (22_050, 576, 209));
    }

    #[test]
    fn what_is_forbidden_is_refused() {
        for bytes in
            [[0xff, 0xfb, 0x04, 0], [0xff, 0xfb, 0xf4, 0], [0xff, 0xeb, 0x94, 0], [0xff, 0xf9, 0x9c, 0]]
        {
            assert!(parse_header(&bytes).is_err(), "{bytes:x?}");
        }
        assert_eq!(parse_header(&[0xff]), Err(BitstreamError::Truncated { what: WHAT, at: 1 }));
    }
}
