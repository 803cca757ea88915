//! Opening a data channel in band: the message OPEN and its ACK.
//!
//! Source: RFC 8832 §5. Owns nothing.
use super::parameters::SctpStreamParameters;
use bytes::{BufMut as _, Bytes, BytesMut};

const OPEN: u8 = 3;
const ACK: u8 = 2;
const UNORDERED: u8 = 0x80;
const RELIABLE: u8 = 0;
const LIMITED_RETRANSMITS: u8 = 1;
const LIMITED_LIFE_TIME: u8 = 2;
/// Type, channel type, priority, reliability parameter, two lengths.
const OPEN_HEAD: usize = 12;
/// `Normal` of RFC 8831 §6.4.
const PRIORITY: u16 = 256;

/// A message of the establishment protocol.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Dcep {
    /// "This stream is a channel now."
    Open { parameters: SctpStreamParameters, label: String, protocol: String },
    /// "I know."
    Ack,
}

/// Not a message of the protocol. The peer's fault.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(super) enum DcepError {
    #[error("DCEP message ends at byte {0}")]
    Short(usize),
    #[error("unknown DCEP message type {0}")]
    Type(u8),
    #[error("unknown channel type {0:#04x}")]
    ChannelType(u8),
    #[error("label or protocol is not UTF-8")]
    Utf8,
}

impl Dcep {
    /// Reads one that came on `stream_id`.
    pub(super) fn read(stream_id: u16, bytes: &[u8]) -> Result<Self, DcepError> {
        let short = DcepError::Short(bytes.len());
        match *bytes.first().ok_or(short)? {
            ACK => return Ok(Dcep::Ack),
            OPEN => {}
            other => return Err(DcepError::Type(other)),
        }
        let (&head, rest) = bytes.split_first_chunk::<OPEN_HEAD>().ok_or(short)?;
        let [_, channel_type, _, _, l0, l1, l2, l3, label_high, label_low, protocol_high, protocol_low] =
            head;
        // Browsers offer 16 bits, so a larger limit is no limit that anybody would notice.
        let limit = u16::try_from(u32::from_be_bytes([l0, l1, l2, l3])).unwrap_or(u16::MAX);
        let (max_packet_life_time, max_retransmits) = match channel_type & !UNORDERED {
            RELIABLE => (None, None),
            LIMITED_RETRANSMITS => (None, Some(limit)),
            LIMITED_LIFE_TIME => (Some(limit), None),
            _ => return Err(DcepError::ChannelType(channel_type)),
        };
        let label_length = usize::from(u16::from_be_bytes([label_high, label_low]));
        let protocol_length = usize::from(u16::from_be_bytes([protocol_high, protocol_low]));
        let (label, rest) = rest.split_at_checked(label_length).ok_or(short)?;
        let protocol = rest.get(..protocol_length).ok_or(short)?;
        let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).map_err(|_| DcepError::Utf8);
        Ok(Dcep::Open {
            parameters: SctpStreamParameters {
                stream_id,
                ordered: channel_type & UNORDERED == 0,
                max_packet_life_time,
                max_retransmits,
            },
            label: text(label)?,
            protocol: text(protocol)?,
        })
    }

    /// The message as it travels; `None` when label or protocol is longer than 65535 bytes.
    pub(super) fn write(&self) -> Option<Bytes> {
        let Dcep::Open { parameters, label, protocol } = self else {
            return Some(Bytes::from_static(&[ACK]));
        };
        let (kind, limit) = match (parameters.max_packet_life_time, parameters.max_retransmits) {
            (Some(life_time), _) => (LIMITED_LIFE_TIME, life_time),
            (None, Some(retransmits)) => (LIMITED_RETRANSMITS, retransmits),
            (None, None) => (RELIABLE, 0),
        };
        let mut out = BytesMut::with_capacity(OPEN_HEAD + label.len() + protocol.len());
        out.put_u8(OPEN);
        out.put_u8(if parameters.ordered { kind } else { kind | UNORDERED });
        out.put_u16(PRIORITY);
        out.put_u32(u32::from(limit));
        out.put_u16(u16::try_from(label.len()).ok()?);
        out.put_u16(u16::try_from(protocol.len()).ok()?);
        out.put_slice(label.as_bytes());
        out.put_slice(protocol.as_bytes());
        Some(out.freeze())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_kind_of_channel_is_read_as_it_was_written() {
        for parameters in [
            SctpStreamParameters::new_ordered(5),
            SctpStreamParameters::new_unordered(5),
            SctpStreamParameters::new_unordered_with_life_time(5, 700),
            SctpStreamParameters::new_unordered_with_retransmits(5, 0),
            // Not in mediasoup's model, yet a browser may ask for it.
            SctpStreamParameters {
                ordered: true,
                ..SctpStreamParameters::new_unordered_with_retransmits(5, 3)
            },
        ] {
            let open = Dcep::Open { parameters, label: "Türe".into(), protocol: String::new() };
            assert_eq!(Dcep::read(5, &open.write().unwrap()), Ok(open));
        }
        assert_eq!(Dcep::read(5, &Dcep::Ack.write().unwrap()), Ok(Dcep::Ack));
    }

    #[test]
    fn every_prefix_of_an_open_is_an_error() {
        let open = Dcep::Open {
            parameters: SctpStreamParameters::new_ordered(1),
            label: "label".into(),
            protocol: "protocol".into(),
        };
        let bytes = open.write().unwrap();
        for length in 0..bytes.len() {
            assert_eq!(Dcep::read(1, &bytes[..length]), Err(DcepError::Short(length)));
        }
        assert_eq!(Dcep::read(1, &[9]), Err(DcepError::Type(9)));
    }
}
