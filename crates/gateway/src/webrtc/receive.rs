//! The receiving half of a session: a publisher's packets to units.
//!
//! Source: RFC 3550 §6.4.1 (sender reports tie the tracks together), RFC 4585 §6.3.1 (PLI). Owns the order of packets,
//! the frames under way, each track's time line, and when a key frame may be asked for again.
use super::choice::Plan;
use super::offer::{Choice, Offer, OfferedPayload};
use super::session::Event;
use super::{Context, WebRtcError};
use bytes::Bytes;
use formats::rtp::{Depacketizer, DepacketizerOptions, Frame, Header, Packet, Reorder, ReorderOptions};
use media::{Codec, CodecParams, DecodeOrder, Moment, Sync, Timeline, Track, TrackId, Unit, WallTime};
use std::collections::VecDeque;
use std::time::{Duration, UNIX_EPOCH};
use str0m::Rtc;
use str0m::media::{KeyframeRequestKind, Mid, SenderFeedback};
use str0m::rtp::RtpPacket;

/// How long the other tracks wait for one whose parameters have not come: 3 s. A browser sends its first key frame
/// within one, and asking helps with the rest.
const TRACKS_WAIT: Duration = Duration::from_secs(3);
/// A key frame is asked for at most so often: once in 500 ms, more than the way there and back, and the encoder's work.
const KEYFRAME_EVERY: Duration = Duration::from_millis(500);
/// Frames at 30 a second, until the stream shows its own distance.
const FRAME_TICKS: i64 = 3_000;

/// All tracks of a publisher.
pub(crate) struct Receivers {
    receivers: Vec<Receiver>,
    sync: Sync,
    ready: VecDeque<Event>,
    /// When the first packet came.
    since: Option<Moment>,
    /// Who has not sent by now is not waited for.
    waited: bool,
    /// The tracks that were announced, by the receivers' indices.
    announced: Option<Vec<usize>>,
    /// Parameters changed since.
    stale: bool,
}

struct Receiver {
    track: Track,
    mid: Mid,
    payload_type: u8,
    reorder: Reorder,
    depacketizer: Depacketizer,
    timeline: Timeline,
    order: DecodeOrder,
    last_pts: Option<i64>,
    frame_ticks: i64,
    /// A frame has come.
    heard: bool,
    /// Frames up to the first key frame are of no use.
    started: bool,
    discontinuity: bool,
    wants_keyframe: bool,
    asked_at: Option<Moment>,
}

impl Default for Receivers {
    fn default() -> Self {
        Self {
            receivers: Vec::new(),
            sync: Sync::new(0),
            ready: VecDeque::new(),
            since: None,
            waited: false,
            announced: None,
            stale: false,
        }
    }
}

impl Receivers {
    pub(crate) fn bind(&mut self, offer: &Offer<'_>, plan: &Plan) -> Result<(), WebRtcError> {
        for (section, track) in &plan.receives {
            let Some(Choice::Take { payload, .. }) = plan.choices.get(*section) else { continue };
            let mid = Mid::from(offer.sections[*section].mid);
            self.receivers.push(Receiver::new(*track, mid, payload)?);
        }
        self.sync = Sync::new(self.receivers.len());
        Ok(())
    }

    /// Packets that never came, all tracks together.
    pub(crate) fn packets_lost(&self) -> u64 {
        self.receivers.iter().map(|receiver| receiver.reorder.stats().lost).sum()
    }

    /// When time alone brings something.
    pub(crate) fn deadline(&self) -> Moment {
        let reorder = self.receivers.iter().filter_map(|receiver| receiver.reorder.next_deadline());
        let tracks =
            self.since.filter(|_| !self.waited && self.announced.is_none()).map(|since| since + TRACKS_WAIT);
        let asking = self.receivers.iter().filter(|receiver| receiver.wants_keyframe);
        let asking = asking.filter_map(|receiver| receiver.asked_at.map(|at| at + KEYFRAME_EVERY));
        reorder.chain(tracks).chain(asking).min().unwrap_or(Moment::FAR_FUTURE)
    }

    /// The next unit, or the tracks before it.
    pub(crate) fn poll(&mut self) -> Option<Event> {
        self.ready.pop_front()
    }

