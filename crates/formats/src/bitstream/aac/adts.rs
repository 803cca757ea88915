//! ADTS: the header that AAC carries before each frame outside of MP4 and RTP.
//!
//! Source: ISO/IEC 14496-3 §1.A.2.2.
use super::super::BitstreamError;
use super::AudioSpecificConfig;

const WHAT: &str = "ADTS";

/// Bytes of a header without checksum.
pub const HEADER_BYTES: usize = 7;

/// An ADTS header.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Header {
    /// What an AudioSpecificConfig would say.
    pub config: AudioSpecificConfig,
    /// Bytes of the header: 7, or 9 with a checksum.
    pub header_bytes: usize,
    /// Bytes of the whole frame, header included.
    pub frame_bytes: usize,
    /// Raw data blocks in the frame: nearly always 1.
    pub blocks: u8,
}

/// Reads the header at the start of `data`; the frame itself need not be there yet.
pub fn parse(data: &[u8]) -> Result<Header, BitstreamError> {
    let Some(&[sync, flags, b2, b3, b4, b5, b6]) = data.first_chunk::<HEADER_BYTES>() else {
        return Err(BitstreamError::Truncated { what: WHAT, at: data.len() });
    };
    let invalid = |field, value: u64, at| BitstreamError::Invalid { what: WHAT, field, value, at };
    if sync != 0xff || flags & 0xf6 != 0xf0 {
        return Err(invalid("syncword", u64::from(u16::from_be_bytes([sync, flags])), 0));
    }
    let rate_index = (b2 >> 2) & 0x0f;
    let sample_rate =
        super::rate_of(rate_index).ok_or(invalid("sampling_frequency_index", u64::from(rate_index), 2))?;
    let channels = super::channels_of(((b2 & 1) << 2) | (b3 >> 6));
    let header_bytes = if flags & 1 == 1 { HEADER_BYTES } else { HEADER_BYTES + 2 };
    let frame_bytes = (usize::from(b3 & 3) << 11) | (usize::from(b4) << 3) | usize::from(b5 >> 5);
    if frame_bytes < header_bytes {
        return Err(invalid("aac_frame_length", frame_bytes as u64, 3));
    }
    let mut config = AudioSpecificConfig::lc(sample_rate, channels);
    config.object_type = (b2 >> 6) + 1;
    Ok(Header { config, header_bytes, frame_bytes, blocks: (b6 & 3) + 1 })
}

/// The raw frame without its header. Bytes after the frame are ignored.
pub fn strip(data: &[u8]) -> Result<&[u8], BitstreamError> {
    let header = parse(data)?;
    data.get(header.header_bytes..header.frame_bytes)
        .ok_or(BitstreamError::Truncated { what: WHAT, at: data.len() })
}

/// All frames in `data`: the header and the raw frame of each. After an error the iterator ends.
pub fn frames(data: &[u8]) -> impl Iterator<Item = Result<(Header, &[u8]), BitstreamError>> {
    let mut rest = data;
    std::iter::from_fn(move || {
        if rest.is_empty() {
            return None;
        }
        let frame = parse(rest).and_then(|header| Ok((strip(rest)?, header)));
        rest = frame.as_ref().ok().and_then(|(_, header)| rest.get(header.frame_bytes..)).unwrap_or_default();
        Some(frame.map(|(raw, header)| (header, raw)))
    })
}

/// Builds the header for a raw frame of `raw_bytes`. `None` when ADTS cannot say it: other object types than 1 to
/// 4, odd rates, more than 8,184 bytes. Of HE-AAC the core is announced, as is usual.
pub fn header(config: &AudioSpecificConfig, raw_bytes: usize) -> Option<[u8; HEADER_BYTES]> {
    let frame_bytes = raw_bytes + HEADER_BYTES;
    let rate_index = super::index_of(config.sample_rate)?;
    let channels = super::config_of(config.channels);
    if !(1..=4).contains(&config.object_type) || frame_bytes >= 1 << 13 || channels > 7 {
        return None;
    }
    Some([
        0xff,
        0xf1,
        ((config.object_type - 1) << 6) | (rate_index << 2) | (channels >> 2),
        ((channels & 3) << 6) | (frame_bytes >> 11) as u8,
        (frame_bytes >> 3) as u8,
        ((frame_bytes << 5) as u8) | 0x1f,
        0xfc,
    ])
}
