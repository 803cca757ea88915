//! Rewrites the packets of a producer's streams so that a consumer sees one stream without seams.
//!
//! Sequence numbers, timestamps, VP8 and VP9 picture ids and frame numbers of the dependency descriptor go on over
//! packets left out and over switches; payloads stay shared, a few bytes of them are patched while they are sent. Of
//! RED, who did not negotiate it gets the present piece of sound only.
//! Sources: RFC 3550 §5.1, RFC 7741 §4.2, RFC 9628 §4.2, RFC 2198 §3.
mod clock;
mod extension_ids;
mod patch;
mod renumber;

pub use clock::{SenderReport, TIMESTAMP_STEP_MIN};
pub use extension_ids::ExtensionIds;
pub use patch::{PATCH_BYTES_MAX, Patch};
pub use renumber::REORDER_MAX;

use crate::layers::Choice;
use crate::payload::{Detail, InboundPacket};
use clock::Clock;
use media::Moment;
use renumber::{Offset, Renumber};

/// The numbers that a consumer negotiated.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Outbound {
    /// SSRC of its stream.
    pub ssrc: u32,
    /// Payload type of its codec.
    pub payload_type: u8,
    /// Payload type of RED, if it has that.
    pub red: Option<u8>,
    /// Clock rate of its codec in hertz.
    pub clock_rate: u32,
    /// The first sequence number. Below 65536, so that no roll-over count needs to be signalled.
    pub first_sequence: u16,
}

/// The header with which a packet goes on, and what changes in it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Rewritten {
    /// Sequence number that does not wrap; the lower 16 bits are sent.
    pub sequence: u64,
    /// Timestamp.
    pub timestamp: u32,
    /// SSRC.
    pub ssrc: u32,
    /// Payload type.
    pub payload_type: u8,
    /// Marker.
    pub marker: bool,
    /// So many bytes at the payload's front stay behind.
    pub skip: u16,
    /// Bytes of the payload to send in the place of those there.
    pub patch: Option<Patch>,
    /// Nothing of the packet goes on but its number, which was kept for it before it was known to be left out: without,
    /// the receiver would ask for it for ever.
    pub filler: bool,
    /// Frame number to send in bytes 1 and 2 of the dependency descriptor.
    pub frame_number: Option<u16>,
}

/// Where the packets that go on come from.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct Source {
    stream: u8,
    epoch: u32,
}

/// Rewrites for one consumer.
#[derive(Debug)]
pub struct Rewriter {
    outbound: Outbound,
    source: Option<Source>,
    sequence: Renumber,
    /// VP8 picture ids, without gaps for frames left out.
    picture: Renumber,
    /// VP9 picture ids: references name differences of them, so gaps must stay.
    picture_offset: Offset,
    tl0_offset: Offset,
    frame_offset: Offset,
    clock: Clock,
}

impl Rewriter {
    /// Nothing has been sent yet.
    pub fn new(outbound: Outbound) -> Self {
        Self {
            outbound,
            source: None,
            sequence: Renumber::following(u64::from(outbound.first_sequence).wrapping_sub(1)),
            picture: Renumber::default(),
            picture_offset: Offset::default(),
            tl0_offset: Offset::default(),
            frame_offset: Offset::default(),
            clock: Clock::new(outbound.clock_rate),
        }
    }

    /// Records what a stream's sender said of its clock.
    pub fn handle_sender_report(&mut self, stream: u8, report: SenderReport) {
        self.clock.handle_sender_report(stream, report);
    }

    /// The consumer's timestamp for one of the producer's, for a sender report to the consumer; `None` unless the
    /// stream is the one that goes on.
    pub fn outbound_timestamp(&self, stream: u8, timestamp: u32) -> Option<u32> {
        let source = self.source.filter(|source| source.stream == stream)?;
        self.clock.map_raw(source.stream, timestamp)
    }

