//! An SCTP packet as bytes: its header, its chunks, its checksum.
//!
//! Source: RFC 9260 §3, §6.8 and appendix A (CRC32c). Owns nothing. What the chunks mean is the business of `sctp-proto`;
//! this is what stands before and behind it.
use bytes::{BufMut as _, Bytes, BytesMut};

/// Ports, verification tag, checksum.
pub(super) const HEADER: usize = 12;
/// Type, flags, length.
pub(super) const CHUNK_HEADER: usize = 4;

/// Types of chunks that somebody here looks at.
pub(super) mod kind {
    pub(in super::super) const DATA: u8 = 0;
    pub(in super::super) const INIT: u8 = 1;
    pub(in super::super) const INIT_ACK: u8 = 2;
    pub(in super::super) const SACK: u8 = 3;
    pub(in super::super) const HEARTBEAT: u8 = 4;
    pub(in super::super) const ABORT: u8 = 6;
    pub(in super::super) const SHUTDOWN: u8 = 7;
    pub(in super::super) const SHUTDOWN_ACK: u8 = 8;
    pub(in super::super) const COOKIE_ECHO: u8 = 10;
    pub(in super::super) const COOKIE_ACK: u8 = 11;
    pub(in super::super) const SHUTDOWN_COMPLETE: u8 = 14;
    pub(in super::super) const RECONFIG: u8 = 130;
    pub(in super::super) const FORWARD_TSN: u8 = 192;
}

/// "Our application wants an end" (RFC 9260 §3.3.10.12).
const USER_INITIATED_ABORT: u16 = 12;

/// Who sends to whom.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Header {
    pub(super) source_port: u16,
    pub(super) destination_port: u16,
    pub(super) tag: u32,
}

impl Header {
    /// The header of a packet that has one.
    pub(super) fn read(packet: &[u8]) -> Option<Self> {
        let (&[s0, s1, d0, d1, t0, t1, t2, t3, ..], _) = packet.split_first_chunk::<HEADER>()?;
        Some(Self {
            source_port: u16::from_be_bytes([s0, s1]),
            destination_port: u16::from_be_bytes([d0, d1]),
            tag: u32::from_be_bytes([t0, t1, t2, t3]),
        })
    }

    fn write(&self, out: &mut BytesMut) {
        out.put_u16(self.source_port);
        out.put_u16(self.destination_port);
        out.put_u32(self.tag);
        out.put_u32(0);
    }

    /// A packet of these chunks, each already padded.
    pub(super) fn packet<'a>(&self, chunks: impl IntoIterator<Item = &'a [u8]>) -> Bytes {
        let mut out = BytesMut::new();
        self.write(&mut out);
        for chunk in chunks {
            out.put_slice(chunk);
        }
        seal(&mut out);
        out.freeze()
    }

    /// The packet that ends an association at once.
    pub(super) fn abort(&self) -> Bytes {
        let [high, low] = USER_INITIATED_ABORT.to_be_bytes();
        self.packet([[kind::ABORT, 0, 0, 8, high, low, 0, 4].as_slice()])
    }
}

/// One chunk of a packet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Chunk<'a> {
    pub(super) kind: u8,
    pub(super) flags: u8,
    /// What follows the chunk's header, without padding.
    pub(super) body: &'a [u8],
    /// The whole chunk with its padding, as far as that is there.
    pub(super) whole: &'a [u8],
}

impl Chunk<'_> {
    /// Four bytes of the body as a number.
    pub(super) fn u32_at(&self, offset: usize) -> Option<u32> {
        let bytes = self.body.get(offset..offset.checked_add(4)?)?;
        Some(u32::from_be_bytes(bytes.try_into().ok()?))
    }

    /// Two bytes of the body as a number.
    pub(super) fn u16_at(&self, offset: usize) -> Option<u16> {
        let bytes = self.body.get(offset..offset.checked_add(2)?)?;
        Some(u16::from_be_bytes(bytes.try_into().ok()?))
    }
}

/// The chunks of a packet; `Err` and then the end where one does not fit.
pub(super) struct Chunks<'a>(&'a [u8]);

/// A chunk says that it is longer than the packet, or shorter than its own header.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Malformed;

/// The chunks of `packet`; none when it is shorter than a header.
pub(super) fn chunks(packet: &[u8]) -> Chunks<'_> {
    Chunks(packet.get(HEADER..).unwrap_or_default())
}

impl<'a> Iterator for Chunks<'a> {
    type Item = Result<Chunk<'a>, Malformed>;

    fn next(&mut self) -> Option<Self::Item> {
        let rest = std::mem::take(&mut self.0);
        if rest.is_empty() {
            return None;
        }
        let Some((&[kind, flags, high, low], _)) = rest.split_first_chunk::<CHUNK_HEADER>() else {
            return Some(Err(Malformed));
        };
        let length = usize::from(u16::from_be_bytes([high, low]));
        let Some(body) = rest.get(CHUNK_HEADER..length) else {
            return Some(Err(Malformed));
        };
        let (whole, after) = rest.split_at(length.next_multiple_of(4).min(rest.len()));
        self.0 = after;
        Some(Ok(Chunk { kind, flags, body, whole }))
    }
}

