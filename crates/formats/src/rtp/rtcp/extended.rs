//! Extended reports, as far as they measure the round trip of who only receives: it names the time of its clock, and
//! the other end says how long ago it heard that. Source: RFC 3611 §2, §4.4 and §4.5.
use super::Message;
use super::build::{close, open, write_empty_report};
use super::parse::word;

/// What one receiver is told about the reference time it sent.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct DelayBlock {
    /// The receiver.
    pub ssrc: u32,
    /// Middle 32 bits of its last reference time; 0 without one.
    pub last_reference: u32,
    /// Since that came, in 1/65536 s.
    pub delay: u32,
}

/// The reference time of a receiver, behind an empty RR.
pub fn write_reference_time(sender: u32, ntp: u64, out: &mut Vec<u8>) {
    write_empty_report(sender, out);
    let start = open(0, 207, out);
    out.extend_from_slice(&sender.to_be_bytes());
    out.extend_from_slice(&[4, 0, 0, 2]);
    out.extend_from_slice(&ntp.to_be_bytes());
    close(start, out);
}

/// The answer to reference times, behind an empty RR. Nothing without blocks.
pub fn write_since_reference(sender: u32, blocks: &[DelayBlock], out: &mut Vec<u8>) {
    // a length beyond 16 bits would describe another packet
    let blocks = &blocks[..blocks.len().min(usize::from(u16::MAX / 3) - 1)];
    if blocks.is_empty() {
        return;
    }
    write_empty_report(sender, out);
    let start = open(0, 207, out);
    out.extend_from_slice(&sender.to_be_bytes());
    let words = u16::try_from(3 * blocks.len()).unwrap_or(u16::MAX);
    out.extend_from_slice(&[5, 0]);
    out.extend_from_slice(&words.to_be_bytes());
    for block in blocks {
        for word in [block.ssrc, block.last_reference, block.delay] {
            out.extend_from_slice(&word.to_be_bytes());
        }
    }
    close(start, out);
}

/// Reads the blocks that are known; others are skipped.
pub(super) fn parse(body: &[u8], messages: &mut Vec<Message>) {
    let Some(sender) = word(body, 0) else { return };
    let mut rest = &body[4..];
    while let Some((&[kind, _, l0, l1], after)) = rest.split_first_chunk() {
        let bytes = 4 * usize::from(u16::from_be_bytes([l0, l1]));
        let Some((block, after)) = after.split_at_checked(bytes) else { return };
        match (kind, word(block, 0), word(block, 4)) {
            (4, Some(high), Some(low)) => {
                let ntp = u64::from(high) << 32 | u64::from(low);
                messages.push(Message::ReferenceTime { sender, ntp });
            }
            (5, Some(_), Some(_)) => {
                let delay = |entry: &[u8]| {
                    let (ssrc, last_reference) = (word(entry, 0)?, word(entry, 4)?);
                    Some(DelayBlock { ssrc, last_reference, delay: word(entry, 8)? })
                };
                let blocks = block.chunks_exact(12).filter_map(delay).collect();
                messages.push(Message::SinceReference { sender, blocks });
            }
            _ => {}
        }
        rest = after;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rtp::rtcp;
    use proptest::prelude::*;

    #[test]
    fn reference_times_and_their_answers_are_read_and_written_byte_for_byte() {
        let mut out = Vec::new();
        write_reference_time(5, 0x0102_0304_0506_0708, &mut out);
        assert_eq!(out[8..], [0x80, 207, 0, 4, 0, 0, 0, 5, 4, 0, 0, 2, 1, 2, 3, 4, 5, 6, 7, 8]);
        assert_eq!(
            rtcp::parse(&out).unwrap()[1],
            Message::ReferenceTime { sender: 5, ntp: 0x0102_0304_0506_0708 }
        );
        out.clear();
        let block = DelayBlock { ssrc: 9, last_reference: 0x0304_0506, delay: 65_536 };
        write_since_reference(5, &[block], &mut out);
        assert_eq!(out[8..], [0x80, 207, 0, 5, 0, 0, 0, 5, 5, 0, 0, 3, 0, 0, 0, 9, 3, 4, 5, 6, 0, 1, 0, 0]);
        assert_eq!(rtcp::parse(&out).unwrap()[1], Message::SinceReference { sender: 5, blocks: vec![block] });
    }

    #[test]
    fn unknown_blocks_are_skipped() {
        let mut bytes = vec![0x80, 207, 0, 7, 0, 0, 0, 5, 42, 0, 0, 2, 0, 0, 0, 0, 0, 0, 0, 0];
        bytes.extend_from_slice(&[4, 0, 0, 2, 0, 0, 0, 1, 0, 0, 0, 2]);
        assert_eq!(rtcp::parse(&bytes).unwrap(), [Message::ReferenceTime { sender: 5, ntp: 0x1_0000_0002 }]);
    }

    proptest! {
        #[test]
        fn what_is_written_is_read_again(
            sender: u32, ntp: u64, delays in prop::collection::vec(any::<(u32, u32, u32)>(), 1..40),
        ) {
            let block = |(ssrc, last_reference, delay)| DelayBlock { ssrc, last_reference, delay };
            let blocks: Vec<DelayBlock> = delays.into_iter().map(block).collect();
            let mut out = Vec::new();
            write_reference_time(sender, ntp, &mut out);
            write_since_reference(sender, &blocks, &mut out);
            let read = rtcp::parse(&out).unwrap();
            prop_assert_eq!(&read[1], &Message::ReferenceTime { sender, ntp });
            prop_assert_eq!(&read[3], &Message::SinceReference { sender, blocks });
        }

        #[test]
        fn no_bytes_panic(bytes in prop::collection::vec(0u8..8, 0..60)) {
            parse(&bytes, &mut Vec::new());
        }
    }
}
