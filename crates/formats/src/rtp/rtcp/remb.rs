//! REMB: the bitrate that a receiver believes its way bears. Source: draft-alvestrand-rmcat-remb-03 §2.2.
use super::Message;
use super::build::{close, open, write_empty_report};
use super::parse::word;

/// "REMB", which tells it from other application feedback.
const IDENTIFIER: u32 = 0x5245_4d42;
/// Bits of the mantissa.
const MANTISSA_BITS: u32 = 18;
/// Most sources of one message: their count is one byte.
const SSRCS_MAX: usize = 255;

/// An estimate of the receiver.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct MaximumBitrate {
    /// Who says so.
    pub sender: u32,
    /// Bits a second of all sources together. What exceeds 64 bits is read as the most they hold.
    pub bps: u64,
    /// The sources it is about.
    pub ssrcs: Vec<u32>,
}

/// REMB behind an empty RR. The bitrate keeps its 18 leading bits, rounded down.
pub fn write_maximum_bitrate(message: &MaximumBitrate, out: &mut Vec<u8>) {
    write_empty_report(message.sender, out);
    let start = open(15, 206, out);
    let ssrcs = &message.ssrcs[..message.ssrcs.len().min(SSRCS_MAX)];
    let exponent = (u64::BITS - message.bps.leading_zeros()).saturating_sub(MANTISSA_BITS);
    let mantissa = (message.bps >> exponent) as u32;
    let bitrate = (ssrcs.len() as u32) << 24 | exponent << MANTISSA_BITS | mantissa;
    for word in [message.sender, 0, IDENTIFIER, bitrate].iter().chain(ssrcs) {
        out.extend_from_slice(&word.to_be_bytes());
    }
    close(start, out);
}

/// `None` when it is other application feedback, or cut.
pub(super) fn parse(body: &[u8]) -> Option<Message> {
    let bitrate = word(body, 12).filter(|_| word(body, 8) == Some(IDENTIFIER))?;
    let exponent = bitrate >> MANTISSA_BITS & 0x3f;
    let mantissa = u64::from(bitrate & 0x3_ffff);
    let bps = if mantissa.leading_zeros() >= exponent { mantissa << exponent } else { u64::MAX };
    let ssrcs = (0..bitrate as usize >> 24).map_while(|index| word(body, 16 + 4 * index)).collect();
    Some(Message::MaximumBitrate(MaximumBitrate { sender: word(body, 0)?, bps, ssrcs }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rtp::rtcp;
    use proptest::prelude::*;

    /// As Chromium sends it, after the empty RR: 2 sources, mantissa 0x28000, exponent 1.
    const BYTES: [u8; 28] = [
        0x8f, 206, 0, 6, 0, 0, 0, 5, 0, 0, 0, 0, b'R', b'E', b'M', b'B', 2, 0x06, 0x80, 0x00, 0, 0, 0, 1, 0,
        0, 0, 2,
    ];

    #[test]
    fn an_estimate_is_read_and_written_byte_for_byte() {
        let message = MaximumBitrate { sender: 5, bps: 0x28000 << 1, ssrcs: vec![1, 2] };
        assert_eq!(rtcp::parse(&BYTES).unwrap(), [Message::MaximumBitrate(message.clone())]);
        let mut out = Vec::new();
        write_maximum_bitrate(&message, &mut out);
        assert_eq!(out[8..], BYTES);
    }

    #[test]
    fn an_estimate_beyond_all_numbers_is_the_greatest_and_other_feedback_is_left() {
        let mut bytes = BYTES;
        bytes[17] = 0xff;
        let Some(Message::MaximumBitrate(message)) = rtcp::parse(&bytes).unwrap().pop() else { panic!() };
        assert_eq!(message.bps, u64::MAX);
        bytes[12] = b'r';
        assert_eq!(rtcp::parse(&bytes).unwrap(), [Message::Other { packet_type: 206, count: 15 }]);
    }

    proptest! {
        #[test]
        fn what_is_written_is_read_again_to_17_bits(
            sender: u32, bps: u64, ssrcs in prop::collection::vec(any::<u32>(), 0..300),
        ) {
            let mut out = Vec::new();
            write_maximum_bitrate(&MaximumBitrate { sender, bps, ssrcs: ssrcs.clone() }, &mut out);
            let Some(Message::MaximumBitrate(read)) = rtcp::parse(&out).unwrap().pop() else { panic!() };
            prop_assert!(read.bps <= bps && bps - read.bps <= bps >> 17);
            prop_assert_eq!((read.sender, &read.ssrcs[..]), (sender, &ssrcs[..ssrcs.len().min(255)]));
        }

        #[test]
        fn no_bytes_panic(mut bytes in prop::collection::vec(any::<u8>(), 0..60)) {
            let _ = parse(&bytes);
            if let Some(name) = bytes.get_mut(8..12) {
                name.copy_from_slice(b"REMB");
            }
            let _ = parse(&bytes);
        }
    }
}