    /// Takes a packet; its payload's length, when it belongs to a track.
    pub(crate) fn take(&mut self, packet: RtpPacket, context: &Context) -> Option<usize> {
        let number = *packet.header.payload_type;
        let receiver = self.receivers.iter_mut().find(|receiver| receiver.payload_type == number)?;
        let arrival = context.moment(packet.timestamp);
        let header = Header {
            marker: packet.header.marker,
            payload_type: number,
            sequence: *packet.seq_no as u16,
            timestamp: packet.header.timestamp,
            ssrc: *packet.header.ssrc,
        };
        let payload = Bytes::from_owner(packet.payload);
        let length = payload.len();
        receiver.reorder.handle(Packet { header, payload, ..Packet::default() }, arrival);
        self.since.get_or_insert(arrival);
        self.pump(arrival);
        Some(length)
    }

    /// A sender report: where the track's clock stands by the sender's wall clock.
    pub(crate) fn report(&mut self, feedback: &SenderFeedback) {
        let Some(index) = self.receivers.iter().position(|receiver| receiver.mid == feedback.mid) else {
            return;
        };
        let receiver = &mut self.receivers[index];
        let rtp_time = feedback.sender_info.rtp_time.numer() & 0xffff_ffff;
        let Some(ticks) = receiver.timeline.peek(rtp_time) else { return };
        let Ok(wall) = feedback.sender_info.ntp_time.duration_since(UNIX_EPOCH) else { return };
        let micros = i64::try_from(wall.as_micros()).unwrap_or(i64::MAX);
        let moved = self.sync.report(receiver.track.id, ticks, receiver.track.clock_rate, micros);
        if moved != 0 {
            receiver.order.reset();
            receiver.discontinuity = true;
        }
    }

    /// Lets time pass: packets that nobody waits for any more, tracks that nobody waits for any more.
    pub(crate) fn pump(&mut self, now: Moment) {
        for index in 0..self.receivers.len() {
            while let Some(packet) = self.receivers[index].reorder.pop(now) {
                let receiver = &mut self.receivers[index];
                if let Err(error) = receiver.depacketizer.push(&packet) {
                    tracing::debug!(%error, track = receiver.track.id, "a packet that makes no sense");
                    receiver.wants_keyframe |= receiver.track.codec.is_video();
                }
                while let Some(frame) = self.receivers[index].depacketizer.pop() {
                    self.frame(index, frame, now);
                }
            }
        }
        if !self.waited && self.since.is_some_and(|since| now.since(since) >= TRACKS_WAIT) {
            self.waited = true;
            if self.announced.is_none() {
                self.announce();
            }
        }
    }

    fn frame(&mut self, index: usize, frame: Frame, now: Moment) {
        let receiver = &mut self.receivers[index];
        receiver.heard = true;
        if let Some(params) = frame.params
            && receiver.track.params != params
        {
            receiver.track.params = params;
            self.stale = true;
        }
        if frame.after_loss {
            receiver.discontinuity = true;
            receiver.wants_keyframe |= receiver.track.codec.is_video() && !frame.keyframe;
        }
        if frame.keyframe {
            receiver.wants_keyframe = false;
        } else if !receiver.started {
            receiver.wants_keyframe = true;
            return;
        }
        let complete = self.waited || self.receivers.iter().all(Receiver::is_known);
        let missing = self.announced.as_ref().is_some_and(|announced| !announced.contains(&index));
        if (self.announced.is_none() && complete) || (self.announced.is_some() && (self.stale || missing)) {
            self.announce();
        }
        let Some(number) = self.announced.as_ref().and_then(|known| known.iter().position(|at| *at == index))
        else {
            return;
        };
        let receiver = &mut self.receivers[index];
        receiver.started = true;
        let rate = receiver.track.clock_rate;
        let first = self.sync.first_ticks(now, rate);
        let mapped = receiver.timeline.map(u64::from(frame.rtp_time), now, first);
        let pts = self.sync.place(receiver.track.id, mapped.ticks);
        if mapped.discontinuity {
            receiver.order.reset();
        }
        let step = receiver.last_pts.map_or(0, |last| pts - last);
        if !receiver.track.codec.is_video() && receiver.last_pts.is_some() && step <= 0 {
            return;
        }
        if step > 0 {
            receiver.frame_ticks = step;
        }
        receiver.last_pts = Some(pts);
        let dts =
            if receiver.track.codec.is_video() { receiver.order.dts(pts, receiver.frame_ticks) } else { pts };
        self.ready.push_back(Event::Unit(Unit {
            track: number as TrackId,
            pts: pts.max(dts),
            dts,
            arrival: now,
            wall: WallTime::default(),
            keyframe: frame.keyframe,
            discontinuity: std::mem::take(&mut receiver.discontinuity) || mapped.discontinuity,
            data: frame.data,
        }));
    }

