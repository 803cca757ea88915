//! A producer's packet as its consumers share it, and how it is written for one of them.
//!
//! Sources: RFC 3550 §5.1, RFC 8285 (extension elements), RFC 4588 (retransmission), abs-send-time and
//! transport-wide-cc-01 of draft-holmer-rmcat-transport-wide-cc-extensions-01.
use crate::payload::{Elements, InboundPacket, ONE_BYTE, TWO_BYTES};
use crate::rewrite::{ExtensionIds, Rewritten};
use crate::rtx::RtxStream;
use bytes::Bytes;
use formats::rtp::Packet;
use media::Moment;
use smallvec::SmallVec;

/// A packet of a producer. Shared: fan-out, relays and retransmission stores hold the same one.
#[derive(Debug)]
pub(crate) struct Produced {
    /// What was read of it, once for all consumers.
    pub(crate) inbound: InboundPacket,
    /// Extension elements with the router's ids: id, length, data, one after the other.
    elements: SmallVec<[u8; 24]>,
    /// An element does not fit the one-byte form.
    two_bytes: bool,
    /// The payload without padding.
    pub(crate) payload: Bytes,
}

impl Produced {
    /// `ids` are the producer's numbers of header extensions and the router's.
    pub(crate) fn new(packet: Packet, inbound: InboundPacket, ids: &ExtensionIds) -> Self {
        let mut elements = SmallVec::new();
        let mut two_bytes = false;
        if let Some(extension) = &packet.extension {
            for (id, data) in Elements::new(extension) {
                let (Some(id), Ok(length)) = (ids.map(id), u8::try_from(data.len())) else { continue };
                two_bytes |= id > 14 || !(1..=16).contains(&length);
                elements.push(id);
                elements.push(length);
                elements.extend_from_slice(data);
            }
        }
        Self { inbound, elements, two_bytes, payload: packet.payload }
    }

    /// What of the payload goes on, before it is patched.
    pub(crate) fn payload_of(&self, rewritten: &Rewritten) -> &[u8] {
        if rewritten.filler { &[] } else { self.payload.get(rewritten.skip.into()..).unwrap_or_default() }
    }

    fn elements(&self) -> impl Iterator<Item = (u8, &[u8])> {
        let mut rest = self.elements.as_slice();
        std::iter::from_fn(move || {
            let [id, length, after @ ..] = rest else { return None };
            let (data, after) = after.split_at_checked(usize::from(*length))?;
            rest = after;
            Some((*id, data))
        })
    }
}

/// The header extensions of one consumer.
#[derive(Clone, Debug, Default)]
pub(crate) struct ConsumerExtensions {
    /// Ids of the producer's elements that go on.
    pub(crate) passed: SmallVec<[u8; 8]>,
    /// The dependency descriptor's id: its frame number is rewritten.
    pub(crate) dependency: Option<u8>,
    /// `mid`: id and value.
    pub(crate) mid: Option<(u8, SmallVec<[u8; 8]>)>,
    /// `abs-send-time`.
    pub(crate) abs_send_time: Option<u8>,
    /// `transport-wide-cc`.
    pub(crate) transport_cc: Option<u8>,
}

impl ConsumerExtensions {
    fn needs_two_bytes(&self) -> bool {
        let large = |id: &u8| *id > 14;
        self.mid.as_ref().is_some_and(|(id, value)| large(id) || !(1..=16).contains(&value.len()))
            || self.abs_send_time.as_ref().is_some_and(large)
            || self.transport_cc.as_ref().is_some_and(large)
    }
}

/// What a packet has besides the producer's content.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Envelope {
    /// Numbers of the consumer's stream.
    pub(crate) rewritten: Rewritten,
    /// Sent again in this stream, with this number.
    pub(crate) rtx: Option<(RtxStream, u16)>,
    /// The transport-wide number, if the transport counts.
    pub(crate) transport_sequence: Option<u16>,
    /// Bytes of padding behind the payload, so that the packets of a frame are of one length and go out in one send.
    pub(crate) padding: u8,
    /// Now, for abs-send-time.
    pub(crate) now: Moment,
}

/// A packet is padded by 8 bytes at most: encoders split frames into packets that differ by a byte or two.
const PADDING_MAX: usize = 8;

