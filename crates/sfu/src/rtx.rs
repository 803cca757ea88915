//! Retransmission payload format: a packet sent again as a stream of its own.
//!
//! Source: RFC 4588 §4: payload is the original sequence number, two bytes, and the original payload; header has
//! the retransmission stream's SSRC, payload type and sequence number, and the original's timestamp and marker.
use bytes::{BufMut, Bytes, BytesMut};
use formats::rtp::{Header, Packet};
use media::Fault;

/// Bytes of the original sequence number before the payload. Source: RFC 4588 §4.
const ORIGINAL_SEQUENCE_BYTES: usize = 2;

/// What packets of a stream have in their header when they are sent again.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct RtxStream {
    /// SSRC of the retransmission stream.
    pub ssrc: u32,
    /// Its payload type.
    pub payload_type: u8,
}

/// A retransmission that nothing can be repaired with.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum RtxError {
    /// The payload has no original sequence number: padding, which senders use for probing, or broken.
    #[error("retransmission {sequence} of ssrc {ssrc} has {bytes} bytes of payload: no original packet")]
    Empty {
        /// Sequence number within the retransmission stream.
        sequence: u16,
        /// SSRC of the retransmission stream.
        ssrc: u32,
        /// Bytes of payload, fewer than two.
        bytes: usize,
    },
}

impl RtxError {
    /// Always the peer's; and no reason to end anything.
    pub const fn fault(&self) -> Fault {
        match self {
            Self::Empty { .. } => Fault::Peer,
        }
    }
}

/// Packs `packet` as number `sequence` of a retransmission stream. Copies the payload: two bytes go before it.
pub fn wrap(packet: &Packet, stream: RtxStream, sequence: u16) -> Packet {
    let mut payload = BytesMut::with_capacity(ORIGINAL_SEQUENCE_BYTES + packet.payload.len());
    payload.put_u16(packet.header.sequence);
    payload.extend_from_slice(&packet.payload);
    let header = Header { ssrc: stream.ssrc, payload_type: stream.payload_type, sequence, ..packet.header };
    Packet { header, payload: payload.freeze(), ..packet.clone() }
}

/// Reads the original out of a retransmission; `ssrc` and `payload_type` are the original stream's. The payload
/// shares the retransmission's memory. Header extensions are those of the retransmission.
pub fn unwrap(packet: &Packet, ssrc: u32, payload_type: u8) -> Result<Packet, RtxError> {
    let &[high, low, ..] = packet.payload.as_ref() else {
        return Err(RtxError::Empty {
            sequence: packet.header.sequence,
            ssrc: packet.header.ssrc,
            bytes: packet.payload.len(),
        });
    };
    let header = Header { ssrc, payload_type, sequence: u16::from_be_bytes([high, low]), ..packet.header };
    let payload: Bytes = packet.payload.slice(ORIGINAL_SEQUENCE_BYTES..);
    Ok(Packet { header, payload, ..packet.clone() })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_retransmission_too_short_for_a_number_is_refused() {
        let packet = Packet { payload: Bytes::from_static(&[7]), ..Packet::default() };
        assert_eq!(unwrap(&packet, 1, 96), Err(RtxError::Empty { sequence: 0, ssrc: 0, bytes: 1 }));
    }

    proptest! {
        #[test]
        fn what_was_wrapped_comes_out_as_it_was(
            sequence: u16, timestamp: u32, marker: bool, payload in prop::collection::vec(any::<u8>(), 0..1200),
        ) {
            let header = Header { marker, payload_type: 96, sequence, timestamp, ssrc: 1 };
            let original = Packet { header, payload: payload.into(), ..Packet::default() };
            let wrapped = wrap(&original, RtxStream { ssrc: 2, payload_type: 97 }, 5);
            prop_assert_eq!((wrapped.header.ssrc, wrapped.header.payload_type, wrapped.header.sequence), (2, 97, 5));
            prop_assert_eq!(unwrap(&wrapped, 1, 96), Ok(original));
        }

        #[test]
        fn hostile_bytes_are_a_packet_or_an_error(bytes in prop::collection::vec(any::<u8>(), 0..64)) {
            if let Ok(packet) = Packet::parse(bytes.into()) {
                let _ = unwrap(&packet, 1, 96);
            }
        }
    }
}
