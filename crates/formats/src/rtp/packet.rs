//! RTP packets: header, extension, padding; read and written.
//!
//! Source: RFC 3550 §5.1, §5.3.1.
use super::PacketError;
use bytes::Bytes;

/// Bytes of a header without contributing sources and extension.
pub const HEADER_BYTES: usize = 12;

/// The fixed part of a header.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Header {
    /// What the marker means depends on the payload; mostly the end of a frame.
    pub marker: bool,
    /// Payload type, 0 to 127.
    pub payload_type: u8,
    /// Sequence number.
    pub sequence: u16,
    /// Time of the payload in ticks of the track's RTP clock.
    pub timestamp: u32,
    /// Synchronisation source.
    pub ssrc: u32,
}

impl Header {
    /// The twelve bytes of a header without contributing sources, extension and padding.
    pub const fn to_bytes(self) -> [u8; HEADER_BYTES] {
        let [s0, s1] = self.sequence.to_be_bytes();
        let [t0, t1, t2, t3] = self.timestamp.to_be_bytes();
        let [r0, r1, r2, r3] = self.ssrc.to_be_bytes();
        [0x80, (self.marker as u8) << 7 | (self.payload_type & 0x7f), s0, s1, t0, t1, t2, t3, r0, r1, r2, r3]
    }
}

/// The header extension.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Extension {
    /// What kind: `0xBEDE` for one-byte elements (RFC 8285), `0xABAC` for ONVIF replay.
    pub profile: u16,
    /// The data; a multiple of four bytes.
    pub data: Bytes,
}

/// An RTP packet.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Packet {
    /// The fixed header.
    pub header: Header,
    /// Contributing sources, at most 15.
    pub csrcs: Vec<u32>,
    /// Header extension.
    pub extension: Option<Extension>,
    /// The payload without padding; shares the memory it was parsed from.
    pub payload: Bytes,
}

impl Packet {
    /// Reads a packet; the payload shares `data`.
    pub fn parse(data: Bytes) -> Result<Packet, PacketError> {
        let length = data.len();
        let cut = |part, at| PacketError::Truncated { part, at, length };
        let fixed: &[u8; HEADER_BYTES] = data.first_chunk().ok_or(cut("header", 0))?;
        let [first, second, s0, s1, t0, t1, t2, t3, r0, r1, r2, r3] = *fixed;
        if first >> 6 != 2 {
            return Err(PacketError::Version { version: first >> 6 });
        }
        let header = Header {
            marker: second & 0x80 != 0,
            payload_type: second & 0x7f,
            sequence: u16::from_be_bytes([s0, s1]),
            timestamp: u32::from_be_bytes([t0, t1, t2, t3]),
            ssrc: u32::from_be_bytes([r0, r1, r2, r3]),
        };
        let csrc_count = usize::from(first & 0x0f);
        let mut at = HEADER_BYTES;
        let csrc_bytes = data.get(at..at + 4 * csrc_count).ok_or(cut("contributing sources", at))?;
        let csrcs =
            csrc_bytes.chunks_exact(4).map(|c| u32::from_be_bytes([c[0], c[1], c[2], c[3]])).collect();
        at += 4 * csrc_count;
        let mut extension = None;
        if first & 0x10 != 0 {
            let head = data.get(at..at + 4).ok_or(cut("extension header", at))?;
            let profile = u16::from_be_bytes([head[0], head[1]]);
            let bytes = 4 * usize::from(u16::from_be_bytes([head[2], head[3]]));
            at += 4;
            if length < at + bytes {
                return Err(cut("extension", at));
            }
            extension = Some(Extension { profile, data: data.slice(at..at + bytes) });
            at += bytes;
        }
        let mut end = length;
        if first & 0x20 != 0 {
            let padding = data[length - 1];
            if padding == 0 || usize::from(padding) > length - at {
                return Err(PacketError::Padding { padding, length: length - at });
            }
            end -= usize::from(padding);
        }
        Ok(Packet { header, csrcs, extension, payload: data.slice(at..end) })
    }

    /// Appends the packet to `out`, without padding. Contributing sources beyond 15 are left out, and extension
    /// data is filled up with zeros to whole words.
    pub fn write(&self, out: &mut Vec<u8>) {
        let start = out.len();
        let csrcs = &self.csrcs[..self.csrcs.len().min(15)];
        out.extend_from_slice(&self.header.to_bytes());
        out[start] |= csrcs.len() as u8;
        for csrc in csrcs {
            out.extend_from_slice(&csrc.to_be_bytes());
        }
        if let Some(extension) = &self.extension {
            out[start] |= 0x10;
            let data = &extension.data[..extension.data.len().min(4 * usize::from(u16::MAX))];
            let words = data.len().div_ceil(4);
            out.extend_from_slice(&extension.profile.to_be_bytes());
            out.extend_from_slice(&(words as u16).to_be_bytes());
            out.extend_from_slice(data);
            out.resize(out.len() + 4 * words - data.len(), 0);
        }
        out.extend_from_slice(&self.payload);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rtp::testing::Random;

    fn sample() -> Packet {
        Packet {
            header: Header {
                marker: true,
                payload_type: 96,
                sequence: 65_535,
                timestamp: 7,
                ssrc: 0xdead_beef,
            },
            csrcs: vec![1, 2],
            extension: Some(Extension { profile: 0xbede, data: Bytes::from_static(&[0x10, 0xff, 0, 0]) }),
            payload: Bytes::from_static(b"payload"),
        }
    }

    #[test]
    fn a_packet_with_everything_survives_a_round_trip() {
        let mut bytes = Vec::new();
        sample().write(&mut bytes);
        assert_eq!(Packet::parse(Bytes::from(bytes)), Ok(sample()));
    }

    #[test]
    fn padding_is_cut_off_and_impossible_padding_is_an_error() {
        let mut bytes = Header::default().to_bytes().to_vec();
        bytes[0] |= 0x20;
        bytes.extend_from_slice(&[1, 2, 0, 0, 3]);
        assert_eq!(Packet::parse(Bytes::from(bytes.clone())).unwrap().payload, Bytes::from_static(&[1, 2]));
        *bytes.last_mut().unwrap() = 6;
        assert_eq!(
            Packet::parse(Bytes::from(bytes.clone())),
            Err(PacketError::Padding { padding: 6, length: 5 })
        );
        *bytes.last_mut().unwrap() = 0;
        assert_eq!(Packet::parse(Bytes::from(bytes)), Err(PacketError::Padding { padding: 0, length: 5 }));
    }

    #[test]
    fn every_truncation_of_the_header_says_where() {
        let mut bytes = Vec::new();
        sample().write(&mut bytes);
        let whole = bytes.len() - sample().payload.len();
        for length in 0..whole {
            let error = Packet::parse(Bytes::copy_from_slice(&bytes[..length])).unwrap_err();
            let PacketError::Truncated { at, length: said, .. } = error else { panic!("{error}") };
            assert!(at <= length && said == length);
        }
    }

    #[test]
    fn no_input_panics() {
        let mut random = Random::new(1);
        let mut bytes = Vec::new();
        sample().write(&mut bytes);
        for _ in 0..20_000 {
            let mutated = random.mutate(&bytes);
            if let Ok(packet) = Packet::parse(Bytes::from(mutated)) {
                let mut again = Vec::new();
                packet.write(&mut again);
                assert_eq!(Packet::parse(Bytes::from(again)), Ok(packet));
            }
        }
    }
}