    /// Rewrites a packet that `choice` lets go on. `None`: it stays here, also when it came twice or too late. One that is
    /// left out late becomes a filler.
    pub fn handle_packet(
        &mut self,
        packet: &InboundPacket,
        choice: Choice,
        now: Moment,
    ) -> Option<Rewritten> {
        let source = Source { stream: packet.stream, epoch: packet.epoch };
        let marker = match choice {
            Choice::Ignore => return None,
            Choice::Drop => {
                let sequence = if self.source == Some(source) { self.leave_out(packet) } else { None };
                return sequence.map(|sequence| self.filler(sequence, packet, now));
            }
            Choice::Begin { marker } => {
                self.begin(packet, source, now);
                marker
            }
            Choice::Forward { marker } if self.source == Some(source) => marker,
            Choice::Forward { .. } => return None,
        };
        if self.gets_nothing(&packet.facts.detail) {
            let sequence = self.leave_out(packet);
            return sequence.map(|sequence| self.filler(sequence, packet, now));
        }
        let sequence = self.sequence.place_once(packet.sequence)?;
        let (mut payload_type, mut skip) = (self.outbound.payload_type, 0);
        let (patch, frame_number) = match packet.facts.detail {
            Detail::None => (None, None),
            Detail::Red(blocks) => match self.outbound.red {
                Some(red) => {
                    let repeated = std::mem::replace(&mut payload_type, red);
                    (Some(patch::red(&blocks, repeated)), None)
                }
                None => {
                    skip = blocks.primary_at;
                    (None, None)
                }
            },
            Detail::Vp8(vp8) => {
                let picture = vp8.picture_id.and_then(|_| self.picture.place(packet.picture_id, true));
                let tl0 = vp8.tl0_picture.map(|_| self.tl0_offset.map(packet.tl0_picture) as u8);
                (patch::vp8(&vp8, picture, tl0), None)
            }
            Detail::Vp9(vp9) => {
                let picture = vp9.picture_id.map(|_| self.picture_offset.map(packet.picture_id));
                let tl0 = vp9.tl0_picture.map(|_| self.tl0_offset.map(packet.tl0_picture) as u8);
                (patch::vp9(&vp9, picture, tl0), None)
            }
            Detail::Dependency(_) => (None, Some(self.frame_offset.map(packet.frame_number) as u16)),
        };
        Some(Rewritten {
            sequence,
            timestamp: self.clock.map(packet.timestamp, now),
            ssrc: self.outbound.ssrc,
            payload_type,
            marker,
            skip,
            patch,
            filler: false,
            frame_number,
        })
    }

    /// Whether a packet that goes on has nothing for this consumer: redundancy alone, which it did not negotiate.
    const fn gets_nothing(&self, detail: &Detail) -> bool {
        match detail {
            Detail::Red(blocks) => blocks.only_repeats && self.outbound.red.is_none(),
            Detail::None | Detail::Vp8(_) | Detail::Vp9(_) | Detail::Dependency(_) => false,
        }
    }

    fn filler(&mut self, sequence: u64, packet: &InboundPacket, now: Moment) -> Rewritten {
        let Outbound { ssrc, payload_type, .. } = self.outbound;
        let timestamp = self.clock.map(packet.timestamp, now);
        Rewritten {
            sequence,
            timestamp,
            ssrc,
            payload_type,
            marker: false,
            skip: 0,
            patch: None,
            filler: true,
            frame_number: None,
        }
    }

    /// From this packet on another stream goes on, or the same one after a rest: every counter takes the next step.
    fn begin(&mut self, packet: &InboundPacket, source: Source, now: Moment) {
        self.clock.begin(source.stream, self.source == Some(source), packet.timestamp, now);
        self.source = Some(source);
        self.sequence.begin(packet.sequence);
        match packet.facts.detail {
            Detail::None | Detail::Red(_) => {}
            Detail::Vp8(vp8) => {
                if vp8.picture_id.is_some() {
                    self.picture.begin(packet.picture_id);
                }
                if vp8.tl0_picture.is_some() {
                    self.tl0_offset.begin(packet.tl0_picture);
                }
            }
            Detail::Vp9(vp9) => {
                if vp9.picture_id.is_some() {
                    self.picture_offset.begin(packet.picture_id);
                }
                if vp9.tl0_picture.is_some() {
                    self.tl0_offset.begin(packet.tl0_picture);
                }
            }
            Detail::Dependency(_) => self.frame_offset.begin(packet.frame_number),
        }
    }

    /// Returns the number that is to be filled, if it comes late.
    fn leave_out(&mut self, packet: &InboundPacket) -> Option<u64> {
        if let Detail::Vp8(vp8) = packet.facts.detail
            && vp8.picture_id.is_some()
        {
            self.picture.place(packet.picture_id, false);
        }
        self.sequence.leave_out(packet.sequence)
    }
}
