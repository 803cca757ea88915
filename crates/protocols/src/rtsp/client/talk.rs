//! The back channel: sound from us to the camera. Source: ONVIF Streaming Specification §5.3, RFC 3550, RFC 3551.
//!
//! Cameras differ as follows, and each of it is a test: they know nothing of `Require` and show the channel anyway, or
//! refuse it with 551 and others, or hang up on it; they offer several codecs, of which each packet names one by its payload
//! type; they take one talker only.
use super::request::Pending;
use super::{BackChannel, Client, Event, Output, SESSION_TIMEOUT_DEFAULT, State};
use crate::rtsp::BACK_CHANNEL_FEATURE;
use crate::rtsp::message::{Method, Request};
use crate::rtsp::transport::Lower;
use bytes::Bytes;
use formats::rtp::rtcp::{SenderStats, write_bye, write_sender_report};
use formats::rtp::{PacketBatch, Packetizer, PacketizerOptions, SetupError};
use formats::sdp::Payload;
use media::{Moment, TrackId, Unit, WallTime};
use std::time::Duration;

/// Longest packet: 1,200 bytes, so that none is fragmented. 20 ms of G.711 are 172.
const PACKET_BYTES_MAX: usize = 1_200;

/// Between two sender reports: 5 s. Source: RFC 3550 §6.2.
const REPORT_INTERVAL: Duration = Duration::from_secs(5);

/// How far behind the clock sound may be before its times jump: 100 ms. Less is the jitter of whoever brings it.
const LATE_MAX: Duration = Duration::from_millis(100);

/// `Offered` → `Speaking` with the first sound, each time with what was chosen.
pub(super) struct Talk {
    track: TrackId,
    offers: Vec<Payload>,
    chosen: usize,
    voice: Option<Voice>,
}

/// What it says, as packets.
struct Voice {
    packetizer: Packetizer,
    batch: PacketBatch,
    ssrc: u32,
    stats: SenderStats,
    rate: u32,
    began: Moment,
    /// Ticks of the track's clock said so far, silence included.
    ticks: i64,
    report_at: Moment,
}

impl std::fmt::Debug for Talk {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { track, offers, chosen, voice } = self;
        let speaks = voice.is_some();
        f.debug_struct("Talk")
            .field("track", track)
            .field("offers", &offers.len())
            .field("chosen", chosen)
            .field("speaks", &speaks)
            .finish()
    }
}

impl Voice {
    fn new(payload: &Payload, now: Moment) -> Result<Self, SetupError> {
        let mut random = [0u8; 10];
        // Without random numbers the sound still plays; RFC 3550 wants them against guessing.
        let _ = aws_lc_rs::rand::fill(&mut random);
        let [s0, s1, s2, s3, t0, t1, t2, t3, n0, n1] = random;
        let options = PacketizerOptions {
            payload_type: payload.payload_type,
            ssrc: u32::from_be_bytes([s0, s1, s2, s3]),
            first_sequence: u16::from_be_bytes([n0, n1]),
            timestamp_offset: u32::from_be_bytes([t0, t1, t2, t3]),
            packet_bytes_max: PACKET_BYTES_MAX,
            interleaved_channel: None,
            rtp_clock_rate: payload.depacketizer.rtp_clock_rate,
        };
        Ok(Self {
            packetizer: Packetizer::new(&payload.track, options)?,
            batch: PacketBatch::new(),
            ssrc: options.ssrc,
            stats: SenderStats::new(),
            rate: payload.track.clock_rate,
            began: now,
            ticks: 0,
            report_at: now,
        })
    }

    /// The time of sound that begins now: behind what was said, or later after a silence.
    fn begin(&mut self, now: Moment) -> i64 {
        let clock = ticks(now.since(self.began), self.rate);
        if clock > self.ticks + ticks(LATE_MAX, self.rate) {
            self.ticks = clock;
        }
        self.ticks
    }

    /// A sender report, if it is time for one: `wall` is the time of the ticks `at`.
    fn report(&mut self, at: i64, now: Moment, wall: WallTime) -> Option<Vec<u8>> {
        if now < self.report_at {
            return None;
        }
        self.report_at = now + REPORT_INTERVAL;
        let rtp_time = self.packetizer.rtp_time(at);
        let mut report = Vec::new();
        write_sender_report(&self.stats.report(self.ssrc, wall, rtp_time), "aqueduct", &mut report);
        Some(report)
    }
}

fn ticks(duration: Duration, rate: u32) -> i64 {
    (duration.as_nanos() * u128::from(rate) / 1_000_000_000) as i64
}

impl Client {
    /// The request asks for the back channel as ONVIF has it.
    pub(super) fn requires_talk(&self) -> bool {
        self.config.back_channel != BackChannel::No && !self.plain_talk
    }

    /// It is played from now on, and not from the beginning.
    pub(super) fn talks_now(&self) -> bool {
        self.config.back_channel != BackChannel::No && !self.knows_no_now
    }

    pub(super) fn for_talk(&self, request: Request) -> Request {
        if self.requires_talk() { request.with("Require", BACK_CHANNEL_FEATURE) } else { request }
    }

