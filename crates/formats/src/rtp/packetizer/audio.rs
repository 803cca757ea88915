//! AAC, samples and MPEG audio.
//!
//! Sources: RFC 3640 §3.2, §3.3.6 (AAC-hbr); RFC 3551 §4.5 (samples); RFC 2250 §3.5 (MPEG audio). The marker is
//! set on the packet that ends an AAC access unit; for the others it would mean the end of a silence.
use super::Writer;
use crate::rtp::PacketizeError;
use media::{Codec, rescale};

/// Longest access unit that 13 bits can say.
const AAC_BYTES_MAX: usize = (1 << 13) - 1;

/// One access unit in one packet, or in fragments that all say its whole size.
pub(super) fn write_aac(data: &[u8], writer: &mut Writer<'_>) -> Result<(), PacketizeError> {
    if data.is_empty() || data.len() > AAC_BYTES_MAX {
        return Err(PacketizeError::NotCarried {
            codec: Codec::Aac,
            what: "an access unit beyond 8191 bytes",
        });
    }
    let [high, low] = ((data.len() as u16) << 3).to_be_bytes();
    let head = [0, 16, high, low];
    let mut rest = data;
    while !rest.is_empty() {
        let (piece, after) = rest.split_at(rest.len().min(writer.room - head.len()));
        writer.packet(after.is_empty(), &[&head, piece]);
        rest = after;
    }
    Ok(())
}

/// As many packets as needed, each of whole samples and with its own time.
pub(super) fn write_samples(
    data: &[u8],
    sample_bytes: usize,
    clock_rate: u32,
    rtp_clock_rate: u32,
    writer: &mut Writer<'_>,
) {
    let start = writer.header.timestamp;
    let piece_bytes = writer.room / sample_bytes * sample_bytes;
    for (index, piece) in data.chunks(piece_bytes.max(1)).enumerate() {
        let samples = (index * piece_bytes / sample_bytes) as i64;
        writer.header.timestamp = start.wrapping_add(rescale(samples, clock_rate, rtp_clock_rate) as u32);
        writer.packet(false, &[piece]);
    }
}

/// One frame, in fragments with their offsets when it is long.
pub(super) fn write_mp3(data: &[u8], writer: &mut Writer<'_>) {
    let piece_bytes = writer.room - 4;
    for (index, piece) in data.chunks(piece_bytes).enumerate() {
        let [high, low] = u16::try_from(index * piece_bytes).unwrap_or(u16::MAX).to_be_bytes();
        writer.packet(false, &[&[0, 0, high, low], piece]);
    }
}