/// `packet` in pieces of at most `mtu` bytes, where its chunks allow that. A packet that fits is returned as it is.
///
/// `sctp-proto` 0.10.8 forgets the last chunk's header and all padding when it fills a packet, so that it may be 16
/// bytes too long with large chunks, and a fifth with many small ones.
pub(super) fn split(packet: Bytes, mtu: usize, mut emit: impl FnMut(Bytes)) {
    let Some(header) = Header::read(&packet).filter(|_| packet.len() > mtu) else {
        return emit(packet);
    };
    let mut part: Vec<&[u8]> = Vec::new();
    let mut size = HEADER;
    for chunk in chunks(&packet) {
        let Ok(chunk) = chunk else { return emit(packet.clone()) };
        if size + chunk.whole.len() > mtu && !part.is_empty() {
            emit(header.packet(part.drain(..)));
            size = HEADER;
        }
        size += chunk.whole.len();
        part.push(chunk.whole);
    }
    emit(header.packet(part));
}

/// Whether the packet's checksum is right. False for what is shorter than a header.
pub(super) fn checksum_is_right(packet: &[u8]) -> bool {
    let Some(stored) = packet.get(8..HEADER) else { return false };
    stored == checksum(packet).to_le_bytes()
}

/// Writes the right checksum into a packet that has a header.
pub(super) fn seal(packet: &mut [u8]) {
    let sum = checksum(packet).to_le_bytes();
    if let Some(place) = packet.get_mut(8..HEADER) {
        place.copy_from_slice(&sum);
    }
}

/// CRC32c, with the place of the checksum taken as zero.
fn checksum(packet: &[u8]) -> u32 {
    let byte = |crc: u32, byte: u8| (crc >> 8) ^ TABLE[usize::from(crc.to_le_bytes()[0] ^ byte)];
    let head = packet.get(..8).unwrap_or(packet).iter().copied();
    let rest = packet.get(HEADER..).unwrap_or_default().iter().copied();
    !head.chain([0; 4]).chain(rest).fold(u32::MAX, byte)
}

/// One step of CRC32c (polynomial 0x1EDC6F41, reflected) for each byte.
static TABLE: [u32; 256] = table();

const fn table() -> [u32; 256] {
    let mut table = [0; 256];
    let mut index = 0;
    while index < 256 {
        let mut crc = index as u32;
        let mut bit = 0;
        while bit < 8 {
            crc = if crc & 1 == 1 { (crc >> 1) ^ 0x82f6_3b78 } else { crc >> 1 };
            bit += 1;
        }
        table[index] = crc;
        index += 1;
    }
    table
}

#[cfg(test)]
mod tests {
    use super::*;

    const PEER: Header = Header { source_port: 5_000, destination_port: 5_000, tag: 7 };

    fn data(length: usize) -> Vec<u8> {
        let mut chunk = vec![kind::DATA, 3];
        chunk.put_u16(u16::try_from(CHUNK_HEADER + length).unwrap());
        chunk.resize((CHUNK_HEADER + length).next_multiple_of(4), 0);
        chunk
    }

    #[test]
    fn an_abort_is_one_well_formed_chunk_under_a_right_checksum() {
        let packet = PEER.abort();
        assert!(checksum_is_right(&packet));
        assert_eq!(Header::read(&packet), Some(PEER));
        let all: Vec<_> = chunks(&packet).collect::<Result<_, _>>().unwrap();
        assert_eq!(all.len(), 1);
        assert_eq!((all[0].kind, all[0].body), (kind::ABORT, [0, 12, 0, 4].as_slice()));
        let mut wrong = packet.to_vec();
        wrong[15] ^= 1;
        assert!(!checksum_is_right(&wrong));
    }

    #[test]
    fn a_chunk_longer_than_the_packet_or_shorter_than_its_header_is_malformed_and_the_last() {
        for length in [0, 3, 9] {
            let packet = PEER.packet([[kind::SACK, 0, 0, length, 0, 0, 0, 0].as_slice()]);
            assert_eq!(chunks(&packet).collect::<Vec<_>>(), [Err(Malformed)]);
        }
        assert_eq!(chunks(&[0; 13]).collect::<Vec<_>>(), [Err(Malformed)]);
        assert_eq!(chunks(&[0; 12]).count(), 0);
    }

    #[test]
    fn a_packet_above_the_mtu_is_split_between_its_chunks_and_no_chunk_is_lost() {
        let all: Vec<Vec<u8>> = (1..60).map(data).collect();
        let packet = PEER.packet(all.iter().map(Vec::as_slice));
        let mut parts = Vec::new();
        split(packet, 600, |part| parts.push(part));
        assert!(parts.len() > 3);
        assert!(parts.iter().all(|part| part.len() <= 600 && checksum_is_right(part)));
        let seen: Vec<&[u8]> = parts.iter().flat_map(|part| chunks(part)).map(|c| c.unwrap().whole).collect();
        assert_eq!(seen, all);
    }
}