    /// The camera refused to be asked so: it is asked once more as others ask it. 551 is what the standard has.
    pub(super) fn gives_up_requiring(&mut self, status: u16) -> bool {
        let gives_up = self.requires_talk() && matches!(status, 400 | 500 | 501 | 551);
        self.plain_talk |= gives_up;
        gives_up
    }

    /// Somebody else talks: 453 is what Profile T has for it.
    pub(super) fn is_talk_refusal(&self, pending: &Pending, status: u16) -> bool {
        let about = match &pending.method {
            Method::Setup | Method::Play => true,
            Method::Options
            | Method::Describe
            | Method::Announce
            | Method::Pause
            | Method::Record
            | Method::Teardown
            | Method::GetParameter
            | Method::SetParameter
            | Method::Redirect
            | Method::Other(_) => false,
        };
        about && self.config.back_channel != BackChannel::No && matches!(status, 453 | 503)
    }

    pub(super) fn tell_back_channel(&mut self, index: usize) {
        let Some(track) = self.tracks.get(index).filter(|track| track.back) else { return };
        let section = &track.section;
        let first = Payload {
            payload_type: section.payload_type,
            track: section.track.clone(),
            depacketizer: section.depacketizer,
        };
        let offers: Vec<Payload> =
            std::iter::once(first).chain(section.alternatives.iter().cloned()).collect();
        let track = index as TrackId;
        self.talk = Some(Talk { track, offers: offers.clone(), chosen: 0, voice: None });
        self.event(Event::BackChannel { track, offers });
    }

    /// Says what the sound is from now on: one of the offers, by its place. Without it, the first. False when there is
    /// no such offer.
    pub fn choose(&mut self, offer: usize) -> bool {
        match &mut self.talk {
            Some(talk) if offer < talk.offers.len() => {
                if talk.chosen != offer {
                    (talk.chosen, talk.voice) = (offer, None);
                }
                true
            }
            Some(_) | None => false,
        }
    }

    /// Sends sound: one unit of the chosen offer's track (for AAC and Opus one frame, else any number of samples), that
    /// lasts so long. False when it was not sent: before [`Event::Playing`], behind the end, or since the offer cannot
    /// be packed.
    pub fn handle_audio(&mut self, sound: &[u8], duration: Duration, now: Moment, wall: WallTime) -> bool {
        if self.state != State::Playing {
            return false;
        }
        let Some(mut talk) = self.talk.take() else { return false };
        let sent = self.speak(&mut talk, sound, duration, now, wall);
        self.talk = Some(talk);
        sent
    }

    fn speak(
        &mut self,
        talk: &mut Talk,
        sound: &[u8],
        duration: Duration,
        now: Moment,
        wall: WallTime,
    ) -> bool {
        let Some(payload) = talk.offers.get(talk.chosen) else { return false };
        if talk.voice.is_none() {
            talk.voice = Voice::new(payload, now).ok();
        }
        let Some(voice) = &mut talk.voice else { return false };
        let at = voice.begin(now);
        let unit = Unit {
            track: talk.track,
            pts: at,
            dts: at,
            arrival: now,
            wall,
            keyframe: true,
            discontinuity: false,
            data: Bytes::copy_from_slice(sound),
        };
        voice.ticks += ticks(duration, voice.rate);
        if voice.packetizer.push(&unit, &mut voice.batch).is_err() {
            return false;
        }
        let packets = voice.batch.freeze();
        voice.stats.handle_sent(packets.len(), packets.payload_bytes());
        let report = voice.report(at, now, wall);
        for packet in packets.iter_bytes() {
            self.send_talk(talk.track, false, packet);
        }
        if let Some(report) = report {
            self.send_talk(talk.track, true, report.into());
        }
        true
    }

    /// Says that nothing more will be said. For the end of the session.
    pub(super) fn say_goodbye(&mut self) {
        let Some(talk) = self.talk.take() else { return };
        if let Some(voice) = talk.voice {
            let mut bye = Vec::new();
            write_bye(voice.ssrc, &mut bye);
            self.send_talk(talk.track, true, bye.into());
        }
    }

    fn send_talk(&mut self, track: TrackId, is_rtcp: bool, data: Bytes) {
        match self.lower {
            Lower::Udp => self.outputs.push_back(Output::Datagram { track, is_rtcp, data }),
            Lower::Tcp => {
                let channels = self.tracks.get(usize::from(track)).and_then(|track| track.channels);
                if let Some((rtp, rtcp)) = channels {
                    self.transmit_framed(if is_rtcp { rtcp } else { rtp }, &data);
                }
            }
        }
    }

    /// Whether the server is to send media.
    pub(super) fn expects_media(&self) -> bool {
        self.tracks.iter().any(|track| track.ready && !track.back)
    }

    /// When silence becomes too long. Who only listens to us says something in each session timeout at least: the reply
    /// to a keep-alive.
    pub(super) fn silent_at(&self) -> Moment {
        if self.expects_media() {
            return self.media_at + self.config.timeouts.media;
        }
        let timeout = self.session_timeout.min(SESSION_TIMEOUT_DEFAULT);
        self.input_at + timeout + self.config.timeouts.reply
    }
}
