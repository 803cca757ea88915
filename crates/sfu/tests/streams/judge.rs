//! Knows what a consumer must see, by what arrived and what it wished, and says where it saw something else.
use crate::producer::Sent;
use sfu::rewrite::Rewritten;
use std::collections::{BTreeMap, BTreeSet};

/// The time in which one stream goes on.
struct Segment {
    stream: usize,
    /// Number of its first packet, and what that became.
    first: u64,
    first_out: u64,
    highest: u64,
    /// Left out when they were the newest: they leave no gap.
    left_out: BTreeSet<u64>,
    forwarded: BTreeMap<u64, u64>,
    /// The least and the most temporal layers wished since it began.
    temporal_min: u8,
    temporal_max: u8,
    /// The highest temporal layer that a decoder could follow without a gap.
    decodable: u8,
}

impl Segment {
    fn out(&self, index: u64) -> u64 {
        self.first_out + (index - self.first) - self.left_out.range(..index).count() as u64
    }
}

impl Segment {
    /// An upper temporal layer begins with a frame that needs the lower ones only.
    fn follow(&mut self, sent: &Sent, goes_on: bool, wished: u8) {
        if sent.begins_key_frame {
            self.decodable = wished;
        } else if sent.starts_frame {
            self.decodable = self.decodable.min(wished);
        }
        if goes_on && sent.temporal > self.decodable {
            assert!(sent.starts_frame && sent.sync, "{sent:?} is no point to switch up at");
            self.decodable = sent.temporal;
        }
    }
}

/// A packet that the consumer got.
struct Got {
    timestamp: u32,
    picture_id: u16,
    tl0_picture: u8,
    starts_segment: bool,
    frame: (usize, u32),
    temporal: u8,
}

#[derive(Default)]
pub(crate) struct Judge {
    segment: Option<Segment>,
    next_out: Option<u64>,
    got: BTreeMap<u64, Got>,
    highest: BTreeMap<usize, u64>,
    temporal: u8,
}

impl Judge {
    pub(crate) fn wish(&mut self, temporal: Option<u8>) {
        let Some(temporal) = temporal else { return self.end() };
        self.temporal = temporal;
        if let Some(segment) = &mut self.segment {
            segment.temporal_min = segment.temporal_min.min(temporal);
            segment.temporal_max = segment.temporal_max.max(temporal);
        }
    }

    pub(crate) fn stream(&self) -> Option<usize> {
        self.segment.as_ref().map(|segment| segment.stream)
    }

    fn end(&mut self) {
        if let Some(segment) = self.segment.take() {
            for (index, out) in &segment.forwarded {
                assert_eq!(
                    *out,
                    segment.out(*index),
                    "number of packet {index} of stream {}",
                    segment.stream
                );
            }
            self.next_out = Some(segment.out(segment.highest + 1));
        }
    }

    pub(crate) fn packet(&mut self, stream: usize, sent: &Sent, out: Option<Rewritten>) {
        let newest = self.highest.get(&stream).is_none_or(|highest| sent.index > *highest);
        if newest {
            self.highest.insert(stream, sent.index);
        }
        let goes_on = self.segment.as_ref().is_some_and(|segment| segment.stream == stream);
        let starts_segment = out.is_some() && !goes_on;
        if let (true, Some(out)) = (starts_segment, out) {
            self.end();
            assert!(sent.begins_key_frame && newest, "a switch begins with a key frame");
            if let Some(next) = self.next_out {
                assert_eq!(out.sequence, next, "a switch takes the next number");
            }
            self.segment = Some(Segment {
                stream,
                first: sent.index,
                first_out: out.sequence,
                highest: sent.index,
                left_out: BTreeSet::new(),
                forwarded: BTreeMap::new(),
                temporal_min: self.temporal,
                temporal_max: self.temporal,
                decodable: self.temporal,
            });
        }
        let Some(segment) = self.segment.as_mut().filter(|segment| segment.stream == stream) else { return };
        if sent.index < segment.first {
            assert!(out.is_none(), "packet from before the switch");
            return;
        }
        segment.highest = segment.highest.max(sent.index);
        if newest {
            segment.follow(sent, out.is_some_and(|out| !out.filler), self.temporal);
        }
        let Some(out) = out else {
            let known = segment.forwarded.contains_key(&sent.index);
            assert!(known || sent.temporal > segment.temporal_min, "{sent:?} is of the wished layers");
            if newest {
                segment.left_out.insert(sent.index);
            }
            return;
        };
        if out.filler {
            // nothing but the number, which was kept for it before it was known to be left out
            assert!(!newest && sent.temporal > segment.temporal_min, "{sent:?} is of the wished layers");
            assert_eq!(out.sequence, segment.out(sent.index), "the place that was kept");
            assert_eq!(segment.forwarded.insert(sent.index, out.sequence), None, "twice");
            assert!(!self.got.contains_key(&out.sequence), "number {} twice", out.sequence);
            return;
        }
        assert!(sent.temporal <= segment.temporal_max, "{sent:?} is of no wished layer");
        assert_eq!(segment.forwarded.insert(sent.index, out.sequence), None, "twice");
        self.note(stream, sent, &out, starts_segment);
    }

    fn note(&mut self, stream: usize, sent: &Sent, out: &Rewritten, starts_segment: bool) {
        assert_eq!((out.ssrc, out.payload_type, out.marker), (77, 99, sent.marker));
        let mut payload = sent.payload.clone();
        out.patch.unwrap().apply(&mut payload);
        assert_eq!((payload[..2].to_vec(), &payload[5..]), (sent.payload[..2].to_vec(), &sent.payload[5..]));
        let got = Got {
            timestamp: out.timestamp,
            picture_id: u16::from_be_bytes([payload[2] & 0x7f, payload[3]]),
            tl0_picture: payload[4],
            starts_segment,
            frame: (stream, sent.timestamp),
            temporal: sent.temporal,
        };
        assert!(self.got.insert(out.sequence, got).is_none(), "number {} twice", out.sequence);
    }

    /// Looks at all that came, in the order of its numbers. Returns how many packets and switches there were.
    pub(crate) fn finish(mut self) -> (usize, usize) {
        self.end();
        let mut base: Option<(u64, u8)> = None;
        for ((before_at, before), (at, got)) in self.got.iter().zip(self.got.iter().skip(1)) {
            let lost = at - before_at - 1;
            let step = got.timestamp.wrapping_sub(before.timestamp) as i32;
            let pictures = got.picture_id.wrapping_sub(before.picture_id) & 0x7fff;
            if got.frame == before.frame && !got.starts_segment {
                assert_eq!((step, pictures), (0, 0), "within a frame, number {at}");
            } else {
                assert!(step > 0, "time goes back by {step} at number {at}");
                assert!(
                    (1..=lost + 1).contains(&pictures.into()),
                    "picture id steps {pictures} at {at}, {lost} lost"
                );
            }
            if before.temporal == 0 {
                base = Some((*before_at, before.tl0_picture));
            }
            if let (0, Some((base_at, index))) = (lost, base) {
                let next = got.temporal == 0 && got.frame != before.frame;
                let expected = if next { index.wrapping_add(1) } else { index };
                let nothing_lost = self.got.range(base_at..*at).count() as u64 == at - base_at;
                if nothing_lost {
                    assert_eq!(got.tl0_picture, expected, "base layer index at number {at}");
                }
            }
        }
        (self.got.len(), self.got.values().filter(|got| got.starts_segment).count())
    }
}
