//! Reads a producer's stream, each packet once for all consumers: counters that do not wrap, and its [`Facts`].
//!
//! Source: RFC 3550 appendix A.1 for what a restarted sequence looks like.
use super::unwrap::Unwrap;
use super::{DependencyReader, Detail, Facts, PayloadFormat, Structure, Unreadable};
use super::{av1, h264, h265, red, vp8, vp9};
use formats::rtp::Header;

/// A sequence number farther than this from the highest is believed only when its successor comes next: 3000, as
/// RFC 3550 has it. Ten seconds of a stream of 300 packets a second.
pub const SEQUENCE_GAP_MAX: u64 = 3000;

/// A packet of a producer, as its consumers see it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct InboundPacket {
    /// Which of the producer's streams, 0 the lowest spatial layer of simulcast.
    pub stream: u8,
    /// How often the stream's sequence numbers began anew.
    pub epoch: u32,
    /// Sequence number that does not wrap.
    pub sequence: u64,
    /// No packet of the stream with a higher sequence number came before.
    pub newest: bool,
    /// Timestamp that does not wrap.
    pub timestamp: u64,
    /// Marker.
    pub marker: bool,
    /// The picture id that does not wrap, of VP8 and VP9.
    pub picture_id: u64,
    /// The base layer index that does not wrap, of VP8 and VP9.
    pub tl0_picture: u64,
    /// The dependency descriptor's frame number that does not wrap.
    pub frame_number: u64,
    /// What it says of its frame.
    pub facts: Facts,
}

/// Reads one stream of a producer.
#[derive(Debug)]
pub struct StreamReader {
    stream: u8,
    format: PayloadFormat,
    epoch: u32,
    sequence: Unwrap<16>,
    timestamp: Unwrap<32>,
    long_picture_id: Unwrap<15>,
    short_picture_id: Unwrap<7>,
    tl0_picture: Unwrap<8>,
    frame_number: Unwrap<16>,
    dependency: DependencyReader,
    /// A sequence number far off came; this one next would prove that the sender began anew.
    suspected: Option<u16>,
}

impl StreamReader {
    /// Reads the stream with this number.
    pub fn new(stream: u8, format: PayloadFormat) -> Self {
        Self {
            stream,
            format,
            epoch: 0,
            sequence: Unwrap::default(),
            timestamp: Unwrap::default(),
            long_picture_id: Unwrap::default(),
            short_picture_id: Unwrap::default(),
            tl0_picture: Unwrap::default(),
            frame_number: Unwrap::default(),
            dependency: DependencyReader::default(),
            suspected: None,
        }
    }

    /// The structure that the dependency descriptor brought.
    pub fn structure(&self) -> Option<&Structure> {
        self.dependency.structure()
    }

    /// Reads a packet; `descriptor` is its dependency descriptor, if it has one. `None` while a sequence number far
    /// off is not believed.
    pub fn read(
        &mut self,
        header: Header,
        payload: &[u8],
        descriptor: Option<&[u8]>,
    ) -> Result<Option<InboundPacket>, Unreadable> {
        if !self.believes(header.sequence) {
            return Ok(None);
        }
        let previous = self.sequence.highest();
        let sequence = self.sequence.extend(header.sequence.into());
        let newest = previous.is_none_or(|previous| sequence > previous);
        let mut facts = match self.format {
            _ if payload.is_empty() => Facts { empty: true, ..Facts::default() },
            PayloadFormat::Vp8 => vp8::read(payload)?,
            PayloadFormat::Vp9 => vp9::read(payload)?,
            PayloadFormat::H264 => h264::read(payload)?,
            PayloadFormat::H265 => h265::read(payload)?,
            PayloadFormat::Av1 => av1::read(payload)?,
            PayloadFormat::Red(types) => {
                let detail = match header.payload_type {
                    red if red == types.red => Detail::Red(red::read(payload, types.repeated)?),
                    plain if plain == types.repeated => Detail::None,
                    other => {
                        let part = "payload type of a stream with RED";
                        return Err(Unreadable::Forbidden { part, value: other.into() });
                    }
                };
                Facts { detail, ..whole() }
            }
            PayloadFormat::Plain => whole(),
        };
        // Payloads that tell their layers are believed first: receivers decode by those.
        if let (Some(data), Detail::None, false) = (descriptor, facts.detail, facts.empty) {
            let described = self.dependency.read(data, newest)?;
            facts = Facts {
                key_frame: described.has_structure,
                starts_frame: described.starts_frame,
                ends_frame: described.ends_frame,
                spatial: described.spatial,
                temporal: described.temporal,
                switch_up: false,
                empty: false,
                detail: Detail::Dependency(described.dependency),
            };
        }
        let mut packet = InboundPacket {
            stream: self.stream,
            epoch: self.epoch,
            sequence,
            newest,
            timestamp: self.timestamp.extend(header.timestamp.into()),
            marker: header.marker,
            picture_id: 0,
            tl0_picture: 0,
            frame_number: 0,
            facts,
        };
        match facts.detail {
            Detail::None | Detail::Red(_) => {}
            Detail::Vp8(it) => self.count(&mut packet, it.picture_id, it.long_picture_id, it.tl0_picture),
            Detail::Vp9(it) => self.count(&mut packet, it.picture_id, it.long_picture_id, it.tl0_picture),
            Detail::Dependency(it) => packet.frame_number = self.frame_number.extend(it.frame_number.into()),
        }
        Ok(Some(packet))
    }

