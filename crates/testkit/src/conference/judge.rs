//! Judges what one consumer received: every packet by its body, every frame by what it refers to.
//!
//! It reads a stream as a decoder behind a jitter buffer does: in order of sequence numbers, waiting a while for what is
//! missing. Time and packets come in; a [`BotReport`] comes out.
mod frames;

use super::body::Body;
use super::payload::{Descriptor, Format, read};
use super::report::BotReport;
use frames::{Frame, Frames};
use std::collections::BTreeMap;
use std::time::{Duration, Instant};

/// How long a missing packet is waited for: 400 ms. Three attempts of a repair over a way of 100 ms, and less than what counts as a freeze.
const REPAIR_MAX: Duration = Duration::from_millis(400);
/// Most packets that wait behind a missing one: 4,096. With more, nothing is waited for.
const WAITING_MAX: usize = 4_096;

/// How closely a consumer looks.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Verify {
    /// Every byte, every frame, every number.
    #[default]
    Full,
    /// Decrypts, and looks at sequence numbers.
    Light,
    /// Nothing is decrypted: datagrams are counted. Of a transport; its consumers are all alike.
    None,
}

enum Content {
    /// Nothing but padding: a probe, or the place of a packet that was lost on its way to the server and then left out.
    Filler,
    /// Nobody speaks.
    Comfort,
    /// Changed under way, or of somebody else.
    Unusable,
    Body(Descriptor, Body),
}

struct Piece {
    timestamp: u32,
    marker: bool,
    content: Content,
}

/// The judge of one stream.
pub(super) struct Judge {
    format: Format,
    verify: Verify,
    tag: Option<u32>,
    began: Instant,
    report: BotReport,
    pieces: BTreeMap<u64, Piece>,
    /// The number that the decoder wants next.
    next: Option<u64>,
    first: u64,
    highest: u64,
    consumed: bool,
    hole_since: Option<Instant>,
    frames: Frames,
}

/// What is known of the frame that begins at the next number.
enum Found {
    Whole(u16),
    /// So many pieces, and then one of another frame.
    Torn(u64),
    /// So many pieces, and then none yet.
    Waits(u64),
}

impl Judge {
    /// A judge of a stream that must be of this producer, or of whichever comes first.
    pub(super) fn new(format: Format, verify: Verify, tag: Option<u32>, now: Instant) -> Self {
        let video = matches!(format, Format::Video(_));
        Self {
            format,
            verify,
            tag,
            began: now,
            report: BotReport::default(),
            pieces: BTreeMap::new(),
            next: None,
            first: 0,
            highest: 0,
            consumed: false,
            hole_since: None,
            frames: Frames::new(video),
        }
    }

    /// What was seen until now.
    pub(super) fn report(&self) -> BotReport {
        let mut report = self.report.clone();
        if self.verify != Verify::Full && self.next.is_some() {
            report.sequence_gaps = (self.highest + 1 - self.first).saturating_sub(report.packets);
        }
        report
    }

    /// Whether the server was told to send nothing: then nothing is missed.
    pub(super) fn set_paused(&mut self, paused: bool, now: Instant) {
        self.frames.set_paused(paused, now);
    }

    /// A packet came. `sequence` is extended.
    pub(super) fn handle_packet(
        &mut self,
        sequence: u64,
        timestamp: u32,
        marker: bool,
        payload: &[u8],
        now: Instant,
    ) {
        self.report.packets += 1;
        self.report.bytes += payload.len() as u64;
        self.report.first_packet.get_or_insert(now.saturating_duration_since(self.began));
        let known = self.next.is_some();
        if known && sequence < self.highest {
            self.report.out_of_order += 1;
        }
        self.highest = if known { self.highest.max(sequence) } else { sequence };
        self.first = if known { self.first.min(sequence) } else { sequence };
        let next = *self.next.get_or_insert(sequence);
        if self.verify != Verify::Full {
            return;
        }
        if sequence < next && self.consumed || self.pieces.contains_key(&sequence) {
            self.report.duplicates += 1;
            return;
        }
        self.next = Some(next.min(sequence));
        let content = self.content(payload);
        self.pieces.insert(sequence, Piece { timestamp, marker, content });
        self.advance(now);
    }

    fn content(&mut self, payload: &[u8]) -> Content {
        if payload.is_empty() {
            return Content::Filler;
        }
        if self.format == Format::Opus && payload.len() == 1 {
            self.report.comfort_packets += 1;
            return Content::Comfort;
        }
        let Some((descriptor, body)) =
            read(self.format, payload).and_then(|(descriptor, rest)| Some((descriptor, Body::read(rest)?)))
        else {
            self.report.corrupt += 1;
            return Content::Unusable;
        };
        if body.tag != *self.tag.get_or_insert(body.tag) {
            self.report.foreign += 1;
            return Content::Unusable;
        }
        Content::Body(descriptor, body)
    }

