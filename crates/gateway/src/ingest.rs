//! RTP of a publisher or a camera to units: order, frames, one time line for all tracks, what a decoder must know.
//!
//! Source: RFC 3550 §6.4 (reports), RFC 2326 §12.33 (RTP-Info). Owns the packets that wait for earlier ones, the frames
//! under way, each track's clock, and what is reported back to the sender. No sockets, no clock: bytes and time come
//! in, units come out of [`Ingest::poll`].
//!
//! Beside it: [`bytes`], byte streams of any container; [`flv`], RTMP's messages; both into an [`outlet`]. [`pace`] is for sound
//! that comes faster than it plays.
pub(crate) mod bytes;
pub(crate) mod flv;
mod lane;
pub(crate) mod outlet;
pub(crate) mod pace;
pub(crate) mod ports;
#[cfg(test)]
mod tests;

use ::bytes::Bytes;
use formats::rtp::rtcp::{self, Message, write_receiver_report};
use formats::rtp::{DepacketizerOptions, Packet, SetupError};
use formats::sdp::{Direction, MediaSection};
use lane::{Lane, RTP_INFO_MAX};
use media::{Codec, CodecParams, Moment, Sync, Track, TrackId, Unit, WallTime, rescale};
use std::collections::VecDeque;
use std::time::Duration;

/// How long the other tracks wait for one whose parameters have not come, where nobody can be asked for a key frame:
/// 10 s, the longest time between key frames that cameras are sold with.
const TRACKS_WAIT: Duration = Duration::from_secs(10);
/// Receiver reports go out so often: 5 s, the interval of RFC 3550 §6.2.
const REPORT_EVERY: Duration = Duration::from_secs(5);
/// A sender whose clock is further from ours than this has a wrong one: 10 s. Then units are dated by their arrival.
const CLOCK_OFF_MAX_MICROS: i64 = 10_000_000;
/// A track that moves on the common line by more than this starts anew there: 100 ms. Less is the sender's clock
/// at work.
const STEP_SEEN_MICROS: i64 = 100_000;
/// The name of all our receivers.
const CNAME: &str = "aqueduct";

/// The section of a track that WebRTC negotiated and no description of RTSP's told of: one payload type, and the clock rate
/// (in hertz) and channels of its codec.
pub(crate) fn negotiated(
    id: TrackId,
    codec: Codec,
    clock_rate: u32,
    channels: u8,
    payload_type: u8,
) -> MediaSection {
    let track = if codec.is_video() {
        Track::video(id, codec, CodecParams::None)
    } else {
        Track::audio(id, codec, clock_rate, channels, CodecParams::None)
    };
    MediaSection {
        control: None,
        payload_type,
        rtp_clock_rate: track.clock_rate,
        depacketizer: DepacketizerOptions::for_track(&track),
        direction: Direction::SendOnly,
        port: 0,
        bandwidth_kbps: None,
        frames_per_second: None,
        alternatives: Vec::new(),
        track,
    }
}

/// What came of the packets.
#[derive(Debug)]
pub enum Ingested {
    /// The tracks that units follow of, or a change of them. `Unit::track` is an index into the newest list.
    Tracks(Vec<Track>),
    /// One frame.
    Unit(Unit),
}

/// All tracks of one sender.
pub struct Ingest {
    lanes: Vec<Lane>,
    sync: Sync,
    ready: VecDeque<Ingested>,
    tracks_wait: Duration,
    /// When the first packet came.
    since: Option<Moment>,
    /// Who has not sent by now is not waited for.
    waited: bool,
    /// Tracks may never come, whatever was agreed on: those that nothing is heard of are not announced.
    heard_only: bool,
    /// The tracks that were announced, by the lanes' indices.
    announced: Option<Vec<usize>>,
    /// Parameters changed since.
    stale: bool,
    /// Our wall clock, less the monotonic one, in microseconds.
    wall_offset: i64,
    reported_at: Option<Moment>,
    lost_reported: u64,
    ssrc: u32,
    /// SSRCs of our reports that were agreed on, by tracks.
    ssrcs: Vec<u32>,
    report_every: Duration,
}

