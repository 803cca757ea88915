//! Frames in order: decodable or not, in time or not, which layer, and how long nothing was seen.
use super::super::body::Body;
use super::super::payload::Descriptor;
use super::super::report::{BotReport, LayerChange};
use std::collections::{BTreeSet, VecDeque};
use std::time::{Duration, Instant};

/// Without a decodable frame for so long a viewer sees that the picture stands still.
const FREEZE: Duration = Duration::from_millis(500);
/// Key frames are not asked for more often than this.
const KEY_FRAME_WAIT: Duration = Duration::from_millis(500);
/// What RTP times may be off before it counts: a picture at 30 a second.
const STEP_MAX: Duration = Duration::from_millis(30);
/// A temporal layer of which nothing came for so long is not there any more: its frames are at most 8 a second apart in 60.
const LAYER_WINDOW: Duration = Duration::from_millis(500);
/// Frames that a server may have left out where it filled places, one behind the other: 16, half a second of the
/// highest layer.
const LEFT_OUT_MAX: u16 = 16;
/// Decoded frames that are remembered as references: 512. None refers back by more than 8.
const REFERENCES_MAX: usize = 512;

/// A whole frame of one layer.
pub(super) struct Frame {
    pub(super) timestamp: u32,
    pub(super) ticks: u32,
    pub(super) rate: u32,
    pub(super) descriptor: Descriptor,
    pub(super) body: Body,
    /// A marker on another packet than the last.
    pub(super) early_marker: bool,
    /// A marker on the last packet.
    pub(super) marker: bool,
}

/// The last picture, as far as the next one is compared with it.
struct Picture {
    frame: u32,
    timestamp: u32,
    picture_id: Option<u16>,
    tl0_picture: Option<u8>,
    marker: bool,
    /// Highest layer of it that could be decoded.
    decoded: Option<(u8, u8)>,
}

/// What a decoder knows.
pub(super) struct Frames {
    video: bool,
    paused: bool,
    picture: Option<Picture>,
    /// Nothing is missing between the last frame and the next.
    contiguous: bool,
    /// A filler stands between the last frame and the next.
    left_out: bool,
    decoded: BTreeSet<(u32, u8)>,
    last_broken: Option<(u32, u8)>,
    /// RTP time minus the sender's, of the last picture.
    offset: Option<u32>,
    /// When there was something to see last; `None` before the first frame.
    seen_at: Option<Instant>,
    frozen: bool,
    missed_since: Option<Instant>,
    key_wanted: bool,
    key_asked_at: Option<Instant>,
    temporal: VecDeque<(Instant, u8)>,
}

impl Frames {
    pub(super) fn new(video: bool) -> Self {
        Self {
            video,
            paused: false,
            picture: None,
            contiguous: false,
            left_out: false,
            decoded: BTreeSet::new(),
            last_broken: None,
            offset: None,
            seen_at: None,
            frozen: false,
            missed_since: None,
            key_wanted: false,
            key_asked_at: None,
            temporal: VecDeque::new(),
        }
    }

    pub(super) fn is_contiguous(&self) -> bool {
        self.contiguous
    }

    pub(super) fn set_paused(&mut self, paused: bool, now: Instant) {
        self.paused = paused;
        if self.seen_at.is_some() {
            self.seen_at = Some(now);
        }
        self.frozen = false;
    }

    /// Something is missing since then, and may yet come.
    pub(super) fn missed(&mut self, since: Instant) {
        self.missed_since.get_or_insert(since);
    }

    /// Something will never come.
    pub(super) fn gap(&mut self) {
        self.contiguous = false;
    }

    /// The place of a packet was filled. A frame that the server left out only after it was missing keeps its number: it
    /// could not be known whether it would go on.
    pub(super) fn left_out(&mut self) {
        self.left_out = true;
    }

    /// A frame, or a packet that says not even which, is of no use.
    pub(super) fn broken(&mut self, frame: Option<(u32, u8)>, report: &mut BotReport, now: Instant) {
        self.contiguous = false;
        self.missed_since.get_or_insert(now);
        if frame.is_none() || frame != self.last_broken {
            report.frames_broken += 1;
        }
        self.last_broken = frame.or(self.last_broken);
    }

    pub(super) fn take_key_frame_request(&mut self, now: Instant) -> bool {
        let due = self.key_asked_at.is_none_or(|at| now.saturating_duration_since(at) >= KEY_FRAME_WAIT);
        if !self.video || !self.key_wanted || !due {
            return false;
        }
        self.key_wanted = false;
        self.key_asked_at = Some(now);
        true
    }

    pub(super) fn look_for_freeze(&mut self, now: Instant, report: &mut BotReport) {
        let Some(seen_at) = self.seen_at else { return };
        if !self.frozen && !self.paused && now.saturating_duration_since(seen_at) > FREEZE {
            self.frozen = true;
            report.freezes += 1;
        }
    }

    /// There is something to see or hear.
    pub(super) fn alive(&mut self, now: Instant, report: &mut BotReport) {
        self.look_for_freeze(now, report);
        if let (true, Some(seen_at)) = (self.frozen, self.seen_at) {
            report.frozen += now.saturating_duration_since(seen_at);
        }
        self.frozen = false;
        self.seen_at = Some(now);
    }