    /// Time went on.
    pub(super) fn handle_timeout(&mut self, now: Instant) {
        if self.verify == Verify::Full {
            self.advance(now);
            self.frames.look_for_freeze(now, &mut self.report);
        }
    }

    /// Whether a key frame is to be asked for now; it counts as asked.
    pub(super) fn take_key_frame_request(&mut self, now: Instant) -> bool {
        let wanted = self.frames.take_key_frame_request(now);
        self.report.key_frames_wanted += u64::from(wanted);
        wanted
    }

    fn advance(&mut self, now: Instant) {
        while let Some(next) = self.next {
            let Some(piece) = self.pieces.get(&next) else {
                if !self.give_up(next, now) {
                    return;
                }
                continue;
            };
            self.consumed = true;
            match &piece.content {
                Content::Filler => {
                    self.skip(1);
                    self.frames.left_out();
                }
                Content::Comfort => {
                    self.skip(1);
                    self.frames.alive(now, &mut self.report);
                }
                Content::Unusable => {
                    self.skip(1);
                    self.frames.broken(None, &mut self.report, now);
                }
                Content::Body(_, body) if body.index != 0 => {
                    let frame = (body.frame, body.spatial);
                    self.report.misplaced += u64::from(self.frames.is_contiguous());
                    self.skip(1);
                    self.frames.broken(Some(frame), &mut self.report, now);
                }
                Content::Body(_, body) => {
                    let frame = (body.frame, body.spatial);
                    match self.look(next) {
                        Found::Whole(count) => self.deliver(next, count, now),
                        Found::Torn(pieces) => {
                            if self.is_another_stream(next + pieces, frame) {
                                self.report.cut_at_switch += 1;
                            } else {
                                self.report.misplaced += 1;
                            }
                            self.skip(pieces);
                            self.frames.broken(Some(frame), &mut self.report, now);
                        }
                        Found::Waits(pieces) => {
                            let missing = next + pieces;
                            if !self.give_up(missing, now) {
                                return;
                            }
                            self.frames.broken(Some(frame), &mut self.report, now);
                        }
                    }
                }
            }
        }
    }

    /// Takes off what was consumed.
    fn skip(&mut self, pieces: u64) {
        let next = self.next.unwrap_or_default() + pieces;
        self.pieces = self.pieces.split_off(&next);
        self.next = Some(next);
    }

    /// Goes on behind a missing packet if it was waited for long enough; says whether.
    fn give_up(&mut self, missing: u64, now: Instant) -> bool {
        let Some(after) = self.pieces.range(missing..).next().map(|(sequence, _)| *sequence) else {
            // Nothing came behind it, so nothing is known to be missing.
            self.hole_since = None;
            return false;
        };
        let since = *self.hole_since.get_or_insert(now);
        self.frames.missed(since);
        if now.saturating_duration_since(since) < REPAIR_MAX && self.pieces.len() < WAITING_MAX {
            return false;
        }
        self.hole_since = None;
        self.report.sequence_gaps += after - missing;
        self.frames.gap();
        self.skip(after - self.next.unwrap_or(after));
        true
    }

    /// Whether a key frame of another layer begins there. A server goes over to it at once, and leaves the rest of the
    /// frame before out: nobody could show both.
    fn is_another_stream(&self, at: u64, (_, spatial): (u32, u8)) -> bool {
        let content = self.pieces.get(&at).map(|piece| &piece.content);
        matches!(content, Some(Content::Body(_, body)) if body.index == 0 && body.key && body.spatial != spatial)
    }

    /// How much of the frame is there.
    fn look(&self, next: u64) -> Found {
        let Some(Piece { timestamp, content: Content::Body(_, head), .. }) = self.pieces.get(&next) else {
            return Found::Torn(1);
        };
        for place in 1..u64::from(head.count) {
            match self.pieces.get(&(next + place)) {
                None => return Found::Waits(place),
                Some(Piece { timestamp: at, content: Content::Body(_, body), .. })
                    if at == timestamp
                        && (body.frame, body.spatial, u64::from(body.index))
                            == (head.frame, head.spatial, place) => {}
                Some(_) => return Found::Torn(place),
            }
        }
        Found::Whole(head.count)
    }

    fn deliver(&mut self, next: u64, count: u16, now: Instant) {
        let last = next + u64::from(count) - 1;
        let early = self.pieces.range(next..last).any(|(_, piece)| piece.marker);
        let marker = self.pieces.get(&last).is_some_and(|piece| piece.marker);
        if let Some(Piece { timestamp, content: Content::Body(descriptor, body), .. }) =
            self.pieces.get(&next)
        {
            let frame = Frame {
                timestamp: *timestamp,
                ticks: body.ticks,
                rate: if self.format == Format::Opus { 48_000 } else { 90_000 },
                descriptor: *descriptor,
                body: *body,
                early_marker: early,
                marker,
            };
            self.frames.handle(frame, now, self.began, &mut self.report);
        }
        self.hole_since = None;
        self.skip(u64::from(count));
    }
}

#[cfg(test)]
mod tests;