impl Ingest {
    /// For these sections; track numbers are their indices. `in_order`: the transport keeps the order (TCP).
    pub fn new(sections: &[MediaSection], in_order: bool) -> Result<Self, SetupError> {
        let lanes = sections.iter().map(|section| Lane::new(section, in_order)).collect::<Result<_, _>>()?;
        Ok(Self {
            lanes,
            sync: Sync::new(sections.len()),
            ready: VecDeque::new(),
            tracks_wait: TRACKS_WAIT,
            since: None,
            waited: false,
            heard_only: false,
            announced: None,
            stale: false,
            wall_offset: 0,
            reported_at: None,
            lost_reported: 0,
            ssrc: rand::random(),
            ssrcs: Vec::new(),
            report_every: REPORT_EVERY,
        })
    }

    /// How long the other tracks wait for one whose parameters have not come.
    pub fn set_tracks_wait(&mut self, wait: Duration) {
        self.tracks_wait = wait;
    }

    /// Whether only tracks are announced that something has come of: the sender may have agreed on more than it sends. The others are waited
    /// for as long as for parameters.
    pub fn set_heard_only(&mut self, heard_only: bool) {
        self.heard_only = heard_only;
    }

    /// The SSRCs of our reports, by tracks, and how often they go out, where that was agreed on with the sender.
    pub fn set_reporting(&mut self, ssrcs: &[u32], every: Duration) {
        self.ssrcs = ssrcs.to_vec();
        self.report_every = every;
    }

    /// Says what our wall clock shows; call now and then, since it may be set.
    pub fn set_wall_clock(&mut self, now: Moment, wall: WallTime) {
        self.wall_offset = wall.as_micros() - micros(now);
    }

    /// This track will not come: it was not set up.
    pub fn leave_out(&mut self, track: TrackId) {
        if let Some(lane) = self.lanes.get_mut(usize::from(track)) {
            lane.left_out = true;
        }
    }

    /// Where each track's clock stands at one common moment, as `RTP-Info` says.
    pub fn set_starts(&mut self, starts: impl IntoIterator<Item = (TrackId, u32)>) {
        for (track, rtp_time) in starts {
            if let Some(lane) = self.lanes.get_mut(usize::from(track)) {
                lane.start = Some(rtp_time);
            }
        }
    }

    /// Takes an RTP packet of a track.
    pub fn handle_rtp(&mut self, track: TrackId, data: Bytes, now: Moment) {
        if rtcp::is_rtcp(&data) {
            // Some cameras number their channels otherwise than they say.
            return self.handle_rtcp(track, &data, now);
        }
        match Packet::parse(data) {
            Ok(packet) => self.handle_packet(track, packet, now),
            Err(error) => tracing::debug!(%error, track, "no RTP"),
        }
    }

    /// The same for a packet that was parsed already.
    pub fn handle_packet(&mut self, track: TrackId, packet: Packet, now: Moment) {
        let index = usize::from(track);
        let Some(lane) = self.lanes.get_mut(index) else { return };
        if !lane.takes(&packet.header) {
            return;
        }
        lane.stats.handle_packet(&packet.header, now);
        self.since.get_or_insert(now);
        match &mut lane.reorder {
            None => self.depacketize(index, &packet, now),
            Some(reorder) => {
                reorder.handle(packet, now);
                self.release(index, now);
            }
        }
        self.wait_for_tracks(now);
    }

    /// Takes an RTCP compound of a track.
    pub fn handle_rtcp(&mut self, track: TrackId, data: &[u8], now: Moment) {
        let messages = match rtcp::parse(data) {
            Ok(messages) => messages,
            Err(error) => {
                tracing::debug!(%error, track, "no RTCP");
                return;
            }
        };
        for message in messages {
            match message {
                Message::SenderReport(report) => {
                    let Some(lane) = self.lanes.get_mut(usize::from(track)) else { return };
                    lane.stats.handle_sender_report(&report, now);
                    // No clock at all, as some cameras have it.
                    if report.ntp != 0 {
                        self.handle_clock(track, report.rtp_time, WallTime::from_ntp(report.ntp));
                    }
                }
                Message::ReceiverReport { .. }
                | Message::SourceDescription { .. }
                | Message::Bye { .. }
                | Message::PictureLoss { .. }
                | Message::FullIntraRequest { .. }
                | Message::Nack { .. }
                | Message::TransportFeedback(_)
                | Message::MaximumBitrate(_)
                | Message::ReferenceTime { .. }
                | Message::SinceReference { .. }
                | Message::Other { .. } => {}
            }
        }
    }

