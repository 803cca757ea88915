//! One track of a sender: its packets' order, its frames, its clock.
use formats::bitstream;
use formats::rtp::rtcp::ReceiverStats;
use formats::rtp::{Depacketizer, Frame, Header, Reorder, ReorderOptions, SetupError};
use formats::sdp::MediaSection;
use media::{Codec, CodecParams, DecodeOrder, Moment, Timeline, Track, rescale};
use std::time::Duration;

/// Frames at 30 a second, until the stream shows its own distance.
const FRAME_TICKS: i64 = 3_000;
/// A start in `RTP-Info` further from the first frame than this is not true: 5 s.
pub(super) const RTP_INFO_MAX: Duration = Duration::from_secs(5);

pub(super) struct Lane {
    pub(super) track: Track,
    pub(super) rtp_rate: u32,
    payload_type: u8,
    /// A packet with the payload type of the description has come: others are something else.
    payload_type_seen: bool,
    pub(super) reorder: Option<Reorder>,
    pub(super) depacketizer: Depacketizer,
    pub(super) stats: ReceiverStats,
    pub(super) timeline: Timeline,
    order: DecodeOrder,
    last_pts: Option<i64>,
    frame_ticks: i64,
    /// Not set up.
    pub(super) left_out: bool,
    /// A frame has come.
    pub(super) heard: bool,
    /// Frames up to the first key frame are of no use.
    pub(super) started: bool,
    pub(super) discontinuity: bool,
    /// Nothing good comes before the next key frame.
    pub(super) wants_keyframe: bool,
    /// What `RTP-Info` said.
    pub(super) start: Option<u32>,
    /// A sender report that came before the first frame.
    pub(super) early_report: Option<(u32, i64)>,
    /// The newest report: ticks on the track's own line, and the sender's wall clock in microseconds.
    wall: Option<(i64, i64)>,
}

impl Lane {
    pub(super) fn new(section: &MediaSection, in_order: bool) -> Result<Self, SetupError> {
        let track = section.track.clone();
        let mut lane = Self {
            rtp_rate: section.rtp_clock_rate.max(1),
            payload_type: section.payload_type,
            payload_type_seen: false,
            reorder: (!in_order).then(|| Reorder::new(ReorderOptions::default())),
            depacketizer: Depacketizer::new(&track, section.depacketizer)?,
            stats: ReceiverStats::new(section.rtp_clock_rate),
            timeline: Timeline::new(section.rtp_clock_rate.max(1), 32),
            order: DecodeOrder::new(0),
            last_pts: None,
            frame_ticks: FRAME_TICKS,
            left_out: false,
            heard: false,
            // Sound starts anywhere.
            started: !track.codec.is_video(),
            discontinuity: false,
            wants_keyframe: false,
            start: None,
            early_report: None,
            wall: None,
            track,
        };
        lane.learn_order();
        Ok(lane)
    }

    /// Whether a packet is this track's: not comfort noise or another format of the same section.
    pub(super) fn takes(&mut self, header: &Header) -> bool {
        let right = header.payload_type == self.payload_type;
        self.payload_type_seen |= right;
        // Cameras whose description is wrong about it send nothing with the right one.
        right || !self.payload_type_seen
    }

    pub(super) fn next_deadline(&self) -> Option<Moment> {
        self.reorder.as_ref().and_then(Reorder::next_deadline)
    }

    /// Whether what a decoder must know is known; of a track that will not come, all is.
    pub(super) fn is_known(&self) -> bool {
        self.left_out
            || match self.track.codec {
                Codec::H264 | Codec::H265 | Codec::Av1 | Codec::Aac => self.track.params != CodecParams::None,
                Codec::Vp8 | Codec::Vp9 | Codec::Mp3 => self.heard,
                Codec::Mjpeg | Codec::Opus | Codec::Pcmu | Codec::Pcma | Codec::G722 | Codec::L16 => true,
            }
    }

    /// Takes from a frame what it says about the track; true if that changed.
    pub(super) fn learn(&mut self, frame: &Frame) -> bool {
        let first = !std::mem::replace(&mut self.heard, true);
        if frame.keyframe {
            self.wants_keyframe = false;
        } else if frame.after_loss || !self.started {
            self.miss();
        }
        if self.track.codec == Codec::Mp3
            && first
            && let Ok(header) = bitstream::mp3::parse_header(&frame.data)
        {
            self.track.clock_rate = header.sample_rate;
            self.track.channels = header.channels;
            return true;
        }
        let Some(params) = frame.params.as_ref().filter(|params| **params != self.track.params) else {
            return false;
        };
        self.track.params = params.clone();
        self.learn_order();
        true
    }

    /// Something of the track is missing: video is broken until its next key frame.
    pub(super) fn miss(&mut self) {
        self.wants_keyframe |= self.track.codec.is_video();
    }

    fn learn_order(&mut self) {
        if !self.track.codec.is_video() {
            return;
        }
        self.order = DecodeOrder::new(bitstream::reorder_depth(&self.track).unwrap_or(0));
        if let Some((frames, seconds)) = bitstream::frame_rate(&self.track) {
            let ticks = u64::from(self.track.clock_rate) * u64::from(seconds) / u64::from(frames.max(1));
            self.frame_ticks = ticks.max(1) as i64;
        }
    }

    /// Video starts at a key frame.
    pub(super) fn wants(&self, frame: &Frame) -> bool {
        !self.left_out && (self.started || frame.keyframe)
    }

    /// Presentation and decoding time of a frame shown at `pts`.
    pub(super) fn times(&mut self, pts: i64) -> (i64, i64) {
        if !self.track.codec.is_video() {
            // Where the track moved back on the common line, sound waits there until time has caught up.
            let pts = self.last_pts.map_or(pts, |last| pts.max(last + 1));
            self.last_pts = Some(pts);
            return (pts, pts);
        }
        // With B frames most steps are several frames long: the shortest is one.
        let step = self.last_pts.map_or(0, |last| (pts - last).abs());
        if step > 0 && step < self.frame_ticks {
            self.frame_ticks = step;
        }
        self.last_pts = Some(pts);
        let dts = self.order.dts(pts, self.frame_ticks);
        (pts.max(dts), dts)
    }

    /// The clock jumped: what was known of its place is known no more.
    pub(super) fn forget_line(&mut self) {
        self.forget_order();
        self.wall = None;
    }

    /// The track moved on the common line.
    pub(super) fn forget_order(&mut self) {
        self.order.reset();
        self.last_pts = None;
    }

    /// The sender's wall clock shows `micros` where the track's shows `rtp_time`.
    pub(super) fn note_wall(&mut self, rtp_time: u32, micros: i64) {
        if let Some(ticks) = self.timeline.peek(u64::from(rtp_time)) {
            self.wall = Some((ticks, micros));
        }
    }

    /// The sender's wall clock at `ticks` of the track's own line, if it says.
    pub(super) fn wall_of(&self, ticks: i64) -> Option<i64> {
        let (known, micros) = self.wall?;
        Some(micros + rescale(ticks - known, self.rtp_rate, 1_000_000))
    }
}
