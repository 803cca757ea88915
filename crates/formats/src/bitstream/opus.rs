//! Opus: durations and `dOps`.
//!
//! Sources: RFC 6716 §3.1, §3.2; Encapsulation of Opus in ISO Base Media File Format §4.3.2.
use bytes::{BufMut, Bytes, BytesMut};

/// Samples at 48 kHz that a decoder throws away at the start, as libopus sets them: 6.5 ms.
pub const PRE_SKIP: u16 = 312;

/// Longest packet: 120 ms. Source: RFC 6716 §3.2.5.
const PACKET_SAMPLES_MAX: u32 = 5_760;

/// Builds OpusSpecificBox: what follows the box header of `dOps`, for mono or stereo.
pub fn dops(channels: u8) -> Bytes {
    let mut out = BytesMut::with_capacity(11);
    out.put_u8(0); // version
    out.put_u8(channels.clamp(1, 2));
    out.put_u16(PRE_SKIP);
    out.put_u32(48_000); // rate of the input: informative
    out.put_i16(0); // gain
    out.put_u8(0); // channel mapping family
    out.freeze()
}

/// How long a packet lasts, in samples at 48 kHz, from its first bytes. `None` for what is no Opus packet.
pub fn packet_duration_48k(packet: &[u8]) -> Option<u32> {
    let &toc = packet.first()?;
    let frame = match toc >> 3 {
        // SILK: 10, 20, 40, 60 ms
        config @ 0..=11 => [480, 960, 1_920, 2_880][usize::from(config & 3)],
        // Hybrid: 10, 20 ms
        config @ 12..=15 => [480, 960][usize::from(config & 1)],
        // CELT: 2.5, 5, 10, 20 ms
        config => [120, 240, 480, 960][usize::from(config & 3)],
    };
    let count = match toc & 3 {
        0 => 1,
        1 | 2 => 2,
        _ => u32::from(packet.get(1)? & 0x3f),
    };
    Some(frame * count).filter(|samples| (1..=PACKET_SAMPLES_MAX).contains(samples))
}

/// True when the packet is coded as stereo.
pub fn is_stereo(packet: &[u8]) -> bool {
    packet.first().is_some_and(|toc| toc & 0x04 != 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_follow_the_table_of_contents_byte() {
        assert_eq!(packet_duration_48k(&[0xfc, 1]), Some(960), "CELT 20 ms stereo, as libopus sends");
        assert_eq!(packet_duration_48k(&[0x78]), Some(960), "hybrid 20 ms");
        assert_eq!(packet_duration_48k(&[0x18]), Some(2_880), "SILK 60 ms");
        assert_eq!(packet_duration_48k(&[0xfd]), Some(1_920), "two frames");
        assert_eq!(packet_duration_48k(&[0xff, 0x03]), Some(2_880), "three frames");
        assert_eq!(packet_duration_48k(&[0xff, 0x3f]), None, "beyond 120 ms");
        assert_eq!(packet_duration_48k(&[0xff]), None);
        assert_eq!(packet_duration_48k(&[]), None);
    }

    #[test]
    fn the_record_is_what_ffmpeg_writes() {
        assert_eq!(dops(2)[..], [0, 2, 0x01, 0x38, 0, 0, 0xbb, 0x80, 0, 0, 0]);
    }
}