/// How much to add to each packet of a frame but its last. Source: RFC 3550 §5.1.
pub(crate) fn padding(packets: &[std::sync::Arc<Produced>]) -> impl Fn(usize) -> u8 + use<> {
    let longest = packets.iter().map(|packet| packet.payload.len()).max().unwrap_or(0);
    let lengths: SmallVec<[usize; 16]> = packets.iter().map(|packet| packet.payload.len()).collect();
    move |index| {
        let missing = lengths.get(index).map_or(0, |length| longest - length);
        if missing <= PADDING_MAX && index + 1 < lengths.len() { missing as u8 } else { 0 }
    }
}

/// Before the payload of a retransmission stands the number that the packet had. Source: RFC 4588 §4.
pub(crate) const ORIGINAL_NUMBER_BYTES: usize = 2;

/// The header that a packet goes with.
pub(crate) fn header(envelope: &Envelope) -> formats::rtp::Header {
    let Envelope { rewritten, rtx, .. } = envelope;
    let (ssrc, payload_type, sequence) = match rtx {
        Some((stream, sequence)) => (stream.ssrc, stream.payload_type, *sequence),
        None => (rewritten.ssrc, rewritten.payload_type, rewritten.sequence as u16),
    };
    let (marker, timestamp) = (rewritten.marker, rewritten.timestamp);
    formats::rtp::Header { marker, payload_type, sequence, timestamp, ssrc }
}

/// Appends the whole packet to `out`, plain.
pub(crate) fn write(
    packet: &Produced,
    extensions: &ConsumerExtensions,
    envelope: &Envelope,
    out: &mut Vec<u8>,
) {
    let Envelope { rewritten, rtx, .. } = envelope;
    let start = out.len();
    out.extend_from_slice(&header(envelope).to_bytes());
    if write_extension(packet, extensions, envelope, out) {
        out[start] |= 0x10;
    }
    if rtx.is_some() {
        out.extend_from_slice(&(rewritten.sequence as u16).to_be_bytes());
    }
    let payload = out.len();
    out.extend_from_slice(packet.payload_of(rewritten));
    if let (Some(patch), Some(payload)) = (&rewritten.patch, out.get_mut(payload..)) {
        patch.apply(payload);
    }
    // a packet with no payload and no padding would be no packet of media at all
    let padding = envelope.padding.max(u8::from(rewritten.filler));
    if padding > 0 {
        out[start] |= 0x20;
        out.resize(out.len() + usize::from(padding) - 1, 0);
        out.push(padding);
    }
}

/// False when there is none.
fn write_extension(
    packet: &Produced,
    extensions: &ConsumerExtensions,
    envelope: &Envelope,
    out: &mut Vec<u8>,
) -> bool {
    let start = out.len();
    out.extend_from_slice(&[0; 4]);
    let two_bytes = packet.two_bytes || extensions.needs_two_bytes();
    let mut push = |id: u8, data: &[u8]| {
        if two_bytes {
            out.extend_from_slice(&[id, data.len() as u8]);
        } else {
            out.push(id << 4 | (data.len() as u8).wrapping_sub(1) & 0x0f);
        }
        let at = out.len();
        out.extend_from_slice(data);
        if extensions.dependency == Some(id)
            && let Some(number) = envelope.rewritten.frame_number
            && let Some(place) = out.get_mut(at + 1..at + 3)
        {
            place.copy_from_slice(&number.to_be_bytes());
        }
    };
    for (id, data) in packet.elements() {
        if extensions.passed.contains(&id) && !envelope.rewritten.filler {
            push(id, data);
        }
    }
    if let Some((id, value)) = &extensions.mid {
        push(*id, value);
    }
    if let Some(id) = extensions.abs_send_time {
        let [_, bytes @ ..] = abs_send_time(envelope.now).to_be_bytes();
        push(id, &bytes);
    }
    if let (Some(id), Some(sequence)) = (extensions.transport_cc, envelope.transport_sequence) {
        push(id, &sequence.to_be_bytes());
    }
    let bytes = out.len() - start - 4;
    if bytes == 0 {
        out.truncate(start);
        return false;
    }
    let words = bytes.div_ceil(4);
    out.resize(start + 4 + 4 * words, 0);
    let profile = if two_bytes { TWO_BYTES } else { ONE_BYTE };
    out[start..start + 2].copy_from_slice(&profile.to_be_bytes());
    out[start + 2..start + 4].copy_from_slice(&(words as u16).to_be_bytes());
    true
}