    /// The sender's wall clock shows `wall` where the track's shows `rtp_time`, as a sender report says.
    pub fn handle_clock(&mut self, track: TrackId, rtp_time: u32, wall: WallTime) {
        let index = usize::from(track);
        if index < self.lanes.len() {
            self.tie(index, rtp_time, wall.as_micros());
            self.lanes[index].note_wall(rtp_time, wall.as_micros());
        }
    }

    /// All video tracks shall send a key frame.
    pub fn want_keyframes(&mut self) {
        for lane in self.lanes.iter_mut().filter(|lane| lane.track.codec.is_video()) {
            lane.wants_keyframe = true;
        }
    }

    /// Whether a track cannot go on, or begin, without a key frame.
    pub fn wants_keyframe(&self, track: TrackId) -> bool {
        self.lanes.get(usize::from(track)).is_some_and(|lane| lane.wants_keyframe)
    }

    /// Lets time pass: packets and tracks that nobody waits for any more.
    pub fn handle_timeout(&mut self, now: Moment) {
        for index in 0..self.lanes.len() {
            self.release(index, now);
        }
        self.wait_for_tracks(now);
    }

    /// When time alone brings something.
    pub fn next_deadline(&self) -> Moment {
        let reorder = self.lanes.iter().filter_map(Lane::next_deadline);
        let tracks = self.since.filter(|_| !self.waited).map(|since| since + self.tracks_wait);
        reorder.chain(tracks).min().unwrap_or(Moment::FAR_FUTURE)
    }

    /// The next unit, or the tracks before it.
    pub fn poll(&mut self) -> Option<Ingested> {
        self.ready.pop_front()
    }

    /// Packets lost since the last call.
    pub fn take_lost(&mut self) -> u64 {
        let lost: u64 = self.lanes.iter().map(|lane| lane.depacketizer.stats().packets_lost).sum();
        lost - std::mem::replace(&mut self.lost_reported, lost)
    }

    /// Receiver reports, each an RTCP compound for its track, when they are due.
    pub fn reports(&mut self, now: Moment) -> Vec<(TrackId, Vec<u8>)> {
        if self.since.is_none() || self.reported_at.is_some_and(|at| now.since(at) < self.report_every) {
            return Vec::new();
        }
        self.reported_at = Some(now);
        let mut reports = Vec::new();
        for (index, lane) in self.lanes.iter_mut().enumerate() {
            if let Some(block) = lane.stats.report_block(now) {
                let mut bytes = Vec::with_capacity(64);
                let ssrc = self.ssrcs.get(index).copied().unwrap_or(self.ssrc);
                write_receiver_report(ssrc, &[block], CNAME, &mut bytes);
                reports.push((index as TrackId, bytes));
            }
        }
        reports
    }

    fn release(&mut self, index: usize, now: Moment) {
        while let Some(packet) = self.lanes[index].reorder.as_mut().and_then(|reorder| reorder.pop(now)) {
            self.depacketize(index, &packet, now);
        }
    }

    fn depacketize(&mut self, index: usize, packet: &Packet, now: Moment) {
        let depacketizer = &mut self.lanes[index].depacketizer;
        if let Err(error) = depacketizer.push(packet) {
            tracing::debug!(%error, track = index, "a payload that makes no sense");
            self.lanes[index].miss();
        }
        while let Some(frame) = self.lanes[index].depacketizer.pop() {
            let lane = &mut self.lanes[index];
            self.stale |= lane.learn(&frame);
            if !lane.wants(&frame) {
                continue;
            }
            self.announce_if_due(index);
            let announced = self.announced.iter().flatten().position(|at| *at == index);
            if let Some(number) = announced {
                self.place(index, number as TrackId, frame, now);
            }
        }
    }