    /// A whole frame, next in order.
    pub(super) fn handle(&mut self, frame: Frame, now: Instant, began: Instant, report: &mut BotReport) {
        let body = frame.body;
        // Layers of one stream share a picture. Another stream's key frame is a picture of its own, also when the source
        // took both at one time.
        let new_picture = self.picture.as_ref().is_none_or(|last| last.frame != body.frame || !body.svc);
        self.compare(&frame, new_picture, report);
        if new_picture {
            self.note_layer(now, began, report);
        }
        let decodable = self.decode(&body);
        let before = self.picture.take();
        let decoded = before.filter(|_| !new_picture).and_then(|last| last.decoded);
        self.picture = Some(Picture {
            frame: body.frame,
            timestamp: frame.timestamp,
            picture_id: frame.descriptor.picture_id,
            tl0_picture: frame.descriptor.tl0_picture,
            marker: frame.marker,
            decoded: if decodable { Some((body.spatial, body.temporal)) } else { decoded },
        });
        self.contiguous = true;
        self.left_out = false;
        if !decodable {
            self.missed_since.get_or_insert(now);
            self.key_wanted = true;
            if self.last_broken != Some((body.frame, body.spatial)) {
                report.frames_broken += 1;
            }
            return;
        }
        report.frames_decodable += 1;
        report.key_frames += u64::from(body.key);
        report.first_decodable_frame.get_or_insert(now.saturating_duration_since(began));
        // What stood still before the first frame is the time to the first frame.
        if let Some(since) = self.missed_since.take()
            && self.seen_at.is_some()
        {
            report.longest_recovery = report.longest_recovery.max(now.saturating_duration_since(since));
        }
        self.alive(now, report);
    }

    /// Numbers and times against those of the frame before.
    fn compare(&mut self, frame: &Frame, new_picture: bool, report: &mut BotReport) {
        let (descriptor, body) = (&frame.descriptor, &frame.body);
        let wrong_temporal = descriptor.temporal.is_some_and(|temporal| temporal != body.temporal);
        let wrong_spatial = body.svc && descriptor.spatial.is_some_and(|spatial| spatial != body.spatial);
        report.layer_faults += u64::from(wrong_temporal || wrong_spatial);
        let offset = frame.timestamp.wrapping_sub(frame.ticks);
        let step = self.offset.map_or(0, |last| offset.wrapping_sub(last).cast_signed().unsigned_abs());
        let step = Duration::from_nanos(u64::from(step) * 1_000_000_000 / u64::from(frame.rate));
        self.offset = Some(offset);
        report.timestamp_step_max = report.timestamp_step_max.max(step);
        let back = self.picture.as_ref().is_some_and(|last| {
            let ahead = frame.timestamp.wrapping_sub(last.timestamp).cast_signed();
            if new_picture { ahead <= 0 } else { ahead != 0 }
        });
        report.timestamp_steps += u64::from(back || step > STEP_MAX);
        report.marker_faults += u64::from(self.video && frame.early_marker);
        let Some(last) = self.picture.as_ref().filter(|_| self.contiguous) else { return };
        if self.video {
            report.marker_faults += u64::from(last.marker != new_picture);
        }
        if let (Some(id), Some(last_id)) = (descriptor.picture_id, last.picture_id) {
            let wanted = if new_picture { last_id.wrapping_add(1) & 0x7fff } else { last_id };
            let excused = new_picture && self.left_out && id.wrapping_sub(wanted) & 0x7fff <= LEFT_OUT_MAX;
            report.picture_id_steps += u64::from(id != wanted && !excused);
        }
        if let (Some(tl0), Some(last_tl0)) = (descriptor.tl0_picture, last.tl0_picture) {
            let wanted = last_tl0.wrapping_add(u8::from(new_picture && body.temporal == 0));
            report.tl0_steps += u64::from(tl0 != wanted);
        }
    }

    /// Whether the decoder has what the frame refers to; then it has the frame as well.
    fn decode(&mut self, body: &Body) -> bool {
        let below = !body.inter_layer || self.decoded.contains(&(body.frame, body.spatial.wrapping_sub(1)));
        let has = body.key || self.decoded.contains(&(body.reference, body.spatial));
        if !below || !has {
            return false;
        }
        if body.key && !body.inter_layer {
            // A decoder has one picture: what other streams left behind is gone.
            self.decoded.clear();
            self.key_wanted = false;
        }
        self.decoded.insert((body.frame, body.spatial));
        while self.decoded.len() > REFERENCES_MAX {
            self.decoded.pop_first();
        }
        true
    }

    /// Writes down the layers of the picture that is complete now, if they are others than before.
    fn note_layer(&mut self, now: Instant, began: Instant, report: &mut BotReport) {
        let Some((spatial, temporal)) = self.picture.as_ref().and_then(|picture| picture.decoded) else {
            return;
        };
        self.temporal.push_back((now, temporal));
        while self.temporal.front().is_some_and(|(at, _)| now.saturating_duration_since(*at) > LAYER_WINDOW) {
            self.temporal.pop_front();
        }
        let temporal = self.temporal.iter().map(|(_, temporal)| *temporal).max().unwrap_or(temporal);
        if report.layer() != Some((spatial, temporal)) && self.video {
            report.layers.push(LayerChange { at: now.saturating_duration_since(began), spatial, temporal });
        }
    }
}