/// Seconds as 6.18 fixed point, of which the lower 24 bits are sent.
fn abs_send_time(now: Moment) -> u32 {
    ((u128::from(now.as_nanos()) << 18) / 1_000_000_000) as u32 & 0xff_ffff
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::payload::{PayloadFormat, StreamReader};
    use formats::rtp::{Extension, Header};

    fn produced(extension: &[u8], ids: &[(u8, u8)], payload: &'static [u8]) -> Produced {
        let packet = Packet {
            extension: Some(Extension { profile: ONE_BYTE, data: extension.to_vec().into() }),
            payload: Bytes::from_static(payload),
            ..Packet::default()
        };
        let inbound = StreamReader::new(0, PayloadFormat::Plain).read(Header::default(), payload, None);
        Produced::new(packet, inbound.unwrap().unwrap(), &ExtensionIds::new(ids.iter().copied()))
    }

    fn envelope(rtx: Option<(RtxStream, u16)>) -> Envelope {
        Envelope {
            rewritten: Rewritten {
                sequence: 0x1_0007,
                timestamp: 9,
                ssrc: 5,
                payload_type: 100,
                marker: true,
                filler: false,
                skip: 0,
                patch: None,
                frame_number: None,
            },
            rtx,
            transport_sequence: Some(0x0102),
            padding: 0,
            now: Moment::from_millis(1500),
        }
    }

    #[test]
    fn a_consumer_gets_the_elements_it_negotiated_and_its_own() {
        // the producer's 3 is the router's 10, which passes; its 4 is 11, which does not
        let packet = produced(&[0x30, 0x77, 0x40, 0x66], &[(3, 10), (4, 11)], &[1, 2, 3]);
        let extensions = ConsumerExtensions {
            passed: [10].into_iter().collect(),
            dependency: None,
            mid: Some((1, SmallVec::from_slice(b"0"))),
            abs_send_time: Some(4),
            transport_cc: Some(5),
        };
        let mut out = Vec::new();
        write(&packet, &extensions, &envelope(None), &mut out);
        let packet = Packet::parse(out.into()).unwrap();
        let extension = packet.extension.unwrap();
        let elements: Vec<_> = Elements::new(&extension).map(|(id, data)| (id, data.to_vec())).collect();
        // 1.5 s in 6.18 fixed point
        assert_eq!(elements, [(10, vec![0x77]), (1, b"0".to_vec()), (4, vec![0x06, 0, 0]), (5, vec![1, 2])]);
        assert_eq!((packet.header.sequence, packet.header.ssrc, packet.header.marker), (7, 5, true));
        assert_eq!(packet.payload.as_ref(), [1, 2, 3]);
    }

    #[test]
    fn packets_of_a_frame_that_differ_by_little_become_equal_but_for_the_last() {
        let packets = [&[0; 10][..], &[0; 11], &[0; 2], &[0; 9]];
        let packets = packets.map(|payload| std::sync::Arc::new(produced(&[], &[], payload)));
        let padding = padding(&packets);
        assert_eq!([0, 1, 2, 3].map(padding), [1, 0, 0, 0]);
        let mut out = Vec::new();
        let envelope = Envelope { padding: 3, ..envelope(None) };
        write(&packets[0], &ConsumerExtensions::default(), &envelope, &mut out);
        assert_eq!((out.len(), out[out.len() - 3..].to_vec()), (12 + 10 + 3, vec![0, 0, 3]));
        assert_eq!(Packet::parse(out.into()).unwrap().payload.len(), 10);
    }

    #[test]
    fn a_retransmission_has_the_original_number_before_its_payload() {
        let packet = produced(&[], &[], &[1, 2, 3]);
        let mut out = Vec::new();
        let rtx = RtxStream { ssrc: 6, payload_type: 101 };
        write(&packet, &ConsumerExtensions::default(), &envelope(Some((rtx, 40))), &mut out);
        let sent = Packet::parse(out.into()).unwrap();
        assert_eq!((sent.header.ssrc, sent.header.payload_type, sent.header.sequence), (6, 101, 40));
        assert!(sent.extension.is_none());
        assert_eq!(crate::rtx::unwrap(&sent, 5, 100).unwrap().payload.as_ref(), [1, 2, 3]);
    }
}