    fn count(&mut self, packet: &mut InboundPacket, id: Option<u16>, long: bool, tl0_picture: Option<u8>) {
        packet.picture_id = match id {
            Some(id) if long => self.long_picture_id.extend(id.into()),
            Some(id) => self.short_picture_id.extend(id.into()),
            None => 0,
        };
        packet.tl0_picture = tl0_picture.map_or(0, |index| self.tl0_picture.extend(index.into()));
    }

    /// Whether to go on with this sequence number; begins a new epoch at the second one of a restarted sender.
    fn believes(&mut self, sequence: u16) -> bool {
        let Some(highest) = self.sequence.highest() else { return true };
        if self.sequence.peek(sequence.into()).abs_diff(highest) <= SEQUENCE_GAP_MAX {
            self.suspected = None;
            return true;
        }
        if self.suspected != Some(sequence) {
            self.suspected = Some(sequence.wrapping_add(1));
            return false;
        }
        let (stream, format, epoch) = (self.stream, self.format, self.epoch.wrapping_add(1));
        // the structure stays: a gap is not always a new encoder
        let dependency = std::mem::take(&mut self.dependency);
        *self = Self { epoch, dependency, ..Self::new(stream, format) };
        true
    }
}

/// Of a packet that stands for itself.
fn whole() -> Facts {
    Facts { key_frame: true, starts_frame: true, ends_frame: true, ..Facts::default() }
}

#[cfg(test)]
mod tests {
    use super::super::dependency::tests::{key_frame_of_l1t2, short};
    use super::super::{Red, RedTypes};
    use super::*;
    use proptest::prelude::*;

    fn header(sequence: u16) -> Header {
        Header { sequence, ..Header::default() }
    }

    #[test]
    fn a_restarted_sender_is_believed_at_its_second_packet_and_begins_an_epoch() {
        let mut reader = StreamReader::new(0, PayloadFormat::Plain);
        assert_eq!(reader.read(header(10), &[0], None).unwrap().unwrap().epoch, 0);
        assert_eq!(reader.read(header(40_000), &[0], None), Ok(None));
        assert_eq!(reader.read(header(11), &[0], None).unwrap().unwrap().epoch, 0);
        assert_eq!(reader.read(header(40_000), &[0], None), Ok(None));
        assert_eq!(reader.read(header(40_001), &[0], None).unwrap().unwrap().epoch, 1);
        assert_eq!(reader.read(header(40_002), &[0], None).unwrap().unwrap().epoch, 1);
    }

    #[test]
    fn a_dependency_descriptor_tells_the_layers_of_codecs_that_do_not() {
        let mut reader = StreamReader::new(0, PayloadFormat::Av1);
        let key = reader.read(header(1), &[0x18, 0x0a], Some(&key_frame_of_l1t2(9))).unwrap().unwrap();
        assert!(key.facts.key_frame);
        let upper = reader.read(header(2), &[0x10, 0x32], Some(&short(2, 10))).unwrap().unwrap();
        assert_eq!((upper.facts.temporal, upper.frame_number - key.frame_number), (1, 1));
    }

    #[test]
    fn packets_with_and_without_redundancy_are_of_one_stream_and_others_are_not() {
        let mut reader = StreamReader::new(0, PayloadFormat::Red(RedTypes { red: 63, repeated: 111 }));
        let mut read = |sequence, payload_type, payload: &[u8]| {
            reader.read(Header { payload_type, ..header(sequence) }, payload, None)
        };
        let detail = |read: Result<Option<InboundPacket>, _>| read.unwrap().unwrap().facts.detail;
        let with = [0xef, 0x0f, 0x00, 0x01, 0x6f, 5, 6];
        let red = Red { blocks: 2, primary_at: 6, only_repeats: false };
        assert_eq!(detail(read(1, 63, &with)), Detail::Red(red));
        assert_eq!(detail(read(2, 111, &with)), Detail::None);
        assert!(read(3, 63, &[]).unwrap().unwrap().facts.empty);
        let error = Unreadable::Forbidden { part: "payload type of a stream with RED", value: 13 };
        assert_eq!(read(4, 13, &[1]), Err(error));
        assert!(read(5, 63, &with[..5]).is_err());
        assert!(read(6, 63, &with).unwrap().unwrap().facts.key_frame);
    }

    proptest! {
        #[test]
        fn no_bytes_panic(
            packets in proptest::collection::vec((any::<u16>(), proptest::collection::vec(any::<u8>(), 0..40), proptest::collection::vec(any::<u8>(), 0..60), any::<bool>()), 1..20)
        ) {
            for format in [PayloadFormat::Vp8, PayloadFormat::Vp9, PayloadFormat::H264, PayloadFormat::H265, PayloadFormat::Av1, PayloadFormat::Red(RedTypes { red: 0, repeated: 111 }), PayloadFormat::Plain] {
                let mut reader = StreamReader::new(0, format);
                for (sequence, payload, descriptor, described) in &packets {
                    let _ = reader.read(header(*sequence), payload, described.then_some(descriptor.as_slice()));
                }
            }
        }

        #[test]
        fn no_damaged_descriptor_panics(at in 0_usize..20, value: u8, template in 0_u8..64, tail in proptest::collection::vec(any::<u8>(), 0..12)) {
            let mut damaged = key_frame_of_l1t2(1);
            if let Some(byte) = damaged.get_mut(at) {
                *byte = value;
            }
            let mut reader = DependencyReader::default();
            let _ = reader.read(&damaged, true);
            let mut next = short(template, 2);
            next.extend(tail);
            let _ = reader.read(&next, true);
        }
    }
}
