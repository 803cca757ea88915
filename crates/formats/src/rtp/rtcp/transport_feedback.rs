//! Transport-wide feedback: which packets came, and when. Source: draft-holmer-rmcat-transport-wide-cc-extensions-01
//! §3.1.
use super::Message;
use super::build::{close, open, write_empty_report};
use super::parse::word;
use std::time::Duration;

/// Unit of arrival times: 250 µs.
pub const ARRIVAL_TICK: Duration = Duration::from_micros(250);
/// The reference time counts 64 ms, which is 256 ticks.
pub const REFERENCE_TICKS: i64 = 256;
/// Packets that a chunk of one-bit symbols tells about.
const ONE_BIT_SYMBOLS: usize = 14;
/// Packets that a chunk of two-bit symbols tells about.
const TWO_BIT_SYMBOLS: usize = 7;
/// Packets that a run tells about at most: 13 bits.
const RUN_MAX: usize = 0x1fff;

/// Most packets that a feedback is believed to tell about: 8192, a second of 80 Mbit/s. A run of packets that did not
/// come costs its sender two bytes and would cost the reader all it claims.
const PACKETS_MAX: usize = 8192;

/// What a receiver says about packets with transport-wide numbers that follow each other.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct TransportFeedback {
    /// Who says so.
    pub sender: u32,
    /// A source that the packets belong to.
    pub media: u32,
    /// Number of the first packet.
    pub base_sequence: u16,
    /// Where the times start on the receiver's clock, in 64 ms: 24 bits, signed.
    pub reference_time: i32,
    /// Rises by one with each feedback, so that a lost one is seen.
    pub feedback_count: u8,
    /// For each packet from the first one: `None` when it did not come, else the ticks of 250 µs since the packet
    /// before it that came; for the first that came, since the reference time. At most 8192 are written
    /// and read.
    pub arrivals: Vec<Option<i16>>,
}

impl TransportFeedback {
    /// Each packet's number, and its arrival in ticks of 250 µs on the receiver's clock, which wraps after
    /// 2³² ticks.
    pub fn arrivals(&self) -> impl Iterator<Item = (u16, Option<i64>)> + '_ {
        let mut ticks = i64::from(self.reference_time) * REFERENCE_TICKS;
        let mut sequence = self.base_sequence;
        self.arrivals.iter().map(move |delta| {
            let arrival = (
                sequence,
                delta.map(|delta| {
                    ticks += i64::from(delta);
                    ticks
                }),
            );
            sequence = sequence.wrapping_add(1);
            arrival
        })
    }
}

/// What a packet's status needs: nothing, one byte or two.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Debug)]
enum Symbol {
    Missing = 0,
    Small = 1,
    Large = 2,
}

impl Symbol {
    fn of(arrival: Option<i16>) -> Self {
        match arrival {
            None => Symbol::Missing,
            Some(delta) if (0..256).contains(&delta) => Symbol::Small,
            Some(_) => Symbol::Large,
        }
    }
}

/// Transport-wide feedback behind an empty RR. Nothing without packets.
pub fn write_transport_feedback(message: &TransportFeedback, out: &mut Vec<u8>) {
    let arrivals = &message.arrivals[..message.arrivals.len().min(PACKETS_MAX)];
    if arrivals.is_empty() {
        return;
    }
    write_empty_report(message.sender, out);
    let start = open(15, 205, out);
    let reference = (message.reference_time as u32) << 8 | u32::from(message.feedback_count);
    out.extend_from_slice(&message.sender.to_be_bytes());
    out.extend_from_slice(&message.media.to_be_bytes());
    out.extend_from_slice(&message.base_sequence.to_be_bytes());
    out.extend_from_slice(&(arrivals.len() as u16).to_be_bytes());
    out.extend_from_slice(&reference.to_be_bytes());
    let mut rest = arrivals;
    while !rest.is_empty() {
        let (chunk, told) = chunk(rest);
        out.extend_from_slice(&chunk.to_be_bytes());
        rest = &rest[told..];
    }
    for delta in arrivals.iter().flatten() {
        match u8::try_from(*delta) {
            Ok(small) => out.push(small),
            Err(_) => out.extend_from_slice(&delta.to_be_bytes()),
        }
    }
    close(start, out);
}

