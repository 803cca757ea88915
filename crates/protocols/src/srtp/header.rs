//! As much of RTP and RTCP headers as stays in clear.
//!
//! Source: RFC 3550 §5.1 and §6.4, RFC 3711 §3.1 and §3.4. `formats::rtp` cannot be asked: what it checks (padding,
//! elements of extensions) is enciphered here, or no concern.
use super::{PacketId, SrtpError};

/// Longest packet before it is protected: 65,535 bytes, above what a datagram or a frame of RFC 4571 holds. Counter mode's
/// key stream would repeat after 1 MiB.
pub const PACKET_BYTES_MAX: usize = 65_535;

/// Bytes of RTCP in clear: the first packet's header and SSRC.
pub(super) const RTCP_HEADER: usize = 8;

const RTP_FIXED: usize = 12;

/// What the clear part of an RTP packet says.
#[derive(Clone, Copy)]
pub(super) struct RtpHeader {
    pub(super) ssrc: u32,
    pub(super) sequence_number: u16,
    /// Fixed part, contributing sources and header extension.
    pub(super) bytes: usize,
}

impl RtpHeader {
    /// Reads it; of a protected packet, give the part before the tag.
    pub(super) fn parse(packet: &[u8]) -> Result<Self, SrtpError> {
        let short = SrtpError::Short { got: packet.len() };
        let fixed: &[u8; RTP_FIXED] = packet.first_chunk().ok_or(short)?;
        check(packet)?;
        let mut bytes = RTP_FIXED + 4 * usize::from(fixed[0] & 0x0f);
        if fixed[0] & 0x10 != 0 {
            let extension = packet.get(bytes..bytes + 4).ok_or(short)?;
            bytes += 4 + 4 * usize::from(u16::from_be_bytes([extension[2], extension[3]]));
        }
        if packet.len() < bytes {
            return Err(short);
        }
        Ok(Self {
            ssrc: u32::from_be_bytes([fixed[8], fixed[9], fixed[10], fixed[11]]),
            sequence_number: u16::from_be_bytes([fixed[2], fixed[3]]),
            bytes,
        })
    }

    pub(super) const fn id(&self) -> PacketId {
        PacketId::Rtp { ssrc: self.ssrc, sequence_number: self.sequence_number }
    }
}

/// The SSRC of an RTCP packet; of a protected one, give the part before tag and index.
pub(super) fn rtcp_ssrc(packet: &[u8]) -> Result<u32, SrtpError> {
    let header: &[u8; RTCP_HEADER] = packet.first_chunk().ok_or(SrtpError::Short { got: packet.len() })?;
    check(packet)?;
    Ok(u32::from_be_bytes([header[4], header[5], header[6], header[7]]))
}

fn check(packet: &[u8]) -> Result<(), SrtpError> {
    if packet.len() > PACKET_BYTES_MAX {
        return Err(SrtpError::Long { got: packet.len() });
    }
    match packet.first() {
        Some(first) if first >> 6 != 2 => Err(SrtpError::Version { got: first >> 6 }),
        Some(_) | None => Ok(()),
    }
}