    /// Says which tracks there are: those whose parameters are known, and that have sent or surely will.
    fn announce(&mut self) {
        let everybody = self.receivers.iter().all(Receiver::is_known);
        let known = |receiver: &Receiver| receiver.is_known() && (everybody || receiver.heard);
        let chosen: Vec<usize> =
            (0..self.receivers.len()).filter(|index| known(&self.receivers[*index])).collect();
        if chosen.is_empty() {
            return;
        }
        let tracks = chosen
            .iter()
            .enumerate()
            .map(|(number, index)| Track { id: number as TrackId, ..self.receivers[*index].track.clone() });
        self.ready.push_back(Event::Tracks(tracks.collect()));
        self.announced = Some(chosen);
        self.stale = false;
    }

    /// All video tracks shall send a key frame.
    pub(crate) fn want_keyframes(&mut self) {
        for receiver in self.receivers.iter_mut().filter(|receiver| receiver.track.codec.is_video()) {
            receiver.wants_keyframe = true;
        }
    }

    /// Asks for the key frames that are wanted, unless that was done just now. True when something was written.
    pub(crate) fn ask(&mut self, rtc: &mut Rtc, now: Moment) -> bool {
        let mut written = false;
        for receiver in self.receivers.iter_mut().filter(|receiver| receiver.wants_keyframe) {
            if receiver.asked_at.is_some_and(|at| now.since(at) < KEYFRAME_EVERY) {
                continue;
            }
            receiver.asked_at = Some(now);
            let mut direct = rtc.direct_api();
            if let Some(stream) = direct.stream_rx_by_mid(receiver.mid, None) {
                stream.request_keyframe(KeyframeRequestKind::Pli);
                written = true;
            }
        }
        written
    }
}

impl Receiver {
    fn new(id: TrackId, mid: Mid, payload: &OfferedPayload) -> Result<Self, WebRtcError> {
        let codec =
            payload.codec().ok_or_else(|| WebRtcError::Engine(format!("no codec {}", payload.name)))?;
        let track = if codec.is_video() {
            Track::video(id, codec, CodecParams::None)
        } else {
            let channels = payload.channels.unwrap_or(1);
            Track::audio(id, codec, payload.clock_rate, channels, CodecParams::None)
        };
        let options = DepacketizerOptions::for_track(&track);
        let depacketizer =
            Depacketizer::new(&track, options).map_err(|error| WebRtcError::Engine(error.to_string()))?;
        Ok(Self {
            mid,
            payload_type: payload.payload_type,
            reorder: Reorder::new(ReorderOptions::default()),
            depacketizer,
            timeline: Timeline::new(track.clock_rate, 32),
            order: DecodeOrder::new(0),
            last_pts: None,
            frame_ticks: FRAME_TICKS,
            heard: false,
            // Sound starts anywhere.
            started: !codec.is_video(),
            discontinuity: false,
            wants_keyframe: false,
            asked_at: None,
            track,
        })
    }

    /// Whether what a decoder must know is known.
    fn is_known(&self) -> bool {
        match self.track.codec {
            Codec::H264 | Codec::H265 | Codec::Av1 => self.track.params != CodecParams::None,
            Codec::Vp8 | Codec::Vp9 => self.heard,
            Codec::Mjpeg
            | Codec::Aac
            | Codec::Opus
            | Codec::Pcmu
            | Codec::Pcma
            | Codec::G722
            | Codec::L16
            | Codec::Mp3 => true,
        }
    }
}