    /// Puts a frame on the common line.
    fn place(&mut self, index: usize, number: TrackId, frame: formats::rtp::Frame, now: Moment) {
        let lane = &mut self.lanes[index];
        lane.started = true;
        let rtp_rate = lane.rtp_rate;
        let fresh = lane.timeline.peek(0).is_none();
        let first = self.sync.first_ticks(now, rtp_rate);
        let mapped = lane.timeline.map(u64::from(frame.rtp_time), now, first);
        if fresh {
            self.tie_first(index, mapped.ticks);
        }
        let lane = &mut self.lanes[index];
        if mapped.discontinuity {
            lane.forget_line();
        }
        let line = self.sync.place(index as TrackId, mapped.ticks);
        let pts = rescale(line, rtp_rate, lane.track.clock_rate);
        let (pts, dts) = lane.times(pts);
        let arrived = micros(now) + self.wall_offset;
        let wall = lane.wall_of(mapped.ticks).filter(|wall| (wall - arrived).abs() < CLOCK_OFF_MAX_MICROS);
        self.ready.push_back(Ingested::Unit(Unit {
            track: number,
            pts,
            dts,
            arrival: now,
            wall: WallTime::from_micros(wall.unwrap_or(arrived)),
            keyframe: frame.keyframe,
            discontinuity: std::mem::take(&mut lane.discontinuity)
                || mapped.discontinuity
                || frame.after_loss,
            data: frame.data,
        }));
    }

    /// The sender's clock shows `sender_micros` where the track's shows `rtp_time`.
    fn tie(&mut self, index: usize, rtp_time: u32, sender_micros: i64) {
        let lane = &mut self.lanes[index];
        let Some(ticks) = lane.timeline.peek(u64::from(rtp_time)) else {
            lane.early_report = Some((rtp_time, sender_micros));
            return;
        };
        let moved = self.sync.report(index as TrackId, ticks, lane.rtp_rate, sender_micros);
        if rescale(moved, lane.rtp_rate, 1_000_000).abs() > STEP_SEEN_MICROS {
            lane.forget_order();
            lane.discontinuity = true;
        }
    }

    /// The track's first frame lies at `first`: takes what `RTP-Info` said, if it can be true (cameras write zeros),
    /// else a sender report that came before the frame.
    fn tie_first(&mut self, index: usize, first: i64) {
        let lane = &mut self.lanes[index];
        let early = lane.early_report.take();
        if let Some((rtp_time, wall)) = early {
            lane.note_wall(rtp_time, wall);
        }
        let start = lane.start.filter(|start| {
            let ticks = lane.timeline.peek(u64::from(*start)).unwrap_or(i64::MAX);
            let away = rescale(ticks.saturating_sub(first), lane.rtp_rate, 1_000_000);
            away.unsigned_abs() <= RTP_INFO_MAX.as_micros() as u64
        });
        match (start, early) {
            (Some(start), _) => self.tie(index, start, 0),
            (None, Some((rtp_time, wall))) => self.tie(index, rtp_time, wall),
            (None, None) => {}
        }
    }

    fn wait_for_tracks(&mut self, now: Moment) {
        if !self.waited && self.since.is_some_and(|since| now.since(since) >= self.tracks_wait) {
            self.waited = true;
            if self.announced.is_none() {
                self.announce();
            }
        }
    }

    /// Announces when all is known, and again when something changed or one comes late.
    fn announce_if_due(&mut self, index: usize) {
        let due = match &self.announced {
            None => self.waited || self.lanes.iter().all(|lane| self.is_ready(lane)),
            Some(announced) => self.stale || !announced.contains(&index),
        };
        if due {
            self.announce();
        }
    }

    /// Whether nothing more is waited for of a track.
    fn is_ready(&self, lane: &Lane) -> bool {
        lane.is_known() && (lane.heard || lane.left_out || !self.heard_only)
    }

    /// Says which tracks there are: those whose parameters are known, and that have sent or surely will.
    fn announce(&mut self) {
        let everybody = self.lanes.iter().all(|lane| self.is_ready(lane));
        let known = |lane: &Lane| !lane.left_out && lane.is_known() && (everybody || lane.heard);
        let chosen: Vec<usize> = (0..self.lanes.len()).filter(|index| known(&self.lanes[*index])).collect();
        if chosen.is_empty() {
            return;
        }
        let numbered = chosen.iter().enumerate();
        let tracks = numbered
            .map(|(number, index)| Track { id: number as TrackId, ..self.lanes[*index].track.clone() });
        self.ready.push_back(Ingested::Tracks(tracks.collect()));
        self.announced = Some(chosen);
        self.stale = false;
    }
}

fn micros(moment: Moment) -> i64 {
    (moment.as_nanos() / 1000) as i64
}