/// The chunk that tells of most packets, and of how many.
fn chunk(arrivals: &[Option<i16>]) -> (u16, usize) {
    let symbols = arrivals.iter().map(|arrival| Symbol::of(*arrival));
    let first = Symbol::of(arrivals[0]);
    let run = symbols.clone().take(RUN_MAX).take_while(|symbol| *symbol == first).count();
    let one_bit = symbols.clone().take(ONE_BIT_SYMBOLS).take_while(|symbol| *symbol < Symbol::Large).count();
    // a vector that is not full ends the statuses
    let one_bit = if one_bit == arrivals.len().min(ONE_BIT_SYMBOLS) { one_bit } else { 0 };
    let two_bit = arrivals.len().min(TWO_BIT_SYMBOLS);
    if run >= one_bit.max(two_bit) {
        ((first as u16) << 13 | run as u16, run)
    } else if one_bit > 0 {
        let bits = symbols.take(one_bit).enumerate().map(|(index, symbol)| (symbol as u16) << (13 - index));
        (bits.fold(0x8000, |chunk, bit| chunk | bit), one_bit)
    } else {
        let bits =
            symbols.take(two_bit).enumerate().map(|(index, symbol)| (symbol as u16) << (12 - 2 * index));
        (bits.fold(0xc000, |chunk, bit| chunk | bit), two_bit)
    }
}

/// `None` when a status or a time is missing, or has no meaning.
pub(super) fn parse(body: &[u8]) -> Option<Message> {
    let (sender, media) = (word(body, 0)?, word(body, 4)?);
    let (numbers, reference) = (word(body, 8)?, word(body, 12)?);
    let count = (numbers & 0xffff) as usize;
    if count > PACKETS_MAX {
        return None;
    }
    let mut rest = &body[16..];
    let mut symbols = Vec::with_capacity(count);
    while symbols.len() < count {
        let (chunk, after) = rest.split_first_chunk()?;
        let chunk = u16::from_be_bytes(*chunk);
        rest = after;
        let left = count - symbols.len();
        match chunk >> 14 {
            0 | 1 => {
                let run = usize::from(chunk & 0x1fff);
                // a run of nothing would be no progress
                (run > 0).then(|| symbols.resize(symbols.len() + run.min(left), chunk >> 13))?;
            }
            2 => symbols.extend((0..ONE_BIT_SYMBOLS.min(left)).map(|index| chunk >> (13 - index) & 1)),
            _ => symbols.extend((0..TWO_BIT_SYMBOLS.min(left)).map(|index| chunk >> (12 - 2 * index) & 3)),
        }
    }
    let mut arrivals = Vec::with_capacity(count);
    for symbol in symbols {
        arrivals.push(match symbol {
            0 => None,
            1 => {
                let (small, after) = rest.split_first()?;
                rest = after;
                Some(i16::from(*small))
            }
            2 => {
                let (large, after) = rest.split_first_chunk()?;
                rest = after;
                Some(i16::from_be_bytes(*large))
            }
            _ => return None,
        });
    }
    Some(Message::TransportFeedback(TransportFeedback {
        sender,
        media,
        base_sequence: (numbers >> 16) as u16,
        // the upper 24 bits are signed
        reference_time: (reference as i32) >> 8,
        feedback_count: reference as u8,
        arrivals,
    }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rtp::rtcp;
    use proptest::prelude::*;

    fn read(bytes: &[u8]) -> Option<TransportFeedback> {
        match rtcp::parse(bytes).unwrap().pop() {
            Some(Message::TransportFeedback(feedback)) => Some(feedback),
            _ => None,
        }
    }

    fn written(feedback: &TransportFeedback) -> Vec<u8> {
        let mut out = Vec::new();
        write_transport_feedback(feedback, &mut out);
        out.split_off(8)
    }

    fn feedback(arrivals: Vec<Option<i16>>) -> TransportFeedback {
        let base_sequence = 0xfffe;
        TransportFeedback {
            sender: 1,
            media: 2,
            base_sequence,
            reference_time: -3,
            feedback_count: 4,
            arrivals,
        }
    }

    /// Chunks of the draft's examples: §3.1.3 a run of 221 that came with small deltas, §3.1.4 one-bit and two-bit
    /// vectors.
    #[test]
    fn chunks_are_those_of_the_draft() {
        let chunks = |statuses: &[(usize, Option<i16>)]| {
            let arrivals: Vec<_> =
                statuses.iter().flat_map(|(count, status)| std::iter::repeat_n(*status, *count)).collect();
            chunk(&arrivals)
        };
        let small = Some(1);
        assert_eq!(chunks(&[(221, None), (1, small)]), (0b0000_0000_1101_1101, 221));
        assert_eq!(chunks(&[(24, small), (1, None)]), (0b0010_0000_0001_1000, 24));
        let one_bit = [(1, None), (5, small), (3, None), (3, small), (2, None)];
        assert_eq!(chunks(&one_bit), (0b1001_1111_0001_1100, 14));
        let two_bit = [(1, None), (1, Some(256)), (3, small), (2, None), (1, small)];
        assert_eq!(chunks(&two_bit), (0b1100_1001_0101_0000, 7));
    }

    #[test]
    fn a_feedback_is_read_and_written_byte_for_byte() {
        let message = feedback(vec![Some(5), None, Some(-1), Some(256)]);
        let bytes = written(&message);
        let head = [0x8f, 205, 0, 6, 0, 0, 0, 1, 0, 0, 0, 2, 0xff, 0xfe, 0, 4, 0xff, 0xff, 0xfd, 4];
        assert_eq!(bytes[..20], head);
        assert_eq!(bytes[20..], [0b1101_0010, 0b1000_0000, 5, 0xff, 0xff, 1, 0, 0]);
        assert_eq!(read(&bytes), Some(message.clone()));
        let arrivals: Vec<_> = message.arrivals().collect();
        assert_eq!(arrivals, [(0xfffe, Some(-763)), (0xffff, None), (0, Some(-764)), (1, Some(-508))]);
    }

    #[test]
    fn a_feedback_that_lacks_times_or_has_a_reserved_status_is_none() {
        let bytes = written(&feedback(vec![Some(5); 4]));
        let mut cut = bytes[..24].to_vec();
        cut[3] = 5;
        assert_eq!(read(&cut), None);
        let mut reserved = bytes;
        reserved[20] = 0b1111_1111;
        assert_eq!(read(&reserved), None);
    }

    proptest! {
        #[test]
        fn what_is_written_is_read_again(
            arrivals in prop::collection::vec(
                prop_oneof![
                    2 => (1usize..40).prop_map(|count| vec![None; count]),
                    4 => prop::collection::vec((0i16..256).prop_map(Some), 1..60),
                    1 => prop::collection::vec(any::<Option<i16>>(), 1..20),
                ],
                1..30,
            ),
        ) {
            let message = feedback(arrivals.concat());
            let bytes = written(&message);
            prop_assert_eq!(read(&bytes), Some(message));
        }

        #[test]
        fn no_bytes_panic(
            bytes in prop::collection::vec(any::<u8>(), 0..80),
            chunks in prop::collection::vec(any::<u8>(), 0..40),
        ) {
            let _ = parse(&bytes);
            let mut body = vec![0; 10];
            body.extend_from_slice(&[0, 200, 0, 0, 0, 0]);
            body.extend_from_slice(&chunks);
            let _ = parse(&body);
        }
    }
}
